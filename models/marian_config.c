/* The settings of a Marian folder. Names, defaults and precedence are those of Hugging Face
 * Transformers (MarianConfig and GenerationConfig): where generation_config.json exists, it alone
 * says how to search, except for the ids of special words, which it may leave to config.json. */
#include "models/marian.h"
#include "models/marian_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct settings {
    const char *path;
    json_t *json;
    struct lw_refusal *refusal;
};

/* The value of a key, NULL where it is absent or null: both mean "not set". */
static const json_t *get(const struct settings *settings, const char *key)
{
    const json_t *value = json_object_get(settings->json, key);
    return json_is_null(value) ? NULL : value;
}

static void refuse_key(const struct settings *settings, const char *key, const char *reason)
{
    lw_refuse(settings->refusal, LW_CORRUPT, "%s: \"%s\" %s", settings->path, key, reason);
}

static bool read_flag(const struct settings *settings, const char *key, bool unset)
{
    const json_t *value = get(settings, key);
    if (!value)
        return unset;
    if (!json_is_boolean(value))
        refuse_key(settings, key, "is neither true nor false");
    return json_is_true(value);
}

/* A size of 1 or more; `unset` where the key is absent, which is refused where `unset` is 0. */
static size_t read_size(const struct settings *settings, const char *key, size_t unset)
{
    const json_t *value = get(settings, key);
    if (!value && unset)
        return unset;
    if (!value)
        refuse_key(settings, key, "is missing");
    else if (!json_is_integer(value) || json_integer_value(value) < 1 ||
             json_integer_value(value) > INT32_MAX)
        refuse_key(settings, key, "is not a size");
    else
        return (size_t)json_integer_value(value);
    return 0;
}

/* A word's id below `words` (unless that is 0: refused already), alone or as a list of one; -1
 * where the key is absent or refused. */
static int32_t read_word(const struct settings *settings, const char *key, size_t words)
{
    const json_t *value = get(settings, key);
    if (!value)
        return -1;
    if (json_is_array(value) && json_array_size(value) == 1)
        value = json_array_get(value, 0);
    if (!json_is_integer(value))
        refuse_key(settings, key, "is not one word id (several are unsupported)");
    else if (json_integer_value(value) < 0 ||
             (words && (uint64_t)json_integer_value(value) >= words))
        refuse_key(settings, key, "is not in the vocabulary");
    else
        return (int32_t)json_integer_value(value);
    return -1;
}

/* A setting with the one value under which it changes nothing; NAN where only null or an empty list
 * or table does. */
struct neutral {
    const char *key;
    double value;
};

static const struct neutral model_neutrals[] = {
    {"add_final_layer_norm", 0},
    {"is_decoder", 0},
    {"is_encoder_decoder", 1},
    {"normalize_before", 0},
    {"normalize_embedding", 0},
    {"pruned_heads", NAN},
    {"quantization_config", NAN},
    {"static_position_embeddings", 1},
    {NULL, 0},
};

static const struct neutral generation_neutrals[] = {
    {"begin_suppress_tokens", NAN},
    {"constraints", NAN},
    {"diversity_penalty", 0},
    {"do_sample", 0},
    {"dola_layers", NAN},
    {"encoder_no_repeat_ngram_size", 0},
    {"encoder_repetition_penalty", 1},
    {"exponential_decay_length_penalty", NAN},
    {"force_bos_token_to_be_generated", 0},
    {"force_words_ids", NAN},
    {"forced_bos_token_id", NAN},
    {"forced_decoder_ids", NAN},
    {"guidance_scale", 1},
    {"max_time", NAN},
    {"min_length", 0},
    {"min_new_tokens", 0},
    {"no_repeat_ngram_size", 0},
    {"num_beam_groups", 1},
    {"num_return_sequences", 1},
    {"penalty_alpha", 0},
    {"repetition_penalty", 1},
    {"sequence_bias", NAN},
    {"stop_strings", NAN},
    {"suppress_tokens", NAN},
    {"watermarking_config", NAN},
    {NULL, 0},
};

