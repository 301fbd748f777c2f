/* Greedy and beam search against a literal, slow form of Hugging Face's generate(): whole sequences
 * are copied, every prefix is decoded afresh, and ended beams are kept apart by adding -1e9 as
 * there. */
#include "runtime/translator.h"
#include "runtime/vector.h"
#include "tests/oracle.h"
#include "tests/random_model.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS = 37, MOST = 20, BEAMS = 6, SOURCE = 5 };

static const int32_t source[SOURCE] = {3, 30, 7, 12, 0};

struct sequence {
    int32_t words[MOST]; /* the start word first */
    float score;
    bool ended;
    size_t length; /* where ended */
};

struct literal {
    const struct lw_config *config;
    struct lw_search search;
    struct lw_translator *translator; /* used with one beam */
};

static void log_probabilities(const struct literal *l, const struct sequence *s, size_t length,
                              bool softmax, float *out)
{
    const float *logits = NULL;
    for (size_t i = 0; i < length; i++)
        cr_assert_eq(lw_decode_step(l->translator, &s->words[i], 1, i, &logits, NULL), LW_OK);
    memcpy(out, logits, WORDS * sizeof *out);
    if (softmax)
        lw_vector_host()->log_softmax(out, WORDS);
    for (size_t i = 0; i < l->config->bad_word_count; i++)
        out[l->config->bad_words[i]] = -INFINITY;
    if (l->config->forced_eos >= 0 && length == l->search.max_length - 1)
        for (int32_t v = 0; v < WORDS; v++)
            out[v] = v == l->config->forced_eos ? 0.0f : -INFINITY;
}

/* Indices of the k largest of count scores, the lowest index first among equals. */
static void top(const float *scores, size_t count, size_t k, size_t *indices)
{
    bool *taken = calloc(count, sizeof *taken);
    for (size_t i = 0; i < k; i++) {
        size_t best = count;
        for (size_t j = 0; j < count; j++)
            if (!taken[j] && (best == count || scores[j] > scores[best]))
                best = j;
        taken[best] = true;
        indices[i] = best;
    }
    free(taken);
}

static float score_of(const struct literal *l, float sum, size_t length)
{
    return sum / (float)pow((double)length, (double)l->search.length_penalty);
}

/* One round of _beam_search; length is cur_len. Returns whether to go on. */
static bool literal_step(const struct literal *l, struct sequence *running,
                         struct sequence *finished, size_t length)
{
    static float scores[BEAMS * WORDS], running_scores[2 * BEAMS], merged_scores[3 * BEAMS];
    struct sequence candidates[2 * BEAMS], merged[3 * BEAMS];
    size_t indices[3 * BEAMS], beams = l->search.beams;
    for (size_t b = 0; b < beams; b++) {
        log_probabilities(l, &running[b], length, true, scores + b * WORDS);
        for (size_t v = 0; v < WORDS; v++)
            scores[b * WORDS + v] += running[b].score;
    }
    top(scores, beams * WORDS, 2 * beams, indices);
    bool all_end = true;
    for (size_t i = 0; i < 2 * beams; i++) {
        candidates[i] = running[indices[i] / WORDS];
        candidates[i].words[length] = (int32_t)(indices[i] % WORDS);
        candidates[i].score = scores[indices[i]];
        candidates[i].ended =
            candidates[i].words[length] == l->config->eos || length + 1 >= l->search.max_length;
        candidates[i].length = length + 1;
        all_end = all_end && candidates[i].ended;
        running_scores[i] = candidates[i].score + (candidates[i].ended ? -1e9f : 0.0f);
    }
    top(running_scores, 2 * beams, beams, indices);
    for (size_t b = 0; b < beams; b++) {
        running[b] = candidates[indices[b]];
        running[b].score = running_scores[indices[b]];
    }
    for (size_t i = 0; i < 3 * beams; i++) {
        merged[i] = i < beams ? finished[i] : candidates[i - beams];
        if (i >= beams) {
            merged[i].ended = merged[i].ended && i - beams < beams;
            merged[i].score =
                score_of(l, merged[i].score, length) + (merged[i].ended ? 0.0f : -1e9f);
        }
        merged_scores[i] = merged[i].score;
    }
    top(merged_scores, 3 * beams, beams, indices);
    bool all_finished = true, improvable = false;
    for (size_t b = 0; b < beams; b++) {
        finished[b] = merged[indices[b]];
        all_finished = all_finished && finished[b].ended;
    }
    for (size_t b = 0; b < beams; b++) {
        float worst = finished[b].ended ? finished[beams - 1].score : -1e9f;
        improvable = improvable || score_of(l, running[0].score, length) > worst;
    }
    return improvable && !(all_finished && l->search.early_stopping) && !all_end;
}

