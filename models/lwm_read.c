/* Opening .lwm files: a verified mapping, and views into it. */
#include "models/lwm.h"
#include "models/lwm_layout.h"

#include "models/checked.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* What an opened model owns. */
struct storage {
    struct lw_mapping mapping;
    uint32_t *rows; /* order and place of the matrices whose rows differ in bits */
};

static void release_storage(void *storage)
{
    struct storage *owned = storage;
    lw_unmap_file(&owned->mapping);
    free(owned->rows);
    free(owned);
}

/* A file on its way to becoming a model. */
struct opening {
    const char *path;
    struct storage *storage;
    struct lwm_head head;
    struct lw_nested *nested;
    struct lw_model *model; /* of `nested` */
    struct lw_error *error;
};

/* LW_CORRUPT, with the file and the section at fault before the reason. */
static enum lw_status __attribute__((format(printf, 3, 4)))
refuse(const struct opening *o, enum lwm_kind kind, const char *format, ...)
{
    char reason[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    return lw_fail(o->error, LW_CORRUPT, "%s: section %s: %s", o->path, lwm_kind_name(kind),
                   reason);
}

static const uint8_t *section_data(const struct opening *o, enum lwm_kind kind, size_t *bytes)
{
    const struct lwm_section *section = lwm_find(&o->head, kind);
    *bytes = section ? (size_t)section->bytes : 0;
    return section ? o->storage->mapping.data + section->offset : NULL;
}

/* Takes the next bytes of a section; false where it ends before them. */
static bool take(const uint8_t **at, size_t *left, size_t bytes, const uint8_t **out)
{
    if (bytes > *left)
        return false;
    *out = *at;
    *at += bytes;
    *left -= bytes;
    return true;
}

/* The sections of codes and scales, from where nothing is taken yet. */
struct places {
    const uint8_t *data[2];
    size_t left[2];
};

/* Takes planes for all rows of a code, and scales [rows][row_scales]. */
static enum lw_status place_code(const struct opening *o, const struct lw_matrix *matrix,
                                 const struct lw_code *code, unsigned planes, size_t row_scales,
                                 struct places *places, const uint8_t **out_planes,
                                 const int16_t **out_scales)
{
    size_t values, bytes;
    const uint8_t *scales;
    if (!lw_checked_mul(code->rows, planes, &values) ||
        !lw_checked_mul(values, code->plane_bytes, &bytes) ||
        !take(&places->data[0], &places->left[0], bytes, out_planes))
        return refuse(o, LWM_CODES, "too short: ends inside matrix %s", matrix->name);
    if (!lw_checked_mul(code->rows, row_scales, &values) ||
        !lw_checked_mul(values, sizeof(int16_t), &bytes) ||
        !take(&places->data[1], &places->left[1], bytes, &scales))
        return refuse(o, LWM_SCALES, "too short: ends inside matrix %s", matrix->name);
    *out_scales = (const int16_t *)(const void *)scales;
    return LW_OK;
}

static enum lw_status place_codes(const struct opening *o, struct places *places)
{
    enum lw_status status = LW_OK;
    for (size_t i = 0; i < o->model->matrix_count; i++) {
        struct lw_matrix *matrix = &o->model->matrices[i];
        for (size_t c = 0; c < matrix->code_count && status == LW_OK; c++) {
            struct lw_code *code = &matrix->codes[c];
            status = place_code(o, matrix, code, code->bits, lw_code_row_scales(code), places,
                                &code->planes, &code->scales);
        }
    }
    return status;
}

static enum lw_status place_chunks(const struct opening *o, struct places *places)
{
    enum lw_status status = LW_OK;
    for (size_t i = 0; i < o->nested->chunk_count && status == LW_OK; i++) {
        struct lw_chunk *chunk = &o->nested->chunks[i];
        const struct lw_matrix *matrix = &o->model->matrices[chunk->matrix];
        const struct lw_code *code = &matrix->codes[chunk->code];
        status = place_code(o, matrix, code, 1, code->groups * (chunk->plane + 1), places,
                            &chunk->planes, &chunk->scales);
    }
    return status;
}

/* Points the matrices, or the chunks, into the codes and scales sections, which must be exactly as
 * long as their shapes say. */
static enum lw_status place_matrices(const struct opening *o)
{
    size_t left[2];
    const uint8_t *codes = section_data(o, LWM_CODES, &left[0]);
    struct places places = {{codes, section_data(o, LWM_SCALES, &left[1])}, {left[0], left[1]}};
    enum lw_status status =
        o->nested->chunk_count ? place_chunks(o, &places) : place_codes(o, &places);
    if (status != LW_OK)
        return status;
    if (places.left[0] > 0)
        return refuse(o, LWM_CODES, "%zu bytes longer than its matrices", places.left[0]);
    if (places.left[1] > 0)
        return refuse(o, LWM_SCALES, "%zu bytes longer than its matrices", places.left[1]);
    return LW_OK;
}

/* Where uniform scales are largest, their planes must fit the mantissas of kernels. */
static enum lw_status check_uniform_scales(const struct opening *o)
{
    for (size_t i = 0; i < o->model->matrix_count; i++)
        for (size_t c = 0; c < o->model->matrices[i].code_count; c++) {
            const struct lw_code *code = &o->model->matrices[i].codes[c];
            size_t count = code->uniform ? code->rows * code->groups : 0;
            for (size_t s = 0; s < count; s++)
                if (abs(code->scales[s] * (1 << (code->bits - 1))) > INT16_MAX)
                    return refuse(o, LWM_SCALES, "matrix %s has a uniform scale that is too large",
                                  o->model->matrices[i].name);
        }
    return LW_OK;
}

/* Reads the bits of the rows of one matrix, which must be those that its codes count. */
static enum lw_status place_rows_of(const struct opening *o, struct lw_matrix *matrix,
                                    const uint8_t *nibbles, uint32_t *order, uint32_t *place)
{
    size_t counts[LW_MAX_BITS + 1] = {0};
    for (size_t i = 0; i < matrix->code_count; i++)
        counts[matrix->codes[i].bits] = matrix->codes[i].rows;
    for (size_t row = 0; row < matrix->rows; row++) {
        unsigned bits = nibbles[row / 2] >> 4 * (row % 2) & 15;
        if (bits > LW_MAX_BITS || counts[bits] == 0)
            return refuse(o, LWM_ROWS, "matrix %s: row %zu has %u bits, or too many rows have",
                          matrix->name, row, bits);
        counts[bits]--;
    }
    if (matrix->rows % 2 && nibbles[matrix->rows / 2] >> 4)
        return refuse(o, LWM_ROWS, "matrix %s has padding that is not zero", matrix->name);
    uint32_t first[LW_MAX_BITS + 1] = {0}, stored = 0;
    for (size_t i = 0; i < matrix->code_count; i++) {
        first[matrix->codes[i].bits] = stored;
        stored += (uint32_t)matrix->codes[i].rows;
    }
    for (size_t row = 0; row < matrix->rows; row++) {
        uint32_t at = first[nibbles[row / 2] >> 4 * (row % 2) & 15]++;
        order[at] = (uint32_t)row;
        place[row] = at;
    }
    matrix->order = order;
    matrix->place = place;
    return LW_OK;
}

static enum lw_status place_rows(const struct opening *o)
{
    size_t left, mixed = 0;
    const uint8_t *data = section_data(o, LWM_ROWS, &left), *nibbles;
    for (size_t i = 0; i < o->model->matrix_count; i++)
        mixed += o->model->matrices[i].code_count > 1 ? o->model->matrices[i].rows : 0;
    uint32_t *at = o->storage->rows = calloc(mixed ? 2 * mixed : 1, sizeof *at);
    if (!at)
        return lw_fail(o->error, LW_FAILED, "out of memory");
    for (size_t i = 0; i < o->model->matrix_count; i++) {
        struct lw_matrix *matrix = &o->model->matrices[i];
        if (matrix->code_count < 2)
            continue;
        if (!data || !take(&data, &left, (matrix->rows + 1) / 2, &nibbles))
            return refuse(o, LWM_ROWS, "ends before matrix %s", matrix->name);
        enum lw_status status = place_rows_of(o, matrix, nibbles, at, at + matrix->rows);
        if (status != LW_OK)
            return status;
        at += 2 * matrix->rows;
    }
    if (left > 0 || (data && !mixed))
        return refuse(o, LWM_ROWS, "%zu bytes that no matrix needs", left);
    return LW_OK;
}

static enum lw_status check_padding_of(const struct opening *o, const struct lw_matrix *matrix,
                                       const uint8_t *planes, size_t count)
{
    size_t used = matrix->columns % 8, plane_bytes = matrix->codes[0].plane_bytes;
    for (size_t p = 1; used > 0 && p <= count; p++)
        if (planes[p * plane_bytes - 1] >> used != 0)
            return refuse(o, LWM_CODES, "matrix %s has padding bits that are not zero",
                          matrix->name);
    return LW_OK;
}

/* Only planes that end within a byte are looked at, so that other pages stay untouched. */
static enum lw_status check_padding_bits(const struct opening *o)
{
    enum lw_status status = LW_OK;
    for (size_t i = 0; i < o->nested->chunk_count && status == LW_OK; i++) {
        const struct lw_chunk *chunk = &o->nested->chunks[i];
        const struct lw_matrix *matrix = &o->model->matrices[chunk->matrix];
        status = check_padding_of(o, matrix, chunk->planes, matrix->codes[chunk->code].rows);
    }
    for (size_t i = 0; i < o->model->matrix_count && !o->nested->chunk_count; i++) {
        const struct lw_matrix *matrix = &o->model->matrices[i];
        for (size_t c = 0; c < matrix->code_count && status == LW_OK; c++)
            status = check_padding_of(o, matrix, matrix->codes[c].planes,
                                      matrix->codes[c].rows * matrix->codes[c].bits);
    }
    return status;
}

static enum lw_status place_vectors(const struct opening *o)
{
    size_t bytes, needed = o->model->vector_count * sizeof(float);
    const uint8_t *data = section_data(o, LWM_VECTORS, &bytes);
    if (bytes != needed)
        return refuse(o, LWM_VECTORS, "%zu bytes where %zu are needed", bytes, needed);
    lw_model_set_vectors(o->model, (const float *)(const void *)data);
    return LW_OK;
}

static enum lw_status check_words(const struct opening *o, enum lwm_kind kind, const uint8_t *words,
                                  size_t bytes, size_t count)
{
    size_t found = 0;
    for (size_t i = 0; i < bytes; i++)
        found += words[i] == 0;
    if (found != count || bytes == 0 || words[bytes - 1] != 0)
        return refuse(o, kind, "%zu words where the configuration has %zu", found, count);
    return LW_OK;
}

static enum lw_status place_tokenizer(const struct opening *o)
{
    struct lw_tokenizer_data *t = &o->model->tokenizer;
    enum lwm_kind target_words = LWM_TARGET_WORDS;
    t->source_spm = section_data(o, LWM_SOURCE_SPM, &t->source_spm_bytes);
    t->target_spm = section_data(o, LWM_TARGET_SPM, &t->target_spm_bytes);
    t->source_words = section_data(o, LWM_SOURCE_WORDS, &t->source_words_bytes);
    t->target_words = section_data(o, LWM_TARGET_WORDS, &t->target_words_bytes);
    if (!t->target_spm) {
        t->target_spm = t->source_spm;
        t->target_spm_bytes = t->source_spm_bytes;
    }
    if (!t->target_words) {
        target_words = LWM_SOURCE_WORDS;
        t->target_words = t->source_words;
        t->target_words_bytes = t->source_words_bytes;
    }
    enum lw_status status = check_words(o, LWM_SOURCE_WORDS, t->source_words, t->source_words_bytes,
                                        o->model->config.source_words);
    return status != LW_OK ? status
                           : check_words(o, target_words, t->target_words, t->target_words_bytes,
                                         o->model->config.target_words);
}

static enum lw_status place_all(const struct opening *o)
{
    size_t bytes;
    const char *meta = (const char *)section_data(o, LWM_META, &bytes);
    struct lw_error reason = {0};
    enum lw_status status = lwm_meta_read(meta, bytes, o->nested, &reason);
    if (status != LW_OK)
        return lw_fail(o->error, status, "%s: section %s: %s", o->path, lwm_kind_name(LWM_META),
                       reason.text);
    status = place_matrices(o);
    if (status == LW_OK)
        status = check_uniform_scales(o);
    if (status == LW_OK)
        status = place_rows(o);
    if (status == LW_OK)
        status = check_padding_bits(o);
    if (status == LW_OK)
        status = place_vectors(o);
    return status == LW_OK ? place_tokenizer(o) : status;
}

/* `bytes`: where it is there already; NULL: a file. */
static enum lw_status open_from(const char *path, const struct lw_mapping *bytes,
                                struct lw_nested *nested, struct lwm_head *head,
                                struct lw_error *error)
{
    *nested = (struct lw_nested){0};
    struct opening o = {.path = path, .nested = nested, .model = &nested->model, .error = error};
    o.storage = calloc(1, sizeof *o.storage);
    if (!o.storage)
        return lw_fail(error, LW_FAILED, "out of memory");
    o.model->storage = o.storage;
    o.model->release = release_storage;
    enum lw_status status = LW_OK;
    if (bytes)
        o.storage->mapping = *bytes;
    else
        status = lw_map_file(path, &o.storage->mapping, error);
    if (status == LW_OK)
        status = lwm_verify(path, &o.storage->mapping, &o.head, error);
    o.model->checksum = o.head.checksum;
    o.model->mapped = o.storage->mapping.data;
    o.model->mapped_bytes = o.storage->mapping.size;
    if (status == LW_OK)
        status = place_all(&o);
    if (status != LW_OK)
        lw_nested_free(nested);
    *head = o.head;
    return status;
}

enum lw_status lw_lwm_open_nested(const char *path, struct lw_nested *nested,
                                  struct lw_error *error)
{
    struct lwm_head head;
    return open_from(path, NULL, nested, &head, error);
}

enum lw_status lw_lwm_open(const char *path, struct lw_model *model, struct lw_error *error)
{
    return lw_lwm_open_bytes(path, NULL, model, error);
}

enum lw_status lw_lwm_open_bytes(const char *name, const struct lw_mapping *bytes,
                                 struct lw_model *model, struct lw_error *error)
{
    struct lw_nested nested;
    struct lwm_head head;
    *model = (struct lw_model){0};
    enum lw_status status = open_from(name, bytes, &nested, &head, error);
    if (status != LW_OK)
        return status;
    if (nested.chunk_count) {
        status = lw_nested_prefix(&nested, nested.chunk_count, model, error);
    } else {
        *model = nested.model;
        nested.model = (struct lw_model){0};
    }
    lw_nested_free(&nested);
    return status;
}

enum lw_status lw_lwm_size(const char *path, struct lw_size *size, struct lw_error *error)
{
    struct lw_nested nested;
    struct lwm_head head;
    *size = (struct lw_size){0};
    enum lw_status status = open_from(path, NULL, &nested, &head, error);
    if (status != LW_OK)
        return status;
    lwm_sum_sizes(&head, &nested.model, size);
    lw_nested_free(&nested);
    return LW_OK;
}
