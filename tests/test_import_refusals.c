#include "models/file.h"
#include "models/marian.h"
#include "tests/folder.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum part { MODEL, SEARCH };

/* Imports what is on disk, which must be refused; every reason given (up to a NULL) must be named.
 */
static void refuse_written(struct folder *folder, enum lw_status status, const char *const *reasons)
{
    struct lw_model model;
    struct lw_error error = {0};
    cr_assert_eq(lw_marian_import(folder->path, &model, &error), status, "%s", error.text);
    for (; *reasons; reasons++)
        cr_assert(strstr(error.text, *reasons), "\"%s\" lacks \"%s\"", error.text, *reasons);
    cr_assert_null(model.matrices);
    cr_assert_null(model.storage);
    folder_free(folder);
}

#define REFUSE(folder, ...)                                                                        \
    do {                                                                                           \
        folder_write(folder);                                                                      \
        refuse_written(folder, LW_CORRUPT, (const char *const[]){__VA_ARGS__, NULL});              \
    } while (0)

static void refuse_setting(enum part part, const char *key, json_t *value)
{
    struct folder *folder = folder_new(NULL);
    char reason[96];
    snprintf(reason, sizeof reason, "%s\" ", key);
    json_object_set_new(part == MODEL ? folder->config : folder->generation, key, value);
    REFUSE(folder, reason);
}

Test(import_refusals, refuses_unsupported_settings)
{
    refuse_setting(MODEL, "model_type", json_string("bart"));
    refuse_setting(MODEL, "architectures", json_pack("[s]", "MarianForCausalLM"));
    refuse_setting(MODEL, "activation_function", json_string("gelu_new"));
    refuse_setting(MODEL, "normalize_before", json_true());
    refuse_setting(MODEL, "normalize_embedding", json_true());
    refuse_setting(MODEL, "add_final_layer_norm", json_true());
    refuse_setting(MODEL, "static_position_embeddings", json_false());
    refuse_setting(MODEL, "is_decoder", json_true());
    refuse_setting(MODEL, "quantization_config", json_pack("{s:s}", "quant_method", "x"));
    refuse_setting(MODEL, "scale_embedding", json_string("yes"));
    refuse_setting(MODEL, "num_hidden_layers", json_integer(2));
    refuse_setting(MODEL, "d_model", json_null());
    refuse_setting(MODEL, "d_model", json_integer(-8));
    refuse_setting(MODEL, "d_model", json_real(8.0));
    refuse_setting(MODEL, "decoder_attention_heads", json_integer(3));
    refuse_setting(SEARCH, "early_stopping", json_string("never"));
    refuse_setting(SEARCH, "do_sample", json_true());
    refuse_setting(SEARCH, "no_repeat_ngram_size", json_integer(3));
    refuse_setting(SEARCH, "repetition_penalty", json_real(1.1));
    refuse_setting(SEARCH, "suppress_tokens", json_pack("[i]", 3));
    refuse_setting(SEARCH, "forced_bos_token_id", json_integer(0));
    refuse_setting(SEARCH, "length_penalty", json_string("1"));
    refuse_setting(SEARCH, "length_penalty", json_real(1e39));
    refuse_setting(SEARCH, "max_length", json_integer(1));
    refuse_setting(SEARCH, "max_new_tokens", json_integer(0));
    refuse_setting(SEARCH, "bad_words_ids", json_pack("[[ii]]", 3, 4));
    refuse_setting(SEARCH, "bad_words_ids", json_pack("[i]", 3));
    refuse_setting(SEARCH, "bad_words_ids", json_pack("[[i]]", 20));
    refuse_setting(SEARCH, "eos_token_id", json_pack("[ii]", 0, 1));
    refuse_setting(SEARCH, "decoder_start_token_id", json_integer(20));
    refuse_setting(SEARCH, "pad_token_id", json_null());
}

Test(import_refusals, lists_every_reason_at_once)
{
    struct folder *folder = folder_new(NULL);
    json_object_set_new(folder->config, "normalize_before", json_true());
    json_object_set_new(folder->config, "activation_function", json_string("tanh"));
    json_object_set_new(folder->generation, "do_sample", json_true());
    json_object_del(folder->words, "</s>");
    REFUSE(folder, "config.json: \"normalize_before\"", "config.json: \"activation_function\"",
           "generation_config.json: \"do_sample\"", "vocab.json: has no piece \"</s>\"");

    folder = folder_new(NULL);
    folder_drop(folder, "model.encoder.layers.0.fc1.weight");
    folder_add(folder, "model.encoder.layers.1.fc1.weight", 12, 8);
    folder_find(folder, "model.decoder.layers.0.fc2.weight")->shape[1] = 11;
    folder_find(folder, "model.decoder.layers.0.fc2.bias")->shape[0] = 7;
    folder_find(folder, "final_logits_bias")->dtype = LW_DTYPE_OTHER;
    json_object_set_new(folder->words, "more", json_integer(20));
    REFUSE(folder, "model.encoder.layers.0.fc1.weight\": is missing",
           "model.encoder.layers.1.fc1.weight\": has no place",
           "model.decoder.layers.0.fc2.weight\": its shape is not [8, 12]",
           "model.decoder.layers.0.fc2.bias\": its shape is not [8]",
           "final_logits_bias\": is of type I8", "vocab.json: has 21 pieces");
}

