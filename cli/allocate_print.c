/* What `lutwidge allocate` says. */
#include "cli/allocate.h"

#include "cli/cli.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What one more of a limit is, for people. */
struct more {
    enum lw_figure figure;
    double amount; /* of the figure */
    const char *name;
};

static const char *latency_note(const struct cli_allocate *a)
{
    static const char *const notes[] = {
        [LW_COST_MEASURED] = "measured kernels, the rest of a sentence calibrated",
        [LW_COST_STATIC] = "static cycles of the products alone, no time of a real device",
        [LW_COST_SIMULATED] = "simulated cycles of the products"};
    return notes[a->device.kind];
}

const char *cli_energy(double pj, char text[CLI_ENERGY_BYTES])
{
    bool large = pj >= 1e9;
    snprintf(text, CLI_ENERGY_BYTES, "%.4g %s", pj / (large ? 1e9 : 1e6), large ? "mJ" : "uJ");
    return text;
}

/* "1.234 ms (493600 cycles)" */
static void print_latency(const struct cli_allocate *a, double cost, FILE *out)
{
    fprintf(out, "%.4g ms", cli_allocate_ms(a, cost));
    if (a->device.kind != LW_COST_MEASURED)
        fprintf(out, " (%.0f %s)", cost, lw_cost_unit(a->device.kind));
}

static bool has_peak(const struct cli_allocate *a)
{
    return a->prediction.memory_base > 0;
}

/* "weights there 123 bytes", of this machine "peak memory 456 bytes" */
static void print_memory(const struct cli_allocate *a, double bytes, FILE *out)
{
    fprintf(out, "%s %.0f", has_peak(a) ? "peak memory" : "weights there", bytes);
}

static void print_range(const struct cli_allocate *a, FILE *out)
{
    double least, most;
    lw_allocation_range(&a->problem, LW_FIGURE_SIZE, &least, &most);
    fprintf(out, "attainable, each by itself: %.0f to %.0f bytes", least, most);
    lw_allocation_range(&a->problem, LW_FIGURE_LOSS, &least, &most);
    fprintf(out, "; divergence %.4f to %.4f nats a word",
            lw_predict_divergence(&a->prediction, least),
            lw_predict_divergence(&a->prediction, most));
    if (!isnan(a->prediction.bleu_slope))
        fprintf(out, " (BLEU -%.2f to -%.2f)",
                fmin(a->prediction.bleu_slope * lw_predict_divergence(&a->prediction, least),
                     a->prediction.fp32_bleu),
                fmin(a->prediction.bleu_slope * lw_predict_divergence(&a->prediction, most),
                     a->prediction.fp32_bleu));
    if (a->device_name) {
        lw_allocation_range(&a->problem, LW_FIGURE_LATENCY, &least, &most);
        fprintf(out, "; a sentence on %s ", a->device.name);
        print_latency(a, least, out);
        fputs(" to ", out);
        print_latency(a, most, out);
        lw_allocation_range(&a->problem, LW_FIGURE_MEMORY, &least, &most);
        fputs("; ", out);
        print_memory(a, least, out);
        fprintf(out, " to %.0f bytes", most);
    }
    if (a->prediction.has_energy) {
        lw_allocation_range(&a->problem, LW_FIGURE_ENERGY, &least, &most);
        char low[CLI_ENERGY_BYTES], high[CLI_ENERGY_BYTES];
        fprintf(out, "; energy %s to %s", cli_energy(least, low), cli_energy(most, high));
    }
    if (!isnan(a->area.gates))
        fprintf(out, "; area %.0f gates and %.0f bits of memories", a->area.gates,
                a->area.memory_bits);
    fputc('\n', out);
}

void cli_allocate_print_range(const struct cli_allocate *a)
{
    print_range(a, stdout);
    fflush(stdout);
}

/* One line of text from a stream that `print` wrote. */
static void add_text(struct lw_error *error, const struct cli_allocate *a,
                     void (*print)(const struct cli_allocate *a, FILE *out))
{
    char *text = NULL;
    size_t bytes;
    FILE *stream = open_memstream(&text, &bytes);
    if (!stream)
        return;
    print(a, stream);
    fclose(stream);
    text[strcspn(text, "\n")] = 0;
    lw_error_add(error, "%s", text);
    free(text);
}

