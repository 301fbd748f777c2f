/* lutwidge allocate: the bits of each part of a model from what was measured. */
#include "cli/allocate.h"

#include "cli/cli.h"
#include "cli/planning.h"
#include "cli/prefix.h"

#include "models/file.h"
#include "models/lwm.h"

#include <math.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_VERIFIED = 32, MOST_TIGHTENINGS = 20 };

/* The search ends then; a few dozen parts take well under a second. */
static const double SEARCH_S = 60;

static enum lw_status parse_minimise(const char *name, enum lw_figure *figure,
                                     struct lw_error *error)
{
    static const char *const names[] = {[LW_FIGURE_LOSS] = "loss",
                                        [LW_FIGURE_SIZE] = "size",
                                        [LW_FIGURE_LATENCY] = "latency",
                                        [LW_FIGURE_MEMORY] = "memory"};
    for (int f = 0; f < LW_FIGURES; f++)
        if (strcmp(name, names[f]) == 0) {
            *figure = (enum lw_figure)f;
            return LW_OK;
        }
    return lw_fail(error, LW_USAGE, "--minimise takes loss, size, latency or memory, not '%s'",
                   name);
}

static enum lw_status check_options(const struct cli_allocate *a, struct lw_error *error)
{
    bool needs_device = !isnan(a->latency_ms) || a->memory_bytes ||
                        a->problem.minimise == LW_FIGURE_LATENCY ||
                        a->problem.minimise == LW_FIGURE_MEMORY;
    if (!a->output)
        return lw_fail(error, LW_USAGE, "where to? Name the plan with -o plan.yaml");
    if (needs_device && !a->device_name)
        return lw_fail(error, LW_USAGE,
                       "latency and memory are of a device: name it with --device");
    if (!isnan(a->drop) && !(a->drop > 0))
        return lw_fail(error, LW_USAGE, "--max-drop takes BLEU points above 0");
    if (a->problem.minimise == LW_FIGURE_LOSS && !isnan(a->drop))
        return lw_fail(error, LW_USAGE,
                       "--max-drop limits the loss: say what else is to be small with --minimise "
                       "size, latency or memory");
    if (a->problem.minimise == LW_FIGURE_LOSS && !a->size_bytes && !a->memory_bytes &&
        isnan(a->latency_ms))
        return lw_fail(error, LW_USAGE,
                       "nothing limits the model: give --max-size, --max-latency or --max-memory");
    if (a->problem.minimise != LW_FIGURE_LOSS && isnan(a->drop))
        return lw_fail(error, LW_USAGE, "--minimise needs a limit of the loss: --max-drop");
    if (a->verify < 0 || a->verify > MOST_VERIFIED)
        return lw_fail(error, LW_USAGE, "--verify takes 1 to %d", MOST_VERIFIED);
    if (a->verify && (!a->source || !a->reference))
        return lw_fail(error, LW_USAGE,
                       "--verify measures on the text of the profile: name it with --source and "
                       "--ref");
    if (a->counts && !a->verify)
        return lw_fail(error, LW_USAGE,
                       "--counts goes with --verify: classes of words are in the "
                       "database already");
    if (a->threads < 1 || a->threads > 1024)
        return lw_fail(error, LW_USAGE, "--threads must be from 1 to 1024");
    return LW_OK;
}

