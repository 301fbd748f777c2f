/* Lowers the activations of the family dot: one column of K floats to s8, the sums of its groups
 * and its step t / 127. */
#include "gen/lower.h"

/* Rounds the lanes of one vector, stores them and adds them to `total`. */
static void emit_vector(struct lw_program *p, int x, int inverse, int total, struct lw_address to)
{
    int q = lw_emit(p, LW_OP_MUL_F, "q", x, inverse, -1);
    q = lw_emit(p, LW_OP_TO_INTEGER, "q", q, -1, -1);
    lw_emit_store(p, LW_OP_STORE_BYTES, q, 0, to);
    lw_emit_update(p, LW_OP_ADD_W, total, q, -1);
}

/* `columns` of them from `first` on, in one group or in each iteration of `loop`. */
static void emit_group(struct lw_program *p, int inverse, size_t first, size_t columns, int loop,
                       size_t group)
{
    const struct lw_schedule *s = &p->schedule;
    size_t lanes = lw_isa_info(s->spec.isa)->lanes.words, whole = columns / lanes;
    struct lw_address x = {.buffer = LW_BUFFER_X, .offset = 4 * first};
    struct lw_address q = {.buffer = LW_BUFFER_TABLES, .offset = first};
    struct lw_address sum = {.buffer = LW_BUFFER_TABLES,
                             .offset = lw_schedule_quantised_bytes(s) + 4 * group};
    x = lw_address_add(x, loop, 4 * columns);
    q = lw_address_add(q, loop, columns);
    int total = lw_emit(p, LW_OP_ZERO_W, "total", -1, -1, -1);
    if (whole) {
        int inner = lw_emit_loop(p, "k", whole);
        int v = lw_emit_load(p, LW_OP_LOAD_F, "x", -1, lw_address_add(x, inner, 4 * lanes));
        emit_vector(p, v, inverse, total, lw_address_add(q, inner, lanes));
        lw_emit_end(p);
    }
    if (columns % lanes) {
        x.offset += 4 * whole * lanes;
        q.offset += whole * lanes;
        int v = lw_emit_immediate(p, LW_OP_LOAD_FIRST_F, "x", -1, -1, (int)(columns % lanes));
        if (!p->failed)
            p->instructions[p->count - 1].address = x;
        emit_vector(p, v, inverse, total, q);
    }
    lw_emit_store(p, LW_OP_STORE_TOTAL, total, 0, lw_address_add(sum, loop, 4));
}

/* Zeros from `first` to `end`, both multiples of the vector. */
static void emit_zeros(struct lw_program *p, size_t first, size_t end)
{
    size_t lanes = lw_isa_info(p->schedule.spec.isa)->lanes.words;
    if (first >= end)
        return;
    int zero = lw_emit(p, LW_OP_ZERO_W, "zero", -1, -1, -1);
    int loop = lw_emit_loop(p, "pad", (end - first) / lanes);
    struct lw_address to = {.buffer = LW_BUFFER_TABLES, .offset = first};
    lw_emit_store(p, LW_OP_STORE_BYTES, zero, 0, lw_address_add(to, loop, lanes));
    lw_emit_end(p);
}

void lw_lower_quantised(struct lw_program *p)
{
    const struct lw_schedule *s = &p->schedule;
    int inverse = lw_lower_inverse(p);
    size_t columns = s->spec.columns, group = s->spec.group ? s->spec.group : columns;
    size_t whole = columns / group, end = lw_schedule_table_bytes(s);
    size_t lanes = lw_isa_info(s->spec.isa)->lanes.words;
    size_t written = (columns + lanes - 1) / lanes * lanes, bytes = lw_schedule_quantised_bytes(s);
    emit_zeros(p, written, bytes);
    emit_zeros(p, bytes, end);
    if (whole > 1) {
        int loop = lw_emit_loop(p, "group", whole);
        emit_group(p, inverse, 0, group, loop, 0);
        lw_emit_end(p);
    } else {
        emit_group(p, inverse, 0, group, -1, 0);
    }
    if (columns % group)
        emit_group(p, inverse, whole * group, columns % group, -1, whole);
}
