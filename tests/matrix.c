#include "tests/matrix.h"

#include "gen/device.h"
#include "library/lutwidge.h"
#include "tests/random_model.h"
#include "tests/shell.h"

#include <criterion/criterion.h>
#include <pthreadpool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 1024 };

struct texts {
    char (*lines)[LINE];
    size_t count;
};

/* What a text became. */
struct answer {
    char *text;
    double score;
};

static struct texts read_texts(size_t most)
{
    struct texts texts = {calloc(most, LINE), 0};
    FILE *stream = fopen("models/open-en-de/test.en", "re");
    cr_assert(stream && texts.lines);
    while (texts.count < most && fgets(texts.lines[texts.count], LINE, stream))
        texts.count++;
    fclose(stream);
    return texts;
}

static struct lutwidge_model *open_model(const char *model, const char *device)
{
    char line[512], path[256];
    struct lutwidge_model *opened;
    struct lutwidge_error error;
    snprintf(path, sizeof path, "%s/%s-%s", shell_folder, strrchr(model, '/') + 1, device);
    snprintf(line, sizeof line, "test -e %s || $LUTWIDGE generate %s -d %s -o %s", path, model,
             device, path);
    shell_expect(line, 0, "");
    cr_assert_eq(lutwidge_model_open(path, &opened, &error), LUTWIDGE_OK, "%s", error.text);
    return opened;
}

/* order[i] is the text that goes i-th. */
static size_t *shuffled(size_t count, uint64_t seed)
{
    size_t *order = calloc(count, sizeof *order);
    for (size_t i = 0; i < count; i++) {
        size_t at = seed ? (size_t)(test_uniform(&seed) * (double)(i + 1)) : i;
        order[i] = order[at];
        order[at] = i;
    }
    return order;
}

static struct answer *translate(struct lutwidge_model *model, const struct texts *texts,
                                size_t beams, const struct matrix_cell *cell, uint64_t seed)
{
    struct lutwidge_translator *translator;
    struct lutwidge_error error;
    struct lutwidge_options options;
    lutwidge_options_init(&options, sizeof options);
    options.beams = beams;
    options.batch = cell->batch;
    options.pool = cell->threads > 1 ? pthreadpool_create(cell->threads) : NULL;
    cr_assert_eq(lutwidge_translator_open(model, &options, &translator, &error), LUTWIDGE_OK, "%s",
                 error.text);
    size_t *order = shuffled(texts->count, seed);
    const char **pointers = calloc(texts->count, sizeof *pointers);
    struct lutwidge_result **results = calloc(texts->count, sizeof *results);
    struct answer *answers = calloc(texts->count, sizeof *answers);
    for (size_t i = 0; i < texts->count; i++)
        pointers[i] = texts->lines[order[i]];
    cr_assert_eq(
        lutwidge_translate_batch(translator, pointers, NULL, texts->count, results, &error),
        LUTWIDGE_OK, "%s", error.text);
    for (size_t i = 0; i < texts->count; i++) {
        answers[order[i]] = (struct answer){strdup(lutwidge_result_text(results[i], 0)),
                                            lutwidge_result_score(results[i], 0)};
        lutwidge_result_free(results[i]);
    }
    lutwidge_translator_close(translator);
    if (options.pool)
        pthreadpool_destroy(options.pool);
    free(results);
    free(pointers);
    free(order);
    return answers;
}

static void free_answers(struct answer *answers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(answers[i].text);
    free(answers);
}

/* The answers of `portable`, singly; made once for a model. */
static const struct answer *expected_of(const char *model, size_t beams, const struct texts *texts)
{
    static const struct matrix_cell alone = {1, 1};
    static struct answer *kept;
    static char name[256];
    static size_t kept_count, kept_beams;
    if (kept && strcmp(name, model) == 0 && kept_count == texts->count && kept_beams == beams)
        return kept;
    if (kept)
        free_answers(kept, kept_count);
    struct lutwidge_model *portable = open_model(model, "portable");
    kept = translate(portable, texts, beams, &alone, 0);
    lutwidge_model_close(portable);
    snprintf(name, sizeof name, "%s", model);
    kept_count = texts->count;
    kept_beams = beams;
    return kept;
}

void matrix_check(const char *model, const char *device, size_t beams, size_t lines,
                  const struct matrix_cell *cells, size_t count)
{
    if (!lw_isa_runs_here(lw_device_named(device)->isa))
        cr_skip_test("this CPU does not have %s", lw_isa_info(lw_device_named(device)->isa)->needs);
    struct texts texts = read_texts(lines);
    const struct answer *expected = expected_of(model, beams, &texts);
    struct lutwidge_model *opened = open_model(model, device);
    for (size_t c = 0; c < count; c++) {
        struct answer *got = translate(opened, &texts, beams, &cells[c], c + 1);
        for (size_t i = 0; i < texts.count; i++)
            cr_assert(strcmp(got[i].text, expected[i].text) == 0 &&
                          memcmp(&got[i].score, &expected[i].score, sizeof got[i].score) == 0,
                      "%s, %s, batch %zu, %zu threads: text %zu gives\n%s (%a), not\n%s (%a)",
                      model, device, cells[c].batch, cells[c].threads, i, got[i].text, got[i].score,
                      expected[i].text, expected[i].score);
        free_answers(got, texts.count);
    }
    lutwidge_model_close(opened);
    free(texts.lines);
}

static void check_program(const char *model, const char *device, const char *qemu, size_t beams,
                          size_t lines, size_t batch)
{
    char line[1024];
    snprintf(line, sizeof line,
             "head -n %zu models/open-en-de/test.en > $T/few; "
             "$LUTWIDGE translate %s $T/few -q -s -b %zu > $T/few-here",
             lines, model, beams);
    shell_expect(line, 0, "");
    snprintf(line, sizeof line, "$LUTWIDGE generate --standalone %s -d %s -o $T/program", model,
             device);
    shell_expect(line, 0, "");
    snprintf(line, sizeof line,
             "%s $T/program -s -b %zu --batch %zu < $T/few > $T/few-there && "
             "cmp $T/few-here $T/few-there",
             qemu, beams, batch);
    shell_expect(line, 0, "");
}

void matrix_check_qemu(const char *model, size_t beams, size_t lines, size_t batch)
{
    check_program(model, "arm-neoverse-n1", "qemu-aarch64", beams, lines, batch);
    check_program(model, "portable", "qemu-x86_64 -cpu Nehalem", beams, lines, batch);
}

void matrix_make_a8(void)
{
    shell_expect("$LUTWIDGE quantize models/open-en-de --bits 2 --fit greedy --arith a8 -o "
                 "$T/a8.lwm",
                 0, "class a8");
}
