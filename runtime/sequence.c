#include "runtime/sequence.h"

#include "models/shift.h"
#include "runtime/input_sums.h"
#include "runtime/walk.h"

#include <pthreadpool.h>
#include <stdlib.h>
#include <string.h>

/* Of the shift of weights, as a share of the mean power of the inputs. */
static const double SHIFT_DAMPING = 0.1;

/* The model as far as it is quantised: dense matrices of the values of their codes. */
struct sequence {
    const struct lw_model *source;
    const struct lw_quantize *request;
    const struct lw_pairs *pairs;
    struct lw_model *model;
    struct lw_quantizing *quantizing;
    struct lw_model changed; /* the source with its own array of matrices */
    float **decoded;         /* [matrix_count] */
    pthreadpool_t pool;
};

/* The shift of the rows of one matrix. */
struct shifting {
    const struct lw_shift *shift;
    const struct lw_matrix *matrix;
    float *aim;   /* [rows][columns] */
    double *room; /* [slices][columns] */
    size_t slices;
};

bool lw_quantize_needs_sequence(const struct lw_choice *choices, size_t matrix_count)
{
    bool needed = false;
    for (size_t i = 0; i < matrix_count && !needed; i++)
        needed = choices[i].weighting == LW_WEIGHTING_SEQUENCE;
    return needed;
}

/* Of fp32; NULL: nothing needs them. */
static const struct lw_moments *moments_of(const struct sequence *s, unsigned index)
{
    return s->request->moments ? &s->request->moments[index] : NULL;
}

static void shift_slice(void *context, size_t slice)
{
    const struct shifting *s = context;
    size_t columns = s->matrix->columns;
    for (size_t r = slice; r < s->matrix->rows; r += s->slices)
        lw_shift_row(s->shift, r, s->matrix->dense + r * columns, s->aim + r * columns,
                     s->room + slice * columns);
}

static enum lw_status shift_weights(const struct sequence *s, const struct lw_shift *shift,
                                    unsigned index, float **aim, struct lw_error *error)
{
    const struct lw_matrix *matrix = &s->source->matrices[index];
    struct shifting shifting = {.shift = shift, .matrix = matrix, .slices = s->request->threads};
    shifting.aim = *aim = malloc(matrix->rows * matrix->columns * sizeof **aim);
    shifting.room = calloc(shifting.slices, matrix->columns * sizeof *shifting.room);
    enum lw_status status = LW_OK;
    if (shifting.aim && shifting.room)
        pthreadpool_parallelize_1d(s->pool, shift_slice, &shifting, shifting.slices, 0);
    else
        status =
            lw_fail(error, LW_FAILED, "out of memory for the weights of matrix %s", matrix->name);
    free(shifting.room);
    return status;
}

/* Fits a matrix; its rows become those of its code in the changed model. */
static enum lw_status fit(struct sequence *s, unsigned index, const float *aim,
                          const struct lw_moments *moments, struct lw_error *error)
{
    const struct lw_matrix *matrix = &s->source->matrices[index];
    enum lw_status status = lw_quantize_matrix(s->quantizing, index, aim, moments, error);
    for (size_t r = 0; r < matrix->rows && status == LW_OK; r++)
        lw_matrix_row(&s->model->matrices[index], r, s->decoded[index] + r * matrix->columns);
    return status;
}

static enum lw_status fit_site(struct sequence *s, const struct lw_walk_site *exact,
                               const struct lw_walk_site *coded, struct lw_error *error)
{
    struct lw_input_sums sums;
    struct lw_shift shift = {0};
    enum lw_status status =
        lw_input_sums_take(exact, coded, s->source->config.d_model, s->pool, &sums, error);
    if (status == LW_OK)
        status = lw_shift_make(sums.gram, sums.differences, sums.columns, sums.width, SHIFT_DAMPING,
                               &shift, error);
    for (size_t i = 0; i < coded->count && status == LW_OK; i++) {
        unsigned index = coded->matrices[i];
        const struct lw_moments own = {sums.columns, coded->inputs, sums.squares};
        bool in_sequence = s->request->choices[index].weighting == LW_WEIGHTING_SEQUENCE;
        float *aim = NULL;
        if (in_sequence)
            status = shift_weights(s, &shift, index, &aim, error);
        if (status == LW_OK)
            status = fit(s, index, aim, in_sequence ? &own : moments_of(s, index), error);
        free(aim);
    }
    lw_shift_free(&shift);
    lw_input_sums_free(&sums);
    return status;
}

