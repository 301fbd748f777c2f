/* The alternating fit against its definition. */
#include "models/fit_parts.h"
#include "tests/fitted.h"
#include "tests/random_model.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Columns one by one, and Gaussian elimination. */
static double slow_nearest(const float *w, const float *importance, unsigned bits,
                           const double *scales, uint8_t *codes)
{
    double error = 0;
    for (size_t c = 0; c < K; c++) {
        double least = INFINITY;
        for (unsigned code = 0; code < 1U << bits; code++) {
            double difference = (double)w[c];
            for (unsigned i = 0; i < bits; i++)
                difference -= code >> i & 1 ? scales[i] : -scales[i];
            if (difference * difference < least) {
                least = difference * difference;
                codes[c] = (uint8_t)code;
            }
        }
        error += (importance ? (double)importance[c] : 1) * least;
    }
    return error;
}

static void slow_scales(const float *w, const float *importance, unsigned bits,
                        const uint8_t *codes, double *scales)
{
    double a[LW_MAX_BITS][LW_MAX_BITS + 1] = {0};
    for (size_t c = 0; c < K; c++)
        for (unsigned i = 0; i < bits; i++) {
            double b = (codes[c] >> i & 1 ? 1 : -1) * (importance ? (double)importance[c] : 1);
            for (unsigned j = 0; j < bits; j++)
                a[i][j] += b * (codes[c] >> j & 1 ? 1 : -1);
            a[i][bits] += b * (double)w[c];
        }
    for (unsigned k = 0; k < bits; k++)
        for (unsigned i = 0; i < bits; i++)
            if (i != k)
                for (unsigned j = bits + 1; j-- > k;)
                    a[i][j] -= a[i][k] / a[k][k] * a[k][j];
    for (unsigned i = 0; i < bits; i++)
        scales[i] = a[i][bits] / a[i][i];
}

static double slow_alternating(const float *w, const float *importance, unsigned bits,
                               double *scales)
{
    uint8_t codes[K];
    double last = INFINITY, error;
    for (int round = 0; round < 40; round++) {
        error = slow_nearest(w, importance, bits, scales, codes);
        if (!(error < last * (1 - 1e-12)))
            break;
        last = error;
        slow_scales(w, importance, bits, codes, scales);
    }
    return last;
}

static void check_starts(const float *w, const float *importance, unsigned bits)
{
    const double clips[] = {1, 0.85, 0.7, 0.55};
    struct fitted greedy = test_fit(LW_FIT_GREEDY, w, importance, K, bits);
    double scales[LW_MAX_BITS];
    for (unsigned i = 0; i < bits; i++)
        scales[i] = (double)greedy.scales[i];
    double best = slow_alternating(w, importance, bits, scales);
    double alone = test_fit(LW_FIT_ALTERNATING_FROM_GREEDY, w, importance, K, bits).error;
    cr_assert_float_eq(alone, best, 1e-6 * best, "%u bits", bits);
    for (int start = 0; start < 4; start++) {
        for (unsigned i = 0; i < bits; i++)
            scales[i] = clips[start] * test_largest(w, K) / ((1 << bits) - 1) * (1 << i);
        best = fmin(best, slow_alternating(w, importance, bits, scales));
    }
    double error = test_fit(LW_FIT_ALTERNATING, w, importance, K, bits).error;
    cr_assert_float_eq(error, best, 1e-6 * best, "%u bits", bits);
}

Test(fit_alternating, is_the_best_of_five_starts)
{
    uint64_t seed = 4;
    float w[K], importance[K];
    for (int r = 0; r < ROWS; r++) {
        test_normal_row(&seed, w, K);
        test_importance_row(&seed, importance, K);
        for (unsigned bits = 1; bits <= 4; bits++) {
            check_starts(w, NULL, bits);
            check_starts(w, importance, bits);
        }
    }
}

