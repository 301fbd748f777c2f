/* lutwidge profile: measurements of a model that planning needs. */
#include "cli/cli.h"
#include "cli/profile_cells.h"
#include "cli/profile_points.h"

#include "models/file.h"
#include "models/lwm.h"
#include "models/marian.h"
#include "profiles/database_sensitivity.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_THREADS = 1024, MOST_PLANS = 1000 };

/* What the user asked for, and where it stands. */
struct task {
    const char *folder, *what, *source, *reference, *counts, *database;
    struct cli_point_request request;
    const char **devices; /* NULL: none; with `what` refused */
    int lines, threads, no_bleu, no_energy, retry, quiet, plans;

    struct lw_model model;
    struct lw_trial trial;
    char model_hash[33], source_hash[33], reference_hash[33];
    struct lw_sensitivity_subject subject;
    struct lw_sensitivity_point *points; /* after `choose` only those to measure */
    size_t point_count;
    size_t there, failed_before; /* points that the database had */
    size_t failed;
};

enum { CELL_LINES = 100, SENSITIVITY_LINES = 200 };

/* What the options of --what sensitivity are where they are not given. */
static const char every_target[] = "both", every_bits[] = "1-4",
                  every_mode[] = "free/row,uniform/row";

static enum lw_status check_options(struct task *task, struct lw_error *error)
{
    if (!task->what && !task->devices)
        return lw_fail(error, LW_USAGE,
                       "profile what? Give --device for all that allocate needs, or --what "
                       "sensitivity");
    if (task->what && task->devices)
        return lw_fail(error, LW_USAGE,
                       "--what sensitivity is of no device; leave out one of --what and --device");
    if (task->what && strcmp(task->what, "sensitivity") != 0)
        return lw_fail(error, LW_USAGE, "there is no profile of '%s'; there is: sensitivity",
                       task->what);
    if (task->devices && (task->request.by != every_target || task->request.bits != every_bits ||
                          task->request.modes != every_mode))
        return lw_fail(error, LW_USAGE,
                       "--device measures all codes of all parts; leave out --by, --bits and "
                       "--modes");
    if (task->what && task->no_energy)
        return lw_fail(error, LW_USAGE,
                       "--what sensitivity measures no energy; leave out --no-energy");
    if (task->what && task->counts)
        return lw_fail(error, LW_USAGE,
                       "--what sensitivity has no classes of words; leave out --counts");
    if (task->plans < 0 || task->plans > MOST_PLANS)
        return lw_fail(error, LW_USAGE, "--plans takes 0 to %d", MOST_PLANS);
    if (task->lines == INT_MIN)
        task->lines = task->what ? SENSITIVITY_LINES : CELL_LINES;
    if (!task->source || !task->reference)
        return lw_fail(error, LW_USAGE, "name a text to measure on with --source and --ref");
    if (task->lines < 1)
        return lw_fail(error, LW_USAGE, "--lines takes 1 or more, not %d", task->lines);
    if (task->threads < 1 || task->threads > MOST_THREADS)
        return lw_fail(error, LW_USAGE, "--threads must be from 1 to %d", MOST_THREADS);
    if (lw_lwm_is(task->folder))
        return lw_fail(error, LW_USAGE, "%s is quantised already: give the folder it was made from",
                       task->folder);
    return LW_OK;
}

