/* liblutwidge in programs that have set up their process: floating-point environments, bundles
 * that are replaced, texts of any length, no memory. */
#include "library/lutwidge.h"
#include "tests/bundles.h"

#include <criterion/criterion.h>
#include <fenv.h>
#include <inttypes.h>
#include <malloc.h>
#include <pthreadpool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

TestSuite(library_around, .timeout = 300);

enum { TEXTS = 4 };
static const char *const texts[TEXTS] = {
    "The quick brown fox jumps over the lazy dog.",
    "Open the file.",
    "Why?",
    "One two three four five six seven.",
};

static struct lutwidge_translator *open_translator(struct lutwidge_model *model,
                                                   struct pthreadpool *pool)
{
    struct lutwidge_error error;
    struct lutwidge_options options;
    struct lutwidge_translator *translator;
    lutwidge_options_init(&options, sizeof options);
    options.beams = options.n_best = 3;
    options.pool = pool;
    cr_assert_eq(lutwidge_translator_open(model, &options, &translator, &error), LUTWIDGE_OK, "%s",
                 error.text);
    return translator;
}

/* All translations and the bits of their scores. */
static void translate_all(struct lutwidge_translator *translator, char *out, size_t room)
{
    struct lutwidge_error error;
    struct lutwidge_result *results[TEXTS];
    size_t used = 0;
    cr_assert_eq(lutwidge_translate_batch(translator, texts, NULL, TEXTS, results, &error),
                 LUTWIDGE_OK, "%s", error.text);
    for (size_t i = 0; i < TEXTS; i++) {
        for (size_t n = 0; n < lutwidge_result_count(results[i]); n++) {
            double score = lutwidge_result_score(results[i], n);
            uint64_t bits;
            memcpy(&bits, &score, sizeof bits);
            used += (size_t)snprintf(out + used, room - used, "%016" PRIx64 " %s\n", bits,
                                     lutwidge_result_text(results[i], n));
            cr_assert_lt(used, room);
        }
        lutwidge_result_free(results[i]);
    }
}

static void flush_denormals(void)
{
#if defined(__x86_64__)
    _mm_setcsr(_mm_getcsr() | 0x8040); /* FTZ and DAZ */
#endif
}

/* In environments of their own: opening, the first call, which computes positions, and threads. The
 * environment is the caller's again afterwards, flags included. */
