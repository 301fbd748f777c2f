/* Nested planes: one set of planes of which every prefix is a usable code. */
#include "models/fit_parts.h"

#include <math.h>
#include <string.h>

/* Errors below this share of the row's sum of squares are rounding. */
static const double ROUNDING = 1e-12;
/* A round that lowers the sum of the logarithms of the errors by less is the last. */
static const double SETTLED = 1e-4;

/* A row on its way, and a figure for each prefix of q planes at [q - 1]. */
struct nest {
    const struct lw_columns *columns;
    unsigned planes;
    double square;              /* sum of importance * weight^2 */
    double limits[LW_MAX_BITS]; /* errors of greedy planes: no prefix may have more */
};

/* Least-squares scales and errors of every prefix. */
struct prefixes {
    double scales[LW_MAX_BITS][LW_MAX_BITS];
    double errors[LW_MAX_BITS];
};

static void collect(const struct lw_columns *columns, const uint8_t *codes, unsigned bits,
                    struct lw_histogram *histogram)
{
    memset(histogram->mass, 0, sizeof *histogram->mass << bits);
    memset(histogram->moment, 0, sizeof *histogram->moment << bits);
    for (size_t c = 0; c < columns->count; c++) {
        double importance = lw_importance(columns, c);
        histogram->mass[codes[c]] += importance;
        histogram->moment[codes[c]] += importance * (double)columns->weights[c];
    }
}

static void measure(const struct nest *nest, const uint8_t *codes, struct prefixes *prefixes)
{
    struct lw_histogram histogram;
    collect(nest->columns, codes, nest->planes, &histogram);
    for (unsigned q = nest->planes; q > 0; q--) {
        double *scales = prefixes->scales[q - 1];
        lw_fit_least_squares(&histogram, q, scales);
        prefixes->errors[q - 1] = lw_fit_error(&histogram, q, scales, nest->square);
        for (unsigned code = 0, high = 1U << (q - 1); code < high; code++) {
            histogram.mass[code] += histogram.mass[code | high];
            histogram.moment[code] += histogram.moment[code | high];
        }
    }
}

static bool within_limits(const struct nest *nest, const struct prefixes *prefixes)
{
    for (unsigned q = 0; q < nest->planes; q++)
        if (prefixes->errors[q] > nest->limits[q])
            return false;
    return true;
}

/* Adds plane q - 1 to codes of q - 1 planes: the sign of what the earlier planes leave, and scales
 * refitted for all, in turn, until the error of the prefix no longer falls. */
static void extend(const struct nest *nest, unsigned q, uint8_t *codes, uint8_t *trial)
{
    struct lw_histogram histogram;
    double scales[LW_MAX_BITS], values[LW_MAX_LEVELS], best = INFINITY;
    const struct lw_columns *columns = nest->columns;
    unsigned mask = (1U << (q - 1)) - 1;
    collect(columns, codes, q - 1, &histogram);
    lw_fit_least_squares(&histogram, q - 1, scales);
    for (unsigned round = 0; round < LW_FIT_ROUNDS; round++) {
        lw_fit_values(scales, q - 1, values);
        for (size_t c = 0; c < columns->count; c++) {
            unsigned low = codes[c] & mask;
            bool positive = (double)columns->weights[c] >= values[low];
            trial[c] = (uint8_t)(low | (unsigned)positive << (q - 1));
        }
        collect(columns, trial, q, &histogram);
        lw_fit_least_squares(&histogram, q, scales);
        double error = lw_fit_error(&histogram, q, scales, nest->square);
        if (!(best - error > ROUNDING * nest->square))
            break;
        best = error;
        memcpy(codes, trial, columns->count);
    }
}

/* For given scales of every prefix, the code of each column that minimises the sum over prefixes of
 * next error / present error: with it the sum of the logarithms of the errors, which counts every
 * prefix alike, cannot rise (the logarithm is concave). A code's cost is a multiple of w^2 plus a
 * line in w. Plane 0 stays the sign of the weight: no other is as good alone. */
