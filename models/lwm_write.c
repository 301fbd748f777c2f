/* Writing .lwm files: the sections' sizes and checksums first, then everything in one pass. */
#include "models/hash.h"
#include "models/lwm.h"
#include "models/lwm_layout.h"

#include <stdlib.h>
#include <string.h>

/* Where the bytes of a section go: into a checksum, into a stream, or nowhere but the count. */
struct sink {
    XXH3_state_t *hash;
    FILE *stream;
    uint64_t bytes;
};

/* In small pieces: one large write makes large pages in the cache of some kernels, which a mapping
 * then holds whole when one byte of them is read. */
enum { PIECE_BYTES = 65536 };

/* A failed write leaves its mark on the stream, and lw_writer_commit finds it. */
static void emit(struct sink *sink, const void *data, size_t bytes)
{
    if (bytes == 0)
        return;
    if (sink->hash)
        XXH3_64bits_update(sink->hash, data, bytes);
    for (size_t at = 0; sink->stream && at < bytes; at += PIECE_BYTES)
        fwrite((const uint8_t *)data + at, 1, bytes - at < PIECE_BYTES ? bytes - at : PIECE_BYTES,
               sink->stream);
    sink->bytes += bytes;
}

/* Planes or scales, of the matrices in order, or of the chunks. */
static void emit_codes(struct sink *sink, enum lwm_kind kind, const struct lw_nested *nested)
{
    const struct lw_model *model = &nested->model;
    for (size_t i = 0; i < nested->chunk_count; i++) {
        const struct lw_chunk *chunk = &nested->chunks[i];
        const struct lw_code *code = &model->matrices[chunk->matrix].codes[chunk->code];
        if (kind == LWM_CODES)
            emit(sink, chunk->planes, code->rows * code->plane_bytes);
        else
            emit(sink, chunk->scales,
                 code->rows * code->groups * (chunk->plane + 1) * sizeof(int16_t));
    }
    for (size_t i = 0; i < model->matrix_count && !nested->chunk_count; i++)
        for (size_t c = 0; c < model->matrices[i].code_count; c++) {
            const struct lw_code *code = &model->matrices[i].codes[c];
            if (kind == LWM_CODES)
                emit(sink, code->planes, lw_code_plane_bytes(code));
            else
                emit(sink, code->scales, lw_code_scale_bytes(code));
        }
}

static void emit_row_bits(struct sink *sink, const struct lw_matrix *matrix)
{
    for (size_t row = 0; matrix->order && row < matrix->rows; row += 2) {
        unsigned low = lw_matrix_row_bits(matrix, row);
        unsigned high = row + 1 < matrix->rows ? lw_matrix_row_bits(matrix, row + 1) : 0;
        emit(sink, &(uint8_t){(uint8_t)(low | high << 4)}, 1);
    }
}

static void emit_section(struct sink *sink, enum lwm_kind kind, const struct lw_nested *nested,
                         const char *meta)
{
    const struct lw_model *model = &nested->model;
    const struct lw_tokenizer_data *t = &model->tokenizer;
    switch (kind) {
    case LWM_META:
        emit(sink, meta, strlen(meta));
        break;
    case LWM_CODES:
    case LWM_SCALES:
        emit_codes(sink, kind, nested);
        break;
    case LWM_ROWS:
        for (size_t i = 0; i < model->matrix_count; i++)
            emit_row_bits(sink, &model->matrices[i]);
        break;
    case LWM_VECTORS:
        emit(sink, model->vectors, model->vector_count * sizeof(float));
        break;
    case LWM_SOURCE_SPM:
        emit(sink, t->source_spm, t->source_spm_bytes);
        break;
    case LWM_TARGET_SPM:
        emit(sink, t->target_spm, t->target_spm_bytes);
        break;
    case LWM_SOURCE_WORDS:
        emit(sink, t->source_words, t->source_words_bytes);
        break;
    case LWM_TARGET_WORDS:
        emit(sink, t->target_words, t->target_words_bytes);
        break;
    }
}

static bool is_present(enum lwm_kind kind, const struct lw_model *model)
{
    const struct lw_tokenizer_data *tokenizer = &model->tokenizer;
    bool mixed = false;
    for (size_t i = 0; i < model->matrix_count; i++)
        mixed = mixed || model->matrices[i].order;
    if (kind == LWM_ROWS)
        return mixed;
    if (kind == LWM_TARGET_SPM)
        return tokenizer->target_spm != tokenizer->source_spm;
    if (kind == LWM_TARGET_WORDS)
        return tokenizer->target_words != tokenizer->source_words;
    return true;
}

