/* lutwidge quantize: from a MarianMT folder to an .lwm file; or a file's codes in another class. */
#include "cli/cli.h"
#include "cli/planning.h"

#include "models/handover.h"
#include "models/lwm.h"
#include "models/marian.h"
#include "models/quantize.h"
#include "profiles/database.h"

#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_THREADS = 1024 };

/* What the user asked for, and what came of it. */
struct task {
    const char *folder, *output, *database;
    int json, nested;
    struct cli_plan_request request;
    const char *arith; /* NULL: the plan's */
    size_t threads;
    enum lw_arith replacing;        /* the class that `arith` names */
    char made[LW_ARITH_NAME_BYTES]; /* class of the model */
    double bits;                    /* average, without scales */
    size_t fp32_bytes;              /* matrices and vectors of the source */
    double relative_mse;
    struct lw_nested_report prefixes; /* of nested planes, as the next three */
    unsigned planes;                  /* most of any row */
    size_t least_bytes, most_bytes;   /* of prefixes, without tokeniser */
    double seconds;
    struct lw_size size;
};

static enum lw_status parse(int argc, const char **argv, struct task *task, struct lw_error *error)
{
    int threads = (int)sysconf(_SC_NPROCESSORS_ONLN), calibration_lines = INT_MIN;
    struct cli_plan_request *r = &task->request;
    struct poptOption options[] = {
        {"output", 'o', POPT_ARG_STRING, &task->output, 0, "the model file to write", "M.lwm"},
        {"bits", 'b', POPT_ARG_INT, &r->bits, 0,
         "bits of every weight, 1 to 8; 1 to 4 have the fast kernels", "BITS"},
        {"plan", 'p', POPT_ARG_STRING, &r->plan, 0,
         "bits, scales and fit of each matrix and word from a YAML file", "P.yaml"},
        {"deployment", 0, POPT_ARG_STRING, &r->deployment, 0,
         "the plan of a deployment in the database of --db, as query and report name it", "pN"},
        {"fit", 'f', POPT_ARG_STRING, &r->fit, 0,
         "with --bits: alternating (default, best), alternating-from-greedy, greedy or uniform",
         "FIT"},
        {"weighting", 0, POPT_ARG_STRING, &r->weighting, 0,
         "with --bits: none (default); activations: fit what large inputs meet more closely; "
         "gram: let errors of columns that go together cancel; sequence: the same, each matrix for "
         "the inputs and towards the outputs that those before it leave (best at 2 and 3 bits)",
         "W"},
        {"nested", 0, POPT_ARG_NONE, &task->nested, 0,
         "planes of which every prefix is a model (translate --max-model-size); bits are the most "
         "of each row, and the fit is their own",
         NULL},
        {"arith", 'a', POPT_ARG_STRING, &task->arith, 0,
         "arithmetic class of all products, whatever the plan says: t8 (default, fastest), a8, f32",
         "CLASS"},
        {"source-text", 0, POPT_ARG_STRING, &r->source_text, 0,
         "count words of plans by frequency in this text, and calibrate on it", "FILE"},
        {"target-text", 0, POPT_ARG_STRING, &r->target_text, 0,
         "the translation of that text, line by line: counted and calibrated on as well", "FILE"},
        {"calibration-lines", 0, POPT_ARG_INT, &calibration_lines, 0,
         "lines of these texts to calibrate on, from the first (default: 1000)", "N"},
        {"counts", 0, POPT_ARG_STRING, &r->counts, 0,
         "read the counts from a table instead of texts", "TABLE"},
        {"save-counts", 0, POPT_ARG_STRING, &r->save_counts, 0, "write the counts to a table",
         "TABLE"},
        {"threads", 't', POPT_ARG_INT, &threads, 0,
         "threads to use (default: all); the file does not depend on it", "N"},
        {"json", 0, POPT_ARG_NONE, &task->json, 0, "print the summary as JSON", NULL},
        {"db", 0, POPT_ARG_STRING, &task->database, 0, "add the figures of this run to a database",
         "FILE"},
        POPT_TABLEEND};
    const char **rest;
    enum lw_status status = cli_parse(cli_verb_named("quantize"), argc, argv, options, 1, 1, &rest);
    if (status != LW_OK)
        return status;
    task->folder = r->folder = rest[0];
    r->database = task->database;
    if (!task->output)
        return lw_fail(error, LW_USAGE, "where to? Name the model file with -o M.lwm");
    if (task->nested && r->fit)
        return lw_fail(error, LW_USAGE, "nested planes have a fit of their own; leave out --fit");
    if (threads < 1 || threads > MOST_THREADS)
        return lw_fail(error, LW_USAGE, "--threads must be from 1 to %d", MOST_THREADS);
    if (calibration_lines < 1 && calibration_lines != INT_MIN)
        return lw_fail(error, LW_USAGE, "--calibration-lines must be 1 or more");
    r->calibration_lines = calibration_lines < 1 ? 0 : calibration_lines;
    task->threads = (size_t)threads;
    if (task->arith && !lw_arith_parse(task->arith, &task->replacing))
        return lw_fail(error, LW_USAGE, "--arith is t8, a8 or f32, not '%s'", task->arith);
    return LW_OK;
}

