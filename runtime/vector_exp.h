/* Largest elements and sums of exp, for runtime/vector.c alone. */
#ifndef LW_RUNTIME_VECTOR_EXP_H
#define LW_RUNTIME_VECTOR_EXP_H

#include "runtime/vector_lanes.h"

#include <math.h>

/* What is not a number is passed over. */
static float largest(const float *x, size_t count)
{
    v16 best[4] = {splat(-INFINITY), splat(-INFINITY), splat(-INFINITY), splat(-INFINITY)};
    size_t i = 0;
    for (; i + 4 * LANES <= count; i += 4 * LANES)
        for (size_t j = 0; j < 4; j++)
            best[j] = larger(best[j], load(x + i + j * LANES));
    for (; i + LANES <= count; i += LANES)
        best[0] = larger(best[0], load(x + i));
    if (i < count)
        best[0] = larger(best[0], load_some(x + i, count - i, -INFINITY));
    return largest_lane(larger(larger(best[0], best[1]), larger(best[2], best[3])));
}

/* sum of exp(x - shift); stores the terms where `terms` is not NULL (it may be x) */
INLINE float sum_exp(const float *x, size_t count, float shift, float *terms)
{
    v16 sum = {0};
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        v16 term = exp_lanes(load(x + i) - shift);
        if (terms)
            store(terms + i, term);
        sum += term;
    }
    if (i < count) {
        v16 term = exp_lanes(load_some(x + i, count - i, -INFINITY) - shift);
        if (terms)
            store_some(terms + i, term, count - i);
        sum += term;
    }
    return fold(sum);
}

#endif
