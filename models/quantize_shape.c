/* The shape of a quantised model, and the rounding of its scales. */
#include "models/quantize_moments.h"
#include "models/quantize_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const uint8_t *lw_quantize_row_bits(const struct lw_quantize *request, size_t matrix)
{
    return request->row_bits ? request->row_bits[matrix] : NULL;
}

static enum lw_status check_choice(const struct lw_matrix *matrix, const struct lw_choice *choice,
                                   const uint8_t *row_bits, struct lw_error *error)
{
    if (!matrix->dense)
        return lw_fail(error, LW_USAGE, "matrix %s is quantised already", matrix->name);
    for (size_t row = 0; row < (row_bits ? matrix->rows : 1); row++) {
        unsigned bits = row_bits ? row_bits[row] : choice->bits;
        if (bits < 1 || bits > LW_MAX_BITS)
            return lw_fail(error, LW_USAGE, "matrix %s: %u bits a weight: 1 to %d are possible",
                           matrix->name, bits, LW_MAX_BITS);
    }
    if (choice->group % 32 != 0)
        return lw_fail(error, LW_USAGE,
                       "matrix %s: groups of %zu columns; multiples of 32 are possible",
                       matrix->name, choice->group);
    if (choice->alpha == LW_ALPHA_UNIFORM && choice->fit != LW_FIT_UNIFORM)
        return lw_fail(error, LW_USAGE, "matrix %s: uniform scales need the uniform fit",
                       matrix->name);
    return LW_OK;
}

enum lw_status lw_quantize_check(const struct lw_model *source, const struct lw_quantize *request,
                                 struct lw_error *error)
{
    enum lw_status status = LW_OK;
    if (request->threads < 1)
        return lw_fail(error, LW_USAGE, "at least one thread is needed");
    for (size_t i = 0; i < source->matrix_count && status == LW_OK; i++)
        status = check_choice(&source->matrices[i], &request->choices[i],
                              lw_quantize_row_bits(request, i), error);
    return status;
}

/* Gives a matrix its codes, without their data. */
static void shape_codes(struct lw_matrix *matrix, const struct lw_choice *choice,
                        const uint8_t *row_bits, uint32_t *order)
{
    size_t group =
        choice->group && choice->group < matrix->columns ? choice->group : matrix->columns;
    if (row_bits) {
        lw_matrix_set_rows(matrix, row_bits, order, order + matrix->rows);
    } else {
        matrix->code_count = 1;
        matrix->codes[0] = (struct lw_code){.rows = matrix->rows, .bits = choice->bits};
    }
    lw_matrix_set_scales(matrix, group, choice->alpha == LW_ALPHA_UNIFORM, 0);
    matrix->arith = choice->arith;
}

static void free_quantized(void *storage)
{
    struct lw_quantized *owned = storage;
    free(owned->orders);
    free(owned->vectors);
    free(owned->codes);
    free(owned);
}

/* The fp32 model is in memory, so these sizes do not overflow. */
enum lw_status lw_quantize_shape(const struct lw_model *source, const struct lw_quantize *request,
                                 struct lw_model *model, struct lw_quantized **owned,
                                 struct lw_error *error)
{
    model->tokenizer = source->tokenizer;
    struct lw_quantized *block = calloc(1, sizeof *block);
    if (!block || !lw_config_copy(&source->config, &model->config)) {
        free(block);
        return lw_fail(error, LW_FAILED, "out of memory for the quantised model");
    }
    *owned = model->storage = block;
    model->release = free_quantized;
    enum lw_status status = lw_model_layout(model, error);
    if (status != LW_OK)
        return status;
    size_t mixed = 0, vectors = model->vector_count * sizeof(float);
    for (size_t i = 0; i < model->matrix_count; i++)
        mixed += lw_quantize_row_bits(request, i) ? model->matrices[i].rows : 0;
    uint32_t *order = block->orders = calloc(mixed ? 2 * mixed : 1, sizeof *order);
    block->vectors = malloc(vectors);
    if (!order || !block->vectors)
        return lw_fail(error, LW_FAILED, "out of memory for the quantised model");
    for (size_t i = 0; i < model->matrix_count; i++) {
        struct lw_matrix *matrix = &model->matrices[i];
        shape_codes(matrix, &request->choices[i], lw_quantize_row_bits(request, i), order);
        order += lw_quantize_row_bits(request, i) ? 2 * matrix->rows : 0;
    }
    memcpy(block->vectors, source->vectors, vectors);
    lw_model_set_vectors(model, block->vectors);
    return LW_OK;
}

size_t lw_quantize_slice(size_t rows, size_t slices, size_t slice)
{
    return rows / slices * slice + rows % slices * slice / slices;
}

bool lw_quantize_is_finite(const float *weights, size_t columns)
{
    for (size_t c = 0; c < columns; c++)
        if (!isfinite(weights[c]))
            return false;
    return true;
}

int lw_quantize_exponent(float largest)
{
    int exponent;
    double fraction = frexp((double)largest, &exponent); /* in [1/2, 1), or 0 */
    if (!(fraction > 0))
        return 0;
    return ldexp(fraction, 15) <= INT16_MAX ? exponent - 15 : exponent - 14;
}

int16_t lw_quantize_mantissa(float scale, int exponent, int limit)
{
    return (int16_t)fmin(fmax(rint(ldexp((double)scale, -exponent)), -limit), limit);
}
