/* Encoder and decoder steps against their plain twins, on small random models of every kind. */
#include "runtime/network.h"
#include "tests/oracle.h"
#include "tests/random_model.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SOURCE = 7, STEPS = 9, BEAMS = 3 };

/* fp32 rounding through two random layers of each side; logits are of size 10 */
static const double bound = 2e-4;

struct fixture {
    struct lw_model model;
    struct lw_backend backend;
    struct lw_translator *translator;
    int32_t source[SOURCE];
    double *encoded;
};

static void open_fixture(const struct lw_config *config, struct fixture *f)
{
    struct lw_error error = {0};
    test_random_model(config, 11, &f->model);
    cr_assert_eq(lw_backend_f32(&f->model, &f->backend, &error), LW_OK, "%s", error.text);
    struct lw_search search = {BEAMS, STEPS + 1, 1.0f, false};
    cr_assert_eq(lw_translator_open(&f->model, &f->backend, &search, &f->translator, &error), LW_OK,
                 "%s", error.text);
    for (size_t i = 0; i < SOURCE; i++)
        f->source[i] = (int32_t)((5 * i + 3) % config->source_words);
    f->encoded = calloc(SOURCE * config->d_model, sizeof *f->encoded);
    oracle_encode(&f->model, f->source, SOURCE, f->encoded);
}

static void close_fixture(struct fixture *f)
{
    lw_translator_close(f->translator);
    lw_backend_close(&f->backend);
    lw_model_free(&f->model);
    free(f->encoded);
}

static void near(const float *got, const double *want, size_t count, const char *what)
{
    for (size_t i = 0; i < count; i++)
        cr_assert(fabs((double)got[i] - want[i]) <= bound * (1 + fabs(want[i])),
                  "%s[%zu]: %g, oracle %g", what, i, (double)got[i], want[i]);
}

static void check_logits(const struct fixture *f, const float *got, const int32_t *words,
                         size_t count)
{
    size_t target_words = f->model.config.target_words;
    double *want = calloc(target_words, sizeof *want);
    oracle_decode(&f->model, f->encoded, SOURCE, words, count, want);
    near(got, want, target_words, "logits");
    free(want);
}

/* Beams of different words; after each step they are shuffled and one of them doubled. */
static void run_steps(const struct fixture *f)
{
    const uint8_t parents[BEAMS] = {2, 0, 2};
    int32_t words[BEAMS][STEPS] = {0}, moved[BEAMS][STEPS], last[BEAMS];
    struct lw_error error = {0};
    for (size_t step = 0; step < STEPS; step++) {
        for (size_t b = 0; b < BEAMS; b++)
            last[b] = words[b][step] =
                (int32_t)((7 * step + 5 * b + 1) % f->model.config.target_words);
        const float *logits;
        cr_assert_eq(lw_decode_step(f->translator, last, BEAMS, step, &logits, &error), LW_OK, "%s",
                     error.text);
        for (size_t b = 0; b < BEAMS; b++)
            check_logits(f, logits + b * f->model.config.target_words, words[b], step + 1);
        lw_reorder(f->translator, &f->translator->lines[0], parents, BEAMS, step);
        for (size_t b = 0; b < BEAMS; b++)
            memcpy(moved[b], words[parents[b]], sizeof moved[b]);
        memcpy(words, moved, sizeof words);
    }
}

static void check(const struct lw_config *config)
{
    struct fixture f;
    struct lw_error error = {0};
    open_fixture(config, &f);
    const float *encoded;
    cr_assert_eq(lw_encode(f.translator, f.source, SOURCE, &encoded, &error), LW_OK, "%s",
                 error.text);
    near(encoded, f.encoded, SOURCE * config->d_model, "encoded");
    run_steps(&f);
    close_fixture(&f);
}

Test(layers, swish)
{
    struct lw_config config = oracle_config();
    check(&config);
}

Test(layers, relu_and_separate_embeddings)
{
    struct lw_config config = oracle_config();
    config.activation = LW_RELU;
    config.shared_embedding = false;
    config.target_words = 31;
    config.tied_output = false;
    config.decoder_start = 30;
    check(&config);
}

