/* Lowers the sums of the family dot by vectors: eight quads a step, each broadcast and multiplied
 * with every row block and digit of the tile. Fields of a key vector are summed where they stand,
 * `classes` of them apart; their sums are shifted at the end. */
#include "gen/lower.h"

enum { MAX_BLOCKS = 4, MAX_DIGITS = 4, MAX_CLASSES = 8 };

struct dots {
    struct tile *t;
    int keys[MAX_BLOCKS][MAX_DIGITS];    /* the vector that holds the quad in hand */
    int shifted[MAX_BLOCKS][MAX_DIGITS]; /* so that its field is where it is summed */
    int sums[MAX_BLOCKS][MAX_DIGITS][MAX_CLASSES][LW_SPEC_MAX_BATCH];
};

static size_t classes_of(const struct lw_schedule *s, const struct lw_digit *digit)
{
    size_t fields = 8 / digit->bits;
    return s->classes < fields ? s->classes : fields;
}

/* Classes of sum i; one where fields are shifted before they are multiplied. */
static void zero_sums(struct dots *dots)
{
    struct tile *t = dots->t;
    for (size_t b = 0; b < t->blocks; b++)
        for (size_t i = 0; i < t->s->sums; i++)
            for (size_t c = 0; c < classes_of(t->s, &t->s->digits[i]); c++)
                for (size_t n = 0; n < t->columns; n++)
                    dots->sums[b][i][c][n] = lw_emit(t->p, LW_OP_ZERO_W, "u", -1, -1, -1);
}

/* The key vectors of all digits that hold quad `quad` of the step. */
static void load_keys(struct dots *dots, size_t block, size_t quad, int step_loop)
{
    struct tile *t = dots->t;
    const struct lw_schedule *s = t->s;
    size_t step_bytes = s->spec.bits * s->key_bytes;
    for (size_t d = 0; d < s->digit_count; d++) {
        size_t fields = 8 / s->digits[d].bits;
        if (quad % fields)
            continue;
        struct lw_address at =
            lw_lower_block_address(t, LW_BUFFER_KEYS, block, s->steps * step_bytes);
        at.offset += t->first_group * s->group_steps * step_bytes;
        at.offset += (s->digits[d].first + quad / fields) * s->key_bytes;
        at = lw_address_add(at, t->group_loop, s->group_steps * step_bytes);
        at = lw_address_add(at, step_loop, step_bytes);
        dots->keys[block][d] = lw_emit_load(t->p, LW_OP_LOAD_KEYS, "keys", -1, at);
        dots->shifted[block][d] = dots->keys[block][d];
    }
}

static int load_quad(struct tile *t, size_t quad, size_t n, int step_loop)
{
    const struct lw_schedule *s = t->s;
    size_t step_bytes = 4 * LW_QUADS;
    struct lw_address x = {.buffer = LW_BUFFER_TABLES,
                           .offset = n * lw_schedule_table_bytes(s) + 4 * quad +
                                     t->first_group * s->group_steps * step_bytes};
    x = lw_address_add(x, t->group_loop, s->group_steps * step_bytes);
    x = lw_address_add(x, step_loop, step_bytes);
    return lw_emit_load(t->p, LW_OP_LOAD_QUAD, "x", -1, x);
}

/* Moves a field from bit `from` to bit `to` of its byte; the other bits are anything. */
static int move_field(struct tile *t, int keys, size_t from, size_t to)
{
    if (from == to)
        return keys;
    return from > to
               ? lw_emit_immediate(t->p, LW_OP_SHIFT_KEYS, "shifted", keys, -1, (int)(from - to))
               : lw_emit_immediate(t->p, LW_OP_SHIFT_KEYS_UP, "shifted", keys, -1,
                                   (int)(to - from));
}

int lw_lower_digit(struct tile *t, size_t first_digit, const int *keys, size_t quad)
{
    const struct lw_schedule *s = t->s;
    int joined = -1;
    for (size_t d = s->joined ? s->digit_count : first_digit + 1; d-- > first_digit;) {
        const struct lw_digit *digit = &s->digits[d];
        size_t to = s->joined ? digit->first : 0;
        int mask = (int)(((1u << digit->bits) - 1) << to);
        int field = move_field(t, keys[d], quad % (8 / digit->bits) * digit->bits, to);
        joined = joined < 0 ? lw_emit_immediate(t->p, LW_OP_MASK_KEYS, "digit", field, -1, mask)
                            : lw_emit_immediate(t->p, LW_OP_MASK_OR, "digit", field, joined, mask);
    }
    return joined;
}

