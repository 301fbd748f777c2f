/* Products through the generated kernels of a bundle. Tables, or quantised activations, are made
 * once for all products that read them; products of class f32 have none. */
#include "runtime/backend_kernels.h"

#include "models/checked.h"
#include "runtime/expand.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { INPUTS = 8, SPARE_COLUMNS = 16, ALIGNMENT = 64 };

/* The rows of one code for `columns` columns that stand ready; y is that of the first of them. */
static void multiply_code(const struct kernels *k, unsigned index, size_t code, size_t columns,
                          float *y)
{
    const struct lw_packed_matrix *packed = &k->bundle->matrices[index];
    const struct lw_packed_code *rows = &packed->codes[code];
    size_t count = k->model->matrices[index].codes[code].rows;
    size_t table_bytes = rows->input->table_bytes;
    for (size_t n = 0; n < columns;) {
        const struct lw_kernel *kernel = lw_packed_product(rows, columns - n);
        bool whole = kernel->spec.batch <= columns - n;
        float *to = whole ? y + n * count : k->spare;
        kernel->product(rows->keys, rows->scales, rows->bias, k->tables + n * table_bytes,
                        (const uint8_t *)&k->steps[n], (const uint8_t *)&packed->unit,
                        (uint8_t *)to);
        if (!whole)
            memcpy(y + n * count, to, (columns - n) * count * sizeof *y);
        n += kernel->spec.batch;
    }
}

static const struct lw_matrix *matrix_of(const struct kernels *k, const struct lw_product *product)
{
    return &k->model->matrices[product->matrix];
}

static const struct lw_kernel *input_of(const struct kernels *k, const struct lw_product *product,
                                        size_t code)
{
    return k->bundle->matrices[product->matrix].codes[code].input;
}

/* The codes of one product that read `input`. Where rows differ in bits, each code's outputs go to
 * their rows. */
static void multiply_codes(const struct kernels *k, const struct lw_product *product,
                           const struct lw_kernel *input, size_t columns, float *y)
{
    const struct lw_matrix *matrix = matrix_of(k, product);
    const uint32_t *order = matrix->order;
    for (size_t c = 0; c < matrix->code_count; c++) {
        size_t rows = matrix->codes[c].rows;
        bool wanted = input_of(k, product, c) == input;
        if (wanted)
            multiply_code(k, product->matrix, c, columns, order ? k->stored : y);
        for (size_t n = 0; wanted && order && n < columns; n++)
            for (size_t r = 0; r < rows; r++)
                y[n * matrix->rows + order[r]] = k->stored[n * rows + r];
        order = order ? order + rows : NULL;
    }
}

enum lw_status lw_kernels_prepare(struct kernels *k, const struct lw_kernel *input,
                                  const struct lw_matrix *matrix, size_t columns, const float *x,
                                  struct lw_error *error)
{
    for (size_t n = 0; n < columns; n++)
        if (input->tables((const uint8_t *)(x + n * matrix->columns),
                          k->tables + n * input->table_bytes, (uint8_t *)&k->steps[n]))
            return lw_fail(error, LW_FAILED, "matrix %s: its input is not finite", matrix->name);
    return LW_OK;
}

/* All codes that read `input`, which is prepared once for them. */
static enum lw_status multiply_input(struct kernels *k, const struct lw_kernel *input,
                                     const struct lw_product *products, size_t count,
                                     size_t columns, const float *x, struct lw_error *error)
{
    const struct lw_matrix *first = matrix_of(k, products);
    for (size_t done = 0; done < columns; done += k->columns_at_once) {
        size_t now = columns - done < k->columns_at_once ? columns - done : k->columns_at_once;
        enum lw_status status =
            lw_kernels_prepare(k, input, first, now, x + done * first->columns, error);
        if (status != LW_OK)
            return status;
        for (size_t p = 0; p < count; p++) {
            const struct lw_matrix *matrix = matrix_of(k, &products[p]);
            if (matrix->arith != LW_ARITH_F32)
                multiply_codes(k, &products[p], input, now, products[p].y + done * matrix->rows);
        }
    }
    return LW_OK;
}

static bool is_listed(const struct lw_kernel *const *list, size_t count,
                      const struct lw_kernel *kernel)
{
    for (size_t i = 0; i < count; i++)
        if (list[i] == kernel)
            return true;
    return false;
}

