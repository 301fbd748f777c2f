/* lutwidge sweep: one piece of work on every engine of a grid. */
#include "cli/cli.h"
#include "cli/loaded.h"
#include "cli/simulate_text.h"

#include "models/lwm.h"
#include "profiles/database_sensitivity.h"
#include "profiles/database_simulations.h"
#include "profiles/sweep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct task {
    const char *path, *engine, *database_path, *model_path;
    int retry, quiet;

    struct lw_sweep sweep;
    struct lw_model model;
    struct lw_tally work; /* of the point */
    enum lw_simulates by;
    char model_hash[33];
    char *subject;
    struct lw_database *database;
    int64_t run;
    size_t there, failed;
    struct cli_progress progress;
};

static enum lw_status parse(int argc, const char **argv, struct task *task, struct lw_error *error)
{
    struct poptOption options[] = {
        {"model", 0, POPT_ARG_STRING, &task->model_path, 0,
         "the model, instead of the one that the file names", "M.lwm"},
        {"engine", 0, POPT_ARG_STRING | POPT_ARGFLAG_SHOW_DEFAULT, &task->engine, 0,
         "model, or rtl: the same figures, slower, and a build for each engine", "ENGINE"},
        {"retry", 0, POPT_ARG_NONE, &task->retry, 0, "simulate again the points that failed", NULL},
        {"db", 0, POPT_ARG_STRING | POPT_ARGFLAG_SHOW_DEFAULT, &task->database_path, 0,
         "the database to add the points to", "FILE"},
        {"quiet", 'q', POPT_ARG_NONE, &task->quiet, 0, "no progress and no summary", NULL},
        POPT_TABLEEND};
    const char **rest;
    enum lw_status status = cli_parse(cli_verb_named("sweep"), argc, argv, options, 1, 1, &rest);
    if (status != LW_OK)
        return status;
    task->path = rest[0];
    return lw_simulates_parse(task->engine, &task->by)
               ? LW_OK
               : lw_fail(error, LW_USAGE, "engine '%s' does not simulate; there are model and rtl",
                         task->engine);
}

/* What a text asks of an engine does not depend on the engine: it is translated once. */
static enum lw_status translate_once(struct task *task, struct lw_error *error)
{
    const struct lw_sweep *sweep = &task->sweep;
    struct cli_request request = {.engine = "model", .quiet = task->quiet};
    struct cli_simulated_text text = {.text = sweep->text,
                                      .path = sweep->file,
                                      .beams = (int)sweep->beam,
                                      .lines = sweep->lines ? (int)sweep->lines : -1,
                                      .quiet = task->quiet};
    struct cli_loaded loaded;
    enum lw_status status = cli_load(sweep->model, &request, &loaded, error);
    if (status != LW_OK)
        return status;
    status = cli_simulate_text(&loaded, &text, &task->subject, error);
    task->work = loaded.work;
    loaded.work = (struct lw_tally){0};
    cli_unload(&loaded);
    return status;
}

static enum lw_status choose_model(struct task *task, struct lw_error *error)
{
    if (task->model_path) {
        free(task->sweep.model);
        task->sweep.model = strdup(task->model_path);
    }
    if (task->sweep.model)
        return LW_OK;
    return lw_fail(error, LW_USAGE, "%s names no model; give --model", task->path);
}

static enum lw_status prepare(struct task *task, struct lw_error *error)
{
    const struct lw_sweep *sweep = &task->sweep;
    enum lw_status status = lw_lwm_open(sweep->model, &task->model, error);
    if (status == LW_OK)
        status = lw_file_hash(sweep->model, task->model_hash, error);
    if (status == LW_OK && (sweep->text || sweep->file))
        return translate_once(task, error);
    if (status == LW_OK)
        status = sweep->step ? lw_tally_of_step(&task->model, sweep->step, &task->work, error)
                             : lw_tally_of_layer(&task->model, sweep->layer, sweep->columns,
                                                 &task->work, error);
    int length = sweep->step ? asprintf(&task->subject, "N = %u", sweep->step)
                             : asprintf(&task->subject, "%s, N = %u",
                                        sweep->layer ? sweep->layer : "", sweep->columns);
    if (length < 0)
        task->subject = NULL;
    return status == LW_OK && !task->subject ? lw_fail(error, LW_FAILED, "out of memory") : status;
}

/* The work on an open engine, each call a list of its own, or a step as one list. */
static enum lw_status simulate(const struct task *task, const struct lw_simulator *simulator,
                               bool waiting, struct lw_simulation *simulation,
                               struct lw_error *error)
{
    struct lw_tally done = {0};
    *simulation = (struct lw_simulation){0};
    if (task->sweep.step)
        return lw_simulate_list(&task->model, simulator, &task->work, waiting, simulation, error);
    enum lw_status status = lw_tally_repeat(&task->model, &task->work, simulator, &done, error);
    if (status == LW_OK)
        status = lw_simulation_of_work(&task->model, &simulator->engine, &done, simulation, error);
    lw_tally_free(&done);
    return status;
}

