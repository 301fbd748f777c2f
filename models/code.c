/* Binary codes of a matrix: how its rows are divided, and what they decode to. */
#include "models/transformer.h"

#include <math.h>
#include <string.h>

void lw_matrix_set_rows(struct lw_matrix *matrix, const uint8_t *row_bits, uint32_t *order,
                        uint32_t *place)
{
    uint32_t stored = 0;
    matrix->code_count = 0;
    for (unsigned bits = LW_MAX_BITS; bits > 0; bits--) {
        uint32_t first = stored;
        for (size_t row = 0; row < matrix->rows; row++)
            if (row_bits[row] == bits) {
                order[stored] = (uint32_t)row;
                place[row] = stored++;
            }
        if (stored > first)
            matrix->codes[matrix->code_count++] =
                (struct lw_code){.rows = stored - first, .bits = bits};
    }
    matrix->order = matrix->code_count > 1 ? order : NULL;
    matrix->place = matrix->code_count > 1 ? place : NULL;
}

void lw_matrix_set_scales(struct lw_matrix *matrix, size_t group, bool uniform, int exponent)
{
    for (size_t i = 0; i < matrix->code_count; i++) {
        struct lw_code *code = &matrix->codes[i];
        code->group = group;
        code->groups = (matrix->columns + group - 1) / group;
        code->uniform = uniform;
        code->exponent = exponent;
        code->plane_bytes = (matrix->columns + 7) / 8;
    }
}

size_t lw_code_plane_bytes(const struct lw_code *code)
{
    return code->rows * code->bits * code->plane_bytes;
}

size_t lw_code_scale_bytes(const struct lw_code *code)
{
    return code->rows * lw_code_row_scales(code) * sizeof(int16_t);
}

/* Code and row within it where a row is stored. */
static const struct lw_code *find_code(const struct lw_matrix *matrix, size_t *row)
{
    const struct lw_code *code = matrix->codes;
    if (matrix->place)
        *row = matrix->place[*row];
    for (; *row >= code->rows; code++)
        *row -= code->rows;
    return code;
}

unsigned lw_matrix_row_bits(const struct lw_matrix *matrix, size_t row)
{
    return find_code(matrix, &row)->bits;
}

double lw_matrix_bits(const struct lw_matrix *matrix)
{
    double planes = 0;
    for (size_t i = 0; i < matrix->code_count; i++)
        planes += (double)matrix->codes[i].rows * matrix->codes[i].bits;
    return matrix->code_count ? planes / (double)matrix->rows : 32;
}

/* What a weight is worth for each pattern of its bits, plane 0 lowest. */
static void list_values(const struct lw_code *code, size_t row, size_t group, double unit,
                        float values[1 << LW_MAX_BITS])
{
    int sums[1 << LW_MAX_BITS] = {0};
    for (unsigned i = 0; i < code->bits; i++) {
        int scale = lw_code_scale(code, row, group, i);
        for (size_t pattern = 0, half = (size_t)1 << i; pattern < half; pattern++) {
            sums[pattern + half] = sums[pattern] + scale;
            sums[pattern] -= scale;
        }
    }
    for (size_t pattern = 0; pattern < (size_t)1 << code->bits; pattern++)
        values[pattern] = (float)(sums[pattern] * unit);
}

static void decode_row(const struct lw_matrix *matrix, size_t row, float *out)
{
    const struct lw_code *code = find_code(matrix, &row);
    const uint8_t *planes = code->planes + row * code->bits * code->plane_bytes;
    double unit = ldexp(1.0, code->exponent); /* of tiny matrices it is no float */
    for (size_t g = 0, c = 0; g < code->groups; g++) {
        float values[1 << LW_MAX_BITS];
        list_values(code, row, g, unit, values);
        for (; c < matrix->columns && c < (g + 1) * code->group; c++) {
            unsigned pattern = 0;
            for (unsigned i = 0; i < code->bits; i++)
                pattern |= (planes[i * code->plane_bytes + (c >> 3)] >> (c & 7) & 1u) << i;
            out[c] = values[pattern];
        }
    }
}

void lw_matrix_row(const struct lw_matrix *matrix, size_t row, float *out)
{
    if (matrix->dense)
        memcpy(out, matrix->dense + row * matrix->columns, matrix->columns * sizeof *out);
    else
        decode_row(matrix, row, out);
}
