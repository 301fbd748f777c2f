/* Lowers the sums of the family dot by vectors: eight quads a step, each broadcast and multiplied
 * with every row block and digit of the tile. Fields of a key vector are summed where they stand,
 * `classes` of them apart; their sums are shifted at the end. */
#include "gen/lower.h"

enum { MAX_BLOCKS = 4, MAX_DIGITS = 4, MAX_CLASSES = 8 };

struct dots {
    struct tile *t;
    int keys[MAX_BLOCKS][MAX_DIGITS]; /* the vector, shifted, that holds the quad in hand */
    int raw[MAX_BLOCKS][MAX_DIGITS];  /* the vector as it was loaded */
    int sums[MAX_BLOCKS][MAX_DIGITS][MAX_CLASSES][LW_SPEC_MAX_BATCH];
};

static size_t classes_of(const struct lw_schedule *s, const struct lw_digit *digit)
{
    size_t fields = 8 / digit->bits;
    return s->classes < fields ? s->classes : fields;
}

static void zero_sums(struct dots *dots)
{
    struct tile *t = dots->t;
    for (size_t b = 0; b < t->blocks; b++)
        for (size_t d = 0; d < t->s->digit_count; d++)
            for (size_t c = 0; c < classes_of(t->s, &t->s->digits[d]); c++)
                for (size_t n = 0; n < t->columns; n++)
                    dots->sums[b][d][c][n] = lw_emit(t->p, LW_OP_ZERO_W, "u", -1, -1, -1);
}

/* The key vector of a digit that holds quad `quad` of the step, its fields where they are summed. */
static void load_keys(struct dots *dots, size_t block, size_t d, size_t quad, int step_loop)
{
    struct tile *t = dots->t;
    const struct lw_schedule *s = t->s;
    const struct lw_digit *digit = &s->digits[d];
    size_t fields = 8 / digit->bits, classes = classes_of(s, digit);
    size_t step_bytes = s->spec.bits * s->key_bytes;
    if (quad % fields == 0) {
        struct lw_address at =
            lw_lower_block_address(t, LW_BUFFER_KEYS, block, s->steps * step_bytes);
        at.offset += t->first_group * s->group_steps * step_bytes;
        at.offset += (digit->first + quad / fields) * s->key_bytes;
        at = lw_address_add(at, t->group_loop, s->group_steps * step_bytes);
        at = lw_address_add(at, step_loop, step_bytes);
        dots->raw[block][d] = lw_emit_load(t->p, LW_OP_LOAD_KEYS, "keys", -1, at);
        dots->keys[block][d] = dots->raw[block][d];
    } else if (quad % fields % classes == 0) {
        int bits = (int)(quad % fields * digit->bits);
        dots->keys[block][d] = lw_emit_immediate(t->p, LW_OP_SHIFT_KEYS, "shifted",
                                                 dots->raw[block][d], -1, bits);
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

static void emit_quad(struct dots *dots, size_t quad, int step_loop)
{
    struct tile *t = dots->t;
    int x[LW_SPEC_MAX_BATCH];
    for (size_t n = 0; n < t->columns; n++)
        x[n] = load_quad(t, quad, n, step_loop);
    for (size_t b = 0; b < t->blocks; b++)
        for (size_t d = 0; d < t->s->digit_count; d++) {
            const struct lw_digit *digit = &t->s->digits[d];
            size_t class = quad % (8 / digit->bits) % classes_of(t->s, digit);
            load_keys(dots, b, d, quad, step_loop);
            int mask = (int)(((1u << digit->bits) - 1) << class * digit->bits);
            int u = lw_emit_immediate(t->p, LW_OP_MASK_KEYS, "digit", dots->keys[b][d], -1, mask);
            for (size_t n = 0; n < t->columns; n++)
                lw_emit_update(t->p, LW_OP_DOT_QUAD, dots->sums[b][d][class][n], u, x[n]);
        }
}

/* The sum of digit d from those of its classes. */
static int join_classes(struct tile *t, const struct lw_digit *digit, size_t n,
                        int (*sums)[LW_SPEC_MAX_BATCH])
{
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
    if (s->planes > 1 || s->digit_count == 1)
        return lw_emit_immediate(t->p, LW_OP_CENTRE, "p", sums[plane], total,
                                 (1 << s->digits[plane].bits) - 1);
    int sum = sums[0];
    for (size_t d = 1; d < s->digit_count; d++) {
        int moved = lw_emit_immediate(t->p, LW_OP_SHIFT_LEFT_W, "u", sums[d], -1,
                                      (int)s->digits[d].first);
        sum = lw_emit(t->p, LW_OP_ADD_W, "u", sum, moved, -1);
    }
    return lw_emit_immediate(t->p, LW_OP_CENTRE, "p", sum, total, (1 << s->spec.bits) - 1);
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
            for (size_t d = 0; d < t->s->digit_count; d++)
                sums[d] = join_classes(t, &t->s->digits[d], n, dots.sums[b][d]);
            for (size_t plane = 0; plane < t->s->planes; plane++)
                lw_lower_sums_of(t, b, plane, n, 0)->wide[0] =
                    lw_lower_centred(t, plane, sums, total);
        }
    }
}
