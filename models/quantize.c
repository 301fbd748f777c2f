/* Quantisation of a whole model: rows are fitted in parallel, then each matrix's scales are rounded
 * to the int16 mantissas that are stored (docs/NUMBERS.md). */
#include "models/quantize.h"
#include "models/quantize_parts.h"

#include "models/quantize_moments.h"

#include <math.h>
#include <pthreadpool.h>
#include <stdlib.h>
#include <string.h>

/* What one thread works with. */
struct worker {
    void *scratch;   /* of lw_fit_row */
    uint8_t *levels; /* [columns] */
    float *decoded;  /* [columns] */
};

/* One matrix on its way. Stored rows are dealt out in one contiguous slice a worker, and every
 * figure is kept by stored row, so that nothing depends on the number of workers. */
struct job {
    const struct lw_matrix *source;
    const float *aim;         /* [rows][columns], the weights to come near to */
    struct lw_matrix *target; /* its codes point to the places to fill */
    enum lw_fit fit;
    const float *importance; /* [columns], or NULL */
    struct lw_metric metric; /* zeroed where errors are not weighted by it */
    size_t worker_count;
    struct worker *workers;
    float *column_weights; /* [columns] */
    float *fitted;         /* scales before rounding, in the order of the stored ones */
    double *errors;        /* [rows], squared; NAN marks a row that is not finite */
    double *squares;       /* [rows], of the weights */
};

/* A stored row. */
struct place {
    const struct lw_code *code;
    size_t row;           /* within the code */
    size_t scales;        /* index of its first scale in the matrix */
    const float *weights; /* to come near to */
};

static struct place find_place(const struct job *job, size_t stored)
{
    const struct lw_matrix *matrix = job->target;
    size_t row = matrix->order ? matrix->order[stored] : stored;
    struct place place = {matrix->codes, stored, 0, job->aim + row * matrix->columns};
    for (; place.row >= place.code->rows; place.code++) {
        place.row -= place.code->rows;
        place.scales += place.code->rows * lw_code_row_scales(place.code);
    }
    place.scales += place.row * lw_code_row_scales(place.code);
    return place;
}

static void pack_planes(const uint8_t *levels, size_t columns, unsigned bits, uint8_t *planes)
{
    size_t plane_bytes = (columns + 7) / 8;
    memset(planes, 0, bits * plane_bytes);
    for (unsigned i = 0; i < bits; i++)
        for (size_t c = 0; c < columns; c++)
            planes[i * plane_bytes + (c >> 3)] |= (uint8_t)((levels[c] >> i & 1) << (c & 7));
}

/* Fits a row group by group; returns the error. */
static double fit_stored_row(const struct job *job, const struct worker *worker,
                             const struct place *place)
{
    const struct lw_code *code = place->code;
    size_t columns = job->source->columns;
    float *out = job->fitted + place->scales;
    double error = 0;
    for (size_t g = 0; g < code->groups; g++) {
        size_t first = g * code->group;
        size_t count = columns - first < code->group ? columns - first : code->group;
        float scales[LW_MAX_BITS];
        error += lw_fit_row(job->fit, place->weights + first,
                            job->importance ? job->importance + first : NULL, count, code->bits,
                            scales, worker->levels + first, worker->scratch);
        size_t kept = code->uniform ? 1 : code->bits;
        memcpy(out + g * kept, scales, kept * sizeof *scales);
    }
    if (job->metric.columns > 0)
        error = lw_fit_gram_row(&job->metric, place->weights, code, out, worker->levels,
                                worker->scratch);
    return error;
}

static void fit_slice(void *context, size_t slice)
{
    const struct job *job = context;
    const struct worker *worker = &job->workers[slice];
    size_t columns = job->source->columns,
           end = lw_quantize_slice(job->source->rows, job->worker_count, slice + 1);
    for (size_t stored = lw_quantize_slice(job->source->rows, job->worker_count, slice);
         stored < end; stored++) {
        struct place place = find_place(job, stored);
        const struct lw_code *code = place.code;
        job->errors[stored] = NAN;
        if (!lw_quantize_is_finite(place.weights, columns))
            continue;
        job->errors[stored] = fit_stored_row(job, worker, &place);
        uint8_t *planes = (uint8_t *)(uintptr_t)code->planes;
        pack_planes(worker->levels, columns, code->bits,
                    planes + place.row * code->bits * code->plane_bytes);
    }
}

