/* The fp32 arithmetic: near the oracle in double, and the same bits from every instruction set. */
#include "runtime/vector.h"
#include "tests/oracle.h"
#include "tests/random_model.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 700 };

static const char *const isas[] = {"baseline", "avx2", "avx512"};
enum { ISAS = sizeof isas / sizeof *isas };

static const size_t counts[] = {1, 2, 3, 7, 15, 16, 17, 31, 32, 33, 63, 64, 100, 255, 256, 300};
enum { COUNTS = sizeof counts / sizeof *counts };

static void fill(uint64_t *seed, float *x, size_t count, float scale)
{
    for (size_t i = 0; i < count; i++)
        x[i] = scale * test_normal(seed);
}

/* Runs `compute` with every build that this CPU can run and compares the bits with the first. */
static void same_bits(void (*compute)(const struct lw_vector *, size_t count, float *out))
{
    for (size_t c = 0; c < COUNTS; c++) {
        float first[MOST] = {0}, other[MOST];
        compute(lw_vector_named("baseline"), counts[c], first);
        for (size_t i = 1; i < ISAS; i++) {
            const struct lw_vector *vector = lw_vector_named(isas[i]);
            if (!vector)
                continue;
            memset(other, 0, sizeof other);
            compute(vector, counts[c], other);
            cr_assert(memcmp(first, other, sizeof first) == 0, "%s differs at %zu elements",
                      isas[i], counts[c]);
        }
    }
}

static void near(const float *got, const double *want, size_t count, double bound, const char *what)
{
    for (size_t i = 0; i < count; i++)
        cr_assert(fabs((double)got[i] - want[i]) <= bound * (1.0 + fabs(want[i])),
                  "%s[%zu]: %.9g, oracle %.9g", what, i, (double)got[i], want[i]);
}

static void widen(const float *x, double *out, size_t count)
{
    for (size_t i = 0; i < count; i++)
        out[i] = (double)x[i];
}

static void compute_dot(const struct lw_vector *vector, size_t count, float *out)
{
    uint64_t seed = count;
    float a[MOST], b[MOST];
    double wide[MOST];
    fill(&seed, a, count, 1.0f);
    fill(&seed, b, count, 1.0f);
    widen(b, wide, count);
    out[0] = vector->dot(a, b, count);
    cr_assert_float_eq(out[0], oracle_dot(a, wide, count), 1e-6 * (double)count);
}

Test(vector, dot)
{
    same_bits(compute_dot);
}

/* M = 11, N = 6: more than a tile and not a multiple of one. */
static void compute_product(const struct lw_vector *vector, size_t count, float *out)
{
    enum { M = 11, N = 6 };
    static float w[M * MOST], x[N * MOST];
    uint64_t seed = count + 1;
    float bias[M];
    fill(&seed, w, M * count, 1.0f);
    fill(&seed, x, N * count, 1.0f);
    fill(&seed, bias, M, 1.0f);
    vector->product(w, bias, x, out, M, count, N);
    vector->product(w, NULL, x, out + M * N, M, count, N);
    for (size_t n = 0; n < N; n++)
        for (size_t m = 0; m < M; m++) {
            float plain = vector->dot(w + m * count, x + n * count, count);
            cr_assert_eq(out[M * N + n * M + m], plain, "M %zu N %zu K %zu", m, n, count);
            cr_assert_eq(out[n * M + m], plain + bias[m]);
        }
}

Test(vector, product_keeps_the_order_of_dot)
{
    same_bits(compute_product);
}

/* x = softmax(x): the weights of a query of one head and one column. */
static void softmax(const struct lw_vector *vector, float *x, size_t count)
{
    const float *rows[MOST], query = 1.0f;
    float weights[MOST + 16], out;
    for (size_t i = 0; i < count; i++)
        rows[i] = x + i;
    vector->attend(&query, rows, rows, count, 1, 1, 1.0f, weights, &out);
    memcpy(x, weights, count * sizeof *x);
}

