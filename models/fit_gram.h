/* Fits in the metric of a matrix's inputs. Over a calibration text the squared error of a product's
 * outputs is, row by row,
 *   (w - w^)^T H (w - w^),  H = the mean of x x^T over the inputs x,
 * so that errors of columns whose inputs go together can cancel. */
#ifndef LW_MODELS_FIT_GRAM_H
#define LW_MODELS_FIT_GRAM_H

#include "models/moments.h"
#include "models/status.h"
#include "models/transformer.h"

#include <stddef.h>
#include <stdint.h>

/* H of one matrix, made ready for its rows. */
struct lw_metric {
    size_t columns;  /* K */
    uint32_t *order; /* [K]: columns in the order in which codes are chosen */
    float *gram;     /* [K][K] in that order, over the mean of the diagonal, damped: H */
    float *diagonal; /* [K], of H */
    /* H = U D U^T, U unit upper triangular: what lies on and below its diagonal is left out. Row j
     * of U holds what an error in column j asks of each column after it. */
    float *upper;   /* [K][K] */
    double *pivots; /* [K], D */
};

/* `damping` is added to the diagonal as a share of its mean: > 0. moments->count > 0. LW_CORRUPT
 * for figures that are no second moments: not finite, or not positive definite when damped. */
enum lw_status lw_metric_make(const struct lw_moments *moments, double damping,
                              struct lw_metric *metric, struct lw_error *error);
/* Safe on a zeroed metric. */
void lw_metric_free(struct lw_metric *metric);

size_t lw_fit_gram_scratch_bytes(const struct lw_code *code, size_t columns);

/* Lowers the error of one row's codes and scales, given as lw_fit_row leaves them, group by group:
 * scales [groups][code->bits], or [groups] where uniform; levels [K]. First each code in turn takes
 * up the errors of those before it (Frantar et al. 2022), then codes and least-squares scales
 * alternate. Scales end >= 0 and falling within a group. Of the code, the shape is used.
 * Deterministic. `scratch` is lw_fit_gram_scratch_bytes() bytes, aligned for double. Returns the
 * error in the metric. */
double lw_fit_gram_row(const struct lw_metric *metric, const float *weights,
                       const struct lw_code *code, float *scales, uint8_t *levels, void *scratch);

#endif