/* The errors with the scales as they are stored. */
static void measure_slice(void *context, size_t slice)
{
    const struct job *job = context;
    const struct lw_matrix *matrix = job->target;
    float *decoded = job->workers[slice].decoded;
    size_t end = lw_quantize_slice(job->source->rows, job->worker_count, slice + 1);
    for (size_t stored = lw_quantize_slice(job->source->rows, job->worker_count, slice);
         stored < end; stored++) {
        size_t row = matrix->order ? matrix->order[stored] : stored;
        const float *weights = job->source->dense + row * matrix->columns;
        double error = 0, square = 0;
        lw_matrix_row(matrix, row, decoded);
        for (size_t c = 0; c < matrix->columns; c++) {
            double w = (double)weights[c], difference = w - (double)decoded[c];
            error += difference * difference;
            square += w * w;
        }
        job->errors[stored] = error;
        job->squares[stored] = square;
    }
}

/* Rounds the scales of all codes with one exponent, by which the largest alpha fits int16. */
static void round_scales(struct job *job)
{
    struct lw_matrix *matrix = job->target;
    const float *fitted = job->fitted;
    float largest = 0;
    for (size_t c = 0; c < matrix->code_count; c++) {
        const struct lw_code *code = &matrix->codes[c];
        size_t count = code->rows * lw_code_row_scales(code);
        float top = code->uniform ? (float)(1 << (code->bits - 1)) : 1.0f;
        for (size_t i = 0; i < count; i++)
            largest = fmaxf(largest, fabsf(*fitted++) * top);
    }
    int exponent = lw_quantize_exponent(largest);
    fitted = job->fitted;
    for (size_t c = 0; c < matrix->code_count; c++) {
        struct lw_code *code = &matrix->codes[c];
        int16_t *scales = (int16_t *)(uintptr_t)code->scales;
        size_t count = code->rows * lw_code_row_scales(code);
        int limit = code->uniform ? INT16_MAX >> (code->bits - 1) : INT16_MAX;
        code->exponent = exponent;
        for (size_t i = 0; i < count; i++)
            scales[i] = lw_quantize_mantissa(*fitted++, exponent, limit);
    }
}

static enum lw_status quantize_matrix(struct job *job, pthreadpool_t pool, struct lw_error *error)
{
    const uint32_t *order = job->target->order;
    pthreadpool_parallelize_1d(pool, fit_slice, job, job->worker_count, 0);
    for (size_t stored = 0; stored < job->source->rows; stored++)
        if (isnan(job->errors[stored]))
            return lw_fail(error, LW_CORRUPT,
                           "matrix %s: row %zu holds a weight that is not finite",
                           job->source->name, order ? order[stored] : stored);
    round_scales(job);
    pthreadpool_parallelize_1d(pool, measure_slice, job, job->worker_count, 0);
    return LW_OK;
}

static void free_workers(struct job *job)
{
    for (size_t i = 0; job->workers && i < job->worker_count; i++) {
        free(job->workers[i].scratch);
        free(job->workers[i].levels);
        free(job->workers[i].decoded);
    }
    free(job->workers);
    free(job->column_weights);
    free(job->fitted);
    free(job->errors);
    free(job->squares);
}

/* Scales that a matrix stores. */
static size_t scale_count(const struct lw_matrix *matrix)
{
    size_t count = 0;
    for (size_t c = 0; c < matrix->code_count; c++)
        count += matrix->codes[c].rows * lw_code_row_scales(&matrix->codes[c]);
    return count;
}

/* Room that a fit of one of its rows takes. */
static size_t scratch_bytes(const struct lw_matrix *matrix)
{
    size_t most = lw_fit_scratch_bytes(matrix->columns);
    for (size_t c = 0; c < matrix->code_count; c++) {
        size_t bytes = lw_fit_gram_scratch_bytes(&matrix->codes[c], matrix->columns);
        most = bytes > most ? bytes : most;
    }
    return most;
}

