/* Lowers the sums of the family dot by vectors: eight quads a step, each broadcast and multiplied
 * with every row block and digit of the tile. Fields of a key vector are summed where they stand,
 * `classes` of them apart; their sums are shifted at the end. PAIRS sums a step in 16 bits: 8
 * quads of two pairs of a digit up to 15 and an activation up to 127 stay below 2^15. */
#include "gen/lower.h"

#include <string.h>

enum { MAX_BLOCKS = 4, MAX_DIGITS = 4, MAX_CLASSES = 8 };

struct dots {
    struct tile *t;
    struct digit_keys keys[MAX_BLOCKS][MAX_DIGITS];
    int quads[LW_SPEC_MAX_BATCH]; /* of activations, loaded together */
    int sums[MAX_BLOCKS][MAX_DIGITS][MAX_CLASSES][LW_SPEC_MAX_BATCH];
    int pairs[MAX_BLOCKS][MAX_DIGITS][MAX_CLASSES]
             [LW_SPEC_MAX_BATCH]; /* of the step; -1: none yet */
};

static void zero_sums(struct dots *dots)
{
    struct tile *t = dots->t;
    for (size_t b = 0; b < t->blocks; b++)
        for (size_t d = 0; d < t->s->digit_count; d++)
            for (size_t c = 0; c < t->s->classes; c++)
                for (size_t n = 0; n < t->columns; n++)
                    dots->sums[b][d][c][n] = lw_emit(t->p, LW_OP_ZERO_W, "u", -1, -1, -1);
}

static void place_keys(struct dots *dots, int step_loop)
{
    struct tile *t = dots->t;
    const struct lw_schedule *s = t->s;
    size_t step_bytes = s->spec.bits * s->key_bytes;
    for (size_t b = 0; b < t->blocks; b++)
        for (size_t d = 0; d < s->digit_count; d++) {
            struct lw_address at =
                lw_lower_block_address(t, LW_BUFFER_KEYS, b, s->steps * step_bytes);
            at.offset += t->first_group * s->group_steps * step_bytes;
            at.offset += s->digits[d].first * s->key_bytes;
            at = lw_address_add(at, t->group_loop, s->group_steps * step_bytes);
            dots->keys[b][d] =
                lw_lower_keys(&s->digits[d], lw_address_add(at, step_loop, step_bytes));
        }
}

/* The activations of a quad, and of those behind it where one load takes several. */
static int load_quads(struct tile *t, size_t quad, size_t n, int step_loop)
{
    const struct lw_schedule *s = t->s;
    size_t step_bytes = 4 * LW_QUADS;
    struct lw_address x = {.buffer = LW_BUFFER_TABLES,
                           .offset = n * lw_schedule_table_bytes(s) + 4 * quad +
                                     t->first_group * s->group_steps * step_bytes};
    x = lw_address_add(x, t->group_loop, s->group_steps * step_bytes);
    x = lw_address_add(x, step_loop, step_bytes);
    return lw_emit_load(t->p, s->quads > 1 ? LW_OP_LOAD_QUADS : LW_OP_LOAD_QUAD, "x", -1, x);
}

struct digit_keys lw_lower_keys(const struct lw_digit *digit, struct lw_address address)
{
    return (struct digit_keys){.digit = digit, .address = address, .loaded = {-1, -1, -1, -1}};
}

/* A vector moved right by some bits; what stands around the field is anything. */
static int move_field(struct tile *t, struct digit_keys *keys, size_t vector, int shift)
{
    if (keys->loaded[vector] < 0) {
        struct lw_address at = keys->address;
        at.offset += vector * t->s->key_bytes;
        keys->loaded[vector] = lw_lower_load_keys(t, LW_OP_LOAD_DIGITS, at);
    }
    if (shift == 0)
        return keys->loaded[vector];
    if (keys->shift[vector] != shift)
        keys->shifted[vector] =
            lw_emit_immediate(t->p, LW_OP_SHIFT_KEYS, "shifted", keys->loaded[vector], -1, shift);
    keys->shift[vector] = shift;
    return keys->shifted[vector];
}

