/* What the fits share; private to them. */
#ifndef LW_MODELS_FIT_PARTS_H
#define LW_MODELS_FIT_PARTS_H

#include "models/fit.h"

enum { LW_MAX_LEVELS = 1 << LW_MAX_BITS, LW_FIT_ROUNDS = 40 };

/* The columns to fit, in their own order. */
struct lw_columns {
    size_t count;
    const float *weights;
    const float *importance; /* NULL: all 1; otherwise not all 0 */
};

static inline double lw_importance(const struct lw_columns *columns, size_t c)
{
    return columns->importance ? (double)columns->importance[c] : 1.0;
}

struct lw_weight {
    float value, importance;
};

/* The columns of importance > 0, by ascending weight. Nearest codes cut them into one run for each
 * level, and the importance and the sum of a run are all that least squares and the error need: a
 * round costs 2^B short searches, whatever the number of columns. */
struct lw_sorted {
    size_t count;
    const struct lw_weight *weights;
    const double *mass;   /* [count + 1]: sum of the importance before each weight */
    const double *moment; /* [count + 1]: sum of importance * weight before each weight */
    double square;        /* sum of importance * weight^2 */
    double largest;       /* max |weight| */
};
void lw_fit_sort(const struct lw_columns *columns, void *scratch, struct lw_sorted *sorted);

/* The values that a code can take, ascending, and the code of each. */
struct lw_levels {
    size_t count;
    double value[LW_MAX_LEVELS];
    uint8_t code[LW_MAX_LEVELS];
};
void lw_fit_levels(const double *scales, unsigned bits, struct lw_levels *levels);

/* The value of every code; scales may be negative here. */
void lw_fit_values(const double *scales, unsigned bits, double *values);

/* Sums of importance and of importance * weight over the columns of each code. */
struct lw_histogram {
    double mass[LW_MAX_LEVELS], moment[LW_MAX_LEVELS];
};
/* Gives each weight its nearest level; returns the error. */
double lw_fit_assign(const struct lw_sorted *sorted, const struct lw_levels *levels,
                     struct lw_histogram *histogram);
/* Least-squares scales of the planes; a plane that depends on earlier ones gets 0. */
void lw_fit_least_squares(const struct lw_histogram *histogram, unsigned bits, double *scales);
/* The error of given scales; `square` is the sum of importance * weight^2. */
double lw_fit_error(const struct lw_histogram *histogram, unsigned bits, const double *scales,
                    double square);

/* Plane by plane: the sign of the residual, and its mean magnitude. `residual` is [columns]. */
void lw_fit_greedy(const struct lw_columns *columns, unsigned bits, float *scales, uint8_t *levels,
                   double *residual);
/* Alternates for at most `rounds` rounds; ends with the best scales met and their error. */
double lw_fit_improve(const struct lw_sorted *sorted, unsigned bits, unsigned rounds,
                      double *scales);
/* The best scales found; `scales` comes in as the greedy ones. */
void lw_fit_alternating(const struct lw_sorted *sorted, unsigned bits, bool from_greedy_alone,
                        float *scales);
/* The best step s found: scales 2^i * s. */
double lw_fit_uniform(const struct lw_sorted *sorted, unsigned bits);
/* The planes and scales of lw_fit_nested. */
void lw_fit_nested_planes(const struct lw_columns *columns, unsigned planes,
                          float scales[][LW_MAX_BITS], uint8_t *codes, void *scratch);

#endif
