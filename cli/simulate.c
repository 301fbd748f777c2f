/* lutwidge simulate: what the lookup-table engine takes for a layer, a decoder step or a text. */
#include "cli/cli.h"
#include "cli/loaded.h"
#include "cli/simulate_print.h"
#include "cli/simulate_synth.h"
#include "cli/simulate_text.h"

#include "gen/bundle.h"
#include "models/file.h"
#include "models/lwm.h"
#include "profiles/database_sensitivity.h"
#include "profiles/database_simulations.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_COLUMNS = 4096 };

struct task {
    struct cli_request request;
    const char *path, *layer, *text, *input, *synth, *database_path, *command, *trace;
    int trace_from, trace_cycles;
    int step, columns, beams, lines;
    double clock_mhz;

    char model_hash[33];
    const struct lw_sim_device *device;
    struct lw_simulator simulator;
    struct lw_database *database; /* NULL: none is asked for */
    int64_t run;
};

static enum lw_status parse(int argc, const char **argv, struct task *task, struct lw_error *error)
{
    int quiet = 0;
    struct poptOption options[] = {
        {"layer", 'l', POPT_ARG_STRING, &task->layer, 0, "the product with one matrix", "NAME"},
        {"step", 0, POPT_ARG_NONE, &task->step, 0,
         "the products of a decoder step: independent, and each layer waiting for the one before",
         NULL},
        {"text", 't', POPT_ARG_STRING, &task->text, 0, "the translation of a line", "TEXT"},
        {"synth", 0, POPT_ARG_STRING, &task->synth, 0,
         "no model: what the engine takes in gates (asic), in FPGAs (xc7, ice40), or all", "FLOW"},
        {"columns", 'c', POPT_ARG_INT | POPT_ARGFLAG_SHOW_DEFAULT, &task->columns, 0,
         "columns of activations of a layer or step (beams)", "N"},
        {"beam", 'b', POPT_ARG_INT | POPT_ARGFLAG_SHOW_DEFAULT, &task->beams, 0,
         "beams of a text; 1 is greedy", "N"},
        {"lines", 'n', POPT_ARG_INT, &task->lines, 0, "stop after N lines of the file", "N"},
        {"device", 'd', POPT_ARG_STRING, &task->request.device, 0,
         "whose engine it is: " LW_SIM_DEVICE_NAMES " (default: lut-mobile)", "DEVICE"},
        {"engine", 0, POPT_ARG_STRING, &task->request.engine, 0,
         "model (default) or rtl: the same figures, slower", "ENGINE"},
        {"parameters", 'p', POPT_ARG_STRING, &task->request.parameters, 0,
         "parameters of the engine instead of the device's, like mu4-t16-r16-c4-sl16; those not "
         "named have "
         "their defaults",
         "NAME"},
        {"memory", 'm', POPT_ARG_STRING, &task->request.memory, 0,
         "ideal, typical or poor instead of the device's", "MEMORY"},
        {"clock", 0, POPT_ARG_DOUBLE, &task->clock_mhz, 0, "clock in MHz instead of the device's",
         "MHZ"},
        {"seed", 0, POPT_ARG_INT | POPT_ARGFLAG_SHOW_DEFAULT, &task->request.seed, 0,
         "seed of the memory's random stalls", "SEED"},
        {"db", 0, POPT_ARG_STRING, &task->database_path, 0,
         "add the figures of this run to a database", "FILE"},
        {"trace", 0, POPT_ARG_STRING, &task->trace, 0, "of a layer on the rtl: write the signals",
         "FILE.fst"},
        {"trace-from", 0, POPT_ARG_INT, &task->trace_from, 0, "from this cycle on", "CYCLE"},
        {"trace-cycles", 0, POPT_ARG_INT, &task->trace_cycles, 0, "for so many (default: all)",
         "N"},
        {"quiet", 'q', POPT_ARG_NONE, &quiet, 0, "no progress", NULL},
        POPT_TABLEEND};
    const char **rest;
    enum lw_status status = cli_parse(cli_verb_named("simulate"), argc, argv, options, 0, 2, &rest);
    if (status != LW_OK)
        return status;
    task->path = rest[0];
    task->input = rest[0] ? rest[1] : NULL;
    task->request.quiet = quiet;
    if (task->synth)
        return !task->path && !task->layer && !task->step && !task->text
                   ? LW_OK
                   : lw_fail(error, LW_USAGE, "--synth is of an engine: give no model and no work");
    if (!task->path)
        return lw_fail(error, LW_USAGE, "give a model, or --synth");
    if (cli_is_folder(task->path) && !lw_bundle_is(task->path))
        return lw_fail(error, LW_USAGE, "%s is not quantised: quantize it with --arith a8",
                       task->path);
    if (!!task->layer + task->step + !!task->text + !!task->input != 1)
        return lw_fail(error, LW_USAGE, "give one of --layer, --step, --text and a file of text");
    if (task->columns < 1 || task->columns > MOST_COLUMNS)
        return lw_fail(error, LW_USAGE, "--columns takes 1 to %d, not %d", MOST_COLUMNS,
                       task->columns);
    if (task->lines < 1 && task->lines != CLI_NO_NUMBER)
        return lw_fail(error, LW_USAGE, "--lines takes 1 or more, not %d", task->lines);
    if (task->clock_mhz != CLI_NO_REAL && !(task->clock_mhz >= 1 && task->clock_mhz <= 1e5))
        return lw_fail(error, LW_USAGE, "--clock takes 1 to 100000 MHz");
    if (task->trace ? !task->layer : task->trace_from || task->trace_cycles)
        return lw_fail(error, LW_USAGE, "a trace is of a layer: give --trace FILE and --layer");
    if (task->trace_from < 0 || task->trace_cycles < 0)
        return lw_fail(error, LW_USAGE, "--trace-from and --trace-cycles take 0 or more");
    if (task->request.seed < 0)
        return lw_fail(error, LW_USAGE, "--seed takes 0 or more, not %d", task->request.seed);
    return task->trace ? cli_check_output(task->trace, &task->path, 1, error) : LW_OK;
}

