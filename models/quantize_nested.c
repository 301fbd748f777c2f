/* Quantisation into nested planes: every row is fitted once, and the chunks are put in the order of
 * what they are worth. */
#include "models/quantize_moments.h"
#include "models/quantize_parts.h"

#include <math.h>
#include <pthreadpool.h>
#include <stdlib.h>
#include <string.h>

/* What one thread works with. */
struct worker {
    void *scratch;   /* of lw_fit_nested */
    uint8_t *levels; /* [columns] */
};

/* One matrix on its way. Rows are dealt out and figures kept by stored row, so that nothing depends
 * on the number of workers. */
struct job {
    const struct lw_matrix *source;
    struct lw_matrix *target;
    struct lw_chunk *chunks; /* of this matrix: code by code, plane by plane */
    const float *importance; /* [columns], or NULL */
    float *column_weights;   /* [columns]: room for it */
    size_t worker_count;
    struct worker *workers;
    float *fitted; /* scales before rounding, in the order of the mantissas */
    /* [rows][LW_MAX_BITS + 1]: squared error of the first q planes, 0 to all that the row has;
     * errors[row][0] is NAN for a row that is not finite */
    double (*errors)[LW_MAX_BITS + 1];
    double (*weighted)[LW_MAX_BITS + 1]; /* the same with importance */
};

/* A stored row. */
struct place {
    const struct lw_code *code;
    const struct lw_chunk *chunks; /* of the code */
    size_t row;                    /* within the code */
    const float *weights;          /* of the source */
};

static struct place find_place(const struct job *job, size_t stored)
{
    const struct lw_matrix *matrix = job->target;
    size_t row = matrix->order ? matrix->order[stored] : stored;
    struct place place = {matrix->codes, job->chunks, stored,
                          job->source->dense + row * matrix->columns};
    for (; place.row >= place.code->rows; place.code++) {
        place.row -= place.code->rows;
        place.chunks += place.code->bits;
    }
    return place;
}

/* Mantissas of q planes of a row; at the same index lie the scales before rounding. */
static int16_t *row_scales(const struct place *place, unsigned q)
{
    return (int16_t *)(uintptr_t)place->chunks[q - 1].scales + place->row * place->code->groups * q;
}

static float *row_fitted(const struct job *job, const struct place *place, unsigned q)
{
    return job->fitted + (row_scales(place, q) - job->chunks[0].scales);
}

static void pack_row(const struct place *place, const uint8_t *levels, size_t columns)
{
    size_t plane_bytes = place->code->plane_bytes;
    for (unsigned i = 0; i < place->code->bits; i++) {
        uint8_t *plane = (uint8_t *)(uintptr_t)place->chunks[i].planes + place->row * plane_bytes;
        memset(plane, 0, plane_bytes);
        for (size_t c = 0; c < columns; c++)
            plane[c >> 3] |= (uint8_t)((levels[c] >> i & 1) << (c & 7));
    }
}

static void fit_row(const struct job *job, const struct worker *worker, const struct place *place)
{
    const struct lw_code *code = place->code;
    size_t columns = job->source->columns;
    for (size_t g = 0; g < code->groups; g++) {
        size_t first = g * code->group;
        size_t count = columns - first < code->group ? columns - first : code->group;
        float scales[LW_MAX_BITS][LW_MAX_BITS];
        double errors[LW_MAX_BITS];
        lw_fit_nested(place->weights + first, job->importance ? job->importance + first : NULL,
                      count, code->bits, scales, worker->levels + first, errors, worker->scratch);
        for (unsigned q = 1; q <= code->bits; q++)
            memcpy(row_fitted(job, place, q) + g * q, scales[q - 1], q * sizeof(float));
    }
    pack_row(place, worker->levels, columns);
}

static void fit_slice(void *context, size_t slice)
{
    const struct job *job = context;
    size_t rows = job->source->rows, end = lw_quantize_slice(rows, job->worker_count, slice + 1);
    for (size_t stored = lw_quantize_slice(rows, job->worker_count, slice); stored < end;
         stored++) {
        struct place place = find_place(job, stored);
        bool finite = lw_quantize_is_finite(place.weights, job->source->columns);
        job->errors[stored][0] = finite ? 0 : NAN;
        if (finite)
            fit_row(job, &job->workers[slice], &place);
    }
}

