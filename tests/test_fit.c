/* Properties of all fits of binary codes to a row, and the greedy fit. */
#include "tests/fitted.h"
#include "tests/random_model.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <string.h>

Test(fit, returned_error_is_the_error)
{
    uint64_t seed = 1;
    float w[K], importance[K];
    test_normal_row(&seed, w, K);
    test_importance_row(&seed, importance, K);
    for (int method = 0; method < FITS; method++)
        for (unsigned bits = 1; bits <= LW_MAX_BITS; bits++)
            for (int weighted = 0; weighted < 2; weighted++) {
                const float *given = weighted ? importance : NULL;
                struct fitted f = test_fit((enum lw_fit)method, w, given, K, bits);
                double error = test_error(w, given, K, f.scales, bits, f.levels);
                cr_assert_float_eq(f.error, error, 1e-9 * test_squares(w, K));
            }
}

Test(fit, greedy_is_the_papers)
{
    /* mean |w| = 2.5; residuals .5 -.5 -1.5 1.5 (as |w| - 2.5 with w's sign), mean 1 */
    const float w[] = {3, -2, 1, -4};
    struct fitted f = test_fit(LW_FIT_GREEDY, w, NULL, 4, 2);
    cr_assert_eq(f.scales[0], 2.5f);
    cr_assert_eq(f.scales[1], 1.0f);
    const uint8_t expected[] = {3, 2, 1, 0};
    cr_assert_arr_eq(f.levels, expected, 4);
    cr_assert_eq(f.error, 1.0);
}

Test(fit, sign_of_zero_is_plus)
{
    const float w[] = {0, -0.0f, 2, -2};
    struct fitted f = test_fit(LW_FIT_GREEDY, w, NULL, 4, 1);
    const uint8_t expected[] = {1, 1, 1, 0};
    cr_assert_arr_eq(f.levels, expected, 4);
}

/* a0 b0 + a1 b1 with a0 > a1 > 0: b0 is the sign of w, and the mean of |w| = a0 + a1 b0 b1 is a0
 * where b0 and b1 agree as often as not. */
Test(fit, greedy_finds_two_orthogonal_planes)
{
    uint64_t seed = 2;
    float w[K];
    for (int r = 0; r < ROWS; r++) {
        float large = 1 + (float)r / 16, small = large * (float)(r + 1) / 64;
        uint8_t codes[K];
        for (size_t c = 0; c < K; c++) {
            unsigned first = test_uniform(&seed) < 0.5, second = first ^ (c & 1);
            codes[c] = (uint8_t)(first | second << 1);
            w[c] = (first ? large : -large) + (second ? small : -small);
        }
        struct fitted f = test_fit(LW_FIT_GREEDY, w, NULL, K, 2);
        cr_assert_arr_eq(f.levels, codes, K);
        cr_assert_float_eq(f.scales[0], large, 1e-6 * (double)large);
        cr_assert_float_eq(f.scales[1], small, 1e-6 * (double)large);
    }
}

static void outlier_row(uint64_t *seed, int r, float *w)
{
    test_normal_row(seed, w, K);
    if (r % 4 == 1)
        w[r] *= 50;
}

/* (One alternating start may end in a bad place, with more bits than with fewer.) */
Test(fit, more_bits_never_hurt)
{
    uint64_t seed = 3;
    float w[K], importance[K];
    for (int r = 0; r < ROWS; r++) {
        outlier_row(&seed, r, w);
        test_importance_row(&seed, importance, K);
        const float *given = r % 2 ? importance : NULL;
        double room = 1e-9 * test_squares(w, K);
        for (int method = 0; method < FITS; method++) {
            double last = INFINITY;
            if (method == LW_FIT_ALTERNATING_FROM_GREEDY)
                continue;
            for (unsigned bits = 1; bits <= LW_MAX_BITS; bits++) {
                double error = test_fit((enum lw_fit)method, w, given, K, bits).error;
                cr_assert_leq(error, last + room, "row %d, fit %d, %u bits", r, method, bits);
                last = error;
            }
        }
    }
}

Test(fit, codes_are_nearest)
{
    uint64_t seed = 4;
    float w[K];
    test_normal_row(&seed, w, K);
    for (int method = LW_FIT_ALTERNATING; method < FITS; method++)
        for (unsigned bits = 1; bits <= LW_MAX_BITS; bits++) {
            struct fitted f = test_fit((enum lw_fit)method, w, NULL, K, bits);
            for (size_t c = 0; c < K; c++) {
                double chosen = fabs((double)w[c] - test_value(f.scales, bits, f.levels[c]));
                for (unsigned code = 0; code < 1U << bits; code++) {
                    double other = fabs((double)w[c] - test_value(f.scales, bits, code));
                    cr_assert_leq(chosen, other + 1e-12);
                }
            }
        }
}

