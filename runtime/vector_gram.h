/* Sums of x x^T in double, for runtime/vector.c alone. Products of two floats are exact in double,
 * so only the order of the columns matters, and that is ascending. */
#ifndef LW_RUNTIME_VECTOR_GRAM_H
#define LW_RUNTIME_VECTOR_GRAM_H

#include "runtime/vector_lanes.h"

typedef double v8d __attribute__((vector_size(64)));

enum { GRAM_ROWS = 4, GRAM_LANES = 8 };

/* sums[i][j..j+15] of GRAM_ROWS rows from i on; `rows` points at i, `x` at j, `sums` at both. A
 * line of rows is K floats, one of x and sums is `stride`. */
INLINE void gram_tile(const float *rows, const float *x, size_t columns_n, size_t columns_k,
                      size_t stride, double *gram)
{
    v8d sums[GRAM_ROWS][2];
#pragma clang loop unroll(full)
    for (size_t r = 0; r < GRAM_ROWS; r++)
        memcpy(sums[r], gram + r * stride, sizeof sums[r]);
    for (size_t n = 0; n < columns_n; n++) {
        v8 halves[2];
        memcpy(halves, x + n * stride, sizeof halves);
        v8d low = __builtin_convertvector(halves[0], v8d);
        v8d high = __builtin_convertvector(halves[1], v8d);
#pragma clang loop unroll(full)
        for (size_t r = 0; r < GRAM_ROWS; r++) {
            double row = (double)rows[n * columns_k + r];
            sums[r][0] += row * low;
            sums[r][1] += row * high;
        }
    }
#pragma clang loop unroll(full)
    for (size_t r = 0; r < GRAM_ROWS; r++)
        memcpy(gram + r * stride, sums[r], sizeof sums[r]);
}

static void gram(const float *x, size_t columns_n, size_t columns_k, double *gram)
{
    size_t k = columns_k;
    for (size_t i = 0; i < k; i += GRAM_ROWS) {
        size_t rows = k - i < GRAM_ROWS ? k - i : GRAM_ROWS, j = 0;
        for (; rows == GRAM_ROWS && j < i + rows && j + 2 * GRAM_LANES <= k; j += 2 * GRAM_LANES)
            gram_tile(x + i, x + j, columns_n, k, k, gram + i * k + j);
        for (size_t r = i; r < i + rows; r++)
            for (size_t c = j; c <= r; c++)
                for (size_t n = 0; n < columns_n; n++)
                    gram[r * k + c] += (double)x[n * k + r] * (double)x[n * k + c];
    }
}

static void cross(const float *x, const float *y, size_t columns_n, size_t columns_k,
                  size_t columns_l, double *sums)
{
    size_t k = columns_k, l = columns_l;
    for (size_t i = 0; i < k; i += GRAM_ROWS) {
        size_t rows = k - i < GRAM_ROWS ? k - i : GRAM_ROWS, j = 0;
        for (; rows == GRAM_ROWS && j + 2 * GRAM_LANES <= l; j += 2 * GRAM_LANES)
            gram_tile(x + i, y + j, columns_n, k, l, sums + i * l + j);
        for (size_t r = i; r < i + rows; r++)
            for (size_t c = j; c < l; c++)
                for (size_t n = 0; n < columns_n; n++)
                    sums[r * l + c] += (double)x[n * k + r] * (double)y[n * l + c];
    }
}

#endif
