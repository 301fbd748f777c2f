#include "tests/folder.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct folder_spec folder_defaults(void)
{
    return (struct folder_spec){
        .config = {.d_model = 8,
                   .encoder_layers = 1,
                   .encoder_heads = 2,
                   .encoder_ffn = 12,
                   .decoder_layers = 1,
                   .decoder_heads = 2,
                   .decoder_ffn = 12,
                   .source_words = 20,
                   .target_words = 20,
                   .positions = 32,
                   .activation = LW_SWISH,
                   .scale_embedding = true,
                   .shared_embedding = true,
                   .tied_output = true,
                   .eos = 0,
                   .forced_eos = 0,
                   .max_length = 16,
                   .beams = 2,
                   .length_penalty = 1.0f},
        .dtype = LW_DTYPE_F32,
        .seed = 1,
    };
}

/* splitmix64: public domain (Sebastiano Vigna). */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

struct folder_tensor *folder_add(struct folder *folder, const char *name, size_t rows,
                                 size_t columns)
{
    cr_assert_lt(folder->count, sizeof folder->tensors / sizeof *folder->tensors);
    struct folder_tensor *tensor = &folder->tensors[folder->count++];
    size_t elements = (rows ? rows : 1) * columns;
    *tensor = (struct folder_tensor){.dtype = folder->dtype, .rank = rows ? 2 : 1};
    tensor->shape[0] = rows ? rows : columns;
    tensor->shape[1] = columns;
    snprintf(tensor->name, sizeof tensor->name, "%s", name);
    tensor->values = calloc(elements, sizeof *tensor->values);
    cr_assert(tensor->values);
    /* Multiples of 1/256 below 1/2: seven bits, which BF16 holds exactly. */
    for (size_t i = 0; i < elements; i++)
        tensor->values[i] = (float)((int)(next_random(&folder->random) % 255) - 127) / 256.0f;
    return tensor;
}

struct folder_tensor *folder_find(struct folder *folder, const char *name)
{
    for (size_t i = 0; i < folder->count; i++)
        if (strcmp(folder->tensors[i].name, name) == 0)
            return &folder->tensors[i];
    cr_assert_fail("no tensor %s in the folder", name);
    return NULL;
}

void folder_drop(struct folder *folder, const char *name)
{
    struct folder_tensor *tensor = folder_find(folder, name);
    free(tensor->values);
    *tensor = folder->tensors[--folder->count];
}

static void add_linear(struct folder *folder, const char *prefix, const char *part, size_t rows,
                       size_t columns)
{
    char name[96];
    snprintf(name, sizeof name, "%s%s.weight", prefix, part);
    folder_add(folder, name, rows, columns);
    snprintf(name, sizeof name, "%s%s.bias", prefix, part);
    folder_add(folder, name, 0, rows);
}

static void add_norm(struct folder *folder, const char *prefix, const char *part, size_t d_model)
{
    char name[96];
    snprintf(name, sizeof name, "%s%s.weight", prefix, part);
    struct folder_tensor *gain = folder_add(folder, name, 0, d_model);
    for (size_t i = 0; i < d_model; i++)
        gain->values[i] = 1.0f + rintf(gain->values[i] * 64.0f) / 128.0f; /* 3/4 to 5/4 */
    snprintf(name, sizeof name, "%s%s.bias", prefix, part);
    folder_add(folder, name, 0, d_model);
}

static void add_attention(struct folder *folder, const char *layer, const char *part, size_t d)
{
    static const char *const projections[] = {".q_proj", ".k_proj", ".v_proj", ".out_proj"};
    char prefix[80];
    snprintf(prefix, sizeof prefix, "%s%s", layer, part);
    for (size_t i = 0; i < 4; i++)
        add_linear(folder, prefix, projections[i], d, d);
    add_norm(folder, prefix, "_layer_norm", d);
}

static void add_layers(struct folder *folder, const char *stack, size_t layers, size_t d,
                       size_t ffn, bool cross)
{
    for (size_t i = 0; i < layers; i++) {
        char prefix[64];
        snprintf(prefix, sizeof prefix, "model.%s.layers.%zu.", stack, i);
        add_attention(folder, prefix, "self_attn", d);
        if (cross)
            add_attention(folder, prefix, "encoder_attn", d);
        add_linear(folder, prefix, "fc1", ffn, d);
        add_linear(folder, prefix, "fc2", d, ffn);
        add_norm(folder, prefix, "final_layer_norm", d);
    }
}

static void add_copy(struct folder *folder, const char *name, const char *of)
{
    const struct folder_tensor *original = folder_find(folder, of);
    struct folder_tensor *copy = folder_add(folder, name, original->shape[0], original->shape[1]);
    memcpy(copy->values, original->values,
           original->shape[0] * original->shape[1] * sizeof *copy->values);
}