static void choose_codes(const struct nest *nest, const struct prefixes *prefixes, uint8_t *codes)
{
    double slope[LW_MAX_LEVELS] = {0}, offset[LW_MAX_LEVELS] = {0}, values[LW_MAX_LEVELS];
    unsigned count = 1U << nest->planes;
    for (unsigned q = 1; q <= nest->planes; q++) {
        double present = fmax(prefixes->errors[q - 1], ROUNDING * nest->square);
        lw_fit_values(prefixes->scales[q - 1], q, values);
        for (unsigned code = 0; code < count; code++) {
            double value = values[code & ((1U << q) - 1)];
            slope[code] -= 2 * value / present;
            offset[code] += value * value / present;
        }
    }
    for (size_t c = 0; c < nest->columns->count; c++) {
        double w = (double)nest->columns->weights[c], least = INFINITY;
        for (unsigned code = w >= 0; code < count; code += 2) {
            double cost = slope[code] * w + offset[code];
            codes[c] = cost < least ? (uint8_t)code : codes[c];
            least = cost < least ? cost : least;
        }
    }
}

static double objective(const struct nest *nest, const struct prefixes *prefixes)
{
    double sum = 0;
    for (unsigned q = 0; q < nest->planes; q++)
        sum += log(fmax(prefixes->errors[q], ROUNDING * nest->square));
    return sum;
}

/* All planes and all scales in turn, while the objective falls and no prefix passes its limit. */
static void settle(const struct nest *nest, uint8_t *codes, struct prefixes *prefixes,
                   uint8_t *trial)
{
    for (unsigned round = 0; round < LW_FIT_ROUNDS; round++) {
        struct prefixes next;
        choose_codes(nest, prefixes, trial);
        measure(nest, trial, &next);
        if (!(objective(nest, prefixes) - objective(nest, &next) > SETTLED) ||
            !within_limits(nest, &next))
            break;
        *prefixes = next;
        memcpy(codes, trial, nest->columns->count);
    }
}

static void set_limits(struct nest *nest, const uint8_t *greedy)
{
    struct prefixes prefixes;
    for (size_t c = 0; c < nest->columns->count; c++) {
        double w = (double)nest->columns->weights[c];
        nest->square += lw_importance(nest->columns, c) * w * w;
    }
    measure(nest, greedy, &prefixes);
    for (unsigned q = 0; q < nest->planes; q++)
        nest->limits[q] = fmax(prefixes.errors[q], ROUNDING * nest->square);
}

/* Planes are added one by one to as few greedy ones as keep every prefix within its limit: at worst
 * all are greedy. */
void lw_fit_nested_planes(const struct lw_columns *columns, unsigned planes,
                          float scales[][LW_MAX_BITS], uint8_t *codes, void *scratch)
{
    struct nest nest = {.columns = columns, .planes = planes};
    struct prefixes prefixes;
    lw_fit_greedy(columns, planes, scales[0], codes, scratch);
    uint8_t *greedy = memcpy(scratch, codes, columns->count), *trial = greedy + columns->count;
    set_limits(&nest, greedy);
    unsigned kept = 0;
    do {
        for (size_t c = 0; c < columns->count; c++)
            codes[c] = (uint8_t)(greedy[c] & ((1U << kept) - 1));
        for (unsigned q = kept + 1; q <= planes; q++)
            extend(&nest, q, codes, trial);
        measure(&nest, codes, &prefixes);
        kept++;
    } while (!within_limits(&nest, &prefixes));
    if (nest.square > 0)
        settle(&nest, codes, &prefixes, trial);
    for (unsigned q = 0; q < planes; q++)
        for (unsigned i = 0; i <= q; i++)
            scales[q][i] = (float)prefixes.scales[q][i];
}
