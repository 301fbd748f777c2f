/* lutwidge allocate: the bits of each part of a model from what was measured. */
#include "cli/allocate.h"

#include "cli/cli.h"
#include "cli/planning.h"
#include "cli/prefix.h"

#include "models/file.h"
#include "models/lwm.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_VERIFIED = 32 };

/* Area is none of the solver's figures: it is of the device. */
static enum lw_status parse_minimise(const char *name, struct cli_allocate *a,
                                     struct lw_error *error)
{
    static const char *const names[] = {[LW_FIGURE_LOSS] = "loss",
                                        [LW_FIGURE_SIZE] = "size",
                                        [LW_FIGURE_LATENCY] = "latency",
                                        [LW_FIGURE_MEMORY] = "memory",
                                        [LW_FIGURE_ENERGY] = "energy"};
    a->minimises_area = strcmp(name, "area") == 0;
    if (a->minimises_area)
        return LW_OK;
    for (int f = 0; f < LW_FIGURES; f++)
        if (strcmp(name, names[f]) == 0) {
            a->problem.minimise = (enum lw_figure)f;
            return LW_OK;
        }
    return lw_fail(error, LW_USAGE,
                   "--minimise takes loss, size, latency, memory, energy or area, not '%s'", name);
}

static enum lw_status check_options(const struct cli_allocate *a, struct lw_error *error)
{
    bool of_loss = a->problem.minimise == LW_FIGURE_LOSS && !a->minimises_area;
    bool of_device =
        !isnan(a->latency_ms) || a->memory_bytes || !isnan(a->energy_pj) || !isnan(a->area_gates);
    bool needs_device = of_device || (!of_loss && a->problem.minimise != LW_FIGURE_SIZE);
    if (!a->output)
        return lw_fail(error, LW_USAGE, "where to? Name the plan with -o plan.yaml");
    if (needs_device && !a->device_lists)
        return lw_fail(error, LW_USAGE,
                       "latency, memory, energy and area are of a device: name it with --device");
    if (of_loss && !isnan(a->drop))
        return lw_fail(error, LW_USAGE,
                       "--max-drop limits the loss: say what else is to be small with --minimise "
                       "size, latency, memory, energy or area");
    if (of_loss && !a->size_bytes && !of_device)
        return lw_fail(error, LW_USAGE,
                       "nothing limits the model: give --max-size, --max-latency, --max-memory, "
                       "--max-energy or --max-area");
    if (!of_loss && isnan(a->drop))
        return lw_fail(error, LW_USAGE, "--minimise needs a limit of the loss: --max-drop");
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
    const char *energy = NULL, *area = NULL;
    a->threads = (int)sysconf(_SC_NPROCESSORS_ONLN);
    a->database_path = "lutwidge.db";
    a->plan_name = "allocated";
    a->latency_ms = a->energy_pj = a->area_gates = NAN;
    a->drop = CLI_NO_REAL;
    a->verify = CLI_NO_NUMBER;
    struct poptOption options[] = {
        {"output", 'o', POPT_ARG_STRING, &a->output, 0, "the plan to write", "PLAN.yaml"},
        {"device", 'd', POPT_ARG_ARGV, &a->device_lists, 0,
         "host, an Arm CPU or an engine that the model was profiled for; of a list of names the "
         "best is taken",
         "DEVICES"},
        {"max-size", 0, POPT_ARG_STRING, &size, 0, "most bytes of the model, tokeniser aside (2MB)",
         "SIZE"},
        {"max-latency", 0, POPT_ARG_STRING, &latency, 0,
         "most time of the profiled text's mean sentence (5ms, 800us)", "TIME"},
        {"max-memory", 0, POPT_ARG_STRING, &memory, 0,
         "most bytes of a process that translates on this machine, or of the weights as another "
         "device holds them",
         "SIZE"},
        {"max-energy", 0, POPT_ARG_STRING, &energy, 0,
         "of engines: most energy of that sentence's products, an estimate (150uJ)", "ENERGY"},
        {"max-area", 0, POPT_ARG_STRING, &area, 0,
         "of engines: most gates of a device that may be taken (220k)", "GATES"},
        {"max-drop", 0, POPT_ARG_DOUBLE, &a->drop, 0, "most BLEU lost, with --minimise", "BLEU"},
        {"minimise", 0, POPT_ARG_STRING | POPT_ARGFLAG_SHOW_DEFAULT, &minimise, 0,
         "loss, size, latency, memory, energy or area", "FIGURE"},
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
    if (a->verify != CLI_NO_NUMBER && (a->verify < 1 || a->verify > MOST_VERIFIED))
        return lw_fail(error, LW_USAGE, "--verify takes 1 to %d, not %d", MOST_VERIFIED, a->verify);
    if (a->drop != CLI_NO_REAL && !(a->drop > 0))
        return lw_fail(error, LW_USAGE, "--max-drop takes BLEU points above 0");
    a->verify = a->verify == CLI_NO_NUMBER ? 0 : a->verify;
    a->drop = a->drop == CLI_NO_REAL ? NAN : a->drop;
    if (size)
        status = cli_parse_bytes("--max-size", size, &a->size_bytes, error);
    if (status == LW_OK && memory)
        status = cli_parse_bytes("--max-memory", memory, &a->memory_bytes, error);
    if (status == LW_OK && latency)
        status = cli_parse_ms("--max-latency", latency, &a->latency_ms, error);
    if (status == LW_OK && energy)
        status = cli_parse_pj("--max-energy", energy, &a->energy_pj, error);
    if (status == LW_OK && area)
        status = cli_parse_gates("--max-area", area, &a->area_gates, error);
    if (status == LW_OK)
        status = parse_minimise(minimise, a, error);
    if (status == LW_OK)
        status = cli_allocate_name_devices(a, error);
    return status == LW_OK ? check_options(a, error) : status;
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

static enum lw_status allocate(struct cli_allocate *a, struct lw_error *error)
{
    double start_s = cli_now_s();
    const char *const inputs[] = {a->database_path, a->source, a->reference, a->counts};
    enum lw_status status =
        cli_check_output(a->output, inputs, sizeof inputs / sizeof *inputs, error);
    if (status == LW_OK)
        status = cli_parts_open(a->folder, &a->parts, error);
    if (status == LW_OK)
        status = a->verify ? lw_database_open(a->database_path, &a->database, error)
                           : lw_database_open_read_only(a->database_path, &a->database, error);
    if (status == LW_OK)
        status = cli_allocate_choose(a, error);
    if (status == LW_OK && a->verify)
        status = cli_allocate_verify(a, error);
    if (status == LW_OK)
        status = write_plan(a, error);
    a->seconds = cli_now_s() - start_s;
    return status == LW_OK ? cli_allocate_print(a, error) : status;
}

static void free_all(struct cli_allocate *a)
{
    cli_allocate_forget(a);
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
