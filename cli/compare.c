/* lutwidge compare: devices beside each other for the same text: cycles, bytes, gates, energy. */
#include "cli/cli.h"
#include "cli/loaded.h"
#include "cli/simulate_synth.h"
#include "cli/simulate_text.h"

#include "profiles/database_sensitivity.h"
#include "profiles/database_simulations.h"
#include "profiles/database_synth.h"
#include "profiles/energy.h"
#include "profiles/trial.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 16 };

/* A device with its model, and what they take. */
struct entry {
    char device[24];
    const char *path;
    const struct lw_sim_device *sim;
    struct lw_engine engine;
    struct lw_simulation simulation;
    struct lw_synth asic;
    struct lw_energy energy;
    char model_hash[33];
    char *subject;
    double bits, bleu; /* with scales; NAN: not asked for */
};

struct task {
    const char *text, *source, *reference, *database_path, *command;
    char *engine;
    int beams, lines, quiet;
    size_t count;
    struct entry entries[MOST];
};

static enum lw_status parse_entry(const char *argument, struct entry *entry, struct lw_error *error)
{
    size_t length = strcspn(argument, "=");
    if (length >= sizeof entry->device || argument[length] != '=' || !argument[length + 1])
        return lw_fail(error, LW_USAGE, "'%s' is not DEVICE=M.lwm", argument);
    memcpy(entry->device, argument, length);
    entry->path = argument + length + 1;
    entry->sim = lw_sim_device_named(entry->device);
    if (!entry->sim)
        return lw_fail(error, LW_USAGE, "device '%s' has no engine; there are " LW_SIM_DEVICE_NAMES,
                       entry->device);
    return lw_engine_parse(entry->sim->engine, &entry->engine, error);
}

/* A comparison is of one bus, clock and memory. */
static enum lw_status check_alike(const struct task *task, struct lw_error *error)
{
    const struct entry *first = task->entries;
    for (size_t i = 1; i < task->count; i++) {
        const struct entry *e = &task->entries[i];
        if (e->engine.bus_bits != first->engine.bus_bits ||
            e->sim->clock_mhz != first->sim->clock_mhz ||
            strcmp(e->sim->memory, first->sim->memory) != 0)
            return lw_fail(error, LW_USAGE,
                           "%s and %s have not the same bus, clock and memory: no comparison",
                           first->device, e->device);
    }
    return LW_OK;
}

static enum lw_status parse(int argc, const char **argv, struct task *task, struct lw_error *error)
{
    struct poptOption options[] = {
        {"text", 't', POPT_ARG_STRING, &task->text, 0, "the line that each translates", "TEXT"},
        {"beam", 'b', POPT_ARG_INT | POPT_ARGFLAG_SHOW_DEFAULT, &task->beams, 0,
         "beams of its translation; 1 is greedy", "N"},
        {"source", 0, POPT_ARG_STRING, &task->source, 0,
         "a text to translate greedily on this CPU, for BLEU", "FILE"},
        {"ref", 'r', POPT_ARG_STRING, &task->reference, 0, "its reference translation", "FILE"},
        {"lines", 'n', POPT_ARG_INT | POPT_ARGFLAG_SHOW_DEFAULT, &task->lines, 0,
         "lines of the two, from the first", "N"},
        {"engine", 0, POPT_ARG_STRING | POPT_ARGFLAG_SHOW_DEFAULT, &task->engine, 0,
         "model or rtl: the same figures, slower", "ENGINE"},
        {"db", 0, POPT_ARG_STRING, &task->database_path, 0, "add the figures to a database",
         "FILE"},
        {"quiet", 'q', POPT_ARG_NONE, &task->quiet, 0, "no progress", NULL},
        POPT_TABLEEND};
    const char **rest;
    enum lw_status status =
        cli_parse(cli_verb_named("compare"), argc, argv, options, 1, MOST, &rest);
    if (status != LW_OK)
        return status;
    for (; rest[task->count] && status == LW_OK; task->count++)
        status = parse_entry(rest[task->count], &task->entries[task->count], error);
    if (status == LW_OK)
        status = check_alike(task, error);
    if (status == LW_OK && !task->text)
        status = lw_fail(error, LW_USAGE, "give a line with --text");
    if (status == LW_OK && !task->source != !task->reference)
        status = lw_fail(error, LW_USAGE, "--source and --ref go together");
    if (status == LW_OK && task->lines < 1)
        status = lw_fail(error, LW_USAGE, "--lines takes 1 or more, not %d", task->lines);
    return status;
}