/* All hypotheses, best first; those that have not ended are none. */
static void literal_beams(const struct literal *l, struct sequence finished[BEAMS])
{
    struct sequence running[BEAMS] = {0};
    memset(finished, 0, BEAMS * sizeof *finished);
    for (size_t b = 0; b < l->search.beams; b++) {
        running[b].words[0] = l->config->decoder_start;
        running[b].score = b == 0 ? 0.0f : -1e9f;
        finished[b].score = -1e9f;
    }
    size_t length = 1;
    while (literal_step(l, running, finished, length))
        length++;
}

static void literal_greedy(const struct literal *l, struct sequence *end)
{
    struct sequence s = {.words = {l->config->decoder_start}, .length = 1};
    do {
        float x[WORDS];
        size_t best;
        log_probabilities(l, &s, s.length, false, x);
        top(x, WORDS, 1, &best);
        s.words[s.length++] = (int32_t)best;
    } while (s.words[s.length - 1] != l->config->eos && s.length < l->search.max_length);
    s.ended = true;
    *end = s;
}

/* Every hypothesis, the last first: to ask for one must not change the others. */
static void compare_all(const struct literal *l, struct lw_translator *translator,
                        const struct sequence *want)
{
    size_t count = 0;
    while (count < l->search.beams && want[count].ended)
        count++;
    cr_assert_eq(lw_translator_hypotheses(translator, 0), count, "%zu hypotheses, literally %zu",
                 lw_translator_hypotheses(translator, 0), count);
    for (size_t i = count; i-- > 0;) {
        struct lw_hypothesis got;
        lw_translator_hypothesis(translator, 0, i, &got);
        cr_assert_eq(got.count + 1, want[i].length, "hypothesis %zu", i);
        cr_assert_arr_eq(got.words, want[i].words + 1, got.count * sizeof *got.words);
        if (l->search.beams > 1)
            cr_assert_eq(got.score, want[i].score, "hypothesis %zu: %g, literally %g", i,
                         (double)got.score, (double)want[i].score);
    }
}

/* Returns the number of generated words. */
static size_t compare(const struct lw_model *model, const struct lw_search *search)
{
    struct lw_error error = {0};
    struct lw_backend backend;
    struct lw_translator *translator, *plain;
    struct lw_hypothesis best;
    const float *encoded;
    cr_assert_eq(lw_backend_f32(model, &backend, &error), LW_OK, "%s", error.text);
    cr_assert_eq(lw_translator_open(model, &backend, search, &translator, &error), LW_OK, "%s",
                 error.text);
    cr_assert_eq(lw_translator_open(model, &backend, search, &plain, &error), LW_OK, "%s",
                 error.text);
    cr_assert_eq(lw_translate(translator, source, SOURCE, &best, &error), LW_OK, "%s", error.text);
    cr_assert_eq(lw_encode(plain, source, SOURCE, &encoded, &error), LW_OK, "%s", error.text);
    struct literal literal = {&model->config, *search, plain};
    struct sequence want[BEAMS];
    if (search->beams == 1)
        literal_greedy(&literal, want);
    else
        literal_beams(&literal, want);
    cr_assert_eq(best.count + 1, want->length, "%zu words, literally %zu", best.count,
                 want->length - 1);
    cr_assert_arr_eq(best.words, want->words + 1, best.count * sizeof *best.words);
    if (search->beams > 1)
        cr_assert_eq(best.score, want->score, "%g, literally %g", (double)best.score,
                     (double)want->score);
    size_t count = best.count;
    compare_all(&literal, translator, want);
    lw_translator_close(plain);
    lw_translator_close(translator);
    lw_backend_close(&backend);
    return count;
}

/* Makes every word likely enough for beams to differ, sentences of all lengths likely, and ties
 * common: words 1 to 12 have twins of the same embedding and bias. */
static void temper(struct lw_model *model, float end_bias)
{
    size_t d = model->config.d_model;
    for (size_t i = 0; i < model->matrix_count; i++) {
        float *weights = (float *)model->matrices[i].dense;
        for (size_t j = 0; j < model->matrices[i].rows * model->matrices[i].columns; j++)
            weights[j] *= 0.15f;
    }
    struct lw_matrix *words = &model->matrices[model->output];
    float *weights = (float *)words->dense, *bias = (float *)words->bias;
    for (size_t v = 1; v <= 12; v++) {
        memcpy(weights + (v + 12) * d, weights + v * d, d * sizeof *weights);
        bias[v + 12] = bias[v];
    }
    bias[model->config.eos] = end_bias;
}

