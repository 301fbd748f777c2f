/* liblutwidge from outside: what its calls give, refuse and leave. */
#include "library/lutwidge.h"
#include "tests/bundles.h"
#include "tests/cycles.h"

#include <criterion/criterion.h>
#include <math.h>
#include <pthread.h>
#include <pthreadpool.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(library_api, .timeout = 300);

enum { TEXTS = 12 };
static const char *const texts[TEXTS] = {
    "Open the file.",
    "",
    "Press the button and wait.",
    "A",
    " white space ",
    "The quick brown fox jumps over the lazy dog.",
    "No.",
    "Close all windows, then open the door.",
    "\n",
    "One two three four five six seven.",
    "Why?",
    "The file is open.",
};

static struct lutwidge_options options_of(size_t beams, size_t n_best, size_t batch)
{
    struct lutwidge_options options;
    lutwidge_options_init(&options, sizeof options);
    options.beams = beams;
    options.n_best = n_best;
    options.batch = batch;
    return options;
}

static struct lutwidge_translator *open_translator(struct lutwidge_model *model,
                                                   const struct lutwidge_options *options)
{
    struct lutwidge_error error;
    struct lutwidge_translator *translator;
    cr_assert_eq(lutwidge_translator_open(model, options, &translator, &error), LUTWIDGE_OK, "%s",
                 error.text);
    return translator;
}

static struct lutwidge_result *translate(struct lutwidge_translator *translator, const char *text)
{
    struct lutwidge_error error;
    struct lutwidge_result *result;
    cr_assert_eq(lutwidge_translate(translator, text, LUTWIDGE_TO_NUL, &result, &error),
                 LUTWIDGE_OK, "%s", error.text);
    cr_assert_eq(lutwidge_result_status(result), LUTWIDGE_OK);
    cr_assert_str_empty(lutwidge_result_error(result));
    return result;
}

static void expect_same(const struct lutwidge_result *a, const struct lutwidge_result *b)
{
    cr_assert_eq(lutwidge_result_status(a), lutwidge_result_status(b));
    cr_assert_eq(lutwidge_result_count(a), lutwidge_result_count(b));
    for (size_t i = 0; i < lutwidge_result_count(a); i++) {
        cr_assert_str_eq(lutwidge_result_text(a, i), lutwidge_result_text(b, i));
        cr_assert_eq(lutwidge_result_score(a, i), lutwidge_result_score(b, i));
    }
}

Test(library_api, says_its_version)
{
    char version[32];
    snprintf(version, sizeof version, "%d.%d.%d", LUTWIDGE_VERSION_MAJOR, LUTWIDGE_VERSION_MINOR,
             LUTWIDGE_VERSION_PATCH);
    cr_expect_str_eq(lutwidge_version(), version);
    cr_expect_str_eq(LUTWIDGE_VERSION, version);
    cr_expect_str_eq(LW_VERSION, version);
}

/* What the program does is the same from text to text: see test_install for its bytes. */
Test(library_api, translates_with_kernels_and_in_fp32)
{
    const char *const paths[] = {bundle_path(0), bundle_f32_file(0)};
    for (size_t i = 0; i < 2; i++) {
        struct lutwidge_model *model = bundle_open(paths[i]);
        struct lutwidge_translator *translator = open_translator(model, NULL);
        struct lutwidge_result *result = translate(translator, texts[0]);
        cr_expect_eq(lutwidge_result_count(result), 1);
        cr_expect_gt(strlen(lutwidge_result_text(result, 0)), 0);
        cr_expect_lt(lutwidge_result_score(result, 0), 0);
        cr_expect_null(lutwidge_result_text(result, 1));
        cr_expect(isnan(lutwidge_result_score(result, 1)));
        lutwidge_result_free(result);
        result = translate(translator, " \t ");
        cr_expect_str_empty(lutwidge_result_text(result, 0));
        cr_expect_eq(lutwidge_result_score(result, 0), 0);
        lutwidge_result_free(result);
        lutwidge_translator_close(translator);
        lutwidge_model_close(model);
    }
}

Test(library_api, a_text_may_end_without_a_nul)
{
    struct lutwidge_model *model = bundle_open(bundle_path(0));
    struct lutwidge_translator *translator = open_translator(model, NULL);
    struct lutwidge_result *whole = translate(translator, "Open"), *part;
    cr_assert_eq(lutwidge_translate(translator, "Open\xff", 4, &part, NULL), LUTWIDGE_OK);
    expect_same(whole, part);
    lutwidge_result_free(whole);
    lutwidge_result_free(part);
    lutwidge_translator_close(translator);
    lutwidge_model_close(model);
}

