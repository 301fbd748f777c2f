/* Rows and fits of rows, for the tests of the fits. */
#ifndef LW_TESTS_FITTED_H
#define LW_TESTS_FITTED_H

#include "models/fit.h"

enum { K = 192, ROWS = 40, FITS = LW_FIT_UNIFORM + 1, LONGEST = 2048 };

struct fitted {
    double error;
    float scales[LW_MAX_BITS];
    uint8_t levels[LONGEST];
};

/* importance may be NULL; columns is at most LONGEST. */
struct fitted test_fit(enum lw_fit method, const float *w, const float *importance, size_t columns,
                       unsigned bits);
/* The value of a code. */
double test_value(const float *scales, unsigned bits, unsigned code);
/* The weighted error of the first `bits` planes, from its definition. */
double test_error(const float *w, const float *importance, size_t columns, const float *scales,
                  unsigned bits, const uint8_t *levels);
/* The least error that the first q planes of `levels` allow: w less its projections on the planes,
 * made orthogonal one after the other. */
double test_least_error(const float *w, const float *importance, size_t columns, unsigned q,
                        const uint8_t *levels);
double test_squares(const float *w, size_t columns);
double test_largest(const float *w, size_t columns);

void test_normal_row(uint64_t *seed, float *w, size_t columns);
/* Student's t of 3 degrees of freedom. */
void test_heavy_row(uint64_t *seed, float *w, size_t columns);
/* Log-normal: the largest some thousand times the smallest. */
void test_importance_row(uint64_t *seed, float *importance, size_t columns);

#endif
