/* The calibration text of what a plan needs. */
#include "cli/cli.h"
#include "cli/planning.h"

#include "models/quantize.h"
#include "runtime/sequence.h"

#include <stdio.h>

enum { USUAL_LINES = 1000 };

static bool show_progress(void *context, size_t done, size_t all)
{
    cli_progress_step(context, done, all);
    return true;
}

static enum lw_status calibrate(const struct lw_model *model, const struct lw_pairs *pairs,
                                struct lw_calibration *moments, struct lw_error *error)
{
    struct lw_backend backend;
    struct cli_progress progress;
    enum lw_status status = lw_backend_f32(model, &backend, error);
    if (status != LW_OK)
        return status;
    cli_progress_start(&progress, "calibrate");
    status = lw_calibrate(model, &backend, pairs, show_progress, &progress, moments, error);
    cli_progress_end(&progress);
    lw_backend_close(&backend);
    return status;
}

/* A fit in sequence collects its own. */
static bool needs_fp32_moments(const struct lw_choice *choices, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (choices[i].weighting == LW_WEIGHTING_GRAM ||
            choices[i].weighting == LW_WEIGHTING_ACTIVATIONS)
            return true;
    return false;
}

enum lw_status cli_calibrate(const struct cli_plan_request *request, const struct lw_model *model,
                             const struct cli_planning *planning,
                             struct cli_calibration *calibration, struct lw_error *error)
{
    *calibration = (struct cli_calibration){0};
    if (!lw_quantize_needs_moments(planning->choices, model->matrix_count))
        return LW_OK;
    if (!request->source_text || !request->target_text)
        return lw_fail(error, LW_USAGE,
                       "weighting needs a calibration text: name both sides of a parallel one "
                       "with --source-text and --target-text");
    size_t lines = request->calibration_lines ? (size_t)request->calibration_lines : USUAL_LINES;
    enum lw_status status = lw_pairs_read(model, request->source_text, request->target_text, lines,
                                          &calibration->pairs, error);
    if (status != LW_OK)
        return status;
    if (calibration->pairs.skipped)
        fprintf(stderr, "lutwidge: %zu pairs are blank or too long and left out of calibration\n",
                calibration->pairs.skipped);
    if (!needs_fp32_moments(planning->choices, model->matrix_count))
        return LW_OK;
    return calibrate(model, &calibration->pairs, &calibration->moments, error);
}

enum lw_status cli_quantize_calibrated(const struct lw_model *source, struct lw_quantize *request,
                                       const struct cli_calibration *calibration,
                                       struct lw_model *model, struct lw_quantize_report *report,
                                       struct lw_error *error)
{
    request->moments = calibration->moments.moments;
    if (lw_quantize_needs_sequence(request->choices, source->matrix_count))
        return lw_quantize_in_sequence(source, request, &calibration->pairs, model, report, error);
    return lw_quantize_model(source, request, model, report, error);
}

void cli_calibration_free(struct cli_calibration *calibration)
{
    lw_calibration_free(&calibration->moments);
    lw_pairs_free(&calibration->pairs);
}
