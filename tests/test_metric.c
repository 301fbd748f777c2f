/* Metrics: H, its order and its factor, and what is refused. */
#include "models/fit_gram.h"
#include "tests/random_model.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

enum { COLUMNS = 23, INPUTS = 9 };

Test(metric, is_the_moments_over_their_mean_damped_and_factored)
{
    static float gram[COLUMNS * COLUMNS], x[COLUMNS];
    struct lw_metric m;
    uint64_t seed = 1;
    double mean = 0;
    for (size_t n = 0; n < INPUTS; n++) { /* fewer than columns: singular */
        for (size_t c = 0; c < COLUMNS; c++)
            x[c] = (float)(1 + c % 5) * test_normal(&seed);
        for (size_t i = 0; i < COLUMNS * COLUMNS; i++)
            gram[i] += x[i / COLUMNS] * x[i % COLUMNS];
    }
    for (size_t c = 0; c < COLUMNS; c++)
        mean += (double)gram[c * COLUMNS + c] / (double)COLUMNS;
    cr_assert_eq(lw_metric_make(&(struct lw_moments){COLUMNS, INPUTS, gram}, 0.01, &m, NULL),
                 LW_OK);
    for (size_t i = 0; i < COLUMNS; i++) {
        cr_assert(i == 0 || m.diagonal[i] <= m.diagonal[i - 1]);
        cr_assert_eq(m.diagonal[i], m.gram[i * COLUMNS + i]);
        for (size_t j = 0; j < COLUMNS; j++) {
            double h = (double)gram[m.order[i] * COLUMNS + m.order[j]] / mean, product = 0;
            cr_assert_float_eq((double)m.gram[i * COLUMNS + j], h + (i == j ? 0.01 : 0), 1e-6);
            for (size_t k = i > j ? i : j; k < COLUMNS; k++)
                product += (k == i ? 1 : (double)m.upper[i * COLUMNS + k]) *
                           (k == j ? 1 : (double)m.upper[j * COLUMNS + k]) * m.pivots[k];
            cr_assert_float_eq((double)m.gram[i * COLUMNS + j], product, 1e-5);
        }
    }
    lw_metric_free(&m);
}

Test(metric, of_no_power_is_the_damping)
{
    static const float gram[4] = {0};
    struct lw_metric m;
    cr_assert_eq(lw_metric_make(&(struct lw_moments){2, 1, gram}, 0.5, &m, NULL), LW_OK);
    cr_assert(m.gram[0] == 0.5f && m.gram[1] == 0 && m.gram[3] == 0.5f && m.pivots[1] == 0.5);
    lw_metric_free(&m);
}

Test(metric, refuses_what_are_no_moments)
{
    static const float wrong[][4] = {
        {NAN, 0, 0, 1},   {1, 0, 0, INFINITY}, {INFINITY, 0, 0, 1}, {1, 0, 0, -1},
        {1, NAN, NAN, 1}, {1, 5, 5, 1},        {1, -2, -2, 1},      {1, INFINITY, INFINITY, 1},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct lw_metric m;
        struct lw_error error = {0};
        cr_assert_eq(lw_metric_make(&(struct lw_moments){2, 3, wrong[i]}, 0.1, &m, &error),
                     LW_CORRUPT, "case %zu", i);
        cr_assert_not_null(strstr(error.text, "not those of any inputs"));
        cr_assert_null(m.gram);
    }
}
