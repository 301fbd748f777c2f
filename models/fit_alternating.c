/* Codes of given scales, scales of given codes, and the alternating fit made of the two. */
#include "models/fit_parts.h"

#include <math.h>
#include <string.h>

/* An improvement smaller than this share of the row's sum of squares ends the rounds. */
static const double IMPROVEMENT = 1e-12;
/* Pivots of the normal equations below this share of the importance: the plane depends on earlier
 * ones. */
static const double DEPENDENT = 1e-9;
/* Clipping points of the uniform starts, as shares of the largest |w|. */
static const double CLIPS[] = {1.0, 0.85, 0.7, 0.55};
/* Codes of more bits than these grow from codes of fewer. */
enum { CLIPPED_BITS = 4 };

/* Sorted by merging v - scale and v + scale, plane by plane. Scales are >= 0. */
void lw_fit_levels(const double *scales, unsigned bits, struct lw_levels *out)
{
    struct lw_levels previous;
    out->count = 1;
    out->value[0] = 0;
    out->code[0] = 0;
    for (unsigned i = 0; i < bits; i++) {
        size_t n = out->count, low = 0, high = 0;
        memcpy(previous.value, out->value, n * sizeof *out->value);
        memcpy(previous.code, out->code, n * sizeof *out->code);
        for (size_t k = 0; k < 2 * n; k++) {
            if (low < n && previous.value[low] - scales[i] <= previous.value[high] + scales[i]) {
                out->value[k] = previous.value[low] - scales[i];
                out->code[k] = previous.code[low++];
            } else {
                out->value[k] = previous.value[high] + scales[i];
                out->code[k] = (uint8_t)(previous.code[high++] | 1U << i);
            }
        }
        out->count = 2 * n;
    }
}

void lw_fit_values(const double *scales, unsigned bits, double *values)
{
    values[0] = 0;
    for (unsigned i = 0; i < bits; i++)
        for (unsigned code = 0; code < 1U << i; code++) {
            values[code | 1U << i] = values[code] + scales[i];
            values[code] -= scales[i];
        }
}

/* The first index at or after `from` whose weight is not below `bound`: strides that double, then
 * halves. Runs are short where levels are many. */
static size_t first_not_below(const struct lw_sorted *sorted, size_t from, double bound)
{
    size_t length = 1;
    while (length < sorted->count - from &&
           (double)sorted->weights[from + length - 1].value < bound) {
        from += length;
        length *= 2;
    }
    if (length > sorted->count - from)
        length = sorted->count - from;
    const struct lw_weight *base = sorted->weights + from;
    while (length > 0) {
        size_t half = length / 2;
        bool below = (double)base[half].value < bound;
        base = below ? base + half + 1 : base;
        length = below ? length - half - 1 : half;
    }
    return (size_t)(base - sorted->weights);
}

double lw_fit_assign(const struct lw_sorted *sorted, const struct lw_levels *levels,
                     struct lw_histogram *histogram)
{
    memset(histogram->mass, 0, levels->count * sizeof *histogram->mass);
    memset(histogram->moment, 0, levels->count * sizeof *histogram->moment);
    double error = sorted->square;
    size_t begin = 0;
    for (size_t k = 0; k < levels->count && begin < sorted->count; k++) {
        size_t end = sorted->count;
        if (k + 1 < levels->count)
            end = first_not_below(sorted, begin, 0.5 * (levels->value[k] + levels->value[k + 1]));
        double mass = sorted->mass[end] - sorted->mass[begin];
        double moment = sorted->moment[end] - sorted->moment[begin];
        error += levels->value[k] * (mass * levels->value[k] - 2 * moment);
        histogram->mass[levels->code[k]] = mass;
        histogram->moment[levels->code[k]] = moment;
        begin = end;
    }
    return error;
}

double lw_fit_error(const struct lw_histogram *histogram, unsigned bits, const double *scales,
                    double square)
{
    double values[LW_MAX_LEVELS], error = square;
    lw_fit_values(scales, bits, values);
    for (unsigned code = 0; code < 1U << bits; code++)
        error +=
            values[code] * (histogram->mass[code] * values[code] - 2 * histogram->moment[code]);
    return error;
}

/* Walsh-Hadamard: x[m] becomes the sum of x[code] * (-1)^(number of ones of code & m). */
static void transform(double *x, unsigned bits)
{
    for (unsigned half = 1; half < 1U << bits; half *= 2)
        for (unsigned block = 0; block < 1U << bits; block += 2 * half)
            for (unsigned k = block; k < block + half; k++) {
                double low = x[k], high = x[k + half];
                x[k] = low + high;
                x[k + half] = low - high;
            }
}

/* Solves gram * x = rhs (lower triangle) by L D L^T. */
static void solve(double gram[][LW_MAX_BITS], double *rhs, unsigned bits, double least, double *x)
{
    double pivot[LW_MAX_BITS];
    for (unsigned j = 0; j < bits; j++) {
        double *g = gram[j];
        double d = g[j];
        for (unsigned k = 0; k < j; k++) {
            d -= g[k] * g[k] * pivot[k];
            rhs[j] -= g[k] * rhs[k];
        }
        pivot[j] = d > least ? d : 0;
        for (unsigned i = j + 1; i < bits; i++) {
            for (unsigned k = 0; k < j; k++)
                gram[i][j] -= gram[i][k] * g[k] * pivot[k];
            gram[i][j] = pivot[j] > 0 ? gram[i][j] / pivot[j] : 0;
        }
    }
    for (unsigned j = bits; j-- > 0;) {
        x[j] = pivot[j] > 0 ? rhs[j] / pivot[j] : 0;
        for (unsigned i = j + 1; i < bits && pivot[j] > 0; i++)
            x[j] -= gram[i][j] * x[i];
    }
}

