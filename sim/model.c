/* Runs a list of jobs: cycles from the units, results from the streams. */
#include "sim/model.h"

#include "sim/dram.h"
#include "sim/model_units.h"

#include <stdlib.h>
#include <string.h>

enum lw_status lw_model_run(const struct lw_engine *engine, const struct lw_sim_run *run,
                            struct lw_sim_memory memory, bool values, struct lw_sim_counts *counts,
                            struct lw_error *error)
{
    struct lw_dram_timing timing;
    struct lw_image image = {memory.data, memory.bytes, memory.bytes};
    if (!lw_dram_timing_named(run->memory, &timing))
        return lw_fail(error, LW_USAGE, "memory '%s' is none of ideal, typical, poor", run->memory);
    if (run->trace || run->most_cycles)
        return lw_fail(error, LW_USAGE, "the model writes no trace and is not left in the middle");
    enum lw_status status = lw_job_check_list(engine, &image, run->list, NULL, error);
    if (status != LW_OK)
        return status;
    struct lw_core *core = calloc(1, sizeof *core);
    if (!core)
        return lw_fail(error, LW_FAILED, "out of memory for the model of the engine");
    core->memory = memory;
    lw_core_reset(core, engine, &timing, run->seed, run->list);
    for (bool ended = false; !ended && status == LW_OK;) {
        bool issued;
        ended = core->front.state == LW_DONE && core->unfinished == 0;
        lw_core_stream_keys(core);
        lw_core_cycle(core, &issued);
        if (issued && values)
            status =
                lw_model_values(engine, &core->front.job, core->front.x_address[core->front.half],
                                memory, &core->counts[LW_COUNT_SATURATIONS], error);
    }
    memcpy(counts->values, core->counts, sizeof counts->values);
    lw_model_accesses(engine, run->list, memory, counts);
    free(core);
    return status;
}
