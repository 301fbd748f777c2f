#include "runtime/network.h"

#include <math.h>

/* Lines that are encoded together: their columns stand one after the other. */
struct group {
    struct lw_line *const *lines;
    size_t count, columns;
};

static void attend_to_line(struct lw_translator *t, size_t first, size_t count)
{
    size_t d = t->model->config.d_model, heads = t->model->config.encoder_heads;
    float scale = (float)(1.0 / sqrt((double)(d / heads)));
    for (size_t i = 0; i < count; i++) {
        t->key_rows[i] = t->key + (first + i) * d;
        t->value_rows[i] = t->value + (first + i) * d;
    }
    for (size_t i = first; i < first + count; i++)
        t->vector->attend(t->query + i * d, t->key_rows, t->value_rows, count, heads, d / heads,
                          scale, t->weights, t->mixed + i * d);
}

static enum lw_status run_layer(struct lw_translator *t, const struct lw_layer *layer,
                                const struct group *g, struct lw_error *error)
{
    const struct lw_product group[] = {
        {layer->self.q, t->query}, {layer->self.k, t->key}, {layer->self.v, t->value}};
    enum lw_status status =
        t->backend->multiply(t->backend->self, group, 3, g->columns, t->encoded, error);
    if (status != LW_OK)
        return status;
    for (size_t i = 0, first = 0; i < g->count; first += g->lines[i++]->source_count)
        attend_to_line(t, first, g->lines[i]->source_count);
    status = lw_attention_end(t, &layer->self, g->columns, t->encoded, error);
    if (status != LW_OK)
        return status;
    return lw_feed_forward(t, layer, g->columns, t->encoded, error);
}

/* The keys and values of the sources for all decoder layers: one group, for they read the same
 * input. */
static enum lw_status prepare_cross(struct lw_translator *t, const struct group *g,
                                    struct lw_error *error)
{
    const struct lw_config *config = &t->model->config;
    size_t first = g->lines[0]->source_first;
    for (size_t i = 0; i < config->decoder_layers; i++) {
        const struct lw_attention *cross = &t->model->decoder[i].cross;
        size_t at = (i * t->most_rows + first) * config->d_model;
        t->products[2 * i] = (struct lw_product){cross->k, t->cross_keys + at};
        t->products[2 * i + 1] = (struct lw_product){cross->v, t->cross_values + at};
    }
    return t->backend->multiply(t->backend->self, t->products, 2 * config->decoder_layers,
                                g->columns, t->encoded, error);
}

static enum lw_status encode_group(struct lw_translator *t, const struct group *g,
                                   const struct lw_request *jobs, struct lw_error *error)
{
    const struct lw_model *model = t->model;
    size_t d = model->config.d_model;
    enum lw_status status = LW_OK;
    lw_begin_encoding(t, g->columns);
    for (size_t i = 0, first = 0; i < g->count; first += jobs[i++].count)
        lw_embed(t, model->source_embedding, jobs[i].source, jobs[i].count, 0, false,
                 t->encoded + first * d);
    for (size_t i = 0; i < model->config.encoder_layers && status == LW_OK; i++) {
        status = lw_ask_watch(t, 0, NULL, 0, error);
        if (status == LW_OK)
            status = run_layer(t, &model->encoder[i], g, error);
    }
    return status == LW_OK ? prepare_cross(t, g, error) : status;
}

enum lw_status lw_encode_lines(struct lw_translator *translator, struct lw_line *const *lines,
                               const struct lw_request *jobs, size_t count, struct lw_error *error)
{
    enum lw_status status = LW_OK;
    for (size_t i = 0, row = 0; i < count; row += jobs[i++].count) {
        lines[i]->source_first = row;
        lines[i]->source_count = jobs[i].count;
    }
    for (size_t done = 0; done < count && status == LW_OK;) {
        struct group g = {.lines = lines + done};
        while (done + g.count < count &&
               g.columns + jobs[done + g.count].count <= translator->most_columns)
            g.columns += jobs[done + g.count++].count;
        status = encode_group(translator, &g, jobs + done, error);
        done += g.count;
    }
    lw_begin_decoding(translator);
    return status;
}

enum lw_status lw_check_source(const struct lw_model *model, const int32_t *source, size_t count,
                               struct lw_error *error)
{
    if (count == 0 || count > model->config.positions)
        return lw_fail(error, LW_USAGE, "%zu source words; the model takes 1 to %zu", count,
                       model->config.positions);
    return lw_check_words(source, count, model->config.source_words, error);
}

enum lw_status lw_encode(struct lw_translator *translator, const int32_t *source, size_t count,
                         const float **output, struct lw_error *error)
{
    struct lw_line *line = translator->lines;
    const struct lw_request job = {.source = source, .count = count};
    translator->stopped = false;
    enum lw_status status = lw_check_source(translator->model, source, count, error);
    if (status != LW_OK)
        return status;
    status = lw_encode_lines(translator, &line, &job, 1, error);
    if (status != LW_OK)
        line->source_count = 0;
    *output = translator->encoded;
    return status;
}