static bool show_progress(void *context, size_t done_rows, size_t all_rows)
{
    cli_progress_step(context, done_rows, all_rows);
    return true;
}

/* Paths and threads are left out: the same folder and plan give the same file anywhere. */
static enum lw_status write_file(const struct task *task, const struct lw_plan *plan,
                                 const struct lw_nested *model, struct lw_error *error)
{
    const char *fit = task->request.fit;
    char made_by[CLI_MADE_BY_BYTES];
    if (task->request.plan || task->request.deployment)
        cli_made_by_plan(plan->name, task->nested, task->arith, made_by);
    else if (task->nested)
        snprintf(made_by, sizeof made_by, "lutwidge %s quantize --bits %d --nested --arith %s",
                 LW_VERSION, task->request.bits, task->made);
    else
        snprintf(made_by, sizeof made_by, "lutwidge %s quantize --bits %d --fit %s --arith %s",
                 LW_VERSION, task->request.bits, fit ? fit : "alternating", task->made);
    return lw_lwm_write_nested(task->output, model, made_by, error);
}

static void measure_bits(const struct lw_model *model, struct task *task)
{
    double weights = 0;
    for (size_t i = 0; i < model->matrix_count; i++) {
        const struct lw_matrix *matrix = &model->matrices[i];
        double elements = (double)matrix->rows * (double)matrix->columns;
        weights += elements;
        task->bits += elements * lw_matrix_bits(matrix);
        if (matrix->codes[0].bits > task->planes) /* the first code has the most */
            task->planes = matrix->codes[0].bits;
    }
    task->bits /= weights;
}

static void count_fp32_bytes(const struct lw_model *model, struct task *task)
{
    task->fp32_bytes = model->vector_count * sizeof(float);
    for (size_t i = 0; i < model->matrix_count; i++)
        task->fp32_bytes += model->matrices[i].rows * model->matrices[i].columns * sizeof(float);
}

/* Fits and writes what the plan says. */
static enum lw_status carry_out(struct task *task, const struct cli_planning *planning,
                                const struct cli_calibration *calibration,
                                const struct lw_model *source, struct lw_error *error)
{
    struct lw_nested model = {0};
    struct cli_progress progress;
    struct lw_quantize_report report = {0};
    struct lw_quantize request = {.choices = planning->choices,
                                  .row_bits = (const uint8_t *const *)planning->row_bits,
                                  .moments = calibration->moments.moments,
                                  .threads = task->threads,
                                  .progress = show_progress,
                                  .context = &progress};
    cli_progress_start(&progress, "quantize");
    enum lw_status status =
        task->nested
            ? lw_quantize_nested(source, &request, &model, &task->prefixes, error)
            : cli_quantize_calibrated(source, &request, calibration, &model.model, &report, error);
    cli_progress_end(&progress);
    if (status != LW_OK)
        return status;
    measure_bits(&model.model, task);
    lw_model_arith_name(&model.model, task->made);
    task->relative_mse =
        task->nested ? task->prefixes.relative_mse[task->planes - 1] : report.relative_mse;
    status = write_file(task, &planning->plan, &model, error);
    lw_nested_free(&model);
    return status;
}

/* The sizes of the file and of its prefixes. */
static enum lw_status measure_file(struct task *task, struct lw_error *error)
{
    struct lw_nested nested;
    enum lw_status status = lw_lwm_size(task->output, &task->size, error);
    if (status != LW_OK || !task->nested)
        return status;
    status = lw_lwm_open_nested(task->output, &nested, error);
    if (status != LW_OK)
        return status;
    status = lw_nested_bytes(&nested, nested.smallest, &task->least_bytes, error);
    if (status == LW_OK)
        status = lw_nested_bytes(&nested, nested.chunk_count, &task->most_bytes, error);
    lw_nested_free(&nested);
    return status;
}

