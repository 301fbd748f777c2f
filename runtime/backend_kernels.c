/* Products through the generated kernels of a bundle. Tables are built once for all products of one
 * input and class; products of class f32 have none. */
#include "runtime/backend.h"

#include "gen/registry.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS_AT_ONCE = 8 };

struct kernels {
    const struct lw_model *model;
    const struct lw_bundle *bundle;
    struct lw_backend f32; /* for the matrices of this class */
    uint8_t *tables;       /* COLUMNS_AT_ONCE columns of the widest input */
    float steps[COLUMNS_AT_ONCE];
    float *stored; /* COLUMNS_AT_ONCE outputs of the largest code of a matrix whose rows differ */
};

/* The rows of one code for `columns` columns whose tables stand ready; y is that of the first of
 * them. */
static void multiply_code(const struct kernels *k, unsigned index, size_t code, size_t columns,
                          size_t table_bytes, float *y)
{
    const struct lw_matrix *matrix = &k->model->matrices[index];
    const struct lw_packed_matrix *packed = &k->bundle->matrices[index];
    const struct lw_packed_code *rows = &packed->codes[code];
    for (size_t n = 0; n < columns;) {
        const struct lw_kernel *kernel = lw_packed_product(rows, columns - n);
        kernel->product(rows->keys, rows->scales, rows->bias, k->tables + n * table_bytes,
                        (const uint8_t *)&k->steps[n], (const uint8_t *)&packed->unit,
                        (uint8_t *)(y + n * matrix->codes[code].rows));
        n += kernel->spec.batch;
    }
}

/* One product. Where rows differ in bits, each code's outputs go to their rows. */
static void product(const struct kernels *k, unsigned index, size_t columns, size_t table_bytes,
                    float *y)
{
    const struct lw_matrix *matrix = &k->model->matrices[index];
    const uint32_t *order = matrix->order;
    if (!order) {
        multiply_code(k, index, 0, columns, table_bytes, y);
        return;
    }
    for (size_t c = 0; c < matrix->code_count; c++) {
        size_t rows = matrix->codes[c].rows;
        multiply_code(k, index, c, columns, table_bytes, k->stored);
        for (size_t n = 0; n < columns; n++)
            for (size_t r = 0; r < rows; r++)
                y[n * matrix->rows + order[r]] = k->stored[n * rows + r];
        order += rows;
    }
}

static const struct lw_matrix *matrix_of(const struct kernels *k, const struct lw_product *product)
{
    return &k->model->matrices[product->matrix];
}

/* The products of the first one's class. The tables of a column serve them all. */
static enum lw_status multiply_class(struct kernels *k, const struct lw_product *products,
                                     size_t count, size_t columns, const float *x,
                                     struct lw_error *error)
{
    const struct lw_matrix *first = matrix_of(k, products);
    const struct lw_kernel *tables = k->bundle->matrices[products->matrix].tables;
    for (size_t done = 0; done < columns; done += COLUMNS_AT_ONCE) {
        size_t now = columns - done < COLUMNS_AT_ONCE ? columns - done : COLUMNS_AT_ONCE;
        for (size_t n = 0; n < now; n++)
            if (tables->tables((const uint8_t *)(x + (done + n) * first->columns),
                               k->tables + n * tables->table_bytes, (uint8_t *)&k->steps[n]))
                return lw_fail(error, LW_FAILED, "matrix %s: its input is not finite", first->name);
        for (size_t p = 0; p < count; p++) {
            const struct lw_matrix *matrix = matrix_of(k, &products[p]);
            if (matrix->arith == first->arith)
                product(k, products[p].matrix, now, tables->table_bytes,
                        products[p].y + done * matrix->rows);
        }
    }
    return LW_OK;
}

static enum lw_status multiply(void *self, const struct lw_product *products, size_t count,
                               size_t columns, const float *x, struct lw_error *error)
{
    struct kernels *k = self;
    bool done[LW_ARITHS] = {false};
    enum lw_status status = LW_OK;
    for (size_t p = 0; p < count && status == LW_OK; p++) {
        enum lw_arith arith = matrix_of(k, &products[p])->arith;
        if (arith == LW_ARITH_F32)
            status = k->f32.multiply(k->f32.self, &products[p], 1, columns, x, error);
        else if (!done[arith])
            status = multiply_class(k, products + p, count - p, columns, x, error);
        done[arith] = true;
    }
    return status;
}

static void close_kernels(void *self)
{
    struct kernels *k = self;
    lw_backend_close(&k->f32);
    free(k->tables);
    free(k->stored);
    free(k);
}

enum lw_status lw_backend_kernels(const struct lw_model *model, const struct lw_bundle *bundle,
                                  struct lw_backend *backend, struct lw_error *error)
{
    size_t widest = 0, rows = 1;
    for (size_t i = 0; i < bundle->kernel_count; i++)
        if (bundle->kernels[i].spec.rows == 0 && bundle->kernels[i].table_bytes > widest)
            widest = bundle->kernels[i].table_bytes;
    for (size_t i = 0; i < model->matrix_count; i++)
        for (size_t c = 0; model->matrices[i].order && c < model->matrices[i].code_count; c++)
            rows =
                model->matrices[i].codes[c].rows > rows ? model->matrices[i].codes[c].rows : rows;
    struct kernels *k = calloc(1, sizeof *k);
    if (k) {
        k->tables = aligned_alloc(64, (COLUMNS_AT_ONCE * widest + 63) & ~(size_t)63);
        k->stored = calloc(COLUMNS_AT_ONCE * rows, sizeof *k->stored);
    }
    enum lw_status status =
        k && k->tables && k->stored
            ? lw_backend_f32_part(model, &k->f32, error)
            : lw_fail(error, LW_FAILED, "out of memory for the tables of the kernels");
    if (status != LW_OK) {
        if (k)
            close_kernels(k);
        return status;
    }
    k->model = model;
    k->bundle = bundle;
    *backend = (struct lw_backend){"kernels", k, multiply, close_kernels};
    return LW_OK;
}
