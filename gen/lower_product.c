/* Lowers the nodes from the lookups to the outputs: tiles of rows, steps over tables, planes,
 * columns. */
#include "gen/lower.h"

#include <stdlib.h>

struct sums *lw_lower_sums_of(struct tile *t, size_t block, size_t plane, size_t n, size_t part)
{
    return &t->sums[((block * t->planes + plane) * t->columns + n) * t->s->parts + part];
}

static size_t wide_count(const struct tile *t)
{
    return t->s->row_block / t->lanes.words;
}

struct lw_address lw_lower_block_address(const struct tile *t, enum lw_buffer buffer, size_t block,
                                         size_t stride)
{
    struct lw_address address = {.buffer = buffer, .offset = (t->first_block + block) * stride};
    return lw_address_add(address, t->loop, t->s->blocks_a_tile * stride);
}

static void emit_zero_sums(struct tile *t)
{
    size_t count = t->blocks * t->planes * t->columns * t->s->parts;
    for (size_t i = 0; i < count; i++)
        for (size_t w = 0; w < wide_count(t); w++)
            t->sums[i].wide[w] = t->s->halves && t->s->flush_steps == t->s->group_steps
                                     ? -1
                                     : lw_emit(t->p, LW_OP_ZERO_W, "p", -1, -1, -1);
}

static void emit_zero_halves(struct tile *t)
{
    if (!t->s->halves)
        return;
    bool pairs = t->s->unit == LW_UNIT_SHUFFLE16;
    size_t count = t->blocks * t->planes * t->columns * t->s->parts;
    for (size_t i = 0; i < count; i++) {
        t->sums[i].half[0] = lw_emit(t->p, LW_OP_ZERO_H, pairs ? "pairs" : "first", -1, -1, -1);
        t->sums[i].half[1] = lw_emit(t->p, LW_OP_ZERO_H, pairs ? "odd" : "last", -1, -1, -1);
    }
}

/* Looks one index vector up in one column's tables and adds the entries. */
static void emit_lookup(struct tile *t, struct sums *sums, int index, size_t part,
                        struct lw_address table)
{
    bool is_signed = part + 1 == t->s->parts;
    int entries;
    switch (t->s->unit) {
    case LW_UNIT_PERMUTE64:
        entries = lw_emit_load(t->p, LW_OP_LOOKUP64, "e", index, table);
        lw_emit_update(t->p, is_signed ? LW_OP_DOT4_S8 : LW_OP_DOT4_U8, sums->wide[0], entries, -1);
        break;
    case LW_UNIT_SHUFFLE16:
        entries = lw_emit_load(t->p, LW_OP_LOOKUP16, "e", index, table);
        lw_emit_update(t->p, LW_OP_ADD_PAIRS, sums->half[0], entries, -1);
        lw_emit_update(t->p, LW_OP_ADD_ODD, sums->half[1], entries, -1);
        break;
    case LW_UNIT_TABLE16:
        entries = lw_emit_load(t->p, LW_OP_LOOKUP16, "e", index, table);
        lw_emit_update(t->p, is_signed ? LW_OP_ADD_LOW_S : LW_OP_ADD_LOW_U, sums->half[0], entries,
                       -1);
        lw_emit_update(t->p, is_signed ? LW_OP_ADD_HIGH_S : LW_OP_ADD_HIGH_U, sums->half[1],
                       entries, -1);
        break;
    default: /* LW_UNIT_LOAD; lw_lower_dot_sums has the others */
        entries =
            lw_emit_load(t->p, is_signed ? LW_OP_LOOKUP_S8 : LW_OP_LOOKUP_U8, "e", index, table);
        lw_emit_update(t->p, LW_OP_ADD_W, sums->wide[0], entries, -1);
        break;
    }
}

int lw_lower_load_keys(struct tile *t, enum lw_op load, struct lw_address address)
{
    int keys = lw_emit_load(t->p, load, "keys", -1, address);
    address.offset += t->s->prefetch_bytes;
    if (t->s->prefetch_bytes)
        lw_emit_store(t->p, LW_OP_PREFETCH, -1, 0, address);
    return keys;
}