/* The errors of every prefix of a row, with the scales as they are stored. */
static void measure_row(const struct job *job, const struct place *place, double *errors,
                        double *weighted)
{
    const struct lw_code *code = place->code;
    double unit = ldexp(1.0, code->exponent);
    memset(errors, 0, sizeof *job->errors);
    memset(weighted, 0, sizeof *job->weighted);
    for (size_t c = 0; c < job->source->columns; c++) {
        size_t byte = place->row * code->plane_bytes + (c >> 3);
        double w = (double)place->weights[c];
        double importance = job->importance ? (double)job->importance[c] : 1;
        unsigned level = 0;
        for (unsigned q = 0; q <= code->bits; q++) {
            const int16_t *scales =
                q ? row_scales(place, q) + c / code->group * q : place->chunks[0].scales;
            int sum = 0;
            if (q)
                level |= (unsigned)(place->chunks[q - 1].planes[byte] >> (c & 7) & 1) << (q - 1);
            for (unsigned i = 0; i < q; i++)
                sum += level >> i & 1 ? scales[i] : -scales[i];
            double difference = w - sum * unit;
            errors[q] += difference * difference;
            weighted[q] += importance * difference * difference;
        }
    }
    for (unsigned q = code->bits + 1; q <= LW_MAX_BITS; q++) {
        errors[q] = errors[code->bits];
        weighted[q] = weighted[code->bits];
    }
}

static void measure_slice(void *context, size_t slice)
{
    const struct job *job = context;
    size_t rows = job->source->rows, end = lw_quantize_slice(rows, job->worker_count, slice + 1);
    for (size_t stored = lw_quantize_slice(rows, job->worker_count, slice); stored < end;
         stored++) {
        struct place place = find_place(job, stored);
        measure_row(job, &place, job->errors[stored], job->weighted[stored]);
    }
}

/* Scales of all sets of a matrix. */
static size_t scale_count(const struct lw_matrix *matrix)
{
    size_t count = 0;
    for (size_t c = 0; c < matrix->code_count; c++) {
        const struct lw_code *code = &matrix->codes[c];
        count += code->rows * code->groups * code->bits * (code->bits + 1) / 2;
    }
    return count;
}

/* Rounds the scales of all sets with one exponent. */
static void round_scales(struct job *job)
{
    struct lw_matrix *matrix = job->target;
    int16_t *scales = (int16_t *)(uintptr_t)job->chunks[0].scales;
    size_t count = scale_count(matrix);
    float largest = 0;
    for (size_t i = 0; i < count; i++)
        largest = fmaxf(largest, fabsf(job->fitted[i]));
    int exponent = lw_quantize_exponent(largest);
    for (size_t i = 0; i < count; i++)
        scales[i] = lw_quantize_mantissa(job->fitted[i], exponent, INT16_MAX);
    for (size_t c = 0; c < matrix->code_count; c++)
        matrix->codes[c].exponent = exponent;
}

/* What a matrix counts for: its weights, so that equal planes of equal matrices of any size come
 * together, times how sensitive translations were to its kind (docs/DECISIONS.md). */
static double weight_of(const struct lw_matrix *matrix)
{
    static const double sensitivities[] = {[LW_SUBLAYER_NONE] = 1,
                                           [LW_SUBLAYER_SELF] = 1,
                                           [LW_SUBLAYER_CROSS] = 2,
                                           [LW_SUBLAYER_FFN] = 0.5};
    return (double)matrix->rows * (double)matrix->columns * sensitivities[matrix->sublayer];
}

/* Gains of the chunks of a matrix: what each takes off the squared error of its rows, as a share of
 * the squares of the matrix, times what the matrix counts for. */