static void compute_softmax(const struct lw_vector *vector, size_t count, float *out)
{
    uint64_t seed = count + 2;
    double wide[MOST];
    fill(&seed, out, count, 5.0f);
    widen(out, wide, count);
    softmax(vector, out, count);
    oracle_softmax(wide, count);
    near(out, wide, count, 3e-7, "softmax");
}

Test(vector, softmax)
{
    same_bits(compute_softmax);
}

static void compute_log_softmax(const struct lw_vector *vector, size_t count, float *out)
{
    uint64_t seed = count + 3;
    double wide[MOST];
    fill(&seed, out, count, 5.0f);
    if (count > 4)
        out[3] = -INFINITY; /* a word that must not come */
    widen(out, wide, count);
    vector->log_softmax(out, count);
    oracle_log_softmax(wide, count);
    if (count > 4) {
        cr_assert(out[3] == -INFINITY);
        out[3] = 0;
        wide[3] = 0;
    }
    near(out, wide, count, 5e-7, "log_softmax");
}

Test(vector, log_softmax)
{
    same_bits(compute_log_softmax);
}

Test(vector, log_softmax_shows_what_is_not_a_number)
{
    for (size_t i = 0; i < ISAS; i++) {
        const struct lw_vector *vector = lw_vector_named(isas[i]);
        float x[20] = {0};
        x[7] = NAN;
        if (vector) {
            vector->log_softmax(x, 20);
            cr_assert(isnan(x[0]), "%s", isas[i]);
        }
    }
}

static void compute_layer_norm(const struct lw_vector *vector, size_t count, float *out)
{
    uint64_t seed = count + 4;
    float gain[MOST], bias[MOST];
    double wide[MOST];
    fill(&seed, out, count, 2.0f);
    fill(&seed, gain, count, 1.0f);
    fill(&seed, bias, count, 1.0f);
    widen(out, wide, count);
    vector->layer_norm(out, gain, bias, count);
    oracle_layer_norm(wide, &(struct lw_norm){gain, bias}, count);
    near(out, wide, count, 2e-6, "layer_norm");
}

Test(vector, layer_norm)
{
    same_bits(compute_layer_norm);
}

static void compute_activations(const struct lw_vector *vector, size_t count, float *out)
{
    void (*const functions[])(float *, size_t) = {
        [LW_SWISH] = vector->swish, [LW_RELU] = vector->relu, [LW_GELU] = vector->gelu};
    for (unsigned f = 0; f < 3; f++) {
        uint64_t seed = count + 5;
        float x[MOST];
        double wide[MOST];
        fill(&seed, x, count, 4.0f);
        x[0] = f == LW_RELU ? -1e30f : -200.0f;
        x[count - 1] = 60.0f;
        widen(x, wide, count);
        functions[f](x, count);
        oracle_activate((enum lw_activation)f, wide, count);
        near(x, wide, count, 3e-7, "activation");
        memcpy(out + (f * count) % (MOST - count), x, count * sizeof *x);
    }
}

Test(vector, activations)
{
    same_bits(compute_activations);
}

/* exp, seen through a softmax over two elements: exp(x) / (1 + exp(x)) * (1 + exp(x)) */
Test(vector, exp_is_accurate_to_two_units)
{
    const struct lw_vector *vector = lw_vector_host();
    double worst = 0;
    for (int i = 0; i < 200000; i++) {
        float x = -(float)i * 87.0f / 200000.0f, pair[2] = {0.0f, x};
        softmax(vector, pair, 2);
        double got = (double)pair[1] / (double)pair[0], want = exp((double)x);
        worst = fmax(worst, fabs(got / want - 1.0));
    }
    cr_assert_lt(worst, 4 * 0x1p-24, "%g", worst);
}