static enum lw_status simulate(const struct task *task, struct entry *entry, struct lw_error *error)
{
    struct cli_request request = {
        .engine = task->engine, .device = entry->device, .quiet = task->quiet, .seed = 1};
    struct cli_simulated_text text = {
        .text = task->text, .beams = task->beams, .lines = -1, .quiet = task->quiet};
    struct cli_loaded loaded;
    enum lw_status status = cli_load(entry->path, &request, &loaded, error);
    if (status != LW_OK)
        return status;
    if (!loaded.device)
        status = lw_fail(error, LW_USAGE, "%s has no products of class a8", entry->path);
    if (status == LW_OK)
        status = cli_simulate_text(&loaded, &text, &entry->subject, error);
    if (status == LW_OK)
        status = lw_simulation_of_work(&loaded.model, &entry->engine, &loaded.work,
                                       &entry->simulation, error);
    memcpy(entry->model_hash, loaded.hash, sizeof entry->model_hash);
    entry->bits = loaded.real_bits;
    cli_unload(&loaded);
    return status;
}

/* BLEU of a model by the kernels of this CPU: the bits of the engine. */
static enum lw_status measure(const struct task *task, struct entry *entry, struct lw_error *error)
{
    struct cli_request request = {.quiet = task->quiet};
    struct cli_loaded loaded;
    struct lw_trial trial = {0};
    struct lw_trial_result result;
    enum lw_status status = cli_load(entry->path, &request, &loaded, error);
    if (status != LW_OK)
        return status;
    status = lw_trial_read(&loaded.model, task->source, task->reference, (size_t)task->lines,
                           &trial, error);
    if (status == LW_OK)
        status = lw_trial_run(&trial, &loaded.model, &loaded.backend, true, 1, &result, error);
    if (status == LW_OK)
        entry->bleu = result.bleu;
    lw_trial_free(&trial);
    cli_unload(&loaded);
    return status;
}

static enum lw_status run_entry(const struct task *task, size_t index, struct entry *entry,
                                struct lw_error *error)
{
    enum lw_status status = simulate(task, entry, error);
    entry->bleu = NAN;
    for (size_t i = 0; i < index && status == LW_OK && isnan(entry->bleu); i++)
        if (strcmp(task->entries[i].model_hash, entry->model_hash) == 0)
            entry->bleu = task->entries[i].bleu;
    if (status == LW_OK && task->source && isnan(entry->bleu))
        status = measure(task, entry, error);
    if (status == LW_OK)
        status = cli_synthesise(&entry->engine, LW_SYNTH_ASIC, task->quiet, &entry->asic, error);
    if (status == LW_OK)
        lw_energy_estimate(&entry->engine, &entry->asic, &entry->simulation.all, &entry->energy);
    return status;
}

static void print_row(const struct entry *e)
{
    const struct lw_simulation_row *all = &e->simulation.all;
    double bytes = 0, cycles = (double)all->counts[LW_COUNT_BUSY];
    for (enum lw_counter i = LW_COUNT_KEY_BEATS; i <= LW_COUNT_Y_BEATS; i++)
        bytes += lw_simulation_bytes(&e->engine, all, i);
    const char *name = strrchr(e->path, '/');
    char bleu[16] = "";
    if (!isnan(e->bleu))
        snprintf(bleu, sizeof bleu, "%.2f", e->bleu);
    printf("%-17s %-16.16s %5.2f %6s %10.0f %7.3f %7.2f %8.1f %6.1f %6.0f %9.1f %8.1f\n", e->device,
           name ? name + 1 : e->path, e->bits, bleu, cycles, cycles / e->sim->clock_mhz / 1e3,
           bytes / 1e6, e->asic.all.gates / 1e3, lw_synth_lanes(&e->asic)->gates / 1e3,
           e->asic.all.memory_bits / 1e3, e->energy.memory_pj / 1e6, e->energy.engine_pj / 1e6);
}

