/* liblutwidge while it works: words as they come, cancelling, limits of memory. */
#include "library/lutwidge.h"
#include "tests/bundles.h"

#include <criterion/criterion.h>
#include <malloc.h>
#include <pthread.h>
#include <pthreadpool.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(library_calls, .timeout = 300);

static const char text[] = "The quick brown fox jumps over the lazy dog.";

/* What a callback sees, and when it has had enough. */
struct seen {
    struct lutwidge_translator *translator;
    size_t calls, stop_at; /* 0: never */
    size_t indices[4];
    char last[4][512];
    bool cancel;                  /* by lutwidge_cancel rather than by what it returns */
    enum lutwidge_status nested;  /* of a call within the callback */
    sem_t *inside, *continue_now; /* NULL: does not wait */
};

static int see(void *context, size_t index, const char *so_far)
{
    struct seen *seen = context;
    struct lutwidge_result *result = NULL;
    seen->calls++;
    seen->indices[index]++;
    snprintf(seen->last[index], sizeof seen->last[index], "%s", so_far);
    if (seen->calls == 1)
        seen->nested = lutwidge_translate(seen->translator, "a", 1, &result, NULL);
    if (seen->inside && seen->calls == 1) {
        sem_post(seen->inside);
        sem_wait(seen->continue_now);
    }
    if (seen->calls == seen->stop_at && seen->cancel)
        lutwidge_cancel(seen->translator);
    return seen->calls == seen->stop_at && !seen->cancel;
}

/* How a call divides its texts. pool: NULL or of lutwidge_options. */
struct division {
    size_t batch;
    struct pthreadpool *pool;
};

static const struct division one_by_one = {1, NULL};

static struct lutwidge_translator *open_seen(struct lutwidge_model *model, size_t beams,
                                             struct division division, struct seen *seen)
{
    struct lutwidge_error error;
    struct lutwidge_options options;
    lutwidge_options_init(&options, sizeof options);
    options.beams = beams;
    options.batch = division.batch;
    options.pool = division.pool;
    options.token = see;
    options.token_context = seen;
    cr_assert_eq(lutwidge_translator_open(model, &options, &seen->translator, &error), LUTWIDGE_OK,
                 "%s", error.text);
    return seen->translator;
}

Test(library_calls, words_come_one_by_one)
{
    struct lutwidge_model *model = bundle_open(bundle_path(0));
    for (size_t beams = 1; beams <= 4; beams += 3) {
        struct seen seen = {0};
        struct lutwidge_result *result;
        struct lutwidge_translator *translator = open_seen(model, beams, one_by_one, &seen);
        cr_assert_eq(lutwidge_translate(translator, text, LUTWIDGE_TO_NUL, &result, NULL),
                     LUTWIDGE_OK);
        cr_expect_gt(seen.calls, 1);
        cr_expect_str_eq(seen.last[0], lutwidge_result_text(result, 0), "the last is the result");
        cr_expect_eq(seen.nested, LUTWIDGE_USAGE, "a call within a callback");
        lutwidge_result_free(result);
        lutwidge_translator_close(translator);
    }
    lutwidge_model_close(model);
}

static void check_indices(struct lutwidge_model *model, size_t beams, struct division division)
{
    static const char *const texts[] = {"a", "", text, "b"};
    struct seen seen = {0};
    struct lutwidge_result *results[4];
    struct lutwidge_translator *translator = open_seen(model, beams, division, &seen);
    cr_assert_eq(lutwidge_translate_batch(translator, texts, NULL, 4, results, NULL), LUTWIDGE_OK);
    cr_expect_eq(seen.indices[1], 0, "a blank text has no words");
    for (size_t i = 0; i < 4; i++) {
        cr_expect_str_eq(seen.last[i], lutwidge_result_text(results[i], 0));
        lutwidge_result_free(results[i]);
    }
    lutwidge_translator_close(translator);
}

Test(library_calls, a_callback_is_told_which_text)
{
    struct lutwidge_model *model = bundle_open(bundle_path(0));
    struct pthreadpool *pool = pthreadpool_create(3);
    for (size_t beams = 1; beams <= 4; beams += 3)
        for (size_t batch = 1; batch <= 4; batch++) {
            check_indices(model, beams, (struct division){batch, NULL});
            check_indices(model, beams, (struct division){batch, pool});
        }
    pthreadpool_destroy(pool);
    lutwidge_model_close(model);
}

