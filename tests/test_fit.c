/* Properties of the fits of binary codes to a row. */
#include "models/fit.h"
#include "tests/random_model.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { K = 192, ROWS = 40 };

struct coded {
    double error;
    float scales[LW_MAX_BITS];
    uint8_t levels[1024];
};

static struct coded fit(enum lw_fit method, const float *w, size_t columns, unsigned bits)
{
    struct coded out = {0};
    void *scratch = malloc(lw_fit_scratch_bytes(columns));
    cr_assert_not_null(scratch);
    out.error = lw_fit_row(method, w, columns, bits, out.scales, out.levels, scratch);
    free(scratch);
    return out;
}

static double value(const struct coded *coded, unsigned bits, unsigned code)
{
    double sum = 0;
    for (unsigned i = 0; i < bits; i++)
        sum += code >> i & 1 ? (double)coded->scales[i] : -(double)coded->scales[i];
    return sum;
}

static double squares(const float *w, size_t columns)
{
    double sum = 0;
    for (size_t c = 0; c < columns; c++)
        sum += (double)w[c] * (double)w[c];
    return sum;
}

static void normal_row(uint64_t *seed, float *w, size_t columns)
{
    for (size_t c = 0; c < columns; c++)
        w[c] = test_normal(seed);
}

Test(fit, returned_error_is_the_error)
{
    uint64_t seed = 1;
    float w[K];
    normal_row(&seed, w, K);
    for (int method = LW_FIT_GREEDY; method <= LW_FIT_ALTERNATING; method++)
        for (unsigned bits = 1; bits <= LW_MAX_BITS; bits++) {
            struct coded coded = fit((enum lw_fit)method, w, K, bits);
            double sum = 0;
            for (size_t c = 0; c < K; c++)
                sum += pow((double)w[c] - value(&coded, bits, coded.levels[c]), 2);
            cr_assert_float_eq(coded.error, sum, 1e-9 * squares(w, K));
        }
}

Test(fit, greedy_is_the_papers)
{
    /* mean |w| = 2.5; residuals .5 -.5 -1.5 1.5 (as |w| - 2.5 with w's sign), mean 1 */
    const float w[] = {3, -2, 1, -4};
    struct coded coded = fit(LW_FIT_GREEDY, w, 4, 2);
    cr_assert_eq(coded.scales[0], 2.5f);
    cr_assert_eq(coded.scales[1], 1.0f);
    const uint8_t expected[] = {3, 2, 1, 0};
    cr_assert_arr_eq(coded.levels, expected, 4);
    cr_assert_eq(coded.error, 1.0);
}

Test(fit, sign_of_zero_is_plus)
{
    const float w[] = {0, -0.0f, 2, -2};
    struct coded coded = fit(LW_FIT_GREEDY, w, 4, 1);
    const uint8_t expected[] = {1, 1, 1, 0};
    cr_assert_arr_eq(coded.levels, expected, 4);
}

Test(fit, more_bits_never_hurt_and_alternating_never_loses_to_greedy)
{
    uint64_t seed = 2;
    float w[K];
    for (int r = 0; r < ROWS; r++) {
        normal_row(&seed, w, K);
        if (r % 4 == 1)
            w[r] *= 50; /* an outlier */
        double room = 1e-9 * squares(w, K), last[2] = {INFINITY, INFINITY};
        for (unsigned bits = 1; bits <= 6; bits++) {
            double greedy = fit(LW_FIT_GREEDY, w, K, bits).error;
            double alternating = fit(LW_FIT_ALTERNATING, w, K, bits).error;
            cr_assert_leq(greedy, last[0] + room, "row %d, %u bits", r, bits);
            cr_assert_leq(alternating, last[1] + room, "row %d, %u bits", r, bits);
            cr_assert_leq(alternating, greedy + room, "row %d, %u bits", r, bits);
            last[0] = greedy;
            last[1] = alternating;
        }
    }
}

Test(fit, alternating_codes_are_nearest)
{
    uint64_t seed = 3;
    float w[K];
    normal_row(&seed, w, K);
    for (unsigned bits = 1; bits <= LW_MAX_BITS; bits++) {
        struct coded coded = fit(LW_FIT_ALTERNATING, w, K, bits);
        for (size_t c = 0; c < K; c++) {
            double chosen = fabs((double)w[c] - value(&coded, bits, coded.levels[c]));
            for (unsigned code = 0; code < 1U << bits; code++)
                cr_assert_leq(chosen, fabs((double)w[c] - value(&coded, bits, code)) + 1e-12);
        }
        for (unsigned i = 1; i < bits; i++)
            cr_assert_leq(coded.scales[i], coded.scales[i - 1]);
        cr_assert_geq(coded.scales[bits - 1], 0);
    }
}