static void print_energy(const struct entry *e)
{
    printf("\n%s, energy (an estimate: counters times energies of events)\n", e->device);
    for (int i = 0; i < LW_ENERGY_PARTS; i++) {
        const struct lw_energy_part *part = &e->energy.parts[i];
        if (part->pj == 0) /* a baseline builds no tables */
            continue;
        printf("%12.0f x %8.1f pJ = %8.2f uJ  %s: %s\n", part->count, part->pj,
               part->count * part->pj / 1e6, part->event, part->source);
    }
}

static void print(const struct task *task)
{
    const struct entry *first = task->entries;
    printf("\"%s\", beam %d, by the %s; bus of %u bits at %g MHz, %s memory; gates by %s\n\n",
           task->text, task->beams, strcmp(task->engine, "rtl") == 0 ? "RTL" : "C model",
           first->engine.bus_bits, first->sim->clock_mhz, first->sim->memory, first->asic.tools);
    printf("%-17s %-16s %5s %6s %10s %7s %7s %8s %6s %6s %9s %8s\n", "device", "model", "bits",
           "BLEU", "cycles", "ms", "MB", "k gates", "lanes", "kbit", "memory uJ", "engine uJ");
    for (size_t i = 0; i < task->count; i++)
        print_row(&task->entries[i]);
    puts("\nbits: of a weight, with scales. BLEU: of --source, greedy, in class a8 as on the "
         "engine. "
         "Each model translates the\nline by itself: the number of steps may differ. lanes: of the "
         "gates, what looks up or multiplies, with tables\nand trees. kbit: memories, not in the "
         "gates. Gates are not placed, and their energy is an estimate.\nWith int8 activations "
         "lookups are no smaller than bit-serial adder trees in a cell library, and read the same "
         "keys;\nwhat separates rows of different bits is the bytes of their weights.");
    for (size_t i = 0; i < task->count; i++)
        print_energy(&task->entries[i]);
}

static enum lw_status keep_entry(const struct task *task, const struct entry *e,
                                 struct lw_database *database, int64_t run, struct lw_error *error)
{
    enum lw_simulates by = LW_SIMULATES_MODEL;
    lw_simulates_parse(task->engine, &by);
    struct lw_simulated simulated = {.model_hash = e->model_hash,
                                     .what = "text",
                                     .subject = e->subject,
                                     .by = by,
                                     .engine = e->engine,
                                     .memory = e->sim->memory,
                                     .seed = 1,
                                     .clock_mhz = e->sim->clock_mhz};
    enum lw_status status =
        lw_database_add_simulation(database, run, &simulated, &e->simulation, error);
    return status == LW_OK ? lw_database_add_synth(database, run, &e->engine, &e->asic, error)
                           : status;
}

static enum lw_status keep(const struct task *task, double seconds, struct lw_error *error)
{
    struct lw_database *database = NULL;
    enum lw_status status = lw_database_open(task->database_path, &database, error);
    for (size_t i = 0; i < task->count && status == LW_OK; i++) {
        const struct entry *e = &task->entries[i];
        struct lw_run row = LW_RUN_UNKNOWN;
        int64_t run;
        row.verb = "compare";
        row.command = task->command;
        row.model = e->path;
        row.model_hash = e->model_hash;
        row.arith = "a8";
        row.kernels = e->device;
        row.bleu = e->bleu;
        status = lw_database_start_run(database, &row, &run, error);
        if (status == LW_OK)
            status = keep_entry(task, e, database, run, error);
        if (status == LW_OK)
            status = lw_database_end_run(database, run, seconds, cli_peak_memory_bytes(), error);
    }
    lw_database_close(database);
    return status;
}

int cli_compare(int argc, const char **argv)
{
    struct task task = {.beams = 1, .lines = 500, .engine = "model"};
    struct lw_error error = {0};
    double start_s = cli_now_s();
    enum lw_status status = parse(argc, argv, &task, &error);
    for (size_t i = 0; i < task.count && status == LW_OK; i++)
        status = run_entry(&task, i, &task.entries[i], &error);
    if (status == LW_OK)
        print(&task);
    if (status == LW_OK && task.database_path) {
        char *command = cli_command_line(argc, argv);
        task.command = command;
        status = keep(&task, cli_now_s() - start_s, &error);
        free(command);
    }
    for (size_t i = 0; i < task.count; i++) {
        lw_simulation_free(&task.entries[i].simulation);
        free(task.entries[i].subject);
    }
    /* cli_parse has printed its own errors. */
    if (status != LW_OK && error.text[0])
        cli_report("compare", status, &error);
    return (int)status;
}
