#include "cli/bench_print.h"

#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Geometric means of one kind of kernel over the shapes. */
struct cli_bench_mean {
    struct lw_spec spec; /* rows and columns 0 */
    enum lw_alpha alpha;
    enum lw_bench_mode mode;
    double logarithms[LW_BENCH_PEERS]; /* sums; NAN where a shape has no such peer */
    double limit_logarithm;
    size_t shapes;
};

enum { CELL_BYTES = 64, KINDS = 6, COLUMNS = 15, PEER_COLUMNS = COLUMNS - LW_BENCH_PEERS };

/* The first KINDS are words and aligned to the left. */
static const struct {
    const char *title, *field;
    int width;
} columns[COLUMNS] = {
    {"shape", "shape", -11},
    {"bits", "bits", -4},
    {"alpha", "alpha", -10},
    {"class", "class", -5},
    {"by", "by", -11},
    {"mode", "mode", -8},
    {"N", "n", 2},
    {"ns a call", "ns", 11},
    {"spread %", "spread_percent", 8},
    {"key GB/s", "key_gb_per_s", 8},
    {"limit ns", "limit_ns", 10},
    {"x limit", "times_limit", 7},
    {"x OpenBLAS", "times_openblas", 10},
    {"x oneDNN f32", "times_onednn_f32", 12},
    {"x oneDNN int8", "times_onednn_int8", 13},
};

static void print_cells(const struct cli_bench_printer *printer, const char cells[][CELL_BYTES])
{
    for (int i = 0; i < COLUMNS; i++) {
        if (printer->format == CLI_BENCH_TABLE)
            fprintf(printer->stream, "%s%*s", i ? "  " : "", columns[i].width, cells[i]);
        else if (printer->format == CLI_BENCH_MARKDOWN)
            fprintf(printer->stream, "%s%s", i ? " | " : "| ", cells[i]);
        else
            fprintf(printer->stream, "%s%s", i ? "," : "", cells[i]);
    }
    fputs(printer->format == CLI_BENCH_MARKDOWN ? " |\n" : "\n", printer->stream);
    fflush(printer->stream);
}

static void print_header(const struct cli_bench_printer *printer)
{
    char cells[COLUMNS][CELL_BYTES];
    for (int i = 0; i < COLUMNS; i++)
        snprintf(cells[i], CELL_BYTES, "%s",
                 printer->format == CLI_BENCH_CSV ? columns[i].field : columns[i].title);
    print_cells(printer, cells);
    if (printer->format != CLI_BENCH_MARKDOWN)
        return;
    for (int i = 0; i < COLUMNS; i++)
        fputs(i < KINDS ? "|---" : "|---:", printer->stream);
    fputs("|\n", printer->stream);
}

void cli_bench_print_start(struct cli_bench_printer *printer)
{
    if (printer->format == CLI_BENCH_JSON)
        fputc('[', printer->stream);
    else
        print_header(printer);
}

/* Empty where there is none; all digits that tell something as data, `decimals` for people. */
static void number_cell(const struct cli_bench_printer *printer, double value, int decimals,
                        char cell[CELL_BYTES])
{
    if (!isfinite(value))
        cell[0] = 0;
    else if (printer->format == CLI_BENCH_CSV)
        snprintf(cell, CELL_BYTES, "%.6g", value);
    else
        snprintf(cell, CELL_BYTES, "%.*f", decimals, value);
}

/* What a kernel or peer is: everything but shape and figures. */
static void kind_cells(const struct lw_spec *spec, const enum lw_alpha *alpha,
                       enum lw_bench_peer peer, enum lw_bench_mode mode, char cells[][CELL_BYTES])
{
    bool int8 = !alpha && peer == LW_BENCH_ONEDNN_INT8;
    char group[24] = "";
    if (spec->group)
        snprintf(group, sizeof group, "/%zu", spec->group);
    snprintf(cells[1], CELL_BYTES, "%u", alpha ? spec->bits : int8 ? 8 : 32);
    snprintf(cells[2], CELL_BYTES, "%s%s", alpha ? lw_alpha_name(*alpha) : "", group);
    snprintf(cells[3], CELL_BYTES, "%s", int8 ? "int8" : lw_arith_name(spec->arith));
    snprintf(cells[4], CELL_BYTES, "%s%s",
             alpha ? lw_isa_info(spec->isa)->name : lw_bench_peer_name(peer),
             alpha && spec->family == LW_FAMILY_DOT ? " dot" : "");
    snprintf(cells[5], CELL_BYTES, "%s", lw_bench_mode_name(mode));
    snprintf(cells[6], CELL_BYTES, "%zu", spec->batch);
}