static enum lw_status parse(int argc, const char **argv, struct cli_allocate *a,
                            struct lw_error *error)
{
    const char *size = NULL, *memory = NULL, *latency = NULL, *minimise = "loss";
    a->threads = (int)sysconf(_SC_NPROCESSORS_ONLN);
    a->database_path = "lutwidge.db";
    a->plan_name = "allocated";
    a->latency_ms = a->drop = NAN;
    struct poptOption options[] = {
        {"output", 'o', POPT_ARG_STRING, &a->output, 0, "the plan to write", "PLAN.yaml"},
        {"device", 'd', POPT_ARG_STRING, &a->device_name, 0,
         "host, an Arm CPU or an engine that the model was profiled for", "DEVICE"},
        {"max-size", 0, POPT_ARG_STRING, &size, 0, "most bytes of the model, tokeniser aside (2MB)",
         "SIZE"},
        {"max-latency", 0, POPT_ARG_STRING, &latency, 0,
         "most time of the profiled text's mean sentence (5ms, 800us)", "TIME"},
        {"max-memory", 0, POPT_ARG_STRING, &memory, 0,
         "most bytes of the weights as the device holds them", "SIZE"},
        {"max-drop", 0, POPT_ARG_DOUBLE, &a->drop, 0, "most BLEU lost, with --minimise", "BLEU"},
        {"minimise", 0, POPT_ARG_STRING | POPT_ARGFLAG_SHOW_DEFAULT, &minimise, 0,
         "loss, size, latency or memory", "FIGURE"},
        {"pin", 0, POPT_ARG_ARGV, &a->pins, 0,
         "parts whose names match have so many bits; may be repeated, the last one counts",
         "REGEX=BITS"},
        {"verify", 0, POPT_ARG_INT, &a->verify, 0,
         "build the K best plans, measure them on the text of the profile, keep the best", "K"},
        {"source", 's', POPT_ARG_STRING, &a->source, 0, "with --verify: the text", "FILE"},
        {"ref", 'r', POPT_ARG_STRING, &a->reference, 0, "with --verify: its reference translation",
         "FILE"},
        {"counts", 0, POPT_ARG_STRING, &a->counts, 0,
         "with --verify: the table of word counts of the profile, if it had one", "TABLE"},
        {"name", 0, POPT_ARG_STRING | POPT_ARGFLAG_SHOW_DEFAULT, &a->plan_name, 0,
         "name of the plan; it is kept in the model's file", "NAME"},
        {"threads", 't', POPT_ARG_INT, &a->threads, 0,
         "with --verify: threads to use (default: all)", "N"},
        {"db", 0, POPT_ARG_STRING | POPT_ARGFLAG_SHOW_DEFAULT, &a->database_path, 0,
         "the database that `profile` filled", "FILE"},
        {"json", 0, POPT_ARG_NONE, &a->json, 0, "print the result as JSON", NULL},
        POPT_TABLEEND};
    const char **rest;
    enum lw_status status = cli_parse(cli_verb_named("allocate"), argc, argv, options, 1, 1, &rest);
    if (status != LW_OK)
        return status;
    a->folder = rest[0];
    if (size)
        status = cli_parse_bytes("--max-size", size, &a->size_bytes, error);
    if (status == LW_OK && memory)
        status = cli_parse_bytes("--max-memory", memory, &a->memory_bytes, error);
    if (status == LW_OK && latency)
        status = cli_parse_ms("--max-latency", latency, &a->latency_ms, error);
    if (status == LW_OK)
        status = parse_minimise(minimise, &a->problem.minimise, error);
    return status == LW_OK ? check_options(a, error) : status;
}

