#include "cli/bench_static.h"

#include "cli/cli.h"
#include "profiles/database_kernels.h"
#include "profiles/database_sensitivity.h"
#include "profiles/static.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { CELL_BYTES = 64, COLUMNS = 9, WORDS = 5, MOST_DEVICES = 16 };

static const struct {
    const char *title, *field;
    int width;
} columns[COLUMNS] = {
    {"shape", "shape", -11},
    {"bits", "bits", -4},
    {"alpha", "alpha", -10},
    {"class", "class", -5},
    {"device", "device", -15},
    {"N", "n", 2},
    {"static cycles", "static_cycles", 13},
    {"instructions", "instructions", 12},
    {"cycles a product", "cycles_per_product", 16},
};

struct task {
    const struct cli_bench_static *request;
    struct cli_progress progress;
    size_t done, all;
    struct lw_database *database;
    int64_t run;
    struct lw_kernel_maker maker;
    char compiler[256], analyser[256];
};

static enum lw_status parse_devices(const char *list, const struct lw_device **devices,
                                    size_t *count, struct lw_error *error)
{
    *count = 0;
    for (size_t i = 0; lw_device_at(i); i++)
        if (lw_device_at(i)->isa == LW_ISA_NEON && strcmp(list, "all") == 0)
            devices[(*count)++] = lw_device_at(i);
    for (const char *at = list; strcmp(list, "all") != 0; at++) {
        char name[64];
        size_t length = strcspn(at, ",");
        snprintf(name, sizeof name, "%.*s", (int)length, at);
        const struct lw_device *device = lw_device_named(name);
        if (!device || device->isa != LW_ISA_NEON || *count == MOST_DEVICES)
            return lw_fail(error, LW_USAGE,
                           "--static takes all or a list of arm-neoverse-n1, arm-cortex-a55 and "
                           "arm-exynos-m4, not '%s'",
                           name);
        devices[(*count)++] = device;
        at += length;
        if (*at == 0)
            break;
    }
    return LW_OK;
}

static void print_line(enum cli_bench_format format, const char *const *cells)
{
    for (int i = 0; i < COLUMNS; i++) {
        if (format == CLI_BENCH_TABLE)
            printf("%s%*s", i ? "  " : "", columns[i].width, cells[i]);
        else
            printf("%s%s", format == CLI_BENCH_CSV ? (i ? "," : "") : i ? " | " : "| ", cells[i]);
    }
    puts(format == CLI_BENCH_MARKDOWN ? " |" : "");
    fflush(stdout);
}

static void print_start(enum cli_bench_format format)
{
    const char *titles[COLUMNS];
    for (int i = 0; i < COLUMNS; i++)
        titles[i] = format == CLI_BENCH_CSV ? columns[i].field : columns[i].title;
    if (format == CLI_BENCH_JSON) {
        fputs("[", stdout);
        return;
    }
    print_line(format, titles);
    if (format == CLI_BENCH_MARKDOWN) {
        for (int i = 0; i < COLUMNS; i++)
            fputs(i < WORDS ? "|---" : "|---:", stdout);
        puts("|");
    }
}

static void print_json(const struct task *task, const struct lw_static_row *row)
{
    const struct lw_spec *s = &row->spec;
    char name[LW_SPEC_NAME_BYTES];
    lw_spec_name(s, name);
    json_t *object =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:f, s:f, s:f, s:s, s:s}", "spec",
                  name, "what", "static estimate of the compute part", "device", row->device->name,
                  "alpha", lw_alpha_name(row->kernel->alpha), "class", lw_arith_name(s->arith), "m",
                  (json_int_t)s->rows, "k", (json_int_t)s->columns, "bits", (json_int_t)s->bits,
                  "n", (json_int_t)s->batch, "static_cycles", row->sum.cycles, "instructions",
                  row->sum.instructions, "uops", row->sum.uops, "analyser", task->analyser,
                  "compiler", task->compiler);
    fputs(task->done ? ",\n " : "", stdout);
    json_dumpf(object, stdout, JSON_REAL_PRECISION(7));
    json_decref(object);
}

