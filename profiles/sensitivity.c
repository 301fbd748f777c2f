#include "profiles/sensitivity.h"

#include "models/quantize.h"
#include "profiles/gram.h"
#include "runtime/calibrate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A matrix under the choice in hand. */
struct part {
    float *decoded; /* [M][K], in the block of all parts; filled where `ready` */
    bool ready;
    size_t code_bytes;
    double error, square; /* sums of (w - w^)^2 and w^2 */
    double output_error;  /* NAN where no input was seen */
    double output_square; /* trace(W G W^T), of every choice; NAN until it is needed */
};

struct lw_sensitivity {
    struct lw_sensitivity_setup setup;
    const char *products;
    struct lw_calibration calibration;
    struct lw_trial_result fp32;
    double fp32_seconds;
    /* The model with its own array of matrices, of which a point replaces the dense weights. */
    struct lw_model changed;
    struct lw_choice choice; /* that `coded` was made by */
    struct lw_model coded;   /* zeroed: none yet */
    struct part *parts;      /* [matrix_count] */
    float *block;            /* weights of all parts; pages that no point decodes stay untouched */
    double *scratch;         /* of lw_gram_trace */
};

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static enum lw_status open_products(const struct lw_model *model, const char *products,
                                    struct lw_backend *backend, struct lw_error *error)
{
    return strcmp(products, "blas") == 0 ? lw_backend_blas(model, backend, error)
                                         : lw_backend_f32(model, backend, error);
}

/* Inputs and trial of the fp32 model. */
static enum lw_status start(struct lw_sensitivity *s, struct lw_error *error)
{
    const struct lw_sensitivity_setup *setup = &s->setup;
    struct lw_backend backend = {0};
    s->products = "blas";
    if (open_products(setup->model, s->products, &backend, error) != LW_OK) {
        s->products = "f32";
        enum lw_status status = open_products(setup->model, s->products, &backend, error);
        if (status != LW_OK)
            return status;
    }
    enum lw_status status = lw_calibrate(setup->model, &backend, &setup->trial->pairs, NULL, NULL,
                                         &s->calibration, error);
    double start_s = now_s();
    if (status == LW_OK)
        status = lw_trial_run(setup->trial, setup->model, &backend, setup->translates,
                              setup->threads, &s->fp32, error);
    s->fp32_seconds = now_s() - start_s;
    lw_backend_close(&backend);
    return status;
}

/* The model is in memory, so these sizes do not overflow. */
static enum lw_status take_memory(struct lw_sensitivity *s, struct lw_error *error)
{
    const struct lw_model *model = s->setup.model;
    size_t weights = 0, columns = 0;
    for (size_t i = 0; i < model->matrix_count; i++) {
        const struct lw_matrix *matrix = &model->matrices[i];
        weights += matrix->rows * matrix->columns;
        columns = matrix->columns > columns ? matrix->columns : columns;
    }
    s->changed = *model;
    s->changed.matrices = calloc(model->matrix_count, sizeof *s->changed.matrices);
    s->parts = calloc(model->matrix_count, sizeof *s->parts);
    s->block = calloc(weights, sizeof *s->block);
    s->scratch = calloc(2 * columns, sizeof *s->scratch);
    if (!s->changed.matrices || !s->parts || !s->block || !s->scratch)
        return lw_fail(error, LW_FAILED, "out of memory for the matrices of a sensitivity");
    memcpy(s->changed.matrices, model->matrices, model->matrix_count * sizeof *model->matrices);
    float *at = s->block;
    for (size_t i = 0; i < model->matrix_count; i++) {
        s->parts[i].decoded = at;
        s->parts[i].output_square = NAN;
        at += model->matrices[i].rows * model->matrices[i].columns;
    }
    return LW_OK;
}

enum lw_status lw_sensitivity_open(const struct lw_sensitivity_setup *setup,
                                   struct lw_sensitivity **sensitivity, struct lw_error *error)
{
    struct lw_sensitivity *s = *sensitivity = calloc(1, sizeof *s);
    if (!s)
        return lw_fail(error, LW_FAILED, "out of memory for a sensitivity");
    s->setup = *setup;
    enum lw_status status = take_memory(s, error);
    if (status == LW_OK)
        status = start(s, error);
    if (status != LW_OK) {
        lw_sensitivity_close(s);
        *sensitivity = NULL;
    }
    return status;
}

void lw_sensitivity_close(struct lw_sensitivity *sensitivity)
{
    if (!sensitivity)
        return;
    lw_calibration_free(&sensitivity->calibration);
    lw_model_free(&sensitivity->coded);
    free(sensitivity->changed.matrices);
    free(sensitivity->parts);
    free(sensitivity->block);
    free(sensitivity->scratch);
    free(sensitivity);
}

const char *lw_sensitivity_products(const struct lw_sensitivity *sensitivity)
{
    return sensitivity->products;
}

const struct lw_trial_result *lw_sensitivity_fp32(const struct lw_sensitivity *sensitivity)
{
    return &sensitivity->fp32;
}

double lw_sensitivity_fp32_seconds(const struct lw_sensitivity *sensitivity)
{
    return sensitivity->fp32_seconds;
}

