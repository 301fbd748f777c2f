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

/* `shortlist` is a file, or NULL; `asked` has the same for the program. */
static void check(struct lutwidge_model *model, size_t beams, size_t batch, size_t threads,
                  const char *shortlist, const char *asked)
{
    char line[512], got[16384];
    struct lutwidge_error error;
    struct lutwidge_translator *translator;
    struct lutwidge_options options;
    lutwidge_options_init(&options, sizeof options);
    options.beams = beams;
    options.batch = batch;
    options.pool = pthreadpool_create(threads);
    options.shortlist = shortlist;
    options.shortlist_best = shortlist ? 3 : 0;
    options.shortlist_frequent = shortlist ? 2 : 0;
    cr_assert_eq(lutwidge_translator_open(model, &options, &translator, &error), LUTWIDGE_OK, "%s",
                 error.text);
    print_all(translator, got, sizeof got);
    lutwidge_translator_close(translator);
    pthreadpool_destroy(options.pool);
    snprintf(line, sizeof line,
             "$LUTWIDGE translate -q -s -b %zu --batch %zu --threads %zu %s $B $T/in", beams, batch,
             threads, asked);
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
                check(model, beams, batch, threads, NULL, "");
    lutwidge_model_close(model);
}

Test(library_program, same_bytes_with_a_shortlist)
{
    static const char asked[] = "--shortlist $T/lex --shortlist-best 3 --shortlist-frequent 2";
    char path[256], whole[sizeof shell_output];
    struct lutwidge_error error;
    struct lutwidge_model *model;
    cr_assert_eq(setenv("B", bundle_path(0), 1), 0);
    cr_assert_eq(setenv("M", bundle_file(0), 1), 0);
    cr_assert_eq(setenv("F", bundle_f32_file(0), 1), 0);
    shell_expect("head -n 23 models/open-en-de/test.en | cut -c 1-30 > $T/in; echo >> $T/in", 0,
                 "");
    shell_expect("cd models/open-en-de && $LUTWIDGE shortlist $B --source-text dev.en "
                 "--target-text dev.de -n 300 -o $T/lex",
                 0, " pairs of lines (");
    shell_expect("cd models/open-en-de && $LUTWIDGE shortlist $M --source-text dev.en "
                 "--target-text dev.de -n 300 -o $T/again && cmp $T/lex $T/again",
                 0, "");
    cr_assert_eq(lutwidge_model_open(bundle_path(0), &model, &error), LUTWIDGE_OK, "%s",
                 error.text);
    snprintf(path, sizeof path, "%s/lex", shell_folder);
    for (size_t beams = 1; beams <= 4; beams += 3)
        for (size_t batch = 1; batch <= 8; batch += 7)
            check(model, beams, batch, 2, path, asked);
    lutwidge_model_close(model);
    shell_expect("$LUTWIDGE translate -q -s $B $T/in", 0, "");
    memcpy(whole, shell_output, sizeof whole);
    shell_expect("$LUTWIDGE translate -q -s $B $T/in --shortlist $T/lex --shortlist-frequent 20", 0,
                 "");
    cr_assert_str_eq(shell_output, whole);
}

/* What the summary and the database say of a shortlist, and who takes none. */
Test(library_program, a_shortlist_is_reported_or_refused)
{
    cr_assert_eq(setenv("B", bundle_path(0), 1), 0);
    cr_assert_eq(setenv("M", bundle_file(0), 1), 0);
    cr_assert_eq(setenv("F", bundle_f32_file(0), 1), 0);
    shell_expect("printf '</s> </s> 0.5\\nnothing </s> 1\\n' > $T/lex; echo Open > $T/in", 0, "");
    shell_expect("$LUTWIDGE translate -b 1 $B $T/in --shortlist $T/lex --shortlist-frequent 4 "
                 "--db $T/db 2>&1 > /dev/null",
                 0, "1 of 2 lines have pieces that the model has not\n");
    cr_assert_not_null(strstr(shell_output, ", shortlists of "), "%s", shell_output);
    cr_assert_not_null(strstr(shell_output, " words a line (of 20; results may differ)\n"));
    shell_expect("$LUTWIDGE query --db $T/db --sql 'SELECT command FROM runs_view'", 0,
                 "--shortlist-frequent 4");
    shell_expect("$LUTWIDGE translate -q $F $T/in --shortlist $T/lex", 0, "");
    shell_expect("$LUTWIDGE translate -q $B $T/in --arith blas --shortlist $T/lex", 0, "");
    shell_expect("$LUTWIDGE translate $M $T/in --engine reference --shortlist $T/lex", 2,
                 "products by reference take no shortlist; kernels, f32 and blas do");
    shell_expect("$LUTWIDGE translate $B $T/in --shortlist $T/lex --shortlist-best 0", 2,
                 "--shortlist-best takes 1 or more");
    shell_expect("echo a b >> $T/lex; $LUTWIDGE translate $B $T/in --shortlist $T/lex", 5,
                 "lex, line 3: is not 'target source probability'");
    shell_expect("$LUTWIDGE shortlist $B --source-text $T/in", 2,
                 "--source-text, --target-text and -o are needed");
    shell_expect("$LUTWIDGE shortlist $B --source-text $T/in --target-text $T/in -o $T/x "
                 "--rounds 0",
                 2, "--rounds 1 to 100");
}
