/* What allocation solves for one device: the options that the database knows and pins leave, the
 * limits, and what a choice takes. */
#include "cli/allocate.h"

#include "cli/planning.h"

#include "models/lwm.h"

#include <math.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_TIGHTENINGS = 20 };

/* The search ends then; a few dozen parts take well under a second. */
static const double SEARCH_S = 60;

/* Energy and area are of engines. */
static enum lw_status check_kind(const struct cli_allocate *a, struct lw_error *error)
{
    bool energy = !isnan(a->energy_pj) || a->problem.minimise == LW_FIGURE_ENERGY;
    bool area = !isnan(a->area_gates) || a->minimises_area;
    if (a->device.kind == LW_COST_SIMULATED || (!energy && !area))
        return LW_OK;
    return lw_fail(error, LW_USAGE, "%s is of engines: %s is none", energy ? "energy" : "area",
                   a->device_name);
}

/* Of an engine as it was synthesised. */
static enum lw_status know_area(struct cli_allocate *a, struct lw_error *error)
{
    struct lw_engine engine;
    bool wanted = !isnan(a->area_gates) || a->minimises_area;
    if (a->device.kind != LW_COST_SIMULATED)
        return LW_OK;
    enum lw_status status = lw_engine_parse(a->device.engine->engine, &engine, error);
    if (status == LW_OK)
        status = lw_database_area(a->database, &engine, &a->area, error);
    if (status == LW_OK && wanted && isnan(a->area.gates))
        return lw_fail(error, LW_FAILED,
                       "%s has no synthesis of %s: run 'lutwidge profile' without --no-energy "
                       "where Yosys is installed",
                       a->database_path, a->device_name);
    return status;
}

static enum lw_status describe_device(struct cli_allocate *a, struct lw_error *error)
{
    a->area = (struct lw_area){.gates = NAN, .memory_bits = NAN};
    if (!a->device_name)
        return LW_OK;
    enum lw_status status = lw_cost_device_named(a->device_name, &a->device, error);
    if (status == LW_OK)
        status = check_kind(a, error);
    if (status == LW_OK)
        status = know_area(a, error);
    if (status == LW_OK)
        status = lw_cost_maker(&a->device, &a->maker, error);
    a->costs = (struct lw_cost_subject){
        .model_hash = a->parts.text.model_hash, .maker = a->maker, .device = &a->device};
    return status;
}

static enum lw_status predict(struct cli_allocate *a, struct lw_error *error)
{
    struct lw_text_subject text;
    enum lw_status status = describe_device(a, error);
    if (status == LW_OK)
        status = lw_database_last_text(a->database, a->parts.text.model_hash, &text, error);
    if (status == LW_OK && a->device_name)
        status = lw_database_last_sentence(a->database, &a->costs, error);
    if (status != LW_OK)
        return status;
    a->parts.text = text;
    const struct lw_prediction_setup setup = {.model = &a->parts.model,
                                              .parts = a->parts.parts,
                                              .part_count = a->parts.count,
                                              .database = a->database,
                                              .text = &a->parts.text,
                                              .costs = a->device_name ? &a->costs : NULL};
    return lw_prediction_make(&setup, &a->prediction, error);
}

/* The bits that pins give each part, 0 where none does. */
static enum lw_status read_pins(const struct cli_allocate *a, unsigned *pinned,
                                struct lw_error *error)
{
    for (const char **pin = a->pins; pin && *pin; pin++) {
        const char *equals = strrchr(*pin, '=');
        unsigned long bits = equals ? strtoul(equals + 1, NULL, 10) : 0;
        size_t matched = 0;
        char pattern[256];
        regex_t regex;
        if (!equals || bits < 1 || bits > LW_CELL_BITS || strlen(equals) != 2)
            return lw_fail(error, LW_USAGE,
                           "--pin takes REGEX=BITS with 1 to %d bits, like decoder.ffn=2, not '%s'",
                           LW_CELL_BITS, *pin);
        snprintf(pattern, sizeof pattern, "%.*s", (int)(equals - *pin), *pin);
        if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0)
            return lw_fail(error, LW_USAGE, "--pin: '%s' is no extended regular expression",
                           pattern);
        for (size_t p = 0; p < a->parts.count; p++)
            if (regexec(&regex, a->parts.parts[p].name, 0, NULL, 0) == 0) {
                pinned[p] = (unsigned)bits;
                matched++;
            }
        regfree(&regex);
        if (!matched)
            return lw_fail(error, LW_USAGE, "--pin: no part's name matches '%s'", pattern);
    }
    return LW_OK;
}

