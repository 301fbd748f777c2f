#include "tests/oracle.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static void *take(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (!memory)
        abort();
    return memory;
}

double oracle_dot(const float *a, const double *b, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (double)a[i] * b[i];
    return sum;
}

void oracle_log_softmax(double *x, size_t count)
{
    double best = x[0], sum = 0;
    for (size_t i = 1; i < count; i++)
        best = x[i] > best ? x[i] : best;
    for (size_t i = 0; i < count; i++)
        sum += exp(x[i] - best);
    for (size_t i = 0; i < count; i++)
        x[i] -= best + log(sum);
}

void oracle_softmax(double *x, size_t count)
{
    oracle_log_softmax(x, count);
    for (size_t i = 0; i < count; i++)
        x[i] = exp(x[i]);
}

void oracle_layer_norm(double *x, const struct lw_norm *norm, size_t count)
{
    double mean = 0, variance = 0;
    for (size_t i = 0; i < count; i++)
        mean += x[i] / (double)count;
    for (size_t i = 0; i < count; i++)
        variance += (x[i] - mean) * (x[i] - mean) / (double)count;
    for (size_t i = 0; i < count; i++)
        x[i] =
            (x[i] - mean) / sqrt(variance + 1e-5) * (double)norm->gain[i] + (double)norm->bias[i];
}

void oracle_activate(enum lw_activation activation, double *x, size_t count)
{
    for (size_t i = 0; i < count; i++)
        switch (activation) {
        case LW_SWISH:
            x[i] = x[i] / (1.0 + exp(-x[i]));
            break;
        case LW_RELU:
            x[i] = fmax(x[i], 0.0);
            break;
        case LW_GELU:
            x[i] = x[i] * (1.0 + erf(x[i] / sqrt(2.0))) / 2.0;
            break;
        }
}

void oracle_product(const struct lw_matrix *matrix, const double *x, double *y)
{
    float *row = take(matrix->columns, sizeof *row);
    for (size_t m = 0; m < matrix->rows; m++) {
        lw_matrix_row(matrix, m, row);
        y[m] = oracle_dot(row, x, matrix->columns) + (matrix->bias ? (double)matrix->bias[m] : 0.0);
    }
    free(row);
}

double oracle_position(size_t position, size_t feature, size_t d_model)
{
    size_t sines = (d_model + 1) / 2;
    size_t pair = feature < sines ? feature : feature - sines;
    double angle = (double)position / pow(10000.0, 2.0 * (double)pair / (double)d_model);
    return feature < sines ? sin(angle) : cos(angle);
}

static void embed(const struct lw_model *model, unsigned matrix, const int32_t *words, size_t count,
                  double *out)
{
    size_t d = model->config.d_model;
    float *row = take(d, sizeof *row);
    double scale = model->config.scale_embedding ? sqrt((double)d) : 1.0;
    for (size_t i = 0; i < count; i++) {
        lw_matrix_row(&model->matrices[matrix], (size_t)words[i], row);
        for (size_t j = 0; j < d; j++)
            out[i * d + j] = (double)row[j] * scale + oracle_position(i, j, d);
    }
    free(row);
}

static void products(const struct lw_model *model, unsigned matrix, const double *x, size_t count,
                     double *y)
{
    const struct lw_matrix *m = &model->matrices[matrix];
    for (size_t i = 0; i < count; i++)
        oracle_product(m, x + i * m->columns, y + i * m->rows);
}

