/* What an engine has to do for a translation: calls, how often each came, and what they took. Each
 * call is a list of its own, so that its cycles depend on the call alone, not on when it comes. */
#ifndef LW_SIM_TALLY_H
#define LW_SIM_TALLY_H

#include "models/status.h"
#include "sim/placed.h"
#include "sim/simulator.h"

#include <stddef.h>

struct lw_tally_item {
    struct lw_call call;
    size_t times;
    struct lw_sim_counts counts; /* of all times together */
};

/* Zero-initialise; lw_tally_free. */
struct lw_tally {
    size_t count, capacity;
    struct lw_tally_item *items; /* calls that differ, in the order of their first coming */
};

/* LW_FAILED without memory. */
enum lw_status lw_tally_add(struct lw_tally *work, const struct lw_call *call, size_t times,
                            const struct lw_sim_counts *counts, struct lw_error *error);
/* Runs each call of some work on a simulator, once and without values, and multiplies: the same
 * work there. `done` is zeroed by the caller. */
enum lw_status lw_tally_repeat(const struct lw_model *model, const struct lw_tally *work,
                               const struct lw_simulator *simulator, struct lw_tally *done,
                               struct lw_error *error);
size_t lw_tally_lists(const struct lw_tally *work);
void lw_tally_sum(const struct lw_tally *work, struct lw_sim_counts *counts);
void lw_tally_free(struct lw_tally *work);

#endif
