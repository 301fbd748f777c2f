/* lutwidge bench: how long product kernels take beside their peers. */
#include "cli/bench_cases.h"
#include "cli/bench_print.h"
#include "cli/bench_static.h"
#include "cli/cli.h"

#include "models/lwm.h"
#include "profiles/database_kernels.h"
#include "profiles/database_sensitivity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Below this share of a core the figures are not worth much. */
static const double LITTLE_CORE = 0.9;

struct task {
    struct cli_bench_lists lists;
    struct cli_bench_cases cases;
    double seconds;
    int seed, markdown, json, csv, quiet;
    const char *database_path, *static_devices;

    struct cli_bench_printer printer;
    struct cli_progress progress;
    struct lw_database *database; /* NULL: none is asked for */
    int64_t run;
    struct lw_kernel_maker maker;
    size_t crowded; /* cells that had less of their core */
};

static enum lw_status parse(int argc, const char **argv, struct task *task, struct lw_error *error)
{
    struct cli_bench_lists *lists = &task->lists;
    struct poptOption options[] = {
        {"shapes", 's', POPT_ARG_STRING, &lists->shapes, 0,
         "outputs by inputs, a list (default: eight shapes of Transformers)", "MxK"},
        {"bits", 'b', POPT_ARG_STRING, &lists->bits, 0,
         "bits a weight, a list of numbers and ranges (default: 1-4)", "BITS"},
        {"columns", 'n', POPT_ARG_STRING, &lists->columns, 0,
         "columns of activations, a list (default: 1,4,16)", "N"},
        {"arith", 0, POPT_ARG_STRING, &lists->arith, 0, "classes: t8 (default), a8, or both",
         "CLASS"},
        {"alpha", 0, POPT_ARG_STRING, &lists->alpha, 0, "scales: free (default), uniform, or both",
         "ALPHA"},
        {"group", 0, POPT_ARG_STRING, &lists->group, 0,
         "columns that share scales: row (default), 32, 64, ..., a list", "G"},
        {"model", 'm', POPT_ARG_STRING, &lists->model, 0,
         "the shapes, bits, classes and scales of a model instead", "M.lwm"},
        {"isa", 'd', POPT_ARG_STRING, &lists->isa, 0,
         "host (default), an instruction set (avx512, avx2, c) or a device, a list", "ISA"},
        {"family", 0, POPT_ARG_STRING, &lists->family, 0,
         "families of kernels: usual (default), or all that there are for each cell", "FAMILY"},
        {"mode", 0, POPT_ARG_STRING, &lists->modes, 0,
         "resident (default: rotates over copies of the matrix), hot, or both", "MODE"},
        {"peers", 0, POPT_ARG_STRING, &lists->peers, 0,
         "openblas, onednn-f32, onednn-int8, a list, or none (default: all that can be loaded)",
         "PEERS"},
        {"static", 0, POPT_ARG_STRING, &task->static_devices, 0,
         "cycles that llvm-mca counts for Arm devices instead of times: all, or a list", "DEVICES"},
        {"seconds", 0, POPT_ARG_DOUBLE | POPT_ARGFLAG_SHOW_DEFAULT, &task->seconds, 0,
         "time for the samples of each cell", "S"},
        {"seed", 0, POPT_ARG_INT | POPT_ARGFLAG_SHOW_DEFAULT, &task->seed, 0,
         "seed of the random weights and activations", "SEED"},
        {"markdown", 0, POPT_ARG_NONE, &task->markdown, 0, "print markdown", NULL},
        {"json", 0, POPT_ARG_NONE, &task->json, 0, "print an array of objects", NULL},
        {"csv", 0, POPT_ARG_NONE, &task->csv, 0, "print CSV with a header", NULL},
        {"db", 0, POPT_ARG_STRING, &task->database_path, 0, "add the cells to a database", "FILE"},
        {"quiet", 'q', POPT_ARG_NONE, &task->quiet, 0, "no progress and no remarks", NULL},
        POPT_TABLEEND};
    const char **rest;
    enum lw_status status = cli_parse(cli_verb_named("bench"), argc, argv, options, 0, 0, &rest);
    if (status != LW_OK)
        return status;
    if (task->markdown + task->json + task->csv > 1)
        return lw_fail(error, LW_USAGE, "--markdown, --json and --csv exclude each other");
    if (task->static_devices && (lists->isa || lists->modes || lists->peers))
        return lw_fail(error, LW_USAGE,
                       "--static times nothing: leave out --isa, --mode and --peers");
    if (task->static_devices) {
        lists->isa = "neon";
        lists->peers = "none";
    }
    if (!(task->seconds > 0 && task->seconds <= 3600))
        return lw_fail(error, LW_USAGE, "--seconds takes more than 0 and at most 3600");
    if (task->seed < 0)
        return lw_fail(error, LW_USAGE, "--seed takes 0 or more, not %d", task->seed);
    return LW_OK;
}

static bool show_step(void *context, size_t done, size_t all)
{
    struct task *task = context;
    if (!task->quiet)
        cli_progress_step(&task->progress, done, all);
    return !cli_interrupted();
}

static enum lw_status compile(struct task *task, struct lw_bench_kernels **kernels,
                              struct lw_error *error)
{
    struct lw_watch watch = {show_step, task};
    cli_progress_start(&task->progress, "compiling");
    cli_interrupt_hold();
    enum lw_status status =
        lw_bench_compile(task->cases.cases, task->cases.count, &watch, kernels, error);
    if (!task->quiet)
        cli_progress_end(&task->progress);
    cli_interrupt_release();
    return status;
}

