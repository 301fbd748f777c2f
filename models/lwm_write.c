/* Writing .lwm files: the sections' sizes and checksums first, then everything in one pass. */
#include "models/lwm.h"
#include "models/lwm_layout.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* Where the bytes of a section go: into a checksum, or into a stream. */
struct sink {
    XXH3_state_t *hash;
    FILE *stream;
    uint64_t bytes;
};

/* A failed write leaves its mark on the stream, and lw_writer_commit finds it. */
static void emit(struct sink *sink, const void *data, size_t bytes)
{
    if (bytes == 0)
        return;
    if (sink->hash)
        XXH3_64bits_update(sink->hash, data, bytes);
    if (sink->stream)
        fwrite(data, 1, bytes, sink->stream);
    sink->bytes += bytes;
}

static void emit_row_bits(struct sink *sink, const struct lw_matrix *matrix)
{
    for (size_t row = 0; matrix->order && row < matrix->rows; row += 2) {
        unsigned low = lw_matrix_row_bits(matrix, row);
        unsigned high = row + 1 < matrix->rows ? lw_matrix_row_bits(matrix, row + 1) : 0;
        emit(sink, &(uint8_t){(uint8_t)(low | high << 4)}, 1);
    }
}

static void emit_section(struct sink *sink, enum lwm_kind kind, const struct lw_model *model,
                         const char *meta)
{
    const struct lw_tokenizer_data *t = &model->tokenizer;
    switch (kind) {
    case LWM_META:
        emit(sink, meta, strlen(meta));
        break;
    case LWM_CODES:
        for (size_t i = 0; i < model->matrix_count; i++) {
            const struct lw_matrix *m = &model->matrices[i];
            for (size_t c = 0; c < m->code_count; c++)
                emit(sink, m->codes[c].planes, lw_code_plane_bytes(&m->codes[c]));
        }
        break;
    case LWM_SCALES:
        for (size_t i = 0; i < model->matrix_count; i++) {
            const struct lw_matrix *m = &model->matrices[i];
            for (size_t c = 0; c < m->code_count; c++)
                emit(sink, m->codes[c].scales, lw_code_scale_bytes(&m->codes[c]));
        }
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

static enum lw_status make_head(const struct lw_model *model, const char *meta,
                                struct lwm_head *head, struct lw_error *error)
{
    XXH3_state_t *hash = XXH3_createState();
    if (!hash)
        return lw_fail(error, LW_FAILED, "out of memory");
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
        XXH3_64bits_reset(hash);
        emit_section(&sink, kind, model, meta);
        *section = (struct lwm_section){.kind = kind,
                                        .offset = lwm_align(end),
                                        .bytes = sink.bytes,
                                        .hash = XXH3_64bits_digest(hash)};
        end = section->offset + section->bytes;
        section++;
    }
    head->file_bytes = end;
    head->checksum = lwm_checksum(head);
    XXH3_freeState(hash);
    return LW_OK;
}

static void write_all(FILE *stream, const struct lwm_head *head, const struct lw_model *model,
                      const char *meta)
{
    static const uint8_t zeros[LWM_ALIGN];
    struct sink sink = {.stream = stream};
    emit(&sink, head, lwm_head_bytes(head->section_count));
    for (size_t i = 0; i < head->section_count; i++) {
        emit(&sink, zeros, (size_t)(head->sections[i].offset - sink.bytes));
        emit_section(&sink, head->sections[i].kind, model, meta);
    }
}

enum lw_status lw_lwm_write(const char *path, const struct lw_model *model, const char *made_by,
                            struct lw_error *error)
{
    for (size_t i = 0; i < model->matrix_count; i++)
        if (model->matrices[i].code_count == 0)
            return lw_fail(error, LW_USAGE, "%s: matrix %s is not quantised", path,
                           model->matrices[i].name);
    char *meta = NULL;
    struct lwm_head head;
    struct lw_writer writer = {0};
    enum lw_status status = lwm_meta_write(model, made_by, &meta, error);
    if (status == LW_OK)
        status = make_head(model, meta, &head, error);
    if (status == LW_OK)
        status = lw_writer_open(path, &writer, error);
    if (status == LW_OK) {
        write_all(writer.stream, &head, model, meta);
        status = lw_writer_commit(&writer, error);
    }
    free(meta);
    return status;
}
