/* Second moments of what two models read at one site of their walks. */
#ifndef LW_RUNTIME_INPUT_SUMS_H
#define LW_RUNTIME_INPUT_SUMS_H

#include "models/status.h"
#include "runtime/walk.h"

#include <pthreadpool.h>
#include <stddef.h>

/* x of the quantised model, X of fp32, c what its outputs are carried to lack: all means over the
 * inputs. */
struct lw_input_sums {
    size_t columns, width; /* K; K, or K + d where outputs are added to something */
    double *gram;          /* [K][K], x x^T on and below the diagonal */
    double *differences;   /* [K][width], x (X - x)^T and x c^T */
    float *squares;        /* [K][K], x x^T, symmetric */
};

/* Sums are in double, in parts of the inputs whose number does not depend on threads. */
enum lw_status lw_input_sums_take(const struct lw_walk_site *exact,
                                  const struct lw_walk_site *coded, size_t d, pthreadpool_t pool,
                                  struct lw_input_sums *sums, struct lw_error *error);
/* Safe on zeroed sums. */
void lw_input_sums_free(struct lw_input_sums *sums);

#endif
