/* The scales of a group: least squares in the metric, and their order. */
#include "models/fit_gram_parts.h"

#include <math.h>
#include <string.h>

/* Pivots of the normal equations below this share of the diagonal are rounding: a direction that
 * depends on others. */
static const double DEPENDENT = 1e-5;

static void exact_scales(const struct lw_code *code, const float *scales, double *exact)
{
    for (unsigned p = 0; p < code->bits; p++)
        exact[p] = code->uniform ? ldexp((double)scales[0], (int)p) : (double)scales[p];
}

void gram_set_levels(const struct lw_code *code, const float *scales, struct gram_group *group)
{
    struct lw_levels *levels = &group->levels;
    double exact[LW_MAX_BITS];
    exact_scales(code, scales, exact);
    lw_fit_levels(exact, code->bits, levels);
    group->cuts[0] = -INFINITY;
    group->cuts[levels->count] = INFINITY;
    for (size_t k = 0; k < levels->count; k++) {
        group->rank[levels->code[k]] = (uint8_t)k;
        if (k > 0)
            group->cuts[k] = 0.5 * (levels->value[k - 1] + levels->value[k]);
    }
}

void gram_set_errors(struct gram_row *row, size_t group, const float *scales)
{
    double exact[LW_MAX_BITS], values[LW_MAX_LEVELS];
    exact_scales(row->code, scales, exact);
    lw_fit_values(exact, row->code->bits, values);
    for (size_t i = 0; i < row->columns; i++)
        if (row->group[i] == group)
            row->errors[i] = (float)((double)row->weights[i] - values[row->codes[i]]);
}

/* S = L D L^T in place, D in `pivots`; the pivot of an unknown that depends on those before it is
 * 0, and so is its column of L. */
static void factor(unsigned count, double s[LW_MAX_BITS][LW_MAX_BITS], double *pivots)
{
    for (unsigned i = 0; i < count; i++) {
        double pivot = s[i][i];
        for (unsigned k = 0; k < i; k++)
            pivot -= s[i][k] * s[i][k] * pivots[k];
        pivots[i] = pivot > DEPENDENT * s[i][i] ? pivot : 0;
        for (unsigned j = i + 1; j < count; j++) {
            double sum = s[j][i];
            for (unsigned k = 0; k < i; k++)
                sum -= s[j][k] * s[i][k] * pivots[k];
            s[j][i] = pivots[i] > 0 ? sum / pivots[i] : 0;
        }
    }
}

/* Solves S y = x into x; an unknown that depends on those before it becomes 0. */
static void solve(unsigned count, double s[LW_MAX_BITS][LW_MAX_BITS], double *x)
{
    double pivots[LW_MAX_BITS];
    factor(count, s, pivots);
    for (unsigned i = 0; i < count; i++)
        for (unsigned k = 0; k < i; k++)
            x[i] -= s[i][k] * x[k];
    for (unsigned i = count; i-- > 0;) {
        if (!(pivots[i] > 0)) {
            x[i] = 0;
            continue;
        }
        x[i] /= pivots[i];
        for (unsigned j = i + 1; j < count; j++)
            x[i] -= s[j][i] * x[j];
    }
}

/* The change of each unknown that makes the error least. */
static void find_change(const struct gram_row *row, size_t group, double *change)
{
    float *const *spread = row->groups[group].spread;
    double s[LW_MAX_BITS][LW_MAX_BITS] = {{0}};
    memset(change, 0, row->unknowns * sizeof *change);
    for (size_t i = 0; i < row->columns; i++) {
        if (row->group[i] != group)
            continue;
        for (unsigned p = 0; p < row->unknowns; p++) {
            int d = gram_direction(row->code, p, row->codes[i]);
            change[p] += d * (double)row->pulls[i];
            for (unsigned q = 0; q <= p; q++)
                s[p][q] += d * (double)spread[q][i];
        }
    }
    solve(row->unknowns, s, change);
}

static void exchange(struct gram_row *row, size_t group, const unsigned *from, unsigned flipped)
{
    for (size_t i = 0; i < row->columns; i++) {
        if (row->group[i] != group)
            continue;
        unsigned old = row->codes[i] ^ flipped, code = 0;
        for (unsigned p = 0; p < row->code->bits; p++)
            code |= (old >> from[p] & 1) << p;
        row->codes[i] = (uint8_t)code;
    }
}

/* Negative scales become positive and their planes complements. */
static unsigned flip(struct gram_row *row, struct gram_group *group, float *scales)
{
    unsigned flipped = 0;
    for (unsigned p = 0; p < row->unknowns; p++) {
        if (scales[p] >= 0)
            continue;
        scales[p] = -scales[p];
        for (size_t i = 0; i < row->columns; i++)
            group->spread[p][i] = -group->spread[p][i];
        flipped |= row->code->uniform ? (1U << row->code->bits) - 1 : 1U << p;
    }
    return flipped;
}

static void normalize(struct gram_row *row, size_t group, float *scales)
{
    struct gram_group *g = &row->groups[group];
    unsigned from[LW_MAX_BITS], flipped = flip(row, g, scales);
    bool moved = false;
    for (unsigned p = 0; p < row->code->bits; p++)
        from[p] = p;
    for (unsigned p = 1; p < row->unknowns; p++)
        for (unsigned at = p; at > 0 && scales[at] > scales[at - 1]; at--) {
            float scale = scales[at], *spread = g->spread[at];
            unsigned plane = from[at];
            scales[at] = scales[at - 1];
            g->spread[at] = g->spread[at - 1];
            from[at] = from[at - 1];
            scales[at - 1] = scale;
            g->spread[at - 1] = spread;
            from[at - 1] = plane;
            moved = true;
        }
    if (moved || flipped)
        exchange(row, group, from, flipped);
}

void gram_refit(struct gram_row *row, size_t group, float *scales)
{
    struct gram_group *g = &row->groups[group];
    double change[LW_MAX_BITS];
    find_change(row, group, change);
    for (unsigned p = 0; p < row->unknowns; p++) {
        float moved = (float)((double)scales[p] + change[p]);
        gram_add(row->pulls, scales[p] - moved, g->spread[p], row->columns);
        scales[p] = moved;
    }
    gram_set_errors(row, group, scales);
    normalize(row, group, scales);
    gram_set_levels(row->code, scales, g);
}
