#include "models/transformer.h"

#include "models/checked.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Far above any model; keep a lying file from reserving memory for layers that it does not have,
 * and for positions, which no tensor bears out. */
enum { MOST_LAYERS = 1024, MOST_POSITIONS = 1 << 16 };

enum { MATRICES_PER_ENCODER_LAYER = 6, MATRICES_PER_DECODER_LAYER = 10 };

static bool heads_fit(size_t d_model, size_t heads)
{
    return heads > 0 && d_model % heads == 0;
}

static bool sizes_make_sense(const struct lw_config *config)
{
    return config->d_model > 0 && config->source_words > 0 && config->target_words > 0 &&
           config->positions > 0 && config->positions <= MOST_POSITIONS &&
           config->encoder_ffn > 0 && config->decoder_ffn > 0 && config->encoder_layers > 0 &&
           config->encoder_layers <= MOST_LAYERS && config->decoder_layers > 0 &&
           config->decoder_layers <= MOST_LAYERS &&
           heads_fit(config->d_model, config->encoder_heads) &&
           heads_fit(config->d_model, config->decoder_heads) &&
           (!config->shared_embedding || config->source_words == config->target_words);
}

bool lw_config_copy(const struct lw_config *source, struct lw_config *target)
{
    *target = *source;
    target->bad_words = NULL;
    if (source->bad_word_count == 0)
        return true;
    size_t bytes = source->bad_word_count * sizeof *source->bad_words;
    target->bad_words = malloc(bytes);
    if (target->bad_words)
        memcpy(target->bad_words, source->bad_words, bytes);
    return target->bad_words != NULL;
}

/* Adds a matrix at the end of model->matrices and returns its index. */
static unsigned add_matrix(struct lw_model *model, enum lw_block block, enum lw_sublayer sublayer,
                           size_t rows, size_t columns, const char *name)
{
    struct lw_matrix *matrix = &model->matrices[model->matrix_count];
    snprintf(matrix->name, sizeof matrix->name, "%s", name);
    matrix->block = block;
    matrix->sublayer = sublayer;
    matrix->rows = rows;
    matrix->columns = columns;
    return (unsigned)model->matrix_count++;
}

static unsigned add_layer_matrix(struct lw_model *model, enum lw_block block, size_t layer,
                                 enum lw_sublayer sublayer, const char *part, size_t rows,
                                 size_t columns)
{
    static const char *const sublayers[] = {"", "self", "cross", "ffn"};
    char name[sizeof model->matrices->name];
    snprintf(name, sizeof name, "%s.%zu.%s.%s", block == LW_BLOCK_ENCODER ? "encoder" : "decoder",
             layer, sublayers[sublayer], part);
    return add_matrix(model, block, sublayer, rows, columns, name);
}

static void add_attention(struct lw_model *model, enum lw_block block, size_t layer,
                          enum lw_sublayer sublayer, struct lw_attention *attention)
{
    size_t d = model->config.d_model;
    attention->q = add_layer_matrix(model, block, layer, sublayer, "q", d, d);
    attention->k = add_layer_matrix(model, block, layer, sublayer, "k", d, d);
    attention->v = add_layer_matrix(model, block, layer, sublayer, "v", d, d);
    attention->o = add_layer_matrix(model, block, layer, sublayer, "o", d, d);
}

static void add_layer(struct lw_model *model, enum lw_block block, size_t number, size_t ffn,
                      struct lw_layer *layer)
{
    size_t d = model->config.d_model;
    add_attention(model, block, number, LW_SUBLAYER_SELF, &layer->self);
    if (block == LW_BLOCK_DECODER)
        add_attention(model, block, number, LW_SUBLAYER_CROSS, &layer->cross);
    layer->fc1 = add_layer_matrix(model, block, number, LW_SUBLAYER_FFN, "fc1", ffn, d);
    layer->fc2 = add_layer_matrix(model, block, number, LW_SUBLAYER_FFN, "fc2", d, ffn);
}

static void add_matrices(struct lw_model *model)
{
    const struct lw_config *config = &model->config;
    const enum lw_block words = LW_BLOCK_WORDS;
    const enum lw_sublayer none = LW_SUBLAYER_NONE;
    size_t d = config->d_model;
    model->source_embedding =
        add_matrix(model, words, none, config->source_words, d,
                   config->shared_embedding ? "embedding" : "embedding.source");
    model->target_embedding =
        config->shared_embedding
            ? model->source_embedding
            : add_matrix(model, words, none, config->target_words, d, "embedding.target");
    for (size_t i = 0; i < config->encoder_layers; i++)
        add_layer(model, LW_BLOCK_ENCODER, i, config->encoder_ffn, &model->encoder[i]);
    for (size_t i = 0; i < config->decoder_layers; i++)
        add_layer(model, LW_BLOCK_DECODER, i, config->decoder_ffn, &model->decoder[i]);
    model->output = config->tied_output
                        ? model->target_embedding
                        : add_matrix(model, words, none, config->target_words, d, "output");
}

static bool has_bias(const struct lw_model *model, size_t index)
{
    return model->matrices[index].block != LW_BLOCK_WORDS || index == model->output;
}

/* Counts the vectors' floats; false when they, or the matrices as fp32, exceed the address space.
 */
