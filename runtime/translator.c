#include "runtime/translator.h"

#include "models/checked.h"
#include "runtime/network.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A batch has room for LINE_WORDS source words a line: lines are taken while they fit. */
enum { MOST_BEAMS = UINT8_MAX, MOST_LINES = 1024, LINE_WORDS = 64 };

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static enum lw_status take_memory(struct lw_translator *t, struct lw_error *error)
{
    return lw_arena_take(t)
               ? LW_OK
               : lw_fail(error, LW_FAILED, "out of memory for translating with %zu beams",
                         t->search.beams);
}

static void divide_among_lines(struct lw_translator *t)
{
    size_t beams = t->search.beams, cells = beams * t->steps;
    for (size_t i = 0; i < t->most_lines; i++)
        t->lines[i] = (struct lw_line){
            .cells = t->cells + 2 * i * cells,
            .new_cells = t->cells + (2 * i + 1) * cells,
            .words = t->words + i * cells,
            .parents = t->parents + i * cells,
            .scores = t->scores + i * beams,
            .finished = t->finished + i * beams,
            .output = t->output + i * t->steps,
        };
}

static void fill_rates(struct lw_translator *t)
{
    size_t d = t->model->config.d_model, sines = (d + 1) / 2;
    for (size_t j = 0; j < d; j++) {
        size_t pair = j < sines ? j : j - sines;
        t->rates[j] = pow(10000.0, 2.0 * (double)pair / (double)d);
    }
}

/* Sines in the first half of a row, cosines in the second; computed in double. */
void lw_fill_positions(struct lw_translator *translator, size_t count)
{
    struct lw_translator *t = translator;
    size_t d = t->model->config.d_model, sines = (d + 1) / 2;
    for (; t->filled_positions < count; t->filled_positions++)
        for (size_t j = 0; j < d; j++) {
            double angle = (double)t->filled_positions / t->rates[j];
            t->positions[t->filled_positions * d + j] =
                (float)(j < sines ? sin(angle) : cos(angle));
        }
}

static enum lw_status check_search(const struct lw_config *config, const struct lw_search *search,
                                   struct lw_error *error)
{
    if (search->beams < 1 || search->beams > MOST_BEAMS)
        return lw_fail(error, LW_USAGE, "%zu beams; between 1 and %d are possible", search->beams,
                       MOST_BEAMS);
    if (search->beams > 1 && config->bad_word_count + 2 * search->beams > config->target_words)
        return lw_fail(error, LW_USAGE, "%zu beams are too many for a vocabulary of %zu words",
                       search->beams, config->target_words);
    if (search->max_length < 2 || search->max_length - 1 > config->positions)
        return lw_fail(error, LW_USAGE, "a longest target of %zu words; the model takes 2 to %zu",
                       search->max_length, config->positions + 1);
    if (!isfinite(search->length_penalty))
        return lw_fail(error, LW_USAGE, "the length penalty must be a number");
    return LW_OK;
}

/* The words that the search itself puts in. */
static enum lw_status check_config(const struct lw_config *config, struct lw_error *error)
{
    enum lw_status status = lw_check_words(&config->decoder_start, 1, config->target_words, error);
    if (status == LW_OK)
        status =
            lw_check_words(config->bad_words, config->bad_word_count, config->target_words, error);
    if (status == LW_OK && config->forced_eos >= 0)
        status = lw_check_words(&config->forced_eos, 1, config->target_words, error);
    return status;
}

/* A translator with its limits and nothing else. */
static enum lw_status set_limits(const struct lw_model *model, const struct lw_search *search,
                                 size_t lines, struct lw_translator *t, struct lw_error *error)
{
    enum lw_status status = check_search(&model->config, search, error);
    if (status == LW_OK && (lines < 1 || lines > MOST_LINES))
        status = lw_fail(error, LW_USAGE, "%zu lines together; between 1 and %d are possible",
                         lines, MOST_LINES);
    if (status == LW_OK)
        status = check_config(&model->config, error);
    if (status != LW_OK)
        return status;
    size_t beams = search->beams, positions = model->config.positions;
    *t = (struct lw_translator){
        .model = model,
        .search = *search,
        .steps = search->max_length - 1,
        .most_lines = lines,
        .most_columns = larger(positions, beams * lines),
        .most_rows = larger(positions, lines * LINE_WORDS),
        .output_columns = larger(beams, lines > 1 ? LW_OUTPUT_COLUMNS : 1),
    };
    return LW_OK;
}

enum lw_status lw_translator_measure(const struct lw_model *model, const struct lw_search *search,
                                     size_t lines, size_t *bytes, struct lw_error *error)
{
    struct lw_translator t;
    enum lw_status status = set_limits(model, search, lines, &t, error);
    if (status != LW_OK)
        return status;
    if (!lw_arena_measure(&t, bytes) || !lw_checked_add(*bytes, sizeof t, bytes))
        return lw_fail(error, LW_FAILED, "%zu beams take more memory than there can be",
                       search->beams);
    return LW_OK;
}

enum lw_status lw_translator_open_batch(const struct lw_model *model,
                                        const struct lw_backend *backend,
                                        const struct lw_search *search, size_t lines,
                                        struct lw_translator **translator, struct lw_error *error)
{
    struct lw_translator limits;
    enum lw_status status = set_limits(model, search, lines, &limits, error);
    if (status != LW_OK)
        return status;
    struct lw_translator *t = malloc(sizeof *t);
    if (!t)
        return lw_fail(error, LW_FAILED, "out of memory for a translator");
    *t = limits;
    t->backend = backend;
    t->vector = lw_vector_host();
    status = take_memory(t, error);
    if (status != LW_OK) {
        free(t);
        return status;
    }
    divide_among_lines(t);
    fill_rates(t);
    *translator = t;
    return LW_OK;
}

enum lw_status lw_translator_open(const struct lw_model *model, const struct lw_backend *backend,
                                  const struct lw_search *search, struct lw_translator **translator,
                                  struct lw_error *error)
{
    return lw_translator_open_batch(model, backend, search, 1, translator, error);
}

void lw_translator_close(struct lw_translator *translator)
{
    if (!translator)
        return;
    lw_listing_close(translator->listing);
    free(translator->arena);
    free(translator);
}

void lw_translator_watch(struct lw_translator *translator, const struct lw_token_watch *watch)
{
    translator->watch = watch ? *watch : (struct lw_token_watch){0};
}

enum lw_status lw_ask_watch(struct lw_translator *translator, size_t request, const int32_t *words,
                            size_t count, struct lw_error *error)
{
    struct lw_translator *t = translator;
    if (!t->watch.go_on)
        return LW_OK;
    t->stopped = t->stopped || !t->watch.go_on(t->watch.context, request, words, count);
    return t->stopped ? lw_fail(error, LW_FAILED, "the translation was stopped") : LW_OK;
}