int lw_lower_digit(struct tile *t, struct digit_keys *keys, size_t quad, size_t classes,
                   size_t *class)
{
    struct lw_digit_part fields[2], *high = &fields[0], *low = &fields[1];
    size_t count = lw_schedule_parts(keys->digit, quad, fields);
    *class = count == 1 ? high->bit / high->bits % classes : 0;
    unsigned to = count == 1 ? (unsigned)*class * high->bits : high->of_digit;
    int field = move_field(t, keys, high->vector, (int)(high->bit - to));
    int mask = (int)(((1u << high->bits) - 1) << to);
    int digit = lw_emit_immediate(t->p, LW_OP_MASK_KEYS, "digit", field, -1, mask);
    if (count == 1)
        return digit;
    field = move_field(t, keys, low->vector, (int)low->bit);
    return lw_emit_immediate(t->p, LW_OP_MASK_OR, "digit", field, digit, (1 << low->bits) - 1);
}

/* Adds the products of a quad to the sum of digit d. */
static void add_products(struct dots *dots, size_t block, size_t d, size_t class, size_t n, int u,
                         size_t quad)
{
    struct lw_program *p = dots->t->p;
    const struct lw_schedule *s = dots->t->s;
    int *pairs = &dots->pairs[block][d][class][n];
    if (s->unit == LW_UNIT_DOT) {
        lw_emit_update_immediate(p, s->quads > 1 ? LW_OP_DOT_ONE_QUAD : LW_OP_DOT_QUAD,
                                 dots->sums[block][d][class][n], u, dots->quads[n],
                                 (int)(quad % s->quads));
        return;
    }
    int products = lw_emit(p, LW_OP_MULTIPLY_QUAD, "pairs", u, dots->quads[n], -1);
    if (*pairs < 0)
        *pairs = products;
    else
        lw_emit_update(p, LW_OP_ADD_PAIRS, *pairs, products, -1);
}

/* Ends a step: its sums of 16 bits go to those of 32. */
static void add_pairs(struct dots *dots)
{
    struct tile *t = dots->t;
    for (size_t b = 0; b < t->blocks; b++)
        for (size_t d = 0; d < t->s->digit_count; d++)
            for (size_t c = 0; c < t->s->classes; c++)
                for (size_t n = 0; n < t->columns; n++)
                    lw_emit_update(t->p, LW_OP_SUM_PAIRS, dots->sums[b][d][c][n],
                                   dots->pairs[b][d][c][n], -1);
}

static void emit_quad(struct dots *dots, size_t quad, int step_loop)
{
    struct tile *t = dots->t;
    for (size_t n = 0; n < t->columns && quad % t->s->quads == 0; n++)
        dots->quads[n] = load_quads(t, quad, n, step_loop);
    for (size_t b = 0; b < t->blocks; b++)
        for (size_t d = 0; d < t->s->digit_count; d++) {
            size_t class;
            int u = lw_lower_digit(t, &dots->keys[b][d], quad, t->s->classes, &class);
            for (size_t n = 0; n < t->columns; n++)
                add_products(dots, b, d, class, n, u, quad);
        }
}

/* The sum of a digit from those of its classes. */
static int join_classes(struct tile *t, size_t d, size_t n, int (*sums)[LW_SPEC_MAX_BATCH])
{
    int sum = sums[0][n];
    for (size_t c = 1; c < t->s->classes; c++) {
        int moved = lw_emit_immediate(t->p, LW_OP_SHIFT_RIGHT_W, "u", sums[c][n], -1,
                                      (int)(c * t->s->digits[d].bits));
        sum = lw_emit(t->p, LW_OP_ADD_W, "u", sum, moved, -1);
    }
    return sum;
}

int lw_lower_centred(struct tile *t, int sum, int total)
{
    int most = (1 << t->s->digits[0].bits) - 1; /* all digits have as many bits */
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
    memset(dots.pairs, -1, sizeof dots.pairs);
    int loop = lw_emit_loop(t->p, "s", t->steps);
    place_keys(&dots, loop);
    for (size_t quad = 0; quad < LW_QUADS; quad++)
        emit_quad(&dots, quad, loop);
    if (t->s->unit == LW_UNIT_PAIRS)
        add_pairs(&dots);
    lw_emit_end(t->p);
    for (size_t n = 0; n < t->columns; n++) {
        int total = load_total(t, n);
        for (size_t b = 0; b < t->blocks; b++)
            for (size_t d = 0; d < t->s->digit_count; d++)
                lw_lower_sums_of(t, b, d, n, 0)->wide[0] =
                    lw_lower_centred(t, join_classes(t, d, n, dots.sums[b][d]), total);
    }
}