static bool count_vectors(struct lw_model *model)
{
    size_t weights = 0, vectors = 0, elements, bytes;
    for (size_t i = 0; i < model->matrix_count; i++) {
        const struct lw_matrix *matrix = &model->matrices[i];
        if (!lw_checked_mul(matrix->rows, matrix->columns, &elements) ||
            !lw_checked_add(weights, elements, &weights))
            return false;
        if (has_bias(model, i) && !lw_checked_add(vectors, matrix->rows, &vectors))
            return false;
    }
    size_t norms = 2 * model->config.encoder_layers + 3 * model->config.decoder_layers;
    size_t all;
    if (!lw_checked_mul(2 * norms, model->config.d_model, &elements) ||
        !lw_checked_add(vectors, elements, &vectors) || !lw_checked_add(weights, vectors, &all) ||
        !lw_checked_mul(all, sizeof(float), &bytes))
        return false;
    model->vector_count = vectors;
    return true;
}

static void free_layout(struct lw_model *model)
{
    free(model->matrices);
    free(model->encoder);
    free(model->decoder);
    model->matrices = NULL;
    model->encoder = model->decoder = NULL;
    model->matrix_count = model->vector_count = 0;
}

enum lw_status lw_model_layout(struct lw_model *model, struct lw_error *error)
{
    const struct lw_config *config = &model->config;
    if (!sizes_make_sense(config))
        return lw_fail(error, LW_CORRUPT,
                       "the model's sizes do not make sense: d_model %zu, %zu and %zu layers, %zu "
                       "and %zu heads, %zu and %zu words, %zu positions",
                       config->d_model, config->encoder_layers, config->decoder_layers,
                       config->encoder_heads, config->decoder_heads, config->source_words,
                       config->target_words, config->positions);
    size_t most = 3 + config->encoder_layers * MATRICES_PER_ENCODER_LAYER +
                  config->decoder_layers * MATRICES_PER_DECODER_LAYER;
    model->matrix_count = 0;
    model->matrices = calloc(most, sizeof *model->matrices);
    model->encoder = calloc(config->encoder_layers, sizeof *model->encoder);
    model->decoder = calloc(config->decoder_layers, sizeof *model->decoder);
    if (!model->matrices || !model->encoder || !model->decoder) {
        free_layout(model);
        return lw_fail(error, LW_FAILED, "out of memory for the description of the model");
    }
    add_matrices(model);
    if (!count_vectors(model)) {
        free_layout(model);
        return lw_fail(error, LW_CORRUPT, "the model's sizes overflow");
    }
    return LW_OK;
}

static const float *take_norm(struct lw_norm *norm, const float *at, size_t d)
{
    norm->gain = at;
    norm->bias = at + d;
    return at + 2 * d;
}

void lw_model_set_vectors(struct lw_model *model, const float *vectors)
{
    size_t d = model->config.d_model;
    const float *at = vectors;
    model->vectors = vectors;
    for (size_t i = 0; i < model->matrix_count; i++) {
        if (!has_bias(model, i))
            continue;
        model->matrices[i].bias = at;
        at += model->matrices[i].rows;
    }
    for (size_t i = 0; i < model->config.encoder_layers; i++) {
        at = take_norm(&model->encoder[i].self.norm, at, d);
        at = take_norm(&model->encoder[i].norm, at, d);
    }
    for (size_t i = 0; i < model->config.decoder_layers; i++) {
        at = take_norm(&model->decoder[i].self.norm, at, d);
        at = take_norm(&model->decoder[i].cross.norm, at, d);
        at = take_norm(&model->decoder[i].norm, at, d);
    }
}

void lw_model_free(struct lw_model *model)
{
    free_layout(model);
    free(model->config.bad_words);
    free(model->made_by);
    if (model->release)
        model->release(model->storage);
    *model = (struct lw_model){0};
}

static const char *const arith_names[] = {
    [LW_ARITH_F32] = "f32", [LW_ARITH_A8] = "a8", [LW_ARITH_T8] = "t8"};

const char *lw_arith_name(enum lw_arith arith)
{
    return arith_names[arith];
}

bool lw_arith_parse(const char *name, enum lw_arith *arith)
{
    for (size_t i = 0; i < sizeof arith_names / sizeof *arith_names; i++)
        if (strcmp(name, arith_names[i]) == 0) {
            *arith = (enum lw_arith)i;
            return true;
        }
    return false;
}

bool lw_matrix_has_quantised_product(const struct lw_matrix *matrix)
{
    return matrix->bias && matrix->arith != LW_ARITH_F32;
}

bool lw_matrix_reads_source(const struct lw_matrix *matrix)
{
    const char *dot = strrchr(matrix->name, '.');
    bool of_source = dot && (strcmp(dot, ".k") == 0 || strcmp(dot, ".v") == 0);
    return matrix->block == LW_BLOCK_ENCODER ||
           (matrix->sublayer == LW_SUBLAYER_CROSS && of_source);
}

bool lw_model_has_quantised_products(const struct lw_model *model)
{
    for (size_t i = 0; i < model->matrix_count; i++)
        if (lw_matrix_has_quantised_product(&model->matrices[i]))
            return true;
    return false;
}

void lw_model_arith_name(const struct lw_model *model, char name[LW_ARITH_NAME_BYTES])
{
    bool found[LW_ARITHS] = {false};
    for (size_t i = 0; i < model->matrix_count; i++)
        if (model->matrices[i].bias)
            found[model->matrices[i].arith] = true;
    size_t used = 0;
    name[0] = '\0';
    for (size_t a = 0; a < LW_ARITHS; a++)
        if (found[a])
            used += (size_t)snprintf(name + used, LW_ARITH_NAME_BYTES - used, "%s%s",
                                     used ? "+" : "", arith_names[a]);
}
