/* Quantisation of a whole model: rows are fitted in parallel, then each matrix's scales are rounded
 * to the int16 mantissas that are stored (docs/NUMBERS.md). */
#include "models/fit.h"

#include <math.h>
#include <pthreadpool.h>
#include <stdlib.h>
#include <string.h>

static const double LARGEST_MANTISSA = 32767;

/* What one thread works with. */
struct worker {
    void *scratch;   /* of lw_fit_row */
    uint8_t *levels; /* [columns] */
    float *decoded;  /* [columns] */
};

/* One matrix on its way. Rows are dealt out in one contiguous slice a worker, and every figure is
 * kept by row, so that nothing depends on the number of workers. */
struct job {
    const struct lw_matrix *source;
    struct lw_matrix *target;
    enum lw_fit fit;
    size_t worker_count;
    struct worker *workers;
    uint8_t *planes; /* of the target */
    int16_t *scales; /* of the target */
    float *fitted;   /* [rows][bits], before rounding */
    double *errors;  /* [rows], squared; NAN marks a row that is not finite */
    double *squares; /* [rows], of the weights */
};

static bool finite_row(const float *weights, size_t columns)
{
    for (size_t c = 0; c < columns; c++)
        if (!isfinite(weights[c]))
            return false;
    return true;
}

static void pack_planes(const uint8_t *levels, size_t columns, unsigned bits, uint8_t *planes)
{
    size_t plane_bytes = (columns + 7) / 8;
    memset(planes, 0, bits * plane_bytes);
    for (unsigned i = 0; i < bits; i++)
        for (size_t c = 0; c < columns; c++)
            planes[i * plane_bytes + (c >> 3)] |= (uint8_t)((levels[c] >> i & 1) << (c & 7));
}

static size_t slice_begin(const struct job *job, size_t slice)
{
    size_t rows = job->source->rows;
    return rows / job->worker_count * slice + rows % job->worker_count * slice / job->worker_count;
}

static void fit_slice(void *context, size_t slice)
{
    const struct job *job = context;
    const struct worker *worker = &job->workers[slice];
    size_t columns = job->source->columns, end = slice_begin(job, slice + 1);
    const struct lw_code *code = &job->target->code;
    for (size_t r = slice_begin(job, slice); r < end; r++) {
        const float *weights = job->source->dense + r * columns;
        job->errors[r] = NAN;
        if (!finite_row(weights, columns))
            continue;
        job->errors[r] = lw_fit_row(job->fit, weights, NULL, columns, code->bits,
                                    job->fitted + r * code->bits, worker->levels, worker->scratch);
        pack_planes(worker->levels, columns, code->bits,
                    job->planes + r * code->bits * code->plane_bytes);
    }
}

/* The errors with the scales as they are stored. */
static void measure_slice(void *context, size_t slice)
{
    const struct job *job = context;
    float *decoded = job->workers[slice].decoded;
    size_t columns = job->source->columns, end = slice_begin(job, slice + 1);
    for (size_t r = slice_begin(job, slice); r < end; r++) {
        const float *weights = job->source->dense + r * columns;
        double error = 0, square = 0;
        lw_matrix_row(job->target, r, decoded);
        for (size_t c = 0; c < columns; c++) {
            double w = (double)weights[c], difference = w - (double)decoded[c];
            error += difference * difference;
            square += w * w;
        }
        job->errors[r] = error;
        job->squares[r] = square;
    }
}

/* The smallest e with largest <= 32767 * 2^e; 0 for a matrix of zeros. */
static int shared_exponent(float largest)
{
    int exponent;
    double fraction = frexp((double)largest, &exponent); /* in [1/2, 1), or 0 */
    if (!(fraction > 0))
        return 0;
    return ldexp(fraction, 15) <= LARGEST_MANTISSA ? exponent - 15 : exponent - 14;
}

static void round_scales(struct job *job)
{
    struct lw_code *code = &job->target->code;
    size_t count = job->source->rows * code->bits;
    float largest = 0;
    for (size_t i = 0; i < count; i++)
        largest = fmaxf(largest, fabsf(job->fitted[i]));
    code->exponent = shared_exponent(largest);
    for (size_t i = 0; i < count; i++)
        job->scales[i] = (int16_t)rint(ldexp((double)job->fitted[i], -code->exponent));
}

static enum lw_status quantize_matrix(struct job *job, pthreadpool_t pool, struct lw_error *error)
{
    size_t rows = job->source->rows;
    pthreadpool_parallelize_1d(pool, fit_slice, job, job->worker_count, 0);
    for (size_t r = 0; r < rows; r++)
        if (isnan(job->errors[r]))
            return lw_fail(error, LW_CORRUPT,
                           "matrix %s: row %zu holds a weight that is not finite",
                           job->source->name, r);
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
    free(job->fitted);
    free(job->errors);
    free(job->squares);
}

/* Room for the largest matrix. Its fp32 weights are in memory, so these sizes do not overflow. */
static bool take_workers(const struct lw_model *source, unsigned bits, struct job *job)
{
    size_t rows = 0, columns = 0;
    for (size_t i = 0; i < source->matrix_count; i++) {
        rows = source->matrices[i].rows > rows ? source->matrices[i].rows : rows;
        columns = source->matrices[i].columns > columns ? source->matrices[i].columns : columns;
    }
    job->fitted = calloc(rows * bits, sizeof *job->fitted);
    job->errors = calloc(rows, sizeof *job->errors);
    job->squares = calloc(rows, sizeof *job->squares);
    job->workers = calloc(job->worker_count, sizeof *job->workers);
    bool taken = job->fitted && job->errors && job->squares && job->workers;
    for (size_t i = 0; taken && i < job->worker_count; i++) {
        struct worker *worker = &job->workers[i];
        worker->scratch = malloc(lw_fit_scratch_bytes(columns));
        worker->levels = malloc(columns);
        worker->decoded = malloc(columns * sizeof *worker->decoded);
        taken = worker->scratch && worker->levels && worker->decoded;
    }
    return taken;
}

