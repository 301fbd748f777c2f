/* Products through the generated kernels of a bundle. Tables are built once for all products of one
 * input. */
#include "runtime/backend.h"

#include "gen/registry.h"

#include <stdlib.h>
#include <string.h>

enum { COLUMNS_AT_ONCE = 8 };

struct kernels {
    const struct lw_model *model;
    const struct lw_bundle *bundle;
    uint8_t *tables; /* COLUMNS_AT_ONCE columns of the widest input */
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
        const struct lw_kernel *kernel = lw_bundle_product(k->bundle, matrix, code, columns - n);
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

static enum lw_status multiply(void *self, const struct lw_product *products, size_t count,
                               size_t columns, const float *x, struct lw_error *error)
{
    struct kernels *k = self;
    const struct lw_matrix *first = &k->model->matrices[products[0].matrix];
    const struct lw_kernel *tables = lw_bundle_tables(k->bundle, first->columns);
    for (size_t done = 0; done < columns; done += COLUMNS_AT_ONCE) {
        size_t now = columns - done < COLUMNS_AT_ONCE ? columns - done : COLUMNS_AT_ONCE;
        for (size_t n = 0; n < now; n++)
            if (tables->tables((const uint8_t *)(x + (done + n) * first->columns),
                               k->tables + n * tables->table_bytes, (uint8_t *)&k->steps[n]))
                return lw_fail(error, LW_FAILED, "matrix %s: its input is not finite", first->name);
        for (size_t p = 0; p < count; p++) {
            size_t rows = k->model->matrices[products[p].matrix].rows;
            product(k, products[p].matrix, now, tables->table_bytes, products[p].y + done * rows);
        }
    }
    return LW_OK;
}

static void close_kernels(void *self)
{
    struct kernels *k = self;
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
    if (!k || !k->tables || !k->stored) {
        if (k)
            close_kernels(k);
        return lw_fail(error, LW_FAILED, "out of memory for the tables of the kernels");
    }
    k->model = model;
    k->bundle = bundle;
    *backend = (struct lw_backend){"kernels", k, multiply, close_kernels};
    return LW_OK;
}
