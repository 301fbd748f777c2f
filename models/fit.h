/* Fits of binary codes to one row of weights, and quantisation of a whole model (docs/NUMBERS.md).
 */
#ifndef LW_MODELS_FIT_H
#define LW_MODELS_FIT_H

#include "models/status.h"
#include "models/transformer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LW_MAX_BITS = 8 };

enum lw_fit {
    LW_FIT_GREEDY, /* plane by plane on the residual (Chung et al. 2020, section 3.1; Guo et al.
                      2017) */
    LW_FIT_ALTERNATING, /* least-squares scales for fixed planes, nearest code for fixed scales, in
                           turn (Xu et al. 2018); started from greedy and from uniform codes clipped
                           at 1, .85, .7 and .55 of the largest weight; the best start a row is kept
                         */
};

/* Fits one row of finite weights: levels[c] holds plane i of column c in bit i (set: +1). Returns
 * the squared error, sum over c of (w[c] - sum over i of scales[i] b[i][c])^2. bits
 * is 1..LW_MAX_BITS, columns >= 1. Scales are >= 0; alternating sorts them, largest first.
 * `scratch` is lw_fit_scratch_bytes(columns) bytes, aligned for double. Deterministic. */
double lw_fit_row(enum lw_fit fit, const float *weights, size_t columns, unsigned bits,
                  float *scales, uint8_t *levels, void *scratch);
size_t lw_fit_scratch_bytes(size_t columns);

struct lw_quantize {
    unsigned bits; /* for all matrices, 1..LW_MAX_BITS */
    enum lw_fit fit;
    enum lw_arith arith; /* class recorded in the model */
    size_t threads;      /* >= 1; the result does not depend on it */
    /* Called from the calling thread after each matrix; may be NULL. Return false to stop
     * (LW_FAILED). */
    bool (*progress)(void *context, size_t done_rows, size_t all_rows);
    void *context;
};

struct lw_quantize_report {
    double relative_mse; /* sum of squared errors / sum of squared weights over all matrices, as
                            stored */
};

/* Quantises every matrix of `source` (dense) into a new model that owns all it needs but borrows
 * the source's tokeniser: the source must outlive it. Scales are rounded to the stored mantissas.
 */
enum lw_status lw_quantize_model(const struct lw_model *source, const struct lw_quantize *request,
                                 struct lw_model *model, struct lw_quantize_report *report,
                                 struct lw_error *error);

#endif