static bool is_neutral(const json_t *value, double neutral)
{
    if (json_is_boolean(value))
        return (json_is_true(value) ? 1 : 0) == neutral;
    if (json_is_number(value))
        return json_number_value(value) == neutral;
    return (json_is_array(value) && json_array_size(value) == 0) ||
           (json_is_object(value) && json_object_size(value) == 0);
}

static void check_neutrals(const struct settings *settings, const struct neutral *neutrals)
{
    for (; neutrals->key; neutrals++) {
        const json_t *value = get(settings, neutrals->key);
        if (value && !is_neutral(value, neutrals->value))
            refuse_key(settings, neutrals->key, "has a value that is not supported");
    }
}

static void check_kind(const struct settings *settings)
{
    const json_t *type = get(settings, "model_type");
    if (!json_is_string(type) || strcmp(json_string_value(type), "marian") != 0)
        refuse_key(settings, "model_type", "is not \"marian\"");
    const json_t *architecture = json_array_get(get(settings, "architectures"), 0);
    if (architecture && (!json_is_string(architecture) ||
                         strcmp(json_string_value(architecture), "MarianMTModel") != 0))
        refuse_key(settings, "architectures", "is not MarianMTModel");
}

/* Other names of a size, which the library lets override the first. */
static void check_alias(const struct settings *settings, const char *alias, size_t size)
{
    if (get(settings, alias) && read_size(settings, alias, 1) != size)
        refuse_key(settings, alias, "disagrees with the size it is another name of");
}

static void read_activation(const struct settings *settings, struct lw_config *config)
{
    static const struct {
        const char *name;
        enum lw_activation activation;
    } known[] = {{"swish", LW_SWISH}, {"silu", LW_SWISH}, {"relu", LW_RELU}, {"gelu", LW_GELU}};
    const char *name = json_string_value(get(settings, "activation_function"));
    for (size_t i = 0; name && i < sizeof known / sizeof *known; i++)
        if (strcmp(name, known[i].name) == 0) {
            config->activation = known[i].activation;
            return;
        }
    refuse_key(settings, "activation_function", "is none of swish, silu, relu and gelu");
}

static void read_model(const struct settings *settings, struct lw_config *config)
{
    check_kind(settings);
    check_neutrals(settings, model_neutrals);
    config->d_model = read_size(settings, "d_model", 0);
    config->encoder_layers = read_size(settings, "encoder_layers", 0);
    config->encoder_heads = read_size(settings, "encoder_attention_heads", 0);
    config->encoder_ffn = read_size(settings, "encoder_ffn_dim", 0);
    config->decoder_layers = read_size(settings, "decoder_layers", 0);
    config->decoder_heads = read_size(settings, "decoder_attention_heads", 0);
    config->decoder_ffn = read_size(settings, "decoder_ffn_dim", 0);
    config->positions = read_size(settings, "max_position_embeddings", 0);
    config->source_words = read_size(settings, "vocab_size", 0);
    config->shared_embedding = read_flag(settings, "share_encoder_decoder_embeddings", true);
    config->tied_output = read_flag(settings, "tie_word_embeddings", true);
    config->scale_embedding = read_flag(settings, "scale_embedding", false);
    config->target_words = config->source_words;
    if (!config->shared_embedding && get(settings, "decoder_vocab_size"))
        config->target_words = read_size(settings, "decoder_vocab_size", 0);
    read_activation(settings, config);
    check_alias(settings, "hidden_size", config->d_model);
    check_alias(settings, "num_hidden_layers", config->encoder_layers);
    check_alias(settings, "num_attention_heads", config->encoder_heads);
    if (config->encoder_heads && config->d_model % config->encoder_heads != 0)
        refuse_key(settings, "encoder_attention_heads", "does not divide d_model");
    if (config->decoder_heads && config->d_model % config->decoder_heads != 0)
        refuse_key(settings, "decoder_attention_heads", "does not divide d_model");
}

