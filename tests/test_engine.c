/* A translation on the simulated engine: its C model and its RTL give the bits of class a8. */
#include "models/quantize.h"
#include "runtime/translator.h"
#include "sim/backend.h"
#include "tests/random_model.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

enum { MOST = 64 };

static void quantize(const struct lw_model *dense, unsigned bits, enum lw_arith arith,
                     struct lw_model *coded)
{
    struct lw_error error = {0};
    struct lw_quantize_report report;
    cr_assert_eq(lw_quantize_alike(dense, bits, LW_FIT_GREEDY, arith, 1, coded, &report, &error),
                 LW_OK, "%s", error.text);
}

/* A model of class a8, and its products by the definition and by an engine. */
struct pair {
    struct lw_model dense, coded;
    struct lw_backend reference, engine;
    struct lw_simulator simulator;
    struct lw_tally work;
};

static void pair_open(struct pair *pair, enum lw_simulates by, const char *name, unsigned bits)
{
    struct lw_config config = test_small_config();
    struct lw_engine engine;
    struct lw_error error = {0};
    *pair = (struct pair){0};
    test_random_model(&config, 5, &pair->dense);
    quantize(&pair->dense, bits, LW_ARITH_A8, &pair->coded);
    cr_assert_eq(lw_backend_reference(&pair->coded, &pair->reference, &error), LW_OK);
    cr_assert_eq(lw_engine_parse(name, &engine, &error), LW_OK, "%s", error.text);
    cr_assert_eq(lw_simulator_open(by, &engine, "typical", 1, &pair->simulator, &error), LW_OK,
                 "%s", error.text);
    cr_assert_eq(
        lw_backend_engine(&pair->coded, &pair->simulator, &pair->work, &pair->engine, &error),
        LW_OK, "%s", error.text);
    cr_assert_str_eq(pair->engine.name, lw_simulates_name(by));
}

static void pair_close(struct pair *pair)
{
    lw_backend_close(&pair->engine);
    lw_simulator_close(&pair->simulator);
    lw_tally_free(&pair->work);
    lw_backend_close(&pair->reference);
    lw_model_free(&pair->coded);
    lw_model_free(&pair->dense);
}

static void check_products(const char *name, unsigned bits)
{
    uint64_t seed = 3;
    struct pair pair;
    float x[MOST * 5], want[3][MOST * 5], got[3][MOST * 5];
    pair_open(&pair, LW_SIMULATES_MODEL, name, bits);
    for (size_t i = 0; i < sizeof x / sizeof *x; i++)
        x[i] = test_normal(&seed);
    memset(x, 0, 3 * sizeof *x); /* of a vector */
    const struct lw_attention *self = &pair.coded.encoder[0].self;
    for (size_t columns = 1; columns <= 5; columns++) {
        struct lw_error error = {0};
        struct lw_product a[] = {{self->q, want[0]}, {self->k, want[1]}, {self->v, want[2]}};
        struct lw_product b[] = {{self->q, got[0]}, {self->k, got[1]}, {self->v, got[2]}};
        size_t lists = lw_tally_lists(&pair.work);
        cr_assert_eq(pair.reference.multiply(pair.reference.self, a, 3, columns, x, &error), LW_OK);
        cr_assert_eq(pair.engine.multiply(pair.engine.self, b, 3, columns, x, &error), LW_OK, "%s",
                     error.text);
        cr_assert_eq(lw_tally_lists(&pair.work), lists + 1);
        for (size_t i = 0; i < 3; i++)
            cr_assert(memcmp(got[i], want[i], columns * 12 * sizeof(float)) == 0,
                      "%s, %zu columns, product %zu", name, columns, i);
    }
    pair_close(&pair);
}

Test(engine, products_of_several_columns)
{
    check_products("mu4-t4-r4-bus128-slots16-sl4-words64", 3);
    check_products("mu4-t4-r4-c4-bus128-slots16-sl4-words64", 2);
    check_products("mu3-t2-r4-c2-x16-bus128-slots16-sl2-words32", 4);
}

static void check_sentence(enum lw_simulates by, size_t beams)
{
    static const int32_t source[] = {3, 1, 4, 1, 5, 2, 0};
    struct pair pair;
    struct lw_error error = {0};
    struct lw_hypothesis want, got;
    struct lw_translator *reference, *engine;
    pair_open(&pair, by, "", 2);
    struct lw_search search = {beams, 12, 1.0f, false};
    cr_assert_eq(lw_translator_open(&pair.coded, &pair.reference, &search, &reference, &error),
                 LW_OK);
    cr_assert_eq(lw_translator_open(&pair.coded, &pair.engine, &search, &engine, &error), LW_OK);
    cr_assert_eq(lw_translate(reference, source, 7, &want, &error), LW_OK, "%s", error.text);
    cr_assert_eq(lw_translate(engine, source, 7, &got, &error), LW_OK, "%s", error.text);
    cr_assert_eq(want.count, got.count);
    cr_assert(memcmp(want.words, got.words, want.count * sizeof *want.words) == 0);
    cr_assert(memcmp(&want.score, &got.score, sizeof want.score) == 0);
    struct lw_sim_counts counts;
    lw_tally_sum(&pair.work, &counts);
    cr_assert_gt(counts.values[LW_COUNT_STEPS], 0);
    lw_translator_close(reference);
    lw_translator_close(engine);
    pair_close(&pair);
}

Test(engine, a_sentence_on_the_model)
{
    check_sentence(LW_SIMULATES_MODEL, 1);
    check_sentence(LW_SIMULATES_MODEL, 4);
}

Test(engine, a_sentence_on_the_rtl)
{
    check_sentence(LW_SIMULATES_RTL, 1);
}

Test(engine, refusals)
{
    struct lw_config config = test_small_config();
    struct lw_model dense, coded;
    struct lw_error error = {0};
    struct lw_engine engine = lw_engine_default();
    struct lw_simulator simulator;
    struct lw_tally work = {0};
    struct lw_backend backend = {0};
    test_random_model(&config, 5, &dense);
    quantize(&dense, 2, LW_ARITH_T8, &coded);
    cr_assert_eq(lw_simulator_open(LW_SIMULATES_MODEL, &engine, "fast", 1, &simulator, &error),
                 LW_USAGE);
    cr_assert(strstr(error.text, "'fast'"), "%s", error.text);
    cr_assert_eq(lw_simulator_open(LW_SIMULATES_MODEL, &engine, "poor", 1, &simulator, &error),
                 LW_OK);
    cr_assert_eq(lw_backend_engine(&coded, &simulator, &work, &backend, &error), LW_USAGE);
    cr_assert(strstr(error.text, "--arith a8"), "%s", error.text);
    cr_assert_null(backend.self);
    lw_simulator_close(&simulator);
    lw_model_free(&coded);
    struct pair pair;
    float x[MOST] = {INFINITY}, y[MOST];
    pair_open(&pair, LW_SIMULATES_MODEL, "", 1);
    struct lw_product product = {pair.coded.encoder[0].fc1, y};
    cr_assert_eq(pair.engine.multiply(pair.engine.self, &product, 1, 1, x, &error), LW_FAILED);
    cr_assert(strstr(error.text, "encoder.0.ffn.fc1: its input is not finite"), "%s", error.text);
    pair_close(&pair);
    lw_model_free(&dense);
}
