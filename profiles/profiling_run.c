/* Measuring points. */
#include "profiles/profiling_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

double lw_profiling_now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static enum lw_status open_losses(struct lw_profiling *p, struct lw_error *error)
{
    const struct lw_losses_setup setup = {.model = p->model,
                                          .pairs = &p->trial->pairs,
                                          .calibration = p->calibration,
                                          .class_of = p->class_of,
                                          .threads = p->threads,
                                          .progress = p->progress,
                                          .context = p->context};
    return p->losses ? LW_OK : lw_losses_open(&setup, &p->losses, error);
}

/* Measures the error of a target and, where asked, its loss; `own` has text where that failed. */
static void measure_target(struct lw_profiling *p, const struct lw_point *point, size_t part,
                           int word_class, bool tries, struct lw_part_loss *loss,
                           struct lw_error *own)
{
    const struct lw_loss_target target = {&p->parts[part], word_class};
    *loss = (struct lw_part_loss){.word_class = word_class,
                                  .bits = point->bits,
                                  .mode = point->mode,
                                  .divergence = NAN,
                                  .nats_a_word = NAN,
                                  .fp32_nats_a_word = lw_losses_fp32(p->losses)};
    struct lw_lesson lesson;
    double start_s = lw_profiling_now_s();
    memcpy(loss->part, p->parts[part].name, sizeof loss->part);
    enum lw_status status =
        lw_losses_error(p->losses, &target, point->bits, point->mode, &loss->relative_error, own);
    if (status == LW_OK && tries)
        status = lw_losses_try(p->losses, &target, point->bits, point->mode, &lesson, own);
    if (status == LW_OK && tries) {
        loss->divergence = lesson.divergence;
        loss->nats_a_word = lesson.nats_a_word;
    }
    loss->seconds = lw_profiling_now_s() - start_s;
}

static enum lw_status run_loss(struct lw_profiling *p, const struct lw_point *point,
                               struct lw_error *own, struct lw_error *error)
{
    struct lw_part_loss loss;
    measure_target(p, point, point->part, point->word_class, true, &loss, own);
    return lw_database_add_part_loss(p->database, p->run, &p->text, &loss,
                                     own->text[0] ? own->text : NULL, error);
}

/* Keeps rows in one transaction; those that have a loss already keep it. */
static enum lw_status keep_losses(struct lw_profiling *p, const struct lw_part_loss *losses,
                                  size_t count, const char *failure, struct lw_error *error)
{
    enum lw_status status = lw_database_begin(p->database, error);
    for (size_t i = 0; i < count && status == LW_OK; i++) {
        enum lw_row_state state;
        status = lw_database_part_loss_state(p->database, &p->text, &losses[i], &state, error);
        if (status == LW_OK && state != LW_ROW_WHOLE)
            status = lw_database_add_part_loss(p->database, p->run, &p->text, &losses[i], failure,
                                               error);
    }
    return lw_database_commit(p->database, status, error);
}

/* A fit that fails does so for all parts. */
static enum lw_status run_errors(struct lw_profiling *p, const struct lw_point *point,
                                 struct lw_error *own, struct lw_error *error)
{
    struct lw_part_loss *losses = calloc(p->part_count * LW_WORD_CLASSES, sizeof *losses);
    size_t count = 0;
    if (!losses)
        return lw_fail(error, LW_FAILED, "out of memory for the errors of a code");
    for (size_t part = 0; part < p->part_count; part++) {
        int end = p->parts[part].words ? LW_WORD_CLASSES : 0;
        for (int c = end ? 0 : -1; c < end; c++)
            measure_target(p, point, part, c, false, &losses[count++], own);
    }
    enum lw_status status = keep_losses(p, losses, count, own->text[0] ? own->text : NULL, error);
    free(losses);
    return status;
}

static void take_fp32_bleu(void *context, const struct lw_plan_loss *loss)
{
    if (!isnan(loss->fp32_bleu))
        *(double *)context = loss->fp32_bleu;
}