/* Greedy and beam search, by what the callback returns and by lutwidge_cancel: not one word more.
 */
Test(library_calls, stops_within_one_word)
{
    struct lutwidge_model *model = bundle_open(bundle_path(0));
    for (size_t beams = 1; beams <= 4; beams += 3)
        for (size_t stop_at = 1; stop_at <= 3; stop_at++)
            for (int cancel = 0; cancel < 2; cancel++) {
                struct seen seen = {.stop_at = stop_at, .cancel = cancel};
                struct lutwidge_error error;
                struct lutwidge_result *result;
                struct lutwidge_translator *t = open_seen(model, beams, one_by_one, &seen);
                cr_expect_eq(lutwidge_translate(t, text, LUTWIDGE_TO_NUL, &result, &error),
                             LUTWIDGE_CANCELLED);
                cr_expect_null(result);
                cr_expect_not_null(strstr(error.text, "stopped"), "%s", error.text);
                cr_expect_eq(seen.calls, stop_at);
                enum lutwidge_status next =
                    lutwidge_translate(t, text, LUTWIDGE_TO_NUL, &result, &error);
                cr_expect_eq(next, cancel ? LUTWIDGE_CANCELLED : LUTWIDGE_OK, "the next call");
                cr_expect_eq(seen.calls == stop_at, cancel);
                lutwidge_result_free(result);
                lutwidge_resume(t);
                seen.stop_at = 0;
                cr_expect_eq(lutwidge_translate(t, text, LUTWIDGE_TO_NUL, &result, &error),
                             LUTWIDGE_OK, "%s", error.text);
                lutwidge_result_free(result);
                lutwidge_translator_close(t);
            }
    lutwidge_model_close(model);
}

struct canceller {
    struct lutwidge_translator *translator;
    sem_t inside, continue_now;
};

static void *cancel(void *context)
{
    struct canceller *canceller = context;
    sem_wait(&canceller->inside);
    lutwidge_cancel(canceller->translator);
    sem_post(&canceller->continue_now);
    return NULL;
}

static void check_cancelled_batch(struct lutwidge_model *model, struct division division)
{
    static const char *const texts[] = {text, text, text, text};
    struct canceller canceller;
    struct seen seen = {.inside = &canceller.inside, .continue_now = &canceller.continue_now};
    struct lutwidge_result *results[4];
    pthread_t thread;
    sem_init(&canceller.inside, 0, 0);
    sem_init(&canceller.continue_now, 0, 0);
    canceller.translator = open_seen(model, 2, division, &seen);
    cr_assert_eq(pthread_create(&thread, NULL, cancel, &canceller), 0);
    cr_expect_eq(lutwidge_translate_batch(canceller.translator, texts, NULL, 4, results, NULL),
                 LUTWIDGE_CANCELLED);
    cr_assert_eq(pthread_join(thread, NULL), 0);
    cr_expect_eq(seen.calls, 1);
    for (size_t i = 0; i < 4; i++) {
        cr_expect_eq(lutwidge_result_status(results[i]), LUTWIDGE_CANCELLED);
        cr_expect_not_null(strstr(lutwidge_result_error(results[i]), "stopped"));
        cr_expect_eq(lutwidge_result_count(results[i]), 0);
        lutwidge_result_free(results[i]);
    }
    lutwidge_translator_close(canceller.translator);
}

/* Another thread cancels while the first word is shown: there is no second one, in no text. */
Test(library_calls, another_thread_cancels_a_batch)
{
    struct lutwidge_model *model = bundle_open(bundle_path(0));
    struct pthreadpool *pool = pthreadpool_create(3);
    for (size_t batch = 1; batch <= 4; batch++) {
        check_cancelled_batch(model, (struct division){batch, NULL});
        check_cancelled_batch(model, (struct division){batch, pool});
    }
    pthreadpool_destroy(pool);
    lutwidge_model_close(model);
}