static void expect_refusal(const char *path, enum lutwidge_status status, const char *part)
{
    struct lutwidge_error error = {"before"};
    struct lutwidge_model *model = (void *)&error;
    enum lutwidge_status got = lutwidge_model_open(path, &model, &error);
    cr_expect_eq(got, status, "%s: %d: %s", path, (int)got, error.text);
    cr_expect_null(model);
    cr_expect_not_null(strstr(error.text, part), "%s: %s", path, error.text);
    cr_expect_eq(lutwidge_model_open(path, &model, NULL), status);
}

Test(library_api, refuses_what_is_no_bundle)
{
    char copy[128], command[512];
    expect_refusal("/nonexistent", LUTWIDGE_FAILED, "cannot open /nonexistent: No such file");
    expect_refusal("docs", LUTWIDGE_USAGE, "docs is no bundle");
    expect_refusal("models/open-en-de", LUTWIDGE_USAGE, "is no bundle");
    expect_refusal("README.md", LUTWIDGE_CORRUPT, "README.md is neither");
    expect_refusal(bundle_file(0), LUTWIDGE_USAGE, "lutwidge generate");
    expect_refusal(NULL, LUTWIDGE_USAGE, "NULL");
    cr_expect_eq(lutwidge_model_open("docs", NULL, NULL), LUTWIDGE_USAGE);
    snprintf(copy, sizeof copy, "%s/damaged", bundles_folder());
    snprintf(command, sizeof command,
             "cp -r %s %s && printf x | dd of=%s/weights.bin bs=1 seek=9 conv=notrunc 2> /dev/null",
             bundle_path(0), copy, copy);
    cr_assert_eq(system(command), 0);
    expect_refusal(copy, LUTWIDGE_CORRUPT, "weights.bin does not match");
    snprintf(command, sizeof command, "rm %s/weights.bin", copy);
    cr_assert_eq(system(command), 0);
    expect_refusal(copy, LUTWIDGE_CORRUPT, "weights.bin");
}

static void expect_no_translator(struct lutwidge_model *model,
                                 const struct lutwidge_options *options, const char *part)
{
    struct lutwidge_error error;
    struct lutwidge_translator *translator = (void *)&error;
    cr_expect_eq(lutwidge_translator_open(model, options, &translator, &error), LUTWIDGE_USAGE);
    cr_expect_null(translator);
    cr_expect_not_null(strstr(error.text, part), "not '%s': %s", part, error.text);
}

Test(library_api, refuses_options_that_make_no_sense)
{
    struct lutwidge_model *model = bundle_open(bundle_path(0));
    struct lutwidge_options options = options_of(256, 1, 1);
    expect_no_translator(NULL, NULL, "NULL");
    expect_no_translator(model, &options, "256 beams");
    options = options_of(11, 1, 1);
    expect_no_translator(model, &options, "too many for a vocabulary");
    options = options_of(2, 3, 1);
    expect_no_translator(model, &options, "n_best is 3");
    options = options_of(2, 0, 1);
    expect_no_translator(model, &options, "n_best is 0");
    options = options_of(2, 1, 0);
    expect_no_translator(model, &options, "0 lines together");
    options = options_of(2, 1, 1025);
    expect_no_translator(model, &options, "1025 lines together");
    options = options_of(2, 1, 1);
    options.max_length = 1;
    expect_no_translator(model, &options, "longest target");
    options.max_length = SIZE_MAX;
    expect_no_translator(model, &options, "longest target");
    options = options_of(2, 1, 1);
    options.length_penalty = (double)INFINITY;
    expect_no_translator(model, &options, "length penalty");
    options = (struct lutwidge_options){0};
    expect_no_translator(model, &options, "lutwidge_options_init");
    cr_expect_eq(lutwidge_translator_open(model, NULL, NULL, NULL), LUTWIDGE_USAGE);
    lutwidge_model_close(model);
}