static enum lw_status parse(int argc, const char **argv, struct task *task, struct lw_error *error)
{
    task->threads = (int)sysconf(_SC_NPROCESSORS_ONLN);
    struct poptOption options[] = {
        {"device", 'd', POPT_ARG_ARGV, &task->devices, 0,
         "measure all that allocate needs for host (this machine), an Arm CPU (static cycles) or "
         "an engine (simulated cycles); a list of names, may be repeated",
         "DEVICES"},
        {"plans", 0, POPT_ARG_INT | POPT_ARGFLAG_SHOW_DEFAULT, &task->plans, 0,
         "with --device: whole plans that predictions are calibrated with", "N"},
        {"what", 'w', POPT_ARG_STRING, &task->what, 0,
         "sensitivity: what few bits cost each part of the model alone", "WHAT"},
        {"source", 's', POPT_ARG_STRING, &task->source, 0, "text to translate", "FILE"},
        {"ref", 'r', POPT_ARG_STRING, &task->reference, 0, "its reference translation", "FILE"},
        {"counts", 0, POPT_ARG_STRING, &task->counts, 0,
         "with --device: divide words into classes by the counts of this table, not of the text",
         "TABLE"},
        {"lines", 'n', POPT_ARG_INT, &task->lines, 0,
         "use the first N lines of the text (default: 200; 100 with --device)", "N"},
        {"by", 0, POPT_ARG_STRING | POPT_ARGFLAG_SHOW_DEFAULT, &task->request.by, 0,
         "with --what: quantise all layers of a kind together (kind), every matrix by itself "
         "(matrix), or both",
         "BY"},
        {"bits", 'b', POPT_ARG_STRING | POPT_ARGFLAG_SHOW_DEFAULT, &task->request.bits, 0,
         "with --what: bits a weight, a list of numbers and ranges", "BITS"},
        {"modes", 'm', POPT_ARG_STRING | POPT_ARGFLAG_SHOW_DEFAULT, &task->request.modes, 0,
         "with --what: free or uniform scales, by row or by groups of 32, 64 or 128 columns: a "
         "list of "
         "SCALES/COLUMNS",
         "MODES"},
        {"no-bleu", 0, POPT_ARG_NONE, &task->no_bleu, 0,
         "leave out the translations: losses and errors alone, in half the time", NULL},
        {"no-energy", 0, POPT_ARG_NONE, &task->no_energy, 0,
         "with --device: leave out the energy and area of engines, which need a synthesis", NULL},
        {"retry", 0, POPT_ARG_NONE, &task->retry, 0, "measure again the points that failed", NULL},
        {"threads", 't', POPT_ARG_INT, &task->threads, 0,
         "threads to use (default: all); no figure but the time depends on it", "N"},
        {"db", 0, POPT_ARG_STRING | POPT_ARGFLAG_SHOW_DEFAULT, &task->database, 0,
         "the database to add the points to", "FILE"},
        {"quiet", 'q', POPT_ARG_NONE, &task->quiet, 0, "no plan, no progress and no summary", NULL},
        POPT_TABLEEND};
    const char **rest;
    enum lw_status status = cli_parse(cli_verb_named("profile"), argc, argv, options, 1, 1, &rest);
    if (status != LW_OK)
        return status;
    task->folder = rest[0];
    return check_options(task, error);
}

/* The model, the text, and what names both in the database. */
static enum lw_status read_subject(struct task *task, struct lw_error *error)
{
    char *weights = lw_path_join(task->folder, "model.safetensors");
    enum lw_status status = weights ? lw_marian_import(task->folder, &task->model, error)
                                    : lw_fail(error, LW_FAILED, "out of memory");
    if (status == LW_OK)
        status = lw_file_hash(weights, task->model_hash, error);
    if (status == LW_OK)
        status = lw_file_hash(task->source, task->source_hash, error);
    if (status == LW_OK)
        status = lw_file_hash(task->reference, task->reference_hash, error);
    if (status == LW_OK)
        status = lw_trial_read(&task->model, task->source, task->reference, (size_t)task->lines,
                               &task->trial, error);
    free(weights);
    task->subject = (struct lw_sensitivity_subject){task->model_hash, task->source_hash,
                                                    task->reference_hash, task->trial.pairs.count};
    return status;
}

/* Leaves the points that the database lacks. */
static enum lw_status choose(struct task *task, struct lw_database *database,
                             struct lw_error *error)
{
    size_t left = 0;
    for (size_t i = 0; i < task->point_count; i++) {
        enum lw_sensitivity_state state;
        enum lw_status status = lw_database_sensitivity_state(database, &task->subject,
                                                              &task->points[i], &state, error);
        if (status != LW_OK)
            return status;
        bool wanted = state == LW_POINT_ABSENT ||
                      (state == LW_POINT_UNTRANSLATED && !task->no_bleu) ||
                      (state == LW_POINT_FAILED && task->retry);
        task->there += !wanted;
        task->failed_before += !wanted && state == LW_POINT_FAILED;
        if (wanted)
            task->points[left++] = task->points[i];
    }
    task->point_count = left;
    return LW_OK;
}

static void print_plan(const struct task *task)
{
    fprintf(stderr, "%zu points on %zu lines: %zu are in %s, %zu to measure",
            task->there + task->point_count, task->trial.pairs.count, task->there, task->database,
            task->point_count);
    if (task->failed_before)
        fprintf(stderr, "; %zu failed before: --retry measures them again", task->failed_before);
    fputc('\n', stderr);
    if (task->trial.pairs.skipped)
        fprintf(stderr, "%zu lines are blank or too long on a side and left out\n",
                task->trial.pairs.skipped);
}

static void print_start(const struct task *task, const struct lw_sensitivity *sensitivity)
{
    const struct lw_trial_result *fp32 = lw_sensitivity_fp32(sensitivity);
    /* A point does what the fp32 model did; worse models end their translations later. */
    double seconds = lw_sensitivity_fp32_seconds(sensitivity) * (double)task->point_count;
    fprintf(stderr, "fp32, products by %s: %.4f nats a word", lw_sensitivity_products(sensitivity),
            fp32->nats_a_word);
    if (!task->no_bleu)
        fprintf(stderr, ", BLEU %.2f", fp32->bleu);
    fprintf(stderr,
            "; about %.0f min to go, more where bits make translations long\n"
            "every point is kept at once: after Ctrl-C the same command goes on\n",
            seconds / 60);
}

