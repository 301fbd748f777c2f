/* Weights for inputs that have changed. A matrix W was made for inputs x and now reads x': the
 * weights W' whose products W' x' are nearest to what is wanted, W x + c, and which stay near W,
 * are W' = W + (W E[(x - x') x'^T] + E[c x'^T]) (E[x' x'^T] + damping * m * I)^-1, m the mean of
 * the diagonal of E[x' x'^T]. */
#ifndef LW_MODELS_SHIFT_H
#define LW_MODELS_SHIFT_H

#include "models/status.h"

#include <stddef.h>

struct lw_shift {
    size_t columns; /* K */
    size_t width;   /* of `differences`: K, or K + rows of the matrix where there is a c */
    double *factor; /* [K][K], L on and below the diagonal: E[x' x'^T], damped, is L L^T */
    const double *differences; /* [K][width]: E[x' (x - x')^T], and E[x' c^T] behind it; borrowed */
};

/* `gram` is [K][K], E[x' x'^T] on and below the diagonal; damping > 0. LW_CORRUPT for figures that
 * are no second moments. */
enum lw_status lw_shift_make(const double *gram, const double *differences, size_t columns,
                             size_t width, double damping, struct lw_shift *shift,
                             struct lw_error *error);
/* Safe on a zeroed shift. */
void lw_shift_free(struct lw_shift *shift);

/* Row `row` of W' from that of W: weights[K], shifted[K]; room[K]. */
void lw_shift_row(const struct lw_shift *shift, size_t row, const float *weights, float *shifted,
                  double *room);

#endif
