/* Lowers products of the family dot by tiles: two steps of a digit are decoded to a tile of 16 quads
 * and 16 rows, and multiplied with tiles of 64 columns of up to 16 activation vectors. The sums go
 * through scratch to the outputs, a column at a time. */
#include "gen/lower.h"

#include <stdlib.h>

/* Tile 7 holds weights, 5 and 6 activations, those below sums (gen/prologue.c configures them). */
enum { SUM_TILES = 5, FIRST_ACTIVATIONS = 5, ACTIVATION_TILES = 2, WEIGHTS = 7, TILE_COLUMNS = 16 };

static size_t column_tiles(const struct tile *t)
{
    return (t->s->spec.batch + TILE_COLUMNS - 1) / TILE_COLUMNS;
}

static int sum_tile(const struct tile *t, size_t block, size_t digit, size_t columns)
{
    return (int)((block * t->s->digit_count + digit) * column_tiles(t) + columns);
}

/* Where a tile of weights, or behind all of these a tile of sums, lies in scratch. */
static struct lw_address weights_at(const struct tile *t, size_t block, size_t digit)
{
    return (struct lw_address){.buffer = LW_BUFFER_SCRATCH,
                               .offset = (block * t->s->digit_count + digit) * LW_TILE};
}

static struct lw_address sums_at(const struct tile *t, size_t block, size_t digit, size_t columns)
{
    size_t weights = t->s->blocks_a_tile * t->s->digit_count;
    size_t tile = (size_t)sum_tile(t, block, digit, columns);
    return (struct lw_address){.buffer = LW_BUFFER_SCRATCH,
                               .offset = (weights + tile) * LW_TILE};
}

static void emit_tile_op(struct tile *t, enum lw_op op, int tiles, size_t stride,
                         struct lw_address address)
{
    lw_emit_store(t->p, op, -1, tiles | (int)stride << 12, address);
}

/* Decodes `steps` steps, 1 or 2, of one digit to rows of 64 bytes in scratch. */
static void emit_decode(struct tile *t, size_t block, size_t d, int loop, size_t first_step,
                        size_t steps)
{
    const struct lw_schedule *s = t->s;
    const struct lw_digit *digit = &s->digits[d];
    size_t fields = 8 / digit->bits, step_bytes = s->spec.bits * s->key_bytes;
    struct lw_address to = weights_at(t, block, d);
    for (size_t v = 0; v < steps * digit->bits; v++) {
        struct lw_address at =
            lw_lower_block_address(t, LW_BUFFER_KEYS, block, s->steps * step_bytes);
        at.offset += (first_step + v / digit->bits) * step_bytes;
        at.offset += (digit->first + v % digit->bits) * s->key_bytes;
        at = lw_address_add(at, loop, 2 * step_bytes);
        int keys = lw_emit_load(t->p, LW_OP_LOAD_KEYS, "keys", -1, at);
        for (size_t f = 0; f < fields; f++, to.offset += 64) {
            int u = keys;
            if (f)
                u = lw_emit_immediate(t->p, LW_OP_SHIFT_KEYS, "shifted", keys, -1,
                                      (int)(f * digit->bits));
            u = lw_emit_immediate(t->p, LW_OP_MASK_KEYS, "digit", u, -1, (1 << digit->bits) - 1);
            lw_emit_store(t->p, LW_OP_STORE_KEYS, u, 0, to);
        }
    }
}

static void load_activations(struct tile *t, size_t columns, int loop, size_t first_step)
{
    size_t stride = lw_schedule_table_bytes(t->s);
    struct lw_address x = {.buffer = LW_BUFFER_TABLES,
                           .offset = columns * TILE_COLUMNS * stride + first_step * 4 * LW_QUADS};
    emit_tile_op(t, LW_OP_TILE_LOAD, FIRST_ACTIVATIONS + (int)(columns % ACTIVATION_TILES), stride,
                 lw_address_add(x, loop, 64));
}