static void find_gains(const struct job *job, double *gains)
{
    double square = 0, weight = weight_of(job->source);
    for (size_t r = 0; r < job->source->rows; r++)
        square += job->weighted[r][0];
    size_t stored = 0, chunk = 0;
    for (size_t c = 0; c < job->target->code_count; c++) {
        const struct lw_code *code = &job->target->codes[c];
        for (unsigned i = 0; i < code->bits; i++, chunk++) {
            gains[chunk] = 0;
            for (size_t r = stored; r < stored + code->rows; r++)
                gains[chunk] += job->weighted[r][i] - job->weighted[r][i + 1];
            gains[chunk] = square > 0 ? weight * gains[chunk] / square : 0;
        }
        stored += code->rows;
    }
}

static enum lw_status quantize_matrix(struct job *job, pthreadpool_t pool, struct lw_error *error)
{
    const uint32_t *order = job->target->order;
    pthreadpool_parallelize_1d(pool, fit_slice, job, job->worker_count, 0);
    for (size_t stored = 0; stored < job->source->rows; stored++)
        if (isnan(job->errors[stored][0]))
            return lw_fail(error, LW_CORRUPT,
                           "matrix %s: row %zu holds a weight that is not finite",
                           job->source->name, order ? order[stored] : stored);
    round_scales(job);
    pthreadpool_parallelize_1d(pool, measure_slice, job, job->worker_count, 0);
    return LW_OK;
}

/* All chunks in the order of the matrices, with room for their data: all scales, then all planes.
 */
static enum lw_status take_chunks(struct lw_nested *nested, struct lw_quantized *owned,
                                  struct lw_error *error)
{
    const struct lw_model *model = &nested->model;
    size_t scales = 0, planes = 0;
    for (size_t i = 0; i < model->matrix_count; i++) {
        scales += scale_count(&model->matrices[i]) * sizeof(int16_t);
        for (size_t c = 0; c < model->matrices[i].code_count; c++) {
            planes += lw_code_plane_bytes(&model->matrices[i].codes[c]);
            nested->chunk_count += model->matrices[i].codes[c].bits;
            nested->smallest++;
        }
    }
    owned->codes = malloc(scales + planes);
    struct lw_chunk *chunk = nested->chunks = calloc(nested->chunk_count, sizeof *chunk);
    if (!owned->codes || !chunk)
        return lw_fail(error, LW_FAILED, "out of memory for the quantised model");
    int16_t *scale = owned->codes;
    uint8_t *plane = (uint8_t *)owned->codes + scales;
    for (unsigned i = 0; i < model->matrix_count; i++)
        for (unsigned c = 0; c < model->matrices[i].code_count; c++) {
            const struct lw_code *code = &model->matrices[i].codes[c];
            for (unsigned p = 0; p < code->bits; p++, chunk++) {
                *chunk = (struct lw_chunk){i, c, p, plane, scale};
                scale += code->rows * code->groups * (p + 1);
                plane += code->rows * code->plane_bytes;
            }
        }
    return LW_OK;
}

static void free_job(struct job *job)
{
    for (size_t i = 0; job->workers && i < job->worker_count; i++) {
        free(job->workers[i].scratch);
        free(job->workers[i].levels);
    }
    free(job->workers);
    free(job->column_weights);
    free(job->fitted);
    free(job->errors);
    free(job->weighted);
}

/* Room for the largest matrix. */
static bool take_job(const struct lw_model *model, struct job *job)
{
    size_t rows = 0, columns = 0, scales = 0;
    for (size_t i = 0; i < model->matrix_count; i++) {
        const struct lw_matrix *matrix = &model->matrices[i];
        rows = matrix->rows > rows ? matrix->rows : rows;
        columns = matrix->columns > columns ? matrix->columns : columns;
        scales = scale_count(matrix) > scales ? scale_count(matrix) : scales;
    }
    job->column_weights = calloc(columns, sizeof *job->column_weights);
    job->fitted = calloc(scales, sizeof *job->fitted);
    job->errors = calloc(rows, sizeof *job->errors);
    job->weighted = calloc(rows, sizeof *job->weighted);
    job->workers = calloc(job->worker_count, sizeof *job->workers);
    bool taken = job->column_weights && job->fitted && job->errors && job->weighted && job->workers;
    for (size_t i = 0; taken && i < job->worker_count; i++) {
        job->workers[i].scratch = malloc(lw_fit_scratch_bytes(columns));
        job->workers[i].levels = malloc(columns);
        taken = job->workers[i].scratch && job->workers[i].levels;
    }
    return taken;
}

