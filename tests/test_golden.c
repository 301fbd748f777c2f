/* The first lines of each set of ../shared/golden: fp32 translation equals Hugging Face generate.
 * The whole sets are in tests/long/test_golden_full.c. */
#include "runtime/translator.h"
#include "tests/golden.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <jansson.h>
#include <math.h>

enum { LINES = 40 };

#define MULTI30K "../shared/data/multi30k/"
#define OPEN "../shared/data/open-en-de/"

static const struct golden_set sets[] = {
    {"multi30k-en-de", MULTI30K "val.en.gz", "val", 1},
    {"multi30k-en-de", MULTI30K "val.en.gz", "val", 4},
    {"multi30k-en-de", MULTI30K "test_2016_flickr.en.gz", "test_2016", 1},
    {"multi30k-en-de", MULTI30K "test_2016_flickr.en.gz", "test_2016", 4},
    {"open-en-de", OPEN "test.en", "test", 1},
    {"open-en-de", OPEN "newstest2015.en", "newstest2015", 1},
    {"open-en-de", OPEN "newstest2015.en", "newstest2015", 4},
};

/* Parameters travel to another process, where pointers mean nothing: a set's number does. */
static size_t numbers[] = {0, 1, 2, 3, 4, 5, 6};

ParameterizedTestParameters(golden, first_lines)
{
    return cr_make_param_array(size_t, numbers, sizeof numbers / sizeof *numbers);
}

ParameterizedTest(size_t *number, golden, first_lines)
{
    const struct golden_set *set = &sets[*number];
    golden_need_shared();
    static const char *const backends[] = {"blas", "f32"};
    for (size_t i = 0; i < 2; i++) {
        struct golden_result result = golden_run(set, backends[i], LINES);
        cr_assert(result.same_ids == LINES && result.same_text == LINES,
                  "%s, %s, %zu beams, %s: %zu and %zu of %d", set->model, set->stem, set->beams,
                  backends[i], result.same_ids, result.same_text, LINES);
    }
}

static double at(json_t *list, size_t i)
{
    return json_number_value(json_array_get(list, i));
}

/* Ids up to and with the end word; the rest is padding. */
static size_t read_ids(json_t *list, int32_t eos, int32_t *ids)
{
    size_t count = 0;
    do
        ids[count] = (int32_t)json_integer_value(json_array_get(list, count));
    while (ids[count++] != eos);
    return count;
}

static void check_numbers(const struct golden_model *golden, json_t *numeric)
{
    struct lw_search search = {1, 128, 1.0f, false};
    struct lw_error error = {0};
    struct lw_translator *translator;
    cr_assert_eq(lw_translator_open(&golden->model, &golden->backend, &search, &translator, &error),
                 LW_OK, "%s", error.text);
    json_t *inputs = json_object_get(numeric, "input_ids");
    for (size_t s = 0; s < json_array_size(inputs); s++) {
        int32_t ids[256];
        size_t count = read_ids(json_array_get(inputs, s), golden->model.config.eos, ids);
        const float *out;
        cr_assert_eq(lw_encode(translator, ids, count, &out, &error), LW_OK, "%s", error.text);
        json_t *encoder = json_array_get(json_object_get(numeric, "encoder_first8"), s);
        for (size_t i = 0; i < json_array_size(encoder); i++)
            for (size_t j = 0; j < 8; j++)
                cr_assert_float_eq((double)out[i * golden->model.config.d_model + j],
                                   at(json_array_get(encoder, i), j), 1e-4);
        cr_assert_eq(
            lw_decode_step(translator, &golden->model.config.decoder_start, 1, 0, &out, &error),
            LW_OK, "%s", error.text);
        json_t *logits = json_array_get(json_object_get(numeric, "logits_step0_first16"), s);
        cr_assert_eq(json_array_size(logits), 16);
        for (size_t j = 0; j < 16; j++)
            cr_assert_float_eq((double)out[j], at(logits, j), 1e-4);
    }
    lw_translator_close(translator);
}

Test(golden, numbers_inside)
{
    golden_need_shared();
    static const char *const backends[] = {"blas", "f32"};
    for (size_t i = 0; i < 2; i++) {
        struct golden_model golden;
        golden_open_model("multi30k-en-de", backends[i], &golden);
        json_t *numeric = json_load_file("../shared/golden/multi30k-en-de/numeric.json", 0, NULL);
        cr_assert_not_null(numeric);
        check_numbers(&golden, numeric);
        json_decref(numeric);
        golden_close_model(&golden);
    }
}