/* One key vector against all columns. `chunk` and `first_step` place the step loop. */
static void emit_step(struct tile *t, size_t block, size_t plane, int step_loop, int chunk_loop,
                      size_t first_step)
{
    const struct lw_schedule *s = t->s;
    size_t plane_bytes = s->steps * s->key_bytes;
    struct lw_address keys =
        lw_lower_block_address(t, LW_BUFFER_KEYS, block, s->spec.bits * plane_bytes);
    first_step += t->first_group * s->group_steps;
    keys.offset += plane * plane_bytes + first_step * s->key_bytes;
    keys = lw_address_add(keys, t->group_loop, s->group_steps * s->key_bytes);
    keys = lw_address_add(keys, t->plane_loop, plane_bytes);
    keys = lw_address_add(keys, chunk_loop, s->flush_steps * s->key_bytes);
    keys = lw_address_add(keys, step_loop, s->key_bytes);
    int key = lw_lower_load_keys(t, LW_OP_LOAD_KEYS, keys);
    bool permute = s->unit == LW_UNIT_PERMUTE64;
    for (size_t half = 0; half < 2; half++) {
        enum lw_op op = half == 0 ? (permute ? LW_OP_INDEX_LOW : LW_OP_KEY_LOW)
                                  : (permute ? LW_OP_INDEX_HIGH : LW_OP_KEY_HIGH);
        int index = lw_emit(t->p, op, half ? "high" : "low", key, -1, -1);
        for (size_t n = 0; n < t->columns; n++)
            for (size_t part = 0; part < s->parts; part++) {
                size_t table = first_step * s->step_tables + half * s->step_tables / 2;
                struct lw_address tables = {.buffer = LW_BUFFER_TABLES,
                                            .offset = n * lw_schedule_table_bytes(s) +
                                                      (part * s->padded_tables + table) * 16};
                tables =
                    lw_address_add(tables, t->group_loop, s->group_steps * s->step_tables * 16);
                tables = lw_address_add(tables, chunk_loop, s->flush_steps * s->step_tables * 16);
                tables = lw_address_add(tables, step_loop, s->step_tables * 16);
                emit_lookup(t, lw_lower_sums_of(t, block, plane, n, part), index, part, tables);
            }
    }
}

/* Widens the 16-bit sums of `steps` steps into the 32-bit ones and takes the bias of the signed
 * bytes out. */
static void emit_flush(struct tile *t, size_t steps)
{
    const struct lw_schedule *s = t->s;
    if (!s->halves)
        return;
    int bias = (int)(128 * steps * s->step_tables);
    size_t count = t->blocks * t->planes * t->columns * s->parts;
    for (size_t i = 0; i < count; i++) {
        struct sums *sums = &t->sums[i];
        bool is_signed = i % s->parts + 1 == s->parts;
        int first = sums->half[0];
        if (s->unit == LW_UNIT_SHUFFLE16)
            first = lw_emit(t->p, LW_OP_SUM_OF_EVEN, "even", first, sums->half[1], -1);
        enum lw_op widen = is_signed && !s->biased ? LW_OP_WIDEN_S : LW_OP_WIDEN;
        for (size_t w = 0; w < wide_count(t); w++) {
            int wide = lw_emit_immediate(t->p, widen, "wide", w < 2 ? first : sums->half[1], -1,
                                         (int)(w % 2));
            if (is_signed && s->biased)
                wide = lw_emit_immediate(t->p, LW_OP_SUBTRACT, "wide", wide, -1, bias);
            if (sums->wide[w] >= 0)
                lw_emit_update(t->p, LW_OP_ADD_W, sums->wide[w], wide, -1);
            else
                sums->wide[w] = wide;
        }
    }
}

static void emit_steps(struct tile *t, size_t steps, int chunk_loop, size_t first_step)
{
    emit_zero_halves(t);
    int loop = lw_emit_loop(t->p, "s", steps);
    for (size_t block = 0; block < t->blocks; block++)
        for (size_t plane = 0; plane < t->planes; plane++)
            emit_step(t, block, plane, loop, chunk_loop, first_step);
    lw_emit_end(t->p);
    emit_flush(t, steps);
}

/* The plane sums of the tile and group: all steps, in chunks where 16 bits would overflow. */
static void emit_sums(struct tile *t)
{
    const struct lw_schedule *s = t->s;
    if (s->spec.family == LW_FAMILY_DOT) {
        lw_lower_dot_sums(t);
        return;
    }
    emit_zero_sums(t);
    if (t->steps <= s->flush_steps && s->flush_steps == s->group_steps) {
        emit_steps(t, t->steps, -1, 0);
        return;
    }
    size_t chunks = t->steps / s->flush_steps, rest = t->steps % s->flush_steps;
    if (chunks) {
        int loop = lw_emit_loop(t->p, "chunk", chunks);
        emit_steps(t, s->flush_steps, loop, 0);
        lw_emit_end(t->p);
    }
    if (rest)
        emit_steps(t, rest, -1, chunks * s->flush_steps);
}

