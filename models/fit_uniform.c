/* The uniform fit: levels (2k + 1 - 2^B) s, one number s a row. */
#include "models/fit_parts.h"

#include <math.h>

/* The scan goes from one step to the next in this ratio. */
static const double RATIO = 0.97;

/* What a step leads to: the least-squares step for its nearest codes, and the error with that. */
struct refined {
    double step, error;
};

static struct refined refine(const struct lw_sorted *sorted, unsigned bits, double step)
{
    struct lw_levels levels = {.count = (size_t)1 << bits};
    struct lw_histogram histogram;
    for (size_t k = 0; k < levels.count; k++) {
        levels.value[k] = step * ((double)(2 * k + 1) - (double)levels.count);
        levels.code[k] = (uint8_t)k;
    }
    lw_fit_assign(sorted, &levels, &histogram);
    double product = 0, square = 0;
    for (size_t k = 0; k < levels.count; k++) {
        double q = (double)(2 * k + 1) - (double)levels.count;
        product += q * histogram.moment[k];
        square += q * q * histogram.mass[k];
    }
    double best = product / square; /* every |q| >= 1 and some mass: square > 0 */
    return (struct refined){best, sorted->square - best * product};
}

static double mean_magnitude(const struct lw_sorted *sorted)
{
    double sum = 0;
    for (size_t k = 0; k < sorted->count; k++)
        sum += (double)sorted->weights[k].importance * fabs((double)sorted->weights[k].value);
    return sum / sorted->mass[sorted->count];
}

/* With the best s, the outermost level lies between the mean and the largest |w|: a nearest |q|
 * rises with |w|, so sum |w||q| >= mean |w| sum |q| (Chebyshev), and q^2 <= (2^B - 1)|q|. The scan
 * covers just that; the best of it is then alternated to its end. */
double lw_fit_uniform(const struct lw_sorted *sorted, unsigned bits)
{
    double outermost = (double)((1U << bits) - 1);
    double least = mean_magnitude(sorted) / outermost * RATIO;
    struct refined best = {0, sorted->square};
    for (double step = sorted->largest / outermost; step > least; step *= RATIO) {
        struct refined trial = refine(sorted, bits, step);
        if (trial.error < best.error)
            best = trial;
    }
    for (unsigned round = 0; round < LW_FIT_ROUNDS; round++) {
        struct refined trial = refine(sorted, bits, best.step);
        if (!(trial.error < best.error))
            break;
        best = trial;
    }
    return best.step;
}
