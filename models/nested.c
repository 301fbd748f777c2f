#include "models/nested.h"

#include "models/lwm.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void lw_nested_free(struct lw_nested *nested)
{
    lw_model_free(&nested->model);
    free(nested->chunks);
    *nested = (struct lw_nested){0};
}

static const struct lw_code *code_of(const struct lw_nested *nested, const struct lw_chunk *chunk)
{
    return &nested->model.matrices[chunk->matrix].codes[chunk->code];
}

size_t lw_chunk_bytes(const struct lw_nested *nested, const struct lw_chunk *chunk)
{
    const struct lw_code *code = code_of(nested, chunk);
    return code->rows * (code->plane_bytes + code->groups * sizeof(int16_t));
}

/* What a prefix owns. */
struct storage {
    uint32_t *orders;
    void *data;
};

static void release_storage(void *opaque)
{
    struct storage *storage = opaque;
    free(storage->orders);
    free(storage->data);
    free(storage);
}

/* Planes of each code of each matrix in a prefix. */
typedef uint8_t counts[LW_MAX_BITS];

static counts *count_planes(const struct lw_nested *nested, size_t chunks)
{
    counts *planes = calloc(nested->model.matrix_count, sizeof *planes);
    for (size_t i = 0; planes && i < chunks; i++)
        planes[nested->chunks[i].matrix][nested->chunks[i].code]++;
    return planes;
}

/* Codes of one matrix of a prefix: those of the nested model, merged where they have as many
 * planes. `orders` is [2][M], and is used where several codes are left. */
static void shape_matrix(const struct lw_matrix *source, const uint8_t *planes, uint32_t *orders,
                         uint8_t *row_bits, struct lw_matrix *matrix)
{
    const struct lw_code *first = &source->codes[0];
    size_t stored = 0;
    for (size_t c = 0; c < source->code_count; c++)
        for (size_t r = 0; r < source->codes[c].rows; r++, stored++)
            row_bits[source->order ? source->order[stored] : stored] = planes[c];
    lw_matrix_set_rows(matrix, row_bits, orders, orders + matrix->rows);
    lw_matrix_set_scales(matrix, first->group, false, first->exponent);
    matrix->arith = source->arith;
}

/* The prefix without the data of its codes, its vectors and its tokeniser's texts. */
static enum lw_status take_shape(const struct lw_nested *nested, size_t chunks, counts *planes,
                                 struct lw_model *model, struct storage **out,
                                 struct lw_error *error)
{
    const struct lw_model *source = &nested->model;
    size_t rows = 0, most = 0;
    model->tokenizer = source->tokenizer;
    bool taken = lw_config_copy(&source->config, &model->config) &&
                 asprintf(&model->made_by, "%s, %zu of %zu chunks", source->made_by, chunks,
                          nested->chunk_count) >= 0;
    if (!taken)
        return lw_fail(error, LW_FAILED, "out of memory for the model");
    enum lw_status status = lw_model_layout(model, error);
    if (status != LW_OK)
        return status;
    for (size_t i = 0; i < model->matrix_count; i++) {
        rows += model->matrices[i].rows;
        most = model->matrices[i].rows > most ? model->matrices[i].rows : most;
    }
    struct storage *storage = calloc(1, sizeof *storage);
    uint8_t *row_bits = malloc(most);
    model->storage = storage;
    model->release = storage ? release_storage : NULL;
    uint32_t *orders = storage ? storage->orders = calloc(rows, 2 * sizeof *orders) : NULL;
    for (size_t i = 0; orders && row_bits && i < model->matrix_count; i++) {
        shape_matrix(&source->matrices[i], planes[i], orders, row_bits, &model->matrices[i]);
        orders += 2 * model->matrices[i].rows;
    }
    free(row_bits);
    *out = storage;
    return orders && row_bits ? LW_OK : lw_fail(error, LW_FAILED, "out of memory for the model");
}

