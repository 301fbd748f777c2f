#include "models/marian.h"
#include "tests/folder.h"

#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

static const struct lw_matrix *matrix(const struct lw_model *model, const char *name)
{
    for (size_t i = 0; i < model->matrix_count; i++)
        if (strcmp(model->matrices[i].name, name) == 0)
            return &model->matrices[i];
    cr_assert_fail("no matrix %s", name);
    return NULL;
}

static void check_bundled_config(const struct lw_config *c)
{
    cr_assert_eq(c->d_model, 256);
    cr_assert_eq(c->encoder_layers, 5);
    cr_assert_eq(c->decoder_layers, 3);
    cr_assert_eq(c->encoder_heads, 8);
    cr_assert_eq(c->decoder_ffn, 1024);
    cr_assert_eq(c->source_words, 8000);
    cr_assert_eq(c->positions, 256);
    cr_assert_eq(c->activation, LW_SWISH);
    cr_assert(c->scale_embedding && c->shared_embedding && c->tied_output);
    cr_assert_eq(c->pad, 7999);
    cr_assert_eq(c->decoder_start, 7999);
    cr_assert_eq(c->eos, 0);
    cr_assert_eq(c->forced_eos, 0);
    cr_assert_eq(c->bad_word_count, 1);
    cr_assert_eq(c->bad_words[0], 7999);
    cr_assert_eq(c->max_length, 128);
    cr_assert_eq(c->beams, 4);
    cr_assert_eq(c->length_penalty, 1.0f);
    cr_assert(!c->early_stopping && !c->renormalize_logits);
}

/* The values were read from the file with the library's own reader. */
Test(import, reads_the_bundled_model)
{
    struct lw_model model;
    struct lw_error error = {0};
    cr_assert_eq(lw_marian_import("models/open-en-de", &model, &error), LW_OK, "%s", error.text);
    check_bundled_config(&model.config);
    cr_assert_eq(model.matrix_count, 1 + 5 * 6 + 3 * 10);
    cr_assert_eq(model.output, model.source_embedding);
    cr_assert(!lw_model_has_quantised_products(&model));
    const struct lw_matrix *fc1 = matrix(&model, "encoder.4.ffn.fc1");
    cr_assert_eq(fc1->rows, 1024);
    cr_assert_eq(fc1->columns, 256);
    cr_assert_eq(fc1, &model.matrices[model.encoder[4].fc1]);
    cr_assert_eq(fc1->dense[3 * 256 + 5], -0x1.268p-6f);
    cr_assert_eq(matrix(&model, "embedding")->dense[7998 * 256 + 255], -0x1.518p-4f);
    cr_assert_eq(matrix(&model, "decoder.2.cross.o")->bias[17], -0x1.174p-6f);
    cr_assert_eq(model.decoder[2].cross.norm.gain[100], 0x1.d5p-1f);
    cr_assert_eq(model.decoder[2].norm.bias[255], 0x1.47p-3f);
    cr_assert_eq(model.decoder[2].norm.bias + 256, model.vectors + model.vector_count);
    float row[256];
    lw_matrix_row(matrix(&model, "embedding"), 7998, row);
    cr_assert_eq(row[255], -0x1.518p-4f);

    const struct lw_tokenizer_data *tokenizer = &model.tokenizer;
    cr_assert_eq(tokenizer->source_spm_bytes, 375504);
    cr_assert_eq(tokenizer->source_spm, tokenizer->target_spm);
    cr_assert_eq(tokenizer->source_words, tokenizer->target_words);
    cr_assert_eq(memcmp(tokenizer->source_words, "</s>\0<unk>", 11), 0);
    const char *end = (const char *)tokenizer->target_words + tokenizer->target_words_bytes;
    cr_assert_str_eq(end - sizeof "<pad>", "<pad>");
    lw_model_free(&model);
}

Test(import, reads_the_other_model)
{
    if (access("../shared/models/multi30k-en-de/config.json", R_OK) != 0)
        cr_skip_test("../shared/models/multi30k-en-de is not there");
    struct lw_model model;
    struct lw_error error = {0};
    cr_assert_eq(lw_marian_import("../shared/models/multi30k-en-de", &model, &error), LW_OK, "%s",
                 error.text);
    cr_assert_eq(model.matrix_count, 1 + 4 * 6 + 4 * 10);
    cr_assert_eq(model.config.encoder_heads, 4);
    lw_model_free(&model);
}

/* Imports a folder that must be accepted. The caller frees both. */
static struct lw_model accept(struct folder *folder)
{
    struct lw_model model;
    struct lw_error error = {0};
    folder_write(folder);
    cr_assert_eq(lw_marian_import(folder->path, &model, &error), LW_OK, "%s", error.text);
    return model;
}