static void compute_attend(const struct lw_vector *vector, size_t count, float *out)
{
    enum { HEADS = 3, WIDTH = 24, D = HEADS * WIDTH };
    static float keys[MOST][D], values[MOST][D];
    const float *key_rows[MOST], *value_rows[MOST];
    uint64_t seed = count + 6;
    float query[D], weights[HEADS * MOST];
    fill(&seed, &keys[0][0], count * D, 1.0f);
    fill(&seed, &values[0][0], count * D, 1.0f);
    fill(&seed, query, D, 1.0f);
    for (size_t i = 0; i < count; i++) {
        key_rows[i] = keys[(i * 7) % count];
        value_rows[i] = values[(i * 7) % count];
    }
    vector->attend(query, key_rows, value_rows, count, HEADS, WIDTH, 0.2f, weights, out);
    for (size_t h = 0; h < HEADS; h++) {
        double wide[MOST], query_wide[D], want[WIDTH] = {0};
        widen(query, query_wide, D);
        for (size_t i = 0; i < count; i++)
            wide[i] = 0.2 * oracle_dot(key_rows[i] + h * WIDTH, query_wide + h * WIDTH, WIDTH);
        oracle_softmax(wide, count);
        for (size_t i = 0; i < count; i++)
            for (size_t c = 0; c < WIDTH; c++)
                want[c] += wide[i] * (double)value_rows[i][h * WIDTH + c];
        near(out + h * WIDTH, want, WIDTH, 2e-6, "attend");
    }
}

Test(vector, attend)
{
    same_bits(compute_attend);
}

static const struct lw_normaliser as_it_is[2];

static void compute_searches(const struct lw_vector *vector, size_t count, float *out)
{
    uint64_t seed = count + 7;
    float x[MOST];
    for (size_t i = 0; i < count; i++)
        x[i] = (float)floor(9 * test_uniform(&seed)) - 4.0f; /* many equals */
    size_t best = vector->argmax(x, count), want = 0;
    for (size_t i = 1; i < count; i++)
        if (x[i] > x[want])
            want = i;
    cr_assert_eq(best, want);
    for (size_t from = 0; from <= count; from++) {
        size_t got = vector->above(x, as_it_is, -0.5f, 2.0f, from, count), first = from;
        while (first < count && !(x[first] - 0.5f > 2.0f))
            first++;
        cr_assert_eq(got, first);
        out[from] = (float)got;
    }
}

Test(vector, argmax_and_above_find_the_first)
{
    same_bits(compute_searches);
}

/* Sums of exact products in the order of the columns: the same bits however these are divided. */
static void check_gram(const struct lw_vector *vector, size_t k)
{
    enum { N = 9 };
    static float x[N * MOST];
    uint64_t seed = k;
    double *got = calloc(k * k, sizeof *got), *parts = calloc(k * k, sizeof *parts);
    fill(&seed, x, N * k, 1.0f);
    vector->gram(x, N, k, got);
    vector->gram(x, 4, k, parts);
    vector->gram(x + 4 * k, 1, k, parts);
    vector->gram(x + 5 * k, N - 5, k, parts);
    for (size_t i = 0; i < k; i++)
        for (size_t j = 0; j <= i; j++) {
            double want = 0;
            for (size_t n = 0; n < N; n++)
                want += (double)x[n * k + i] * (double)x[n * k + j];
            cr_assert_eq(got[i * k + j], want, "%s: K %zu, %zu %zu", vector->isa, k, i, j);
            cr_assert_eq(parts[i * k + j], want);
        }
    free(got);
    free(parts);
}

Test(vector, gram_sums_in_the_order_of_columns)
{
    for (size_t i = 0; i < ISAS; i++)
        for (size_t k = 1; k < 75 && lw_vector_named(isas[i]); k++)
            check_gram(lw_vector_named(isas[i]), k);
}

Test(vector, names)
{
    cr_assert_null(lw_vector_named("nothing"));
    cr_assert_str_eq(lw_vector_named("baseline")->isa, "baseline");
    cr_assert_not_null(lw_vector_named(lw_vector_host()->isa));
}