/* The BLEU of the fp32 model, from rows of before where there are any. */
static enum lw_status know_fp32(struct lw_profiling *p, struct lw_error *error)
{
    struct lw_backend backend = {0};
    struct lw_trial_result result;
    if (p->fp32_bleu >= 0 || !p->translated)
        return LW_OK;
    enum lw_status status =
        lw_database_each_plan_loss(p->database, &p->text, take_fp32_bleu, &p->fp32_bleu, error);
    if (status != LW_OK || p->fp32_bleu >= 0)
        return status;
    status = strcmp(lw_losses_products(p->losses), "blas") == 0
                 ? lw_backend_blas(p->model, &backend, error)
                 : lw_backend_f32(p->model, &backend, error);
    if (status == LW_OK)
        status = lw_trial_run(p->translated, p->model, &backend, true, p->threads, &result, error);
    lw_backend_close(&backend);
    if (status == LW_OK)
        p->fp32_bleu = result.bleu;
    return status;
}

/* Of the host's kernels: BLEU and latency; its rows stand last, so that a whole row means that all
 * others are there. */
static enum lw_status run_plan(struct lw_profiling *p, const struct lw_point *point,
                               struct lw_error *own, struct lw_error *error)
{
    struct lw_cell *cells = calloc(p->part_count, sizeof *cells);
    struct lw_model coded = {0};
    struct lw_lesson lesson = {0};
    struct lw_plan_figures figures = {.bleu = NAN, .peak_memory_bytes = NAN};
    double start_s = lw_profiling_now_s();
    if (!cells)
        return lw_fail(error, LW_FAILED, "out of memory for a plan");
    lw_profiling_plan(p->parts, p->part_count, point->plan, p->plan_count, cells);
    char *text = lw_cells_text(p->parts, cells, p->part_count);
    enum lw_status status =
        text ? know_fp32(p, error) : lw_fail(error, LW_FAILED, "out of memory for a plan");
    bool failed = false;
    if (status == LW_OK) {
        const struct lw_plan_trial trial = {.device = lw_device_of(lw_isa_host()),
                                            .database = p->database,
                                            .run = p->run,
                                            .seconds = p->kernel_seconds,
                                            .trial = p->translated,
                                            .pairs = &p->trial->pairs,
                                            .peak = p->peak};
        failed = lw_losses_whole(p->losses, p->parts, cells, p->part_count, LW_WEIGHTING_GRAM,
                                 LW_ARITH_T8, &coded, &lesson, own) != LW_OK ||
                 lw_plan_trial_run(&trial, &coded, "lutwidge profile", &figures, own) != LW_OK;
    }
    for (size_t d = 0; d < p->device_count && status == LW_OK; d++)
        if (p->devices[d].kind != LW_COST_STATIC)
            status =
                lw_profiling_plan_cost(p, d, cells, &figures, failed ? own->text : NULL, error);
    struct lw_plan_loss loss = {.plan = text,
                                .purpose = "calibrate",
                                .size_bytes = figures.size_bytes,
                                .divergence = lesson.divergence,
                                .nats_a_word = lesson.nats_a_word,
                                .fp32_nats_a_word = lw_losses_fp32(p->losses),
                                .bleu = figures.bleu,
                                .fp32_bleu = p->fp32_bleu >= 0 ? p->fp32_bleu : NAN,
                                .seconds = lw_profiling_now_s() - start_s};
    if (status == LW_OK)
        status = lw_database_add_plan_loss(p->database, p->run, &p->text, &loss,
                                           failed ? own->text : NULL, error);
    lw_model_free(&coded);
    free(text);
    free(cells);
    return status;
}

enum lw_status lw_profiling_measure(struct lw_profiling *profiling, const struct lw_point *point,
                                    char **failure, struct lw_error *error)
{
    struct lw_error own = {0};
    bool of_losses = point->kind == LW_POINT_ERRORS || point->kind == LW_POINT_LOSS ||
                     point->kind == LW_POINT_PLAN;
    enum lw_status status = of_losses ? open_losses(profiling, error) : LW_OK;
    *failure = NULL;
    if (status != LW_OK)
        return status;
    if (point->kind == LW_POINT_ERRORS)
        status = run_errors(profiling, point, &own, error);
    else if (point->kind == LW_POINT_LOSS)
        status = run_loss(profiling, point, &own, error);
    else if (point->kind == LW_POINT_PLAN)
        status = run_plan(profiling, point, &own, error);
    else if (point->kind == LW_POINT_GATES)
        status = lw_profiling_gates(profiling, point, &own, error);
    else
        status = lw_profiling_costs(profiling, point, &own, error);
    if (status == LW_OK && own.text[0])
        *failure = strdup(own.text);
    return status;
}

void lw_profiling_end(struct lw_profiling *profiling)
{
    lw_losses_close(profiling->losses);
    profiling->losses = NULL;
    free(profiling->asic);
    profiling->asic = NULL;
}