static enum lw_status measure(struct task *task, struct lw_sensitivity *sensitivity,
                              struct lw_database *database, int64_t run, struct lw_error *error)
{
    struct cli_progress progress;
    enum lw_status status = LW_OK;
    cli_progress_start(&progress, "profiling");
    for (size_t i = 0; i < task->point_count && status == LW_OK; i++) {
        struct lw_sensitivity_figures figures;
        struct lw_error own = {0};
        bool failed =
            lw_sensitivity_measure(sensitivity, &task->points[i], &figures, &own) != LW_OK;
        task->failed += failed;
        status = lw_database_add_sensitivity(database, run, &task->subject, &task->points[i],
                                             lw_sensitivity_products(sensitivity), &figures,
                                             failed ? own.text : NULL, error);
        if (!task->quiet)
            cli_progress_step(&progress, i + 1, task->point_count);
    }
    if (!task->quiet)
        cli_progress_end(&progress);
    return status;
}

static enum lw_status run_points(struct task *task, const char *command,
                                 struct lw_database *database, struct lw_error *error)
{
    double start_s = cli_now_s();
    struct lw_sensitivity *sensitivity = NULL;
    struct lw_sensitivity_setup setup = {.model = &task->model,
                                         .trial = &task->trial,
                                         .translates = !task->no_bleu,
                                         .threads = (size_t)task->threads};
    struct lw_run row = LW_RUN_UNKNOWN;
    int64_t run;
    row.verb = "profile";
    row.command = command;
    row.model = task->folder;
    row.model_hash = task->model_hash;
    row.input_hash = task->source_hash;
    row.arith = "f32";
    row.lines = (double)task->trial.pairs.count;
    row.beams = 1;
    enum lw_status status = lw_sensitivity_open(&setup, &sensitivity, error);
    if (status != LW_OK)
        return status;
    if (!task->quiet)
        print_start(task, sensitivity);
    row.kernels = lw_sensitivity_products(sensitivity);
    status = lw_database_start_run(database, &row, &run, error);
    if (status == LW_OK)
        status = measure(task, sensitivity, database, run, error);
    if (status == LW_OK)
        status = lw_database_end_run(database, run, cli_now_s() - start_s, cli_peak_memory_bytes(),
                                     error);
    lw_sensitivity_close(sensitivity);
    if (status == LW_OK && !task->quiet)
        fprintf(stderr, "%zu points in %.0f s; lutwidge query sensitivity --db %s shows them\n",
                task->point_count, cli_now_s() - start_s, task->database);
    if (status == LW_OK && task->failed)
        status = lw_fail(error, LW_FAILED,
                         "%zu points failed; column error of their rows says why, and --retry "
                         "measures them again",
                         task->failed);
    return status;
}

static enum lw_status profile(struct task *task, const char *command, struct lw_error *error)
{
    struct lw_database *database = NULL;
    enum lw_status status = read_subject(task, error);
    if (status == LW_OK)
        status = cli_points(&task->request, &task->model, &task->points, &task->point_count, error);
    if (status == LW_OK)
        status = lw_database_open(task->database, &database, error);
    if (status == LW_OK)
        status = choose(task, database, error);
    if (status == LW_OK && !task->quiet)
        print_plan(task);
    if (status == LW_OK && task->point_count)
        status = run_points(task, command, database, error);
    lw_database_close(database);
    free(task->points);
    lw_trial_free(&task->trial);
    lw_model_free(&task->model);
    return status;
}

int cli_profile(int argc, const char **argv)
{
    struct task task = {.lines = INT_MIN,
                        .plans = 8,
                        .database = "lutwidge.db",
                        .request = {every_target, every_bits, every_mode}};
    struct lw_error error = {0};
    enum lw_status status = parse(argc, argv, &task, &error);
    if (status == LW_OK) {
        char *command = cli_command_line(argc, argv);
        status = task.what
                     ? profile(&task, command, &error)
                     : cli_profile_cells(&(struct cli_profile_request){.folder = task.folder,
                                                                       .source = task.source,
                                                                       .reference = task.reference,
                                                                       .counts = task.counts,
                                                                       .database = task.database,
                                                                       .command = command,
                                                                       .devices = task.devices,
                                                                       .lines = task.lines,
                                                                       .plans = task.plans,
                                                                       .threads = task.threads,
                                                                       .no_bleu = task.no_bleu,
                                                                       .no_energy = task.no_energy,
                                                                       .retry = task.retry,
                                                                       .quiet = task.quiet},
                                         &error);
        free(command);
    }
    /* cli_parse has printed its own errors. */
    if (status != LW_OK && error.text[0])
        cli_report("profile", status, &error);
    return (int)status;
}