/* Random models, every kind of limit; logs what it ran so that a failure can be run again. */
static void compare_many(bool early_stopping, int32_t forced_eos)
{
    static const float penalties[] = {1.0f, 0.0f, 0.6f, 2.0f, -0.5f};
    size_t lengths[MOST + 1] = {0};
    for (uint64_t seed = 0; seed < 240; seed++) {
        int32_t bad[] = {36, 5};
        struct lw_config config = oracle_config();
        config.bad_words = seed % 3 ? bad : NULL;
        config.bad_word_count = seed % 3;
        config.forced_eos = forced_eos;
        struct lw_model model;
        test_random_model(&config, seed, &model);
        temper(&model, 1.0f + 0.5f * (float)(seed % 4));
        struct lw_search search = {1 + seed % BEAMS, 2 + seed % 17, penalties[seed % 5],
                                   early_stopping};
        cr_log_info("seed %d", (int)seed);
        lengths[compare(&model, &search)]++;
        lw_model_free(&model);
    }
    for (size_t i = 1; i <= 10; i++)
        cr_assert_gt(lengths[i], 0, "no translation of %zu words was tested", i);
}

Test(search, like_generate)
{
    compare_many(false, 0);
}

Test(search, like_generate_with_early_stopping)
{
    compare_many(true, 0);
}

Test(search, like_generate_without_a_forced_end)
{
    compare_many(false, -1);
}

Test(search, a_beam_search_is_repeatable)
{
    struct lw_config config = oracle_config();
    struct lw_model model;
    struct lw_backend backend;
    struct lw_translator *translator;
    struct lw_search search = {4, 12, 1.0f, false};
    struct lw_hypothesis best;
    int32_t first[MOST], other[] = {8, 9, 10, 0};
    test_random_model(&config, 5, &model);
    cr_assert_eq(lw_backend_f32(&model, &backend, NULL), LW_OK);
    cr_assert_eq(lw_translator_open(&model, &backend, &search, &translator, NULL), LW_OK);
    cr_assert_eq(lw_translate(translator, source, SOURCE, &best, NULL), LW_OK);
    size_t count = best.count;
    memcpy(first, best.words, count * sizeof *first);
    cr_assert_eq(lw_translate(translator, other, 4, &best, NULL), LW_OK);
    cr_assert_eq(lw_translate(translator, source, SOURCE, &best, NULL), LW_OK);
    cr_assert_eq(best.count, count);
    cr_assert_arr_eq(best.words, first, count * sizeof *first);
    lw_translator_close(translator);
    lw_backend_close(&backend);
    lw_model_free(&model);
}

static enum lw_status open_status(const struct lw_model *model, struct lw_search search)
{
    struct lw_backend backend = {0};
    struct lw_translator *translator = NULL;
    struct lw_error error = {0};
    enum lw_status status = lw_translator_open(model, &backend, &search, &translator, &error);
    cr_assert(status == LW_OK || error.text[0]);
    lw_translator_close(translator);
    return status;
}

Test(search, refuses_limits_that_make_no_sense)
{
    struct lw_config config = oracle_config();
    struct lw_model model;
    test_random_model(&config, 5, &model);
    cr_assert_eq(open_status(&model, (struct lw_search){1, 21, 1.0f, false}), LW_OK);
    cr_assert_eq(open_status(&model, (struct lw_search){0, 12, 1.0f, false}), LW_USAGE);
    cr_assert_eq(open_status(&model, (struct lw_search){256, 12, 1.0f, false}), LW_USAGE);
    cr_assert_eq(open_status(&model, (struct lw_search){19, 12, 1.0f, false}), LW_USAGE);
    cr_assert_eq(open_status(&model, (struct lw_search){1, 1, 1.0f, false}), LW_USAGE);
    cr_assert_eq(open_status(&model, (struct lw_search){1, 22, 1.0f, false}), LW_USAGE);
    cr_assert_eq(open_status(&model, (struct lw_search){1, 12, NAN, false}), LW_USAGE);
    lw_model_free(&model);
}

/* A weight that is not a number must not become a translation. */
Test(search, refuses_logits_that_are_not_finite)
{
    for (size_t beams = 1; beams <= 4; beams += 3) {
        struct lw_config config = oracle_config();
        struct lw_model model;
        struct lw_backend backend;
        struct lw_translator *translator;
        struct lw_search search = {beams, 12, 1.0f, false};
        struct lw_hypothesis best;
        struct lw_error error = {0};
        test_random_model(&config, 5, &model);
        float *bias = calloc(config.target_words, sizeof *bias);
        bias[20] = NAN;
        model.matrices[model.output].bias = bias;
        cr_assert_eq(lw_backend_f32(&model, &backend, NULL), LW_OK);
        cr_assert_eq(lw_translator_open(&model, &backend, &search, &translator, NULL), LW_OK);
        cr_assert_eq(lw_translate(translator, source, SOURCE, &best, &error), LW_FAILED);
        cr_assert_not_null(strstr(error.text, "not finite"), "%s", error.text);
        lw_translator_close(translator);
        lw_backend_close(&backend);
        lw_model_free(&model);
        free(bias);
    }
}
