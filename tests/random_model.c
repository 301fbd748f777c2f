#include "tests/random_model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* splitmix64 (Steele, Lea, Flood 2014) */
static uint64_t next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

double test_uniform(uint64_t *state)
{
    return (double)(next(state) >> 11) * 0x1p-53;
}

float test_normal(uint64_t *state)
{
    double radius = sqrt(-2 * log(1 - test_uniform(state)));
    return (float)(radius * cos(6.283185307179586 * test_uniform(state)));
}

struct lw_config test_small_config(void)
{
    return (struct lw_config){
        .d_model = 12,
        .encoder_layers = 1,
        .encoder_heads = 3,
        .encoder_ffn = 20,
        .decoder_layers = 1,
        .decoder_heads = 2,
        .decoder_ffn = 20,
        .source_words = 9,
        .target_words = 9,
        .positions = 16,
        .activation = LW_RELU,
        .scale_embedding = true,
        .shared_embedding = true,
        .tied_output = true,
        .pad = 8,
        .eos = 0,
        .decoder_start = 8,
        .forced_eos = -1,
        .max_length = 16,
        .beams = 4,
        .length_penalty = 0.7f,
    };
}

static void *need(size_t bytes)
{
    void *block = calloc(1, bytes);
    if (!block)
        abort();
    return block;
}

struct storage {
    float *floats;
    uint8_t *words[2];
};

static void release(void *opaque)
{
    struct storage *storage = opaque;
    free(storage->floats);
    free(storage->words[0]);
    free(storage->words[1]);
    free(storage);
}

static uint8_t *make_words(char letter, size_t count, size_t *bytes)
{
    uint8_t *words = need(count * 24);
    *bytes = 0;
    for (size_t i = 0; i < count; i++)
        *bytes += (size_t)snprintf((char *)words + *bytes, 24, "%c%zu", letter, i) + 1;
    return words;
}

static void make_tokenizer(struct lw_model *model, struct storage *storage)
{
    static const uint8_t source_spm[] = "made-up source model", target_spm[] = "and the target's";
    struct lw_tokenizer_data *t = &model->tokenizer;
    t->source_spm = t->target_spm = source_spm;
    t->source_spm_bytes = t->target_spm_bytes = sizeof source_spm;
    storage->words[0] = make_words('s', model->config.source_words, &t->source_words_bytes);
    t->source_words = t->target_words = storage->words[0];
    t->target_words_bytes = t->source_words_bytes;
    if (model->config.shared_embedding)
        return;
    t->target_spm = target_spm;
    t->target_spm_bytes = sizeof target_spm;
    storage->words[1] = make_words('t', model->config.target_words, &t->target_words_bytes);
    t->target_words = storage->words[1];
}

void test_random_model(const struct lw_config *config, uint64_t seed, struct lw_model *model)
{
    *model = (struct lw_model){.config = *config};
    if (config->bad_word_count) {
        model->config.bad_words = need(config->bad_word_count * sizeof(int32_t));
        memcpy(model->config.bad_words, config->bad_words,
               config->bad_word_count * sizeof(int32_t));
    }
    if (lw_model_layout(model, NULL) != LW_OK)
        abort();
    size_t weights = 0;
    for (size_t i = 0; i < model->matrix_count; i++)
        weights += model->matrices[i].rows * model->matrices[i].columns;
    struct storage *storage = need(sizeof *storage);
    storage->floats = need((weights + model->vector_count) * sizeof(float));
    for (size_t i = 0; i < weights + model->vector_count; i++)
        storage->floats[i] = test_normal(&seed);
    float *at = storage->floats;
    for (size_t i = 0; i < model->matrix_count; i++) {
        model->matrices[i].dense = at;
        at += model->matrices[i].rows * model->matrices[i].columns;
    }
    lw_model_set_vectors(model, at);
    make_tokenizer(model, storage);
    model->storage = storage;
    model->release = release;
}