/* Hashes are left out where `hash` is NULL: the data is not looked at then. */
static void make_head(const struct lw_nested *nested, const char *meta, XXH3_state_t *hash,
                      struct lwm_head *head)
{
    const struct lw_model *model = &nested->model;
    *head = (struct lwm_head){.version = LW_LWM_VERSION};
    memcpy(head->magic, lwm_magic, sizeof head->magic);
    for (enum lwm_kind kind = LWM_META; kind <= LWM_KINDS; kind++)
        head->section_count += is_present(kind, model);
    struct lwm_section *section = head->sections;
    uint64_t end = lwm_head_bytes(head->section_count);
    for (enum lwm_kind kind = LWM_META; kind <= LWM_KINDS; kind++) {
        if (!is_present(kind, model))
            continue;
        struct sink sink = {.hash = hash};
        if (hash)
            XXH3_64bits_reset(hash);
        emit_section(&sink, kind, nested, meta);
        *section = (struct lwm_section){.kind = kind,
                                        .offset = lwm_align(end),
                                        .bytes = sink.bytes,
                                        .hash = hash ? XXH3_64bits_digest(hash) : 0};
        end = section->offset + section->bytes;
        section++;
    }
    head->file_bytes = end;
    head->checksum = lwm_checksum(head);
}

static void write_all(FILE *stream, const struct lwm_head *head, const struct lw_nested *nested,
                      const char *meta)
{
    static const uint8_t zeros[LWM_ALIGN];
    struct sink sink = {.stream = stream};
    emit(&sink, head, lwm_head_bytes(head->section_count));
    for (size_t i = 0; i < head->section_count; i++) {
        emit(&sink, zeros, (size_t)(head->sections[i].offset - sink.bytes));
        emit_section(&sink, head->sections[i].kind, nested, meta);
    }
}

enum lw_status lw_lwm_write_nested(const char *path, const struct lw_nested *nested,
                                   const char *made_by, struct lw_error *error)
{
    for (size_t i = 0; i < nested->model.matrix_count; i++)
        if (nested->model.matrices[i].code_count == 0)
            return lw_fail(error, LW_USAGE, "%s: matrix %s is not quantised", path,
                           nested->model.matrices[i].name);
    char *meta = NULL;
    struct lwm_head head;
    struct lw_writer writer = {0};
    XXH3_state_t *hash = XXH3_createState();
    enum lw_status status = hash ? lwm_meta_write(nested, made_by, &meta, error)
                                 : lw_fail(error, LW_FAILED, "out of memory");
    if (status == LW_OK)
        status = lw_writer_open(path, &writer, error);
    if (status == LW_OK) {
        make_head(nested, meta, hash, &head);
        write_all(writer.stream, &head, nested, meta);
        status = lw_writer_commit(&writer, error);
    }
    XXH3_freeState(hash);
    free(meta);
    return status;
}

enum lw_status lw_lwm_write(const char *path, const struct lw_model *model, const char *made_by,
                            struct lw_error *error)
{
    struct lw_nested ordinary = {.model = *model};
    return lw_lwm_write_nested(path, &ordinary, made_by, error);
}

static size_t section_bytes(const struct lwm_head *head, enum lwm_kind kind)
{
    const struct lwm_section *section = lwm_find(head, kind);
    return section ? (size_t)section->bytes : 0;
}

void lwm_sum_sizes(const struct lwm_head *head, const struct lw_model *model, struct lw_size *size)
{
    *size = (struct lw_size){.file_bytes = (size_t)head->file_bytes};
    for (enum lwm_kind kind = LWM_SOURCE_SPM; kind <= LWM_TARGET_WORDS; kind++)
        size->tokenizer_bytes += section_bytes(head, kind);
    size->code_bytes = section_bytes(head, LWM_CODES);
    size->scale_bytes = section_bytes(head, LWM_SCALES) + section_bytes(head, LWM_ROWS);
    size->vector_bytes = section_bytes(head, LWM_VECTORS);
    for (size_t i = 0; i < model->matrix_count; i++)
        size->weights += model->matrices[i].rows * model->matrices[i].columns;
}

enum lw_status lw_lwm_measure(const struct lw_model *model, const char *made_by,
                              struct lw_size *size, struct lw_error *error)
{
    struct lw_nested ordinary = {.model = *model};
    char *meta = NULL;
    struct lwm_head head;
    enum lw_status status = lwm_meta_write(&ordinary, made_by, &meta, error);
    if (status == LW_OK) {
        make_head(&ordinary, meta, NULL, &head);
        lwm_sum_sizes(&head, model, size);
    }
    free(meta);
    return status;
}
