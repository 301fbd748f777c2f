#include "models/fit_gram.h"

#include "models/fit_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Rounds of codes and scales, sweeps over the codes in a round, and the share of the error that a
 * round must take away for another one. */
enum { ROUNDS = 6, SWEEPS = 3 };
static const double SETTLED = 1e-3;
/* Pivots of the normal equations below this share of the diagonal: a plane that depends on others.
 */
static const double DEPENDENT = 1e-7;

/* A row on its way; columns in the order of the metric. */
struct row {
    const struct lw_metric *metric;
    const struct lw_code *code;
    struct lw_levels *levels;   /* [groups] */
    float *weights;             /* [K] */
    float *errors;              /* [K], e = weight - value */
    float *pulls;               /* [K], H e */
    float *spread[LW_MAX_BITS]; /* [K] each: H d for the direction d of an unknown */
    uint8_t *codes;             /* [K] */
};

static size_t most_groups(size_t columns)
{
    return (columns + 31) / 32;
}

size_t lw_fit_gram_scratch_bytes(size_t columns)
{
    return most_groups(columns) * sizeof(struct lw_levels) +
           (3 + LW_MAX_BITS) * columns * sizeof(float) + columns;
}

static void place(struct row *row, void *scratch)
{
    size_t columns = row->metric->columns;
    row->levels = scratch;
    float *at = (float *)(row->levels + most_groups(columns));
    row->weights = at;
    row->errors = at + columns;
    row->pulls = at + 2 * columns;
    for (size_t p = 0; p < LW_MAX_BITS; p++)
        row->spread[p] = at + (3 + p) * columns;
    row->codes = (uint8_t *)(at + (3 + LW_MAX_BITS) * columns);
}

static void add(float *to, float factor, const float *from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] += factor * from[i];
}

static size_t group_of(const struct row *row, size_t i)
{
    return row->metric->order[i] / row->code->group;
}

/* pulls = H errors */
static void set_pulls(struct row *row)
{
    size_t columns = row->metric->columns;
    memset(row->pulls, 0, columns * sizeof *row->pulls);
    for (size_t i = 0; i < columns; i++)
        add(row->pulls, row->errors[i], row->metric->gram + i * columns, columns);
}

static double total(const struct row *row)
{
    double sum = 0;
    for (size_t i = 0; i < row->metric->columns; i++)
        sum += (double)row->errors[i] * (double)row->pulls[i];
    return sum;
}

/* The index of the level nearest to a value; of two equally near, the upper. */
static size_t nearest(const struct lw_levels *levels, double value)
{
    size_t at = 0;
    for (size_t step = levels->count / 2; step > 0; step /= 2) {
        double cut = 0.5 * (levels->value[at + step - 1] + levels->value[at + step]);
        at += value >= cut ? step : 0;
    }
    return at;
}

/* Each code in turn is the nearest to its weight and what the errors before it ask of it. */
static void carry_errors(struct row *row)
{
    size_t columns = row->metric->columns;
    float *asked = row->pulls;
    memset(asked, 0, columns * sizeof *asked);
    for (size_t i = 0; i < columns; i++) {
        const struct lw_levels *levels = &row->levels[group_of(row, i)];
        size_t at = nearest(levels, (double)row->weights[i] + (double)asked[i]);
        row->codes[i] = levels->code[at];
        row->errors[i] = (float)((double)row->weights[i] - levels->value[at]);
        add(asked + i + 1, row->errors[i], row->metric->feedback + i * columns + i + 1,
            columns - i - 1);
    }
    set_pulls(row);
}

/* Each code in turn becomes the best for what all others are; true where any changed. */
static bool sweep(struct row *row)
{
    size_t columns = row->metric->columns;
    bool changed = false;
    for (size_t i = 0; i < columns; i++) {
        const struct lw_levels *levels = &row->levels[group_of(row, i)];
        const float *gram = row->metric->gram + i * columns;
        double value = (double)row->weights[i] - (double)row->errors[i];
        size_t at = nearest(levels, value + (double)row->pulls[i] / (double)gram[i]);
        if (levels->code[at] == row->codes[i])
            continue;
        float step = (float)(levels->value[at] - value);
        row->codes[i] = levels->code[at];
        row->errors[i] -= step;
        add(row->pulls, -step, gram, columns);
        changed = true;
    }
    return changed;
}

/* What unknown p of a group adds to a column with this code, for a scale of 1. */
static int direction(const struct lw_code *code, unsigned p, uint8_t levels)
{
    if (code->uniform)
        return 2 * levels + 1 - (1 << code->bits);
    return levels >> p & 1 ? 1 : -1;
}

/* Solves S x = x for a symmetric S; an unknown that depends on those before it becomes 0. */
static void solve(unsigned count, double s[LW_MAX_BITS][LW_MAX_BITS], double *x)
{
    double diagonal[LW_MAX_BITS];
    for (unsigned i = 0; i < count; i++) {
        diagonal[i] = s[i][i];
        for (unsigned k = 0; k < i; k++)
            diagonal[i] -= diagonal[k] > 0 ? s[i][k] * s[i][k] * diagonal[k] : 0;
        if (!(diagonal[i] > DEPENDENT * s[i][i]))
            diagonal[i] = 0;
        for (unsigned j = i + 1; j < count; j++) {
            double sum = s[j][i];
            for (unsigned k = 0; k < i; k++)
                sum -= s[j][k] * s[i][k] * diagonal[k];
            s[j][i] = diagonal[i] > 0 ? sum / diagonal[i] : 0;
        }
        for (unsigned k = 0; k < i; k++)
            x[i] -= s[i][k] * x[k];
    }
    for (unsigned i = count; i-- > 0;) {
        x[i] = diagonal[i] > 0 ? x[i] / diagonal[i] : 0;
        for (unsigned j = i + 1; j < count; j++)
            x[i] -= diagonal[i] > 0 ? s[j][i] * x[j] : 0;
    }
}

