#include "runtime/network.h"

#include <math.h>

static void attend_to_source(struct lw_translator *t, size_t count)
{
    size_t d = t->model->config.d_model, heads = t->model->config.encoder_heads;
    float scale = (float)(1.0 / sqrt((double)(d / heads)));
    for (size_t i = 0; i < count; i++) {
        t->key_rows[i] = t->key + i * d;
        t->value_rows[i] = t->value + i * d;
    }
    for (size_t i = 0; i < count; i++)
        t->vector->attend(t->query + i * d, t->key_rows, t->value_rows, count, heads, d / heads,
                          scale, t->weights, t->mixed + i * d);
}

static enum lw_status run_layer(struct lw_translator *t, const struct lw_layer *layer, size_t count,
                                struct lw_error *error)
{
    const struct lw_product group[] = {
        {layer->self.q, t->query}, {layer->self.k, t->key}, {layer->self.v, t->value}};
    enum lw_status status =
        t->backend->multiply(t->backend->self, group, 3, count, t->encoded, error);
    if (status != LW_OK)
        return status;
    attend_to_source(t, count);
    status = lw_attention_end(t, &layer->self, count, t->encoded, error);
    if (status != LW_OK)
        return status;
    return lw_feed_forward(t, layer, count, t->encoded, error);
}

/* The keys and values of the source for all decoder layers: one group, for they read the same
 * input. */
static enum lw_status prepare_cross(struct lw_translator *t, size_t count, struct lw_error *error)
{
    const struct lw_config *config = &t->model->config;
    size_t size = config->positions * config->d_model;
    for (size_t i = 0; i < config->decoder_layers; i++) {
        const struct lw_attention *cross = &t->model->decoder[i].cross;
        t->products[2 * i] = (struct lw_product){cross->k, t->cross_keys + i * size};
        t->products[2 * i + 1] = (struct lw_product){cross->v, t->cross_values + i * size};
    }
    return t->backend->multiply(t->backend->self, t->products, 2 * config->decoder_layers, count,
                                t->encoded, error);
}

enum lw_status lw_encode(struct lw_translator *translator, const int32_t *source, size_t count,
                         const float **output, struct lw_error *error)
{
    const struct lw_model *model = translator->model;
    if (count == 0 || count > model->config.positions)
        return lw_fail(error, LW_USAGE, "%zu source words; the model takes 1 to %zu", count,
                       model->config.positions);
    enum lw_status status = lw_check_words(source, count, model->config.source_words, error);
    if (status != LW_OK)
        return status;
    lw_embed(translator, model->source_embedding, source, count, 0, false, translator->encoded);
    for (size_t i = 0; i < model->config.encoder_layers && status == LW_OK; i++) {
        status = lw_ask_watch(translator, NULL, 0, error);
        if (status == LW_OK)
            status = run_layer(translator, &model->encoder[i], count, error);
    }
    if (status == LW_OK)
        status = prepare_cross(translator, count, error);
    translator->source_count = status == LW_OK ? count : 0;
    *output = translator->encoded;
    return status;
}
