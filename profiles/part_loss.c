#include "profiles/part_loss.h"

#include "models/quantize.h"
#include "profiles/gram.h"
#include "runtime/calibrate.h"
#include "runtime/sequence.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct lw_losses {
    struct lw_losses_setup setup;
    const char *products;
    struct lw_calibration calibration;
    struct lw_teacher *teacher;
    double fp32_nats;
    struct lw_model changed; /* the model with its own array of matrices */
    unsigned bits;           /* that `coded` was made with */
    size_t mode;
    struct lw_model coded;  /* zeroed: none yet */
    float **decoded;        /* [matrix_count], rows of the target in hand, others fp32 */
    double *output_squares; /* [matrix_count][1 + classes], of all rows first; < 0: not known yet */
    double *scratch;        /* of lw_gram_trace */
};

static enum lw_status open_products(const struct lw_losses *l, const struct lw_model *model,
                                    struct lw_backend *backend, struct lw_error *error)
{
    return strcmp(l->products, "blas") == 0 ? lw_backend_blas(model, backend, error)
                                            : lw_backend_f32(model, backend, error);
}

static enum lw_status take_memory(struct lw_losses *l, struct lw_error *error)
{
    const struct lw_model *model = l->setup.model;
    size_t columns = 0;
    for (size_t i = 0; i < model->matrix_count; i++)
        columns = model->matrices[i].columns > columns ? model->matrices[i].columns : columns;
    l->changed = *model;
    l->changed.matrices = calloc(model->matrix_count, sizeof *l->changed.matrices);
    l->decoded = calloc(model->matrix_count, sizeof *l->decoded);
    l->scratch = calloc(2 * columns, sizeof *l->scratch);
    size_t squares = model->matrix_count * (LW_WORD_CLASSES + 1);
    l->output_squares = calloc(squares, sizeof *l->output_squares);
    for (size_t i = 0; l->output_squares && i < squares; i++)
        l->output_squares[i] = -1;
    bool whole = l->changed.matrices && l->decoded && l->scratch && l->output_squares;
    for (size_t i = 0; i < model->matrix_count && whole; i++) {
        const struct lw_matrix *matrix = &model->matrices[i];
        l->changed.matrices[i] = *matrix;
        l->decoded[i] = calloc(matrix->rows * matrix->columns, sizeof **l->decoded);
        whole = l->decoded[i];
    }
    return whole ? LW_OK : lw_fail(error, LW_FAILED, "out of memory for the losses of parts");
}

static enum lw_status start(struct lw_losses *l, struct lw_error *error)
{
    const struct lw_losses_setup *setup = &l->setup;
    struct lw_backend backend = {0};
    l->products = "blas";
    if (open_products(l, setup->model, &backend, error) != LW_OK) {
        l->products = "f32";
        enum lw_status status = open_products(l, setup->model, &backend, error);
        if (status != LW_OK)
            return status;
    }
    enum lw_status status = lw_calibrate(setup->model, &backend, setup->calibration,
                                         setup->progress, setup->context, &l->calibration, error);
    if (status == LW_OK)
        status = lw_teacher_make(setup->pairs, setup->model, &backend, setup->threads, &l->teacher,
                                 &l->fp32_nats, error);
    lw_backend_close(&backend);
    return status;
}

enum lw_status lw_losses_open(const struct lw_losses_setup *setup, struct lw_losses **losses,
                              struct lw_error *error)
{
    struct lw_losses *l = *losses = calloc(1, sizeof *l);
    if (!l)
        return lw_fail(error, LW_FAILED, "out of memory for the losses of parts");
    l->setup = *setup;
    enum lw_status status = take_memory(l, error);
    if (status == LW_OK)
        status = start(l, error);
    if (status != LW_OK) {
        lw_losses_close(l);
        *losses = NULL;
    }
    return status;
}

void lw_losses_close(struct lw_losses *losses)
{
    if (!losses)
        return;
    for (size_t i = 0; losses->decoded && i < losses->setup.model->matrix_count; i++)
        free(losses->decoded[i]);
    lw_calibration_free(&losses->calibration);
    lw_teacher_free(losses->teacher);
    lw_model_free(&losses->coded);
    free(losses->changed.matrices);
    free(losses->decoded);
    free(losses->output_squares);
    free(losses->scratch);
    free(losses);
}

