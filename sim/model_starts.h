/* How lists began: the engine's state whenever the front has done with a descriptor. It follows
 * from the descriptors up to there alone, but for whether the last of them ends the list, which
 * only the front looks at, and only then. A list which begins like one before goes on from there.
 */
#ifndef LW_SIM_MODEL_STARTS_H
#define LW_SIM_MODEL_STARTS_H

#include "sim/model_units.h"
#include "sim/timings.h"

/* Zero-initialise; lw_starts_free. */
struct lw_starts {
    struct lw_start **entries; /* by the key's hash, the newest; NULL before the first */
};

/* Where a run is. Private. */
struct lw_starts_run {
    struct lw_starts *starts;
    struct lw_timing_key *keys; /* [count] of the first 1, 2, ... descriptors */
    size_t count;
    uint32_t list;
};

/* Has a core after reset begin as far on in its list as is known. lw_starts_end in any case.
 * LW_FAILED without memory. */
enum lw_status lw_starts_begin(struct lw_starts *starts, const struct lw_sim_run *list,
                               struct lw_core *core, struct lw_starts_run *run,
                               struct lw_error *error);
/* The front has done with a descriptor just now. */
void lw_starts_add(struct lw_starts_run *run, const struct lw_core *core);
void lw_starts_end(struct lw_starts_run *run);
void lw_starts_free(struct lw_starts *starts);

#endif
