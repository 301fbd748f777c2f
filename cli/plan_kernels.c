#include "cli/plan_kernels.h"

#include "cli/cli.h"
#include "profiles/database_sensitivity.h"
#include "profiles/picks_measured.h"

#include <stdio.h>
#include <string.h>

/* Of a cell: a bundle has some hundred. */
static const double CELL_S = 0.05;

struct task {
    struct cli_progress progress;
    bool measuring; /* the progress of cells has begun */
};

static void say_known(void *context, size_t known, size_t stale, size_t all)
{
    (void)context;
    if (known == all)
        fprintf(stderr, "times of all %zu kernel shapes are in the database\n", all);
    else
        fprintf(stderr, "%zu of %zu kernel shapes are in the database; %zu are measured now\n",
                known, all, all - known);
    if (stale)
        fprintf(stderr,
                "%zu of these were measured with another generator, compiler or flags: such times "
                "are stale and not used\n",
                stale);
}

static bool show_compiling(void *context, size_t done, size_t all)
{
    struct task *task = context;
    cli_progress_step(&task->progress, done, all);
    return !cli_interrupted();
}

static void show_measured(void *context, size_t done, size_t all)
{
    struct task *task = context;
    if (!task->measuring) {
        cli_interrupt_release(); /* what is measured is kept already */
        cli_progress_end(&task->progress);
        cli_progress_start(&task->progress, "measuring");
        task->measuring = true;
    }
    cli_progress_step(&task->progress, done, all);
}

static enum lw_status measure(struct lw_picks *picks, const char *path, const struct lw_run *run,
                              struct lw_error *error)
{
    struct task task = {0};
    struct lw_watch watch = {show_compiling, &task};
    struct lw_database *database = NULL;
    struct lw_measuring measuring = {.seconds = CELL_S,
                                     .watch = &watch,
                                     .known = say_known,
                                     .measured = show_measured,
                                     .context = &task};
    char compiler[256];
    double start_s = cli_now_s();
    enum lw_status status = lw_compiler_version(compiler, sizeof compiler, error);
    const struct lw_kernel_maker maker = {lw_bench_generator(), compiler};
    measuring.maker = &maker;
    if (status == LW_OK)
        status = lw_database_open(path, &database, error);
    if (status == LW_OK)
        status = lw_database_start_run(database, run, &measuring.run, error);
    measuring.database = database;
    if (status == LW_OK) {
        cli_progress_start(&task.progress, "compiling what is measured");
        cli_interrupt_hold();
        status = lw_picks_measure(picks, &measuring, error);
        if (!task.measuring)
            cli_interrupt_release();
        cli_progress_end(&task.progress);
    }
    if (status == LW_OK)
        status = lw_database_end_run(database, measuring.run, cli_now_s() - start_s,
                                     cli_peak_memory_bytes(), error);
    lw_database_close(database);
    return status;
}

enum lw_status cli_plan_kernels(const struct lw_model *model, const struct lw_device *device,
                                const char *plan, const char *database, const struct lw_run *run,
                                struct lw_picks *picks, struct lw_error *error)
{
    bool measured = plan && strcmp(plan, "measure") == 0;
    if (plan && !measured && strcmp(plan, "estimate") != 0)
        return lw_fail(error, LW_USAGE, "--plan is estimate or measure, not '%s'", plan);
    if (measured && !lw_isa_runs_here(device->isa))
        return lw_fail(error, LW_USAGE,
                       "--plan measure times kernels on this CPU, which does not run those of %s; "
                       "use --plan estimate",
                       device->name);
    enum lw_status status = lw_picks_list(model, device, picks, error);
    if (status != LW_OK)
        return status;
    status =
        measured ? measure(picks, database, run, error) : lw_picks_estimate(picks, device, error);
    if (status == LW_OK)
        lw_picks_decide(picks, measured ? LW_BASIS_MEASURED : LW_BASIS_ESTIMATE);
    else
        lw_picks_free(picks);
    return status;
}