enum part { MODEL, SEARCH };

/* Changes one setting, which must still be accepted, and gives the configuration read. */
static struct lw_config with(enum part part, const char *key, json_t *value)
{
    struct folder *folder = folder_new(NULL);
    json_object_set_new(part == MODEL ? folder->config : folder->generation, key, value);
    struct lw_model model = accept(folder);
    struct lw_config config = model.config;
    lw_model_free(&model);
    folder_free(folder);
    config.bad_words = NULL;
    return config;
}

static void check_values(const struct lw_matrix *found, const struct folder_tensor *expected)
{
    cr_assert_eq(expected->shape[0], found->rows);
    cr_assert_eq(expected->shape[1], found->columns);
    size_t bytes = found->rows * found->columns * sizeof(float);
    cr_assert_eq(memcmp(found->dense, expected->values, bytes), 0, "%s", found->name);
}

static void check_vector(const float *found, const struct folder_tensor *expected)
{
    size_t count = expected->shape[expected->rank - 1];
    cr_assert_eq(memcmp(found, expected->values, count * sizeof(float)), 0, "%s", expected->name);
}

Test(import, reads_every_dtype)
{
    static const enum lw_dtype dtypes[] = {LW_DTYPE_F32, LW_DTYPE_F16, LW_DTYPE_BF16};
    for (size_t i = 0; i < 3; i++) {
        struct folder_spec spec = folder_defaults();
        spec.dtype = dtypes[i];
        spec.positions = spec.copies = true;
        struct folder *folder = folder_new(&spec);
        struct lw_model model = accept(folder);
        check_values(matrix(&model, "embedding"), folder_find(folder, "model.shared.weight"));
        check_values(matrix(&model, "decoder.0.cross.v"),
                     folder_find(folder, "model.decoder.layers.0.encoder_attn.v_proj.weight"));
        check_vector(matrix(&model, "decoder.0.ffn.fc1")->bias,
                     folder_find(folder, "model.decoder.layers.0.fc1.bias"));
        check_vector(model.decoder[0].self.norm.gain,
                     folder_find(folder, "model.decoder.layers.0.self_attn_layer_norm.weight"));
        check_vector(model.matrices[model.output].bias, folder_find(folder, "final_logits_bias"));
        lw_model_free(&model);
        folder_free(folder);
    }
}

Test(import, reads_separate_and_untied_matrices_of_odd_sizes)
{
    struct folder_spec spec = folder_defaults();
    spec.config = (struct lw_config){.d_model = 15,
                                     .encoder_layers = 2,
                                     .encoder_heads = 3,
                                     .encoder_ffn = 7,
                                     .decoder_layers = 1,
                                     .decoder_heads = 5,
                                     .decoder_ffn = 11,
                                     .source_words = 23,
                                     .target_words = 19,
                                     .positions = 9,
                                     .activation = LW_GELU,
                                     .forced_eos = -1,
                                     .max_length = 8,
                                     .beams = 1,
                                     .length_penalty = 0.5f};
    spec.positions = true;
    struct folder *folder = folder_new(&spec);
    struct lw_model model = accept(folder);
    cr_assert_eq(model.matrix_count, 2 + 2 * 6 + 10 + 1);
    cr_assert_str_eq(model.matrices[0].name, "embedding.source");
    cr_assert_str_eq(model.matrices[1].name, "embedding.target");
    cr_assert_str_eq(model.matrices[24].name, "output");
    cr_assert_null(model.matrices[0].bias);
    cr_assert_null(model.matrices[1].bias);
    check_values(&model.matrices[0], folder_find(folder, "model.encoder.embed_tokens.weight"));
    check_values(&model.matrices[1], folder_find(folder, "model.decoder.embed_tokens.weight"));
    check_values(&model.matrices[24], folder_find(folder, "lm_head.weight"));
    check_vector(model.matrices[24].bias, folder_find(folder, "final_logits_bias"));
    cr_assert_eq(model.config.activation, LW_GELU);
    cr_assert_eq(model.config.forced_eos, -1);
    cr_assert_eq(model.config.length_penalty, 0.5f);
    cr_assert_neq(model.tokenizer.source_words, model.tokenizer.target_words);
    cr_assert_eq(model.tokenizer.source_spm, model.tokenizer.target_spm);
    lw_model_free(&model);
    folder_free(folder);
}

Test(import, takes_shared_words_under_any_name)
{
    static const char *const names[] = {"lm_head.weight", "model.encoder.embed_tokens.weight",
                                        "model.decoder.embed_tokens.weight"};
    for (size_t i = 0; i < 3; i++) {
        struct folder *folder = folder_new(NULL);
        struct folder_tensor *words = folder_find(folder, "model.shared.weight");
        snprintf(words->name, sizeof words->name, "%s", names[i]);
        struct lw_model model = accept(folder);
        check_values(matrix(&model, "embedding"), words);
        lw_model_free(&model);
        folder_free(folder);
    }
}