static void print_json(const struct cli_bench_printer *printer, const struct lw_bench_row *row,
                       const char cells[][CELL_BYTES])
{
    char name[LW_SPEC_NAME_BYTES] = "";
    bool done = row->status == LW_OK;
    if (row->kernel)
        lw_spec_name(&row->spec, name);
    json_t *object = json_object();
    json_object_set_new(object, "spec", row->kernel ? json_string(name) : json_null());
    for (int i = 0; i < KINDS; i++)
        json_object_set_new(object, columns[i].field,
                            i == 1 ? json_integer(atoi(cells[i])) : json_string(cells[i]));
    json_object_set_new(object, "m", json_integer((json_int_t)row->spec.rows));
    json_object_set_new(object, "k", json_integer((json_int_t)row->spec.columns));
    json_object_set_new(object, "n", json_integer((json_int_t)row->spec.batch));
    const struct {
        const char *name;
        double value;
    } figures[] = {
        {"median_ns", row->ns.median},
        {"lower_ns", row->ns.lower},
        {"upper_ns", row->ns.upper},
        {"samples", (double)row->ns.count},
        {"calls", (double)row->calls},
        {"on_core", row->on_core},
        {"key_bytes", row->kernel ? (double)row->key_bytes : NAN},
        {"limit_ns", lw_bench_limit_ns(row)},
        {"times_limit", row->ns.median / lw_bench_limit_ns(row)},
        {"uops_ns", row->uops_ns},
        {"keys_ns", row->keys_ns},
        {"estimate_ns", row->estimate_ns},
        {"times_openblas", row->peers_ns[LW_BENCH_OPENBLAS] / row->ns.median},
        {"times_onednn_f32", row->peers_ns[LW_BENCH_ONEDNN_F32] / row->ns.median},
        {"times_onednn_int8", row->peers_ns[LW_BENCH_ONEDNN_INT8] / row->ns.median},
    };
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
        json_object_set_new(object, figures[i].name,
                            done && isfinite(figures[i].value) ? json_real(figures[i].value)
                                                               : json_null());
    json_object_set_new(object, "error", done ? json_null() : json_string(row->error));
    fputs(printer->rows ? ",\n " : "", printer->stream);
    json_dumpf(object, printer->stream, JSON_REAL_PRECISION(7));
    json_decref(object);
}

/* Counts a cell in the mean of its kind. */
static bool add_to_mean(struct cli_bench_printer *printer, const struct lw_bench_row *row)
{
    struct cli_bench_mean own = {.spec = row->spec, .alpha = row->kernel->alpha, .mode = row->mode};
    own.spec.rows = own.spec.columns = 0;
    size_t i = 0;
    for (; i < printer->mean_count; i++) {
        const struct cli_bench_mean *mean = &printer->means[i];
        const struct lw_spec *spec = &mean->spec;
        if (spec->arith == own.spec.arith && spec->family == own.spec.family &&
            spec->bits == own.spec.bits && spec->group == own.spec.group &&
            spec->batch == own.spec.batch && spec->isa == own.spec.isa &&
            mean->alpha == own.alpha && mean->mode == own.mode)
            break;
    }
    if (i == printer->mean_count) {
        struct cli_bench_mean *more = realloc(printer->means, (i + 1) * sizeof *more);
        if (!more)
            return false;
        printer->means = more;
        more[printer->mean_count++] = own;
    }
    printer->means[i].shapes++;
    printer->means[i].limit_logarithm += log(row->ns.median / lw_bench_limit_ns(row));
    for (int p = 0; p < LW_BENCH_PEERS; p++)
        printer->means[i].logarithms[p] += log(row->peers_ns[p] / row->ns.median);
    return true;
}

