#include "models/fit_gram_parts.h"

#include <math.h>
#include <string.h>

/* Rounds of scales and codes, sweeps over the codes in a round, and the share of the error that a
 * round must take away for another one. */
enum { ROUNDS = 6, SWEEPS = 3 };
static const double SETTLED = 1e-3;

static unsigned count_unknowns(const struct lw_code *code)
{
    return code->uniform ? 1 : code->bits;
}

size_t lw_fit_gram_scratch_bytes(const struct lw_code *code, size_t columns)
{
    size_t spread = code->groups * count_unknowns(code) * columns;
    return code->groups * sizeof(struct gram_group) + (spread + 3 * columns) * sizeof(float) +
           columns * (sizeof(uint32_t) + 1);
}

static struct gram_row place(const struct lw_metric *metric, const struct lw_code *code,
                             void *scratch)
{
    size_t columns = metric->columns;
    struct gram_row row = {.metric = metric,
                           .code = code,
                           .columns = columns,
                           .unknowns = count_unknowns(code),
                           .groups = scratch};
    float *at = (float *)(row.groups + code->groups);
    for (size_t g = 0; g < code->groups; g++)
        for (unsigned p = 0; p < row.unknowns; p++, at += columns)
            row.groups[g].spread[p] = at;
    row.weights = at;
    row.errors = at + columns;
    row.pulls = at + 2 * columns;
    row.group = (uint32_t *)(at + 3 * columns);
    row.codes = (uint8_t *)(row.group + columns);
    return row;
}

/* Weights over a power of two, so that no product of them overflows; groups. */
static void take_weights(struct gram_row *row, const float *weights)
{
    float largest = 0;
    for (size_t c = 0; c < row->columns; c++)
        largest = fmaxf(largest, fabsf(weights[c]));
    row->exponent = largest > 0 ? ilogbf(largest) : 0;
    for (size_t i = 0; i < row->columns; i++) {
        size_t column = row->metric->order[i];
        row->weights[i] = ldexpf(weights[column], -row->exponent);
        row->group[i] = (uint32_t)(column / row->code->group);
    }
}

static void shift_scales(const struct gram_row *row, float *scales, int exponent)
{
    for (size_t i = 0; i < row->code->groups * row->unknowns; i++)
        scales[i] = ldexpf(scales[i], exponent);
}

/* Codes as they were given, and errors and levels for them. */
static void take_codes(struct gram_row *row, const float *scales, const uint8_t *levels)
{
    for (size_t i = 0; i < row->columns; i++)
        row->codes[i] = levels[row->metric->order[i]];
    for (size_t g = 0; g < row->code->groups; g++) {
        gram_set_levels(row->code, scales + g * row->unknowns, &row->groups[g]);
        gram_set_errors(row, g, scales + g * row->unknowns);
    }
}

/* The level nearest to a value; of two equally near, the upper. */
static size_t nearest(const struct gram_group *group, double value)
{
    size_t at = 0;
    for (size_t step = group->levels.count / 2; step > 0; step /= 2)
        at += value >= group->cuts[at + step] ? step : 0;
    return at;
}

static void set_code(struct gram_row *row, size_t i, size_t level)
{
    const struct lw_levels *levels = &row->groups[row->group[i]].levels;
    row->codes[i] = levels->code[level];
    row->errors[i] = (float)((double)row->weights[i] - levels->value[level]);
}

/* The error, through H = U D U^T: the sum of D (U^T e)^2. With `choosing` each code in turn becomes
 * the nearest to its weight and what the errors before it ask of it. Leaves `pulls` undefined. */
static double carry(struct gram_row *row, bool choosing)
{
    size_t columns = row->columns;
    float *asked = row->pulls;
    double sum = 0;
    memset(asked, 0, columns * sizeof *asked);
    for (size_t i = 0; i < columns; i++) {
        if (choosing)
            set_code(
                row, i,
                nearest(&row->groups[row->group[i]], (double)row->weights[i] + (double)asked[i]));
        double left = (double)row->errors[i] + (double)asked[i];
        sum += row->metric->pivots[i] * left * left;
        gram_add(asked + i + 1, row->errors[i], row->metric->upper + i * columns + i + 1,
                 columns - i - 1);
    }
    return sum;
}

/* Pulls and spreads from errors and codes. */
static void multiply(struct gram_row *row)
{
    size_t columns = row->columns;
    memset(row->pulls, 0, columns * sizeof(float));
    for (size_t g = 0; g < row->code->groups; g++)
        for (unsigned p = 0; p < row->unknowns; p++)
            memset(row->groups[g].spread[p], 0, columns * sizeof(float));
    for (size_t i = 0; i < columns; i++) {
        const float *gram = row->metric->gram + i * columns;
        gram_add(row->pulls, row->errors[i], gram, columns);
        for (unsigned p = 0; p < row->unknowns; p++)
            gram_add(row->groups[row->group[i]].spread[p],
                     (float)gram_direction(row->code, p, row->codes[i]), gram, columns);
    }
}

static void change_code(struct gram_row *row, size_t i, size_t level)
{
    struct gram_group *group = &row->groups[row->group[i]];
    const float *gram = row->metric->gram + i * row->columns;
    float error = row->errors[i];
    uint8_t code = row->codes[i];
    set_code(row, i, level);
    gram_add(row->pulls, row->errors[i] - error, gram, row->columns);
    for (unsigned p = 0; p < row->unknowns; p++) {
        int change =
            gram_direction(row->code, p, row->codes[i]) - gram_direction(row->code, p, code);
        if (change != 0)
            gram_add(group->spread[p], (float)change, gram, row->columns);
    }
}

/* Each code in turn becomes the best for what all others are; true where any changed. */
static bool sweep(struct gram_row *row)
{
    bool changed = false;
    for (size_t i = 0; i < row->columns; i++) {
        const struct gram_group *group = &row->groups[row->group[i]];
        size_t at = group->rank[row->codes[i]];
        double best =
            group->levels.value[at] + (double)row->pulls[i] / (double)row->metric->diagonal[i];
        if (best >= group->cuts[at] && best < group->cuts[at + 1])
            continue;
        change_code(row, i, nearest(group, best));
        changed = true;
    }
    return changed;
}

static double improve(struct gram_row *row, float *scales)
{
    double error = 0;
    for (size_t g = 0; g < row->code->groups; g++)
        gram_refit(row, g, scales + g * row->unknowns);
    for (unsigned s = 0; s < SWEEPS && sweep(row); s++)
        continue;
    for (size_t i = 0; i < row->columns; i++)
        error += (double)row->errors[i] * (double)row->pulls[i];
    return error;
}

double lw_fit_gram_row(const struct lw_metric *metric, const float *weights,
                       const struct lw_code *code, float *scales, uint8_t *levels, void *scratch)
{
    struct gram_row row = place(metric, code, scratch);
    take_weights(&row, weights);
    shift_scales(&row, scales, -row.exponent);
    take_codes(&row, scales, levels);
    double error = carry(&row, false), carried = carry(&row, true);
    if (carried > error)
        take_codes(&row, scales, levels);
    else
        error = carried;
    multiply(&row);
    for (unsigned round = 0; round < ROUNDS; round++) {
        double next = improve(&row, scales);
        bool settled = !(error - next > SETTLED * error);
        error = next;
        if (settled)
            break;
    }
    for (size_t i = 0; i < metric->columns; i++)
        levels[metric->order[i]] = row.codes[i];
    shift_scales(&row, scales, row.exponent);
    return ldexp(carry(&row, false), 2 * row.exponent);
}