/* One point; what fails is a row. */
static enum lw_status run_point(struct task *task, const struct lw_simulated *simulated,
                                bool waiting, struct lw_error *error)
{
    struct lw_simulator simulator = {0};
    struct lw_simulation simulation = {0};
    struct lw_error own = {0};
    bool there, failed;
    enum lw_status status =
        lw_database_has_simulation(task->database, simulated, &there, &failed, error);
    if (status != LW_OK)
        return status;
    if (there && !(failed && task->retry)) {
        task->there++;
        task->failed += failed;
        return LW_OK;
    }
    status = lw_simulator_open(simulated->by, &simulated->engine, simulated->memory,
                               simulated->seed, &simulator, &own);
    if (status == LW_OK)
        status = simulate(task, &simulator, waiting, &simulation, &own);
    task->failed += status != LW_OK;
    status = status == LW_OK ? lw_database_add_simulation(task->database, task->run, simulated,
                                                          &simulation, error)
                             : lw_database_add_failed_simulation(task->database, task->run,
                                                                 simulated, own.text, error);
    lw_simulation_free(&simulation);
    lw_simulator_close(&simulator);
    return status;
}

static enum lw_status run_points(struct task *task, struct lw_error *error)
{
    size_t count = lw_sweep_count(&task->sweep);
    enum lw_status status = LW_OK;
    cli_progress_start(&task->progress, "sweeping");
    for (size_t i = 0; i < count && status == LW_OK; i++) {
        struct lw_sweep_point point = lw_sweep_at(&task->sweep, i);
        struct lw_simulated simulated = {.model_hash = task->model_hash,
                                         .what = task->sweep.step    ? "step"
                                                 : task->sweep.layer ? "layer"
                                                                     : "text",
                                         .subject = task->subject,
                                         .by = task->by,
                                         .engine = point.engine,
                                         .memory = point.memory,
                                         .seed = task->sweep.seed,
                                         .clock_mhz = task->sweep.clock_mhz};
        status = run_point(task, &simulated, false, error);
        simulated.what = "step, waiting";
        if (status == LW_OK && task->sweep.step)
            status = run_point(task, &simulated, true, error);
        if (!task->quiet)
            cli_progress_step(&task->progress, i + 1, count);
    }
    if (!task->quiet)
        cli_progress_end(&task->progress);
    return status;
}

static enum lw_status sweep(struct task *task, const char *command, struct lw_error *error)
{
    double start_s = cli_now_s();
    struct lw_run row = LW_RUN_UNKNOWN;
    enum lw_status status = lw_sweep_read(task->path, &task->sweep, error);
    if (status == LW_OK)
        status = choose_model(task, error);
    if (status == LW_OK)
        status = prepare(task, error);
    row.verb = "sweep";
    row.command = command;
    row.model = task->sweep.model;
    row.model_hash = task->model_hash;
    row.arith = "a8";
    row.kernels = lw_simulates_name(task->by);
    if (status == LW_OK)
        status = lw_database_open(task->database_path, &task->database, error);
    if (status == LW_OK)
        status = lw_database_start_run(task->database, &row, &task->run, error);
    if (status == LW_OK)
        status = run_points(task, error);
    if (status == LW_OK)
        status = lw_database_end_run(task->database, task->run, cli_now_s() - start_s,
                                     cli_peak_memory_bytes(), error);
    if (status == LW_OK && !task->quiet) {
        size_t rows = lw_sweep_count(&task->sweep) * (task->sweep.step ? 2 : 1);
        fprintf(stderr,
                "%zu points in %.1f s, %zu of them in %s before; %zu failed%s; lutwidge query "
                "simulations --db %s shows them\n",
                rows, cli_now_s() - start_s, task->there, task->database_path, task->failed,
                task->failed ? ", column error says why" : "", task->database_path);
    }
    lw_database_close(task->database);
    lw_tally_free(&task->work);
    lw_model_free(&task->model);
    lw_sweep_free(&task->sweep);
    free(task->subject);
    return status;
}

int cli_sweep(int argc, const char **argv)
{
    struct task task = {.engine = "model", .database_path = "lutwidge.db"};
    struct lw_error error = {0};
    enum lw_status status = parse(argc, argv, &task, &error);
    if (status == LW_OK) {
        char *command = cli_command_line(argc, argv);
        status = sweep(&task, command, &error);
        free(command);
    }
    /* cli_parse has printed its own errors. */
    if (status != LW_OK && error.text[0])
        cli_report("sweep", status, &error);
    return (int)status;
}
