/* Class f32: fp32 products in the fixed lane order of runtime/vector.h. */
#include "runtime/backend.h"

#include "runtime/expand.h"
#include "runtime/vector.h"

#include <stdlib.h>

struct f32 {
    const struct lw_model *model;
    const struct lw_vector *vector;
    struct lw_expanded expanded;
};

static enum lw_status multiply(void *self, const struct lw_product *products, size_t count,
                               size_t columns, const float *x, struct lw_error *error)
{
    (void)error;
    const struct f32 *f32 = self;
    for (size_t i = 0; i < count; i++) {
        const struct lw_matrix *matrix = &f32->model->matrices[products[i].matrix];
        f32->vector->product(f32->expanded.weights[products[i].matrix], matrix->bias, x,
                             products[i].y, matrix->rows, matrix->columns, columns);
    }
    return LW_OK;
}

static enum lw_status gather(void *self, struct lw_rows *rows, struct lw_error *error)
{
    const struct f32 *f32 = self;
    return lw_rows_gather(rows, &f32->model->matrices[rows->matrix],
                          f32->expanded.weights[rows->matrix], error);
}

static enum lw_status multiply_rows(void *self, const struct lw_rows *rows, size_t columns,
                                    const float *x, float *y, struct lw_error *error)
{
    (void)error;
    const struct f32 *f32 = self;
    const struct lw_matrix *matrix = &f32->model->matrices[rows->matrix];
    f32->vector->product((const float *)(const void *)rows->memory, lw_rows_bias(rows, matrix), x,
                         y, rows->count, matrix->columns, columns);
    return LW_OK;
}

static void close_f32(void *self)
{
    struct f32 *f32 = self;
    lw_expanded_free(&f32->expanded);
    free(f32);
}

static enum lw_status open_f32(const struct lw_model *model, enum lw_expand which,
                               struct lw_backend *backend, struct lw_error *error)
{
    struct f32 *f32 = malloc(sizeof *f32);
    if (!f32)
        return lw_fail(error, LW_FAILED, "out of memory for the products of class f32");
    *f32 = (struct f32){.model = model, .vector = lw_vector_host()};
    enum lw_status status = lw_expand(model, which, &f32->expanded, error);
    if (status != LW_OK) {
        free(f32);
        return status;
    }
    *backend = (struct lw_backend){.name = "f32",
                                   .self = f32,
                                   .multiply = multiply,
                                   .close = close_f32,
                                   .gather = gather,
                                   .multiply_rows = multiply_rows};
    return LW_OK;
}

enum lw_status lw_backend_f32(const struct lw_model *model, struct lw_backend *backend,
                              struct lw_error *error)
{
    return open_f32(model, LW_EXPAND_ALL, backend, error);
}

enum lw_status lw_backend_f32_part(const struct lw_model *model, struct lw_backend *backend,
                                   struct lw_error *error)
{
    return open_f32(model, LW_EXPAND_F32, backend, error);
}

size_t lw_backend_f32_bytes(const struct lw_model *model)
{
    return lw_expand_bytes(model, LW_EXPAND_ALL);
}