Test(library_around, same_bytes_whatever_the_caller_set)
{
    static const int modes[] = {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
    const char *const paths[] = {bundle_path(0), bundle_f32_file(0)};
    for (size_t p = 0; p < 2; p++) {
        char expected[8192], got[8192];
        struct lutwidge_model *model = bundle_open(paths[p]);
        struct lutwidge_translator *translator = open_translator(model, NULL);
        translate_all(translator, expected, sizeof expected);
        lutwidge_translator_close(translator);
        lutwidge_model_close(model);
        for (size_t i = 0; i < 2 * sizeof modes / sizeof *modes; i++) {
            fesetround(modes[i / 2]);
            flush_denormals();
            feclearexcept(FE_ALL_EXCEPT);
            struct pthreadpool *pool = i % 2 ? pthreadpool_create(2) : NULL;
            model = bundle_open(paths[p]);
            translator = open_translator(model, pool);
            translate_all(translator, got, sizeof got);
            cr_expect_eq(fegetround(), modes[i / 2]);
            cr_expect_eq(fetestexcept(FE_ALL_EXCEPT), 0);
            fesetenv(FE_DFL_ENV);
            cr_expect_str_eq(got, expected);
            translate_all(translator, got, sizeof got); /* what was kept is right, too */
            cr_expect_str_eq(got, expected);
            lutwidge_translator_close(translator);
            lutwidge_model_close(model);
            if (pool)
                pthreadpool_destroy(pool);
        }
    }
}

/* Files of kernels whose code is mapped. */
static size_t count_kernels(void)
{
    char line[8192];
    size_t count = 0;
    FILE *maps = fopen("/proc/self/maps", "re");
    cr_assert_not_null(maps);
    while (fgets(line, sizeof line, maps))
        count += strstr(line, " r-xp ") && strstr(line, "/kernels.so");
    fclose(maps);
    return count;
}

/* As `lutwidge generate` replaces them: what is open stays, what is opened then is the new one. */
Test(library_around, a_bundle_may_be_replaced_while_it_is_open)
{
    char folder[256], command[1024], expected[2][8192], got[8192];
    snprintf(folder, sizeof folder, "%s/replaced", bundles_folder());
    struct lutwidge_model *models[2];
    struct lutwidge_translator *translators[2];
    for (int i = 0; i < 2; i++) {
        models[i] = bundle_open(bundle_path(i));
        translators[i] = open_translator(models[i], NULL);
        translate_all(translators[i], expected[i], sizeof expected[i]);
        lutwidge_translator_close(translators[i]);
        lutwidge_model_close(models[i]);
    }
    cr_assert_str_neq(expected[0], expected[1]);
    cr_assert_eq(count_kernels(), 0);
    for (int i = 0; i < 2; i++) {
        snprintf(command, sizeof command,
                 "rm -rf %s.old && if [ -e %s ]; then mv %s %s.old; fi && "
                 "cp -r %s %s",
                 folder, folder, folder, folder, bundle_path(i), folder);
        cr_assert_eq(system(command), 0);
        models[i] = bundle_open(folder);
        translators[i] = open_translator(models[i], NULL);
        cr_expect_eq(count_kernels(), (size_t)i + 1);
    }
    for (int i = 0; i < 2; i++) {
        translate_all(translators[i], got, sizeof got);
        cr_expect_str_eq(got, expected[i]);
        struct lutwidge_model *again = bundle_open(folder); /* shares those of the new one */
        cr_expect_eq(count_kernels(), 2 - (size_t)i);
        lutwidge_model_close(again);
        lutwidge_translator_close(translators[i]);
        lutwidge_model_close(models[i]);
    }
    cr_expect_eq(count_kernels(), 0);
}

Test(library_around, a_damaged_manifest_is_no_missing_one)
{
    char folder[256], command[1024];
    struct lutwidge_error error;
    struct lutwidge_model *model;
    snprintf(folder, sizeof folder, "%s/empty", bundles_folder());
    snprintf(command, sizeof command, "cp -r %s %s && : > %s/manifest.json", bundle_path(0), folder,
             folder);
    cr_assert_eq(system(command), 0);
    cr_expect_eq(lutwidge_model_open(folder, &model, &error), LUTWIDGE_CORRUPT);
    cr_expect_not_null(strstr(error.text, "manifest.json: '[' or '{' expected"), "%s", error.text);
}

/* Encoding a text takes a multiple of its bytes, which the bound on memory has to cover: 64 bytes
 * for each of 32 positions are encoded, white space around them aside, and no more; of the
 * normalised text likewise. */
Test(library_around, texts_of_any_length_take_bounded_memory)
{
    enum { MOST = 64 * 32, ROOM = 3 * MOST };
    struct lutwidge_error error;
    struct lutwidge_result *result;
    struct lutwidge_model *model = bundle_open(bundle_path(0));
    struct lutwidge_translator *translator = open_translator(model, NULL);
    char *text = malloc(ROOM);
    memset(text, ' ', ROOM);
    text[MOST] = text[2 * MOST - 1] = 'a';
    cr_expect_eq(lutwidge_translate(translator, text, ROOM, &result, &error), LUTWIDGE_OK, "%s",
                 error.text);
    lutwidge_result_free(result);
    text[2 * MOST] = 'a';
    cr_expect_eq(lutwidge_translate(translator, text, ROOM, &result, &error), LUTWIDGE_FAILED);
    cr_expect_not_null(strstr(error.text, "2049 bytes of text; the model takes at most 2048"), "%s",
                       error.text);
    cr_expect_null(result);
    /* Of 3 bytes each, 33 where they are normalised. */
    for (size_t i = 0; i < 100; i++)
        memcpy(text + 3 * i, "\xef\xb7\xba", 3);
    cr_expect_eq(lutwidge_translate(translator, text, 300, &result, &error), LUTWIDGE_FAILED);
    cr_expect_not_null(strstr(error.text, "bytes of normalised text"), "%s", error.text);
    free(text);
    lutwidge_translator_close(translator);
    lutwidge_model_close(model);
}

#if !__has_feature(address_sanitizer)
static size_t address_space(void)
{
    size_t pages = 0;
    FILE *stream = fopen("/proc/self/statm", "re");
    cr_assert(stream && fscanf(stream, "%zu", &pages) == 1);
    fclose(stream);
    return pages * 4096;
}

/* With ever more memory until it is enough: whatever step lacks it, no result is left half made. */
Test(library_around, without_memory_there_are_no_results)
{
    enum { COUNT = 200000 };
    struct lutwidge_error error;
    struct lutwidge_model *model = bundle_open(bundle_path(0));
    struct lutwidge_translator *translator = open_translator(model, NULL);
    const char **many = malloc(COUNT * sizeof *many);
    struct lutwidge_result **results = malloc(COUNT * sizeof(struct lutwidge_result *));
    enum lutwidge_status status = LUTWIDGE_FAILED;
    for (size_t i = 0; i < COUNT; i++)
        many[i] = "";
    for (size_t megabytes = 4; status != LUTWIDGE_OK; megabytes += 4) {
        struct rlimit limit;
        malloc_trim(0);
        getrlimit(RLIMIT_AS, &limit);
        limit.rlim_cur = address_space() + (megabytes << 20);
        cr_assert_eq(setrlimit(RLIMIT_AS, &limit), 0);
        status = lutwidge_translate_batch(translator, many, NULL, COUNT, results, &error);
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_AS, &limit);
        cr_assert_lt(megabytes, 1000);
        cr_assert(megabytes > 4 || status != LUTWIDGE_OK);
        if (status != LUTWIDGE_OK)
            cr_assert(strstr(error.text, "out of memory"), "%s", error.text);
        for (size_t i = 0; i < COUNT; i++) {
            cr_assert_eq(results[i] == NULL, results[0] == NULL);
            cr_assert(!results[i] || lutwidge_result_status(results[i]) != LUTWIDGE_OK ||
                      lutwidge_result_count(results[i]) == 1);
            lutwidge_result_free(results[i]);
        }
    }
    free(many);
    free(results);
    lutwidge_translator_close(translator);
    lutwidge_model_close(model);
}
#endif
