/* Sums and ranges of an allocation: what needs no solver. */
#include "profiles/allocation.h"

#include <math.h>

void lw_allocation_range(const struct lw_allocation_problem *problem, enum lw_figure figure,
                         double *least, double *most)
{
    *least = *most = problem->fixed[figure];
    for (size_t i = 0; i < problem->item_count; i++) {
        const struct lw_allocation_item *item = &problem->items[i];
        double low = item->options[0].figures[figure], high = low;
        for (size_t o = 1; o < item->option_count; o++) {
            low = fmin(low, item->options[o].figures[figure]);
            high = fmax(high, item->options[o].figures[figure]);
        }
        *least += low;
        *most += high;
    }
}

void lw_allocation_sum(const struct lw_allocation_problem *problem, const size_t *chosen,
                       double figures[LW_FIGURES])
{
    for (int f = 0; f < LW_FIGURES; f++) {
        figures[f] = problem->fixed[f];
        for (size_t i = 0; i < problem->item_count; i++)
            figures[f] += problem->items[i].options[chosen[i]].figures[f];
    }
}