static const void *copy(uint8_t **at, const void *data, size_t bytes)
{
    void *start = memcpy(*at, data, bytes);
    *at += bytes;
    return start;
}

static void copy_tokenizer(const struct lw_tokenizer_data *source, uint8_t **at,
                           struct lw_tokenizer_data *t)
{
    t->source_spm = copy(at, source->source_spm, source->source_spm_bytes);
    t->source_words = copy(at, source->source_words, source->source_words_bytes);
    t->target_spm = source->target_spm == source->source_spm
                        ? t->source_spm
                        : copy(at, source->target_spm, source->target_spm_bytes);
    t->target_words = source->target_words == source->source_words
                          ? t->source_words
                          : copy(at, source->target_words, source->target_words_bytes);
}

/* Room for vectors, scales, planes and tokeniser, in this order; all but scales and planes are
 * filled. */
static bool take_data(const struct lw_nested *nested, struct storage *storage,
                      struct lw_model *model)
{
    const struct lw_tokenizer_data *t = &nested->model.tokenizer;
    size_t vectors = model->vector_count * sizeof(float), scales = 0, planes = 0;
    for (size_t i = 0; i < model->matrix_count; i++)
        for (size_t c = 0; c < model->matrices[i].code_count; c++) {
            scales += lw_code_scale_bytes(&model->matrices[i].codes[c]);
            planes += lw_code_plane_bytes(&model->matrices[i].codes[c]);
        }
    uint8_t *at = storage->data =
        malloc(vectors + scales + planes + t->source_spm_bytes + t->target_spm_bytes +
               t->source_words_bytes + t->target_words_bytes);
    if (!at)
        return false;
    lw_model_set_vectors(model, copy(&at, nested->model.vectors, vectors));
    uint8_t *plane = at + scales;
    for (size_t i = 0; i < model->matrix_count; i++)
        for (size_t c = 0; c < model->matrices[i].code_count; c++) {
            struct lw_code *code = &model->matrices[i].codes[c];
            code->scales = (const int16_t *)(const void *)at;
            code->planes = plane;
            at += lw_code_scale_bytes(code);
            plane += lw_code_plane_bytes(code);
        }
    copy_tokenizer(t, &plane, &model->tokenizer);
    return true;
}

/* Copies one plane, and the scales where it is the last of its code. */
static void gather(const struct lw_nested *nested, const struct lw_chunk *chunk, unsigned planes,
                   struct lw_matrix *matrix)
{
    const struct lw_matrix *source = &nested->model.matrices[chunk->matrix];
    const struct lw_code *from = code_of(nested, chunk), *to = matrix->codes;
    size_t before = 0, first = 0, set = from->groups * planes * sizeof(int16_t);
    for (const struct lw_code *c = source->codes; c < from; c++)
        before += c->rows;
    for (; to->bits != planes; to++)
        first += to->rows;
    uint8_t *to_planes = (uint8_t *)(uintptr_t)to->planes + chunk->plane * to->plane_bytes;
    uint8_t *to_scales = (uint8_t *)(uintptr_t)to->scales;
    for (size_t r = 0; r < from->rows; r++) {
        size_t row = source->order ? source->order[before + r] : before + r;
        size_t at = (matrix->place ? matrix->place[row] : row) - first;
        memcpy(to_planes + at * planes * to->plane_bytes, chunk->planes + r * from->plane_bytes,
               from->plane_bytes);
        if (chunk->plane + 1 == planes)
            memcpy(to_scales + at * set, (const uint8_t *)chunk->scales + r * set, set);
    }
}

