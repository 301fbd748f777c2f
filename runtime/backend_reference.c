/* Classes a8 and t8 straight from the definition in docs/NUMBERS.md: slow, and the oracle of the
 * kernels. */
#include "runtime/backend.h"

#include "models/checked.h"
#include "runtime/round.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

/* One column of activations, rounded. a8: entries[k] = q. t8: entries[16 j + v] = the rounded
 * signed sum of x[4j .. 4j+3] where bit i of v gives the sign of x[4j + i] (set: +). */
struct reference {
    const struct lw_model *model;
    struct lw_backend f32; /* for the matrices of this class */
    int8_t *entries;
    float *sums; /* t8: the entries before rounding */
};

static float signed_element(const float *x, size_t columns, size_t k, bool plus)
{
    float value = k < columns ? x[k] : 0.0f;
    return plus ? value : -value;
}

static void signed_sums(const float *x, size_t columns, float *sums)
{
    for (size_t j = 0; 4 * j < columns; j++)
        for (unsigned v = 0; v < 16; v++) {
            float term[4];
            for (size_t i = 0; i < 4; i++)
                term[i] = signed_element(x, columns, 4 * j + i, v >> i & 1);
            sums[16 * j + v] = (term[0] + term[1]) + (term[2] + term[3]);
        }
}

static bool bit(const uint8_t *plane, size_t columns, size_t k)
{
    return k < columns && (plane[k >> 3] >> (k & 7) & 1);
}

/* The sum of a plane over columns [first, end); first is a multiple of 4. */
static int64_t plane_sum(const struct reference *r, enum lw_arith arith, const uint8_t *plane,
                         size_t first, size_t end)
{
    int64_t sum = 0;
    if (arith == LW_ARITH_A8) {
        for (size_t k = first; k < end; k++)
            sum += bit(plane, end, k) ? r->entries[k] : -r->entries[k];
        return sum;
    }
    for (size_t j = first / 4; 4 * j < end; j++) {
        unsigned v = 0;
        for (unsigned i = 0; i < 4; i++)
            v |= (unsigned)bit(plane, end, 4 * j + i) << i;
        sum += r->entries[16 * j + v];
    }
    return sum;
}

/* R = sum over groups and planes of scale * plane sum, of one stored row */
static int64_t row_sum(const struct reference *r, const struct lw_matrix *matrix,
                       const struct lw_code *code, size_t row)
{
    int64_t sum = 0;
    for (size_t g = 0; g < code->groups; g++)
        for (size_t i = 0; i < code->bits; i++) {
            const uint8_t *plane = code->planes + (row * code->bits + i) * code->plane_bytes;
            size_t first = g * code->group, end = first + code->group;
            sum += lw_code_scale(code, row, g, i) *
                   plane_sum(r, matrix->arith, plane, first,
                             end < matrix->columns ? end : matrix->columns);
        }
    return sum;
}

/* y[m] = float(R) * (step * 2^e) + bias[m] */
static void multiply_column(const struct reference *r, const struct lw_matrix *matrix, float step,
                            float *y)
{
    size_t stored = 0;
    for (size_t c = 0; c < matrix->code_count; c++) {
        const struct lw_code *code = &matrix->codes[c];
        float unit = ldexpf(step, code->exponent);
        for (size_t row = 0; row < code->rows; row++, stored++) {
            size_t m = matrix->order ? matrix->order[stored] : stored;
            y[m] = (float)row_sum(r, matrix, code, row) * unit;
            if (matrix->bias)
                y[m] += matrix->bias[m];
        }
    }
}

static enum lw_status multiply_matrix(struct reference *r, const struct lw_product *product,
                                      size_t columns, const float *x, struct lw_error *error)
{
    const struct lw_matrix *matrix = &r->model->matrices[product->matrix];
    if (matrix->code_count == 0)
        return lw_fail(error, LW_USAGE, "matrix %s is not coded; class %s needs binary codes",
                       matrix->name, lw_arith_name(matrix->arith));
    size_t k = matrix->columns, tables = (k + 3) / 4;
    for (size_t n = 0; n < columns; n++) {
        float step;
        bool finite;
        if (matrix->arith == LW_ARITH_T8) {
            signed_sums(x + n * k, k, r->sums);
            finite = lw_round_int8(r->sums, 16 * tables, r->entries, &step);
        } else {
            finite = lw_round_int8(x + n * k, k, r->entries, &step);
        }
        if (!finite)
            return lw_fail(error, LW_FAILED, "matrix %s: its input is not finite", matrix->name);
        multiply_column(r, matrix, step, product->y + n * matrix->rows);
    }
    return LW_OK;
}

static enum lw_status multiply(void *self, const struct lw_product *products, size_t count,
                               size_t columns, const float *x, struct lw_error *error)
{
    struct reference *r = self;
    enum lw_status status = LW_OK;
    for (size_t i = 0; i < count && status == LW_OK; i++)
        if (r->model->matrices[products[i].matrix].arith == LW_ARITH_F32)
            status = r->f32.multiply(r->f32.self, &products[i], 1, columns, x, error);
        else
            status = multiply_matrix(r, &products[i], columns, x, error);
    return status;
}

static void close_reference(void *self)
{
    struct reference *r = self;
    lw_backend_close(&r->f32);
    free(r->entries);
    free(r->sums);
    free(r);
}

enum lw_status lw_backend_reference(const struct lw_model *model, struct lw_backend *backend,
                                    struct lw_error *error)
{
    size_t widest = 0, bytes;
    for (size_t i = 0; i < model->matrix_count; i++)
        if (model->matrices[i].columns > widest)
            widest = model->matrices[i].columns;
    struct reference *r = calloc(1, sizeof *r);
    if (r && lw_checked_mul(widest / 4 + 1, 16 * sizeof *r->sums, &bytes)) {
        r->model = model;
        r->entries = malloc(bytes / sizeof *r->sums);
        r->sums = malloc(bytes);
    }
    enum lw_status status =
        r && r->entries && r->sums
            ? lw_backend_f32_part(model, &r->f32, error)
            : lw_fail(error, LW_FAILED, "out of memory for the reference products");
    if (status == LW_OK)
        *backend = (struct lw_backend){"reference", r, multiply, NULL, close_reference};
    else if (r)
        close_reference(r);
    return status;
}
