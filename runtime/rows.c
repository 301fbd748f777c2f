#include "runtime/backend.h"

#include "models/checked.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64 };

enum lw_status lw_rows_reserve(struct lw_rows *rows, size_t bytes, struct lw_error *error)
{
    if (bytes <= rows->bytes)
        return LW_OK;
    lw_rows_free(rows);
    if (lw_checked_add(bytes, ALIGNMENT - 1, &bytes)) {
        bytes &= ~(size_t)(ALIGNMENT - 1);
        rows->memory = aligned_alloc(ALIGNMENT, bytes);
    }
    if (!rows->memory)
        return lw_fail(error, LW_FAILED, "out of memory for the words of a shortlist");
    rows->bytes = bytes;
    return LW_OK;
}

void lw_rows_free(struct lw_rows *rows)
{
    free(rows->memory);
    rows->memory = NULL;
    rows->bytes = 0;
}

size_t lw_rows_f32_bytes(const struct lw_matrix *matrix, size_t count)
{
    size_t bytes;
    bool fits =
        lw_checked_add(matrix->columns, 1, &bytes) && lw_checked_mul(bytes, count, &bytes) &&
        lw_checked_mul(bytes, sizeof(float), &bytes) && lw_checked_add(bytes, ALIGNMENT, &bytes);
    return fits ? bytes : SIZE_MAX;
}

enum lw_status lw_rows_gather(struct lw_rows *rows, const struct lw_matrix *matrix,
                              const float *weights, struct lw_error *error)
{
    size_t k = matrix->columns;
    enum lw_status status = lw_rows_reserve(rows, lw_rows_f32_bytes(matrix, rows->count), error);
    if (status != LW_OK)
        return status;
    float *to = (float *)(void *)rows->memory, *bias = to + rows->count * k;
    for (size_t i = 0; i < rows->count; i++) {
        memcpy(to + i * k, weights + rows->list[i] * k, k * sizeof *to);
        bias[i] = matrix->bias ? matrix->bias[rows->list[i]] : 0.0f;
    }
    return LW_OK;
}
