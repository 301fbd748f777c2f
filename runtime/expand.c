#include "runtime/expand.h"

#include "models/checked.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

static bool is_wanted(const struct lw_matrix *matrix, enum lw_expand which)
{
    return which == LW_EXPAND_ALL || (matrix->bias && matrix->arith == LW_ARITH_F32);
}

/* Floats of the coded matrices together; false where they overflow. */
static bool count_coded(const struct lw_model *model, enum lw_expand which, size_t *floats)
{
    *floats = 0;
    for (size_t i = 0; i < model->matrix_count; i++) {
        const struct lw_matrix *matrix = &model->matrices[i];
        size_t elements;
        if (matrix->dense || !is_wanted(matrix, which))
            continue;
        if (!lw_checked_mul(matrix->rows, matrix->columns, &elements) ||
            !lw_checked_add(*floats, elements, floats))
            return false;
    }
    return true;
}

size_t lw_expand_bytes(const struct lw_model *model, enum lw_expand which)
{
    size_t bytes, pointers;
    bool fits = count_coded(model, which, &bytes) && lw_checked_mul(bytes, sizeof(float), &bytes) &&
                lw_checked_mul(model->matrix_count, sizeof(float *), &pointers) &&
                lw_checked_add(bytes, pointers, &bytes);
    return fits ? bytes : SIZE_MAX;
}

enum lw_status lw_expand(const struct lw_model *model, enum lw_expand which,
                         struct lw_expanded *expanded, struct lw_error *error)
{
    *expanded = (struct lw_expanded){0};
    size_t floats;
    expanded->weights = calloc(model->matrix_count, sizeof *expanded->weights);
    if (count_coded(model, which, &floats))
        expanded->decoded = calloc(floats ? floats : 1, sizeof *expanded->decoded);
    if (!expanded->weights || !expanded->decoded) {
        lw_expanded_free(expanded);
        return lw_fail(error, LW_FAILED, "out of memory for the model's matrices as fp32");
    }
    float *at = expanded->decoded;
    for (size_t i = 0; i < model->matrix_count; i++) {
        const struct lw_matrix *matrix = &model->matrices[i];
        if (!is_wanted(matrix, which))
            continue;
        expanded->weights[i] = matrix->dense ? matrix->dense : at;
        if (matrix->dense)
            continue;
        for (size_t r = 0; r < matrix->rows; r++, at += matrix->columns)
            lw_matrix_row(matrix, r, at);
    }
    return LW_OK;
}

void lw_expanded_free(struct lw_expanded *expanded)
{
    free(expanded->weights);
    free(expanded->decoded);
    *expanded = (struct lw_expanded){0};
}