/* The alternating fit from its definition: columns one by one, and Gaussian elimination. */
static double slow_nearest(const float *w, unsigned bits, const double *scales, uint8_t *codes)
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
        error += least;
    }
    return error;
}

static void slow_scales(const float *w, unsigned bits, const uint8_t *codes, double *scales)
{
    double a[LW_MAX_BITS][LW_MAX_BITS + 1] = {0};
    for (size_t c = 0; c < K; c++)
        for (unsigned i = 0; i < bits; i++) {
            double b = codes[c] >> i & 1 ? 1 : -1;
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

static double slow_alternating(const float *w, unsigned bits, double *scales)
{
    uint8_t codes[K];
    double last = INFINITY, error;
    for (int round = 0; round < 40; round++) {
        error = slow_nearest(w, bits, scales, codes);
        if (!(error < last * (1 - 1e-12)))
            break;
        last = error;
        slow_scales(w, bits, codes, scales);
    }
    return last;
}

Test(fit, alternating_is_the_best_of_five_starts)
{
    const double clips[] = {1, 0.85, 0.7, 0.55};
    uint64_t seed = 4;
    float w[K];
    for (int r = 0; r < ROWS; r++) {
        normal_row(&seed, w, K);
        double largest = 0;
        for (size_t c = 0; c < K; c++)
            largest = fmax(largest, fabs((double)w[c]));
        for (unsigned bits = 1; bits <= 4; bits++) {
            struct coded greedy = fit(LW_FIT_GREEDY, w, K, bits);
            double scales[LW_MAX_BITS];
            for (unsigned i = 0; i < bits; i++)
                scales[i] = (double)greedy.scales[i];
            double best = slow_alternating(w, bits, scales);
            for (int start = 0; start < 4; start++) {
                for (unsigned i = 0; i < bits; i++)
                    scales[i] = clips[start] * largest / ((1 << bits) - 1) * (1 << i);
                best = fmin(best, slow_alternating(w, bits, scales));
            }
            cr_assert_float_eq(fit(LW_FIT_ALTERNATING, w, K, bits).error, best, 1e-6 * best,
                               "row %d, %u bits", r, bits);
        }
    }
}

Test(fit, scales_with_the_row)
{
    uint64_t seed = 5;
    float w[K], v[K];
    const double factors[] = {0x1p-100, 0x1p-20, 4, 0x1p100};
    normal_row(&seed, w, K);
    for (int method = LW_FIT_GREEDY; method <= LW_FIT_ALTERNATING; method++)
        for (unsigned bits = 1; bits <= 4; bits++)
            for (int f = 0; f < 4; f++) {
                struct coded coded = fit((enum lw_fit)method, w, K, bits);
                for (size_t c = 0; c < K; c++)
                    v[c] = (float)((double)w[c] * factors[f]);
                struct coded scaled = fit((enum lw_fit)method, v, K, bits);
                cr_assert_arr_eq(scaled.levels, coded.levels, K);
                for (unsigned i = 0; i < bits; i++)
                    cr_assert_eq((double)scaled.scales[i], (double)coded.scales[i] * factors[f]);
            }
}

Test(fit, negated_row_has_complemented_codes)
{
    uint64_t seed = 6;
    float w[K], v[K];
    normal_row(&seed, w, K);
    for (size_t c = 0; c < K; c++)
        v[c] = -w[c];
    for (int method = LW_FIT_GREEDY; method <= LW_FIT_ALTERNATING; method++)
        for (unsigned bits = 1; bits <= 4; bits++) {
            struct coded plus = fit((enum lw_fit)method, w, K, bits);
            struct coded minus = fit((enum lw_fit)method, v, K, bits);
            cr_assert_float_eq(plus.error, minus.error, 1e-9 * squares(w, K));
            for (size_t c = 0; c < K; c++)
                cr_assert_eq(plus.levels[c] ^ minus.levels[c], (1 << bits) - 1);
        }
}

Test(fit, columns_may_be_permuted)
{
    uint64_t seed = 7;
    float w[K], v[K];
    normal_row(&seed, w, K);
    for (size_t c = 0; c < K; c++)
        v[c] = w[(c * 35 + 11) % K]; /* 35 and 192 have no common divisor */
    for (int method = LW_FIT_GREEDY; method <= LW_FIT_ALTERNATING; method++)
        for (unsigned bits = 1; bits <= 4; bits++) {
            struct coded coded = fit((enum lw_fit)method, w, K, bits);
            struct coded permuted = fit((enum lw_fit)method, v, K, bits);
            cr_assert_float_eq(coded.error, permuted.error, 1e-9 * squares(w, K));
            for (size_t c = 0; c < K; c++)
                cr_assert_eq(permuted.levels[c], coded.levels[(c * 35 + 11) % K]);
        }
}

Test(fit, rows_that_are_codes_are_recovered)
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
                w[c] = 0;
                for (unsigned i = 0; i < bits; i++)
                    w[c] += codes[c] >> i & 1 ? scales[set][i] : -scales[set][i];
            }
            struct coded coded = fit(LW_FIT_ALTERNATING, w, K, bits);
            cr_assert_lt(coded.error, 1e-12 * squares(w, K), "set %d, %u bits", set, bits);
            cr_assert_arr_eq(coded.levels, codes, K);
        }
}