/* A program of a later version gives a longer struct. */
Test(library_api, options_may_grow)
{
    struct {
        struct lutwidge_options known;
        size_t newer;
    } options;
    struct lutwidge_model *model = bundle_open(bundle_path(0));
    lutwidge_options_init(&options.known, sizeof options);
    cr_expect_eq(options.known.size, sizeof options);
    cr_expect_eq(options.newer, 0);
    lutwidge_translator_close(open_translator(model, &options.known));
    options.newer = 1;
    expect_no_translator(model, &options.known, "newer than version");
    options.known.beams = 99;
    lutwidge_options_init(&options.known, sizeof options.known.size); /* writes no further */
    cr_expect_eq(options.known.beams, 99);
    lutwidge_options_init(NULL, sizeof options);
    lutwidge_model_close(model);
}

Test(library_api, refuses_wrong_calls_and_texts)
{
    struct lutwidge_error error;
    struct lutwidge_result *result;
    struct lutwidge_model *model = bundle_open(bundle_path(0));
    struct lutwidge_translator *translator = open_translator(model, NULL);
    char many[200] = "";
    for (size_t i = 0; i < 40; i++)
        strcat(many, "a b ");
    cr_expect_eq(lutwidge_translate(translator, many, LUTWIDGE_TO_NUL, &result, &error),
                 LUTWIDGE_FAILED);
    cr_expect_not_null(strstr(error.text, "the model takes 1 to 32"), "%s", error.text);
    cr_expect_null(result);
    cr_expect_eq(lutwidge_translate(translator, "ab\xff", LUTWIDGE_TO_NUL, &result, &error),
                 LUTWIDGE_CORRUPT);
    cr_expect_not_null(strstr(error.text, "invalid UTF-8 at byte 2"), "%s", error.text);
    cr_expect_eq(lutwidge_translate(translator, NULL, 0, &result, &error), LUTWIDGE_USAGE);
    cr_expect_eq(lutwidge_translate(translator, "a", 1, NULL, &error), LUTWIDGE_USAGE);
    cr_expect_eq(lutwidge_translate(NULL, "a", 1, &result, &error), LUTWIDGE_USAGE);
    cr_expect_eq(lutwidge_translate_batch(translator, NULL, NULL, 1, &result, NULL),
                 LUTWIDGE_USAGE);
    cr_expect_eq(lutwidge_translate_batch(translator, NULL, NULL, 0, NULL, NULL), LUTWIDGE_OK);
    lutwidge_result_free(translate(translator, "a")); /* none of this did any harm */
    cr_expect_eq(lutwidge_result_count(NULL), 0);
    cr_expect_eq(lutwidge_result_status(NULL), LUTWIDGE_USAGE);
    cr_expect_not_null(lutwidge_result_error(NULL));
    cr_expect_eq(lutwidge_translator_memory(NULL), 0);
    lutwidge_cancel(NULL);
    lutwidge_resume(NULL);
    lutwidge_result_free(NULL);
    lutwidge_translator_close(NULL);
    lutwidge_model_close(NULL);
    lutwidge_translator_close(translator);
    lutwidge_model_close(model);
}

Test(library_api, n_best_are_in_order)
{
    struct lutwidge_model *model = bundle_open(bundle_path(0));
    for (size_t beams = 1; beams <= 5; beams++) {
        struct lutwidge_options one = options_of(beams, 1, 1), all = options_of(beams, beams, 1);
        struct lutwidge_translator *best = open_translator(model, &one),
                                   *list = open_translator(model, &all);
        for (size_t i = 0; i < TEXTS; i++) {
            struct lutwidge_result *a = translate(best, texts[i]), *b = translate(list, texts[i]);
            bool is_blank = strspn(texts[i], " \n") == strlen(texts[i]);
            cr_assert_eq(lutwidge_result_count(a), 1);
            cr_assert_eq(lutwidge_result_count(b), is_blank ? 1 : beams);
            cr_expect_str_eq(lutwidge_result_text(a, 0), lutwidge_result_text(b, 0));
            cr_expect_eq(lutwidge_result_score(a, 0), lutwidge_result_score(b, 0));
            for (size_t n = 1; n < lutwidge_result_count(b); n++)
                cr_expect_geq(lutwidge_result_score(b, n - 1), lutwidge_result_score(b, n));
            lutwidge_result_free(a);
            lutwidge_result_free(b);
        }
        lutwidge_translator_close(best);
        lutwidge_translator_close(list);
    }
    lutwidge_model_close(model);
}