/* What a tied output reads of fp32; zeroed sums where embeddings are only looked up. */
static enum lw_status read_output(const struct sequence *s, struct lw_input_sums *sums,
                                  size_t *inputs, struct lw_error *error)
{
    struct lw_walk *walk;
    struct lw_walk_site site = {0};
    bool there = true;
    *sums = (struct lw_input_sums){0};
    *inputs = 0;
    if (s->source->output != s->source->target_embedding)
        return LW_OK;
    enum lw_status status = lw_walk_open(s->source, s->pairs, s->request->threads, &walk, error);
    if (status != LW_OK)
        return status;
    while (status == LW_OK && there) {
        struct lw_walk_site next;
        status = lw_walk_next(walk, &there, &next, error);
        if (status == LW_OK && there)
            site = next;
    }
    *inputs = site.inputs;
    if (status == LW_OK)
        status = lw_input_sums_take(&site, &site, s->source->config.d_model, s->pool, sums, error);
    lw_walk_close(walk);
    return status;
}

/* Embeddings have no inputs but those of a tied output, and no errors before them. */
static enum lw_status fit_words(struct sequence *s, struct lw_error *error)
{
    const unsigned words[] = {s->source->source_embedding, s->source->target_embedding};
    struct lw_input_sums sums;
    size_t inputs;
    enum lw_status status = read_output(s, &sums, &inputs, error);
    for (size_t i = 0; i < (words[0] == words[1] ? 1 : 2) && status == LW_OK; i++) {
        bool is_output = words[i] == s->source->output;
        const struct lw_moments own = {s->source->matrices[words[i]].columns,
                                       is_output ? inputs : 0, is_output ? sums.squares : NULL};
        bool in_sequence = s->request->choices[words[i]].weighting == LW_WEIGHTING_SEQUENCE;
        status = fit(s, words[i], NULL, in_sequence ? &own : moments_of(s, words[i]), error);
    }
    lw_input_sums_free(&sums);
    return status;
}

/* Both models go from site to site side by side. */
static enum lw_status fit_sites(struct sequence *s, struct lw_error *error)
{
    struct lw_walk *exact = NULL, *coded = NULL;
    size_t threads = s->request->threads;
    bool there = true;
    enum lw_status status = lw_walk_open(s->source, s->pairs, threads, &exact, error);
    if (status == LW_OK)
        status = lw_walk_open(&s->changed, s->pairs, threads, &coded, error);
    while (status == LW_OK && there) {
        struct lw_walk_site site, of_coded;
        status = lw_walk_next(exact, &there, &site, error);
        if (status == LW_OK)
            status = lw_walk_next(coded, &there, &of_coded, error);
        if (status == LW_OK && there && of_coded.matrices[0] != s->source->target_embedding)
            status = fit_site(s, &site, &of_coded, error);
    }
    lw_walk_close(exact);
    lw_walk_close(coded);
    return status;
}

static enum lw_status take_memory(struct sequence *s, struct lw_error *error)
{
    const struct lw_model *source = s->source;
    s->changed = *source;
    s->changed.matrices = calloc(source->matrix_count, sizeof *s->changed.matrices);
    s->decoded = calloc(source->matrix_count, sizeof *s->decoded);
    s->pool = pthreadpool_create(s->request->threads);
    bool whole = s->changed.matrices && s->decoded && s->pool;
    for (size_t i = 0; i < source->matrix_count && whole; i++) {
        const struct lw_matrix *matrix = &source->matrices[i];
        s->decoded[i] = calloc(matrix->rows * matrix->columns, sizeof **s->decoded);
        s->changed.matrices[i] = *matrix;
        s->changed.matrices[i].dense = s->decoded[i];
        whole = s->decoded[i];
    }
    return whole ? LW_OK
                 : lw_fail(error, LW_FAILED, "out of memory or threads for a fit in sequence");
}

enum lw_status lw_quantize_in_sequence(const struct lw_model *source,
                                       const struct lw_quantize *request,
                                       const struct lw_pairs *pairs, struct lw_model *model,
                                       struct lw_quantize_report *report, struct lw_error *error)
{
    struct sequence s = {.source = source, .request = request, .pairs = pairs, .model = model};
    *report = (struct lw_quantize_report){0};
    enum lw_status status = lw_quantize_begin(source, request, model, &s.quantizing, error);
    if (status != LW_OK)
        return status;
    status = take_memory(&s, error);
    if (status == LW_OK)
        status = fit_words(&s, error);
    if (status == LW_OK)
        status = fit_sites(&s, error);
    lw_quantize_end(s.quantizing, status == LW_OK, report);
    for (size_t i = 0; s.decoded && i < source->matrix_count; i++)
        free(s.decoded[i]);
    free(s.decoded);
    free(s.changed.matrices);
    if (s.pool)
        pthreadpool_destroy(s.pool);
    return status;
}