/* Two steps, or the last one alone, of all row blocks and digits of the tile. */
static void emit_chunk(struct tile *t, int loop, size_t first_step, size_t steps)
{
    size_t tiles = column_tiles(t);
    if (tiles == 1)
        load_activations(t, 0, loop, first_step);
    for (size_t block = 0; block < t->blocks; block++)
        for (size_t d = 0; d < t->s->digit_count; d++) {
            emit_decode(t, block, d, loop, first_step, steps);
            emit_tile_op(t, LW_OP_TILE_LOAD, WEIGHTS, 64, weights_at(t, block, d));
            for (size_t c = 0; c < tiles; c++) {
                if (tiles > 1)
                    load_activations(t, c, loop, first_step);
                int x = FIRST_ACTIVATIONS + (int)(c % ACTIVATION_TILES);
                emit_tile_op(t, LW_OP_TILE_DOT, sum_tile(t, block, d, c) | x << 4 | WEIGHTS << 8, 0,
                             (struct lw_address){0});
            }
        }
}

/* Rows of the scratch that one step alone leaves as they are: its activations are zeros there. */
static void emit_clear_scratch(struct tile *t)
{
    int zero = lw_emit(t->p, LW_OP_ZERO_B, "zero", -1, -1, -1);
    for (size_t block = 0; block < t->blocks; block++)
        for (size_t d = 0; d < t->s->digit_count; d++)
            for (size_t quad = LW_QUADS; quad < 2 * LW_QUADS; quad++) {
                struct lw_address to = weights_at(t, block, d);
                to.offset += quad * 64;
                lw_emit_store(t->p, LW_OP_STORE_KEYS, zero, 0, to);
            }
}

static void emit_sums(struct tile *t)
{
    const struct lw_schedule *s = t->s;
    for (size_t block = 0; block < t->blocks; block++)
        for (size_t d = 0; d < s->digit_count; d++)
            for (size_t c = 0; c < column_tiles(t); c++)
                emit_tile_op(t, LW_OP_TILE_ZERO, sum_tile(t, block, d, c), 0,
                             (struct lw_address){0});
    if (s->steps / 2) {
        int loop = lw_emit_loop(t->p, "s", s->steps / 2);
        emit_chunk(t, loop, 0, 2);
        lw_emit_end(t->p);
    }
    if (s->steps % 2) {
        emit_clear_scratch(t);
        emit_chunk(t, -1, s->steps - 1, 1);
    }
    for (size_t block = 0; block < t->blocks; block++)
        for (size_t d = 0; d < s->digit_count; d++)
            for (size_t c = 0; c < column_tiles(t); c++)
                emit_tile_op(t, LW_OP_TILE_STORE, sum_tile(t, block, d, c), 64,
                             sums_at(t, block, d, c));
}

/* The outputs of one column, or of each iteration of t->column_loop. */
static void emit_column(struct tile *t, size_t columns, int unit)
{
    const struct lw_schedule *s = t->s;
    size_t stride = lw_schedule_table_bytes(s);
    struct lw_address total = {.buffer = LW_BUFFER_TABLES,
                               .offset =
                                   t->first_column * stride + lw_schedule_quantised_bytes(s)};
    struct lw_address step = {.buffer = LW_BUFFER_STEP, .offset = 4 * t->first_column};
    int sum = lw_emit_load(t->p, LW_OP_BROADCAST_W, "total", -1,
                           lw_address_add(total, t->column_loop, stride));
    int scale = lw_emit_load(t->p, LW_OP_BROADCAST_F, "step", -1,
                             lw_address_add(step, t->column_loop, 4));
    scale = lw_emit(t->p, LW_OP_MUL_F, "scale", scale, unit, -1);
    for (size_t block = 0; block < t->blocks; block++) {
        int sums[SUM_TILES];
        for (size_t d = 0; d < s->digit_count; d++)
            sums[d] = lw_emit_load(t->p, LW_OP_LOAD_W, "u", -1,
                                   lw_address_add(sums_at(t, block, d, columns), t->column_loop, 64));
        for (size_t plane = 0; plane < s->planes; plane++)
            lw_lower_sums_of(t, block, plane, 0, 0)->wide[0] =
                lw_lower_centred(t, plane, sums, sum);
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
