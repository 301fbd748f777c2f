/* Lines translated together get what they get alone, to the bit, whatever the others are. */
#include "runtime/backend.h"
#include "runtime/translator.h"
#include "tests/oracle.h"
#include "tests/random_model.h"

#include <criterion/criterion.h>
#include <string.h>

enum { JOBS = 23, LONGEST = 9, STEPS = 12, UNUSABLE = 7 };

static struct lw_model model;
static struct lw_backend backend;

static void setup(void)
{
    struct lw_config config = oracle_config();
    test_random_model(&config, 5, &model);
    cr_assert_eq(lw_backend_f32(&model, &backend, NULL), LW_OK);
}

static void teardown(void)
{
    lw_backend_close(&backend);
    lw_model_free(&model);
}

TestSuite(batch, .init = setup, .fini = teardown);

/* Sources of 1 to LONGEST words; job UNUSABLE has a word that the model has not. */
static void make_jobs(struct lw_request *jobs, int32_t sources[JOBS][LONGEST])
{
    uint64_t seed = 11;
    for (size_t j = 0; j < JOBS; j++) {
        size_t count = 1 + (size_t)(test_uniform(&seed) * (double)LONGEST);
        for (size_t i = 0; i < count; i++)
            sources[j][i] = (int32_t)(test_uniform(&seed) * 30.0);
        jobs[j] = (struct lw_request){.source = sources[j], .count = count};
    }
    sources[UNUSABLE][0] = 1000;
}

/* All hypotheses of request j, the last first: asking for one changes no other. */
static void check_hypotheses(struct lw_translator *batched, size_t j, struct lw_translator *alone)
{
    size_t count = lw_translator_hypotheses(alone, 0);
    cr_assert_eq(lw_translator_hypotheses(batched, j), count);
    for (size_t i = count; i-- > 0;) {
        struct lw_hypothesis got, want;
        lw_translator_hypothesis(batched, j, i, &got);
        lw_translator_hypothesis(alone, 0, i, &want);
        cr_assert_eq(got.count, want.count, "request %zu, hypothesis %zu", j, i);
        cr_assert_arr_eq(got.words, want.words, want.count * sizeof *want.words);
        cr_assert_arr_eq(&got.score, &want.score, sizeof want.score);
    }
}

static void check_batches(const struct lw_backend *products, size_t beams, size_t together)
{
    struct lw_search search = {beams, STEPS, 1.0f, false};
    struct lw_translator *alone, *batched;
    struct lw_request jobs[JOBS];
    int32_t sources[JOBS][LONGEST];
    make_jobs(jobs, sources);
    cr_assert_eq(lw_translator_open(&model, &backend, &search, &alone, NULL), LW_OK);
    cr_assert_eq(lw_translator_open_batch(&model, products, &search, together, &batched, NULL),
                 LW_OK);
    for (size_t first = 0; first < JOBS; first += together) {
        size_t count = JOBS - first < together ? JOBS - first : together;
        lw_translate_batch(batched, jobs + first, count);
        for (size_t j = first; j < first + count; j++) {
            struct lw_hypothesis best;
            struct lw_error error = {0};
            enum lw_status status =
                lw_translate(alone, jobs[j].source, jobs[j].count, &best, &error);
            cr_assert_eq(status, j == UNUSABLE ? LW_USAGE : LW_OK);
            cr_assert_eq(jobs[j].status, status);
            cr_assert_str_eq(jobs[j].error.text, error.text);
            if (status != LW_OK)
                continue;
            cr_assert_eq(jobs[j].best.count, best.count, "job %zu of %zu together", j, together);
            cr_assert_arr_eq(jobs[j].best.words, best.words, best.count * sizeof *best.words);
            cr_assert_arr_eq(&jobs[j].best.score, &best.score, sizeof best.score);
            check_hypotheses(batched, j - first, alone);
        }
    }
    lw_translator_close(alone);
    lw_translator_close(batched);
}

Test(batch, gives_what_lines_get_alone)
{
    for (size_t beams = 1; beams <= 5; beams += 2)
        for (size_t together = 1; together <= JOBS; together += 4)
            check_batches(&backend, beams, together);
}