/* Each text as it is alone: those of a call turned by a few, some together, on some threads. */
static void check_turns(struct lutwidge_model *model, const struct lutwidge_options *options,
                        struct lutwidge_result *const *expected)
{
    struct lutwidge_translator *translator = open_translator(model, options);
    for (size_t first = 0; first < TEXTS; first += 5) {
        const char *turned[TEXTS];
        struct lutwidge_result *got[TEXTS];
        struct lutwidge_error error;
        for (size_t i = 0; i < TEXTS; i++)
            turned[i] = texts[(first + i) % TEXTS];
        cr_assert_eq(lutwidge_translate_batch(translator, turned, NULL, TEXTS, got, &error),
                     LUTWIDGE_OK, "%s", error.text);
        for (size_t i = 0; i < TEXTS; i++) {
            expect_same(got[i], expected[(first + i) % TEXTS]);
            lutwidge_result_free(got[i]);
        }
    }
    lutwidge_translator_close(translator);
}

Test(library_api, a_batch_is_one_by_one)
{
    struct lutwidge_model *model = bundle_open(bundle_path(0));
    for (size_t beams = 1; beams <= 3; beams += 2) {
        struct lutwidge_options options = options_of(beams, beams > 1 ? 2 : 1, 1);
        struct lutwidge_translator *alone = open_translator(model, &options);
        struct lutwidge_result *expected[TEXTS];
        for (size_t i = 0; i < TEXTS; i++)
            expected[i] = translate(alone, texts[i]);
        for (size_t threads = 1; threads <= 4; threads++)
            for (size_t batch = 1; batch <= TEXTS; batch += 4) {
                options.batch = batch;
                options.pool = threads > 1 ? pthreadpool_create(threads) : NULL;
                check_turns(model, &options, expected);
                if (options.pool)
                    pthreadpool_destroy(options.pool);
            }
        for (size_t i = 0; i < TEXTS; i++)
            lutwidge_result_free(expected[i]);
        lutwidge_translator_close(alone);
    }
    lutwidge_model_close(model);
}

/* Two translators may stand on one pool; their calls take turns. */
Test(library_api, translators_share_a_pool)
{
    static const char *const pair[] = {"Open the file.", "Why?"};
    struct lutwidge_model *model = bundle_open(bundle_path(0));
    struct lutwidge_options options = options_of(2, 1, 1);
    struct lutwidge_translator *translators[2];
    struct lutwidge_result *results[2][2];
    options.pool = pthreadpool_create(2);
    for (size_t i = 0; i < 2; i++)
        translators[i] = open_translator(model, &options);
    for (size_t i = 0; i < 2; i++)
        cr_assert_eq(lutwidge_translate_batch(translators[i], pair, NULL, 2, results[i], NULL),
                     LUTWIDGE_OK);
    for (size_t i = 0; i < 2; i++) {
        expect_same(results[0][i], results[1][i]);
        lutwidge_result_free(results[0][i]);
        lutwidge_result_free(results[1][i]);
        lutwidge_translator_close(translators[i]);
    }
    pthreadpool_destroy(options.pool);
    lutwidge_model_close(model);
}

Test(library_api, a_bad_text_does_not_stop_a_batch)
{
    const char *const some[] = {"a", "b\xff", "c", "\xfe"};
    const size_t bytes[] = {1, 2, LUTWIDGE_TO_NUL, 1};
    struct lutwidge_error error;
    struct lutwidge_result *results[4];
    struct lutwidge_model *model = bundle_open(bundle_path(0));
    struct lutwidge_options options = options_of(1, 1, 3);
    struct lutwidge_translator *translator = open_translator(model, &options);
    cr_expect_eq(lutwidge_translate_batch(translator, some, bytes, 4, results, &error),
                 LUTWIDGE_CORRUPT);
    cr_expect_not_null(strstr(error.text, "text 1: invalid UTF-8 at byte 1"), "%s", error.text);
    for (size_t i = 0; i < 4; i++) {
        cr_expect_eq(lutwidge_result_status(results[i]), i % 2 ? LUTWIDGE_CORRUPT : LUTWIDGE_OK);
        cr_expect_eq(lutwidge_result_count(results[i]), 1 - i % 2);
        cr_expect_eq(strlen(lutwidge_result_error(results[i])) > 0, i % 2);
        lutwidge_result_free(results[i]);
    }
    const char *const null[] = {"a", NULL};
    cr_expect_eq(lutwidge_translate_batch(translator, null, NULL, 2, results, &error),
                 LUTWIDGE_USAGE);
    cr_expect_not_null(strstr(error.text, "text 1 is NULL"), "%s", error.text);
    cr_expect_null(results[0]);
    lutwidge_translator_close(translator);
    lutwidge_model_close(model);
}

