/* What a matrix gives on the inputs that a Gram matrix sums up. */
#ifndef LW_PROFILES_GRAM_H
#define LW_PROFILES_GRAM_H

#include <stddef.h>

/* trace(D G D^T), which is the mean of |D x|^2 over the inputs x behind G[K][K] (struct
 * lw_moments), for D = a - b, both [M][K]; b may be NULL, for D = a. In double and a fixed order;
 * `scratch` is [2 K]. */
double lw_gram_trace(const float *gram, const float *a, const float *b, size_t rows, size_t columns,
                     double *scratch);

#endif
