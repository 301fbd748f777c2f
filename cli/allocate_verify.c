/* The best plans by prediction, built and measured. */
#include "cli/allocate.h"

#include "cli/cli.h"
#include "cli/planning.h"

#include "gen/cache.h"
#include "profiles/database_sensitivity.h"
#include "profiles/plan_trial.h"
#include "profiles/profiling.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct verification {
    struct cli_allocate *a;
    struct lw_losses *losses;
    int64_t run;
    struct lw_cell *cells; /* of the candidate in hand */
    size_t **tried;        /* [verify], choices; the first ones are filled */
};

/* The text must be that of the profile, or measured losses would not compare. */
static enum lw_status read_text(struct cli_allocate *a, struct lw_error *error)
{
    struct lw_text_subject wanted = a->parts.text;
    enum lw_status status =
        cli_parts_read(&a->parts, a->source, a->reference, a->counts, wanted.lines, true, error);
    if (status != LW_OK)
        return status;
    if (strcmp(wanted.source_hash, a->parts.text.source_hash) != 0 ||
        strcmp(wanted.reference_hash, a->parts.text.reference_hash) != 0)
        return lw_fail(error, LW_USAGE, "%s and %s%s%s are not the text%s that %s was profiled on",
                       a->source, a->reference, a->counts ? " with " : "",
                       a->counts ? a->counts : "", a->counts ? " and counts" : "", a->folder);
    return LW_OK;
}

/* The row of the candidate on its device, of all but estimates. */
static enum lw_status keep_cost(struct verification *v, const char *text,
                                const struct lw_plan_figures *figures, struct lw_error *error)
{
    const struct cli_allocate *a = v->a;
    struct lw_plan_cost row = {.plan = text,
                               .cost = {true, figures->latency_ns, figures->memory_bytes, NAN},
                               .peak_memory_bytes = figures->peak_memory_bytes};
    struct lw_synth asic;
    struct lw_error ignored = {0};
    struct lw_costing costing = {.device = &a->device,
                                 .model = &a->parts.model,
                                 .parts = a->parts.parts,
                                 .part_count = a->parts.count,
                                 .source_words = a->costs.source_words,
                                 .target_words = a->costs.target_words};
    double start_s = cli_now_s();
    if (a->device.kind == LW_COST_STATIC)
        return LW_OK;
    if (a->device.kind == LW_COST_SIMULATED) {
        char *cache = NULL;
        enum lw_status status = lw_cache_path("syntheses", &cache, error);
        /* Energies are there where they are for the parts, so that gates are in the cache. */
        if (status == LW_OK && a->prediction.has_energy &&
            lw_cost_gates(&a->device, cache, &asic, &ignored) == LW_OK)
            costing.asic = &asic;
        free(cache);
        if (status == LW_OK)
            status = lw_costs_of_plan(&costing, v->cells, &row.cost, error);
        if (status != LW_OK)
            return status;
        row.peak_memory_bytes = NAN;
    }
    row.seconds = cli_now_s() - start_s;
    return lw_database_add_plan_cost(a->database, v->run, &a->costs, &row, NULL, error);
}

/* One candidate: built, measured, kept as a row and printed. */
static enum lw_status measure(struct verification *v, const struct lw_allocation *candidate,
                              double bytes, struct lw_lesson *lesson, struct lw_error *error)
{
    struct cli_allocate *a = v->a;
    char made_by[CLI_MADE_BY_BYTES];
    struct lw_model coded = {0};
    struct lw_plan_figures figures;
    double start_s = cli_now_s();
    const struct lw_plan_trial trial = {
        .device = lw_device_of(lw_isa_host()),
        .database = a->database,
        .run = v->run,
        .seconds = 0.02,
        .trial = &a->parts.translated,
        .pairs = &a->parts.trial.pairs,
        .peak = {.program = "/proc/self/exe",
                 .source = a->source,
                 .lines = a->parts.trial.pairs.count + a->parts.trial.pairs.skipped}};
    cli_made_by_plan(a->plan_name, false, NULL, made_by);
    cli_allocate_cells(a, candidate->chosen, v->cells);
    char *text = lw_cells_text(a->parts.parts, v->cells, a->parts.count);
    enum lw_status status =
        text ? lw_losses_whole(v->losses, a->parts.parts, v->cells, a->parts.count,
                               LW_WEIGHTING_SEQUENCE, LW_ARITH_T8, &coded, lesson, error)
             : lw_fail(error, LW_FAILED, "out of memory for a plan");
    if (status == LW_OK)
        status = lw_plan_trial_run(&trial, &coded, made_by, &figures, error);
    lw_model_free(&coded);
    const struct lw_plan_loss row = {.plan = text,
                                     .purpose = "verify",
                                     .size_bytes = figures.size_bytes,
                                     .divergence = lesson->divergence,
                                     .nats_a_word = lesson->nats_a_word,
                                     .fp32_nats_a_word = lw_losses_fp32(v->losses),
                                     .bleu = figures.bleu,
                                     .fp32_bleu = a->prediction.fp32_bleu,
                                     .seconds = cli_now_s() - start_s};
    if (status == LW_OK)
        status = lw_database_add_plan_loss(a->database, v->run, &a->parts.text, &row, NULL, error);
    if (status == LW_OK && a->device_name)
        status = keep_cost(v, text, &figures, error);
    free(text);
    if (status != LW_OK)
        return status;
    fprintf(stderr,
            "built: %.0f bytes (predicted %.0f), divergence %.4f (predicted %.4f), BLEU %.2f, "
            "%.4g ms a sentence and a peak of %.1f MB on host\n",
            figures.size_bytes, bytes, lesson->divergence,
            lw_predict_divergence(&a->prediction, candidate->figures[LW_FIGURE_LOSS]), figures.bleu,
            figures.latency_ns / 1e6, figures.peak_memory_bytes / 1e6);
    /* The size counts a tied scale's exponent as fp32 has it, which fits hardly change. */
    if (figures.size_bytes > a->problem.most[LW_FIGURE_SIZE])
        lesson->divergence = INFINITY;
    return LW_OK;
}

