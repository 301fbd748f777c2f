/* Attention of one query, for runtime/vector.c alone. The heads go through each of the three steps
 * together: their chains of sums are independent, and what one step stores is there for the next.
 */
#ifndef LW_RUNTIME_VECTOR_ATTENTION_H
#define LW_RUNTIME_VECTOR_ATTENTION_H

#include "runtime/vector.h"
#include "runtime/vector_exp.h"

/* dot(query, keys[i]) for four rows, in the order of `dot` */
INLINE v4 dot_each(const float *query, const float *const *keys, size_t offset, size_t columns)
{
    v16 sums[4] = {0};
    size_t c = 0;
    for (; c + LANES <= columns; c += LANES)
        for (size_t i = 0; i < 4; i++)
            sums[i] += load(query + c) * load(keys[i] + offset + c);
    if (c < columns)
        for (size_t i = 0; i < 4; i++)
            sums[i] += load_some(query + c, columns - c, 0.0f) *
                       load_some(keys[i] + offset + c, columns - c, 0.0f);
    return fold_each(sums[0], sums[1], sums[2], sums[3]);
}

/* scores[h][i] = scale * dot of head h, then -inf up to `padded` */
INLINE void score_keys(const float *query, const float *const *keys, size_t count, size_t padded,
                       size_t heads, size_t head_columns, float scale, float *scores)
{
    for (size_t i = 0; i < count; i += 4) {
        const float *four[4]; /* the last ones repeat a row, and are overwritten below */
        for (size_t j = 0; j < 4; j++)
            four[j] = keys[i + j < count ? i + j : count - 1];
        for (size_t h = 0; h < heads; h++) {
            size_t at = h * head_columns;
            v4 some = dot_each(query + at, four, at, head_columns) * scale;
            memcpy(scores + h * padded + i, &some, sizeof some);
        }
    }
    for (size_t h = 0; h < heads; h++)
        for (size_t i = count; i < padded; i++)
            scores[h * padded + i] = -INFINITY;
}

/* softmax of each row of `padded` elements, a multiple of LANES */
INLINE void softmax_rows(float *x, size_t rows, size_t padded)
{
    for (size_t r = 0; r < rows; r++, x += padded) {
        float sum = sum_exp(x, padded, largest(x, padded), x);
        for (size_t i = 0; i < padded; i += LANES)
            store(x + i, load(x + i) / sum);
    }
}

/* The same where a row is one group of lanes. */
INLINE void softmax_short_rows(float *x, size_t rows)
{
    for (size_t r = 0; r < rows; r++, x += LANES) {
        v16 scores = load(x), terms = exp_lanes(scores - largest_lane(scores));
        store(x, terms / fold(terms));
    }
}

/* out[0..16 * blocks) = sum over i of weights[i] * rows[i][offset..]; blocks is a constant */
INLINE void mix(const float *weights, const float *const *rows, size_t offset, size_t count,
                size_t blocks, float *out)
{
    v16 sums[4] = {0};
    for (size_t i = 0; i < count; i++)
        for (size_t b = 0; b < blocks; b++)
            sums[b] += weights[i] * load(rows[i] + offset + b * LANES);
    for (size_t b = 0; b < blocks; b++)
        store(out + b * LANES, sums[b]);
}

/* The same for fewer than 16 columns. */
INLINE void mix_some(const float *weights, const float *const *rows, size_t offset, size_t count,
                     size_t some, float *out)
{
    v16 sum = {0};
    for (size_t i = 0; i < count; i++)
        sum += weights[i] * load_some(rows[i] + offset, some, 0.0f);
    store_some(out, sum, some);
}

static void attend(const float *query, const float *const *keys, const float *const *values,
                   size_t count, size_t heads, size_t head_columns, float scale, float *weights,
                   float *out)
{
    size_t padded = lw_vector_padded(count);
    score_keys(query, keys, count, padded, heads, head_columns, scale, weights);
    if (padded == LANES)
        softmax_short_rows(weights, heads);
    else
        softmax_rows(weights, heads, padded);
    for (size_t h = 0; h < heads; h++, weights += padded) {
        size_t at = h * head_columns, end = at + head_columns;
        for (; at + 4 * LANES <= end; at += 4 * LANES)
            mix(weights, values, at, count, 4, out + at);
        for (; at + 2 * LANES <= end; at += 2 * LANES)
            mix(weights, values, at, count, 2, out + at);
        for (; at + LANES <= end; at += LANES)
            mix(weights, values, at, count, 1, out + at);
        if (at < end)
            mix_some(weights, values, at, count, end - at, out + at);
    }
}

#endif