Test(fit, scales_with_the_row)
{
    uint64_t seed = 5;
    float w[K], v[K];
    const double factors[] = {0x1p-100, 0x1p-20, 4, 0x1p100};
    test_normal_row(&seed, w, K);
    for (int method = 0; method < FITS; method++)
        for (unsigned bits = 1; bits <= LW_MAX_BITS; bits++)
            for (int k = 0; k < 4; k++) {
                struct fitted f = test_fit((enum lw_fit)method, w, NULL, K, bits);
                for (size_t c = 0; c < K; c++)
                    v[c] = (float)((double)w[c] * factors[k]);
                struct fitted scaled = test_fit((enum lw_fit)method, v, NULL, K, bits);
                cr_assert_arr_eq(scaled.levels, f.levels, K);
                for (unsigned i = 0; i < bits; i++)
                    cr_assert_eq((double)scaled.scales[i], (double)f.scales[i] * factors[k]);
            }
}

Test(fit, negated_row_has_complemented_codes)
{
    uint64_t seed = 6;
    float w[K], v[K];
    test_normal_row(&seed, w, K);
    for (size_t c = 0; c < K; c++)
        v[c] = -w[c];
    for (int method = 0; method < FITS; method++)
        for (unsigned bits = 1; bits <= 4; bits++) {
            struct fitted plus = test_fit((enum lw_fit)method, w, NULL, K, bits);
            struct fitted minus = test_fit((enum lw_fit)method, v, NULL, K, bits);
            cr_assert_float_eq(plus.error, minus.error, 1e-9 * test_squares(w, K));
            for (size_t c = 0; c < K; c++)
                cr_assert_eq(plus.levels[c] ^ minus.levels[c], (1 << bits) - 1);
        }
}

Test(fit, columns_may_be_permuted)
{
    uint64_t seed = 7;
    float w[K], v[K], importance[K], moved[K];
    test_normal_row(&seed, w, K);
    test_importance_row(&seed, importance, K);
    for (size_t c = 0; c < K; c++) {
        size_t from = (c * 35 + 11) % K; /* 35 and 192 have no common divisor */
        v[c] = w[from];
        moved[c] = importance[from];
    }
    for (int method = 0; method < FITS; method++)
        for (unsigned bits = 1; bits <= 4; bits++) {
            struct fitted f = test_fit((enum lw_fit)method, w, importance, K, bits);
            struct fitted permuted = test_fit((enum lw_fit)method, v, moved, K, bits);
            cr_assert_float_eq(f.error, permuted.error, 1e-9 * f.error);
            for (size_t c = 0; c < K; c++)
                cr_assert_eq(permuted.levels[c], f.levels[(c * 35 + 11) % K]);
        }
}

static void check_exact(const float *w, size_t columns, unsigned bits, double share)
{
    for (int method = 0; method < FITS; method++) {
        struct fitted f = test_fit((enum lw_fit)method, w, NULL, columns, bits);
        for (unsigned i = 0; i < bits; i++)
            cr_assert(isfinite(f.scales[i]));
        cr_assert_leq(f.error, share * test_squares(w, columns),
                      "fit %d, %zu columns of %g, %u bits", method, columns, (double)w[0], bits);
    }
}

Test(fit, degenerate_rows)
{
    const float magnitudes[] = {0, 1e-30f, 0.3f, 1e30f, -7.0f};
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
            /* One weight against zeros: no fit of few levels can, none may do worse than zero. */
            memset(w, 0, sizeof w);
            w[5] = magnitudes[m];
            check_exact(w, K, bits, 1 + 1e-12);
            /* Subnormal weights: scales may not have the digits to halve them. */
            for (size_t c = 0; c < K; c++)
                w[c] = c % 3 ? 1e-42f : -1e-42f;
            check_exact(w, K, bits, 1);
        }
}

Test(fit, is_deterministic_and_leaves_the_row_alone)
{
    uint64_t seed = 10;
    float w[K], before[K];
    test_normal_row(&seed, w, K);
    memcpy(before, w, sizeof w);
    for (int method = 0; method < FITS; method++) {
        struct fitted once = test_fit((enum lw_fit)method, w, NULL, K, 3);
        struct fitted twice = test_fit((enum lw_fit)method, w, NULL, K, 3);
        cr_assert_eq(memcmp(&once.scales, &twice.scales, sizeof once.scales), 0);
        cr_assert_arr_eq(once.levels, twice.levels, K);
        cr_assert_eq(memcmp(w, before, sizeof w), 0);
    }
}
