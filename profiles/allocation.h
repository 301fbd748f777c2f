/* Allocation: one option for each item, so that a sum is smallest while other sums stay within
 * limits. Knows nothing of models; the solver behind it is not seen here.
 *
 *   minimise  fixed[m] + sum over items of figures[m] of the chosen option
 *   such that fixed[f] + sum over items of figures[f] <= most[f]   for every figure f
 */
#ifndef LW_PROFILES_ALLOCATION_H
#define LW_PROFILES_ALLOCATION_H

#include "models/status.h"

#include <stdbool.h>
#include <stddef.h>

/* What options are weighed by, in the order in which people read them. */
enum lw_figure {
    LW_FIGURE_LOSS,    /* as the parts of a model are measured: nats a word, uncalibrated */
    LW_FIGURE_SIZE,    /* bytes */
    LW_FIGURE_LATENCY, /* ns or cycles a sentence */
    LW_FIGURE_MEMORY,  /* bytes */
    LW_FIGURE_ENERGY,  /* pJ a sentence */
    LW_FIGURES
};

struct lw_allocation_option {
    double figures[LW_FIGURES]; /* finite, >= 0 */
};

struct lw_allocation_item {
    size_t option_count; /* >= 1 */
    const struct lw_allocation_option *options;
};

struct lw_allocation_problem {
    size_t item_count; /* >= 1 */
    const struct lw_allocation_item *items;
    double fixed[LW_FIGURES];
    double most[LW_FIGURES]; /* INFINITY: no limit */
    enum lw_figure minimise;
    /* Plans that are not wanted: excluded[e][item] is the option of item. May be NULL. */
    const size_t *const *excluded;
    size_t excluded_count;
    double seconds; /* the search ends after so many, with the best so far; 0: never */
};

struct lw_allocation {
    size_t *chosen; /* [item_count], options; the caller's */
    double figures[LW_FIGURES];
    double bound;  /* no choice has less of what is minimised */
    double gap;    /* (value - bound) / |value|; 0 where the choice is proven to be best */
    double excess; /* lw_allocate_nearest: the largest (figure - limit) / limit */
    double seconds;
};

/* The best choice. LW_INFEASIBLE where the limits cannot be met together, LW_FAILED where the
 * search ended before it found any. Results are checked against the limits with no tolerance. */
enum lw_status lw_allocate(const struct lw_allocation_problem *problem,
                           struct lw_allocation *allocation, struct lw_error *error);
/* The choice whose largest excess over a limit, as a share of the limit, is smallest: 0 where the
 * limits can be met. Limits are > 0. */
enum lw_status lw_allocate_nearest(const struct lw_allocation_problem *problem,
                                   struct lw_allocation *allocation, struct lw_error *error);

/* The least and the most that a figure can be, whatever the others are. */
void lw_allocation_range(const struct lw_allocation_problem *problem, enum lw_figure figure,
                         double *least, double *most);
/* fixed + sum of the chosen options' figures, in the order of the items. */
void lw_allocation_sum(const struct lw_allocation_problem *problem, const size_t *chosen,
                       double figures[LW_FIGURES]);

#endif