static void read_bad_words(const struct settings *settings, struct lw_config *config)
{
    const json_t *list = get(settings, "bad_words_ids");
    if (!list)
        return;
    if (!json_is_array(list)) {
        refuse_key(settings, "bad_words_ids", "is not a list");
        return;
    }
    config->bad_words = calloc(json_array_size(list) + 1, sizeof *config->bad_words);
    if (!config->bad_words) {
        lw_refuse(settings->refusal, LW_FAILED, "%s: out of memory", settings->path);
        return;
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *words = json_array_get(list, i), *word = json_array_get(words, 0);
        if (json_array_size(words) != 1 || !json_is_integer(word))
            refuse_key(settings, "bad_words_ids", "holds more than single words: unsupported");
        else if (json_integer_value(word) < 0 ||
                 (uint64_t)json_integer_value(word) >= config->target_words)
            refuse_key(settings, "bad_words_ids", "holds a word that is not in the vocabulary");
        else if (json_integer_value(word) != config->eos) /* the library never forbids it either */
            config->bad_words[config->bad_word_count++] = (int32_t)json_integer_value(word);
    }
}

static void read_early_stopping(const struct settings *settings, struct lw_config *config)
{
    if (json_is_string(get(settings, "early_stopping")))
        refuse_key(settings, "early_stopping", "has a value that is not supported");
    else
        config->early_stopping = read_flag(settings, "early_stopping", false);
}

/* A target longer than the positions does not exist: a setting beyond them means all of them. */
static void read_max_length(const struct settings *settings, struct lw_config *config)
{
    bool all_new = get(settings, "max_new_tokens") != NULL; /* the start word is not counted */
    size_t length = read_size(settings, all_new ? "max_new_tokens" : "max_length", 20) + all_new;
    if (length == 1 && !all_new)
        refuse_key(settings, "max_length", "leaves no room for a word");
    config->max_length = length <= config->positions ? length : config->positions + 1;
}

static void read_search(const struct settings *settings, struct lw_config *config)
{
    check_neutrals(settings, generation_neutrals);
    config->forced_eos = read_word(settings, "forced_eos_token_id", config->target_words);
    config->renormalize_logits = read_flag(settings, "renormalize_logits", false);
    config->beams = read_size(settings, "num_beams", 1);
    read_max_length(settings, config);
    const json_t *penalty = get(settings, "length_penalty");
    config->length_penalty = penalty ? (float)json_number_value(penalty) : 1.0f;
    if ((penalty && !json_is_number(penalty)) || !isfinite(config->length_penalty))
        refuse_key(settings, "length_penalty", "is not a number");
    read_early_stopping(settings, config);
    read_bad_words(settings, config);
}

/* The id of a special word: of `search` if it has the key, else of `model`. */
static int32_t special_word(const struct settings *search, const struct settings *model,
                            const char *key, size_t words)
{
    const struct settings *settings = get(search, key) ? search : model;
    if (!get(settings, key))
        refuse_key(settings, key, "is missing");
    return read_word(settings, key, words);
}

void lw_marian_read_config(const char *config_path, const char *generation_path,
                           struct lw_config *config, struct lw_refusal *refusal)
{
    *config = (struct lw_config){0};
    struct settings model = {config_path, lw_marian_json(config_path, refusal), refusal};
    struct settings search = model;
    if (generation_path)
        search =
            (struct settings){generation_path, lw_marian_json(generation_path, refusal), refusal};
    if (model.json && search.json) {
        read_model(&model, config);
        size_t both = config->source_words < config->target_words ? config->source_words
                                                                  : config->target_words;
        config->pad = special_word(&search, &model, "pad_token_id", both);
        config->eos = special_word(&search, &model, "eos_token_id", config->target_words);
        config->decoder_start =
            special_word(&search, &model, "decoder_start_token_id", config->target_words);
        read_search(&search, config);
    }
    if (generation_path)
        json_decref(search.json);
    json_decref(model.json);
}

enum lw_status lw_marian_config(const char *config_path, const char *generation_path,
                                struct lw_config *config, struct lw_error *error)
{
    struct lw_refusal refusal = {LW_OK, error};
    lw_marian_read_config(config_path, generation_path, config, &refusal);
    if (refusal.status != LW_OK) {
        free(config->bad_words);
        *config = (struct lw_config){0};
    }
    return refusal.status;
}
