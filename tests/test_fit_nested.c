/* Nested planes: every prefix is a code at least as good as greedy planes with refitted scales. */
#include "tests/fitted.h"
#include "tests/random_model.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct nested {
    double errors[LW_MAX_BITS];
    float scales[LW_MAX_BITS][LW_MAX_BITS];
    uint8_t levels[LONGEST];
};

static void fit_nested(const float *w, const float *importance, size_t columns, unsigned planes,
                       struct nested *out)
{
    *out = (struct nested){0};
    void *scratch = malloc(lw_fit_scratch_bytes(columns));
    cr_assert_not_null(scratch);
    lw_fit_nested(w, importance, columns, planes, out->scales, out->levels, out->errors, scratch);
    free(scratch);
}

static void check_row(const float *w, const float *importance, size_t columns, unsigned planes)
{
    struct nested nested;
    fit_nested(w, importance, columns, planes, &nested);
    struct fitted greedy = test_fit(LW_FIT_GREEDY, w, importance, columns, planes);
    double squares = test_error(w, importance, columns, NULL, 0, nested.levels), last = INFINITY;
    for (unsigned q = 1; q <= planes; q++) {
        double error = test_error(w, importance, columns, nested.scales[q - 1], q, nested.levels);
        double limit = test_least_error(w, importance, columns, q, greedy.levels);
        double room = 1e-7 * error + 1e-11 * squares; /* scales are rounded to fp32 */
        cr_assert_float_eq(nested.errors[q - 1], error, room);
        cr_assert_leq(error, limit + room, "%zu columns, %u of %u planes: %g, greedy %g", columns,
                      q, planes, error, limit);
        cr_assert_leq(error, test_least_error(w, importance, columns, q, nested.levels) + room,
                      "scales are not least-squares");
        cr_assert_leq(error, last + room);
        last = error;
    }
}

Test(fit_nested, no_prefix_is_worse_than_greedy)
{
    const size_t widths[] = {1, 2, 3, 5, 9, 32, 64, 129, K, 512};
    void (*const kinds[])(uint64_t *, float *, size_t) = {test_normal_row, test_heavy_row,
                                                          test_importance_row};
    uint64_t seed = 1;
    float w[512], importance[512];
    for (int r = 0; r < ROWS; r++)
        for (size_t k = 0; k < sizeof widths / sizeof *widths; k++) {
            kinds[r % 3](&seed, w, widths[k]);
            test_importance_row(&seed, importance, widths[k]);
            if (r % 8 == 5)
                importance[0] = 0;
            unsigned planes = (unsigned)(r + (int)k) % 6 + 1;
            check_row(w, NULL, widths[k], planes);
            check_row(w, importance, widths[k], planes);
        }
    check_row(w, importance, 512, LW_MAX_BITS);
}

Test(fit_nested, degenerate_rows)
{
    const float magnitudes[] = {0, 1e-30f, 0.3f, 1e15f, -7.0f};
    float w[K], zeros[K] = {0};
    for (unsigned planes = 1; planes <= 5; planes++)
        for (size_t m = 0; m < sizeof magnitudes / sizeof *magnitudes; m++) {
            for (size_t c = 0; c < K; c++)
                w[c] = magnitudes[m];
            check_row(w, NULL, 1, planes);
            check_row(w, NULL, K, planes);
            for (size_t c = 0; c < K; c++)
                w[c] = c % 3 ? magnitudes[m] : -magnitudes[m];
            check_row(w, NULL, K, planes);
            memset(w, 0, sizeof w);
            w[5] = magnitudes[m];
            check_row(w, NULL, K, planes);
        }
    uint64_t seed = 2;
    test_normal_row(&seed, w, K);
    struct nested none, plain;
    fit_nested(w, zeros, K, 4, &none);
    fit_nested(w, NULL, K, 4, &plain);
    cr_assert_eq(memcmp(&none, &plain, sizeof none), 0, "no importance at all is as NULL");
}

/* One and two planes are the best there are; more pay for being nested. */
Test(fit_nested, distance_to_the_alternating_fit)
{
    static const char *const names[] = {"normal", "heavy-tailed"};
    uint64_t seed = 3;
    for (int kind = 0; kind < 2; kind++) {
        double sums[3][4] = {0}, squares = 0;
        for (int r = 0; r < ROWS; r++) {
            float w[512];
            (kind ? test_heavy_row : test_normal_row)(&seed, w, 512);
            struct nested nested;
            fit_nested(w, NULL, 512, 4, &nested);
            struct fitted greedy = test_fit(LW_FIT_GREEDY, w, NULL, 512, 4);
            squares += test_squares(w, 512);
            for (unsigned q = 1; q <= 4; q++) {
                sums[0][q - 1] += nested.errors[q - 1];
                sums[1][q - 1] += test_fit(LW_FIT_ALTERNATING, w, NULL, 512, q).error;
                sums[2][q - 1] += test_least_error(w, NULL, 512, q, greedy.levels);
            }
        }
        for (int q = 0; q < 4; q++) {
            double nested = sums[0][q] / squares, fresh = sums[1][q] / squares;
            cr_log_info("%s, %d of 4 planes: relative MSE %.4f; alternating %.4f (%+.1f %%); "
                        "greedy refitted %.4f",
                        names[kind], q + 1, nested, fresh, 100 * (nested / fresh - 1),
                        sums[2][q] / squares);
            cr_assert_leq(nested, (kind ? 1.8 : 1.25) * fresh);
        }
    }
}

Test(fit_nested, scales_with_the_row)
{
    uint64_t seed = 5;
    float w[K], v[K];
    test_normal_row(&seed, w, K);
    for (size_t c = 0; c < K; c++)
        v[c] = (float)((double)w[c] * 0x1p-20);
    struct nested plain, scaled;
    fit_nested(w, NULL, K, 4, &plain);
    fit_nested(v, NULL, K, 4, &scaled);
    cr_assert_arr_eq(plain.levels, scaled.levels, K);
    for (unsigned q = 0; q < 4; q++)
        for (unsigned i = 0; i <= q; i++)
            cr_assert_eq((double)scaled.scales[q][i], (double)plain.scales[q][i] * 0x1p-20);
}