/* Least-squares scales of one group for its codes; `scales` are its own. */
static void refit(struct row *row, size_t group, float *scales)
{
    const struct lw_code *code = row->code;
    size_t columns = row->metric->columns;
    unsigned count = code->uniform ? 1 : code->bits;
    double s[LW_MAX_BITS][LW_MAX_BITS] = {{0}}, change[LW_MAX_BITS] = {0};
    for (unsigned p = 0; p < count; p++)
        memset(row->spread[p], 0, columns * sizeof(float));
    for (size_t i = 0; i < columns; i++)
        for (unsigned p = 0; group_of(row, i) == group && p < count; p++)
            add(row->spread[p], (float)direction(code, p, row->codes[i]),
                row->metric->gram + i * columns, columns);
    for (size_t i = 0; i < columns; i++)
        for (unsigned p = 0; group_of(row, i) == group && p < count; p++) {
            int d = direction(code, p, row->codes[i]);
            change[p] += d * (double)row->pulls[i];
            for (unsigned q = 0; q <= p; q++)
                s[p][q] += d * (double)row->spread[q][i];
        }
    solve(count, s, change);
    for (unsigned p = 0; p < count; p++) {
        float moved = (float)((double)scales[p] + change[p]), step = moved - scales[p];
        scales[p] = moved;
        add(row->pulls, -step, row->spread[p], columns);
        for (size_t i = 0; i < columns; i++)
            if (group_of(row, i) == group)
                row->errors[i] -= step * (float)direction(code, p, row->codes[i]);
    }
}

/* Scales >= 0 and, where free, falling, with the same values. */
static void normalize(struct row *row, size_t group, float *scales)
{
    bool uniform = row->code->uniform;
    unsigned bits = row->code->bits, from[LW_MAX_BITS], flipped = 0;
    float sorted[LW_MAX_BITS];
    for (unsigned p = 0; p < bits; p++) {
        float scale = fabsf(scales[uniform ? 0 : p]);
        unsigned at = p;
        flipped |= (unsigned)(scales[uniform ? 0 : p] < 0) << p;
        for (; at > 0 && scale > sorted[at - 1]; at--) {
            sorted[at] = sorted[at - 1];
            from[at] = from[at - 1];
        }
        sorted[at] = scale;
        from[at] = p;
    }
    memcpy(scales, sorted, (uniform ? 1 : bits) * sizeof *scales);
    for (size_t i = 0; i < row->metric->columns; i++) {
        if (group_of(row, i) != group)
            continue;
        unsigned old = row->codes[i] ^ flipped, code = 0;
        for (unsigned p = 0; p < bits; p++)
            code |= (old >> from[p] & 1) << p;
        row->codes[i] = (uint8_t)code;
    }
}

static void set_levels(struct row *row, size_t group, const float *scales)
{
    double exact[LW_MAX_BITS];
    for (unsigned p = 0; p < row->code->bits; p++)
        exact[p] = row->code->uniform ? ldexp((double)scales[0], (int)p) : (double)scales[p];
    lw_fit_levels(exact, row->code->bits, &row->levels[group]);
}

static float *scales_of(const struct lw_code *code, float *scales, size_t group)
{
    return scales + group * (code->uniform ? 1 : code->bits);
}

/* Codes and errors as lw_fit_row left them. */
static void take(struct row *row, const float *weights, float *scales, const uint8_t *levels)
{
    const struct lw_code *code = row->code;
    for (size_t g = 0; g < code->groups; g++)
        set_levels(row, g, scales_of(code, scales, g));
    for (size_t i = 0; i < row->metric->columns; i++) {
        size_t column = row->metric->order[i];
        const float *own = scales_of(code, scales, column / code->group);
        double value = 0;
        row->weights[i] = weights[column];
        row->codes[i] = levels[column];
        for (unsigned p = 0; p < (code->uniform ? 1 : code->bits); p++)
            value += (double)own[p] * direction(code, p, row->codes[i]);
        row->errors[i] = (float)((double)weights[column] - value);
    }
    set_pulls(row);
}

/* One round of scales, then codes; returns the error, with scales >= 0 and falling. */
static double improve(struct row *row, float *scales)
{
    const struct lw_code *code = row->code;
    for (size_t g = 0; g < code->groups; g++) {
        float *own = scales_of(code, scales, g);
        refit(row, g, own);
        normalize(row, g, own);
        set_levels(row, g, own);
    }
    for (unsigned s = 0; s < SWEEPS && sweep(row); s++)
        continue;
    set_pulls(row);
    return total(row);
}

double lw_fit_gram_row(const struct lw_metric *metric, const float *weights,
                       const struct lw_code *code, float *scales, uint8_t *levels, void *scratch)
{
    struct row row = {.metric = metric, .code = code};
    place(&row, scratch);
    take(&row, weights, scales, levels);
    double error = total(&row);
    carry_errors(&row);
    if (total(&row) > error)
        take(&row, weights, scales, levels);
    error = total(&row);
    for (unsigned round = 0; round < ROUNDS; round++) {
        double next = improve(&row, scales);
        bool settled = !(error - next > SETTLED * error);
        error = next;
        if (settled)
            break;
    }
    for (size_t i = 0; i < metric->columns; i++)
        levels[metric->order[i]] = row.codes[i];
    return error;
}
