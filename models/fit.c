/* Fits of binary codes to one row of weights (docs/NUMBERS.md).
 *
 * The alternating fit never walks over the columns: nearest codes cut the sorted weights into one
 * run for each level, and the number and the sum of the weights in a run are all that the normal
 * equations and the error need. A round therefore costs 2^B binary searches, whatever the number of
 * columns. */
#include "models/fit.h"

#include <math.h>
#include <stdlib.h>

enum { MAX_LEVELS = 1 << LW_MAX_BITS, MAX_ROUNDS = 40 };

/* An improvement smaller than this share of the row's sum of squares ends the rounds. */
static const double IMPROVEMENT = 1e-12;
/* Pivots of the normal equations below this share of the columns: the plane depends on earlier
 * ones. */
static const double DEPENDENT = 1e-9;
/* Clipping points of the uniform starts, as shares of the largest |w|. */
static const double CLIPS[] = {1.0, 0.85, 0.7, 0.55};

struct row {
    size_t columns;
    const float *sorted;  /* the weights, ascending */
    const double *prefix; /* [columns + 1]: sum of the weights before each */
    double square;        /* sum of w^2 */
    double largest;       /* max |w| */
};

/* The values a code can take, ascending, and the bits that make each. */
struct levels {
    size_t count;
    double value[MAX_LEVELS];
    uint8_t code[MAX_LEVELS];
};

/* The normal equations gram * scales = rhs of the planes of a row. */
struct equations {
    double gram[LW_MAX_BITS][LW_MAX_BITS]; /* lower triangle */
    double rhs[LW_MAX_BITS];
};

size_t lw_fit_scratch_bytes(size_t columns)
{
    return (columns + 1) * sizeof(double) + columns * sizeof(float);
}

/* Plane by plane: the sign of the residual, and the mean of its magnitude as scale. sign(0) is +1.
 */
static void fit_greedy(const float *weights, size_t columns, unsigned bits, float *scales,
                       uint8_t *levels, double *residual)
{
    for (size_t c = 0; c < columns; c++) {
        residual[c] = (double)weights[c];
        levels[c] = 0;
    }
    for (unsigned i = 0; i < bits; i++) {
        double sum = 0;
        for (size_t c = 0; c < columns; c++)
            sum += fabs(residual[c]);
        scales[i] = (float)(sum / (double)columns);
        for (size_t c = 0; c < columns; c++) {
            bool positive = residual[c] >= 0;
            levels[c] |= (uint8_t)((unsigned)positive << i);
            residual[c] -= positive ? (double)scales[i] : -(double)scales[i];
        }
    }
}

