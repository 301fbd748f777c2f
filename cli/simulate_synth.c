#include "cli/simulate_synth.h"

#include "cli/cli.h"
#include "gen/cache.h"
#include "profiles/database.h"
#include "profiles/database_sensitivity.h"
#include "profiles/database_synth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum lw_status cli_synthesise(const struct lw_engine *engine, enum lw_synth_flow flow, bool quiet,
                              struct lw_synth *synth, struct lw_error *error)
{
    char *cache, name[LW_ENGINE_NAME_BYTES];
    enum lw_status status = lw_cache_path("syntheses", &cache, error);
    if (status != LW_OK)
        return status;
    lw_engine_name(engine, name);
    double start_s = cli_now_s();
    status = lw_synth_run(engine, flow, cache, synth, error);
    if (status == LW_OK && !quiet && cli_now_s() - start_s > 1)
        fprintf(stderr, "synthesised %s for %s in %.0f s\n", name, lw_synth_flow_name(flow),
                cli_now_s() - start_s);
    free(cache);
    return status;
}

static void print_asic(const struct lw_synth *synth, const struct lw_synth_block *block)
{
    printf("%-20s %9.2f %7.1f %9.2f %8.0f %9.1f %7.1f\n", block->name, block->gates / 1e3,
           100 * block->gates / synth->all.gates, block->flop_gates / 1e3, block->flops,
           block->memory_bits / 1e3, block->delay_ns);
}

static void print_fpga(const struct lw_synth *synth, const struct lw_synth_block *block)
{
    printf("%-20s %8.0f %7.1f %8.0f %8.0f %7.1f %6.0f\n", block->name, block->luts,
           100 * block->luts / synth->all.luts, block->memory_luts, block->flops, block->rams,
           block->dsps);
}

void cli_print_synth(const struct lw_engine *engine, const struct lw_synth *synth)
{
    char name[LW_ENGINE_NAME_BYTES];
    bool asic = synth->flow == LW_SYNTH_ASIC;
    lw_engine_name(engine, name);
    printf("%s for %s by %s, module by module, not placed:\n",
           synth->flow == LW_SYNTH_ICE40 ? "lookups or products of 64 key bits or so" : name,
           asic ? "osu018 (gates of a NAND2X1)" : lw_synth_flow_name(synth->flow), synth->tools);
    if (asic)
        printf("%-20s %9s %7s %9s %8s %9s %7s\n", "block", "k gates", "share %", "k in FFs", "FFs",
               "kbit apart", "ns");
    else
        printf("%-20s %8s %7s %8s %8s %7s %6s\n", "block", "LUTs", "share %", "memory", "FFs",
               "RAMs", "DSPs");
    for (size_t i = 0; i < synth->count; i++)
        (asic ? print_asic : print_fpga)(synth, &synth->blocks[i]);
    (asic ? print_asic : print_fpga)(synth, &synth->all);
    if (synth->clock_mhz > 0)
        printf("clock, placed and routed on an hx8k: %.1f MHz\n", synth->clock_mhz);
}

static enum lw_status keep(const struct cli_synth *task, const struct lw_synth *synth,
                           double seconds, struct lw_error *error)
{
    struct lw_run row = LW_RUN_UNKNOWN;
    struct lw_database *database;
    int64_t run;
    row.verb = "simulate";
    row.command = task->command;
    enum lw_status status = lw_database_open(task->database, &database, error);
    if (status != LW_OK)
        return status;
    status = lw_database_start_run(database, &row, &run, error);
    if (status == LW_OK)
        status = lw_database_add_synth(database, run, &task->engine, synth, error);
    if (status == LW_OK)
        status = lw_database_end_run(database, run, seconds, cli_peak_memory_bytes(), error);
    lw_database_close(database);
    return status;
}

enum lw_status cli_simulate_synth(const struct cli_synth *task, struct lw_error *error)
{
    enum lw_synth_flow only = LW_SYNTH_FLOWS;
    if (strcmp(task->flow, "all") != 0 && !lw_synth_flow_parse(task->flow, &only))
        return lw_fail(error, LW_USAGE, "--synth takes asic, xc7, ice40 or all, not '%s'",
                       task->flow);
    enum lw_status status = LW_OK;
    for (int i = 0; i < LW_SYNTH_FLOWS && status == LW_OK; i++) {
        struct lw_synth synth;
        double start_s = cli_now_s();
        if (only != LW_SYNTH_FLOWS && only != (enum lw_synth_flow)i)
            continue;
        status = cli_synthesise(&task->engine, (enum lw_synth_flow)i, task->quiet, &synth, error);
        if (status == LW_OK)
            cli_print_synth(&task->engine, &synth);
        if (status == LW_OK && task->database)
            status = keep(task, &synth, cli_now_s() - start_s, error);
    }
    return status;
}