Test(import, takes_absent_logits_bias_as_zeros)
{
    struct folder *folder = folder_new(NULL);
    folder_drop(folder, "final_logits_bias");
    struct lw_model model = accept(folder);
    for (size_t i = 0; i < 20; i++)
        cr_assert_eq(model.matrices[model.output].bias[i], 0.0f);
    lw_model_free(&model);
    folder_free(folder);
}

/* The keys of the configurations that Helsinki-NLP publishes, beside those that every folder has.
 */
Test(import, takes_the_keys_of_opus_mt)
{
    struct folder *folder = folder_new(NULL);
    json_t *extra = json_pack(
        "{s:s, s:f, s:b, s:b, s:[s], s:I, s:f, s:{s:s}, s:f, s:b, s:b, s:b, s:I, s:b, s:b, s:s}",
        "_name_or_path", "x", "activation_dropout", 0.0, "add_bias_logits", 0,
        "add_final_layer_norm", 0, "architectures", "MarianMTModel", "bos_token_id", (json_int_t)0,
        "classifier_dropout", 0.0, "id2label", "0", "LABEL_0", "init_std", 0.02,
        "is_encoder_decoder", 1, "normalize_before", 0, "normalize_embedding", 0,
        "num_hidden_layers", (json_int_t)1, "static_position_embeddings", 1, "use_cache", 1,
        "transformers_version", "4.22.0.dev0");
    cr_assert(extra);
    json_object_update(folder->config, extra);
    json_object_set_new(folder->generation, "renormalize_logits", json_true());
    json_decref(extra);
    struct lw_model model = accept(folder);
    cr_assert(model.config.renormalize_logits);
    lw_model_free(&model);
    folder_free(folder);
}

Test(import, searches_as_config_says_without_generation_config)
{
    struct folder *folder = folder_new(NULL);
    json_object_update(folder->config, folder->generation);
    json_decref(folder->generation);
    folder->generation = NULL;
    json_object_set_new(folder->config, "num_beams", json_integer(6));
    struct lw_model model = accept(folder);
    cr_assert_eq(model.config.beams, 6);
    cr_assert_eq(model.config.max_length, 16);
    cr_assert_eq(model.config.bad_word_count, 1);
    lw_model_free(&model);
    folder_free(folder);
}

Test(import, uses_the_defaults_of_the_library)
{
    struct folder *folder = folder_new(NULL);
    json_object_set_new(folder->config, "num_beams", json_integer(6)); /* overruled */
    json_object_set_new(folder->config, "eos_token_id", json_integer(2));
    json_decref(folder->generation);
    folder->generation = json_pack("{s:I, s:[I]}", "decoder_start_token_id", (json_int_t)19,
                                   "pad_token_id", (json_int_t)19);
    struct lw_model model = accept(folder);
    const struct lw_config *c = &model.config;
    cr_assert_eq(c->max_length, 20);
    cr_assert_eq(c->beams, 1);
    cr_assert_eq(c->length_penalty, 1.0f);
    cr_assert_eq(c->forced_eos, -1);
    cr_assert_eq(c->eos, 2);
    cr_assert_eq(c->pad, 19);
    cr_assert_eq(c->bad_word_count, 0);
    lw_model_free(&model);
    folder_free(folder);
}

Test(import, reads_settings)
{
    cr_assert_eq(with(MODEL, "activation_function", json_string("silu")).activation, LW_SWISH);
    cr_assert_eq(with(MODEL, "activation_function", json_string("relu")).activation, LW_RELU);
    cr_assert(!with(MODEL, "scale_embedding", json_false()).scale_embedding);
    cr_assert(with(SEARCH, "early_stopping", json_true()).early_stopping);
    cr_assert_eq(with(SEARCH, "max_new_tokens", json_integer(9)).max_length, 10);
    cr_assert_eq(with(SEARCH, "max_length", json_integer(33)).max_length, 33);
    cr_assert_eq(with(SEARCH, "max_length", json_integer(512)).max_length, 33);
    cr_assert_eq(with(SEARCH, "max_new_tokens", json_integer(INT32_MAX)).max_length, 33);
    cr_assert_eq(with(SEARCH, "length_penalty", json_integer(2)).length_penalty, 2.0f);
    cr_assert_eq(with(SEARCH, "bad_words_ids", json_pack("[[i]]", 0)).bad_word_count,
                 0); /* is </s> */
    cr_assert_eq(with(SEARCH, "forced_eos_token_id", json_null()).forced_eos, -1);
}