void cli_allocate_explain(const struct cli_allocate *a, const struct lw_allocation *nearest,
                          struct lw_error *error)
{
    const struct lw_allocation_problem *p = &a->problem;
    add_text(error, a, print_range);
    if (!nearest)
        return;
    const double *f = nearest->figures;
    lw_error_add(error, "nearest to all limits, %.1f %% over:", 100 * nearest->excess);
    if (p->most[LW_FIGURE_SIZE] < INFINITY)
        lw_error_add(error, "  size about %.0f bytes where %.0f are asked for", f[LW_FIGURE_SIZE],
                     p->most[LW_FIGURE_SIZE]);
    if (p->most[LW_FIGURE_LATENCY] < INFINITY)
        lw_error_add(error, "  latency %.4g ms where %.4g ms are asked for",
                     cli_allocate_ms(a, f[LW_FIGURE_LATENCY]), a->latency_ms);
    if (p->most[LW_FIGURE_MEMORY] < INFINITY)
        lw_error_add(error, "  memory %.0f bytes where %.0f are asked for", f[LW_FIGURE_MEMORY],
                     p->most[LW_FIGURE_MEMORY]);
    char own[CLI_ENERGY_BYTES], asked[CLI_ENERGY_BYTES];
    if (p->most[LW_FIGURE_ENERGY] < INFINITY)
        lw_error_add(error, "  energy %s where %s are asked for",
                     cli_energy(f[LW_FIGURE_ENERGY], own), cli_energy(a->energy_pj, asked));
    if (p->most[LW_FIGURE_LOSS] < INFINITY)
        lw_error_add(error, "  a drop of %.2f BLEU where %.2f is asked for",
                     a->prediction.bleu_slope *
                         lw_predict_divergence(&a->prediction, f[LW_FIGURE_LOSS]),
                     a->drop);
}

static void print_parts(const struct cli_allocate *a, const struct lw_cell *cells)
{
    printf("%-26s %10s %12s %9s %10s", "part", "bits", "scales", "bytes", "divergence");
    if (a->device_name)
        printf(" %14s", lw_cost_unit(a->device.kind));
    putchar('\n');
    for (size_t p = 0; p < a->parts.count; p++) {
        const struct lw_cell_mode *mode = &lw_cell_modes[cells[p].mode];
        const double *f = a->items[p].options[a->best.chosen[p]].figures;
        char bits[LW_CELL_NAME_BYTES], group[8] = "row";
        lw_cell_bits_name(&a->parts.parts[p], &cells[p], bits);
        if (mode->group)
            snprintf(group, sizeof group, "%zu", mode->group);
        printf("%-26s %10s %8s/%-3s %9.0f %10.5f", a->parts.parts[p].name, bits,
               lw_alpha_name(mode->alpha), group, f[LW_FIGURE_SIZE], f[LW_FIGURE_LOSS]);
        if (a->device_name)
            printf(" %14.0f", f[LW_FIGURE_LATENCY]);
        putchar('\n');
    }
}

/* Average planes of a weight. */
static double average_bits(const struct cli_allocate *a, const struct lw_cell *cells)
{
    double weights = 0, planes = 0;
    for (size_t p = 0; p < a->parts.count; p++)
        for (size_t i = 0; i < a->parts.parts[p].count; i++) {
            const struct lw_matrix *matrix =
                &a->parts.model.matrices[a->parts.parts[p].matrices[i]];
            size_t rows[LW_WORD_CLASSES];
            lw_word_class_rows(matrix->rows, rows);
            weights += (double)(matrix->rows * matrix->columns);
            for (size_t c = 0; c < LW_WORD_CLASSES && a->parts.parts[p].words; c++)
                planes += (double)(rows[c] * matrix->columns) * cells[p].bits[c];
            if (!a->parts.parts[p].words)
                planes += (double)(matrix->rows * matrix->columns) * cells[p].bits[0];
        }
    return planes / weights;
}

static void print_totals(const struct cli_allocate *a, const struct lw_cell *cells)
{
    const double *f = a->best.figures;
    double divergence = lw_predict_divergence(&a->prediction, f[LW_FIGURE_LOSS]);
    printf("%s: %.0f bytes, %.2f bits a weight; divergence %.4f nats a word", a->output, a->bytes,
           average_bits(a, cells), divergence);
    if (!isnan(a->prediction.bleu_slope))
        printf(" (BLEU -%.2f)",
               fmin(a->prediction.bleu_slope * divergence, a->prediction.fp32_bleu));
    if (a->device_name) {
        printf("; a sentence of %zu and %zu words on %s ", a->costs.source_words,
               a->costs.target_words, a->device.name);
        print_latency(a, f[LW_FIGURE_LATENCY], stdout);
        fputs(", ", stdout);
        print_memory(a, f[LW_FIGURE_MEMORY], stdout);
        fputs(" bytes", stdout);
    }
    char energy[CLI_ENERGY_BYTES];
    if (a->prediction.has_energy)
        printf(", energy %s", cli_energy(f[LW_FIGURE_ENERGY], energy));
    if (!isnan(a->area.gates))
        printf(", area %.0f gates", a->area.gates);
    printf("\nbound %.6g, gap %.3g; %.2f s for the search, %.2f s in all\n", a->best.bound,
           a->best.gap, a->best.seconds, a->seconds);
}