static void print_row(const struct task *task, const struct lw_static_row *row)
{
    char cells[COLUMNS][CELL_BYTES];
    const char *texts[COLUMNS];
    const struct lw_spec *s = &row->spec;
    double products = (double)s->rows * (double)s->columns * (double)s->batch;
    snprintf(cells[0], CELL_BYTES, "%zux%zu", s->rows, s->columns);
    snprintf(cells[1], CELL_BYTES, "%u", s->bits);
    snprintf(cells[2], CELL_BYTES, "%s", lw_alpha_name(row->kernel->alpha));
    if (s->group)
        snprintf(cells[2], CELL_BYTES, "%s/%zu", lw_alpha_name(row->kernel->alpha), s->group);
    snprintf(cells[3], CELL_BYTES, "%s", lw_arith_name(s->arith));
    snprintf(cells[4], CELL_BYTES, "%s", row->device->name);
    snprintf(cells[5], CELL_BYTES, "%zu", s->batch);
    snprintf(cells[6], CELL_BYTES, "%.0f", row->sum.cycles);
    snprintf(cells[7], CELL_BYTES, "%.0f", row->sum.instructions);
    snprintf(cells[8], CELL_BYTES, "%.4f", row->sum.cycles / products);
    for (int i = 0; i < COLUMNS; i++)
        texts[i] = cells[i];
    print_line(task->request->format, texts);
}

static enum lw_status take_row(void *context, const struct lw_static_row *row,
                               struct lw_error *error)
{
    struct task *task = context;
    enum lw_status status = LW_OK;
    if (task->request->format == CLI_BENCH_JSON)
        print_json(task, row);
    else
        print_row(task, row);
    task->done++;
    if (!task->request->quiet)
        cli_progress_step(&task->progress, task->done, task->all);
    if (task->database)
        status = lw_database_add_static(task->database, task->run, &task->maker, task->analyser,
                                        row, error);
    return status;
}

static enum lw_status open_database(struct task *task, struct lw_error *error)
{
    struct lw_run row = LW_RUN_UNKNOWN;
    row.verb = "bench";
    row.command = task->request->command;
    enum lw_status status = lw_database_open(task->request->database, &task->database, error);
    return status == LW_OK ? lw_database_start_run(task->database, &row, &task->run, error)
                           : status;
}

static enum lw_status estimate(struct task *task, const struct lw_static_setup *setup,
                               struct lw_error *error)
{
    double start_s = cli_now_s();
    print_start(task->request->format);
    if (!task->request->quiet)
        cli_progress_start(&task->progress, "counting cycles");
    enum lw_status status = lw_static_run(setup, error);
    if (!task->request->quiet)
        cli_progress_end(&task->progress);
    if (task->request->format == CLI_BENCH_JSON)
        puts("]");
    if (status == LW_OK && task->database)
        status = lw_database_end_run(task->database, task->run, cli_now_s() - start_s,
                                     cli_peak_memory_bytes(), error);
    return status;
}

enum lw_status cli_bench_static(const struct cli_bench_static *request,
                                const struct cli_bench_cases *cases, struct lw_error *error)
{
    const struct lw_device *devices[MOST_DEVICES];
    struct task task = {.request = request};
    struct lw_static_setup setup = {.cases = cases->cases,
                                    .case_count = cases->count,
                                    .columns = cases->columns,
                                    .column_count = cases->column_count,
                                    .devices = devices,
                                    .row = take_row,
                                    .context = &task};
    enum lw_status status = parse_devices(request->devices, devices, &setup.device_count, error);
    task.all = setup.device_count * cases->count * cases->column_count;
    if (status == LW_OK)
        status = lw_compiler_version(task.compiler, sizeof task.compiler, error);
    task.maker = (struct lw_kernel_maker){lw_bench_generator(), task.compiler};
    if (status == LW_OK)
        status = lw_static_version(task.analyser, sizeof task.analyser, error);
    if (status == LW_OK && request->database)
        status = open_database(&task, error);
    if (status == LW_OK)
        status = estimate(&task, &setup, error);
    lw_database_close(task.database);
    return status;
}
