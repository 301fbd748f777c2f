#include "cli/profile_cells.h"

#include "cli/cli.h"
#include "cli/parts.h"

#include "gen/cache.h"
#include "profiles/database_sensitivity.h"
#include "profiles/profiling.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_DEVICES = 16 };

/* Of a kernel's cell; there are some thousands. */
static const double KERNEL_S = 0.02;

struct task {
    const struct cli_profile_request *request;
    struct cli_parts parts;
    struct lw_database *database;
    struct lw_cost_device devices[MOST_DEVICES];
    struct lw_cost_subject costs[MOST_DEVICES];
    char *makers[MOST_DEVICES];
    size_t device_count;
    struct lw_profiling profiling;
    struct lw_point *points;
    size_t count, there, failed_before, failed;
    char *syntheses; /* a folder of the cache, or NULL */
    struct cli_progress progress, preparing;
    bool is_preparing;
};

static enum lw_status add_device(struct task *task, const char *name, struct lw_error *error)
{
    size_t d = task->device_count;
    for (size_t i = 0; i < d; i++)
        if (strcmp(task->devices[i].name, name) == 0)
            return LW_OK;
    if (d == MOST_DEVICES)
        return lw_fail(error, LW_USAGE, "at most %d devices at a time", MOST_DEVICES);
    enum lw_status status = lw_cost_device_named(name, &task->devices[d], error);
    if (status == LW_OK)
        status = lw_cost_maker(&task->devices[d], &task->makers[d], error);
    task->device_count += status == LW_OK;
    return status;
}

static enum lw_status read_devices(struct task *task, struct lw_error *error)
{
    enum lw_status status = LW_OK;
    for (const char **list = task->request->devices; *list && status == LW_OK; list++) {
        const char *at = *list;
        for (size_t length; status == LW_OK; at += length + 1) {
            char name[64];
            length = strcspn(at, ",");
            snprintf(name, sizeof name, "%.*s", (int)length, at);
            status = add_device(task, name, error);
            if (at[length] == 0)
                break;
        }
    }
    return status;
}

static void describe_costs(struct task *task)
{
    for (size_t d = 0; d < task->device_count; d++)
        task->costs[d] = (struct lw_cost_subject){.model_hash = task->parts.text.model_hash,
                                                  .maker = task->makers[d],
                                                  .device = &task->devices[d],
                                                  .source_words = task->parts.source_words,
                                                  .target_words = task->parts.target_words};
}

/* Where engines are synthesised; without the tools their energies and areas stay unknown. */
static enum lw_status find_syntheses(struct task *task, struct lw_error *error)
{
    for (size_t d = 0; d < task->device_count && !task->request->no_energy; d++) {
        struct lw_engine engine;
        struct lw_synth synth;
        struct lw_error missing = {0};
        if (task->devices[d].kind != LW_COST_SIMULATED)
            continue;
        enum lw_status status = lw_engine_parse(task->devices[d].engine->engine, &engine, error);
        if (status != LW_OK)
            return status;
        if (lw_synth_name(&engine, LW_SYNTH_ASIC, &synth, &missing) == LW_OK)
            return lw_cache_path("syntheses", &task->syntheses, error);
        if (!task->request->quiet)
            fprintf(stderr, "energy and area of engines stay unknown: %s\n", missing.text);
        return LW_OK;
    }
    return LW_OK;
}

/* Calibration and first losses, within a point. */
static bool show_preparing(void *context, size_t done, size_t all)
{
    struct task *task = context;
    if (task->request->quiet)
        return true;
    if (!task->is_preparing)
        cli_progress_start(&task->preparing, "calibrate");
    task->is_preparing = true;
    cli_progress_step(&task->preparing, done, all);
    if (done == all)
        cli_progress_end(&task->preparing);
    return true;
}

static void describe(struct task *task)
{
    const struct cli_parts *parts = &task->parts;
    task->profiling = (struct lw_profiling){
        .model = &parts->model,
        .parts = parts->parts,
        .part_count = parts->count,
        .class_of = (const uint8_t *const *)parts->class_of,
        .trial = &parts->trial,
        .calibration = &parts->calibration,
        .translated = task->request->no_bleu ? NULL : &parts->translated,
        .text = parts->text,
        .devices = task->devices,
        .costs = task->costs,
        .device_count = task->device_count,
        .plan_count = (size_t)task->request->plans,
        .threads = (size_t)task->request->threads,
        .kernel_seconds = KERNEL_S,
        .peak = {.program = "/proc/self/exe",
                 .source = task->request->source,
                 .lines = parts->trial.pairs.count + parts->trial.pairs.skipped},
        .syntheses = task->syntheses,
        .retry = task->request->retry,
        .database = task->database,
        .progress = show_preparing,
        .context = task,
        .fp32_bleu = -1};
}