/* Room for the largest matrix. Its fp32 weights are in memory, so these sizes do not overflow. */
static bool take_workers(const struct lw_model *model, struct job *job)
{
    size_t rows = 0, columns = 0, scales = 0, scratch = 0;
    for (size_t i = 0; i < model->matrix_count; i++) {
        const struct lw_matrix *matrix = &model->matrices[i];
        rows = matrix->rows > rows ? matrix->rows : rows;
        columns = matrix->columns > columns ? matrix->columns : columns;
        scales = scale_count(matrix) > scales ? scale_count(matrix) : scales;
        scratch = scratch_bytes(matrix) > scratch ? scratch_bytes(matrix) : scratch;
    }
    job->fitted = calloc(scales, sizeof *job->fitted);
    job->column_weights = calloc(columns, sizeof *job->column_weights);
    job->errors = calloc(rows, sizeof *job->errors);
    job->squares = calloc(rows, sizeof *job->squares);
    job->workers = calloc(job->worker_count, sizeof *job->workers);
    bool taken = job->column_weights && job->fitted && job->errors && job->squares && job->workers;
    for (size_t i = 0; taken && i < job->worker_count; i++) {
        struct worker *worker = &job->workers[i];
        worker->scratch = malloc(scratch);
        worker->levels = malloc(columns);
        worker->decoded = malloc(columns * sizeof *worker->decoded);
        taken = worker->scratch && worker->levels && worker->decoded;
    }
    return taken;
}

/* Points the codes of all matrices to their scales and planes. */
static void place_codes(struct lw_model *model, int16_t *scales, uint8_t *planes)
{
    for (size_t i = 0; i < model->matrix_count; i++)
        for (size_t c = 0; c < model->matrices[i].code_count; c++) {
            struct lw_code *code = &model->matrices[i].codes[c];
            code->scales = scales;
            code->planes = planes;
            scales += lw_code_scale_bytes(code) / sizeof *scales;
            planes += lw_code_plane_bytes(code);
        }
}

static enum lw_status take_model(const struct lw_model *source, const struct lw_quantize *request,
                                 struct lw_model *model, struct lw_error *error)
{
    struct lw_quantized *owned;
    size_t scales = 0, planes = 0;
    enum lw_status status = lw_quantize_shape(source, request, model, &owned, error);
    if (status != LW_OK)
        return status;
    for (size_t i = 0; i < model->matrix_count; i++) {
        const struct lw_matrix *matrix = &model->matrices[i];
        scales += scale_count(matrix) * sizeof(int16_t);
        for (size_t c = 0; c < matrix->code_count; c++)
            planes += lw_code_plane_bytes(&matrix->codes[c]);
    }
    owned->codes = calloc(1, scales + planes); /* pages that nobody writes take no memory */
    if (!owned->codes)
        return lw_fail(error, LW_FAILED, "out of memory for the quantised model");
    place_codes(model, owned->codes, (uint8_t *)owned->codes + scales);
    return LW_OK;
}

struct lw_quantizing {
    const struct lw_model *source;
    const struct lw_quantize *request;
    struct lw_model *model;
    pthreadpool_t pool;
    struct job job;
    size_t done_rows, all_rows;
    double errors, squares;
};

enum lw_status lw_quantize_begin(const struct lw_model *source, const struct lw_quantize *request,
                                 struct lw_model *model, struct lw_quantizing **quantizing,
                                 struct lw_error *error)
{
    struct lw_quantizing *q = *quantizing = calloc(1, sizeof *q);
    *model = (struct lw_model){0};
    if (!q)
        return lw_fail(error, LW_FAILED, "out of memory for the fit");
    *q = (struct lw_quantizing){.source = source, .request = request, .model = model};
    enum lw_status status = lw_quantize_check(source, request, error);
    if (status == LW_OK)
        status = take_model(source, request, model, error);
    if (status == LW_OK) {
        q->job.worker_count = request->threads;
        q->pool = pthreadpool_create(request->threads);
        if (!q->pool || !take_workers(model, &q->job))
            status = lw_fail(error, LW_FAILED, "out of memory or threads for the fit");
    }
    for (size_t i = 0; i < model->matrix_count && status == LW_OK; i++)
        q->all_rows += model->matrices[i].rows;
    if (status != LW_OK)
        lw_quantize_end(q, false, NULL);
    return status;
}

