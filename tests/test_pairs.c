/* Parallel texts as word ids. */
#include "models/marian.h"
#include "runtime/lines.h"
#include "runtime/pairs.h"
#include "runtime/tokenizer.h"
#include "tests/folder.h"

#include <criterion/criterion.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fixture {
    struct folder *folder;
    struct lw_model model;
    char source[PATH_MAX], target[PATH_MAX];
};

static void open_fixture(struct fixture *f, const struct folder_spec *spec)
{
    struct lw_error error = {0};
    f->folder = folder_new(spec);
    if (f->folder->target_words) {
        json_object_set_new(f->folder->target_words, ".", json_integer(4));
        json_object_set_new(f->folder->target_words, ",", json_integer(2));
    }
    folder_write(f->folder);
    cr_assert_eq(lw_marian_import(f->folder->path, &f->model, &error), LW_OK, "%s", error.text);
    snprintf(f->source, sizeof f->source, "%s/s.txt", f->folder->path);
    snprintf(f->target, sizeof f->target, "%s/t.txt", f->folder->path);
}

static void close_fixture(struct fixture *f)
{
    lw_model_free(&f->model);
    folder_free(f->folder);
}

static void write_texts(const struct fixture *f, const char *source, const char *target)
{
    folder_write_bytes(f->folder->path, "s.txt", source, strlen(source));
    folder_write_bytes(f->folder->path, "t.txt", target, strlen(target));
}

static void check_side(const struct lw_model *model, const char *text, const int32_t *got,
                       size_t count)
{
    struct lw_tokenizer *tokenizer;
    int32_t *ids;
    size_t wanted;
    cr_assert_eq(lw_tokenizer_open(&model->tokenizer, &model->config, &tokenizer, NULL), LW_OK);
    cr_assert_eq(lw_tokenizer_encode(tokenizer, text, strlen(text), SIZE_MAX, &ids, &wanted, NULL),
                 LW_OK);
    cr_assert_eq(count, wanted);
    cr_assert_eq(memcmp(got, ids, count * sizeof *ids), 0);
    free(ids);
    lw_tokenizer_close(tokenizer);
}

Test(pairs, are_the_lines_of_both_files)
{
    struct fixture f;
    struct lw_pairs pairs;
    struct lw_error error = {0};
    char text[4000] = "";
    open_fixture(&f, NULL);
    for (int i = 0; i < 60; i++)
        strcat(text, "long, ");
    strcat(text, "\none\n\ntwo, three\nfour\nfive");
    write_texts(&f, text, "a\nb c\nd\n \t\ne, f\ng\n");
    cr_assert_eq(lw_pairs_read(&f.model, f.source, f.target, SIZE_MAX, &pairs, &error), LW_OK, "%s",
                 error.text);
    cr_assert_eq(pairs.count, 3);
    cr_assert_eq(pairs.skipped, 3); /* too long, blank source, blank target */
    check_side(&f.model, "one", pairs.pairs[0].source, pairs.pairs[0].source_count);
    check_side(&f.model, "b c", pairs.pairs[0].target, pairs.pairs[0].target_count);
    check_side(&f.model, "e, f", pairs.pairs[1].target, pairs.pairs[1].target_count);
    check_side(&f.model, "five", pairs.pairs[2].source, pairs.pairs[2].source_count);
    lw_pairs_free(&pairs);
    cr_assert_eq(lw_pairs_read(&f.model, f.source, f.target, 2, &pairs, &error), LW_OK);
    cr_assert_eq(pairs.count, 1);
    cr_assert_eq(pairs.skipped, 1);
    lw_pairs_free(&pairs);
    close_fixture(&f);
}

static enum lw_status keep_first(void *context, const int32_t *ids, size_t count,
                                 struct lw_error *error)
{
    (void)error;
    for (size_t i = count; i-- > 0;)
        if (ids[i] == 2 || ids[i] == 4)
            *(int32_t *)context = ids[i];
    return LW_OK;
}

/* The vocabularies of this model differ in the ids of "." and ",". */
Test(pairs, each_side_has_its_own_words)
{
    struct fixture f;
    struct folder_spec spec = folder_defaults();
    int32_t source = 0, target = 0;
    spec.config.shared_embedding = false;
    open_fixture(&f, &spec);
    write_texts(&f, "a, b", "a, b");
    cr_assert_eq(lw_lines_encode(&f.model, false, f.source, 9, keep_first, &source, NULL), LW_OK);
    cr_assert_eq(lw_lines_encode(&f.model, true, f.target, 9, keep_first, &target, NULL), LW_OK);
    cr_assert_eq(source, 4);
    cr_assert_eq(target, 2);
    close_fixture(&f);
}

static void expect(const struct fixture *f, const char *source, const char *target,
                   enum lw_status status, const char *text)
{
    struct lw_pairs pairs;
    struct lw_error error = {0};
    if (source)
        write_texts(f, source, target);
    cr_assert_eq(lw_pairs_read(&f->model, f->source, f->target, 3, &pairs, &error), status);
    cr_assert_not_null(strstr(error.text, text), "%s", error.text);
    cr_assert_not_null(strstr(error.text, f->folder->path), "%s", error.text);
    cr_assert_null(pairs.ids);
}

Test(pairs, refuse)
{
    struct fixture f;
    open_fixture(&f, NULL);
    expect(&f, NULL, NULL, LW_FAILED, "cannot open");
    expect(&f, "a\nb\n", "a\n", LW_CORRUPT, "more lines than");
    expect(&f, "a\nb\n", "a\nb\nc\nd\n", LW_CORRUPT, "fewer lines than");
    expect(&f, "a\n\xff\n", "a\nb\n", LW_CORRUPT, "s.txt, line 2: invalid UTF-8");
    expect(&f, "a\nb\n", "a\n\xff\n", LW_CORRUPT, "t.txt, line 2: invalid UTF-8");
    expect(&f, "a\n\n", "\nb\n", LW_CORRUPT, "no pair of lines");
    expect(&f, "", "", LW_CORRUPT, "no pair of lines");
    close_fixture(&f);
}
