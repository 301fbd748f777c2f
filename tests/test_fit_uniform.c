/* The uniform fit: one step a row, as good as any. */
#include "tests/fitted.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>

Test(fit_uniform, scales_are_one_step)
{
    uint64_t seed = 1;
    float w[K];
    for (int r = 0; r < ROWS; r++) {
        test_heavy_row(&seed, w, K);
        for (unsigned bits = 1; bits <= LW_MAX_BITS; bits++) {
            struct fitted f = test_fit(LW_FIT_UNIFORM, w, NULL, K, bits);
            cr_assert_gt(f.scales[0], 0);
            for (unsigned i = 1; i < bits; i++)
                cr_assert_eq(f.scales[i], ldexpf(f.scales[0], (int)i));
        }
    }
}

static double error_of_step(const float *w, const float *importance, unsigned bits, double step)
{
    double sum = 0, count = (double)(1 << bits);
    for (size_t c = 0; c < K; c++) {
        double k = fmin(fmax(floor((double)w[c] / (2 * step) + count / 2), 0), count - 1);
        double difference = (double)w[c] - step * (2 * k + 1 - count);
        sum += (importance ? (double)importance[c] : 1) * difference * difference;
    }
    return sum;
}

/* Against all clips from the largest |w| down to a hundredth of it, in steps of a thousandth. */
Test(fit_uniform, no_clip_is_better)
{
    uint64_t seed = 2;
    float w[K], importance[K];
    double worst = 0, ours = 0, grid = 0;
    for (int r = 0; r < ROWS; r++) {
        (r % 2 ? test_heavy_row : test_normal_row)(&seed, w, K);
        test_importance_row(&seed, importance, K);
        const float *given = r % 4 < 2 ? importance : NULL;
        for (unsigned bits = 1; bits <= 4; bits++) {
            double least = INFINITY, largest = test_largest(w, K);
            for (double clip = 1; clip > 0.01; clip *= 0.999)
                least =
                    fmin(least, error_of_step(w, given, bits, clip * largest / ((1 << bits) - 1)));
            double error = test_fit(LW_FIT_UNIFORM, w, given, K, bits).error;
            worst = fmax(worst, error / least);
            ours += error / test_squares(w, K);
            grid += least / test_squares(w, K);
        }
    }
    cr_log_info("worst against the grid: %.4f, mean %.4f", worst, ours / grid);
    cr_assert_leq(worst, 1.02);
    cr_assert_leq(ours, 1.001 * grid);
}

Test(fit_uniform, relative_error_of_normal_rows)
{
    const double expected[3] = {0.118, 0.0370, 0.0111};
    uint64_t seed = 9;
    double errors[3] = {0}, all = 0;
    for (int r = 0; r < 4 * ROWS; r++) {
        float w[512];
        test_normal_row(&seed, w, 512);
        all += test_squares(w, 512);
        for (unsigned bits = 2; bits <= 4; bits++)
            errors[bits - 2] += test_fit(LW_FIT_UNIFORM, w, NULL, 512, bits).error;
    }
    for (int b = 0; b < 3; b++) {
        cr_log_info("%d bits: %.5f", b + 2, errors[b] / all);
        cr_assert_leq(errors[b] / all, 1.01 * expected[b], "%d bits: %g", b + 2, errors[b] / all);
    }
}

Test(fit_uniform, rows_of_levels_are_recovered)
{
    float w[K];
    for (unsigned bits = 1; bits <= LW_MAX_BITS; bits++) {
        int count = 1 << bits;
        for (int c = 0; c < K; c++)
            w[c] = 0.37f * (float)(2 * (c * 7 % count) + 1 - count);
        struct fitted f = test_fit(LW_FIT_UNIFORM, w, NULL, K, bits);
        cr_assert_lt(f.error, 1e-12 * test_squares(w, K), "%u bits: %g", bits, f.error);
    }
}
