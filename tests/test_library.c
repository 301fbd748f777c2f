/* A random MarianMT of opus-mt-en-de's shape, made by the Transformers library, against the logits
 * that the library computes with it. Needs Python with torch and transformers: LUTWIDGE_PYTHON, or
 * python3. */
#include "models/marian.h"
#include "runtime/backend.h"
#include "runtime/translator.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static char folder[] = "/tmp/lutwidge-library-XXXXXX";

static int python(const char *arguments)
{
    char command[512];
    const char *given = getenv("LUTWIDGE_PYTHON");
    snprintf(command, sizeof command, "'%s' %s", given && *given ? given : "python3", arguments);
    return system(command);
}

static void remove_folder(void)
{
    char command[64];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    cr_expect_eq(system(command), 0);
}

static int32_t *integers(const json_t *array, size_t *count)
{
    *count = json_array_size(array);
    int32_t *values = calloc(*count + 1, sizeof *values);
    for (size_t i = 0; i < *count; i++)
        values[i] = (int32_t)json_integer_value(json_array_get(array, i));
    return values;
}

/* The first values of each row of expected[][] against rows of `stride` floats. */
static void expect_rows(const json_t *expected, const float *got, size_t stride, const char *what)
{
    for (size_t row = 0; row < json_array_size(expected); row++)
        for (size_t i = 0; i < json_array_size(json_array_get(expected, row)); i++) {
            double value = json_number_value(json_array_get(json_array_get(expected, row), i));
            cr_assert_float_eq((double)got[row * stride + i], value, 1e-4,
                               "%s %zu, %zu: %f, not %f", what, row, i,
                               (double)got[row * stride + i], value);
        }
}

static void check_sentence(struct lw_translator *translator, const struct lw_config *config,
                           const json_t *sentence)
{
    size_t count, steps;
    struct lw_error error = {0};
    const float *encoded, *logits;
    int32_t *source = integers(json_object_get(sentence, "input_ids"), &count);
    int32_t *target = integers(json_object_get(sentence, "decoder_input_ids"), &steps);
    cr_assert_eq(lw_encode(translator, source, count, &encoded, &error), LW_OK, "%s", error.text);
    expect_rows(json_object_get(sentence, "encoder"), encoded, config->d_model, "encoder position");
    cr_assert_gt(steps, 2);
    for (size_t step = 0; step < steps; step++) {
        cr_assert_eq(lw_decode_step(translator, target + step, 1, step, &logits, &error), LW_OK,
                     "%s", error.text);
        json_t *expected = json_array_get(json_object_get(sentence, "steps"), step);
        json_t *row = json_pack("[O]", json_object_get(expected, "logits"));
        expect_rows(row, logits, config->target_words, "logits of step");
        json_decref(row);
        size_t best = 0;
        for (size_t w = 1; w < config->target_words; w++)
            best = logits[w] > logits[best] ? w : best;
        cr_assert_eq((json_int_t)best, json_integer_value(json_object_get(expected, "argmax")));
    }
    free(source);
    free(target);
}

Test(library, opus_mt_shape_gives_the_same_logits, .fini = remove_folder, .timeout = 600)
{
    char arguments[128], path[64];
    struct lw_model model;
    struct lw_backend backend;
    struct lw_translator *translator;
    struct lw_error error = {0};
    cr_assert_not_null(mkdtemp(folder));
    if (python("-c 'import torch, transformers' 2>/dev/null"))
        cr_skip_test(
            "Python with torch and transformers is not installed; LUTWIDGE_PYTHON can name one");
    snprintf(arguments, sizeof arguments, "tests/peers/random_marian.py %s 2>/dev/null", folder);
    cr_assert_eq(python(arguments), 0);
    snprintf(path, sizeof path, "%s/numeric.json", folder);
    json_t *numeric = json_load_file(path, 0, NULL);
    cr_assert_not_null(numeric);
    cr_assert_eq(lw_marian_import(folder, &model, &error), LW_OK, "%s", error.text);
    cr_assert_eq(model.config.target_words, 58101);
    cr_assert_eq(lw_backend_f32(&model, &backend, &error), LW_OK, "%s", error.text);
    struct lw_search search = {1, 64, 1, false};
    cr_assert_eq(lw_translator_open(&model, &backend, &search, &translator, &error), LW_OK, "%s",
                 error.text);
    json_t *sentences = json_object_get(numeric, "sentences");
    cr_assert_geq(json_array_size(sentences), 2);
    for (size_t i = 0; i < json_array_size(sentences); i++)
        check_sentence(translator, &model.config, json_array_get(sentences, i));
    lw_translator_close(translator);
    lw_backend_close(&backend);
    lw_model_free(&model);
    json_decref(numeric);
}