static bool same_choice(const struct lw_choice *a, const struct lw_choice *b)
{
    return a->bits == b->bits && a->alpha == b->alpha && a->group == b->group && a->fit == b->fit &&
           a->weighting == b->weighting;
}

/* Fits all matrices by one choice, unless that is what `coded` holds. */
static enum lw_status fit(struct lw_sensitivity *s, const struct lw_choice *choice,
                          struct lw_error *error)
{
    const struct lw_model *model = s->setup.model;
    struct lw_quantize_report report;
    if (s->coded.matrix_count && same_choice(&s->choice, choice))
        return LW_OK;
    lw_model_free(&s->coded);
    struct lw_choice *choices = calloc(model->matrix_count, sizeof *choices);
    if (!choices)
        return lw_fail(error, LW_FAILED, "out of memory for the choices of a sensitivity");
    for (size_t i = 0; i < model->matrix_count; i++) {
        choices[i] = *choice;
        s->parts[i].ready = false;
    }
    struct lw_quantize request = {.choices = choices, .threads = s->setup.threads};
    enum lw_status status = lw_quantize_model(model, &request, &s->coded, &report, error);
    s->choice = *choice;
    free(choices);
    return status;
}

static void measure_outputs(struct lw_sensitivity *s, size_t index)
{
    const struct lw_matrix *matrix = &s->setup.model->matrices[index];
    const struct lw_moments *moments = &s->calibration.moments[index];
    struct part *part = &s->parts[index];
    size_t rows = matrix->rows, columns = matrix->columns;
    part->output_error = NAN;
    if (moments->count == 0)
        return;
    if (isnan(part->output_square))
        part->output_square =
            lw_gram_trace(moments->gram, matrix->dense, NULL, rows, columns, s->scratch);
    if (part->output_square > 0)
        part->output_error =
            lw_gram_trace(moments->gram, matrix->dense, part->decoded, rows, columns, s->scratch) /
            part->output_square;
}

/* Decodes a matrix and measures its errors, once a choice. */
static void decode(struct lw_sensitivity *s, size_t index)
{
    const struct lw_matrix *coded = &s->coded.matrices[index];
    const float *weights = s->setup.model->matrices[index].dense;
    struct part *part = &s->parts[index];
    if (part->ready)
        return;
    part->code_bytes = 0;
    for (size_t c = 0; c < coded->code_count; c++)
        part->code_bytes +=
            lw_code_plane_bytes(&coded->codes[c]) + lw_code_scale_bytes(&coded->codes[c]);
    part->error = part->square = 0;
    for (size_t r = 0; r < coded->rows; r++)
        lw_matrix_row(coded, r, part->decoded + r * coded->columns);
    for (size_t i = 0; i < coded->rows * coded->columns; i++) {
        double w = (double)weights[i], difference = w - (double)part->decoded[i];
        part->error += difference * difference;
        part->square += w * w;
    }
    measure_outputs(s, index);
    part->ready = true;
}

/* Puts the decoded weights of the target into the changed model and sums up its parts. */
static enum lw_status apply(struct lw_sensitivity *s, const struct lw_sensitivity_point *point,
                            struct lw_sensitivity_figures *figures, struct lw_error *error)
{
    const struct lw_model *model = s->setup.model;
    double errors = 0, squares = 0, outputs = 0;
    size_t seen = 0;
    for (size_t i = 0; i < model->matrix_count; i++) {
        struct lw_matrix *matrix = &s->changed.matrices[i];
        const struct part *part = &s->parts[i];
        matrix->dense = model->matrices[i].dense;
        if (!lw_match(point->target.name, matrix->name))
            continue;
        decode(s, i);
        matrix->dense = part->decoded;
        figures->matrices++;
        figures->weights += matrix->rows * matrix->columns;
        figures->code_bytes += part->code_bytes;
        errors += part->error;
        squares += part->square;
        if (!isnan(part->output_error)) {
            outputs += part->output_error;
            seen++;
        }
    }
    if (figures->matrices == 0)
        return lw_fail(error, LW_USAGE, "no matrix matches '%s'", point->target.name);
    figures->weight_error = squares > 0 ? errors / squares : 0;
    figures->output_error = seen ? outputs / (double)seen : NAN;
    return LW_OK;
}

enum lw_status lw_sensitivity_measure(struct lw_sensitivity *sensitivity,
                                      const struct lw_sensitivity_point *point,
                                      struct lw_sensitivity_figures *figures,
                                      struct lw_error *error)
{
    struct lw_sensitivity *s = sensitivity;
    struct lw_backend backend = {0};
    double start_s = now_s();
    *figures = (struct lw_sensitivity_figures){.fp32 = s->fp32};
    enum lw_status status = fit(s, &point->choice, error);
    if (status == LW_OK)
        status = apply(s, point, figures, error);
    if (status == LW_OK)
        status = open_products(&s->changed, s->products, &backend, error);
    if (status == LW_OK)
        status = lw_trial_run(s->setup.trial, &s->changed, &backend, s->setup.translates,
                              s->setup.threads, &figures->coded, error);
    lw_backend_close(&backend);
    figures->seconds = now_s() - start_s;
    return status;
}
