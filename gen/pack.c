#include "gen/pack.h"

#include <string.h>

static size_t align64(size_t bytes)
{
    return (bytes + 63) & ~(size_t)63;
}

void lw_pack_layout(const struct lw_schedule *s, struct lw_pack_layout *layout)
{
    size_t rows = s->row_blocks * s->row_block;
    layout->key_bytes = s->row_blocks * s->spec.bits * s->steps * s->key_bytes;
    layout->scales = align64(layout->key_bytes);
    layout->bias =
        align64(layout->scales + rows * lw_spec_groups(&s->spec) * s->planes * sizeof(int16_t));
    layout->bytes = align64(layout->bias + rows * sizeof(float));
}

/* The four plane bits of table j, zeros beyond K; padding bits of a plane are zero already. */
static uint8_t key_of(const struct lw_schedule *s, const struct lw_code *code, size_t row,
                      size_t plane, size_t table)
{
    if (row >= s->spec.rows || table >= s->tables)
        return 0;
    const uint8_t *bits = code->planes + (row * code->bits + plane) * code->plane_bytes;
    return (uint8_t)(bits[table / 2] >> 4 * (table % 2) & 15);
}

static void pack_keys(const struct lw_schedule *s, const struct lw_code *code, uint8_t *out)
{
    for (size_t block = 0; block < s->row_blocks; block++)
        for (size_t plane = 0; plane < s->spec.bits; plane++)
            for (size_t step = 0; step < s->steps; step++)
                for (size_t byte = 0; byte < s->key_bytes; byte++) {
                    size_t row = block * s->row_block + lw_schedule_row(s, byte);
                    size_t table = step * s->step_tables;
                    uint8_t low =
                        key_of(s, code, row, plane, table + lw_schedule_table(s, byte, false));
                    uint8_t high =
                        key_of(s, code, row, plane, table + lw_schedule_table(s, byte, true));
                    *out++ = (uint8_t)(low | high << 4);
                }
}

/* The planes of a digit at one weight, as an integer; 0 beyond the matrix. */
static unsigned digit_of(const struct lw_schedule *s, const struct lw_code *code, size_t row,
                         const struct lw_digit *digit, size_t column)
{
    unsigned value = 0;
    if (row >= s->spec.rows || column >= s->spec.columns)
        return 0;
    for (unsigned i = 0; i < digit->bits; i++) {
        const uint8_t *bits =
            code->planes + (row * code->bits + digit->first + i) * code->plane_bytes;
        value |= (unsigned)(bits[column / 8] >> column % 8 & 1) << i;
    }
    return value;
}

/* The digit of one quad, in each row of a block and each of its four columns. */
static void pack_quad(const struct lw_schedule *s, const struct lw_code *code, size_t block,
                      const struct lw_digit *digit, size_t step, size_t quad, uint8_t *out)
{
    struct lw_digit_part fields[2];
    size_t count = lw_schedule_parts(digit, quad, fields);
    for (size_t byte = 0; byte < s->key_bytes; byte++) {
        size_t row = block * s->row_block + lw_schedule_row(s, byte);
        size_t column = 4 * (step * LW_QUADS + quad) + byte % 4;
        unsigned value = digit_of(s, code, row, digit, column);
        for (size_t f = 0; f < count; f++) {
            unsigned bits = value >> fields[f].of_digit & ((1u << fields[f].bits) - 1);
            out[fields[f].vector * s->key_bytes + byte] |= (uint8_t)(bits << fields[f].bit);
        }
    }
}

static void pack_digits(const struct lw_schedule *s, const struct lw_code *code, uint8_t *out)
{
    for (size_t block = 0; block < s->row_blocks; block++)
        for (size_t step = 0; step < s->steps; step++)
            for (size_t d = 0; d < s->digit_count; d++) {
                const struct lw_digit *digit = &s->digits[d];
                for (size_t quad = 0; quad < LW_QUADS; quad++)
                    pack_quad(s, code, block, digit, step, quad, out);
                out += digit->bits * s->key_bytes;
            }
}

void lw_pack(const struct lw_schedule *s, const struct lw_code *code, const float *bias,
             uint8_t *out)
{
    struct lw_pack_layout layout;
    lw_pack_layout(s, &layout);
    memset(out, 0, layout.bytes);
    if (s->spec.family == LW_FAMILY_DOT)
        pack_digits(s, code, out);
    else
        pack_keys(s, code, out);
    size_t groups = lw_spec_groups(&s->spec);
    for (size_t row = 0; row < s->spec.rows; row++)
        for (size_t g = 0; g < groups; g++)
            for (size_t plane = 0; plane < s->planes; plane++) {
                size_t block = row / s->row_block * groups + g;
                size_t index = (block * s->planes + plane) * s->row_block + row % s->row_block;
                int16_t scale = (int16_t)lw_code_scale(code, row, g, plane);
                memcpy(out + layout.scales + index * sizeof scale, &scale, sizeof scale);
            }
    if (bias)
        memcpy(out + layout.bias, bias, s->spec.rows * sizeof(float));
}