/* All 2^bits sums of +-scales, kept sorted by merging v - scale and v + scale. Scales are >= 0. */
static void levels_from(const double *scales, unsigned bits, struct levels *out)
{
    struct levels previous;
    out->count = 1;
    out->value[0] = 0;
    out->code[0] = 0;
    for (unsigned i = 0; i < bits; i++) {
        size_t n = out->count, low = 0, high = 0;
        for (size_t k = 0; k < n; k++) {
            previous.value[k] = out->value[k];
            previous.code[k] = out->code[k];
        }
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

static double midpoint(const struct levels *levels, size_t k)
{
    return 0.5 * (levels->value[k] + levels->value[k + 1]);
}

/* The first index at or after `from` whose weight is not below `bound`. */
static size_t first_not_below(const struct row *row, size_t from, double bound)
{
    size_t length = row->columns - from;
    const float *base = row->sorted + from;
    while (length > 0) {
        size_t half = length / 2;
        bool below = (double)base[half] < bound;
        base = below ? base + half + 1 : base;
        length = below ? length - half - 1 : half;
    }
    return (size_t)(base - row->sorted);
}

static void add_run(const struct levels *levels, size_t k, unsigned bits, double count, double sum,
                    struct equations *equations)
{
    for (unsigned i = 0; i < bits; i++) {
        double signed_count = levels->code[k] >> i & 1 ? count : -count;
        equations->rhs[i] += levels->code[k] >> i & 1 ? sum : -sum;
        for (unsigned j = 0; j <= i; j++)
            equations->gram[i][j] += levels->code[k] >> j & 1 ? signed_count : -signed_count;
    }
}

/* The squared error of the nearest codes for given scales, and the normal equations of these codes.
 */
static double assign(const struct row *row, const double *scales, unsigned bits,
                     struct equations *equations)
{
    struct levels levels;
    levels_from(scales, bits, &levels);
    *equations = (struct equations){0};
    double error = row->square;
    size_t begin = 0;
    for (size_t k = 0; k < levels.count && begin < row->columns; k++) {
        size_t end = row->columns;
        if (k + 1 < levels.count)
            end = first_not_below(row, begin, midpoint(&levels, k));
        if (end == begin)
            continue;
        double count = (double)(end - begin);
        double sum = row->prefix[end] - row->prefix[begin];
        error += levels.value[k] * (count * levels.value[k] - 2 * sum);
        add_run(&levels, k, bits, count, sum, equations);
        begin = end;
    }
    return error;
}

/* Solves by L D L^T; a plane that depends on earlier ones gets scale 0. */
static void solve(struct equations *e, unsigned bits, double columns, double *x)
{
    double pivot[LW_MAX_BITS];
    for (unsigned j = 0; j < bits; j++) {
        double *g = e->gram[j];
        double d = g[j];
        for (unsigned k = 0; k < j; k++) {
            d -= g[k] * g[k] * pivot[k];
            e->rhs[j] -= g[k] * e->rhs[k];
        }
        pivot[j] = d > DEPENDENT * columns ? d : 0;
        for (unsigned i = j + 1; i < bits; i++) {
            for (unsigned k = 0; k < j; k++)
                e->gram[i][j] -= e->gram[i][k] * g[k] * pivot[k];
            e->gram[i][j] = pivot[j] > 0 ? e->gram[i][j] / pivot[j] : 0;
        }
    }
    for (unsigned j = bits; j-- > 0;) {
        x[j] = pivot[j] > 0 ? e->rhs[j] / pivot[j] : 0;
        for (unsigned i = j + 1; i < bits && pivot[j] > 0; i++)
            x[j] -= e->gram[i][j] * x[i];
    }
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

/* Rounds from one start until the error no longer falls; returns it, with its scales. */
static double improve(const struct row *row, unsigned bits, double *scales)
{
    double best = INFINITY, trial[LW_MAX_BITS];
    for (unsigned i = 0; i < bits; i++)
        trial[i] = scales[i];
    for (int round = 0; round < MAX_ROUNDS; round++) {
        struct equations equations;
        canonical(trial, bits);
        double error = assign(row, trial, bits, &equations);
        if (!(best - error > IMPROVEMENT * row->square))
            break;
        best = error;
        for (unsigned i = 0; i < bits; i++)
            scales[i] = trial[i];
        solve(&equations, bits, (double)row->columns, trial);
    }
    return best;
}

static int compare_floats(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static struct row sort_row(const float *weights, size_t columns, double *prefix, float *sorted)
{
    struct row row = {.columns = columns, .sorted = sorted, .prefix = prefix};
    for (size_t c = 0; c < columns; c++)
        sorted[c] = weights[c];
    qsort(sorted, columns, sizeof *sorted, compare_floats);
    prefix[0] = 0;
    for (size_t c = 0; c < columns; c++) {
        prefix[c + 1] = prefix[c] + (double)sorted[c];
        row.square += (double)sorted[c] * (double)sorted[c];
    }
    row.largest = fmax(fabs((double)sorted[0]), fabs((double)sorted[columns - 1]));
    return row;
}

/* The best scales over all starts; `scales` comes in as the greedy ones. */
static void fit_alternating(const struct row *row, unsigned bits, float *scales)
{
    double best[LW_MAX_BITS], trial[LW_MAX_BITS];
    for (unsigned i = 0; i < bits; i++)
        best[i] = (double)scales[i];
    double best_error = improve(row, bits, best);
    for (size_t start = 0; start < sizeof CLIPS / sizeof CLIPS[0]; start++) {
        double step = CLIPS[start] * row->largest / (double)((1U << bits) - 1);
        for (unsigned i = 0; i < bits; i++)
            trial[i] = ldexp(step, (int)i);
        double error = improve(row, bits, trial);
        if (error >= best_error)
            continue;
        best_error = error;
        for (unsigned i = 0; i < bits; i++)
            best[i] = trial[i];
    }
    for (unsigned i = 0; i < bits; i++)
        scales[i] = (float)best[i];
}

/* The code of the level nearest to each weight; of two equally near, the upper. */
static void nearest_codes(const float *weights, size_t columns, unsigned bits, const float *scales,
                          uint8_t *codes)
{
    struct levels levels;
    double exact[LW_MAX_BITS];
    for (unsigned i = 0; i < bits; i++)
        exact[i] = (double)scales[i];
    levels_from(exact, bits, &levels);
    for (size_t k = 0; k + 1 < levels.count; k++)
        levels.value[k] = midpoint(&levels, k);
    for (size_t c = 0; c < columns; c++) {
        size_t at = 0;
        for (size_t step = levels.count / 2; step > 0; step /= 2)
            at += (double)weights[c] >= levels.value[at + step - 1] ? step : 0;
        codes[c] = levels.code[at];
    }
}

static double squared_error(const float *weights, size_t columns, unsigned bits,
                            const float *scales, const uint8_t *codes)
{
    double value[MAX_LEVELS], sum = 0;
    for (unsigned code = 0; code < 1U << bits; code++) {
        value[code] = 0;
        for (unsigned i = 0; i < bits; i++)
            value[code] += code >> i & 1 ? (double)scales[i] : -(double)scales[i];
    }
    for (size_t c = 0; c < columns; c++) {
        double difference = (double)weights[c] - value[codes[c]];
        sum += difference * difference;
    }
    return sum;
}

double lw_fit_row(enum lw_fit fit, const float *weights, size_t columns, unsigned bits,
                  float *scales, uint8_t *levels, void *scratch)
{
    double *doubles = scratch;
    fit_greedy(weights, columns, bits, scales, levels, doubles);
    if (fit == LW_FIT_ALTERNATING) {
        struct row row = sort_row(weights, columns, doubles, (float *)(doubles + columns + 1));
        fit_alternating(&row, bits, scales);
        nearest_codes(weights, columns, bits, scales, levels);
    }
    return squared_error(weights, columns, bits, scales, levels);
}
