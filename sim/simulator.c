#include "sim/simulator.h"

#include "gen/cache.h"
#include "sim/dram.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct lw_sim_device devices[] = {
    {"lut-mobile", "mu4-t16-r8-c1-x8-bus512-slots64-sl8-words512", "typical", 400},
    {"lut-fpga", "mu5-t8-r8-c1-x8-bus256-slots64-sl8-words512-lutram1", "typical", 150},
    {"bitserial-mobile", "mu4-t16-r8-c1-x8-bus512-slots64-sl8-words512-w1", "typical", 400},
    {"mac4-mobile", "mu4-t4-r8-c1-x8-bus512-slots64-sl8-words512-w4", "typical", 400},
    {"mac8-mobile", "mu4-t2-r8-c1-x8-bus512-slots64-sl8-words512-w8", "typical", 400},
};

const struct lw_sim_device *lw_sim_device_at(size_t i)
{
    return i < sizeof devices / sizeof *devices ? &devices[i] : NULL;
}

const struct lw_sim_device *lw_sim_device_named(const char *name)
{
    for (size_t i = 0; i < sizeof devices / sizeof *devices; i++)
        if (strcmp(devices[i].name, name) == 0)
            return &devices[i];
    return NULL;
}

static const char *const names[] = {[LW_SIMULATES_MODEL] = "model", [LW_SIMULATES_RTL] = "rtl"};

const char *lw_simulates_name(enum lw_simulates by)
{
    return names[by];
}

bool lw_simulates_parse(const char *name, enum lw_simulates *by)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], name) == 0) {
            *by = (enum lw_simulates)i;
            return true;
        }
    return false;
}

static enum lw_status open_rtl(struct lw_simulator *simulator, bool trace, struct lw_error *error)
{
    char *cache;
    enum lw_status status = lw_cache_path("engines", &cache, error);
    if (status != LW_OK)
        return status;
    status = lw_rtl_open(&simulator->engine, cache, trace, &simulator->rtl, error);
    free(cache);
    return status;
}

enum lw_status lw_simulator_open(enum lw_simulates by, const struct lw_engine *engine,
                                 const char *memory, uint64_t seed, struct lw_simulator *simulator,
                                 struct lw_error *error)
{
    struct lw_dram_timing timing;
    *simulator = (struct lw_simulator){.by = by, .engine = *engine, .seed = seed};
    enum lw_status status = lw_engine_check(engine, error);
    if (status != LW_OK)
        return status;
    if (!lw_dram_timing_named(memory, &timing))
        return lw_fail(error, LW_USAGE, "memory '%s' is none of ideal, typical, poor", memory);
    snprintf(simulator->memory, sizeof simulator->memory, "%s", memory);
    simulator->effort = calloc(1, sizeof *simulator->effort);
    if (!simulator->effort)
        return lw_fail(error, LW_FAILED, "out of memory for a simulator");
    if (by == LW_SIMULATES_MODEL)
        return LW_OK;
    return open_rtl(simulator, false, error);
}

enum lw_status lw_simulator_trace(struct lw_simulator *simulator, const char *path, uint64_t from,
                                  uint64_t cycles, struct lw_error *error)
{
    if (!simulator->rtl)
        return lw_fail(error, LW_USAGE, "the model writes no trace; take the RTL");
    lw_rtl_close(simulator->rtl);
    simulator->rtl = NULL;
    simulator->trace = path;
    simulator->trace_from = from;
    simulator->trace_cycles = cycles;
    return open_rtl(simulator, true, error);
}

/* Of this thread alone: what else runs on the machine does not count. */
static double cpu_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

enum lw_status lw_simulator_run(const struct lw_simulator *simulator, struct lw_sim_memory memory,
                                uint32_t list, bool values, struct lw_sim_counts *counts,
                                struct lw_error *error)
{
    struct lw_sim_run run = {.memory = simulator->memory,
                             .seed = simulator->seed,
                             .list = list,
                             .trace = simulator->trace,
                             .trace_from = simulator->trace_from,
                             .trace_cycles = simulator->trace_cycles};
    struct lw_sim_effort *effort = simulator->effort;
    double start_s = cpu_s();
    size_t known = effort->known.lists.count;
    enum lw_status status = simulator->rtl ? lw_rtl_run(simulator->rtl, &run, memory, counts, error)
                                           : lw_model_run(&simulator->engine, &run, memory, values,
                                                          &effort->known, counts, error);
    effort->seconds += cpu_s() - start_s;
    effort->lists++;
    effort->simulated += simulator->rtl || effort->known.lists.count != known;
    effort->cycles += status == LW_OK ? counts->values[LW_COUNT_BUSY] : 0;
    return status;
}

void lw_simulator_close(struct lw_simulator *simulator)
{
    lw_rtl_close(simulator->rtl);
    if (simulator->effort)
        lw_model_forget(&simulator->effort->known);
    free(simulator->effort);
    *simulator = (struct lw_simulator){0};
}
