/* Passes that the model has met: under ideal memory the engine's state at the end of a pass decides
 * all that happens up to the end of the next, so that this is simulated once and then known. */
#ifndef LW_SIM_MODEL_PASSES_H
#define LW_SIM_MODEL_PASSES_H

#include "sim/model_units.h"

/* Zero-initialise; lw_passes_free. */
struct lw_passes {
    struct lw_pass **entries; /* a hash table, or NULL before the first */
    size_t count;
};

/* Where a run is: what is recorded from the end of one pass to that of the next. Private. */
struct lw_passes_run {
    struct lw_passes *passes;
    bool records;
    uint64_t key[2];  /* of what is recorded */
    uint32_t caps[3]; /* "many" beats of keys, scales, results */
    uint32_t starts[8], address;
    uint64_t counts[LW_COUNTERS];
};

/* Before the first cycle of a list. LW_FAILED without memory. */
enum lw_status lw_passes_begin(struct lw_passes *passes, const struct lw_core *core,
                               struct lw_passes_run *run, struct lw_error *error);
/* At the end of a pass (after the cycle of its last step) or of the list: goes to the end of the
 * last pass from here on that is known. True where that is the end of the list. */
bool lw_passes_go_on(struct lw_passes_run *run, struct lw_core *core, bool ended);
/* sim/model_canonical.c: gives a state the form in which states are compared; what comes next is
 * the same. Time begins anew, addresses are taken within their 4 KB (bursts end there, and ideal
 * memory has no rows), queues begin at their first place. */
void lw_core_make_canonical(struct lw_core *core);
void lw_passes_free(struct lw_passes *passes);

#endif