void lw_lower_weigh(struct tile *t)
{
    const struct lw_schedule *s = t->s;
    if (s->narrow)
        return;
    size_t pieces = s->row_block / t->lanes.doubles, each = t->lanes.words / t->lanes.doubles;
    size_t group_bytes = s->planes * s->row_block * 2;
    for (size_t block = 0; block < t->blocks; block++)
        for (size_t plane = 0; plane < t->planes; plane++)
            for (size_t d = 0; d < pieces; d++) {
                struct lw_address at =
                    lw_lower_block_address(t, LW_BUFFER_SCALES, block, s->groups * group_bytes);
                at.offset += t->first_group * group_bytes;
                at.offset += (plane * s->row_block + d * t->lanes.doubles) * 2;
                at = lw_address_add(at, t->group_loop, group_bytes);
                at = lw_address_add(at, t->plane_loop, s->row_block * 2);
                int scale = lw_emit_load(t->p, LW_OP_LOAD_SCALES, "scale", -1, at);
                for (size_t n = 0; n < t->columns; n++) {
                    int sum = lw_lower_sums_of(t, block, plane, n, 0)->wide[d / each];
                    if (s->parts == 2)
                        sum = lw_emit(t->p, LW_OP_JOIN_BYTES, "p", sum,
                                      lw_lower_sums_of(t, block, plane, n, 1)->wide[d / each], -1);
                    sum = lw_emit_immediate(t->p, LW_OP_TO_DOUBLE, "sum", sum, -1, (int)(d % each));
                    lw_emit_update(t->p, LW_OP_MULTIPLY_ADD,
                                   t->totals[(block * t->columns + n) * pieces + d], scale, sum);
                }
            }
}

/* f32(R) of one vector of rows, from the doubles of lw_lower_weigh. */
static int rounded_total(struct tile *t, size_t block, size_t w, size_t n)
{
    const struct lw_schedule *s = t->s;
    size_t each = t->lanes.words / t->lanes.doubles, pieces = s->row_block / t->lanes.doubles;
    const int *totals = &t->totals[(block * t->columns + n) * pieces + w * each];
    return each == 2 ? lw_emit(t->p, LW_OP_NARROW_PAIR, "y", totals[0], totals[1], -1)
                     : lw_emit(t->p, LW_OP_NARROW, "y", totals[0], -1, -1);
}

/* The same where sum and scale are exact in floats, so that their product is rounded once. */
static int rounded_product(struct tile *t, size_t block, size_t w, size_t n)
{
    const struct lw_schedule *s = t->s;
    struct lw_address at = lw_lower_block_address(t, LW_BUFFER_SCALES, block, s->row_block * 2);
    at.offset += w * t->lanes.words * 2;
    int scale = lw_emit_load(t->p, LW_OP_LOAD_SCALES_F, "alpha", -1, at);
    int sum = lw_lower_sums_of(t, block, 0, n, 0)->wide[w];
    if (s->parts == 2)
        sum = lw_emit(t->p, LW_OP_JOIN_BYTES, "p", sum,
                      lw_lower_sums_of(t, block, 0, n, 1)->wide[w], -1);
    sum = lw_emit(t->p, LW_OP_TO_FLOAT, "p", sum, -1, -1);
    return lw_emit(t->p, LW_OP_PRODUCT_F, "R", sum, scale, -1);
}

/* y = f32(R) * (step * 2^e) + bias for one vector of rows. */
static void emit_output(struct tile *t, size_t block, size_t w, size_t n, int scale)
{
    const struct lw_schedule *s = t->s;
    size_t row = (t->first_block + block) * s->row_block + w * t->lanes.words;
    if (t->loop < 0 && row >= s->spec.rows)
        return;
    int y = s->narrow ? rounded_product(t, block, w, n) : rounded_total(t, block, w, n);
    y = lw_emit(t->p, LW_OP_MUL_F, "y", y, scale, -1);
    struct lw_address bias = lw_lower_block_address(t, LW_BUFFER_BIAS, block, s->row_block * 4);
    bias.offset += w * t->lanes.words * 4;
    y = lw_emit(t->p, LW_OP_ADD_F, "y", y, lw_emit_load(t->p, LW_OP_LOAD_F, "bias", -1, bias), -1);
    struct lw_address to = lw_lower_block_address(t, LW_BUFFER_Y, block, s->row_block * 4);
    to.offset += w * t->lanes.words * 4 + (t->first_column + n) * s->spec.rows * 4;
    to = lw_address_add(to, t->column_loop, s->spec.rows * 4);
    size_t left = s->spec.rows - row;
    if (t->loop < 0 && left < t->lanes.words)
        lw_emit_store(t->p, LW_OP_STORE_FIRST_F, y, (int)left, to);
    else
        lw_emit_store(t->p, LW_OP_STORE_F, y, 0, to);
}