static enum lw_status quantize_matrices(const struct lw_model *source,
                                        const struct lw_quantize *request, struct lw_nested *nested,
                                        struct job *job, pthreadpool_t pool, double *gains,
                                        struct lw_nested_report *report, struct lw_error *error)
{
    struct lw_model *model = &nested->model;
    size_t done = 0, all = 0;
    double errors[LW_MAX_BITS + 1] = {0};
    job->chunks = nested->chunks;
    for (size_t i = 0; i < model->matrix_count; i++)
        all += model->matrices[i].rows;
    for (size_t i = 0; i < model->matrix_count; i++) {
        struct lw_matrix *matrix = &model->matrices[i];
        job->source = &source->matrices[i];
        job->target = matrix;
        job->importance =
            lw_column_weights(&request->choices[i], request->moments ? &request->moments[i] : NULL,
                              job->column_weights);
        enum lw_status status = quantize_matrix(job, pool, error);
        if (status != LW_OK)
            return status;
        for (size_t r = 0; r < matrix->rows; r++)
            for (unsigned q = 0; q <= LW_MAX_BITS; q++)
                errors[q] += job->errors[r][q];
        find_gains(job, gains + (job->chunks - nested->chunks));
        for (size_t c = 0; c < matrix->code_count; c++)
            job->chunks += matrix->codes[c].bits;
        done += matrix->rows;
        if (request->progress && !request->progress(request->context, done, all))
            return lw_fail(error, LW_FAILED, "stopped after matrix %s", matrix->name);
    }
    for (unsigned q = 0; q < LW_MAX_BITS; q++)
        report->relative_mse[q] = errors[0] > 0 ? errors[q + 1] / errors[0] : 0;
    return LW_OK;
}

enum lw_status lw_nested_check(const struct lw_model *source, const struct lw_choice *choices,
                               struct lw_error *error)
{
    for (size_t i = 0; i < source->matrix_count; i++) {
        const char *name = source->matrices[i].name;
        if (choices[i].alpha == LW_ALPHA_UNIFORM)
            return lw_fail(error, LW_USAGE,
                           "matrix %s: nested planes have free scales; uniform ones are not "
                           "possible",
                           name);
        if (choices[i].weighting == LW_WEIGHTING_GRAM ||
            choices[i].weighting == LW_WEIGHTING_SEQUENCE)
            return lw_fail(error, LW_USAGE,
                           "matrix %s: nested planes have a fit of their own, which takes the "
                           "weighting none or activations, not %s",
                           name, lw_weighting_name(choices[i].weighting));
    }
    return LW_OK;
}

enum lw_status lw_quantize_nested(const struct lw_model *source, const struct lw_quantize *request,
                                  struct lw_nested *nested, struct lw_nested_report *report,
                                  struct lw_error *error)
{
    struct lw_quantized *owned;
    struct job job = {.worker_count = request->threads};
    pthreadpool_t pool = NULL;
    double *gains = NULL;
    *nested = (struct lw_nested){0};
    *report = (struct lw_nested_report){0};
    enum lw_status status = lw_quantize_check(source, request, error);
    if (status == LW_OK)
        status = lw_check_moments(source, request, error);
    if (status == LW_OK)
        status = lw_nested_check(source, request->choices, error);
    if (status == LW_OK)
        status = lw_quantize_shape(source, request, &nested->model, &owned, error);
    if (status == LW_OK)
        status = take_chunks(nested, owned, error);
    if (status == LW_OK) {
        pool = pthreadpool_create(request->threads);
        gains = calloc(nested->chunk_count, sizeof *gains);
        if (pool && gains && take_job(&nested->model, &job))
            status = quantize_matrices(source, request, nested, &job, pool, gains, report, error);
        else
            status = lw_fail(error, LW_FAILED, "out of memory or threads for the fit");
    }
    if (status == LW_OK)
        status = lw_nested_sort(nested, gains, error);
    if (pool)
        pthreadpool_destroy(pool);
    free(gains);
    free_job(&job);
    if (status != LW_OK)
        lw_nested_free(nested);
    return status;
}
