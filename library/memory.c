#include "library/parts.h"

#include "models/checked.h"

/* What SentencePiece and our index of words make of a tokeniser, measured as 5 times its bytes with
 * all that malloc takes for it, and what a thread keeps on its stack and in its heap besides the
 * arena. */
enum { TOKENIZER_TIMES = 8, WORKER_BYTES = 256 << 10, MODEL_BYTES = 1 << 20, COLUMNS = 8 };

static size_t add(size_t a, size_t b)
{
    size_t sum;
    return lw_checked_add(a, b, &sum) ? sum : SIZE_MAX;
}

size_t model_memory(const struct lutwidge_model *model, size_t file_bytes)
{
    const struct lw_tokenizer_data *t = &model->model.tokenizer;
    size_t tokenizer = t->source_spm_bytes + t->source_words_bytes;
    if (t->target_spm != t->source_spm)
        tokenizer += t->target_spm_bytes;
    if (t->target_words != t->source_words)
        tokenizer += t->target_words_bytes;
    return add(add(file_bytes, MODEL_BYTES), TOKENIZER_TIMES * tokenizer);
}

/* Scratch memory of the products, and matrices of class f32 that were decoded for them. */
static size_t backend_memory(const struct lutwidge_model *m)
{
    size_t bytes = 0, widest = 0, rows = 0;
    for (size_t i = 0; i < m->model.matrix_count; i++) {
        const struct lw_matrix *matrix = &m->model.matrices[i];
        bool decoded = !matrix->dense && (!m->has_kernels || matrix->arith == LW_ARITH_F32);
        if (decoded)
            bytes = add(bytes, matrix->rows * matrix->columns * sizeof(float));
        rows = matrix->order && matrix->rows > rows ? matrix->rows : rows;
    }
    for (size_t i = 0; i < m->bundle.kernel_count; i++)
        if (m->bundle.kernels[i].table_bytes > widest)
            widest = m->bundle.kernels[i].table_bytes;
    return add(bytes, COLUMNS * (widest + rows * sizeof(float)));
}

enum lw_status worker_memory(const struct lutwidge_model *model, const struct lw_search *search,
                             size_t *bytes, struct lw_error *error)
{
    size_t arena;
    enum lw_status status = lw_translator_measure(&model->model, search, &arena, error);
    if (status == LW_OK)
        *bytes = add(add(arena, backend_memory(model)), WORKER_BYTES);
    return status;
}