const char *lw_losses_products(const struct lw_losses *losses)
{
    return losses->products;
}

double lw_losses_fp32(const struct lw_losses *losses)
{
    return losses->fp32_nats;
}

static enum lw_status quantise(struct lw_losses *l, const struct lw_choice *choices,
                               const uint8_t *const *row_bits, struct lw_model *coded,
                               struct lw_error *error)
{
    struct lw_quantize_report report;
    const struct lw_quantize request = {.choices = choices,
                                        .row_bits = row_bits,
                                        .moments = l->calibration.moments,
                                        .threads = l->setup.threads};
    if (lw_quantize_needs_sequence(choices, l->setup.model->matrix_count))
        return lw_quantize_in_sequence(l->setup.model, &request, l->setup.calibration, coded,
                                       &report, error);
    return lw_quantize_model(l->setup.model, &request, coded, &report, error);
}

/* Fits all matrices alike, unless that is what `coded` holds. */
static enum lw_status fit(struct lw_losses *l, unsigned bits, size_t mode, struct lw_error *error)
{
    const struct lw_model *model = l->setup.model;
    const struct lw_part any = {0};
    const struct lw_cell cell = {{(uint8_t)bits}, mode};
    if (l->coded.matrix_count && l->bits == bits && l->mode == mode)
        return LW_OK;
    lw_model_free(&l->coded);
    struct lw_choice *choices = calloc(model->matrix_count, sizeof *choices);
    if (!choices)
        return lw_fail(error, LW_FAILED, "out of memory for the choices of parts");
    for (size_t i = 0; i < model->matrix_count; i++)
        choices[i] = lw_cell_choice(&any, &cell, LW_ARITH_F32);
    enum lw_status status = quantise(l, choices, NULL, &l->coded, error);
    free(choices);
    l->bits = bits;
    l->mode = mode;
    return status;
}

static bool has_row(const struct lw_losses *l, const struct lw_loss_target *target, unsigned matrix,
                    size_t row)
{
    return target->word_class < 0 || l->setup.class_of[matrix][row] == target->word_class;
}

/* The rows of the target as its code has them, the others fp32. */
static void decode(struct lw_losses *l, const struct lw_loss_target *target, unsigned index)
{
    const struct lw_matrix *matrix = &l->setup.model->matrices[index];
    for (size_t r = 0; r < matrix->rows; r++) {
        float *row = l->decoded[index] + r * matrix->columns;
        if (has_row(l, target, index, r))
            lw_matrix_row(&l->coded.matrices[index], r, row);
        else
            memcpy(row, matrix->dense + r * matrix->columns, matrix->columns * sizeof *row);
    }
}

/* Over the rows of the target. */
struct error_sums {
    double weights, all_weights, outputs;
};

static void sum_row(const struct lw_losses *l, unsigned index, size_t row, struct error_sums *sums)
{
    const struct lw_moments *moments = &l->calibration.moments[index];
    size_t columns = l->setup.model->matrices[index].columns;
    const float *w = l->setup.model->matrices[index].dense + row * columns;
    const float *d = l->decoded[index] + row * columns;
    for (size_t c = 0; c < columns; c++) {
        double difference = (double)w[c] - (double)d[c];
        sums->weights += difference * difference;
        sums->all_weights += (double)w[c] * (double)w[c];
    }
    if (moments->count)
        sums->outputs += lw_gram_trace(moments->gram, w, d, 1, columns, l->scratch);
}

/* The same of the outputs that fp32 gives, which every code needs. */
static double output_square(struct lw_losses *l, const struct lw_loss_target *target,
                            unsigned index)
{
    const struct lw_matrix *matrix = &l->setup.model->matrices[index];
    const struct lw_moments *moments = &l->calibration.moments[index];
    double *square =
        &l->output_squares[index * (LW_WORD_CLASSES + 1) + (size_t)(target->word_class + 1)];
    if (*square >= 0 || moments->count == 0)
        return fmax(*square, 0);
    *square = 0;
    for (size_t r = 0; r < matrix->rows; r++)
        if (has_row(l, target, index, r))
            *square += lw_gram_trace(moments->gram, matrix->dense + r * matrix->columns, NULL, 1,
                                     matrix->columns, l->scratch);
    return *square;
}