static void print_plan(const struct task *task)
{
    double all = 0;
    for (int kind = 0; kind < LW_POINT_KINDS; kind++) {
        double seconds = 0;
        size_t count = 0;
        for (size_t i = 0; i < task->count; i++)
            if (task->points[i].kind == (enum lw_point_kind)kind) {
                seconds += task->points[i].seconds;
                count++;
            }
        all += seconds;
        if (count)
            fprintf(stderr, "  %-16s %4zu points, about %.1f min\n",
                    lw_point_kind_name((enum lw_point_kind)kind), count, seconds / 60);
    }
    fprintf(stderr, "%zu points are in %s, %zu to measure, about %.0f min", task->there,
            task->request->database, task->count, all / 60);
    if (task->failed_before)
        fprintf(stderr, "; %zu failed before: --retry measures them again", task->failed_before);
    fprintf(stderr, "\n%zu lines, mean of %zu source and %zu target words\n",
            task->parts.text.lines, task->parts.source_words, task->parts.target_words);
    if (task->count)
        fputs("every point is kept at once: after Ctrl-C the same command goes on\n", stderr);
}

static enum lw_status measure_all(struct task *task, struct lw_error *error)
{
    enum lw_status status = LW_OK;
    double all = 0, done = 0;
    for (size_t i = 0; i < task->count; i++)
        all += task->points[i].seconds;
    cli_progress_start(&task->progress, "profiling");
    for (size_t i = 0; i < task->count && status == LW_OK; i++) {
        char *failure = NULL;
        status = lw_profiling_measure(&task->profiling, &task->points[i], &failure, error);
        if (failure && !task->request->quiet)
            fprintf(stderr, "a point of %s failed, and is kept as such: %s\n",
                    lw_point_kind_name(task->points[i].kind), failure);
        task->failed += failure != NULL;
        free(failure);
        done += task->points[i].seconds;
        if (!task->request->quiet) /* in milliseconds of what was thought */
            cli_progress_step(&task->progress, (size_t)(1e3 * done), (size_t)(1e3 * all));
    }
    if (!task->request->quiet)
        cli_progress_end(&task->progress);
    lw_profiling_end(&task->profiling);
    return status;
}

static enum lw_status run(struct task *task, struct lw_error *error)
{
    double start_s = cli_now_s();
    struct lw_run row = LW_RUN_UNKNOWN;
    row.verb = "profile";
    row.command = task->request->command;
    row.model = task->request->folder;
    row.model_hash = task->parts.text.model_hash;
    row.input_hash = task->parts.text.source_hash;
    row.lines = (double)task->parts.text.lines;
    enum lw_status status =
        lw_database_start_run(task->database, &row, &task->profiling.run, error);
    if (status == LW_OK)
        status = measure_all(task, error);
    if (status == LW_OK)
        status = lw_database_end_run(task->database, task->profiling.run, cli_now_s() - start_s,
                                     cli_peak_memory_bytes(), error);
    if (status == LW_OK && !task->request->quiet)
        fprintf(stderr, "%zu points in %.0f s; lutwidge allocate chooses by them\n", task->count,
                cli_now_s() - start_s);
    if (status == LW_OK && task->failed)
        status = lw_fail(error, LW_FAILED,
                         "%zu points have failures; column error of their rows says why, and "
                         "--retry measures them again",
                         task->failed);
    return status;
}

enum lw_status cli_profile_cells(const struct cli_profile_request *request, struct lw_error *error)
{
    struct task task = {.request = request};
    enum lw_status status = read_devices(&task, error);
    if (status == LW_OK)
        status = cli_parts_open(request->folder, &task.parts, error);
    if (status == LW_OK)
        status = cli_parts_read(&task.parts, request->source, request->reference, request->counts,
                                (size_t)request->lines, !request->no_bleu, error);
    if (status == LW_OK)
        status = lw_database_open(request->database, &task.database, error);
    if (status == LW_OK)
        status = find_syntheses(&task, error);
    if (status == LW_OK) {
        describe_costs(&task);
        describe(&task);
        status = lw_profiling_points(&task.profiling, &task.points, &task.count, &task.there,
                                     &task.failed_before, error);
    }
    if (status == LW_OK && !request->quiet)
        print_plan(&task);
    if (status == LW_OK && task.count)
        status = run(&task, error);
    free(task.points);
    free(task.syntheses);
    lw_database_close(task.database);
    cli_parts_close(&task.parts);
    for (size_t d = 0; d < task.device_count; d++)
        free(task.makers[d]);
    return status;
}