static enum lw_status refuse_many(void *self, const struct lw_product *products, size_t count,
                                  size_t columns, const float *x, struct lw_error *error)
{
    (void)self;
    if (columns > LONGEST)
        return lw_fail(error, LW_FAILED, "too many columns");
    return backend.multiply(backend.self, products, count, columns, x, error);
}

/* What fails for all of a batch is tried line by line: one bad line spoils no other. */
Test(batch, failure_of_a_step_is_found_line_by_line)
{
    const struct lw_backend narrow = {.name = "narrow", .multiply = refuse_many};
    for (size_t beams = 1; beams <= 4; beams += 3)
        check_batches(&narrow, beams, 6);
}

Test(batch, refuses_no_lines_and_too_many)
{
    struct lw_search search = {1, STEPS, 1.0f, false};
    struct lw_translator *translator = NULL;
    struct lw_error error = {0};
    for (size_t lines = 0; lines <= 1025; lines += 1025) {
        cr_assert_eq(
            lw_translator_open_batch(&model, &backend, &search, lines, &translator, &error),
            LW_USAGE);
        cr_assert_not_null(strstr(error.text, "between 1 and 1024"));
    }
}

/* What a watch is told of each request, and when it has had enough. */
struct watched {
    size_t asked, stop_at; /* 0: never */
    size_t counts[JOBS];
    int32_t words[JOBS][STEPS];
};

static bool watch_words(void *context, size_t request, const int32_t *words, size_t count)
{
    struct watched *w = context;
    if (count) {
        w->counts[request] = count;
        memcpy(w->words[request], words, count * sizeof *words);
    }
    return ++w->asked != w->stop_at;
}

/* Each request's words end in its translation. */
Test(batch, a_watch_sees_each_request)
{
    for (size_t beams = 1; beams <= 4; beams += 3) {
        struct lw_search search = {beams, STEPS, 1.0f, false};
        struct watched watched = {0};
        const struct lw_token_watch watch = {watch_words, &watched};
        struct lw_translator *translator;
        struct lw_request jobs[JOBS];
        int32_t sources[JOBS][LONGEST];
        make_jobs(jobs, sources);
        cr_assert_eq(lw_translator_open_batch(&model, &backend, &search, JOBS, &translator, NULL),
                     LW_OK);
        lw_translator_watch(translator, &watch);
        lw_translate_batch(translator, jobs, JOBS);
        for (size_t j = 0; j < JOBS; j++) {
            cr_assert_eq(watched.counts[j], jobs[j].best.count); /* 0 of the one that is refused */
            if (j == UNUSABLE)
                continue;
            cr_assert_arr_eq(watched.words[j], jobs[j].best.words,
                             watched.counts[j] * sizeof *jobs[j].best.words);
        }
        lw_translator_close(translator);
    }
}

/* Wherever it stops, in the encoder or the search: it is not asked again, and nothing that was not
 * finished has a translation. */
Test(batch, a_watch_stops_all)
{
    struct lw_search search = {3, STEPS, 1.0f, false};
    struct lw_translator *translator;
    struct lw_request jobs[JOBS];
    int32_t sources[JOBS][LONGEST];
    make_jobs(jobs, sources);
    cr_assert_eq(lw_translator_open_batch(&model, &backend, &search, JOBS, &translator, NULL),
                 LW_OK);
    for (size_t stop_at = 1; stop_at < 60; stop_at += 3) {
        struct watched watched = {.stop_at = stop_at};
        const struct lw_token_watch watch = {watch_words, &watched};
        lw_translator_watch(translator, &watch);
        lw_translate_batch(translator, jobs, UNUSABLE);
        cr_assert_eq(watched.asked, stop_at);
        for (size_t j = 0; j < UNUSABLE; j++) {
            cr_assert_eq(jobs[j].status, LW_FAILED);
            cr_assert_str_eq(jobs[j].error.text, "the translation was stopped");
        }
    }
    lw_translator_watch(translator, NULL);
    lw_translate_batch(translator, jobs, UNUSABLE);
    for (size_t j = 0; j < UNUSABLE; j++)
        cr_assert_eq(jobs[j].status, LW_OK);
    lw_translator_close(translator);
}
