/* Lowers products of the family dot by tiles: two steps of a digit, a chunk, are decoded to a tile
 * of 16 quads and 16 rows, and multiplied with tiles of 64 columns of up to 16 activation vectors.
 * The sums go through scratch to the outputs, a column at a time. */
#include "gen/lower.h"

#include <stdlib.h>

/* Tile 7 holds weights, 5 and 6 activations, those below sums (gen/prologue.c configures them). */
enum { SUM_TILES = 5, FIRST_ACTIVATIONS = 5, ACTIVATION_TILES = 2, WEIGHTS = 7 };
enum { TILE_COLUMNS = 16, MAX_DIGITS = 4 };

static size_t column_tiles(const struct tile *t)
{
    return (t->s->spec.batch + TILE_COLUMNS - 1) / TILE_COLUMNS;
}

static int sum_tile(const struct tile *t, size_t block, size_t sum, size_t columns)
{
    return (int)((block * t->s->digit_count + sum) * column_tiles(t) + columns);
}

/* Where the weights of a chunk lie in scratch, in one half or the other, and behind them the sums.
 */
static struct lw_address weights_at(const struct tile *t, size_t chunk, size_t block, size_t sum)
{
    size_t half = chunk % 2 * t->s->blocks_a_tile;
    return (struct lw_address){.buffer = LW_BUFFER_SCRATCH,
                               .offset = ((half + block) * t->s->digit_count + sum) * LW_TILE};
}

static struct lw_address sums_at(const struct tile *t, size_t block, size_t sum, size_t columns)
{
    size_t weights = 2 * t->s->blocks_a_tile * t->s->digit_count;
    return (struct lw_address){.buffer = LW_BUFFER_SCRATCH,
                               .offset =
                                   (weights + (size_t)sum_tile(t, block, sum, columns)) * LW_TILE};
}

static void emit_tile_op(struct tile *t, enum lw_op op, int tiles, size_t stride,
                         struct lw_address address)
{
    lw_emit_store(t->p, op, -1, tiles | (int)stride << 12, address);
}

/* The key vectors of a digit in one step. */
static struct digit_keys keys_at(struct tile *t, size_t block, size_t step, size_t d, int loop)
{
    const struct lw_schedule *s = t->s;
    size_t step_bytes = s->spec.bits * s->key_bytes;
    struct lw_address at = lw_lower_block_address(t, LW_BUFFER_KEYS, block, s->steps * step_bytes);
    at.offset += step * step_bytes + s->digits[d].first * s->key_bytes;
    return lw_lower_keys(&s->digits[d], lw_address_add(at, loop, 4 * step_bytes));
}

/* Decodes a chunk, of two steps or the last one alone, of one row block to rows of 64 bytes in
 * scratch. Behind a last one rows are cleared, whose activations are zeros. */
static void emit_decode(struct tile *t, size_t chunk, size_t block, int loop)
{
    const struct lw_schedule *s = t->s;
    struct digit_keys keys[MAX_DIGITS];
    size_t class;
    int zero = -1;
    for (size_t quad = 0; quad < 2 * LW_QUADS; quad++) {
        size_t step = 2 * chunk + quad / LW_QUADS;
        bool there = loop >= 0 || step < s->steps;
        if (!there && zero < 0)
            zero = lw_emit(t->p, LW_OP_ZERO_B, "zero", -1, -1, -1);
        for (size_t d = 0; d < s->digit_count; d++) {
            struct lw_address to = weights_at(t, chunk, block, d);
            to.offset += 64 * quad;
            if (quad % LW_QUADS == 0)
                keys[d] = keys_at(t, block, step, d, loop);
            int u = there ? lw_lower_digit(t, &keys[d], quad % LW_QUADS, 1, &class) : zero;
            lw_emit_store(t->p, LW_OP_STORE_KEYS, u, 0, to);
        }
    }
}

static void load_activations(struct tile *t, size_t chunk, size_t columns, int loop)
{
    size_t stride = lw_schedule_table_bytes(t->s);
    struct lw_address x = {.buffer = LW_BUFFER_TABLES,
                           .offset = columns * TILE_COLUMNS * stride + chunk * 64};
    emit_tile_op(t, LW_OP_TILE_LOAD, FIRST_ACTIVATIONS + (int)(columns % ACTIVATION_TILES), stride,
                 lw_address_add(x, loop, 128));
}

/* Multiplies a decoded chunk of one row block. */
static void emit_dots(struct tile *t, size_t chunk, size_t block, int loop)
{
    size_t tiles = column_tiles(t);
    for (size_t i = 0; i < t->s->digit_count; i++) {
        emit_tile_op(t, LW_OP_TILE_LOAD, WEIGHTS, 64, weights_at(t, chunk, block, i));
        for (size_t c = 0; c < tiles; c++) {
            if (tiles > 1)
                load_activations(t, chunk, c, loop);
            int x = FIRST_ACTIVATIONS + (int)(c % ACTIVATION_TILES);
            emit_tile_op(t, LW_OP_TILE_DOT, sum_tile(t, block, i, c) | x << 4 | WEIGHTS << 8, 0,
                         (struct lw_address){0});
        }
    }
}

/* Multiplies a chunk while the next one, where there is one, is decoded: tiles are loaded long
 * after their rows were stored, for stores are not forwarded to them. */