/* True where an option says how to fit. */
static bool asks_for_fit(const struct task *task)
{
    const struct cli_plan_request *r = &task->request;
    return r->plan || r->deployment || r->bits || r->fit || r->weighting || task->nested ||
           r->source_text || r->target_text || r->calibration_lines || r->counts || r->save_counts;
}

/* A folder with codes of its own is not fitted. */
static enum lw_status check_handover(const struct task *task, struct lw_error *error)
{
    if (asks_for_fit(task))
        return lw_fail(error, LW_USAGE,
                       "%s has codes of its own from retraining: give no options but -o, --arith, "
                       "--json and --db, or remove its codes.safetensors to fit it anew",
                       task->folder);
    return LW_OK;
}

/* Writes codes as they are; who made them stays in the file. */
static enum lw_status keep_codes(struct task *task, const struct lw_nested *nested,
                                 struct lw_error *error)
{
    const struct lw_model *model = &nested->model;
    char *made_by = NULL;
    measure_bits(model, task);
    lw_model_arith_name(model, task->made);
    if (asprintf(&made_by, "lutwidge %s quantize%s%s: %s", LW_VERSION,
                 task->arith ? " --arith " : "", task->arith ? task->arith : "",
                 model->made_by) < 0)
        return lw_fail(error, LW_FAILED, "out of memory");
    enum lw_status status = lw_lwm_write_nested(task->output, nested, made_by, error);
    free(made_by);
    return status;
}

/* Writes the folder's codes as they are. */
static enum lw_status hand_over(struct task *task, const struct lw_model *source,
                                struct lw_error *error)
{
    struct lw_nested model = {0};
    enum lw_status status = lw_handover_read(
        task->folder, source, task->arith ? &task->replacing : NULL, &model.model, error);
    if (status != LW_OK)
        return status;
    status = keep_codes(task, &model, error);
    lw_nested_free(&model);
    return status;
}

/* A quantised file keeps its codes in another class. */
static enum lw_status change_class(struct task *task, struct lw_error *error)
{
    struct lw_nested model;
    if (!task->arith || asks_for_fit(task))
        return lw_fail(error, LW_USAGE,
                       "%s is quantised already: --arith alone gives its codes another class; to "
                       "fit anew give the folder it was made from",
                       task->folder);
    enum lw_status status = lw_lwm_open_nested(task->folder, &model, error);
    if (status != LW_OK)
        return status;
    count_fp32_bytes(&model.model, task);
    for (size_t i = 0; i < model.model.matrix_count; i++)
        model.model.matrices[i].arith = task->replacing;
    status = keep_codes(task, &model, error);
    lw_nested_free(&model);
    return status;
}

/* From a folder of weights, or of codes. */
static enum lw_status quantize_folder(struct task *task, struct lw_error *error)
{
    struct lw_model source;
    struct cli_planning planning;
    bool handed_over = lw_handover_is(task->folder);
    enum lw_status status = handed_over ? check_handover(task, error) : LW_OK;
    if (status == LW_OK)
        status = lw_marian_import(task->folder, &source, error);
    if (status != LW_OK)
        return status;
    count_fp32_bytes(&source, task);
    status = handed_over ? hand_over(task, &source, error)
                         : cli_plan(&task->request, &source, &planning, error);
    if (status == LW_OK && !handed_over) {
        for (size_t i = 0; task->arith && i < source.matrix_count; i++)
            planning.choices[i].arith = task->replacing;
        struct cli_calibration calibration = {0};
        if (task->nested)
            status = lw_nested_check(&source, planning.choices, error);
        if (status == LW_OK)
            status = cli_calibrate(&task->request, &source, &planning, &calibration, error);
        if (status == LW_OK)
            status = carry_out(task, &planning, &calibration, &source, error);
        cli_calibration_free(&calibration);
        cli_plan_free(&planning);
    }
    lw_model_free(&source);
    return status;
}

static enum lw_status quantize(struct task *task, struct lw_error *error)
{
    double start_s = cli_now_s();
    const struct cli_plan_request *r = &task->request;
    const char *const inputs[] = {r->plan, r->source_text, r->target_text, task->database};
    enum lw_status status = cli_check_model_output(task->output, error);
    if (status == LW_OK && r->save_counts)
        status = cli_check_output(r->save_counts, inputs, sizeof inputs / sizeof *inputs, error);
    if (status == LW_OK)
        status = lw_lwm_is(task->folder) ? change_class(task, error) : quantize_folder(task, error);
    if (status == LW_OK)
        status = measure_file(task, error);
    task->seconds = cli_now_s() - start_s;
    return status;
}

