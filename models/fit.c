/* Fits of binary codes to one row of weights (docs/NUMBERS.md): the greedy fit, the choice of a
 * fit, and the codes and error of what it found. */
#include "models/fit_parts.h"

#include <math.h>
#include <stdlib.h>

size_t lw_fit_scratch_bytes(size_t columns)
{
    return 2 * (columns + 1) * sizeof(double) + columns * sizeof(struct lw_weight);
}

void lw_fit_greedy(const struct lw_columns *columns, unsigned bits, float *scales, uint8_t *levels,
                   double *residual)
{
    for (size_t c = 0; c < columns->count; c++) {
        residual[c] = (double)columns->weights[c];
        levels[c] = 0;
    }
    for (unsigned i = 0; i < bits; i++) {
        double sum = 0, mass = 0;
        for (size_t c = 0; c < columns->count; c++) {
            sum += lw_importance(columns, c) * fabs(residual[c]);
            mass += lw_importance(columns, c);
        }
        scales[i] = (float)(sum / mass);
        for (size_t c = 0; c < columns->count; c++) {
            bool positive = residual[c] >= 0; /* sign(0) is +1 */
            levels[c] |= (uint8_t)((unsigned)positive << i);
            residual[c] -= positive ? (double)scales[i] : -(double)scales[i];
        }
    }
}

static int compare_weights(const void *a, const void *b)
{
    const struct lw_weight *x = a, *y = b;
    if (x->value != y->value)
        return x->value > y->value ? 1 : -1;
    return (x->importance > y->importance) - (x->importance < y->importance);
}

void lw_fit_sort(const struct lw_columns *columns, void *scratch, struct lw_sorted *sorted)
{
    double *mass = scratch, *moment = mass + columns->count + 1;
    struct lw_weight *weights = (struct lw_weight *)(moment + columns->count + 1);
    size_t count = 0;
    for (size_t c = 0; c < columns->count; c++)
        if (lw_importance(columns, c) > 0)
            weights[count++] =
                (struct lw_weight){columns->weights[c], (float)lw_importance(columns, c)};
    qsort(weights, count, sizeof *weights, compare_weights);
    *sorted =
        (struct lw_sorted){.count = count, .weights = weights, .mass = mass, .moment = moment};
    mass[0] = moment[0] = 0;
    for (size_t k = 0; k < count; k++) {
        double value = (double)weights[k].value, importance = (double)weights[k].importance;
        mass[k + 1] = mass[k] + importance;
        moment[k + 1] = moment[k] + importance * value;
        sorted->square += importance * value * value;
    }
    sorted->largest = fmax(fabs((double)weights[0].value), fabs((double)weights[count - 1].value));
}

/* The code of the level nearest to each weight; of two equally near, the upper. */
static void nearest_codes(const struct lw_columns *columns, unsigned bits, const float *scales,
                          uint8_t *codes)
{
    struct lw_levels levels;
    double exact[LW_MAX_BITS];
    for (unsigned i = 0; i < bits; i++)
        exact[i] = (double)scales[i];
    lw_fit_levels(exact, bits, &levels);
    for (size_t k = 0; k + 1 < levels.count; k++)
        levels.value[k] = 0.5 * (levels.value[k] + levels.value[k + 1]);
    for (size_t c = 0; c < columns->count; c++) {
        size_t at = 0;
        for (size_t step = levels.count / 2; step > 0; step /= 2)
            at += (double)columns->weights[c] >= levels.value[at + step - 1] ? step : 0;
        codes[c] = levels.code[at];
    }
}

static double error_of(const struct lw_columns *columns, unsigned bits, const float *scales,
                       const uint8_t *codes)
{
    double values[LW_MAX_LEVELS], exact[LW_MAX_BITS], sum = 0;
    unsigned mask = (1U << bits) - 1;
    for (unsigned i = 0; i < bits; i++)
        exact[i] = (double)scales[i];
    lw_fit_values(exact, bits, values);
    for (size_t c = 0; c < columns->count; c++) {
        double difference = (double)columns->weights[c] - values[codes[c] & mask];
        sum += lw_importance(columns, c) * difference * difference;
    }
    return sum;
}

/* Drops an importance that is 0 everywhere. */
static struct lw_columns take_columns(const float *weights, const float *importance, size_t count)
{
    bool any = false;
    for (size_t c = 0; importance && c < count && !any; c++)
        any = importance[c] > 0;
    return (struct lw_columns){count, weights, any ? importance : NULL};
}

double lw_fit_row(enum lw_fit fit, const float *weights, const float *importance, size_t count,
                  unsigned bits, float *scales, uint8_t *levels, void *scratch)
{
    struct lw_columns columns = take_columns(weights, importance, count);
    struct lw_sorted sorted;
    if (fit != LW_FIT_UNIFORM)
        lw_fit_greedy(&columns, bits, scales, levels, scratch);
    if (fit != LW_FIT_GREEDY) {
        lw_fit_sort(&columns, scratch, &sorted);
        if (fit == LW_FIT_UNIFORM) {
            float step = (float)lw_fit_uniform(&sorted, bits);
            for (unsigned i = 0; i < bits; i++)
                scales[i] = ldexpf(step, (int)i);
        } else {
            lw_fit_alternating(&sorted, bits, fit == LW_FIT_ALTERNATING_FROM_GREEDY, scales);
        }
        nearest_codes(&columns, bits, scales, levels);
    }
    return error_of(&columns, bits, scales, levels);
}

void lw_fit_nested(const float *weights, const float *importance, size_t count, unsigned planes,
                   float scales[][LW_MAX_BITS], uint8_t *levels, double *errors, void *scratch)
{
    struct lw_columns columns = take_columns(weights, importance, count);
    lw_fit_nested_planes(&columns, planes, scales, levels, scratch);
    for (unsigned q = 1; q <= planes; q++)
        errors[q - 1] = error_of(&columns, q, scales[q - 1], levels);
}