/* b[i] b[j] is the character of the mask with bits i and j, b[i] minus that of bit i: the normal
 * equations are entries of two transforms. */
void lw_fit_least_squares(const struct lw_histogram *histogram, unsigned bits, double *scales)
{
    struct lw_histogram h;
    memcpy(h.mass, histogram->mass, sizeof *h.mass << bits);
    memcpy(h.moment, histogram->moment, sizeof *h.moment << bits);
    transform(h.mass, bits);
    transform(h.moment, bits);
    double gram[LW_MAX_BITS][LW_MAX_BITS], rhs[LW_MAX_BITS];
    for (unsigned i = 0; i < bits; i++) {
        rhs[i] = -h.moment[1U << i];
        for (unsigned j = 0; j <= i; j++)
            gram[i][j] = h.mass[1U << i ^ 1U << j];
    }
    solve(gram, rhs, bits, DEPENDENT * h.mass[0], scales);
}

/* Non-negative and descending: the same set of levels, written in one way. */
static void canonical(double *scales, unsigned bits)
{
    for (unsigned i = 0; i < bits; i++) {
        double scale = fabs(scales[i]);
        unsigned at = i;
        for (; at > 0 && scales[at - 1] < scale; at--)
            scales[at] = scales[at - 1];
        scales[at] = scale;
    }
}

double lw_fit_improve(const struct lw_sorted *sorted, unsigned bits, unsigned rounds,
                      double *scales)
{
    double best = INFINITY, trial[LW_MAX_BITS];
    memcpy(trial, scales, bits * sizeof *trial);
    for (unsigned round = 0; round < rounds; round++) {
        struct lw_levels levels;
        struct lw_histogram histogram;
        canonical(trial, bits);
        lw_fit_levels(trial, bits, &levels);
        double error = lw_fit_assign(sorted, &levels, &histogram);
        if (!(best - error > IMPROVEMENT * sorted->square))
            break;
        best = error;
        memcpy(scales, trial, bits * sizeof *trial);
        lw_fit_least_squares(&histogram, bits, trial);
    }
    return best;
}

/* Scales met so far, and their error. */
struct best {
    double scales[LW_MAX_BITS], error;
};

static void keep_better(const struct lw_sorted *sorted, unsigned bits, unsigned rounds,
                        double *start, struct best *best)
{
    double error = lw_fit_improve(sorted, bits, rounds, start);
    if (error < best->error) {
        best->error = error;
        memcpy(best->scales, start, bits * sizeof *start);
    }
}

static void set_uniform(double step, unsigned bits, double *scales)
{
    for (unsigned i = 0; i < bits; i++)
        scales[i] = ldexp(step, (int)i);
}

static void try_clips(const struct lw_sorted *sorted, unsigned bits, struct best *best)
{
    for (size_t k = 0; k < sizeof CLIPS / sizeof CLIPS[0]; k++) {
        double start[LW_MAX_BITS];
        set_uniform(CLIPS[k] * sorted->largest / (double)((1U << bits) - 1), bits, start);
        keep_better(sorted, bits, LW_FIT_ROUNDS, start, best);
    }
}

/* The mean magnitude of what the nearest levels leave: the scale of one plane more, which lowers
 * the error by its square times the importance. */
static double mean_residual(const struct lw_sorted *sorted, unsigned bits, const double *scales)
{
    struct lw_levels levels;
    lw_fit_levels(scales, bits, &levels);
    double sum = 0;
    for (size_t k = 0, at = 0; k < sorted->count; k++) {
        double w = (double)sorted->weights[k].value;
        while (at + 1 < levels.count && w >= 0.5 * (levels.value[at] + levels.value[at + 1]))
            at++;
        sum += (double)sorted->weights[k].importance * fabs(w - levels.value[at]);
    }
    return sum / sorted->mass[sorted->count];
}

/* From the best code of one bit less and a plane for what it leaves, so that the error cannot rise;
 * and from greedy or the uniform code, whichever begins better. */
static void add_plane(const struct lw_sorted *sorted, unsigned bits, double *greedy,
                      struct best *best)
{
    double grown[LW_MAX_BITS], uniform[LW_MAX_BITS];
    struct best other = {.error = INFINITY};
    memcpy(grown, best->scales, sizeof grown);
    grown[bits - 1] = mean_residual(sorted, bits - 1, best->scales);
    set_uniform(lw_fit_uniform(sorted, bits), bits, uniform);
    keep_better(sorted, bits, 1, greedy, &other);
    keep_better(sorted, bits, 1, uniform, &other);
    best->error = INFINITY;
    keep_better(sorted, bits, LW_FIT_ROUNDS, grown, best);
    keep_better(sorted, bits, LW_FIT_ROUNDS, other.scales, best);
}

void lw_fit_alternating(const struct lw_sorted *sorted, unsigned bits, bool from_greedy_alone,
                        float *scales)
{
    double greedy[LW_MAX_BITS] = {0}, start[LW_MAX_BITS];
    struct best best = {.error = INFINITY};
    unsigned first = from_greedy_alone || bits < CLIPPED_BITS ? bits : CLIPPED_BITS;
    for (unsigned i = 0; i < bits; i++)
        greedy[i] = (double)scales[i];
    memcpy(start, greedy, sizeof start);
    keep_better(sorted, first, LW_FIT_ROUNDS, start, &best);
    if (!from_greedy_alone)
        try_clips(sorted, first, &best);
    for (unsigned b = first + 1; b <= bits; b++) {
        memcpy(start, greedy, sizeof start);
        add_plane(sorted, b, start, &best);
    }
    for (unsigned i = 0; i < bits; i++)
        scales[i] = (float)best.scales[i];
}
