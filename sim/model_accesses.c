/* How often memories on the chip are accessed: that follows from the jobs, not from when they run.
 */
#include "sim/model.h"

static void count_job(const struct lw_engine *engine, const struct lw_job *job, uint64_t *n)
{
    uint64_t slots = (uint64_t)(job->passes - 1) * job->pass_slots + job->last_slots;
    if (job->load_x)
        n[LW_COUNT_X_WRITES] += (uint64_t)job->tiles * engine->tables;
    n[LW_COUNT_SUM_READS] += slots * (job->tiles - 1);
    n[LW_COUNT_DRAIN_READS] += slots * (engine->rows / engine->scale_lanes);
}

void lw_model_accesses(const struct lw_engine *engine, uint32_t list, struct lw_sim_memory memory,
                       struct lw_sim_counts *counts)
{
    struct lw_job job = {.last = false};
    for (size_t at = list; !job.last; at += lw_job_stride(engine)) {
        lw_job_decode(memory.data + at, &job, NULL); /* the list was checked */
        count_job(engine, &job, counts->values);
    }
}
