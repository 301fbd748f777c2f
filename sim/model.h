/* The engine in C: the same results, cycles and counters as the RTL, to the bit and to the cycle.
 */
#ifndef LW_SIM_MODEL_H
#define LW_SIM_MODEL_H

#include "gen/stream.h"
#include "sim/model_passes.h"
#include "sim/model_starts.h"
#include "sim/rtl.h"
#include "sim/timings.h"

#include <stdbool.h>

/* What the model has met: lists, their beginnings, and passes under ideal memory. Zero-initialise;
 * lw_model_forget.
 */
struct lw_model_known {
    struct lw_timings lists;
    struct lw_starts starts;
    struct lw_passes passes;
};
void lw_model_forget(struct lw_model_known *known);

/* As lw_rtl_run after a reset. With `values` false the results are not computed, only the counters
 * are, but for saturations. `known` is asked first, and added to; NULL: every cycle is simulated.
 * LW_CORRUPT where the list is not one that the RTL takes (lw_job_check_list), LW_FAILED without
 * memory, LW_USAGE for an unknown memory; run->trace and run->most_cycles must be unset. */
enum lw_status lw_model_run(const struct lw_engine *engine, const struct lw_sim_run *run,
                            struct lw_sim_memory memory, bool values, struct lw_model_known *known,
                            struct lw_sim_counts *counts, struct lw_error *error);

/* sim/model_values.c: the results of a checked list, job by job, from its streams; adds to the
 * number of results that are saturated. LW_FAILED without memory. */
enum lw_status lw_model_values(const struct lw_engine *engine, uint32_t list,
                               struct lw_sim_memory memory, uint64_t *saturations,
                               struct lw_error *error);
/* sim/model_accesses.c: adds accesses of activations and plane sums by a checked list. */
void lw_model_accesses(const struct lw_engine *engine, uint32_t list, struct lw_sim_memory memory,
                       struct lw_sim_counts *counts);

#endif