enum lw_status lw_losses_error(struct lw_losses *losses, const struct lw_loss_target *target,
                               unsigned bits, size_t mode, double *relative_error,
                               struct lw_error *error)
{
    enum lw_status status = fit(losses, bits, mode, error);
    *relative_error = 0;
    for (size_t i = 0; i < target->part->count && status == LW_OK; i++) {
        unsigned index = target->part->matrices[i];
        decode(losses, target, index);
        struct error_sums sums = {0};
        for (size_t r = 0; r < losses->setup.model->matrices[index].rows; r++)
            if (has_row(losses, target, index, r))
                sum_row(losses, index, r, &sums);
        double square = output_square(losses, target, index);
        double weights = sums.all_weights > 0 ? sums.weights / sums.all_weights : 0;
        double outputs = square > 0 ? sums.outputs / square : weights;
        *relative_error += target->part->words ? (weights + outputs) / 2 : outputs;
    }
    *relative_error /= (double)target->part->count;
    return status;
}

enum lw_status lw_losses_try(struct lw_losses *losses, const struct lw_loss_target *target,
                             unsigned bits, size_t mode, struct lw_lesson *lesson,
                             struct lw_error *error)
{
    const struct lw_part *part = target->part;
    struct lw_backend backend = {0};
    enum lw_status status = fit(losses, bits, mode, error);
    for (size_t i = 0; i < part->count && status == LW_OK; i++) {
        decode(losses, target, part->matrices[i]);
        losses->changed.matrices[part->matrices[i]].dense = losses->decoded[part->matrices[i]];
    }
    if (status == LW_OK)
        status = open_products(losses, &losses->changed, &backend, error);
    if (status == LW_OK)
        status = lw_teacher_try(losses->teacher, &losses->changed, &backend, losses->setup.threads,
                                lesson, error);
    lw_backend_close(&backend);
    for (size_t i = 0; i < part->count; i++)
        losses->changed.matrices[part->matrices[i]].dense =
            losses->setup.model->matrices[part->matrices[i]].dense;
    return status;
}

/* The bits of the rows of a matrix whose classes differ; malloc'ed. */
static uint8_t *spread_bits(const struct lw_losses *l, const struct lw_cell *cell, unsigned index)
{
    size_t rows = l->setup.model->matrices[index].rows;
    uint8_t *bits = malloc(rows);
    for (size_t r = 0; bits && r < rows; r++)
        bits[r] = cell->bits[l->setup.class_of[index][r]];
    return bits;
}

enum lw_status lw_losses_whole(struct lw_losses *losses, const struct lw_part *parts,
                               const struct lw_cell *cells, size_t count,
                               enum lw_weighting weighting, enum lw_arith arith,
                               struct lw_model *coded, struct lw_lesson *lesson,
                               struct lw_error *error)
{
    size_t matrices = losses->setup.model->matrix_count;
    struct lw_choice *choices = calloc(matrices, sizeof *choices);
    uint8_t **row_bits = calloc(matrices, sizeof *row_bits);
    struct lw_backend backend = {0};
    bool whole = choices && row_bits;
    *coded = (struct lw_model){0};
    for (size_t p = 0; p < count && whole; p++)
        for (size_t i = 0; i < parts[p].count && whole; i++) {
            unsigned index = parts[p].matrices[i];
            choices[index] = lw_cell_choice(&parts[p], &cells[p], arith);
            choices[index].weighting = weighting;
            if (!lw_cell_is_alike(&parts[p], &cells[p]))
                whole = (row_bits[index] = spread_bits(losses, &cells[p], index));
        }
    enum lw_status status =
        whole ? quantise(losses, choices, (const uint8_t *const *)row_bits, coded, error)
              : lw_fail(error, LW_FAILED, "out of memory for a plan");
    if (status == LW_OK)
        status = open_products(losses, coded, &backend, error);
    if (status == LW_OK)
        status =
            lw_teacher_try(losses->teacher, coded, &backend, losses->setup.threads, lesson, error);
    lw_backend_close(&backend);
    for (size_t i = 0; row_bits && i < matrices; i++)
        free(row_bits[i]);
    free(row_bits);
    free(choices);
    return status;
}