Test(import_refusals, refuses_sizes_that_the_file_does_not_bear_out)
{
    static const char *const keys[] = {"d_model", "vocab_size", "encoder_ffn_dim", "encoder_layers",
                                       "max_position_embeddings"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        struct folder *folder = folder_new(NULL);
        json_object_set_new(folder->config, keys[i], json_integer(INT32_MAX - 1));
        REFUSE(folder, "config.json");
    }
    /* Words x d_model x layers beyond the address space. */
    struct folder *folder = folder_new(NULL);
    json_object_set_new(folder->config, "d_model", json_integer(1 << 30));
    json_object_set_new(folder->config, "vocab_size", json_integer(1 << 30));
    json_object_set_new(folder->config, "encoder_layers", json_integer(1000));
    json_object_set_new(folder->config, "encoder_ffn_dim", json_integer(1 << 30));
    json_object_set_new(folder->config, "decoder_layers", json_integer(1000));
    json_object_set_new(folder->config, "decoder_ffn_dim", json_integer(1 << 30));
    REFUSE(folder, "config.json: the model's sizes overflow");
}

Test(import_refusals, refuses_tied_tensors_that_differ)
{
    static const char *const copies[] = {"lm_head.weight", "model.encoder.embed_tokens.weight",
                                         "model.decoder.embed_tokens.weight"};
    for (size_t i = 0; i < 3; i++) {
        struct folder_spec spec = folder_defaults();
        spec.copies = true;
        struct folder *folder = folder_new(&spec);
        folder_find(folder, copies[i])->values[159] += 0x1p-20f;
        REFUSE(folder, copies[i], "differs from \"model.shared.weight\"");
    }
}

Test(import_refusals, refuses_learned_positions)
{
    struct folder_spec spec = folder_defaults();
    spec.positions = true;
    struct folder *folder = folder_new(&spec);
    folder_find(folder, "model.decoder.embed_positions.weight")->values[255] += 0.003f;
    REFUSE(folder, "model.decoder.embed_positions.weight\": is not sinusoidal");
}

Test(import_refusals, refuses_values_that_are_not_finite)
{
    static const float values[] = {INFINITY, NAN};
    for (size_t i = 0; i < 2; i++) {
        struct folder *folder = folder_new(NULL);
        folder_find(folder, "model.encoder.layers.0.fc2.bias")->values[7] = values[i];
        REFUSE(folder, "model.encoder.layers.0.fc2.bias\": holds a value that is not finite");
    }
}

Test(import_refusals, refuses_vocabularies_that_do_not_fit)
{
    struct folder *folder = folder_new(NULL);
    json_object_del(folder->words, "<pad>");
    REFUSE(folder, "vocab.json: has 19 pieces, but config.json says 20");
    folder = folder_new(NULL); /* a duplicate, which leaves a hole */
    json_object_set_new(folder->words, "<pad>", json_integer(5));
    REFUSE(folder, "is the id of another piece too");
    folder = folder_new(NULL);
    json_object_set_new(folder->words, "<pad>", json_integer(20));
    REFUSE(folder, "\"<pad>\" is not an id below the number of pieces");
    folder = folder_new(NULL);
    json_object_set_new(folder->words, "<pad>", json_real(19.0));
    REFUSE(folder, "is not an id");
    folder = folder_new(NULL);
    json_object_del(folder->words, "<unk>");
    REFUSE(folder, "has no piece \"<unk>\"");

    struct folder_spec spec = folder_defaults();
    spec.config.shared_embedding = false;
    spec.config.target_words = 17;
    folder = folder_new(&spec);
    json_decref(folder->target_words); /* then vocab.json serves both, and is too long for one */
    folder->target_words = NULL;
    REFUSE(folder, "vocab.json: has 20 pieces, but config.json says 17");
}

Test(import_refusals, refuses_malformed_json)
{
    static const struct {
        const char *name, *text, *reason;
    } cases[] = {
        {"config.json", "{\"d_model\": 8,\n \"d_model\": 8}", "line 2"},
        {"config.json", "", "config.json: line 1"},
        {"config.json", "[1]", "is not a JSON object"},
        {"generation_config.json", "{", "generation_config.json: line 1"},
        {"vocab.json", "{\"a\": 0, \"a\": 1}", "duplicate"},
        {"vocab.json", "{\"a\\u0000b\": 0}", "vocab.json: line 1"},
        {"vocab.json", "{\"\xff\": 0}", "unable to decode byte"},
        {"source.spm", "", "source.spm: is empty"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct folder *folder = folder_new(NULL);
        folder_write(folder);
        char *file = lw_path_join(folder->path, cases[i].name);
        unlink(file); /* it may be a link to a bundled file */
        free(file);
        folder_write_bytes(folder->path, cases[i].name, cases[i].text, strlen(cases[i].text));
        refuse_written(folder, LW_CORRUPT, (const char *const[]){cases[i].reason, NULL});
    }
}

Test(import_refusals, names_missing_files)
{
    static const char *const names[] = {"config.json", "model.safetensors", "source.spm",
                                        "target.spm", "vocab.json"};
    struct folder *folder = folder_new(NULL);
    folder_write(folder);
    for (size_t i = 0; i < 5; i++) {
        char *file = lw_path_join(folder->path, names[i]);
        unlink(file);
        free(file);
    }
    refuse_written(folder, LW_FAILED,
                   (const char *const[]){names[0], names[1], names[2], names[3], names[4], NULL});
    struct lw_model model;
    struct lw_error error = {0};
    cr_assert_eq(lw_marian_import("/nonexistent", &model, &error), LW_FAILED);
    cr_assert_str_eq(error.text, "cannot open /nonexistent: No such file or directory");
}

Test(import_refusals, says_how_to_convert_a_pickle)
{
    struct folder *folder = folder_new(NULL);
    folder_write(folder);
    char *file = lw_path_join(folder->path, "model.safetensors");
    unlink(file);
    free(file);
    folder_write_bytes(folder->path, "pytorch_model.bin", "x", 1);
    refuse_written(folder, LW_CORRUPT, (const char *const[]){"save_pretrained", "pickle", NULL});
}