enum lw_status lw_nested_prefix(const struct lw_nested *nested, size_t chunks,
                                struct lw_model *model, struct lw_error *error)
{
    struct storage *storage = NULL;
    *model = (struct lw_model){0};
    counts *planes = count_planes(nested, chunks);
    enum lw_status status = planes ? take_shape(nested, chunks, planes, model, &storage, error)
                                   : lw_fail(error, LW_FAILED, "out of memory for the model");
    if (status == LW_OK && !take_data(nested, storage, model))
        status = lw_fail(error, LW_FAILED, "out of memory for the model");
    for (size_t i = 0; status == LW_OK && i < chunks; i++) {
        const struct lw_chunk *chunk = &nested->chunks[i];
        gather(nested, chunk, planes[chunk->matrix][chunk->code], &model->matrices[chunk->matrix]);
    }
    free(planes);
    if (status != LW_OK)
        lw_model_free(model);
    return status;
}

enum lw_status lw_nested_bytes(const struct lw_nested *nested, size_t chunks, size_t *bytes,
                               struct lw_error *error)
{
    struct lw_model model = {0};
    struct storage *storage;
    struct lw_size size;
    counts *planes = count_planes(nested, chunks);
    enum lw_status status = planes ? take_shape(nested, chunks, planes, &model, &storage, error)
                                   : lw_fail(error, LW_FAILED, "out of memory for the model");
    if (status == LW_OK)
        status = lw_lwm_measure(&model, model.made_by, &size, error);
    if (status == LW_OK)
        *bytes = size.file_bytes - size.tokenizer_bytes;
    free(planes);
    lw_model_free(&model);
    return status;
}

/* From above, as a chunk more can take less: two codes that become one need no list of rows. What
 * chunks alone exceed is passed over without measuring. */
enum lw_status lw_nested_fit(const struct lw_nested *nested, size_t most_bytes, size_t *chunks,
                             size_t *bytes, struct lw_error *error)
{
    size_t least = 0, count = nested->chunk_count;
    for (size_t i = 0; i < count; i++)
        least += lw_chunk_bytes(nested, &nested->chunks[i]);
    for (; count >= nested->smallest; least -= lw_chunk_bytes(nested, &nested->chunks[--count])) {
        if (least > most_bytes && count > nested->smallest)
            continue;
        enum lw_status status = lw_nested_bytes(nested, count, bytes, error);
        if (status != LW_OK)
            return status;
        *chunks = count;
        if (*bytes <= most_bytes)
            return LW_OK;
    }
    return lw_fail(error, LW_INFEASIBLE,
                   "its smallest prefix takes %zu bytes without the tokeniser, more than %zu",
                   *bytes, most_bytes);
}

struct key {
    double rate;  /* gain a byte, at most that of the plane before; infinite for plane 0 */
    size_t index; /* of the chunk */
};

static int compare_keys(const void *a, const void *b)
{
    const struct key *x = a, *y = b;
    if (x->rate > y->rate || x->rate < y->rate)
        return x->rate > y->rate ? -1 : 1;
    return x->index < y->index ? -1 : 1;
}

enum lw_status lw_nested_sort(struct lw_nested *nested, const double *gains, struct lw_error *error)
{
    size_t count = nested->chunk_count;
    struct key *keys = calloc(count, sizeof *keys);
    struct lw_chunk *sorted = calloc(count, sizeof *sorted);
    for (size_t i = 0; keys && i < count; i++) {
        const struct lw_chunk *chunk = &nested->chunks[i];
        double rate = gains[i] / (double)lw_chunk_bytes(nested, chunk);
        keys[i].index = i;
        keys[i].rate = chunk->plane == 0 ? INFINITY : fmin(rate, keys[i - 1].rate);
    }
    if (keys && sorted) {
        qsort(keys, count, sizeof *keys, compare_keys);
        for (size_t i = 0; i < count; i++)
            sorted[i] = nested->chunks[keys[i].index];
        memcpy(nested->chunks, sorted, count * sizeof *sorted);
    }
    enum lw_status status =
        keys && sorted ? LW_OK : lw_fail(error, LW_FAILED, "out of memory for the order of chunks");
    free(keys);
    free(sorted);
    return status;
}
