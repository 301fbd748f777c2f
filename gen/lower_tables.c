/* Lowers the nodes up to the table entries: one column of K activations to its lookup tables and
 * its step t / 127. */
#include "gen/lower.h"

static struct lw_address at(enum lw_buffer buffer, size_t offset)
{
    return (struct lw_address){.buffer = buffer, .offset = offset};
}

/* The largest magnitude that is rounded: over (|x0| + |x1|) + (|x2| + |x3|) in t8, over |x| in a8.
 */
static int larger(struct lw_program *p, int largest, const int *x, size_t lanes)
{
    bool sums = p->schedule.spec.arith == LW_ARITH_T8;
    int found;
    if (lanes > 1) {
        found = lw_emit(p, LW_OP_ABS_F, "a", x[0], -1, -1);
        if (sums) {
            int swapped = lw_emit(p, LW_OP_SWAP_PAIRS_F, "s", found, -1, -1);
            found = lw_emit(p, LW_OP_ADD_F, "a", found, swapped, -1);
            swapped = lw_emit(p, LW_OP_SWAP_DOUBLES_F, "s", found, -1, -1);
            found = lw_emit(p, LW_OP_ADD_F, "a", found, swapped, -1);
        }
        lw_emit_update(p, LW_OP_LARGER_F, largest, found, -1);
        return largest;
    }
    int a[4];
    for (int b = 0; b < 4; b++) {
        a[b] = lw_emit(p, LW_OP_ABS_F, "a", x[b], -1, -1);
        if (!sums)
            lw_emit_update(p, LW_OP_LARGER_F, largest, a[b], -1);
    }
    if (sums) {
        int low = lw_emit(p, LW_OP_ADD_F, "s", a[0], a[1], -1);
        int high = lw_emit(p, LW_OP_ADD_F, "s", a[2], a[3], -1);
        found = lw_emit(p, LW_OP_ADD_F, "s", low, high, -1);
        lw_emit_update(p, LW_OP_LARGER_F, largest, found, -1);
    }
    return largest;
}

/* Walks over x: whole vectors (or tables of four, in portable C) in a loop, the rest after it. */
static int emit_largest(struct lw_program *p)
{
    size_t columns = p->schedule.spec.columns;
    size_t lanes = lw_isa_info(p->schedule.spec.isa)->lanes.words;
    size_t group = lanes > 1 ? lanes : 4;
    int largest = lw_emit(p, LW_OP_ZERO_F, "largest", -1, -1, -1);
    if (columns / group) {
        int loop = lw_emit_loop(p, "g", columns / group);
        int x[4];
        for (size_t b = 0; b < (lanes > 1 ? 1 : 4); b++)
            x[b] = lw_emit_load(p, LW_OP_LOAD_F, "x", -1,
                                lw_address_add(at(LW_BUFFER_X, 4 * b), loop, 4 * group));
        larger(p, largest, x, lanes);
        lw_emit_end(p);
    }
    size_t rest = columns % group, start = columns - rest;
    if (rest && lanes > 1) {
        int x = lw_emit_immediate(p, LW_OP_LOAD_FIRST_F, "x", -1, -1, (int)rest);
        if (!p->failed)
            p->instructions[p->count - 1].address = at(LW_BUFFER_X, 4 * start);
        larger(p, largest, &x, lanes);
    } else if (rest) {
        int x[4];
        for (size_t b = 0; b < 4; b++)
            x[b] = b < rest
                       ? lw_emit_load(p, LW_OP_LOAD_F, "x", -1, at(LW_BUFFER_X, 4 * (start + b)))
                       : lw_emit(p, LW_OP_ZERO_F, "zero", -1, -1, -1);
        larger(p, largest, x, lanes);
    }
    return lw_emit(p, LW_OP_LARGEST, "t", largest, -1, -1);
}

/* Stores the bytes of one part of a table. */
static void store_entries(struct lw_program *p, int entries, struct lw_address address)
{
    const struct lw_schedule *s = &p->schedule;
    enum lw_op signed_store = s->biased ? LW_OP_STORE_BIASED : LW_OP_STORE_BYTES;
    if (s->parts == 1) {
        lw_emit_store(p, signed_store, entries, 0, address);
        return;
    }
    lw_emit_store(p, LW_OP_STORE_BYTES, entries, 0, address);
    int high = lw_emit(p, LW_OP_HIGH_BYTE, "high", entries, -1, -1);
    address.offset += s->padded_tables * 16;
    lw_emit_store(p, signed_store, high, 0, address);
}