static enum lw_status take_row(void *context, const struct lw_bench_row *row,
                               struct lw_error *error)
{
    struct task *task = context;
    enum lw_status status = cli_bench_print_row(&task->printer, row, error);
    if (row->status != LW_OK && !task->quiet)
        fprintf(stderr, "%s\n", row->error);
    task->crowded += row->status == LW_OK && row->on_core < LITTLE_CORE;
    if (status == LW_OK && task->database && row->kernel && row->status == LW_OK)
        status = lw_database_add_kernel(task->database, task->run, &task->maker, row, error);
    return status;
}

static enum lw_status open_database(struct task *task, const char *command, struct lw_error *error)
{
    struct lw_run row = LW_RUN_UNKNOWN;
    char hash[33];
    enum lw_status status = LW_OK;
    row.verb = "bench";
    row.command = command;
    row.model = task->lists.model;
    if (row.model) {
        status = lw_file_hash(row.model, hash, error);
        row.model_hash = hash;
    }
    if (status == LW_OK)
        status = lw_database_open(task->database_path, &task->database, error);
    return status == LW_OK ? lw_database_start_run(task->database, &row, &task->run, error)
                           : status;
}

static enum cli_bench_format format_of(const struct task *task)
{
    return task->markdown ? CLI_BENCH_MARKDOWN
           : task->json   ? CLI_BENCH_JSON
           : task->csv    ? CLI_BENCH_CSV
                          : CLI_BENCH_TABLE;
}

static enum lw_status measure(struct task *task, const struct lw_bench_kernels *kernels,
                              struct lw_error *error)
{
    const struct cli_bench_cases *cases = &task->cases;
    struct lw_bench_setup setup = {.cases = cases->cases,
                                   .case_count = cases->count,
                                   .columns = cases->columns,
                                   .column_count = cases->column_count,
                                   .seconds = task->seconds,
                                   .resident_weights = LW_BENCH_RESIDENT_WEIGHTS,
                                   .seed = (uint64_t)task->seed,
                                   .row = take_row,
                                   .context = task};
    memcpy(setup.modes, cases->modes, sizeof setup.modes);
    memcpy(setup.peers, cases->peers, sizeof setup.peers);
    task->printer = (struct cli_bench_printer){.stream = stdout, .format = format_of(task)};
    cli_bench_print_start(&task->printer);
    enum lw_status status = lw_bench_run(kernels, &setup, error);
    cli_bench_print_end(&task->printer);
    if (task->crowded && !task->quiet)
        fprintf(stderr,
                "%zu of %zu cells had their core for less than %.0f %% of the time: what other "
                "processes took of it is not counted, what they did to the caches is\n",
                task->crowded, task->printer.rows, 100 * LITTLE_CORE);
    return status;
}

static enum lw_status bench(struct task *task, const char *command, struct lw_error *error)
{
    struct lw_bench_kernels *kernels = NULL;
    struct lw_error missing = {0};
    char compiler[256];
    double start_s = cli_now_s();
    enum lw_status status = cli_bench_cases(&task->lists, &task->cases, &missing, error);
    if (missing.text[0] && !task->quiet)
        fprintf(stderr, "%s\n", missing.text);
    if (status == LW_OK)
        status = lw_compiler_version(compiler, sizeof compiler, error);
    task->maker = (struct lw_kernel_maker){lw_bench_generator(), compiler};
    if (status == LW_OK)
        status = compile(task, &kernels, error);
    if (status == LW_OK && task->database_path)
        status = open_database(task, command, error);
    if (status == LW_OK) {
        status = measure(task, kernels, error);
        if (task->database && (status == LW_OK || status == LW_MISMATCH)) {
            struct lw_error *own = status == LW_OK ? error : NULL;
            enum lw_status ended = lw_database_end_run(
                task->database, task->run, cli_now_s() - start_s, cli_peak_memory_bytes(), own);
            status = status == LW_OK ? ended : status;
        }
    }
    lw_database_close(task->database);
    lw_bench_kernels_free(kernels);
    free(task->cases.cases);
    return status;
}

static enum lw_status count_cycles(struct task *task, const char *command, struct lw_error *error)
{
    struct cli_bench_static request = {.devices = task->static_devices,
                                       .format = format_of(task),
                                       .quiet = task->quiet,
                                       .database = task->database_path,
                                       .command = command};
    struct lw_error missing = {0};
    enum lw_status status = cli_bench_cases(&task->lists, &task->cases, &missing, error);
    if (status == LW_OK)
        status = cli_bench_static(&request, &task->cases, error);
    free(task->cases.cases);
    return status;
}

int cli_bench(int argc, const char **argv)
{
    struct task task = {.seconds = 0.25, .seed = 1};
    struct lw_error error = {0};
    enum lw_status status = parse(argc, argv, &task, &error);
    if (status == LW_OK) {
        char *command = cli_command_line(argc, argv);
        status = task.static_devices ? count_cycles(&task, command, &error)
                                     : bench(&task, command, &error);
        free(command);
    }
    /* cli_parse has printed its own errors. */
    if (status != LW_OK && error.text[0])
        cli_report("bench", status, &error);
    return (int)status;
}