Test(fit, relative_error_of_normal_rows)
{
    /* Rows of 512 normal weights, by a column-by-column NumPy version of the same two methods. */
    const double expected[2][3] = {{0.1298, 0.0580, 0.0326}, {0.1163, 0.0361, 0.0107}};
    uint64_t seed = 9;
    double errors[2][3] = {0}, all = 0;
    for (int r = 0; r < ROWS; r++) {
        float w[512];
        normal_row(&seed, w, 512);
        all += squares(w, 512);
        for (int method = 0; method < 2; method++)
            for (unsigned bits = 2; bits <= 4; bits++)
                errors[method][bits - 2] += fit((enum lw_fit)method, w, 512, bits).error;
    }
    for (int method = 0; method < 2; method++)
        for (int b = 0; b < 3; b++)
            cr_assert_float_eq(errors[method][b] / all, expected[method][b],
                               0.05 * expected[method][b], "fit %d, %d bits: %g", method, b + 2,
                               errors[method][b] / all);
}

static void check_exact(const float *w, size_t columns, unsigned bits, double share)
{
    for (int method = LW_FIT_GREEDY; method <= LW_FIT_ALTERNATING; method++) {
        struct coded coded = fit((enum lw_fit)method, w, columns, bits);
        for (unsigned i = 0; i < bits; i++)
            cr_assert(isfinite(coded.scales[i]));
        cr_assert_leq(coded.error, share * squares(w, columns), "fit %d, %zu columns, %u bits",
                      method, columns, bits);
    }
}

Test(fit, degenerate_rows)
{
    const float magnitudes[] = {0, 1e-42f, 1e-30f, 0.3f, 1e30f, -7.0f};
    float w[K];
    for (unsigned bits = 1; bits <= LW_MAX_BITS; bits++)
        for (size_t m = 0; m < sizeof magnitudes / sizeof *magnitudes; m++) {
            for (size_t c = 0; c < K; c++)
                w[c] = magnitudes[m];
            check_exact(w, 1, bits, 1e-12);
            check_exact(w, K, bits, 1e-12);
            for (size_t c = 0; c < K; c++)
                w[c] = c % 3 ? magnitudes[m] : -magnitudes[m];
            check_exact(w, K, bits, 1e-12);
            /* One weight against zeros: greedy cannot, alternating must not do worse. */
            memset(w, 0, sizeof w);
            w[5] = magnitudes[m];
            check_exact(w, K, bits, 1);
        }
}

Test(fit, is_deterministic_and_leaves_the_row_alone)
{
    uint64_t seed = 10;
    float w[K], before[K];
    normal_row(&seed, w, K);
    memcpy(before, w, sizeof w);
    struct coded once = fit(LW_FIT_ALTERNATING, w, K, 3), twice = fit(LW_FIT_ALTERNATING, w, K, 3);
    cr_assert_eq(memcmp(&once.scales, &twice.scales, sizeof once.scales), 0);
    cr_assert_arr_eq(once.levels, twice.levels, K);
    cr_assert_eq(memcmp(w, before, sizeof w), 0);
}