/* What was finished before a callback had enough is kept. */
Test(library_calls, finished_texts_survive_a_stop)
{
    static const char *const texts[] = {text, text, text};
    struct lutwidge_model *model = bundle_open(bundle_path(0));
    struct seen seen = {0};
    struct lutwidge_result *results[3], *alone;
    struct lutwidge_translator *translator = open_seen(model, 1, one_by_one, &seen);
    cr_assert_eq(lutwidge_translate(translator, text, LUTWIDGE_TO_NUL, &alone, NULL), LUTWIDGE_OK);
    seen.stop_at = 2 * seen.calls + 1; /* the first word of the second */
    cr_expect_eq(lutwidge_translate_batch(translator, texts, NULL, 3, results, NULL),
                 LUTWIDGE_CANCELLED);
    cr_expect_eq(lutwidge_result_status(results[0]), LUTWIDGE_OK);
    cr_expect_str_eq(lutwidge_result_text(results[0], 0), lutwidge_result_text(alone, 0));
    cr_expect_eq(lutwidge_result_status(results[1]), LUTWIDGE_CANCELLED);
    cr_expect_eq(lutwidge_result_status(results[2]), LUTWIDGE_CANCELLED);
    for (size_t i = 0; i < 3; i++)
        lutwidge_result_free(results[i]);
    lutwidge_result_free(alone);
    lutwidge_translator_close(translator);
    lutwidge_model_close(model);
}

Test(library_calls, memory_is_refused_before_it_is_taken)
{
    struct lutwidge_error error;
    struct lutwidge_options options;
    struct lutwidge_translator *translator;
    struct lutwidge_model *model = bundle_open(bundle_path(0));
    struct pthreadpool *pool = pthreadpool_create(2);
    size_t before = 0;
    for (size_t i = 0; i < 3; i++) {
        lutwidge_options_init(&options, sizeof options);
        options.batch = i > 0 ? 8 : 1;
        options.pool = i > 1 ? pool : NULL;
        cr_assert_eq(lutwidge_translator_open(model, &options, &translator, &error), LUTWIDGE_OK,
                     "%s", error.text);
        size_t needed = lutwidge_translator_memory(translator);
        lutwidge_translator_close(translator);
        cr_expect_gt(needed, before);
        before = needed;
        options.max_memory_bytes = needed;
        cr_expect_eq(lutwidge_translator_open(model, &options, &translator, &error), LUTWIDGE_OK);
        lutwidge_translator_close(translator);
        options.max_memory_bytes--;
        cr_expect_eq(lutwidge_translator_open(model, &options, &translator, &error),
                     LUTWIDGE_INFEASIBLE);
        cr_expect_null(translator);
        cr_expect_not_null(strstr(error.text, "max_memory_bytes"), "%s", error.text);
    }
    pthreadpool_destroy(pool);
    lutwidge_model_close(model);
}

#if !__has_feature(address_sanitizer)
static size_t resident_bytes(void)
{
    size_t pages = 0;
    FILE *stream = fopen("/proc/self/statm", "re");
    cr_assert(stream && fscanf(stream, "%*zu %zu", &pages) == 1);
    fclose(stream);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* A process never has more resident than the model and translator are said to take, beyond what it
 * had before; a text as long as can be, the most beams, two threads. */
Test(library_calls, memory_stays_below_what_is_said)
{
    struct lutwidge_error error;
    struct lutwidge_options options;
    struct lutwidge_translator *translator;
    struct lutwidge_result *results[4];
    static const char longest[] = "a b c d e f g h i j k l m n o p q r s t u v w x y z a b c d e";
    static const char *const texts[] = {longest, longest, longest, longest};
    lutwidge_model_close(bundle_open(bundle_f32_file(1))); /* the code that both run */
    malloc_trim(0);
    lutwidge_options_init(&options, sizeof options);
    options.beams = 8;
    options.batch = 2;
    options.pool = pthreadpool_create(2);
    options.max_length = 33;
    size_t before = resident_bytes();
    struct lutwidge_model *model = bundle_open(bundle_f32_file(0));
    cr_assert_eq(lutwidge_translator_open(model, &options, &translator, &error), LUTWIDGE_OK, "%s",
                 error.text);
    cr_assert_eq(lutwidge_translate_batch(translator, texts, NULL, 4, results, &error), LUTWIDGE_OK,
                 "%s", error.text);
    size_t taken = resident_bytes() - before, said = lutwidge_translator_memory(translator);
    cr_expect_leq(taken, said, "%zu bytes taken, %zu said", taken, said);
    cr_expect_geq(lutwidge_peak_memory(), taken);
    cr_log_info("%zu bytes taken, %zu said", taken, said);
    for (size_t i = 0; i < 4; i++)
        lutwidge_result_free(results[i]);
    lutwidge_translator_close(translator);
    pthreadpool_destroy(options.pool);
    lutwidge_model_close(model);
}
#endif
