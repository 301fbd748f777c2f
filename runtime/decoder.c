#include "runtime/network.h"

#include <math.h>
#include <string.h>

static void attend(struct lw_translator *t, size_t beam, size_t count)
{
    size_t d = t->model->config.d_model, heads = t->model->config.decoder_heads;
    float scale = (float)(1.0 / sqrt((double)(d / heads)));
    t->vector->attend(t->query + beam * d, t->key_rows, t->value_rows, count, heads, d / heads,
                      scale, t->weights, t->mixed + beam * d);
}

static enum lw_status attend_to_target(struct lw_translator *t, size_t number, size_t n,
                                       size_t step, struct lw_error *error)
{
    const struct lw_attention *self = &t->model->decoder[number].self;
    size_t d = t->model->config.d_model, row = t->search.beams * d;
    float *keys = t->self_keys + number * t->steps * row;
    float *values = t->self_values + number * t->steps * row;
    const struct lw_product group[] = {
        {self->q, t->query}, {self->k, keys + step * row}, {self->v, values + step * row}};
    enum lw_status status = t->backend->multiply(t->backend->self, group, 3, n, t->hidden, error);
    if (status != LW_OK)
        return status;
    for (size_t b = 0; b < n; b++) {
        for (size_t i = 0; i <= step; i++) {
            size_t at = i * row + t->slots[b * t->steps + i] * d;
            t->key_rows[i] = keys + at;
            t->value_rows[i] = values + at;
        }
        attend(t, b, step + 1);
    }
    return lw_attention_end(t, self, n, t->hidden, error);
}

static enum lw_status attend_to_source(struct lw_translator *t, size_t number, size_t n,
                                       struct lw_error *error)
{
    const struct lw_attention *cross = &t->model->decoder[number].cross;
    size_t d = t->model->config.d_model, first = number * t->model->config.positions * d;
    const struct lw_product query = {cross->q, t->query};
    enum lw_status status = t->backend->multiply(t->backend->self, &query, 1, n, t->hidden, error);
    if (status != LW_OK)
        return status;
    for (size_t i = 0; i < t->source_count; i++) {
        t->key_rows[i] = t->cross_keys + first + i * d;
        t->value_rows[i] = t->cross_values + first + i * d;
    }
    for (size_t b = 0; b < n; b++)
        attend(t, b, t->source_count);
    return lw_attention_end(t, cross, n, t->hidden, error);
}

enum lw_status lw_decode_step(struct lw_translator *translator, const int32_t *words, size_t n,
                              size_t position, const float **logits, struct lw_error *error)
{
    struct lw_translator *t = translator;
    const struct lw_model *model = t->model;
    if (n == 0 || n > t->search.beams || position >= t->steps || t->source_count == 0)
        return lw_fail(error, LW_USAGE,
                       "step %zu of %zu beams; the translator was opened for %zu and %zu", position,
                       n, t->steps, t->search.beams);
    enum lw_status status = lw_check_words(words, n, model->config.target_words, error);
    if (status != LW_OK)
        return status;
    for (size_t b = 0; b < n; b++)
        t->slots[b * t->steps + position] = (uint8_t)b;
    lw_embed(t, model->target_embedding, words, n, position, true, t->hidden);
    for (size_t i = 0; i < model->config.decoder_layers && status == LW_OK; i++) {
        status = attend_to_target(t, i, n, position, error);
        if (status == LW_OK)
            status = attend_to_source(t, i, n, error);
        if (status == LW_OK)
            status = lw_feed_forward(t, &model->decoder[i], n, t->hidden, error);
    }
    const struct lw_product output = {model->output, t->logits};
    if (status == LW_OK)
        status = t->backend->multiply(t->backend->self, &output, 1, n, t->hidden, error);
    *logits = t->logits;
    return status;
}

void lw_reorder(struct lw_translator *translator, const uint8_t *parents, size_t beams, size_t step)
{
    struct lw_translator *t = translator;
    for (size_t b = 0; b < beams; b++)
        memcpy(t->new_slots + b * t->steps, t->slots + parents[b] * t->steps, step + 1);
    uint8_t *old = t->slots;
    t->slots = t->new_slots;
    t->new_slots = old;
}