static void emit_chunk(struct tile *t, size_t chunk, int loop, bool decodes_next)
{
    if (column_tiles(t) == 1)
        load_activations(t, chunk, 0, loop);
    for (size_t block = 0; block < t->blocks; block++) {
        if (decodes_next)
            emit_decode(t, chunk + 1, block, loop);
        emit_dots(t, chunk, block, loop);
    }
}

static void emit_sums(struct tile *t)
{
    const struct lw_schedule *s = t->s;
    size_t chunks = (s->steps + 1) / 2, pairs = chunks < 2 ? 0 : (chunks - 2) / 2;
    for (size_t i = 0; i < t->blocks * s->digit_count * column_tiles(t); i++)
        emit_tile_op(t, LW_OP_TILE_ZERO, (int)i, 0, (struct lw_address){0});
    for (size_t block = 0; block < t->blocks; block++)
        emit_decode(t, 0, block, -1);
    if (pairs) {
        int loop = lw_emit_loop(t->p, "s", pairs);
        emit_chunk(t, 0, loop, true);
        emit_chunk(t, 1, loop, true);
        lw_emit_end(t->p);
    }
    for (size_t chunk = 2 * pairs; chunk < chunks; chunk++)
        emit_chunk(t, chunk, -1, chunk + 1 < chunks);
    for (size_t block = 0; block < t->blocks; block++)
        for (size_t i = 0; i < s->digit_count; i++)
            for (size_t c = 0; c < column_tiles(t); c++)
                emit_tile_op(t, LW_OP_TILE_STORE, sum_tile(t, block, i, c), 64,
                             sums_at(t, block, i, c));
}

/* The outputs of one column, or of each iteration of t->column_loop. */
static void emit_column(struct tile *t, size_t columns, int unit)
{
    const struct lw_schedule *s = t->s;
    size_t stride = lw_schedule_table_bytes(s);
    struct lw_address total = {.buffer = LW_BUFFER_TABLES,
                               .offset = t->first_column * stride + lw_schedule_quantised_bytes(s)};
    struct lw_address step = {.buffer = LW_BUFFER_STEP, .offset = 4 * t->first_column};
    int sum = lw_emit_load(t->p, LW_OP_BROADCAST_W, "total", -1,
                           lw_address_add(total, t->column_loop, stride));
    int scale =
        lw_emit_load(t->p, LW_OP_BROADCAST_F, "step", -1, lw_address_add(step, t->column_loop, 4));
    scale = lw_emit(t->p, LW_OP_MUL_F, "scale", scale, unit, -1);
    for (size_t block = 0; block < t->blocks; block++) {
        for (size_t d = 0; d < s->digit_count; d++) {
            struct lw_address at = sums_at(t, block, d, columns);
            int u =
                lw_emit_load(t->p, LW_OP_LOAD_W, "u", -1, lw_address_add(at, t->column_loop, 64));
            lw_lower_sums_of(t, block, d, 0, 0)->wide[0] = lw_lower_centred(t, u, sum);
        }
    }
    lw_lower_zero_totals(t);
    lw_lower_weigh(t);
    lw_lower_outputs(t, &scale);
}

static void emit_tile(struct tile *t, int unit)
{
    emit_sums(t);
    for (size_t c = 0; c < column_tiles(t); c++) {
        size_t left = t->s->spec.batch - c * TILE_COLUMNS;
        t->first_column = c * TILE_COLUMNS;
        t->column_loop = lw_emit_loop(t->p, "n", left < TILE_COLUMNS ? left : TILE_COLUMNS);
        emit_column(t, c, unit);
        lw_emit_end(t->p);
    }
    t->column_loop = -1;
}

void lw_lower_tiles(struct lw_program *p)
{
    const struct lw_schedule *s = &p->schedule;
    struct tile t = {.p = p,
                     .s = s,
                     .lanes = lw_isa_info(s->spec.isa)->lanes,
                     .loop = -1,
                     .plane_loop = -1,
                     .group_loop = -1,
                     .column_loop = -1,
                     .planes = s->planes,
                     .columns = 1};
    t.sums = calloc(s->blocks_a_tile * t.planes, sizeof *t.sums);
    t.totals = calloc(s->blocks_a_tile * s->row_block, sizeof *t.totals);
    if (!t.sums || !t.totals) {
        p->failed = true;
    } else {
        size_t rows = s->spec.batch < TILE_COLUMNS ? s->spec.batch : TILE_COLUMNS;
        size_t tiles = s->spec.rows / (s->row_block * s->blocks_a_tile);
        emit_tile_op(&t, LW_OP_TILES, 0, rows, (struct lw_address){0});
        int unit = lw_emit_load(p, LW_OP_BROADCAST_F, "unit", -1,
                                (struct lw_address){.buffer = LW_BUFFER_UNIT});
        if (tiles) {
            t.blocks = s->blocks_a_tile;
            t.loop = lw_emit_loop(p, "tile", tiles);
            emit_tile(&t, unit);
            lw_emit_end(p);
        }
        t.loop = -1;
        t.first_block = tiles * s->blocks_a_tile;
        t.blocks = s->row_blocks - t.first_block;
        if (t.blocks)
            emit_tile(&t, unit);
        emit_tile_op(&t, LW_OP_TILES_END, 0, 0, (struct lw_address){0});
    }
    free(t.sums);
    free(t.totals);
}