Test(layers, gelu_and_different_sides)
{
    struct lw_config config = oracle_config();
    config.activation = LW_GELU;
    config.encoder_heads = 2;
    config.decoder_heads = 6;
    config.encoder_ffn = 17;
    config.encoder_layers = 1;
    config.scale_embedding = false;
    check(&config);
}

/* More columns than the feed-forward takes at once. */
Test(layers, long_source)
{
    enum { LONG = LW_FFN_COLUMNS + 5 };
    struct lw_config config = oracle_config();
    config.positions = LONG;
    struct fixture f;
    open_fixture(&config, &f);
    int32_t words[LONG];
    double *want = calloc(LONG * config.d_model, sizeof *want);
    const float *got;
    for (size_t i = 0; i < LONG; i++)
        words[i] = (int32_t)((11 * i + 2) % config.source_words);
    oracle_encode(&f.model, words, LONG, want);
    cr_assert_eq(lw_encode(f.translator, words, LONG, &got, NULL), LW_OK);
    near(got, want, LONG * config.d_model, "encoded");
    free(want);
    close_fixture(&f);
}

/* Every instruction set that this CPU has gives the same bits, layer after layer. */
Test(layers, every_instruction_set_gives_the_same_logits)
{
    static const char *const isas[] = {"baseline", "avx2", "avx512"};
    struct lw_config config = oracle_config();
    struct fixture f;
    open_fixture(&config, &f);
    const int32_t words[BEAMS] = {4, 9, 2};
    float first[BEAMS][37];
    for (size_t i = 0; i < 3; i++) {
        const float *out;
        f.translator->vector = lw_vector_named(isas[i]);
        if (!f.translator->vector)
            continue;
        cr_assert_eq(lw_encode(f.translator, f.source, SOURCE, &out, NULL), LW_OK);
        for (size_t step = 0; step < 3; step++)
            cr_assert_eq(lw_decode_step(f.translator, words, BEAMS, step, &out, NULL), LW_OK);
        if (i == 0)
            memcpy(first, out, sizeof first);
        cr_assert_arr_eq(first, out, sizeof first, "%s differs", isas[i]);
    }
    close_fixture(&f);
}

/* A beam's logits do not depend on the beams beside it. */
Test(layers, beams_are_independent)
{
    struct lw_config config = oracle_config();
    struct fixture f;
    open_fixture(&config, &f);
    const int32_t words[BEAMS] = {4, 9, 2};
    float together[BEAMS][37];
    const float *out;
    cr_assert_eq(lw_encode(f.translator, f.source, SOURCE, &out, NULL), LW_OK);
    cr_assert_eq(lw_decode_step(f.translator, words, BEAMS, 0, &out, NULL), LW_OK);
    memcpy(together, out, sizeof together);
    for (size_t b = 0; b < BEAMS; b++) {
        cr_assert_eq(lw_decode_step(f.translator, words + b, 1, 0, &out, NULL), LW_OK);
        cr_assert_arr_eq(together[b], out, sizeof together[b]);
    }
    close_fixture(&f);
}

Test(layers, refuses_what_does_not_fit)
{
    struct lw_config config = oracle_config();
    struct fixture f;
    struct lw_error error = {0};
    open_fixture(&config, &f);
    const float *out;
    int32_t many[21] = {0}, outside[] = {1, 37}, negative[] = {-1};
    cr_assert_eq(lw_encode(f.translator, many, 0, &out, &error), LW_USAGE);
    cr_assert_eq(lw_encode(f.translator, many, 21, &out, &error), LW_USAGE);
    cr_assert_eq(lw_encode(f.translator, outside, 2, &out, &error), LW_USAGE);
    cr_assert_eq(lw_encode(f.translator, negative, 1, &out, &error), LW_USAGE);
    cr_assert_eq(lw_decode_step(f.translator, many, 1, 0, &out, &error), LW_USAGE,
                 "nothing was encoded");
    cr_assert_eq(lw_encode(f.translator, many, 20, &out, &error), LW_OK);
    cr_assert_eq(lw_decode_step(f.translator, many, BEAMS + 1, 0, &out, &error), LW_USAGE);
    cr_assert_eq(lw_decode_step(f.translator, many, 1, STEPS, &out, &error), LW_USAGE);
    cr_assert_eq(lw_decode_step(f.translator, outside, 2, 0, &out, &error), LW_USAGE);
    close_fixture(&f);
}
