/* Runs a list of jobs: results from the streams, cycles from the units. */
#include "sim/model.h"

#include "sim/dram.h"

#include <stdlib.h>
#include <string.h>

static enum lw_status simulate(const struct lw_engine *engine, const struct lw_sim_run *run,
                               const struct lw_dram_timing *timing, struct lw_sim_memory memory,
                               struct lw_model_known *known, struct lw_sim_counts *counts,
                               struct lw_error *error)
{
    struct lw_core *core = calloc(1, sizeof *core);
    struct lw_passes_run passes = {0};
    struct lw_starts_run starts = {0};
    if (!core)
        return lw_fail(error, LW_FAILED, "out of memory for the model of the engine");
    core->memory = memory;
    lw_core_reset(core, engine, timing, run->seed, run->list);
    bool ideal = !timing->shared && timing->stall == 0;
    enum lw_status status = LW_OK;
    if (known && ideal)
        status = lw_passes_begin(&known->passes, core, &passes, error);
    if (known && status == LW_OK)
        status = lw_starts_begin(&known->starts, run, core, &starts, error);
    if (status == LW_OK)
        lw_core_run(core, known && ideal ? &passes : NULL, known ? &starts : NULL);
    lw_starts_end(&starts);
    memcpy(counts->values, core->counts, sizeof counts->values);
    free(core);
    return status;
}

/* Counters that depend on time. */
static enum lw_status known_or_simulated(const struct lw_engine *engine,
                                         const struct lw_sim_run *run,
                                         const struct lw_dram_timing *timing,
                                         struct lw_sim_memory memory, struct lw_model_known *known,
                                         struct lw_sim_counts *counts, struct lw_error *error)
{
    if (!known)
        return simulate(engine, run, timing, memory, NULL, counts, error);
    struct lw_timing_key key = lw_timing_key(engine, run, memory);
    if (lw_timings_find(&known->lists, key, counts))
        return LW_OK;
    enum lw_status status = simulate(engine, run, timing, memory, known, counts, error);
    return status == LW_OK ? lw_timings_add(&known->lists, key, counts, error) : status;
}

enum lw_status lw_model_run(const struct lw_engine *engine, const struct lw_sim_run *run,
                            struct lw_sim_memory memory, bool values, struct lw_model_known *known,
                            struct lw_sim_counts *counts, struct lw_error *error)
{
    uint64_t saturations = 0;
    struct lw_dram_timing timing;
    struct lw_image image = {memory.data, memory.bytes, memory.bytes};
    if (!lw_dram_timing_named(run->memory, &timing))
        return lw_fail(error, LW_USAGE, "memory '%s' is none of ideal, typical, poor", run->memory);
    if (run->trace || run->most_cycles)
        return lw_fail(error, LW_USAGE, "the model writes no trace and is not left in the middle");
    enum lw_status status = lw_job_check_list(engine, &image, run->list, NULL, error);
    if (status == LW_OK && values)
        status = lw_model_values(engine, run->list, memory, &saturations, error);
    if (status != LW_OK)
        return status;
    status = known_or_simulated(engine, run, &timing, memory, known, counts, error);
    counts->values[LW_COUNT_SATURATIONS] = saturations;
    if (status == LW_OK)
        lw_model_accesses(engine, run->list, memory, counts);
    return status;
}

void lw_model_forget(struct lw_model_known *known)
{
    lw_timings_free(&known->lists);
    lw_starts_free(&known->starts);
    lw_passes_free(&known->passes);
}