enum lw_status cli_bench_print_row(struct cli_bench_printer *printer,
                                   const struct lw_bench_row *row, struct lw_error *error)
{
    char cells[COLUMNS][CELL_BYTES];
    bool done = row->status == LW_OK;
    double ns = done ? row->ns.median : NAN;
    memset(cells, 0, sizeof cells);
    snprintf(cells[0], CELL_BYTES, "%zux%zu", row->spec.rows, row->spec.columns);
    kind_cells(&row->spec, row->kernel ? &row->kernel->alpha : NULL, row->peer, row->mode, cells);
    number_cell(printer, ns, 0, cells[7]);
    number_cell(printer, done ? lw_bench_spread_percent(&row->ns) : NAN, 1, cells[8]);
    number_cell(printer, row->kernel ? (double)row->key_bytes / ns : NAN, 2, cells[9]);
    number_cell(printer, done ? lw_bench_limit_ns(row) : NAN, 0, cells[10]);
    number_cell(printer, ns / lw_bench_limit_ns(row), 2, cells[11]);
    for (int p = 0; p < LW_BENCH_PEERS; p++)
        number_cell(printer, row->peers_ns[p] / ns, 2, cells[PEER_COLUMNS + p]);
    if (!done)
        snprintf(cells[7], CELL_BYTES, "%s", "WRONG");
    if (printer->format == CLI_BENCH_JSON)
        print_json(printer, row, cells);
    else
        print_cells(printer, cells);
    printer->rows++;
    if (done && row->kernel && !add_to_mean(printer, row))
        return lw_fail(error, LW_FAILED, "out of memory for the means of the bench");
    return LW_OK;
}

static void print_means(const struct cli_bench_printer *printer)
{
    fputs("\nGeometric means over the shapes:\n", printer->stream);
    if (printer->format == CLI_BENCH_MARKDOWN)
        fputc('\n', printer->stream);
    print_header(printer);
    for (size_t i = 0; i < printer->mean_count; i++) {
        const struct cli_bench_mean *mean = &printer->means[i];
        char cells[COLUMNS][CELL_BYTES];
        memset(cells, 0, sizeof cells);
        snprintf(cells[0], CELL_BYTES, "%zu shape%s", mean->shapes, mean->shapes == 1 ? "" : "s");
        kind_cells(&mean->spec, &mean->alpha, LW_BENCH_OPENBLAS, mean->mode, cells);
        for (int p = 0; p < LW_BENCH_PEERS; p++)
            number_cell(printer, exp(mean->logarithms[p] / (double)mean->shapes), 2,
                        cells[PEER_COLUMNS + p]);
        number_cell(printer, exp(mean->limit_logarithm / (double)mean->shapes), 2, cells[11]);
        print_cells(printer, cells);
    }
}

static int compare(const void *a, const void *b)
{
    const struct cli_bench_mean *x = a, *y = b;
    const size_t keys[][2] = {
        {x->mode, y->mode},          {y->spec.arith, x->spec.arith}, {y->spec.isa, x->spec.isa},
        {x->alpha, y->alpha},        {x->spec.group, y->spec.group}, {x->spec.batch, y->spec.batch},
        {x->spec.bits, y->spec.bits}};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (keys[i][0] != keys[i][1])
            return keys[i][0] < keys[i][1] ? -1 : 1;
    return 0;
}

void cli_bench_print_end(struct cli_bench_printer *printer)
{
    if (printer->mean_count)
        qsort(printer->means, printer->mean_count, sizeof *printer->means, compare);
    if (printer->format == CLI_BENCH_JSON)
        fputs("]\n", printer->stream);
    else if (printer->format != CLI_BENCH_CSV && printer->mean_count)
        print_means(printer);
    free(printer->means);
    printer->means = NULL;
    printer->mean_count = 0;
}