/* What all products take with 2 bits and this kind of scales; NAN where the device takes no such.
 */
static double cost_of_mode(const struct cli_allocate *a, size_t mode)
{
    double sum = 0;
    for (size_t p = 0; p < a->parts.count; p++) {
        struct lw_cell cell = {.mode = mode};
        size_t option;
        memset(cell.bits, 2, sizeof cell.bits);
        if (!lw_prediction_find(&a->prediction, p, &cell, &option))
            return NAN;
        sum += a->prediction.options[p][option].figures[LW_FIGURE_LATENCY];
    }
    return sum;
}

/* Why plans on devices differ. */
static void print_scales(const struct cli_allocate *a)
{
    bool free_scales = !lw_cost_multiplier_bits(&a->device);
    double rows = NAN;
    for (size_t mode = 0; mode < LW_CELL_MODES; mode++) {
        const struct lw_cell_mode *scales = &lw_cell_modes[mode];
        double cost = cost_of_mode(a, mode);
        if ((scales->alpha == LW_ALPHA_FREE) != free_scales || isnan(cost))
            continue;
        if (!scales->group)
            rows = cost;
        else if (!isnan(rows))
            printf("scales for %zu columns take %.1f %% more on %s than for a row, at 2 bits\n",
                   scales->group, 100 * (cost / rows - 1), a->device.name);
    }
}

static void print_quality(const struct cli_allocate *a)
{
    const struct lw_prediction *p = &a->prediction;
    if (p->divergence.plans)
        printf(
            "predicted divergence = %.3g S^%.3g, S the sum over parts: on %zu whole plans off by "
            "%.0f %% rms, rank correlation %.3f\n",
            p->factor, p->power, p->divergence.plans, 100 * p->divergence.rms, p->divergence.rank);
    else
        puts("predicted divergence = S, the sum over parts: not calibrated on whole plans");
    if (!isnan(p->bleu_slope))
        printf("predicted drop = %.3g BLEU a nat: on %zu whole plans off by %.2f BLEU rms\n",
               p->bleu_slope, p->bleu.plans, p->bleu.rms);
    if (!a->device_name)
        return;
    if (p->latency.plans)
        printf("predicted latency (%s): on %zu whole plans off by %.1f %% at most\n",
               latency_note(a), p->latency.plans, 100 * p->latency.worst);
    else
        printf("predicted latency: %s\n", latency_note(a));
    if (p->memory.plans)
        printf(
            "predicted peak memory = %.4g MB + %.3g times the weights: on %zu whole plans off by "
            "%.1f %% at most\n",
            p->memory_base / 1e6, p->memory_share, p->memory.plans, 100 * p->memory.worst);
    if (p->has_energy)
        printf("predicted energy: of the products, counters times energies of events, an "
               "estimate\n");
    print_scales(a);
    unsigned bits = lw_cost_multiplier_bits(&a->device);
    if (bits)
        printf("%s multiplies weights of %u bits: codes of up to %u bits take the same cycles and "
               "energy there, and scales are uniform\n",
               a->device.name, bits, bits < LW_CELL_BITS ? bits : LW_CELL_BITS);
}

/* What the choice gains where one limit is wider: the limit binds where it gains at all. */
static enum lw_status print_more(const struct cli_allocate *a, const struct more *more,
                                 struct lw_error *error)
{
    struct lw_allocation_problem wider = a->problem;
    struct lw_allocation gain = {.chosen = calloc(a->parts.count, sizeof *gain.chosen)};
    double bytes;
    if (!gain.chosen)
        return lw_fail(error, LW_FAILED, "out of memory for the allocation");
    wider.most[more->figure] += more->amount;
    enum lw_status status = cli_allocate_solve(a, &wider, &gain, &bytes, error);
    enum lw_figure m = a->problem.minimise;
    double before = a->best.figures[m], after = gain.figures[m];
    bool binds = after < before * (1 - 1e-9);
    free(gain.chosen);
    if (status != LW_OK)
        return status;
    printf("%s %s", more->name, binds ? "would buy " : "buys nothing: this limit does not bind\n");
    if (!binds)
        return LW_OK;
    if (m == LW_FIGURE_LOSS) {
        double gained = lw_predict_divergence(&a->prediction, before) -
                        lw_predict_divergence(&a->prediction, after);
        printf("%.4f nats a word", gained);
        if (!isnan(a->prediction.bleu_slope))
            printf(" (BLEU +%.2f)", a->prediction.bleu_slope * gained);
    } else if (m == LW_FIGURE_LATENCY) {
        printf("%.4g ms", cli_allocate_ms(a, before) - cli_allocate_ms(a, after));
    } else if (m == LW_FIGURE_ENERGY) {
        char gained[CLI_ENERGY_BYTES];
        fputs(cli_energy(before - after, gained), stdout);
    } else {
        printf("%.0f bytes", before - after);
    }
    puts(": this limit binds");
    return LW_OK;
}