/* A quad of one digit where `classes` fields are summed in place. */
static int field_in_place(struct dots *dots, size_t block, size_t d, size_t quad, size_t *class)
{
    struct tile *t = dots->t;
    const struct lw_digit *digit = &t->s->digits[d];
    size_t field = quad % (8 / digit->bits), classes = classes_of(t->s, digit);
    *class = field % classes;
    if (field && *class == 0)
        dots->shifted[block][d] =
            lw_emit_immediate(t->p, LW_OP_SHIFT_KEYS, "shifted", dots->keys[block][d], -1,
                              (int)(field * digit->bits));
    int mask = (int)(((1u << digit->bits) - 1) << *class * digit->bits);
    return lw_emit_immediate(t->p, LW_OP_MASK_KEYS, "digit", dots->shifted[block][d], -1, mask);
}

static void emit_quad(struct dots *dots, size_t quad, int step_loop)
{
    struct tile *t = dots->t;
    int x[LW_SPEC_MAX_BATCH];
    for (size_t n = 0; n < t->columns; n++)
        x[n] = load_quad(t, quad, n, step_loop);
    for (size_t b = 0; b < t->blocks; b++) {
        load_keys(dots, b, quad, step_loop);
        for (size_t i = 0; i < t->s->sums; i++) {
            size_t class = 0;
            int u = t->s->joined ? lw_lower_digit(t, 0, dots->keys[b], quad)
                                 : field_in_place(dots, b, i, quad, &class);
            for (size_t n = 0; n < t->columns; n++)
                lw_emit_update(t->p, LW_OP_DOT_QUAD, dots->sums[b][i][class][n], u, x[n]);
        }
    }
}

/* Sum i from those of its classes. */
static int join_classes(struct tile *t, size_t i, size_t n, int (*sums)[LW_SPEC_MAX_BATCH])
{
    const struct lw_digit *digit = &t->s->digits[i];
    int sum = sums[0][n];
    for (size_t c = 1; c < classes_of(t->s, digit); c++) {
        int moved = lw_emit_immediate(t->p, LW_OP_SHIFT_RIGHT_W, "u", sums[c][n], -1,
                                      (int)(c * digit->bits));
        sum = lw_emit(t->p, LW_OP_ADD_W, "u", sum, moved, -1);
    }
    return sum;
}

int lw_lower_centred(struct tile *t, size_t plane, const int *sums, int total)
{
    const struct lw_schedule *s = t->s;
    int most = (1 << (s->planes > 1 ? 1 : (int)s->spec.bits)) - 1;
    if (s->planes > 1)
        return lw_emit_immediate(t->p, LW_OP_CENTRE, "p", sums[plane], total, most);
    int sum = sums[0];
    for (size_t d = 1; d < s->sums; d++) {
        int moved =
            lw_emit_immediate(t->p, LW_OP_SHIFT_LEFT_W, "u", sums[d], -1, (int)s->digits[d].first);
        sum = lw_emit(t->p, LW_OP_ADD_W, "u", sum, moved, -1);
    }
    return lw_emit_immediate(t->p, LW_OP_CENTRE, "p", sum, total, most);
}

static int load_total(struct tile *t, size_t n)
{
    const struct lw_schedule *s = t->s;
    struct lw_address at = {.buffer = LW_BUFFER_TABLES,
                            .offset = n * lw_schedule_table_bytes(s) +
                                      lw_schedule_quantised_bytes(s) + 4 * t->first_group};
    at = lw_address_add(at, t->group_loop, 4);
    return lw_emit_load(t->p, LW_OP_BROADCAST_W, "total", -1, at);
}

void lw_lower_dot_sums(struct tile *t)
{
    struct dots dots = {.t = t};
    zero_sums(&dots);
    int loop = lw_emit_loop(t->p, "s", t->steps);
    for (size_t quad = 0; quad < LW_QUADS; quad++)
        emit_quad(&dots, quad, loop);
    lw_emit_end(t->p);
    for (size_t n = 0; n < t->columns; n++) {
        int total = load_total(t, n);
        for (size_t b = 0; b < t->blocks; b++) {
            int sums[MAX_DIGITS];
            for (size_t i = 0; i < t->s->sums; i++)
                sums[i] = join_classes(t, i, n, dots.sums[b][i]);
            for (size_t plane = 0; plane < t->s->planes; plane++)
                lw_lower_sums_of(t, b, plane, n, 0)->wide[0] =
                    lw_lower_centred(t, plane, sums, total);
        }
    }
}