Test(fit_alternating, never_loses_to_its_starts)
{
    uint64_t seed = 5;
    float w[K], importance[K];
    for (int r = 0; r < ROWS; r++) {
        (r % 2 ? test_heavy_row : test_normal_row)(&seed, w, K);
        test_importance_row(&seed, importance, K);
        double room = 1e-9 * test_squares(w, K);
        for (unsigned bits = 1; bits <= LW_MAX_BITS; bits++) {
            double errors[FITS];
            for (int method = 0; method < FITS; method++)
                errors[method] =
                    test_fit((enum lw_fit)method, w, r % 3 ? importance : NULL, K, bits).error;
            cr_assert_leq(errors[LW_FIT_ALTERNATING_FROM_GREEDY], errors[LW_FIT_GREEDY] + room);
            enum lw_fit weaker = bits > 4 ? LW_FIT_GREEDY : LW_FIT_ALTERNATING_FROM_GREEDY;
            cr_assert_leq(errors[LW_FIT_ALTERNATING], errors[weaker] + room);
            if (bits > 4)
                cr_assert_leq(errors[LW_FIT_ALTERNATING], errors[LW_FIT_UNIFORM] + room);
        }
    }
}

Test(fit_alternating, no_round_raises_the_error)
{
    uint64_t seed = 6;
    float w[K], importance[K];
    void *scratch = malloc(lw_fit_scratch_bytes(K));
    cr_assert_not_null(scratch);
    for (int r = 0; r < ROWS; r++) {
        (r % 2 ? test_heavy_row : test_normal_row)(&seed, w, K);
        test_importance_row(&seed, importance, K);
        struct lw_columns columns = {K, w, importance};
        struct lw_sorted sorted;
        lw_fit_sort(&columns, scratch, &sorted);
        for (unsigned bits = 1; bits <= LW_MAX_BITS; bits++) {
            double last = INFINITY;
            for (unsigned rounds = 1; rounds <= 12; rounds++) {
                double scales[LW_MAX_BITS];
                for (unsigned i = 0; i < bits; i++)
                    scales[i] = sorted.largest / (1 << i);
                double error = lw_fit_improve(&sorted, bits, rounds, scales);
                cr_assert_leq(error, last, "%u bits, %u rounds", bits, rounds);
                last = error;
            }
        }
    }
    free(scratch);
}

Test(fit_alternating, scales_are_sorted)
{
    uint64_t seed = 7;
    float w[K];
    test_normal_row(&seed, w, K);
    for (unsigned bits = 1; bits <= LW_MAX_BITS; bits++) {
        struct fitted f = test_fit(LW_FIT_ALTERNATING, w, NULL, K, bits);
        for (unsigned i = 1; i < bits; i++)
            cr_assert_leq(f.scales[i], f.scales[i - 1]);
        cr_assert_geq(f.scales[bits - 1], 0);
    }
}

Test(fit_alternating, rows_that_are_codes_are_recovered)
{
    uint64_t seed = 8;
    float w[K];
    /* Free scales, each more than the sum of those after it; and uniform ones. */
    const float scales[2][4] = {{4.5f, 1.7f, 0.6f, 0.25f}, {1.0f, 0.5f, 0.25f, 0.125f}};
    for (int set = 0; set < 2; set++)
        for (unsigned bits = 1; bits <= 4; bits++) {
            uint8_t codes[K];
            for (size_t c = 0; c < K; c++) {
                codes[c] = (uint8_t)(test_uniform(&seed) * (1 << bits));
                w[c] = (float)test_value(scales[set], bits, codes[c]);
            }
            struct fitted f = test_fit(LW_FIT_ALTERNATING, w, NULL, K, bits);
            cr_assert_lt(f.error, 1e-12 * test_squares(w, K), "set %d, %u bits", set, bits);
            cr_assert_arr_eq(f.levels, codes, K);
        }
}

Test(fit_alternating, relative_error_of_normal_rows)
{
    /* Rows of 512 normal weights, by a column-by-column NumPy version of the same two methods. */
    const double expected[2][3] = {{0.1298, 0.0580, 0.0326}, {0.1163, 0.0361, 0.0107}};
    uint64_t seed = 9;
    double errors[2][3] = {0}, all = 0;
    for (int r = 0; r < ROWS; r++) {
        float w[512];
        test_normal_row(&seed, w, 512);
        all += test_squares(w, 512);
        for (int method = LW_FIT_GREEDY; method <= LW_FIT_ALTERNATING; method++)
            for (unsigned bits = 2; bits <= 4; bits++)
                errors[method][bits - 2] += test_fit((enum lw_fit)method, w, NULL, 512, bits).error;
    }
    for (int method = 0; method < 2; method++)
        for (int b = 0; b < 3; b++)
            cr_assert_float_eq(errors[method][b] / all, expected[method][b],
                               0.05 * expected[method][b], "fit %d, %d bits: %g", method, b + 2,
                               errors[method][b] / all);
}