/* One table of 16 entries from four activations at `x`, of which `present` exist. */
static void emit_table(struct lw_program *p, int inverse, struct lw_address x, size_t present,
                       struct lw_address table)
{
    const struct lw_schedule *s = &p->schedule;
    size_t lanes = lw_isa_info(s->spec.isa)->lanes.words;
    bool round_first = s->spec.arith == LW_ARITH_A8;
    int a[4];
    for (size_t b = 0; b < 4; b++) {
        struct lw_address from = x;
        from.offset += 4 * b;
        a[b] = b < present ? lw_emit_load(p, LW_OP_BROADCAST_F, "x", -1, from)
                           : lw_emit(p, LW_OP_ZERO_F, "zero", -1, -1, -1);
        if (round_first) {
            a[b] = lw_emit(p, LW_OP_MUL_F, "q", a[b], inverse, -1);
            a[b] = lw_emit(p, LW_OP_ROUND, "q", a[b], -1, -1);
        }
    }
    for (size_t part = 0; part < 16 / lanes; part++) {
        int v[4];
        for (int b = 0; b < 4; b++)
            v[b] = lw_emit_immediate(p, LW_OP_SIGN, "v", a[b], -1, (int)(4 * part) + b);
        int low = lw_emit(p, LW_OP_ADD_F, "e", v[0], v[1], -1);
        int high = lw_emit(p, LW_OP_ADD_F, "e", v[2], v[3], -1);
        int sum = lw_emit(p, LW_OP_ADD_F, "e", low, high, -1);
        if (!round_first)
            sum = lw_emit(p, LW_OP_MUL_F, "e", sum, inverse, -1);
        int entries = lw_emit(p, LW_OP_TO_INTEGER, "entry", sum, -1, -1);
        struct lw_address to = table;
        to.offset += part * lanes;
        store_entries(p, entries, to);
    }
}

/* The tables beyond K, that complete the last step. */
static void emit_padding(struct lw_program *p)
{
    const struct lw_schedule *s = &p->schedule;
    size_t lanes = lw_isa_info(s->spec.isa)->lanes.words;
    if (s->padded_tables == s->tables)
        return;
    int zero = lw_emit(p, LW_OP_ZERO_W, "zero", -1, -1, -1);
    int loop = lw_emit_loop(p, "pad", s->padded_tables - s->tables);
    for (size_t part = 0; part < 16 / lanes; part++)
        store_entries(
            p, zero, lw_address_add(at(LW_BUFFER_TABLES, s->tables * 16 + part * lanes), loop, 16));
    lw_emit_end(p);
}

int lw_lower_inverse(struct lw_program *p)
{
    int t = emit_largest(p);
    lw_emit(p, LW_OP_STOP_UNLESS_FINITE, "", t, -1, -1);
    int inverse = lw_emit(p, LW_OP_INVERSE, "inverse", t, -1, -1);
    lw_emit(p, LW_OP_STORE_STEP, "", t, inverse, -1);
    if (!p->failed)
        p->instructions[p->count - 1].address = at(LW_BUFFER_STEP, 0);
    return lw_emit(p, LW_OP_SPREAD, "inverses", inverse, -1, -1);
}

void lw_lower_tables(struct lw_program *p)
{
    size_t columns = p->schedule.spec.columns;
    int spread = lw_lower_inverse(p);
    if (columns / 4) {
        int loop = lw_emit_loop(p, "j", columns / 4);
        emit_table(p, spread, lw_address_add(at(LW_BUFFER_X, 0), loop, 16), 4,
                   lw_address_add(at(LW_BUFFER_TABLES, 0), loop, 16));
        lw_emit_end(p);
    }
    if (columns % 4)
        emit_table(p, spread, at(LW_BUFFER_X, columns / 4 * 16), columns % 4,
                   at(LW_BUFFER_TABLES, columns / 4 * 16));
    emit_padding(p);
}
