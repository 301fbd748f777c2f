#include "runtime/translator.h"

#include "models/checked.h"
#include "runtime/network.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A batch has room for LINE_WORDS source words a line: lines are taken while they fit. */
enum { MOST_BEAMS = UINT8_MAX, MOST_LINES = 1024, LINE_WORDS = 64, ALIGNMENT = 64 };

/* One array of the arena. */
struct part {
    void *field; /* the pointer to set */
    size_t element_bytes;
    size_t extents[4]; /* 0 ends */
};

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Bytes of a part, rounded up to the alignment; false on overflow. */
static bool part_bytes(const struct part *part, size_t *bytes)
{
    *bytes = part->element_bytes;
    for (size_t i = 0; i < 4 && part->extents[i]; i++)
        if (!lw_checked_mul(*bytes, part->extents[i], bytes))
            return false;
    if (!lw_checked_add(*bytes, ALIGNMENT - 1, bytes))
        return false;
    *bytes &= ~(size_t)(ALIGNMENT - 1);
    return true;
}

/* Adds up the parts and, where there is an arena, puts them there; false on overflow. */
static bool place_parts(const struct part *parts, size_t count, char *arena, size_t *all)
{
    size_t bytes;
    *all = 0;
    for (size_t i = 0; i < count; i++) {
        if (arena)
            memcpy(parts[i].field, &(void *){arena + *all}, sizeof(void *));
        if (!part_bytes(&parts[i], &bytes) || !lw_checked_add(*all, bytes, all))
            return false;
    }
    return true;
}

/* The arrays of a translator whose limits are set: their bytes together and, where there is an
 * arena, their places. */
static bool place(struct lw_translator *t, char *arena, size_t *all)
{
    const struct lw_config *c = &t->model->config;
    size_t d = c->d_model, beams = t->search.beams, steps = t->steps, layers = c->decoder_layers;
    size_t lines = t->most_lines, columns = t->most_columns;
    size_t ffn = larger(c->encoder_ffn, c->decoder_ffn);
    size_t heads = larger(c->encoder_heads, c->decoder_heads);
    size_t rows = lw_vector_padded(c->positions); /* at most so many keys: steps <= positions */
    const struct part parts[] = {
        {&t->positions, sizeof(float), {c->positions, d}},
        {&t->rates, sizeof(double), {d}},
        {&t->query, sizeof(float), {columns, d}},
        {&t->key, sizeof(float), {columns, d}},
        {&t->value, sizeof(float), {columns, d}},
        {&t->mixed, sizeof(float), {columns, d}},
        {&t->inner, sizeof(float), {LW_FFN_COLUMNS, ffn}},
        {&t->weights, sizeof(float), {rows, heads}},
        {&t->key_rows, sizeof(float *), {rows}},
        {&t->value_rows, sizeof(float *), {rows}},
        {&t->encoded, sizeof(float), {columns, d}},
        {&t->cross_keys, sizeof(float), {layers, t->most_rows, d}},
        {&t->cross_values, sizeof(float), {layers, t->most_rows, d}},
        {&t->self_keys, sizeof(float), {layers, steps, beams * lines, d}},
        {&t->self_values, sizeof(float), {layers, steps, beams * lines, d}},
        {&t->free_cells, sizeof(uint32_t), {lines, beams, steps}},
        {&t->needed, sizeof(uint32_t), {lines, beams, steps}},
        {&t->hidden, sizeof(float), {lines, beams, d}},
        {&t->logits, sizeof(float), {t->output_columns, c->target_words}},
        {&t->products, sizeof(struct lw_product), {2, layers}},
        {&t->lines, sizeof(struct lw_line), {lines}},
        {&t->active, sizeof(struct lw_line *), {lines}},
        {&t->columns, sizeof(struct lw_column), {lines, beams}},
        {&t->column_words, sizeof(int32_t), {lines, beams}},
        {&t->candidates, sizeof(struct lw_candidate), {2, beams}},
        {&t->cells, sizeof(uint32_t), {2, lines, beams, steps}},
        {&t->words, sizeof(int32_t), {lines, steps, beams}},
        {&t->parents, 1, {lines, steps, beams}},
        {&t->scores, sizeof(float), {lines, beams}},
        {&t->finished, sizeof(struct lw_finished), {lines, beams}},
        {&t->output, sizeof(int32_t), {lines, steps}},
    };
    return place_parts(parts, sizeof parts / sizeof *parts, arena, all);
}

static enum lw_status take_memory(struct lw_translator *t, struct lw_error *error)
{
    size_t bytes;
    t->arena = place(t, NULL, &bytes) ? aligned_alloc(ALIGNMENT, bytes) : NULL;
    if (!t->arena)
        return lw_fail(error, LW_FAILED, "out of memory for translating with %zu beams",
                       t->search.beams);
    place(t, t->arena, &bytes);
    return LW_OK;
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
    if (!place(&t, NULL, bytes) || !lw_checked_add(*bytes, sizeof t, bytes))
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
