/* The library gives what the program gives, to the byte: texts and scores, in greedy and beam
 * search, one by one, together, on threads. */
#include "library/lutwidge.h"
#include "tests/bundles.h"
#include "tests/shell.h"

#include <criterion/criterion.h>
#include <pthreadpool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(library_program, .init = shell_setup, .fini = shell_teardown, .timeout = 300);

enum { LINES = 24 };

static void read_texts(char texts[LINES][256])
{
    char path[256];
    snprintf(path, sizeof path, "%s/in", shell_folder);
    FILE *stream = fopen(path, "re");
    cr_assert_not_null(stream);
    for (size_t i = 0; i < LINES; i++)
        cr_assert_not_null(fgets(texts[i], sizeof texts[i], stream));
    fclose(stream);
}

/* All translations as the program prints them with --scores. */
static void print_all(struct lutwidge_translator *translator, char *out, size_t room)
{
    char texts[LINES][256];
    const char *pointers[LINES];
    struct lutwidge_error error;
    struct lutwidge_result *results[LINES];
    read_texts(texts);
    for (size_t i = 0; i < LINES; i++)
        pointers[i] = texts[i];
    cr_assert_eq(lutwidge_translate_batch(translator, pointers, NULL, LINES, results, &error),
                 LUTWIDGE_OK, "%s", error.text);
    for (size_t i = 0, at = 0; i < LINES; i++) {
        at += (size_t)snprintf(out + at, room - at, "%.6f\t%s\n",
                               lutwidge_result_score(results[i], 0),
                               lutwidge_result_text(results[i], 0));
        cr_assert_lt(at, room);
        lutwidge_result_free(results[i]);
    }
}

static void check(struct lutwidge_model *model, size_t beams, size_t batch, size_t threads)
{
    char line[256], got[16384];
    struct lutwidge_error error;
    struct lutwidge_translator *translator;
    struct lutwidge_options options;
    lutwidge_options_init(&options, sizeof options);
    options.beams = beams;
    options.batch = batch;
    options.pool = pthreadpool_create(threads);
    cr_assert_eq(lutwidge_translator_open(model, &options, &translator, &error), LUTWIDGE_OK, "%s",
                 error.text);
    print_all(translator, got, sizeof got);
    lutwidge_translator_close(translator);
    pthreadpool_destroy(options.pool);
    snprintf(line, sizeof line,
             "$LUTWIDGE translate -q -s -b %zu --batch %zu --threads %zu $B $T/in", beams, batch,
             threads);
    shell_expect(line, 0, "\t");
    cr_assert_str_eq(shell_output, got, "beam %zu, batch %zu, %zu threads", beams, batch, threads);
}

Test(library_program, same_bytes)
{
    struct lutwidge_error error;
    struct lutwidge_model *model;
    cr_assert_eq(setenv("B", bundle_path(0), 1), 0);
    shell_expect("head -n 23 models/open-en-de/test.en | cut -c 1-30 > $T/in; echo >> $T/in", 0,
                 "");
    cr_assert_eq(lutwidge_model_open(bundle_path(0), &model, &error), LUTWIDGE_OK, "%s",
                 error.text);
    for (size_t beams = 1; beams <= 4; beams += 3)
        for (size_t batch = 1; batch <= 8; batch += 7)
            for (size_t threads = 1; threads <= 3; threads += 2)
                check(model, beams, batch, threads);
    lutwidge_model_close(model);
}
