/* Products of chosen rows by the generated kernels of a bundle. */
#include "runtime/backend_kernels.h"

enum { ALIGNMENT = 64 };

/* What lw_rows.memory begins with; then the rows' numbers in their codes, their places in the list,
 * both [count] in the order of the codes, and the packed parts. */
struct gathered {
    size_t counts[LW_MAX_BITS]; /* of each code */
    struct lw_packed_part parts[LW_MAX_BITS];
};

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

enum lw_status lw_kernels_gather(void *self, struct lw_rows *rows, struct lw_error *error)
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

enum lw_status lw_kernels_multiply_rows(void *self, const struct lw_rows *rows, size_t columns,
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
                status =
                    lw_kernels_prepare(k, input, matrix, now, x + done * matrix->columns, error);
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