void lw_lower_outputs(struct tile *t, const int *scales)
{
    for (size_t block = 0; block < t->blocks; block++)
        for (size_t n = 0; n < t->columns; n++)
            for (size_t w = 0; w < wide_count(t); w++)
                emit_output(t, block, w, n, scales[n]);
}

void lw_lower_zero_totals(struct tile *t)
{
    if (t->s->narrow)
        return;
    size_t count = t->blocks * t->columns * t->s->row_block / t->lanes.doubles;
    for (size_t i = 0; i < count; i++)
        t->totals[i] = lw_emit(t->p, LW_OP_ZERO_D, "R", -1, -1, -1);
}

/* Adds the groups from t->first_group on, one iteration of t->group_loop each, to R. */
static void emit_group(struct tile *t)
{
    if (t->s->planes_inside) {
        emit_sums(t);
        if (t->s->groups == 1) /* R lives after the loop over steps only: fewer registers in it */
            lw_lower_zero_totals(t);
        lw_lower_weigh(t);
        return;
    }
    t->plane_loop = lw_emit_loop(t->p, "plane", t->s->spec.bits);
    emit_sums(t);
    lw_lower_weigh(t);
    lw_emit_end(t->p);
    t->plane_loop = -1;
}

static void emit_tile(struct tile *t, const int *scales)
{
    const struct lw_schedule *s = t->s;
    size_t whole = s->steps / s->group_steps, rest = s->steps % s->group_steps;
    if (s->groups > 1 || !s->planes_inside)
        lw_lower_zero_totals(t);
    t->first_group = 0;
    t->steps = s->group_steps;
    if (s->groups == 1) {
        emit_group(t);
    } else {
        if (whole) {
            t->group_loop = lw_emit_loop(t->p, "group", whole);
            emit_group(t);
            lw_emit_end(t->p);
            t->group_loop = -1;
        }
        t->first_group = whole;
        t->steps = rest;
        if (rest)
            emit_group(t);
    }
    lw_lower_outputs(t, scales);
}

void lw_lower_product(struct lw_program *p)
{
    const struct lw_schedule *s = &p->schedule;
    struct tile t = {.p = p,
                     .s = s,
                     .plane_loop = -1,
                     .group_loop = -1,
                     .column_loop = -1,
                     .columns = s->spec.batch,
                     .planes = s->planes_inside ? s->planes : 1};
    t.lanes = lw_isa_info(s->spec.isa)->lanes;
    t.sums = calloc(s->blocks_a_tile * t.planes * s->spec.batch * s->parts, sizeof *t.sums);
    t.totals = calloc(s->blocks_a_tile * s->spec.batch * s->row_block, sizeof *t.totals);
    int *scales = calloc(s->spec.batch, sizeof *scales);
    if (!t.sums || !t.totals || !scales) {
        p->failed = true;
    } else {
        int unit = lw_emit_load(p, LW_OP_BROADCAST_F, "unit", -1,
                                (struct lw_address){.buffer = LW_BUFFER_UNIT});
        for (size_t n = 0; n < s->spec.batch; n++) {
            int step = lw_emit_load(p, LW_OP_BROADCAST_F, "step", -1,
                                    (struct lw_address){.buffer = LW_BUFFER_STEP, .offset = 4 * n});
            scales[n] = lw_emit(p, LW_OP_MUL_F, "scale", step, unit, -1);
        }
        /* Whole tiles of whole blocks in a loop; the rest, with its last rows cut off, after it. */
        size_t tiles = s->spec.rows / (s->row_block * s->blocks_a_tile);
        if (tiles) {
            t.blocks = s->blocks_a_tile;
            t.loop = lw_emit_loop(p, "tile", tiles);
            emit_tile(&t, scales);
            lw_emit_end(p);
        }
        t.loop = -1;
        t.first_block = tiles * s->blocks_a_tile;
        t.blocks = s->row_blocks - t.first_block;
        if (t.blocks)
            emit_tile(&t, scales);
    }
    free(t.sums);
    free(t.totals);
    free(scales);
}
