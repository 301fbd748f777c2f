/* Products through the generated kernels of a bundle. Tables, or quantised activations, are made
 * once for all products that read them; products of class f32 have none. */
#include "runtime/backend.h"

#include "gen/registry.h"
#include "models/checked.h"
#include "runtime/expand.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS_AT_ONCE = 64, INPUTS = 8, SPARE_COLUMNS = 16, PART_COLUMNS = 4, ALIGNMENT = 64 };

struct kernels {
    const struct lw_model *model;
    const struct lw_bundle *bundle;
    struct lw_backend f32;  /* for the matrices of this class */
    size_t columns_at_once; /* the largest N of the bundle, at least 8 */
    uint8_t *tables;        /* columns_at_once columns of the widest input, within memory */
    uint8_t *memory;
    float steps[COLUMNS_AT_ONCE];
    float *stored; /* columns_at_once outputs of the largest code of a matrix whose rows differ */
    float *spare;  /* outputs of a kernel of tiles that takes more columns than there are */
    float part[PART_COLUMNS * LW_PART_ROWS]; /* outputs of a block of chosen rows */
};

/* What lw_rows.memory begins with; then the rows' numbers in their codes, their places in the list,
 * both [count] in the order of the codes, and the packed parts. */
struct gathered {
    size_t counts[LW_MAX_BITS]; /* of each code */
    struct lw_packed_part parts[LW_MAX_BITS];
};

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

/* Tables or quantised activations of `columns` columns of what a matrix reads. */
static enum lw_status prepare(struct kernels *k, const struct lw_kernel *input,
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
        enum lw_status status = prepare(k, input, first, now, x + done * first->columns, error);
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

/* Divides the rows among their codes: how many each has, their numbers there, and their places. */
static void divide_rows(const struct lw_rows *rows, const struct lw_matrix *matrix,
                        struct gathered *g, uint32_t *stored, uint32_t *places)
{
    size_t begin = 0, used = 0;
    for (size_t c = 0; c < matrix->code_count; c++) {
        size_t end = begin + matrix->codes[c].rows, before = used;
        for (size_t i = 0; i < rows->count; i++) {
            size_t at = matrix->place ? matrix->place[rows->list[i]] : rows->list[i];
            if (at < begin || at >= end)
                continue;
            stored[used] = (uint32_t)(at - begin);
            places[used++] = (uint32_t)i;
        }
        g->counts[c] = used - before;
        begin = end;
    }
}

static size_t head_bytes(size_t count)
{
    size_t bytes = sizeof(struct gathered) + 2 * count * sizeof(uint32_t);
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

size_t lw_rows_kernels_bytes(const struct lw_model *model, const struct lw_bundle *bundle,
                             unsigned matrix, size_t count)
{
    const struct lw_matrix *of = &model->matrices[matrix];
    if (of->arith == LW_ARITH_F32)
        return lw_rows_f32_bytes(of, count);
    size_t bytes = head_bytes(count);
    for (size_t c = 0; c < of->code_count; c++) {
        size_t rows = of->codes[c].rows < count ? of->codes[c].rows : count;
        bytes += lw_packed_part_bytes(&bundle->matrices[matrix].codes[c], rows);
    }
    return bytes;
}

static enum lw_status gather(void *self, struct lw_rows *rows, struct lw_error *error)
{
    struct kernels *k = self;
    const struct lw_matrix *matrix = &k->model->matrices[rows->matrix];
    if (matrix->arith == LW_ARITH_F32)
        return k->f32.gather(k->f32.self, rows, error);
    const struct lw_packed_matrix *packed = &k->bundle->matrices[rows->matrix];
    size_t bytes = lw_rows_kernels_bytes(k->model, k->bundle, rows->matrix, rows->count);
    enum lw_status status = lw_rows_reserve(rows, bytes, error);
    if (status != LW_OK)
        return status;
    struct gathered *g = (struct gathered *)(void *)rows->memory;
    uint32_t *stored = (uint32_t *)(void *)(g + 1);
    uint8_t *to = rows->memory + head_bytes(rows->count);
    divide_rows(rows, matrix, g, stored, stored + rows->count);
    for (size_t c = 0; c < matrix->code_count; c++) {
        if (g->counts[c])
            lw_packed_part(&packed->codes[c], stored, g->counts[c], to, &g->parts[c]);
        to += lw_packed_part_bytes(&packed->codes[c], g->counts[c]);
        stored += g->counts[c];
    }
    return LW_OK;
}

/* The chosen rows of one code for columns that stand ready; the places are where they go in each
 * column of y[columns][all]. */
static void multiply_part(struct kernels *k, const struct lw_packed_part *part, const float *unit,
                          const uint32_t *places, size_t count, size_t columns, float *y,
                          size_t all)
{
    const struct lw_packed_code *code = &part->code;
    for (size_t n = 0; n < columns;) {
        const struct lw_kernel *kernel = lw_packed_product(code, columns - n);
        size_t now = kernel->spec.batch < columns - n ? kernel->spec.batch : columns - n;
        for (size_t b = 0; b < part->blocks; b++) {
            size_t first = b * LW_PART_ROWS;
            size_t rows = count - first < LW_PART_ROWS ? count - first : LW_PART_ROWS;
            kernel->product(code->keys + b * part->key_bytes, code->scales + b * part->scale_bytes,
                            code->bias + first * sizeof(float),
                            k->tables + n * code->input->table_bytes, (const uint8_t *)&k->steps[n],
                            (const uint8_t *)unit, (uint8_t *)k->part);
            for (size_t c = 0; c < now; c++)
                for (size_t r = 0; r < rows; r++)
                    y[(n + c) * all + places[first + r]] = k->part[c * LW_PART_ROWS + r];
        }
        n += now;
    }
}

static enum lw_status multiply_rows(void *self, const struct lw_rows *rows, size_t columns,
                                    const float *x, float *y, struct lw_error *error)
{
    struct kernels *k = self;
    const struct lw_matrix *matrix = &k->model->matrices[rows->matrix];
    if (matrix->arith == LW_ARITH_F32)
        return k->f32.multiply_rows(k->f32.self, rows, columns, x, y, error);
    const struct gathered *g = (const struct gathered *)(const void *)rows->memory;
    const float *unit = &k->bundle->matrices[rows->matrix].unit;
    for (size_t done = 0, now; done < columns; done += now) {
        now = columns - done < k->columns_at_once ? columns - done : k->columns_at_once;
        const uint32_t *places = (const uint32_t *)(const void *)(g + 1) + rows->count;
        const struct lw_kernel *ready = NULL;
        for (size_t c = 0; c < matrix->code_count; places += g->counts[c++]) {
            const struct lw_kernel *input = g->counts[c] ? g->parts[c].code.input : ready;
            enum lw_status status = LW_OK;
            if (input != ready)
                status = prepare(k, input, matrix, now, x + done * matrix->columns, error);
            if (status != LW_OK)
                return status;
            ready = input;
            if (g->counts[c])
                multiply_part(k, &g->parts[c], unit, places, g->counts[c], now,
                              y + done * rows->count, rows->count);
        }
    }
    return LW_OK;
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

static void close_kernels(void *self)
{
    struct kernels *k = self;
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
    k->bundle = bundle;
    *backend = (struct lw_backend){
        .name = "kernels", .self = k, .multiply = multiply, .close = close_kernels};
    if (has_parts(model, bundle)) {
        backend->gather = gather;
        backend->multiply_rows = multiply_rows;
    }
    return LW_OK;
}
