/* What the importance of columns does to the fits. */
#include "tests/fitted.h"
#include "tests/random_model.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>

static void check_same(const struct fitted *a, const struct fitted *b, unsigned bits,
                       double tolerance, const char *what, int method)
{
    for (unsigned i = 0; i < bits; i++)
        cr_assert_float_eq(a->scales[i], b->scales[i], tolerance * (double)b->scales[i],
                           "%s: fit %d, %u bits, scale %u", what, method, bits, i);
    cr_assert_float_eq(a->error, b->error, tolerance * b->error, "%s: fit %d, %u bits", what,
                       method, bits);
}

Test(fit_weighted, alike_or_no_importance_is_as_none)
{
    uint64_t seed = 1;
    float w[K], quarters[K], zeros[K] = {0};
    test_normal_row(&seed, w, K);
    for (size_t c = 0; c < K; c++)
        quarters[c] = 0.25f;
    for (int method = 0; method < FITS; method++)
        for (unsigned bits = 1; bits <= LW_MAX_BITS; bits++) {
            struct fitted plain = test_fit((enum lw_fit)method, w, NULL, K, bits);
            struct fitted same = test_fit((enum lw_fit)method, w, quarters, K, bits);
            struct fitted none = test_fit((enum lw_fit)method, w, zeros, K, bits);
            same.error *= 4;
            check_same(&same, &plain, bits, 0, "importance 1/4", method);
            check_same(&none, &plain, bits, 0, "importance 0", method);
            cr_assert_arr_eq(same.levels, plain.levels, K);
            cr_assert_arr_eq(none.levels, plain.levels, K);
        }
}

/* Importance n is n equal columns, and importance 0 is no column. */
Test(fit_weighted, counts_columns)
{
    uint64_t seed = 2;
    for (int r = 0; r < ROWS; r++) {
        float w[K], importance[K], repeated[4 * K];
        size_t columns = 0;
        test_normal_row(&seed, w, K);
        for (size_t c = 0; c < K; c++) {
            importance[c] = floorf((float)(test_uniform(&seed) * 4));
            for (int n = 0; n < (int)importance[c]; n++)
                repeated[columns++] = w[c];
        }
        for (int method = 0; method < FITS; method++)
            for (unsigned bits = 1; bits <= 4; bits++) {
                struct fitted weighted = test_fit((enum lw_fit)method, w, importance, K, bits);
                struct fitted plain = test_fit((enum lw_fit)method, repeated, NULL, columns, bits);
                check_same(&weighted, &plain, bits, 1e-6, "repeated columns", method);
            }
    }
}

Test(fit_weighted, lowers_the_weighted_error)
{
    uint64_t seed = 3;
    double plain[FITS][4] = {0}, weighted[FITS][4] = {0};
    for (int r = 0; r < ROWS; r++) {
        float w[K], importance[K];
        test_normal_row(&seed, w, K);
        test_importance_row(&seed, importance, K);
        for (int method = 0; method < FITS; method++)
            for (unsigned bits = 1; bits <= 4; bits++) {
                struct fitted f = test_fit((enum lw_fit)method, w, NULL, K, bits);
                plain[method][bits - 1] += test_error(w, importance, K, f.scales, bits, f.levels);
                weighted[method][bits - 1] +=
                    test_fit((enum lw_fit)method, w, importance, K, bits).error;
            }
    }
    for (int method = 0; method < FITS; method++)
        for (int b = 0; b < 4; b++) {
            cr_log_info("fit %d, %d bits: weighted error %.3f of the plain fit's", method, b + 1,
                        weighted[method][b] / plain[method][b]);
            if (method != LW_FIT_ALTERNATING_FROM_GREEDY) /* one start may end in a bad place */
                cr_assert_lt(weighted[method][b], plain[method][b], "fit %d, %d bits", method,
                             b + 1);
        }
}

/* One column of the row decides: it is met exactly, the others get their nearest code. */
Test(fit_weighted, a_single_column_of_importance)
{
    uint64_t seed = 4;
    float w[K], importance[K] = {0};
    test_normal_row(&seed, w, K);
    importance[7] = 3;
    for (int method = 0; method < FITS; method++)
        for (unsigned bits = 1; bits <= LW_MAX_BITS; bits++) {
            struct fitted f = test_fit((enum lw_fit)method, w, importance, K, bits);
            cr_assert_leq(f.error, 1e-12 * (double)w[7] * (double)w[7]);
        }
}