static enum lw_status start_run(struct task *task, struct lw_error *error)
{
    struct lw_run row = LW_RUN_UNKNOWN;
    if (!task->database_path)
        return LW_OK;
    row.verb = "simulate";
    row.command = task->command;
    row.model = task->path;
    row.model_hash = task->model_hash;
    row.arith = "a8";
    row.kernels = lw_simulates_name(task->simulator.by);
    enum lw_status status = lw_database_open(task->database_path, &task->database, error);
    return status == LW_OK ? lw_database_start_run(task->database, &row, &task->run, error)
                           : status;
}

/* Prints a simulation and keeps it. */
static enum lw_status take(struct task *task, const char *what, const char *subject,
                           const struct lw_simulation *simulation, struct lw_error *error)
{
    char engine[LW_ENGINE_NAME_BYTES], title[512];
    struct lw_simulated simulated = {.model_hash = task->model_hash,
                                     .what = what,
                                     .subject = subject,
                                     .by = task->simulator.by,
                                     .engine = task->simulator.engine,
                                     .memory = task->simulator.memory,
                                     .seed = task->simulator.seed,
                                     .clock_mhz = task->clock_mhz > 0 ? task->clock_mhz
                                                                      : task->device->clock_mhz};
    lw_engine_name(&simulated.engine, engine);
    snprintf(title, sizeof title, "%s (%s) on %s, %s memory, by the %s:", what, subject, engine,
             simulated.memory, simulated.by == LW_SIMULATES_RTL ? "RTL" : "C model");
    cli_print_simulation(title, &simulated.engine, simulated.clock_mhz, simulation);
    return task->database ? lw_database_add_simulation(task->database, task->run, &simulated,
                                                       simulation, error)
                          : LW_OK;
}

/* How fast it was, to stderr: the figures themselves do not depend on it. */
static void print_effort(const struct task *task)
{
    const struct lw_sim_effort *effort = task->simulator.effort;
    if (!task->request.quiet)
        fprintf(stderr,
                "%.3f M cycles of %zu lists in %.6f s: %.1f M cycles simulated a second; %zu lists "
                "were like one before\n",
                (double)effort->cycles / 1e6, effort->lists, effort->seconds,
                (double)effort->cycles / effort->seconds / 1e6, effort->lists - effort->simulated);
}

static enum lw_status simulate_layer(struct task *task, const struct lw_model *model,
                                     struct lw_error *error)
{
    struct lw_tally work = {0}, done = {0};
    struct lw_simulation simulation = {0};
    char subject[96];
    snprintf(subject, sizeof subject, "%.48s, N = %d", task->layer, task->columns);
    enum lw_status status =
        lw_tally_of_layer(model, task->layer, (size_t)task->columns, &work, error);
    if (status == LW_OK)
        status = lw_tally_repeat(model, &work, &task->simulator, &done, error);
    if (status == LW_OK)
        status = lw_simulation_of_work(model, &task->simulator.engine, &done, &simulation, error);
    if (status == LW_OK)
        status = take(task, "layer", subject, &simulation, error);
    lw_simulation_free(&simulation);
    lw_tally_free(&work);
    lw_tally_free(&done);
    return status;
}