static enum lw_status print_shadows(const struct cli_allocate *a, struct lw_error *error)
{
    const struct lw_allocation_problem *p = &a->problem;
    double ms = a->device_name ? 1e6 / lw_cost_ns(&a->device) : 0;
    double drop = a->drop + 0.1;
    const struct more all[] = {
        {LW_FIGURE_SIZE, 1e6, "one more megabyte of size"},
        {LW_FIGURE_LATENCY, ms, "one more millisecond"},
        {LW_FIGURE_MEMORY, 1e6, "one more megabyte of memory"},
        {LW_FIGURE_ENERGY, 1e9, "one more millijoule"},
        {LW_FIGURE_LOSS,
         lw_predict_parts_loss(&a->prediction, drop / a->prediction.bleu_slope) -
             p->most[LW_FIGURE_LOSS],
         "another tenth of a BLEU"},
    };
    enum lw_status status = LW_OK;
    for (size_t i = 0; i < sizeof all / sizeof *all && status == LW_OK; i++)
        if (p->most[all[i].figure] < INFINITY)
            status = print_more(a, &all[i], error);
    if (status == LW_OK)
        cli_allocate_print_area(a);
    return status;
}

static enum lw_status print_json(const struct cli_allocate *a, const struct lw_cell *cells,
                                 struct lw_error *error)
{
    const double *f = a->best.figures;
    double divergence = lw_predict_divergence(&a->prediction, f[LW_FIGURE_LOSS]);
    json_t *parts = json_array();
    for (size_t p = 0; p < a->parts.count; p++) {
        char bits[LW_CELL_NAME_BYTES];
        const struct lw_cell_mode *mode = &lw_cell_modes[cells[p].mode];
        const double *own = a->items[p].options[a->best.chosen[p]].figures;
        lw_cell_bits_name(&a->parts.parts[p], &cells[p], bits);
        json_array_append_new(
            parts, json_pack("{s:s, s:s, s:s, s:I, s:f, s:f}", "part", a->parts.parts[p].name,
                             "bits", bits, "alpha", lw_alpha_name(mode->alpha), "group_columns",
                             (json_int_t)mode->group, "bytes", own[LW_FIGURE_SIZE], "divergence",
                             own[LW_FIGURE_LOSS]));
    }
    json_t *root =
        json_pack("{s:s, s:I, s:f, s:f, s:f, s:f, s:o}", "plan", a->output, "bytes",
                  (json_int_t)a->bytes, "bits", average_bits(a, cells), "divergence_nats_a_word",
                  divergence, "gap", a->best.gap, "seconds", a->seconds, "parts", parts);
    if (!root)
        return lw_fail(error, LW_FAILED, "%s: no JSON: the path is not UTF-8, or no memory is left",
                       a->output);
    if (a->device_name)
        json_object_set_new(root, "latency",
                            json_pack("{s:s, s:f, s:f, s:s}", "device", a->device.name, "ms",
                                      cli_allocate_ms(a, f[LW_FIGURE_LATENCY]), "cost",
                                      f[LW_FIGURE_LATENCY], "unit", lw_cost_unit(a->device.kind)));
    if (a->device_name)
        json_object_set_new(root, has_peak(a) ? "peak_memory_bytes" : "weights_bytes",
                            json_integer((json_int_t)f[LW_FIGURE_MEMORY]));
    if (a->prediction.has_energy)
        json_object_set_new(root, "energy_pj", json_real(f[LW_FIGURE_ENERGY]));
    if (!isnan(a->area.gates))
        json_object_set_new(root, "area_gates", json_real(a->area.gates));
    json_dumpf(root, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    putchar('\n');
    json_decref(root);
    return LW_OK;
}

enum lw_status cli_allocate_print(struct cli_allocate *a, struct lw_error *error)
{
    struct lw_cell *cells = calloc(a->parts.count, sizeof *cells);
    if (!cells)
        return lw_fail(error, LW_FAILED, "out of memory for the plan");
    enum lw_status status = LW_OK;
    cli_allocate_cells(a, a->best.chosen, cells);
    if (a->json) {
        status = print_json(a, cells, error);
    } else {
        print_parts(a, cells);
        print_totals(a, cells);
        print_quality(a);
        status = print_shadows(a, error);
    }
    free(cells);
    return status;
}