enum lw_status lw_quantize_matrix(struct lw_quantizing *quantizing, size_t index, const float *aim,
                                  const struct lw_moments *moments, struct lw_error *error)
{
    struct lw_quantizing *q = quantizing;
    const struct lw_choice *choice = &q->request->choices[index];
    struct job *job = &q->job;
    if (!moments && choice->weighting != LW_WEIGHTING_NONE)
        return lw_fail(error, LW_USAGE, "weighting needs the moments of a calibration text");
    job->source = &q->source->matrices[index];
    job->aim = aim ? aim : job->source->dense;
    job->target = &q->model->matrices[index];
    job->fit = choice->fit;
    job->importance = lw_column_weights(choice, moments, job->column_weights);
    enum lw_status status = lw_matrix_metric(choice, moments, job->source, &job->metric, error);
    if (status == LW_OK)
        status = quantize_matrix(job, q->pool, error);
    lw_metric_free(&job->metric);
    if (status != LW_OK)
        return status;
    for (size_t r = 0; r < job->source->rows; r++) {
        q->errors += job->errors[r];
        q->squares += job->squares[r];
    }
    q->done_rows += job->source->rows;
    if (q->request->progress &&
        !q->request->progress(q->request->context, q->done_rows, q->all_rows))
        return lw_fail(error, LW_FAILED, "stopped after matrix %s", job->source->name);
    return LW_OK;
}

void lw_quantize_end(struct lw_quantizing *quantizing, bool whole,
                     struct lw_quantize_report *report)
{
    struct lw_quantizing *q = quantizing;
    if (!q)
        return;
    if (whole)
        report->relative_mse = q->squares > 0 ? q->errors / q->squares : 0;
    else
        lw_model_free(q->model);
    if (q->pool)
        pthreadpool_destroy(q->pool);
    free_workers(&q->job);
    free(q);
}

enum lw_status lw_quantize_model(const struct lw_model *source, const struct lw_quantize *request,
                                 struct lw_model *model, struct lw_quantize_report *report,
                                 struct lw_error *error)
{
    struct lw_quantizing *quantizing;
    *report = (struct lw_quantize_report){0};
    *model = (struct lw_model){0};
    enum lw_status status = lw_check_moments(source, request, error);
    for (size_t i = 0; i < source->matrix_count && status == LW_OK; i++)
        if (request->choices[i].weighting == LW_WEIGHTING_SEQUENCE)
            status = lw_fail(error, LW_USAGE, "a fit in sequence needs a calibration text");
    if (status == LW_OK)
        status = lw_quantize_begin(source, request, model, &quantizing, error);
    if (status != LW_OK)
        return status;
    for (size_t i = 0; i < model->matrix_count && status == LW_OK; i++)
        status = lw_quantize_matrix(quantizing, i, NULL,
                                    request->moments ? &request->moments[i] : NULL, error);
    lw_quantize_end(quantizing, status == LW_OK, report);
    return status;
}

enum lw_status lw_quantize_outline(const struct lw_model *source, const struct lw_quantize *request,
                                   struct lw_model *model, struct lw_error *error)
{
    *model = (struct lw_model){0};
    enum lw_status status = lw_quantize_check(source, request, error);
    if (status == LW_OK)
        status = lw_check_moments(source, request, error);
    if (status == LW_OK)
        status = take_model(source, request, model, error);
    for (size_t i = 0; i < source->matrix_count && status == LW_OK; i++) {
        const struct lw_matrix *matrix = &source->matrices[i];
        float largest = 0;
        for (size_t w = 0; w < matrix->rows * matrix->columns; w++)
            largest = fmaxf(largest, fabsf(matrix->dense[w]));
        for (size_t c = 0; c < model->matrices[i].code_count; c++)
            model->matrices[i].codes[c].exponent = lw_quantize_exponent(largest);
    }
    if (status != LW_OK)
        lw_model_free(model);
    return status;
}

enum lw_status lw_quantize_alike(const struct lw_model *source, unsigned bits, enum lw_fit fit,
                                 enum lw_arith arith, size_t threads, struct lw_model *model,
                                 struct lw_quantize_report *report, struct lw_error *error)
{
    struct lw_plan plan = {0};
    struct lw_choice *choices = calloc(source->matrix_count, sizeof *choices);
    *model = (struct lw_model){0};
    enum lw_status status =
        choices ? LW_OK : lw_fail(error, LW_FAILED, "out of memory for the quantised model");
    if (status == LW_OK)
        status = lw_plan_uniform(bits, fit, &plan, error);
    plan.arith = arith;
    if (status == LW_OK)
        status = lw_plan_resolve(&plan, source, choices, NULL, error);
    struct lw_quantize request = {.choices = choices, .threads = threads};
    if (status == LW_OK)
        status = lw_quantize_model(source, &request, model, report, error);
    lw_plan_free(&plan);
    free(choices);
    return status;
}