struct two {
    struct lutwidge_translator *translator;
    struct lutwidge_result *results[TEXTS];
};

static void *translate_all(void *context)
{
    struct two *two = context;
    for (size_t i = 0; i < TEXTS; i++)
        if (lutwidge_translate(two->translator, texts[i], LUTWIDGE_TO_NUL, &two->results[i],
                               NULL) != LUTWIDGE_OK)
            return two;
    return NULL;
}

/* Each model alone, then both in turn, then both at once on threads of their own. */
Test(library_api, two_bundles_in_one_process)
{
    struct two alone[2], turns[2], at_once[2];
    pthread_t threads[2];
    struct two *const all[] = {alone, turns, at_once};
    for (int which = 0; which < 2; which++) {
        struct lutwidge_model *model = bundle_open(bundle_path(which));
        alone[which].translator = open_translator(model, NULL);
        cr_assert_null(translate_all(&alone[which]));
        lutwidge_translator_close(alone[which].translator);
        lutwidge_model_close(model);
    }
    for (int which = 0; which < 2; which++) {
        struct lutwidge_model *model = bundle_open(bundle_path(which));
        turns[which].translator = open_translator(model, NULL);
        at_once[which].translator = open_translator(model, NULL);
        lutwidge_model_close(model); /* its translators hold it */
    }
    for (size_t i = 0; i < TEXTS; i++)
        for (int which = 0; which < 2; which++)
            turns[which].results[i] = translate(turns[which].translator, texts[i]);
    for (int which = 0; which < 2; which++)
        cr_assert_eq(pthread_create(&threads[which], NULL, translate_all, &at_once[which]), 0);
    for (int which = 0; which < 2; which++) {
        void *failed;
        cr_assert_eq(pthread_join(threads[which], &failed), 0);
        cr_assert_null(failed);
    }
    cr_expect_str_neq(lutwidge_result_text(alone[0].results[0], 0),
                      lutwidge_result_text(alone[1].results[0], 0));
    for (int which = 0; which < 2; which++) {
        for (size_t i = 0; i < TEXTS; i++) {
            expect_same(alone[which].results[i], turns[which].results[i]);
            expect_same(alone[which].results[i], at_once[which].results[i]);
            for (size_t a = 0; a < 3; a++)
                lutwidge_result_free(all[a][which].results[i]);
        }
        lutwidge_translator_close(turns[which].translator);
        lutwidge_translator_close(at_once[which].translator);
    }
}

Test(library_api, two_hundred_cycles_leave_nothing)
{
    check_cycles(bundle_path(0), 200);
}

Test(library_api, a_shortlist_is_read_when_the_translator_is_opened)
{
    char path[128];
    struct lutwidge_error error;
    struct lutwidge_translator *translator;
    struct lutwidge_model *model = bundle_open(bundle_path(0));
    struct lutwidge_options options = options_of(2, 1, 1);
    options.shortlist_best = 5;
    cr_assert_eq(lutwidge_translator_open(model, &options, &translator, &error), LUTWIDGE_USAGE);
    cr_assert_str_eq(error.text, "shortlist_best and _frequent go with a shortlist");
    snprintf(path, sizeof path, "%s/lex-%d", bundles_folder(), (int)getpid());
    options.shortlist = path;
    cr_assert_eq(lutwidge_translator_open(model, &options, &translator, &error), LUTWIDGE_FAILED);
    cr_assert_not_null(strstr(error.text, path));
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fputs("</s> </s> 0.5\n", file);
    fclose(file);
    struct lutwidge_translator *plain = open_translator(model, NULL);
    translator = open_translator(model, &options);
    size_t bytes = lutwidge_translator_memory(translator);
    cr_assert_gt(bytes, lutwidge_translator_memory(plain));
    lutwidge_translator_close(translator);
    options.max_memory_bytes = bytes - 1;
    cr_assert_eq(lutwidge_translator_open(model, &options, &translator, &error),
                 LUTWIDGE_INFEASIBLE);
    /* A program that was built before there were shortlists. */
    options.size = offsetof(struct lutwidge_options, shortlist);
    options.max_memory_bytes = 0;
    options.shortlist = "/nowhere";
    translator = open_translator(model, &options);
    cr_assert_eq(lutwidge_translator_memory(translator), lutwidge_translator_memory(plain));
    lutwidge_translator_close(translator);
    lutwidge_translator_close(plain);
    lutwidge_model_close(model);
}