static enum lw_status print_json(const struct task *task, size_t model_bytes, double real_bits,
                                 double smaller, struct lw_error *error)
{
    const struct lw_size *size = &task->size;
    json_t *summary =
        json_pack("{s:s, s:I, s:I, s:I, s:I, s:f, s:f, s:f, s:s, s:f, s:f}", "file", task->output,
                  "file_bytes", (json_int_t)size->file_bytes, "tokenizer_bytes",
                  (json_int_t)size->tokenizer_bytes, "model_bytes", (json_int_t)model_bytes,
                  "fp32_bytes", (json_int_t)task->fp32_bytes, "smaller_by", smaller, "bits",
                  task->bits, "real_bits", real_bits, "arith", task->made, "relative_mse",
                  task->relative_mse, "seconds", task->seconds);
    if (!summary)
        return lw_fail(error, LW_FAILED, "%s: no JSON: the path is not UTF-8, or no memory is left",
                       task->output);
    if (task->nested) {
        json_t *errors = json_array();
        for (unsigned q = 0; q < task->planes; q++)
            json_array_append_new(errors, json_real(task->prefixes.relative_mse[q]));
        json_object_set_new(summary, "prefixes",
                            json_pack("{s:I, s:I, s:o}", "least_bytes",
                                      (json_int_t)task->least_bytes, "most_bytes",
                                      (json_int_t)task->most_bytes, "relative_mse", errors));
    }
    json_dumpf(summary, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    putchar('\n');
    json_decref(summary);
    return LW_OK;
}

static enum lw_status record(const struct task *task, const char *command, struct lw_error *error)
{
    char hash[33];
    enum lw_status status = lw_file_hash(task->output, hash, error);
    const struct lw_size *size = &task->size;
    struct lw_run row = LW_RUN_UNKNOWN;
    row.verb = "quantize";
    row.command = command;
    row.model = task->output;
    row.model_hash = hash;
    row.arith = task->made;
    row.bits = task->bits;
    row.real_bits = (double)(size->code_bytes + size->scale_bytes) * 8 / (double)size->weights;
    row.size_bytes = (double)(size->file_bytes - size->tokenizer_bytes);
    row.seconds = task->seconds;
    row.peak_memory_bytes = cli_peak_memory_bytes();
    return status == LW_OK ? cli_record(task->database, &row, error) : status;
}

static enum lw_status print_summary(const struct task *task, struct lw_error *error)
{
    const struct lw_size *size = &task->size;
    size_t model_bytes = size->file_bytes - size->tokenizer_bytes;
    double real_bits = (double)(size->code_bytes + size->scale_bytes) * 8 / (double)size->weights;
    double smaller = (double)task->fp32_bytes / (double)model_bytes;
    if (task->json)
        return print_json(task, model_bytes, real_bits, smaller, error);
    printf("%s: %zu bytes, %zu without tokeniser (%.1fx smaller than fp32)\n", task->output,
           size->file_bytes, model_bytes, smaller);
    printf("%.4g bits a weight, %.2f with scales%s; class %s; relative MSE %.4g; %.1f s\n",
           task->bits, real_bits, task->nested ? " of all prefixes" : "", task->made,
           task->relative_mse, task->seconds);
    if (task->nested) {
        printf("prefixes of %zu to %zu bytes without tokeniser; relative MSE by planes:",
               task->least_bytes, task->most_bytes);
        for (unsigned q = 0; q < task->planes; q++)
            printf(" %.4g", task->prefixes.relative_mse[q]);
        putchar('\n');
    }
    return LW_OK;
}

int cli_quantize(int argc, const char **argv)
{
    struct task task = {0};
    struct lw_error error = {0};
    enum lw_status status = parse(argc, argv, &task, &error);
    if (status == LW_OK)
        status = quantize(&task, &error);
    if (status == LW_OK)
        status = print_summary(&task, &error);
    if (status == LW_OK && task.database) {
        char *command = cli_command_line(argc, argv);
        status = record(&task, command, &error);
        free(command);
    }
    /* cli_parse has printed its own errors. */
    if (status != LW_OK && error.text[0])
        cli_report(argv[0], status, &error);
    return (int)status;
}