static bool is_allowed(const struct lw_part *part, const struct lw_cell *cell, unsigned bits)
{
    return bits == 0 || (lw_cell_is_alike(part, cell) && cell->bits[0] == bits);
}

/* The options that pins leave, with what they add to a sentence and to the memory. */
static enum lw_status keep_options(struct cli_allocate *a, struct lw_error *error)
{
    size_t count = a->parts.count;
    unsigned *pinned = calloc(count, sizeof *pinned);
    a->items = calloc(count, sizeof *a->items);
    a->kept = calloc(count, sizeof *a->kept);
    a->kept_index = calloc(count, sizeof *a->kept_index);
    enum lw_status status = pinned && a->items && a->kept && a->kept_index
                                ? read_pins(a, pinned, error)
                                : lw_fail(error, LW_FAILED, "out of memory for the allocation");
    for (size_t p = 0; p < count && status == LW_OK; p++) {
        const struct lw_allocation_item *item = &a->prediction.items[p];
        size_t kept = 0;
        a->kept[p] = calloc(item->option_count, sizeof **a->kept);
        a->kept_index[p] = calloc(item->option_count, sizeof **a->kept_index);
        if (!a->kept[p] || !a->kept_index[p])
            status = lw_fail(error, LW_FAILED, "out of memory for the allocation");
        for (size_t o = 0; o < item->option_count && status == LW_OK; o++)
            if (is_allowed(&a->parts.parts[p], &a->prediction.cells[p][o], pinned[p])) {
                a->kept[p][kept] = item->options[o];
                a->kept[p][kept].figures[LW_FIGURE_LATENCY] *= a->prediction.share;
                a->kept[p][kept].figures[LW_FIGURE_MEMORY] *= a->prediction.memory_share;
                a->kept_index[p][kept++] = o;
            }
        a->items[p] = (struct lw_allocation_item){kept, a->kept[p]};
        if (status == LW_OK && !kept)
            status = lw_fail(error, LW_FAILED, "%s was not profiled with %u bits",
                             a->parts.parts[p].name, pinned[p]);
    }
    free(pinned);
    return status;
}

void cli_allocate_cells(const struct cli_allocate *a, const size_t *chosen, struct lw_cell *cells)
{
    for (size_t p = 0; p < a->parts.count; p++)
        cells[p] = a->prediction.cells[p][a->kept_index[p][chosen[p]]];
}

double cli_allocate_ms(const struct cli_allocate *a, double latency)
{
    return latency * lw_cost_ns(&a->device) / 1e6;
}

enum lw_status cli_allocate_bytes(const struct cli_allocate *a, const struct lw_cell *cells,
                                  double *bytes, struct lw_error *error)
{
    const struct lw_cost_device cpu = {.kind = LW_COST_MEASURED};
    const struct lw_costing costing = {.device = a->device_name ? &a->device : &cpu,
                                       .model = &a->parts.model,
                                       .parts = a->parts.parts,
                                       .part_count = a->parts.count};
    struct lw_model outline;
    struct lw_size size;
    char made_by[CLI_MADE_BY_BYTES];
    enum lw_status status = lw_costs_outline(&costing, cells, &outline, error);
    if (status != LW_OK)
        return status;
    cli_made_by_plan(a->plan_name, false, NULL, made_by);
    status = lw_lwm_measure(&outline, made_by, &size, error);
    lw_model_free(&outline);
    *bytes = (double)(size.file_bytes - size.tokenizer_bytes);
    return status;
}

enum lw_status cli_allocate_solve(const struct cli_allocate *a,
                                  const struct lw_allocation_problem *problem,
                                  struct lw_allocation *allocation, double *bytes,
                                  struct lw_error *error)
{
    struct lw_allocation_problem own = *problem;
    struct lw_cell *cells = calloc(a->parts.count, sizeof *cells);
    double seconds = 0;
    enum lw_status status =
        cells ? LW_OK : lw_fail(error, LW_FAILED, "out of memory for the allocation");
    /* Sections are aligned and names of codes differ in length: some dozen bytes that no sum has.
     */
    for (int i = 0; i < MOST_TIGHTENINGS && status == LW_OK; i++) {
        status = lw_allocate(&own, allocation, error);
        seconds += allocation->seconds;
        if (status != LW_OK)
            break;
        cli_allocate_cells(a, allocation->chosen, cells);
        status = cli_allocate_bytes(a, cells, bytes, error);
        double excess = *bytes - problem->most[LW_FIGURE_SIZE];
        if (status != LW_OK || !(excess > 0))
            break;
        own.most[LW_FIGURE_SIZE] -= excess;
    }
    allocation->seconds = seconds;
    free(cells);
    return status;
}