static enum lw_status simulate_step(struct task *task, const struct lw_model *model,
                                    struct lw_error *error)
{
    struct lw_tally work = {0};
    char subject[32];
    snprintf(subject, sizeof subject, "N = %d", task->columns);
    enum lw_status status = lw_tally_of_step(model, (size_t)task->columns, &work, error);
    for (int waiting = 0; waiting < 2 && status == LW_OK; waiting++) {
        struct lw_simulation simulation;
        status = lw_simulate_list(model, &task->simulator, &work, waiting, &simulation, error);
        if (status == LW_OK)
            status = take(task, waiting ? "step, waiting" : "step", subject, &simulation, error);
        if (!waiting && status == LW_OK)
            puts("");
        lw_simulation_free(&simulation);
    }
    lw_tally_free(&work);
    return status;
}

/* A layer or a step: no activations matter, and only the matrices used are placed. */
static enum lw_status simulate_part(struct task *task, struct lw_error *error)
{
    struct lw_model model = {0};
    char *file =
        lw_bundle_is(task->path) ? lw_path_join(task->path, "model.lwm") : strdup(task->path);
    if (!file)
        return lw_fail(error, LW_FAILED, "out of memory");
    enum lw_status status = lw_lwm_open(file, &model, error);
    if (status == LW_OK)
        status = lw_file_hash(file, task->model_hash, error);
    if (status == LW_OK)
        status = cli_open_simulator(&task->request, &task->device, &task->simulator, error);
    if (status == LW_OK && task->trace)
        status = lw_simulator_trace(&task->simulator, task->trace, (uint64_t)task->trace_from,
                                    (uint64_t)task->trace_cycles, error);
    if (status == LW_OK)
        status = start_run(task, error);
    bool started = status == LW_OK;
    if (status == LW_OK)
        status =
            task->step ? simulate_step(task, &model, error) : simulate_layer(task, &model, error);
    if (status == LW_USAGE && started)
        lw_fail(error, status, "%s: %s", task->path, error->text);
    if (status == LW_OK)
        print_effort(task);
    lw_simulator_close(&task->simulator);
    lw_model_free(&model);
    free(file);
    return status;
}

static enum lw_status simulate_text(struct task *task, struct lw_error *error)
{
    struct cli_loaded loaded;
    struct lw_simulation simulation = {0};
    struct cli_simulated_text text = {.text = task->text,
                                      .path = task->input,
                                      .beams = task->beams,
                                      .lines = task->lines,
                                      .quiet = task->request.quiet};
    char *subject = NULL;
    if (!task->request.engine)
        task->request.engine = "model";
    enum lw_status status = cli_load(task->path, &task->request, &loaded, error);
    if (status != LW_OK)
        return status;
    memcpy(task->model_hash, loaded.hash, sizeof task->model_hash);
    task->device = loaded.device;
    task->simulator = loaded.simulator;
    status = start_run(task, error);
    if (status == LW_OK)
        status = cli_simulate_text(&loaded, &text, &subject, error);
    if (status == LW_OK)
        status = lw_simulation_of_work(&loaded.model, &loaded.simulator.engine, &loaded.work,
                                       &simulation, error);
    if (status == LW_OK)
        status = take(task, "text", subject, &simulation, error);
    if (status == LW_OK)
        print_effort(task);
    lw_simulation_free(&simulation);
    cli_unload(&loaded);
    free(subject);
    return status;
}

static enum lw_status synthesise(struct task *task, struct lw_error *error)
{
    const char *device = task->request.device ? task->request.device : "lut-mobile";
    struct cli_synth synth = {.flow = task->synth,
                              .database = task->database_path,
                              .command = task->command,
                              .quiet = task->request.quiet};
    task->device = lw_sim_device_named(device);
    if (!task->device)
        return lw_fail(error, LW_USAGE, "device '%s' has no engine; there are " LW_SIM_DEVICE_NAMES,
                       device);
    enum lw_status status =
        lw_engine_parse(task->request.parameters ? task->request.parameters : task->device->engine,
                        &synth.engine, error);
    return status == LW_OK ? cli_simulate_synth(&synth, error) : status;
}

int cli_simulate(int argc, const char **argv)
{
    struct task task = {.columns = 1,
                        .beams = 1,
                        .lines = CLI_NO_NUMBER,
                        .clock_mhz = CLI_NO_REAL,
                        .request.seed = 1};
    struct lw_error error = {0};
    enum lw_status status = parse(argc, argv, &task, &error);
    if (status == LW_OK) {
        char *command = cli_command_line(argc, argv);
        double start_s = cli_now_s();
        task.command = command;
        status = task.synth                ? synthesise(&task, &error)
                 : task.text || task.input ? simulate_text(&task, &error)
                                           : simulate_part(&task, &error);
        if (status == LW_OK && task.database)
            status = lw_database_end_run(task.database, task.run, cli_now_s() - start_s,
                                         cli_peak_memory_bytes(), &error);
        lw_database_close(task.database);
        free(command);
    }
    /* cli_parse has printed its own errors. */
    if (status != LW_OK && error.text[0])
        cli_report("simulate", status, &error);
    return (int)status;
}