static enum lw_status check_request(const struct lw_model *source,
                                    const struct lw_quantize *request, struct lw_error *error)
{
    if (request->bits < 1 || request->bits > LW_MAX_BITS)
        return lw_fail(error, LW_USAGE, "%u bits a weight: 1 to %d are possible", request->bits,
                       LW_MAX_BITS);
    if (request->threads < 1)
        return lw_fail(error, LW_USAGE, "at least one thread is needed");
    for (size_t i = 0; i < source->matrix_count; i++)
        if (!source->matrices[i].dense)
            return lw_fail(error, LW_USAGE, "matrix %s is quantised already",
                           source->matrices[i].name);
    return LW_OK;
}

static bool copy_bad_words(const struct lw_config *source, struct lw_config *target)
{
    target->bad_words = NULL;
    if (source->bad_word_count == 0)
        return true;
    size_t bytes = source->bad_word_count * sizeof *source->bad_words;
    target->bad_words = malloc(bytes);
    if (target->bad_words)
        memcpy(target->bad_words, source->bad_words, bytes);
    return target->bad_words != NULL;
}

/* Lays the model out in one block: vectors, then the scales of all matrices, then their planes. The
 * fp32 model is in memory, so these sizes do not overflow. */
static enum lw_status take_model(const struct lw_model *source, const struct lw_quantize *request,
                                 struct lw_model *model, struct lw_error *error)
{
    model->config = source->config;
    model->arith = request->arith;
    model->tokenizer = source->tokenizer;
    if (!copy_bad_words(&source->config, &model->config))
        return lw_fail(error, LW_FAILED, "out of memory for the quantised model");
    enum lw_status status = lw_model_layout(model, error);
    if (status != LW_OK)
        return status;
    size_t scales = 0, planes = 0;
    for (size_t i = 0; i < model->matrix_count; i++) {
        struct lw_matrix *matrix = &model->matrices[i];
        matrix->code.bits = request->bits;
        matrix->code.plane_bytes = (matrix->columns + 7) / 8;
        scales += matrix->rows * request->bits;
        planes += matrix->rows * request->bits * matrix->code.plane_bytes;
    }
    size_t vector_bytes = model->vector_count * sizeof(float);
    uint8_t *block = malloc(vector_bytes + scales * sizeof(int16_t) + planes);
    if (!block)
        return lw_fail(error, LW_FAILED, "out of memory for the quantised model");
    model->storage = block;
    model->release = free;
    memcpy(block, source->vectors, vector_bytes);
    lw_model_set_vectors(model, (const float *)block);
    return LW_OK;
}

static enum lw_status quantize_matrices(const struct lw_model *source,
                                        const struct lw_quantize *request, struct lw_model *model,
                                        struct job *job, pthreadpool_t pool,
                                        struct lw_quantize_report *report, struct lw_error *error)
{
    size_t done = 0, all = 0, scale_count = 0;
    double errors = 0, squares = 0;
    for (size_t i = 0; i < model->matrix_count; i++) {
        all += model->matrices[i].rows;
        scale_count += model->matrices[i].rows * model->matrices[i].code.bits;
    }
    job->scales = (int16_t *)((float *)model->storage + model->vector_count);
    job->planes = (uint8_t *)(job->scales + scale_count);
    for (size_t i = 0; i < model->matrix_count; i++) {
        struct lw_matrix *matrix = &model->matrices[i];
        job->source = &source->matrices[i];
        job->target = matrix;
        matrix->code.planes = job->planes;
        matrix->code.scales = job->scales;
        enum lw_status status = quantize_matrix(job, pool, error);
        if (status != LW_OK)
            return status;
        for (size_t r = 0; r < matrix->rows; r++) {
            errors += job->errors[r];
            squares += job->squares[r];
        }
        job->scales += matrix->rows * matrix->code.bits;
        job->planes += matrix->rows * matrix->code.bits * matrix->code.plane_bytes;
        done += matrix->rows;
        if (request->progress && !request->progress(request->context, done, all))
            return lw_fail(error, LW_FAILED, "stopped after matrix %s", matrix->name);
    }
    report->relative_mse = squares > 0 ? errors / squares : 0;
    return LW_OK;
}

enum lw_status lw_quantize_model(const struct lw_model *source, const struct lw_quantize *request,
                                 struct lw_model *model, struct lw_quantize_report *report,
                                 struct lw_error *error)
{
    *model = (struct lw_model){0};
    *report = (struct lw_quantize_report){0};
    enum lw_status status = check_request(source, request, error);
    if (status == LW_OK)
        status = take_model(source, request, model, error);
    if (status == LW_OK) {
        struct job job = {.fit = request->fit, .worker_count = request->threads};
        pthreadpool_t pool = pthreadpool_create(request->threads);
        if (pool && take_workers(source, request->bits, &job))
            status = quantize_matrices(source, request, model, &job, pool, report, error);
        else
            status = lw_fail(error, LW_FAILED, "out of memory or threads for the fit");
        if (pool)
            pthreadpool_destroy(pool);
        free_workers(&job);
    }
    if (status != LW_OK)
        lw_model_free(model);
    return status;
}