static void add_words(struct folder *folder, const struct folder_spec *spec)
{
    const struct lw_config *c = &spec->config;
    const char *source = "model.encoder.embed_tokens.weight";
    const char *target = "model.decoder.embed_tokens.weight";
    if (c->shared_embedding) {
        folder_add(folder, "model.shared.weight", c->source_words, c->d_model);
        if (spec->copies) {
            add_copy(folder, source, "model.shared.weight");
            add_copy(folder, target, "model.shared.weight");
        }
    } else {
        folder_add(folder, source, c->source_words, c->d_model);
        folder_add(folder, target, c->target_words, c->d_model);
    }
    if (!c->tied_output)
        folder_add(folder, "lm_head.weight", c->target_words, c->d_model);
    else if (spec->copies)
        add_copy(folder, "lm_head.weight", c->shared_embedding ? "model.shared.weight" : target);
    folder_add(folder, "final_logits_bias", 1, c->target_words);
}

static void add_positions(struct folder *folder, const char *name, size_t positions, size_t d)
{
    struct folder_tensor *tensor = folder_add(folder, name, positions, d);
    size_t sines = (d + 1) / 2;
    for (size_t p = 0; p < positions; p++)
        for (size_t i = 0; i < sines; i++) {
            double angle = (double)p / pow(10000.0, 2.0 * (double)i / (double)d);
            tensor->values[p * d + i] = (float)sin(angle);
            if (sines + i < d)
                tensor->values[p * d + sines + i] = (float)cos(angle);
        }
}

/* The padding is the last word that both languages have. */
static json_int_t padding(const struct lw_config *c)
{
    size_t both = c->source_words < c->target_words ? c->source_words : c->target_words;
    return (json_int_t)both - 1;
}

/* The first pieces of the bundled vocabulary, one of them replaced by the padding. */
static json_t *make_words(size_t count, json_int_t pad)
{
    json_t *all = json_load_file("models/open-en-de/vocab.json", 0, NULL);
    json_t *words = json_object(), *id;
    cr_assert(all, "cannot read the vocabulary of models/open-en-de");
    const char *piece;
    json_object_foreach(all, piece, id)
    {
        if (json_integer_value(id) < (json_int_t)count && json_integer_value(id) != pad)
            json_object_set(words, piece, id);
    }
    json_object_set_new(words, "<pad>", json_integer(pad));
    json_decref(all);
    return words;
}

static json_t *make_config(const struct lw_config *c)
{
    static const char *const activations[] = {
        [LW_SWISH] = "swish", [LW_RELU] = "relu", [LW_GELU] = "gelu"};
    json_t *config =
        json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:b, s:b}",
                  "model_type", "marian", "activation_function", activations[c->activation],
                  "d_model", (json_int_t)c->d_model, "encoder_layers",
                  (json_int_t)c->encoder_layers, "encoder_attention_heads",
                  (json_int_t)c->encoder_heads, "encoder_ffn_dim", (json_int_t)c->encoder_ffn,
                  "decoder_layers", (json_int_t)c->decoder_layers, "decoder_attention_heads",
                  (json_int_t)c->decoder_heads, "decoder_ffn_dim", (json_int_t)c->decoder_ffn,
                  "max_position_embeddings", (json_int_t)c->positions, "vocab_size",
                  (json_int_t)c->source_words, "decoder_vocab_size", (json_int_t)c->target_words,
                  "scale_embedding", c->scale_embedding, "share_encoder_decoder_embeddings",
                  c->shared_embedding, "tie_word_embeddings", c->tied_output);
    cr_assert(config);
    return config;
}

static json_t *make_generation(const struct lw_config *c)
{
    json_int_t pad = padding(c);
    json_t *generation = json_pack(
        "{s:I, s:I, s:I, s:[[I]], s:I, s:I, s:f, s:b}", "pad_token_id", pad,
        "decoder_start_token_id", pad, "eos_token_id", (json_int_t)c->eos, "bad_words_ids", pad,
        "max_length", (json_int_t)c->max_length, "num_beams", (json_int_t)c->beams,
        "length_penalty", (double)c->length_penalty, "early_stopping", c->early_stopping);
    cr_assert(generation);
    if (c->forced_eos >= 0)
        json_object_set_new(generation, "forced_eos_token_id", json_integer(c->forced_eos));
    if (c->renormalize_logits)
        json_object_set_new(generation, "renormalize_logits", json_true());
    return generation;
}

struct folder *folder_new(const struct folder_spec *spec)
{
    const struct folder_spec defaults = folder_defaults();
    if (!spec)
        spec = &defaults;
    const struct lw_config *c = &spec->config;
    struct folder *folder = calloc(1, sizeof *folder);
    cr_assert(folder);
    snprintf(folder->path, sizeof folder->path, "/tmp/lutwidge-test-XXXXXX");
    cr_assert(mkdtemp(folder->path));
    folder->dtype = spec->dtype;
    folder->random = spec->seed;
    folder->config = make_config(c);
    folder->generation = make_generation(c);
    folder->words = make_words(c->source_words, padding(c));
    folder->target_words = c->shared_embedding ? NULL : make_words(c->target_words, padding(c));
    add_words(folder, spec);
    add_layers(folder, "encoder", c->encoder_layers, c->d_model, c->encoder_ffn, false);
    add_layers(folder, "decoder", c->decoder_layers, c->d_model, c->decoder_ffn, true);
    if (spec->positions) {
        add_positions(folder, "model.encoder.embed_positions.weight", c->positions, c->d_model);
        add_positions(folder, "model.decoder.embed_positions.weight", c->positions, c->d_model);
    }
    return folder;
}