static enum lw_status predict(struct cli_allocate *a, struct lw_error *error)
{
    struct lw_text_subject text;
    enum lw_status status = LW_OK;
    if (a->device_name) {
        status = lw_cost_device_named(a->device_name, &a->device, error);
        if (status == LW_OK)
            status = lw_cost_maker(&a->device, &a->maker, error);
        a->costs = (struct lw_cost_subject){
            .model_hash = a->parts.text.model_hash, .maker = a->maker, .device = &a->device};
    }
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

/* The options that pins leave. */
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

double cli_allocate_ms(const struct cli_allocate *a, double cost)
{
    return lw_predict_latency(&a->prediction, cost) * lw_cost_ns(&a->device) / 1e6;
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
    cli_allocate_cells(a, a->best.chosen, cells);
    double bytes, sums[LW_FIGURES];
    enum lw_status status = cli_allocate_bytes(a, cells, &bytes, error);
    free(cells);
    lw_allocation_sum(p, a->best.chosen, sums);
    p->fixed[LW_FIGURE_SIZE] = bytes - sums[LW_FIGURE_SIZE];
    for (int f = 0; f < LW_FIGURES; f++)
        p->most[f] = INFINITY;
    if (a->size_bytes)
        p->most[LW_FIGURE_SIZE] = (double)a->size_bytes;
    if (a->memory_bytes)
        p->most[LW_FIGURE_MEMORY] = (double)a->memory_bytes;
    if (!isnan(a->latency_ms))
        p->most[LW_FIGURE_LATENCY] =
            lw_predict_cost(&a->prediction, a->latency_ms * 1e6 / lw_cost_ns(&a->device));
    /* No products take no time at all: such a limit is as bad as none of them. */
    if (p->most[LW_FIGURE_LATENCY] <= 0)
        p->most[LW_FIGURE_LATENCY] = 1e-3;
    if (isnan(a->drop) || status != LW_OK)
        return status;
    if (isnan(a->prediction.bleu_slope))
        return lw_fail(error, LW_FAILED,
                       "no whole plans with BLEU are in %s, so a drop cannot be predicted: run "
                       "'lutwidge profile' without --no-bleu",
                       a->database_path);
    p->most[LW_FIGURE_LOSS] =
        lw_predict_parts_loss(&a->prediction, a->drop / a->prediction.bleu_slope);
    return LW_OK;
}

static enum lw_status write_plan(const struct cli_allocate *a, struct lw_error *error)
{
    struct lw_cell *cells = calloc(a->parts.count, sizeof *cells);
    struct lw_plan plan = {0};
    struct lw_writer writer = {0};
    char comment[512];
    if (!cells)
        return lw_fail(error, LW_FAILED, "out of memory for the plan");
    snprintf(comment, sizeof comment,
             "Chosen by lutwidge allocate: %.0f bytes without tokeniser, a predicted divergence of "
             "%.4f nats a word.\n",
             a->bytes, lw_predict_divergence(&a->prediction, a->best.figures[LW_FIGURE_LOSS]));
    cli_allocate_cells(a, a->best.chosen, cells);
    enum lw_arith arith = a->device_name ? lw_cost_arith(&a->device) : LW_ARITH_T8;
    enum lw_status status = lw_cells_plan(a->parts.parts, cells, a->parts.count, arith,
                                          a->plan_name, comment, &plan, error);
    if (status == LW_OK)
        status = lw_writer_open(a->output, &writer, error);
    if (status == LW_OK) {
        status = lw_plan_print(&plan, writer.stream, error);
        if (status == LW_OK)
            status = lw_writer_commit(&writer, error);
        else
            lw_writer_abort(&writer);
    }
    lw_plan_free(&plan);
    free(cells);
    return status;
}

/* Solves; where the limits cannot be met, the error tells what can be had. */
static enum lw_status choose(struct cli_allocate *a, struct lw_error *error)
{
    enum lw_status status = cli_allocate_solve(a, &a->problem, &a->best, &a->bytes, error);
    if (status != LW_INFEASIBLE)
        return status;
    struct lw_allocation nearest = a->best;
    struct lw_error ignored = {0};
    bool found = lw_allocate_nearest(&a->problem, &nearest, &ignored) == LW_OK;
    cli_allocate_explain(a, found ? &nearest : NULL, error);
    return status;
}

static enum lw_status allocate(struct cli_allocate *a, struct lw_error *error)
{
    double start_s = cli_now_s();
    enum lw_status status = cli_parts_open(a->folder, &a->parts, error);
    if (status == LW_OK)
        status = a->verify ? lw_database_open(a->database_path, &a->database, error)
                           : lw_database_open_read_only(a->database_path, &a->database, error);
    if (status == LW_OK)
        status = predict(a, error);
    if (status == LW_OK)
        status = keep_options(a, error);
    if (status == LW_OK)
        status = set_problem(a, error);
    if (status == LW_OK && !a->json)
        cli_allocate_print_range(a);
    if (status == LW_OK)
        status = choose(a, error);
    if (status == LW_OK && a->verify)
        status = cli_allocate_verify(a, error);
    if (status == LW_OK)
        status = write_plan(a, error);
    a->seconds = cli_now_s() - start_s;
    return status == LW_OK ? cli_allocate_print(a, error) : status;
}

static void free_all(struct cli_allocate *a)
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
    lw_database_close(a->database);
    cli_parts_close(&a->parts);
}

int cli_allocate(int argc, const char **argv)
{
    struct cli_allocate a = {0};
    struct lw_error error = {0};
    enum lw_status status = parse(argc, argv, &a, &error);
    if (status == LW_OK) {
        char *command = cli_command_line(argc, argv);
        a.command = command;
        status = allocate(&a, &error);
        free(command);
    }
    free_all(&a);
    /* cli_parse has printed its own errors. */
    if (status != LW_OK && error.text[0])
        cli_report("allocate", status, &error);
    return (int)status;
}