/* Goes on from the best: each search excludes those before. */
static enum lw_status try_all(struct verification *v, struct lw_error *error)
{
    struct cli_allocate *a = v->a;
    struct lw_allocation_problem problem = a->problem;
    struct lw_allocation best = a->best;
    size_t items = a->parts.count, kept = 0;
    double least = INFINITY, bytes = a->bytes, best_bytes = a->bytes;
    enum lw_status status = LW_OK;
    problem.excluded = (const size_t *const *)v->tried;
    for (int k = 0; k < a->verify && status == LW_OK; k++) {
        struct lw_allocation candidate = a->best;
        struct lw_lesson lesson;
        candidate.chosen = v->tried[k] = calloc(items, sizeof *candidate.chosen);
        if (!candidate.chosen)
            return lw_fail(error, LW_FAILED, "out of memory for the allocation");
        if (k == 0)
            memcpy(candidate.chosen, a->best.chosen, items * sizeof *candidate.chosen);
        else
            status = cli_allocate_solve(a, &problem, &candidate, &bytes, error);
        if (status == LW_INFEASIBLE && k > 0) {
            status = LW_OK; /* there are no more */
            break;
        }
        problem.excluded_count = (size_t)k + 1;
        if (status == LW_OK)
            status = measure(v, &candidate, bytes, &lesson, error);
        if (status == LW_OK && lesson.divergence < least) {
            least = lesson.divergence;
            best = candidate;
            best_bytes = bytes;
            kept = (size_t)k;
        }
    }
    if (status != LW_OK)
        return status;
    memcpy(a->best.chosen, v->tried[kept], items * sizeof *a->best.chosen);
    memcpy(a->best.figures, best.figures, sizeof best.figures);
    a->bytes = best_bytes;
    fprintf(stderr, "kept: candidate %zu, with the least measured divergence\n", kept + 1);
    return LW_OK;
}

static enum lw_status start_run(struct verification *v, struct lw_error *error)
{
    const struct cli_allocate *a = v->a;
    struct lw_run row = LW_RUN_UNKNOWN;
    row.verb = "allocate";
    row.command = a->command;
    row.model = a->folder;
    row.model_hash = a->parts.text.model_hash;
    row.input_hash = a->parts.text.source_hash;
    row.lines = (double)a->parts.text.lines;
    return lw_database_start_run(a->database, &row, &v->run, error);
}

enum lw_status cli_allocate_verify(struct cli_allocate *a, struct lw_error *error)
{
    double start_s = cli_now_s();
    struct verification v = {.a = a};
    enum lw_status status = read_text(a, error);
    v.cells = calloc(a->parts.count, sizeof *v.cells);
    v.tried = calloc((size_t)a->verify, sizeof *v.tried);
    if (status == LW_OK && (!v.cells || !v.tried))
        status = lw_fail(error, LW_FAILED, "out of memory for the allocation");
    if (status == LW_OK)
        status = start_run(&v, error);
    const struct lw_losses_setup setup = {.model = &a->parts.model,
                                          .pairs = &a->parts.trial.pairs,
                                          .calibration = &a->parts.calibration,
                                          .class_of = (const uint8_t *const *)a->parts.class_of,
                                          .threads = (size_t)a->threads};
    if (status == LW_OK)
        status = lw_losses_open(&setup, &v.losses, error);
    if (status == LW_OK)
        status = try_all(&v, error);
    if (status == LW_OK)
        status = lw_database_end_run(a->database, v.run, cli_now_s() - start_s,
                                     cli_peak_memory_bytes(), error);
    lw_losses_close(v.losses);
    for (int k = 0; v.tried && k < a->verify; k++)
        free(v.tried[k]);
    free(v.tried);
    free(v.cells);
    return status;
}