/* What a file has beside the codes of its parts: of the first options, which all plans share but
 * for some dozen bytes. */
static enum lw_status set_problem(struct cli_allocate *a, struct lw_error *error)
{
    struct lw_allocation_problem *p = &a->problem;
    size_t count = a->parts.count;
    struct lw_cell *cells = calloc(count, sizeof *cells);
    a->best.chosen = calloc(count, sizeof *a->best.chosen);
    if (!cells || !a->best.chosen)
        return lw_fail(error, LW_FAILED, "out of memory for the allocation");
    p->item_count = count;
    p->items = a->items;
    p->seconds = SEARCH_S;
    memset(p->fixed, 0, sizeof p->fixed);
    cli_allocate_cells(a, a->best.chosen, cells);
    double bytes, sums[LW_FIGURES];
    enum lw_status status = cli_allocate_bytes(a, cells, &bytes, error);
    free(cells);
    lw_allocation_sum(p, a->best.chosen, sums);
    p->fixed[LW_FIGURE_SIZE] = bytes - sums[LW_FIGURE_SIZE];
    p->fixed[LW_FIGURE_LATENCY] = a->prediction.base;
    p->fixed[LW_FIGURE_MEMORY] = a->prediction.memory_base;
    for (int f = 0; f < LW_FIGURES; f++)
        p->most[f] = INFINITY;
    if (a->size_bytes)
        p->most[LW_FIGURE_SIZE] = (double)a->size_bytes;
    if (a->memory_bytes)
        p->most[LW_FIGURE_MEMORY] = (double)a->memory_bytes;
    if (!isnan(a->energy_pj))
        p->most[LW_FIGURE_ENERGY] = a->energy_pj;
    if (!isnan(a->latency_ms))
        p->most[LW_FIGURE_LATENCY] = a->latency_ms * 1e6 / lw_cost_ns(&a->device);
    if (isnan(a->drop) || status != LW_OK)
        return status;
    if (isnan(a->prediction.bleu_slope) && a->prediction.bleu.plans)
        return lw_fail(error, LW_FAILED,
                       "of %zu whole plans with BLEU in %s the worse do not lose any, so a drop "
                       "cannot be predicted: profile a text that the model translates well",
                       a->prediction.bleu.plans, a->database_path);
    if (isnan(a->prediction.bleu_slope))
        return lw_fail(error, LW_FAILED,
                       "no whole plans with BLEU are in %s, so a drop cannot be predicted: run "
                       "'lutwidge profile' without --no-bleu",
                       a->database_path);
    p->most[LW_FIGURE_LOSS] =
        lw_predict_parts_loss(&a->prediction, a->drop / a->prediction.bleu_slope);
    return LW_OK;
}

/* Energies need the gates of an engine. */
static enum lw_status check_energy(const struct cli_allocate *a, struct lw_error *error)
{
    bool wanted = !isnan(a->energy_pj) || a->problem.minimise == LW_FIGURE_ENERGY;
    if (!wanted || a->prediction.has_energy)
        return LW_OK;
    return lw_fail(error, LW_FAILED,
                   "%s has costs of %s without energies: run 'lutwidge profile' without "
                   "--no-energy where Yosys is installed",
                   a->database_path, a->device_name);
}

enum lw_status cli_allocate_prepare(struct cli_allocate *a, struct lw_error *error)
{
    enum lw_status status = predict(a, error);
    if (status == LW_OK)
        status = check_energy(a, error);
    if (status == LW_OK)
        status = keep_options(a, error);
    return status == LW_OK ? set_problem(a, error) : status;
}

void cli_allocate_forget(struct cli_allocate *a)
{
    for (size_t p = 0; p < a->parts.count; p++) {
        if (a->kept)
            free(a->kept[p]);
        if (a->kept_index)
            free(a->kept_index[p]);
    }
    free(a->kept);
    free(a->kept_index);
    free(a->items);
    free(a->best.chosen);
    free(a->maker);
    lw_prediction_free(&a->prediction);
    a->kept = NULL;
    a->kept_index = NULL;
    a->items = NULL;
    a->best.chosen = NULL;
    a->maker = NULL;
}
