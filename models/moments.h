/* What a calibration text tells of the inputs of a matrix. */
#ifndef LW_MODELS_MOMENTS_H
#define LW_MODELS_MOMENTS_H

#include <stddef.h>

struct lw_moments {
    size_t columns;    /* K */
    size_t count;      /* inputs x that were seen; 0: none, and gram is NULL */
    const float *gram; /* [K][K], the mean of x x^T: symmetric; its diagonal weights columns */
};

#endif
