#include "runtime/network.h"

#include <math.h>
#include <string.h>

static void attend(struct lw_translator *t, size_t column, size_t count)
{
    size_t d = t->model->config.d_model, heads = t->model->config.decoder_heads;
    float scale = (float)(1.0 / sqrt((double)(d / heads)));
    t->vector->attend(t->query + column * d, t->key_rows, t->value_rows, count, heads, d / heads,
                      scale, t->weights, t->mixed + column * d);
}

static const uint32_t *cells_of(const struct lw_translator *t, size_t column)
{
    return t->columns[column].line->cells + t->columns[column].beam * t->steps;
}

static enum lw_status attend_to_target(struct lw_translator *t, size_t number, size_t n,
                                       size_t step, struct lw_error *error)
{
    const struct lw_attention *self = &t->model->decoder[number].self;
    size_t d = t->model->config.d_model;
    size_t layer = number * t->steps * t->search.beams * t->most_lines * d;
    float *keys = t->self_keys + layer, *values = t->self_values + layer;
    const struct lw_product group[] = {{self->q, t->query}, {self->k, t->key}, {self->v, t->value}};
    enum lw_status status = t->backend->multiply(t->backend->self, group, 3, n, t->hidden, error);
    if (status != LW_OK)
        return status;
    for (size_t c = 0; c < n; c++) {
        const uint32_t *cells = cells_of(t, c);
        size_t own = cells[step] * d;
        memcpy(keys + own, t->key + c * d, d * sizeof *keys);
        memcpy(values + own, t->value + c * d, d * sizeof *values);
        for (size_t i = 0; i <= step; i++) {
            size_t at = cells[i] * d;
            t->key_rows[i] = keys + at;
            t->value_rows[i] = values + at;
        }
        attend(t, c, step + 1);
    }
    return lw_attention_end(t, self, n, t->hidden, error);
}

static enum lw_status attend_to_source(struct lw_translator *t, size_t number, size_t n,
                                       struct lw_error *error)
{
    const struct lw_attention *cross = &t->model->decoder[number].cross;
    size_t d = t->model->config.d_model;
    const struct lw_product query = {cross->q, t->query};
    enum lw_status status = t->backend->multiply(t->backend->self, &query, 1, n, t->hidden, error);
    if (status != LW_OK)
        return status;
    for (size_t c = 0; c < n; c++) {
        const struct lw_line *line = t->columns[c].line;
        size_t first = (number * t->most_rows + line->source_first) * d;
        for (size_t i = 0; t->columns[c].beam == 0 && i < line->source_count; i++) {
            t->key_rows[i] = t->cross_keys + first + i * d;
            t->value_rows[i] = t->cross_values + first + i * d;
        }
        attend(t, c, line->source_count);
    }
    return lw_attention_end(t, cross, n, t->hidden, error);
}

/* A cell for each column; the first step finds all of them free. */
static void take_cells(struct lw_translator *t, size_t n, size_t step)
{
    if (step == 0) {
        t->free_count = t->used_count = 0;
        t->reorderings = 0;
    }
    for (size_t c = 0; c < n; c++) {
        if (!t->free_count)
            t->needed[t->used_count] = 0;
        t->columns[c].line->cells[t->columns[c].beam * t->steps + step] =
            t->free_count ? t->free_cells[--t->free_count] : (uint32_t)t->used_count++;
    }
}

enum lw_status lw_decode_columns(struct lw_translator *translator, size_t n, size_t step,
                                 struct lw_error *error)
{
    struct lw_translator *t = translator;
    const struct lw_model *model = t->model;
    enum lw_status status = LW_OK;
    take_cells(t, n, step);
    lw_embed(t, model->target_embedding, t->column_words, n, step, true, t->hidden);
    for (size_t i = 0; i < model->config.decoder_layers && status == LW_OK; i++) {
        status = attend_to_target(t, i, n, step, error);
        if (status == LW_OK)
            status = attend_to_source(t, i, n, error);
        if (status == LW_OK)
            status = lw_feed_forward(t, &model->decoder[i], n, t->hidden, error);
    }
    return status;
}

enum lw_status lw_decode_logits(struct lw_translator *translator, const struct lw_rows *rows,
                                size_t first, size_t n, struct lw_error *error)
{
    const struct lw_translator *t = translator;
    const struct lw_product output = {t->model->output, t->logits};
    const float *x = t->hidden + first * t->model->config.d_model;
    return rows ? t->backend->multiply_rows(t->backend->self, rows, n, x, t->logits, error)
                : t->backend->multiply(t->backend->self, &output, 1, n, x, error);
}

enum lw_status lw_decode_step(struct lw_translator *translator, const int32_t *words, size_t n,
                              size_t position, const float **logits, struct lw_error *error)
{
    struct lw_translator *t = translator;
    struct lw_line *line = t->lines;
    if (n == 0 || n > t->search.beams || position >= t->steps || line->source_count == 0)
        return lw_fail(error, LW_USAGE,
                       "step %zu of %zu beams; the translator was opened for %zu and %zu", position,
                       n, t->steps, t->search.beams);
    enum lw_status status = lw_check_words(words, n, t->model->config.target_words, error);
    if (status != LW_OK)
        return status;
    line->decoded = n;
    for (size_t b = 0; b < n; b++) {
        t->columns[b] = (struct lw_column){line, b};
        t->column_words[b] = words[b];
    }
    status = lw_decode_columns(t, n, position, error);
    if (status == LW_OK)
        status = lw_decode_logits(t, NULL, 0, n, error);
    *logits = t->logits;
    return status;
}

void lw_reorder(struct lw_translator *translator, struct lw_line *line, const uint8_t *parents,
                size_t beams, size_t step)
{
    struct lw_translator *t = translator;
    uint32_t *old = line->cells, now = ++t->reorderings;
    for (size_t b = 0; b < beams; b++)
        for (size_t i = 0; i <= step; i++) {
            uint32_t cell = old[parents[b] * t->steps + i];
            line->new_cells[b * t->steps + i] = cell;
            t->needed[cell] = now;
        }
    for (size_t b = 0; b < line->decoded; b++)
        for (size_t i = 0; i <= step; i++) {
            uint32_t cell = old[b * t->steps + i];
            if (t->needed[cell] == now)
                continue;
            t->free_cells[t->free_count++] = cell;
            t->needed[cell] = now; /* beams may have shared it */
        }
    line->cells = line->new_cells;
    line->new_cells = old;
}