static enum lw_status multiply(void *self, const struct lw_product *products, size_t count,
                               size_t columns, const float *x, struct lw_error *error)
{
    struct kernels *k = self;
    const struct lw_kernel *inputs[INPUTS];
    size_t used = 0;
    enum lw_status status = LW_OK;
    for (size_t p = 0; p < count && status == LW_OK; p++) {
        const struct lw_matrix *matrix = matrix_of(k, &products[p]);
        if (matrix->arith == LW_ARITH_F32)
            status = k->f32.multiply(k->f32.self, &products[p], 1, columns, x, error);
        for (size_t c = 0; matrix->arith != LW_ARITH_F32 && c < matrix->code_count; c++) {
            const struct lw_kernel *input = input_of(k, &products[p], c);
            if (status != LW_OK || is_listed(inputs, used, input))
                continue;
            if (used == INPUTS)
                return lw_fail(error, LW_FAILED, "more than %d kinds of inputs in one product",
                               INPUTS);
            inputs[used++] = input;
            status = multiply_input(k, input, products + p, count - p, columns, x, error);
        }
    }
    return status;
}

/* Whether the output product has kernels for chosen rows, or needs none. */
static bool has_parts(const struct lw_model *model, const struct lw_bundle *bundle)
{
    const struct lw_matrix *output = &model->matrices[model->output];
    bool has = true;
    for (size_t c = 0; output->arith != LW_ARITH_F32 && c < output->code_count; c++)
        has = has && bundle->matrices[model->output].codes[c].parts[0];
    return has;
}

static bool let_go(void *self)
{
    const struct kernels *k = self;
    return lw_bundle_let_go(k->bundle);
}

static void close_kernels(void *self)
{
    struct kernels *k = self;
    lw_bundle_drop(k->bundle);
    lw_backend_close(&k->f32);
    free(k->memory);
    free(k->stored);
    free(k->spare);
    free(k);
}

/* What the buffers of a bundle must hold. */
struct sizes {
    size_t columns, input_bytes, mixed_rows, tile_rows;
};

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static struct sizes measure(const struct lw_model *model, const struct lw_bundle *bundle)
{
    struct sizes s = {.columns = 8};
    for (size_t i = 0; i < bundle->kernel_count; i++) {
        const struct lw_kernel *kernel = &bundle->kernels[i];
        s.columns = larger(s.columns, kernel->spec.batch);
        s.input_bytes = larger(s.input_bytes, kernel->table_bytes);
        if (kernel->tiles)
            s.tile_rows = larger(s.tile_rows, kernel->spec.rows);
    }
    for (size_t i = 0; i < model->matrix_count; i++)
        for (size_t c = 0; model->matrices[i].order && c < model->matrices[i].code_count; c++)
            s.mixed_rows = larger(s.mixed_rows, model->matrices[i].codes[c].rows);
    return s;
}

size_t lw_backend_kernels_bytes(const struct lw_model *model, const struct lw_bundle *bundle)
{
    struct sizes s = measure(model, bundle);
    size_t bytes =
        s.columns * s.input_bytes + 64 +
        (s.columns * (s.mixed_rows + 1) + SPARE_COLUMNS * (s.tile_rows + 1)) * sizeof(float);
    return lw_checked_add(bytes, lw_expand_bytes(model, LW_EXPAND_F32), &bytes) ? bytes : SIZE_MAX;
}

enum lw_status lw_backend_kernels(const struct lw_model *model, const struct lw_bundle *bundle,
                                  struct lw_backend *backend, struct lw_error *error)
{
    struct sizes sizes = measure(model, bundle);
    struct kernels *k = calloc(1, sizeof *k);
    if (k) {
        lw_bundle_hold(k->bundle = bundle);
        k->columns_at_once = sizes.columns;
        /* Zeros, for tiles read the inputs of columns that are not there; calloc's pages are not
         * there either before they are used. */
        k->memory = calloc(sizes.columns * sizes.input_bytes + ALIGNMENT, 1);
        if (k->memory)
            k->tables = k->memory + (ALIGNMENT - (uintptr_t)k->memory % ALIGNMENT);
        k->stored = calloc(sizes.columns, (sizes.mixed_rows + 1) * sizeof *k->stored);
        k->spare = calloc(SPARE_COLUMNS, (sizes.tile_rows + 1) * sizeof *k->spare);
    }
    enum lw_status status =
        k && k->memory && k->stored && k->spare
            ? lw_backend_f32_part(model, &k->f32, error)
            : lw_fail(error, LW_FAILED, "out of memory for the inputs of the kernels");
    if (status != LW_OK) {
        if (k)
            close_kernels(k);
        return status;
    }
    k->model = model;
    *backend = (struct lw_backend){.name = "kernels",
                                   .self = k,
                                   .multiply = multiply,
                                   .let_go = let_go,
                                   .close = close_kernels};
    if (has_parts(model, bundle)) {
        backend->gather = lw_kernels_gather;
        backend->multiply_rows = lw_kernels_multiply_rows;
    }
    return LW_OK;
}