/* x[count][d] attends to memory[memory_count][d]; row i sees rows 0..i only where `causal`. */
static void attention(const struct lw_model *model, const struct lw_attention *parts, size_t heads,
                      const double *memory, size_t memory_count, bool causal, double *x,
                      size_t count)
{
    size_t d = model->config.d_model, width = d / heads;
    double *q = take(count * d, sizeof *q), *mixed = take(count * d, sizeof *q);
    double *k = take(memory_count * d, sizeof *q), *v = take(memory_count * d, sizeof *q);
    double *weights = take(memory_count, sizeof *q);
    products(model, parts->q, x, count, q);
    products(model, parts->k, memory, memory_count, k);
    products(model, parts->v, memory, memory_count, v);
    for (size_t i = 0; i < count; i++)
        for (size_t h = 0; h < heads; h++) {
            size_t seen = causal ? i + 1 : memory_count;
            for (size_t t = 0; t < seen; t++) {
                weights[t] = 0;
                for (size_t c = h * width; c < (h + 1) * width; c++)
                    weights[t] += q[i * d + c] * k[t * d + c] / sqrt((double)width);
            }
            oracle_softmax(weights, seen);
            for (size_t t = 0; t < seen; t++)
                for (size_t c = h * width; c < (h + 1) * width; c++)
                    mixed[i * d + c] += weights[t] * v[t * d + c];
        }
    products(model, parts->o, mixed, count, q);
    for (size_t i = 0; i < count * d; i++)
        x[i] += q[i];
    for (size_t i = 0; i < count; i++)
        oracle_layer_norm(x + i * d, &parts->norm, d);
    free(q);
    free(mixed);
    free(k);
    free(v);
    free(weights);
}

static void feed_forward(const struct lw_model *model, const struct lw_layer *layer, double *x,
                         size_t count)
{
    size_t d = model->config.d_model, width = model->matrices[layer->fc1].rows;
    double *inner = take(count * width, sizeof *inner), *out = take(count * d, sizeof *out);
    products(model, layer->fc1, x, count, inner);
    oracle_activate(model->config.activation, inner, count * width);
    products(model, layer->fc2, inner, count, out);
    for (size_t i = 0; i < count * d; i++)
        x[i] += out[i];
    for (size_t i = 0; i < count; i++)
        oracle_layer_norm(x + i * d, &layer->norm, d);
    free(inner);
    free(out);
}

void oracle_encode(const struct lw_model *model, const int32_t *words, size_t count, double *out)
{
    size_t d = model->config.d_model;
    double *memory = take(count * d, sizeof *memory);
    embed(model, model->source_embedding, words, count, out);
    for (size_t i = 0; i < model->config.encoder_layers; i++) {
        const struct lw_layer *layer = &model->encoder[i];
        memcpy(memory, out, count * d * sizeof *memory);
        attention(model, &layer->self, model->config.encoder_heads, memory, count, false, out,
                  count);
        feed_forward(model, layer, out, count);
    }
    free(memory);
}

void oracle_decode(const struct lw_model *model, const double *encoded, size_t source_count,
                   const int32_t *words, size_t count, double *logits)
{
    size_t d = model->config.d_model, heads = model->config.decoder_heads;
    double *x = take(count * d, sizeof *x), *memory = take(count * d, sizeof *x);
    embed(model, model->target_embedding, words, count, x);
    for (size_t i = 0; i < model->config.decoder_layers; i++) {
        const struct lw_layer *layer = &model->decoder[i];
        memcpy(memory, x, count * d * sizeof *memory);
        attention(model, &layer->self, heads, memory, count, true, x, count);
        attention(model, &layer->cross, heads, encoded, source_count, false, x, count);
        feed_forward(model, layer, x, count);
    }
    oracle_product(&model->matrices[model->output], x + (count - 1) * d, logits);
    free(x);
    free(memory);
}

struct lw_config oracle_config(void)
{
    return (struct lw_config){
        .d_model = 24,
        .encoder_layers = 2,
        .encoder_heads = 3,
        .encoder_ffn = 40,
        .decoder_layers = 2,
        .decoder_heads = 3,
        .decoder_ffn = 40,
        .source_words = 37,
        .target_words = 37,
        .positions = 20,
        .activation = LW_SWISH,
        .scale_embedding = true,
        .shared_embedding = true,
        .tied_output = true,
        .pad = 36,
        .eos = 0,
        .decoder_start = 36,
        .forced_eos = 0,
        .max_length = 12,
        .beams = 4,
        .length_penalty = 1.0f,
    };
}
