/* Dot products and the matrix product of class f32, for runtime/vector.c alone. */
#ifndef LW_RUNTIME_VECTOR_PRODUCT_H
#define LW_RUNTIME_VECTOR_PRODUCT_H

#include "runtime/vector_lanes.h"

/* Dot products kept in registers together; the larger tile needs 32 wide registers. */
#if defined(__AVX512F__)
enum { TILE_COLUMNS = 4 };
#else
enum { TILE_COLUMNS = 1 };
#endif
enum { TILE_ROWS = 4 };

static inline float dot(const float *a, const float *b, size_t count)
{
    v16 sum = {0};
    size_t i = 0;
    for (; i + LANES <= count; i += LANES)
        sum += load(a + i) * load(b + i);
    if (i < count)
        sum += load_some(a + i, count - i, 0.0f) * load_some(b + i, count - i, 0.0f);
    return fold(sum);
}

/* sums[c][r] += the products of 16 (or `some`) elements of TILE_ROWS rows and `columns` columns */
INLINE void tile_step(v16 sums[][TILE_ROWS], const float *w, size_t w_stride, const float *x,
                      size_t x_stride, size_t columns, size_t some)
{
    v16 weights[TILE_ROWS];
#pragma clang loop unroll(full)
    for (size_t r = 0; r < TILE_ROWS; r++)
        weights[r] =
            some == LANES ? load(w + r * w_stride) : load_some(w + r * w_stride, some, 0.0f);
#pragma clang loop unroll(full)
    for (size_t c = 0; c < columns; c++) {
        v16 input =
            some == LANES ? load(x + c * x_stride) : load_some(x + c * x_stride, some, 0.0f);
#pragma clang loop unroll(full)
        for (size_t r = 0; r < TILE_ROWS; r++)
            sums[c][r] += weights[r] * input;
    }
}

/* TILE_ROWS rows times `columns` columns (a constant); y[c * y_stride + r] */
INLINE void tile(const float *w, size_t w_stride, const float *x, size_t x_stride,
                 const float *bias, float *y, size_t y_stride, size_t count, size_t columns)
{
    v16 sums[TILE_COLUMNS][TILE_ROWS] = {0};
    size_t i = 0;
    for (; i + LANES <= count; i += LANES)
        tile_step(sums, w + i, w_stride, x + i, x_stride, columns, LANES);
    if (i < count)
        tile_step(sums, w + i, w_stride, x + i, x_stride, columns, count - i);
    v4 shift = {0};
    if (bias)
        memcpy(&shift, bias, sizeof shift);
#pragma clang loop unroll(full)
    for (size_t c = 0; c < columns; c++) {
        v4 out = fold_each(sums[c][0], sums[c][1], sums[c][2], sums[c][3]);
        if (bias)
            out += shift;
        memcpy(y + c * y_stride, &out, sizeof out);
    }
}

static inline void product(const float *w, const float *bias, const float *x, float *y, size_t rows,
                           size_t columns_k, size_t columns_n)
{
    size_t m = 0, k = columns_k;
    for (; m + TILE_ROWS <= rows; m += TILE_ROWS) {
        const float *shift = bias ? bias + m : NULL;
        size_t n = 0;
        for (; n + TILE_COLUMNS <= columns_n; n += TILE_COLUMNS)
            tile(w + m * k, k, x + n * k, k, shift, y + n * rows + m, rows, k, TILE_COLUMNS);
        for (; n < columns_n; n++)
            tile(w + m * k, k, x + n * k, k, shift, y + n * rows + m, rows, k, 1);
    }
    for (; m < rows; m++)
        for (size_t n = 0; n < columns_n; n++) {
            float sum = dot(w + m * k, x + n * k, k);
            y[n * rows + m] = bias ? sum + bias[m] : sum;
        }
}

#endif
