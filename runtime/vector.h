/* The fp32 arithmetic around the products, in a fixed lane order, so that every instruction set
 * gives the same bits: 16 lanes, element k in lane k % 16, lanes folded 16 -> 8 -> 4 -> 2 -> 1 by
 * halves, each product and each sum rounded on its own (no contraction, no reassociation). */
#ifndef LW_RUNTIME_VECTOR_H
#define LW_RUNTIME_VECTOR_H

#include <stddef.h>
#include <stdint.h>

/* A log softmax is x - best - log_sum; zeros change nothing. */
struct lw_normaliser {
    float best, log_sum;
};

/* The log probability of a logit after one log softmax, or two; as log_softmax rounds it. */
static inline float lw_log_probability(float x, const struct lw_normaliser by[2])
{
    return x - by[0].best - by[0].log_sum - by[1].best - by[1].log_sum;
}

/* One build of runtime/vector.c for one instruction set. */
struct lw_vector {
    const char *isa; /* "baseline", "avx2", "avx512" */
    /* sum over k of a[k] b[k] */
    float (*dot)(const float *a, const float *b, size_t count);
    /* y[n][m] = dot(w[m], x[n]) + bias[m] (bias may be NULL) with the order of `dot`; w is [M][K],
     * x is [N][K], y is [N][M]. */
    void (*product)(const float *w, const float *bias, const float *x, float *y, size_t rows,
                    size_t columns_k, size_t columns_n);
    /* One query attends to `count` rows of keys and values (heads * head_columns floats each), head
     * by head: out = sum over i of w[i] values[i], i ascending, w = softmax(scale * dot(query,
     * keys[i])). `weights` is scratch of heads * lw_vector_padded(count) floats; count >= 1.
     */
    void (*attend)(const float *query, const float *const *keys, const float *const *values,
                   size_t count, size_t heads, size_t head_columns, float scale, float *weights,
                   float *out);
    /* y += x */
    void (*add)(const float *x, float *y, size_t count);
    /* x = x - max - log(sum exp(x - max)), in place */
    void (*log_softmax)(float *x, size_t count);
    /* What log_softmax takes from each x, without doing it: for the sum over x[i] - before.best -
     * before.log_sum. With a `before` of zeros it is that of x itself; with that of x, what a
     * second log_softmax takes. */
    struct lw_normaliser (*normalise)(const float *x, struct lw_normaliser before, size_t count);
    /* x = (x - mean) * (1 / sqrt(variance + 1e-5)) * gain + bias, in place; population variance */
    void (*layer_norm)(float *x, const float *gain, const float *bias, size_t count);
    void (*swish)(float *x, size_t count); /* x / (1 + exp(-x)) */
    void (*relu)(float *x, size_t count);
    void (*gelu)(float *x, size_t count); /* x * (1 + erf(x / sqrt 2)) / 2 */
    /* index of the largest element, the first of equals; count >= 1 */
    size_t (*argmax)(const float *x, size_t count);
    /* the first index i >= from where lw_log_probability(x[i], by) + shift > threshold, or count */
    size_t (*above)(const float *x, const struct lw_normaliser by[2], float shift, float threshold,
                    size_t from, size_t count);
    /* gram[i][j] += sum over n of x[n][i] x[n][j] for j <= i, n ascending, in double; what lies
     * above the diagonal means nothing. x is [N][K], gram is [K][K]. However the columns are
     * divided into calls, the sums are the same bits. */
    void (*gram)(const float *x, size_t columns_n, size_t columns_k, double *gram);
    /* sums[i][j] += sum over n of x[n][i] y[n][j], n ascending, in double; x is [N][K], y is
     * [N][L], sums is [K][L]. However the columns are divided into calls, as above. */
    void (*cross)(const float *x, const float *y, size_t columns_n, size_t columns_k,
                  size_t columns_l, double *sums);
};

/* count rounded up to whole groups of 16 lanes */
static inline size_t lw_vector_padded(size_t count)
{
    return (count + 15) & ~(size_t)15;
}

/* The build for the widest instruction set of this CPU; never NULL. */
const struct lw_vector *lw_vector_host(void);
/* A named build, or NULL where it is absent or this CPU cannot run it. */
const struct lw_vector *lw_vector_named(const char *isa);

#endif
