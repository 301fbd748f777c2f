/* The calibration text of what a plan needs. */
#include "cli/cli.h"
#include "cli/planning.h"

#include "models/quantize.h"

#include <stdio.h>

enum { USUAL_LINES = 1000 };

static bool show_progress(void *context, size_t done, size_t all)
{
    cli_progress_step(context, done, all);
    return true;
}

static enum lw_status calibrate(const struct lw_model *model, const struct lw_pairs *pairs,
                                struct lw_calibration *calibration, struct lw_error *error)
{
    struct lw_backend backend;
    struct cli_progress progress;
    enum lw_status status = lw_backend_f32(model, &backend, error);
    if (status != LW_OK)
        return status;
    cli_progress_start(&progress, "calibrate");
    status = lw_calibrate(model, &backend, pairs, show_progress, &progress, calibration, error);
    cli_progress_end(&progress);
    lw_backend_close(&backend);
    return status;
}

enum lw_status cli_calibrate(const struct cli_plan_request *request, const struct lw_model *model,
                             const struct cli_planning *planning,
                             struct lw_calibration *calibration, struct lw_error *error)
{
    struct lw_pairs pairs;
    *calibration = (struct lw_calibration){0};
    if (!lw_quantize_needs_moments(planning->choices, model->matrix_count))
        return LW_OK;
    if (!request->source_text || !request->target_text)
        return lw_fail(error, LW_USAGE,
                       "weighting needs a calibration text: name both sides of a parallel one "
                       "with --source-text and --target-text");
    size_t lines = request->calibration_lines ? (size_t)request->calibration_lines : USUAL_LINES;
    enum lw_status status =
        lw_pairs_read(model, request->source_text, request->target_text, lines, &pairs, error);
    if (status != LW_OK)
        return status;
    if (pairs.skipped)
        fprintf(stderr, "lutwidge: %zu pairs are blank or too long and left out of calibration\n",
                pairs.skipped);
    status = calibrate(model, &pairs, calibration, error);
    lw_pairs_free(&pairs);
    return status;
}
