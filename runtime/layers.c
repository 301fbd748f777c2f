#include "models/file.h"
#include "runtime/network.h"

#include <math.h>

/* Rows of words lie far apart, and the system maps 16 pages around each. What was read is let go
 * every few words, or a long text would hold all of the embedding. Not what other memory holds. */
static void let_go(struct lw_translator *t, const struct lw_matrix *matrix, size_t rows)
{
    const struct lw_model *model = t->model;
    t->rows_read += rows;
    if (t->rows_read < LW_ROWS_KEPT || !model->mapped)
        return;
    t->rows_read = 0;
    for (size_t c = 0; c < matrix->code_count; c++) {
        uintptr_t start = (uintptr_t)matrix->codes[c].planes, file = (uintptr_t)model->mapped;
        size_t bytes = lw_code_plane_bytes(&matrix->codes[c]);
        if (start >= file && start + bytes <= file + model->mapped_bytes)
            lw_forget_bytes(matrix->codes[c].planes, bytes);
    }
}

void lw_embed(struct lw_translator *translator, unsigned matrix, const int32_t *words, size_t count,
              size_t position, bool together, float *hidden)
{
    const struct lw_model *model = translator->model;
    size_t d = model->config.d_model;
    float scale = model->config.scale_embedding ? (float)sqrt((double)d) : 1.0f;
    lw_fill_positions(translator, position + (together ? 1 : count));
    for (size_t i = 0; i < count; i++) {
        float *out = hidden + i * d;
        lw_matrix_row(&model->matrices[matrix], (size_t)words[i], out);
        for (size_t j = 0; j < d; j++)
            out[j] *= scale;
        translator->vector->add(translator->positions + (together ? position : position + i) * d,
                                out, d);
    }
    let_go(translator, &model->matrices[matrix], count);
}

static enum lw_status multiply(const struct lw_translator *t, unsigned matrix, size_t count,
                               const float *x, float *y, struct lw_error *error)
{
    struct lw_product product = {matrix, y};
    return t->backend->multiply(t->backend->self, &product, 1, count, x, error);
}

static void add_and_norm(const struct lw_translator *t, const struct lw_norm *norm, size_t count,
                         const float *x, float *hidden)
{
    size_t d = t->model->config.d_model;
    t->vector->add(x, hidden, count * d);
    for (size_t i = 0; i < count; i++)
        t->vector->layer_norm(hidden + i * d, norm->gain, norm->bias, d);
}

enum lw_status lw_attention_end(struct lw_translator *translator,
                                const struct lw_attention *attention, size_t count, float *hidden,
                                struct lw_error *error)
{
    enum lw_status status =
        multiply(translator, attention->o, count, translator->mixed, translator->query, error);
    if (status == LW_OK)
        add_and_norm(translator, &attention->norm, count, translator->query, hidden);
    return status;
}

void lw_activate(const struct lw_vector *vector, enum lw_activation activation, float *x,
                 size_t count)
{
    switch (activation) {
    case LW_SWISH:
        vector->swish(x, count);
        break;
    case LW_RELU:
        vector->relu(x, count);
        break;
    case LW_GELU:
        vector->gelu(x, count);
        break;
    }
}

/* inner layer of up to LW_FFN_COLUMNS columns */
static enum lw_status feed_forward(const struct lw_translator *t, const struct lw_layer *layer,
                                   size_t count, const float *x, float *y, struct lw_error *error)
{
    enum lw_status status = multiply(t, layer->fc1, count, x, t->inner, error);
    if (status != LW_OK)
        return status;
    lw_activate(t->vector, t->model->config.activation, t->inner,
                count * t->model->matrices[layer->fc1].rows);
    return multiply(t, layer->fc2, count, t->inner, y, error);
}

enum lw_status lw_feed_forward(struct lw_translator *translator, const struct lw_layer *layer,
                               size_t count, float *hidden, struct lw_error *error)
{
    size_t d = translator->model->config.d_model;
    float *out = translator->query;
    for (size_t done = 0; done < count; done += LW_FFN_COLUMNS) {
        size_t now = count - done < LW_FFN_COLUMNS ? count - done : LW_FFN_COLUMNS;
        enum lw_status status =
            feed_forward(translator, layer, now, hidden + done * d, out + done * d, error);
        if (status != LW_OK)
            return status;
    }
    add_and_norm(translator, &layer->norm, count, out, hidden);
    return LW_OK;
}

enum lw_status lw_check_words(const int32_t *words, size_t count, size_t limit,
                              struct lw_error *error)
{
    for (size_t i = 0; i < count; i++)
        if (words[i] < 0 || (size_t)words[i] >= limit)
            return lw_fail(error, LW_USAGE, "word %d is outside the vocabulary of %zu words",
                           (int)words[i], limit);
    return LW_OK;
}
