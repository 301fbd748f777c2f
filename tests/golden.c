#include "tests/golden.h"

#include "models/marian.h"
#include "runtime/translator.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SHARED "../shared"

void golden_need_shared(void)
{
    if (access(SHARED "/golden", R_OK) != 0)
        cr_skip_test("../shared is not here; it holds the models and translations to compare with");
}

static FILE *open_text(const char *path, bool *piped)
{
    char command[512];
    size_t length = strlen(path);
    *piped = length > 3 && strcmp(path + length - 3, ".gz") == 0;
    if (!*piped)
        return fopen(path, "r");
    snprintf(command, sizeof command, "gzip -dc '%s'", path);
    return popen(command, "r");
}

void golden_read_lines(const char *path, struct golden_lines *lines)
{
    bool piped;
    FILE *stream = open_text(path, &piped);
    cr_assert_not_null(stream, "%s cannot be read", path);
    *lines = (struct golden_lines){0};
    char *line = NULL;
    size_t room = 0;
    ssize_t length;
    while ((length = getline(&line, &room, stream)) >= 0) {
        if (length && line[length - 1] == '\n')
            line[length - 1] = '\0';
        lines->text = realloc(lines->text, (lines->count + 1) * sizeof *lines->text);
        lines->text[lines->count++] = strdup(line);
    }
    free(line);
    cr_assert_eq(piped ? pclose(stream) : fclose(stream), 0, "%s cannot be read", path);
}

void golden_free_lines(struct golden_lines *lines)
{
    for (size_t i = 0; i < lines->count; i++)
        free(lines->text[i]);
    free(lines->text);
}

void golden_open_model(const char *name, const char *backend, struct golden_model *golden)
{
    struct lw_error error = {0};
    char folder[256];
    snprintf(folder, sizeof folder, SHARED "/models/%s", name);
    cr_assert_eq(lw_marian_import(folder, &golden->model, &error), LW_OK, "%s", error.text);
    enum lw_status status = strcmp(backend, "blas") == 0
                                ? lw_backend_blas(&golden->model, &golden->backend, &error)
                                : lw_backend_f32(&golden->model, &golden->backend, &error);
    cr_assert_eq(status, LW_OK, "%s", error.text);
    cr_assert_eq(lw_tokenizer_open(&golden->model.tokenizer, &golden->model.config,
                                   &golden->tokenizer, &error),
                 LW_OK, "%s", error.text);
}

void golden_close_model(struct golden_model *golden)
{
    lw_tokenizer_close(golden->tokenizer);
    lw_backend_close(&golden->backend);
    lw_model_free(&golden->model);
}

static bool same_ids(const struct lw_hypothesis *got, json_t *expected)
{
    bool same = json_array_size(expected) == got->count;
    for (size_t i = 0; same && i < got->count; i++)
        same = json_integer_value(json_array_get(expected, i)) == got->words[i];
    return same;
}

/* Translates one line and compares. */
static void run_line(const struct golden_model *golden, struct lw_translator *translator,
                     const char *line, json_t *ids, const char *text, struct golden_result *result)
{
    struct lw_error error = {0};
    int32_t *source;
    size_t count;
    cr_assert_eq(lw_tokenizer_encode(golden->tokenizer, line, strlen(line), SIZE_MAX, &source,
                                     &count, &error),
                 LW_OK, "%s", error.text);
    struct lw_hypothesis best;
    cr_assert_eq(lw_translate(translator, source, count, &best, &error), LW_OK, "%s", error.text);
    char *got;
    cr_assert_eq(lw_tokenizer_decode(golden->tokenizer, best.words, best.count, &got, &error),
                 LW_OK, "%s", error.text);
    bool equal_ids = same_ids(&best, ids), equal_text = strcmp(got, text) == 0;
    result->lines++;
    result->same_ids += equal_ids;
    result->same_text += equal_text;
    if (!equal_ids || !equal_text)
        fprintf(stderr, "line %zu, %s:\n  expected %s\n  got      %s\n", result->lines,
                equal_ids ? "same words" : "other words", text, got);
    free(got);
    free(source);
}

struct golden_result golden_run(const struct golden_set *set, const char *backend, size_t limit)
{
    char path[512];
    struct golden_lines source, text;
    golden_read_lines(set->source, &source);
    snprintf(path, sizeof path, SHARED "/golden/%s/%s.beam%zu.de", set->model, set->stem,
             set->beams);
    golden_read_lines(path, &text);
    snprintf(path, sizeof path, SHARED "/golden/%s/%s.beam%zu.ids.json", set->model, set->stem,
             set->beams);
    json_t *ids = json_load_file(path, 0, NULL);
    cr_assert(source.count == text.count && source.count == json_array_size(ids),
              "%s does not fit %s", path, set->source);
    struct golden_model golden;
    golden_open_model(set->model, backend, &golden);
    struct lw_search search = {set->beams, 128, 1.0f, false};
    struct lw_translator *translator;
    struct lw_error error = {0};
    cr_assert_eq(lw_translator_open(&golden.model, &golden.backend, &search, &translator, &error),
                 LW_OK, "%s", error.text);
    struct golden_result result = {0};
    for (size_t i = 0; i < source.count && (limit == 0 || i < limit); i++)
        run_line(&golden, translator, source.text[i], json_array_get(ids, i), text.text[i],
                 &result);
    lw_translator_close(translator);
    golden_close_model(&golden);
    json_decref(ids);
    golden_free_lines(&source);
    golden_free_lines(&text);
    return result;
}
