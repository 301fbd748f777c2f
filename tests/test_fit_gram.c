/* The fit in the metric of the inputs: properties of its codes and scales on random inputs. */
#include "models/fit.h"
#include "models/fit_gram.h"
#include "tests/fitted.h"
#include "tests/random_model.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 75, INPUTS = 64, MOST_SCALES = 3 * LW_MAX_BITS };
static const double DAMPING = 0.1;

struct codes {
    double error; /* as lw_fit_gram_row has it */
    float scales[MOST_SCALES];
    uint8_t levels[MOST];
};

/* Inputs that go together, of very different power; whole numbers, so that sums are exact. */
static void make_gram(uint64_t *seed, size_t columns, float *gram)
{
    float x[MOST];
    memset(gram, 0, columns * columns * sizeof *gram);
    for (size_t n = 0; n < INPUTS; n++) {
        float common = test_normal(seed);
        for (size_t c = 0; c < columns; c++)
            x[c] = rintf((4 + (float)(c % 7)) * (test_normal(seed) + common));
        for (size_t i = 0; i < columns * columns; i++)
            gram[i] += x[i / columns] * x[i % columns] / (float)INPUTS;
    }
}

static struct lw_metric make_metric(const float *gram, size_t columns)
{
    struct lw_moments moments = {columns, INPUTS, gram};
    struct lw_metric metric;
    struct lw_error error = {0};
    cr_assert_eq(lw_metric_make(&moments, DAMPING, &metric, &error), LW_OK, "%s", error.text);
    return metric;
}

static struct lw_code make_code(size_t columns, unsigned bits, size_t group, bool uniform)
{
    return (struct lw_code){.rows = 1,
                            .bits = bits,
                            .group = group,
                            .groups = (columns + group - 1) / group,
                            .uniform = uniform};
}

/* As the quantiser does. */
static struct codes start(enum lw_fit fit, const float *w, size_t columns,
                          const struct lw_code *code)
{
    struct codes out = {0};
    void *scratch = malloc(lw_fit_scratch_bytes(columns));
    size_t kept = code->uniform ? 1 : code->bits;
    for (size_t g = 0; g < code->groups; g++) {
        size_t first = g * code->group;
        size_t count = columns - first < code->group ? columns - first : code->group;
        float scales[LW_MAX_BITS];
        lw_fit_row(fit, w + first, NULL, count, code->bits, scales, out.levels + first, scratch);
        memcpy(out.scales + g * kept, scales, kept * sizeof *scales);
    }
    free(scratch);
    return out;
}

static struct codes refine(const struct lw_metric *metric, const float *w,
                           const struct lw_code *code, struct codes codes)
{
    void *scratch = malloc(lw_fit_gram_scratch_bytes(code, metric->columns));
    codes.error = lw_fit_gram_row(metric, w, code, codes.scales, codes.levels, scratch);
    free(scratch);
    return codes;
}

static double value_of(const struct lw_code *code, const struct codes *codes, size_t column)
{
    float scales[LW_MAX_BITS];
    size_t group = column / code->group;
    for (unsigned p = 0; p < code->bits; p++)
        scales[p] = code->uniform ? ldexpf(codes->scales[group], (int)p)
                                  : codes->scales[group * code->bits + p];
    return test_value(scales, code->bits, codes->levels[column]);
}

/* (w - w^)^T H (w - w^) from its definition. */
static double error_of(const struct lw_metric *metric, const float *w, const struct lw_code *code,
                       const struct codes *codes)
{
    double e[MOST], sum = 0;
    size_t columns = metric->columns;
    for (size_t i = 0; i < columns; i++)
        e[i] = (double)w[metric->order[i]] - value_of(code, codes, metric->order[i]);
    for (size_t i = 0; i < columns * columns; i++)
        sum += e[i / columns] * e[i % columns] * (double)metric->gram[i];
    return sum;
}

static double power_of(const struct lw_metric *metric, const float *w)
{
    struct lw_code none = make_code(metric->columns, 1, metric->columns, false);
    return error_of(metric, w, &none, &(struct codes){0});
}

static void check_scales(const struct lw_code *code, const struct codes *codes)
{
    size_t kept = code->uniform ? 1 : code->bits;
    for (size_t i = 0; i < code->groups * kept; i++) {
        cr_assert(codes->scales[i] >= 0 && isfinite(codes->scales[i]));
        cr_assert(i % kept == 0 || codes->scales[i] <= codes->scales[i - 1]);
    }
}

/* Returns the error as a share of the start's. */
static double check_row(const struct lw_metric *metric, const float *w, enum lw_fit fit,
                        const struct lw_code *code)
{
    struct codes before = start(fit, w, metric->columns, code);
    struct codes after = refine(metric, w, code, before);
    double had = error_of(metric, w, code, &before), has = error_of(metric, w, code, &after);
    double rounding = 1e-6 * power_of(metric, w);
    cr_assert_leq(has, had * (1 + 1e-6) + rounding, "fit %d, %u bits, groups of %zu, uniform %d",
                  (int)fit, code->bits, code->group, code->uniform);
    cr_assert_float_eq(after.error, has, 1e-5 * has + rounding);
    check_scales(code, &after);
    return had > 0 ? has / had : 1;
}

Test(fit_gram, never_raises_the_error)
{
    static float gram[MOST * MOST], w[MOST];
    static const size_t sizes[] = {1, 2, 31, 33, MOST};
    uint64_t seed = 1;
    double shares = 0, count = 0;
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        size_t columns = sizes[s];
        make_gram(&seed, columns, gram);
        struct lw_metric metric = make_metric(gram, columns);
        for (int fit = 0; fit < FITS; fit++)
            for (unsigned bits = 1; bits <= LW_MAX_BITS; bits++)
                for (int kind = 0; kind < 4; kind++) {
                    bool uniform = kind & 1;
                    if (uniform && fit != LW_FIT_UNIFORM)
                        continue;
                    struct lw_code code =
                        make_code(columns, bits, kind & 2 ? 32 : columns, uniform);
                    test_heavy_row(&seed, w, columns);
                    shares += check_row(&metric, w, (enum lw_fit)fit, &code);
                    count++;
                }
        lw_metric_free(&metric);
    }
    cr_log_info("error on average %.3f of the start's", shares / count);
    cr_assert_lt(shares / count, 0.7);
}

/* Without correlations nothing is worse than the plain fit. */
Test(fit_gram, inputs_that_are_alike_keep_the_plain_fit_or_better)
{
    static float gram[MOST * MOST], w[MOST];
    uint64_t seed = 2;
    for (size_t c = 0; c < MOST; c++)
        gram[c * MOST + c] = 3;
    struct lw_metric metric = make_metric(gram, MOST);
    for (unsigned bits = 1; bits <= LW_MAX_BITS; bits++) {
        struct lw_code code = make_code(MOST, bits, MOST, false);
        test_normal_row(&seed, w, MOST);
        struct codes plain = start(LW_FIT_ALTERNATING, w, MOST, &code);
        struct codes same = refine(&metric, w, &code, plain);
        double had = test_error(w, NULL, MOST, plain.scales, bits, plain.levels);
        double has = test_error(w, NULL, MOST, same.scales, bits, same.levels);
        cr_assert_leq(has, had * (1 + 1e-5));
    }
    lw_metric_free(&metric);
}

Test(fit_gram, meets_rows_that_have_codes)
{
    static float gram[MOST * MOST], w[MOST];
    uint64_t seed = 3;
    make_gram(&seed, MOST, gram);
    struct lw_metric metric = make_metric(gram, MOST);
    struct lw_code code = make_code(MOST, 2, MOST, false);
    for (int fit = 0; fit < FITS; fit++) {
        struct codes exact = {.scales = {1, 0.375f}};
        for (size_t c = 0; c < MOST; c++) {
            exact.levels[c] = (uint8_t)(test_uniform(&seed) * 4);
            w[c] = (float)value_of(&code, &exact, c);
        }
        struct codes found = refine(&metric, w, &code, start((enum lw_fit)fit, w, MOST, &code));
        cr_assert_leq(found.error, 1e-10 * power_of(&metric, w), "fit %d", fit);
        cr_assert_arr_eq(found.levels, exact.levels, MOST);
    }
    lw_metric_free(&metric);
}

Test(fit_gram, scales_go_with_the_row)
{
    static float gram[MOST * MOST], w[MOST], larger[MOST];
    uint64_t seed = 4;
    make_gram(&seed, MOST, gram);
    test_normal_row(&seed, w, MOST);
    struct lw_metric metric = make_metric(gram, MOST);
    struct lw_code code = make_code(MOST, 3, 32, false);
    struct codes plain = start(LW_FIT_GREEDY, w, MOST, &code), fitted;
    fitted = refine(&metric, w, &code, plain);
    for (int power = -100; power <= 120; power += 20) {
        struct codes scaled = plain;
        for (size_t c = 0; c < MOST; c++)
            larger[c] = ldexpf(w[c], power);
        for (size_t i = 0; i < MOST_SCALES; i++)
            scaled.scales[i] = ldexpf(plain.scales[i], power);
        scaled = refine(&metric, larger, &code, scaled);
        for (size_t i = 0; i < code.groups * code.bits; i++)
            cr_assert_eq(scaled.scales[i], ldexpf(fitted.scales[i], power));
        cr_assert_arr_eq(scaled.levels, fitted.levels, MOST);
        cr_assert_eq(scaled.error, ldexp(fitted.error, 2 * power));
    }
    lw_metric_free(&metric);
}

Test(fit_gram, columns_may_come_in_any_order)
{
    static float gram[MOST * MOST], turned[MOST * MOST], w[MOST], v[MOST];
    uint64_t seed = 5;
    make_gram(&seed, MOST, gram);
    test_normal_row(&seed, w, MOST);
    struct lw_code code = make_code(MOST, 3, MOST, false);
    struct codes plain = start(LW_FIT_GREEDY, w, MOST, &code), other = plain;
    for (size_t c = 0; c < MOST; c++)
        gram[c * MOST + c] += ldexpf((float)c, -10); /* no two alike */
    for (size_t c = 0; c < MOST; c++) {
        size_t from = c * 7 % MOST;
        v[c] = w[from];
        other.levels[c] = plain.levels[from];
        for (size_t d = 0; d < MOST; d++)
            turned[c * MOST + d] = gram[from * MOST + d * 7 % MOST];
    }
    struct lw_metric metric = make_metric(gram, MOST), metric_turned = make_metric(turned, MOST);
    plain = refine(&metric, w, &code, plain);
    other = refine(&metric_turned, v, &code, other);
    cr_assert_eq(plain.error, other.error);
    cr_assert_arr_eq(plain.scales, other.scales, MOST_SCALES);
    for (size_t c = 0; c < MOST; c++)
        cr_assert_eq(other.levels[c], plain.levels[c * 7 % MOST]);
    lw_metric_free(&metric);
    lw_metric_free(&metric_turned);
}

/* Inputs that are never there, all the same, or twice; rows of zeros and of one value. */
Test(fit_gram, takes_what_is_degenerate)
{
    static float gram[MOST * MOST], w[MOST];
    uint64_t seed = 6;
    for (int inputs = 0; inputs < 4; inputs++) {
        memset(gram, 0, sizeof gram);
        if (inputs > 1)
            make_gram(&seed, MOST, gram);
        for (size_t i = 0; i < MOST * MOST; i++)
            gram[i] = inputs == 1 ? 1e30f
                      : inputs == 2
                          ? gram[i / MOST / 2 * 2 * MOST + i % MOST / 2 * 2]
                          : gram[i] * (inputs == 3 && (i / MOST == 9 || i % MOST == 9) ? 0 : 1);
        struct lw_metric metric = make_metric(gram, MOST);
        for (int row = 0; row < 4; row++)
            for (unsigned bits = 1; bits <= LW_MAX_BITS; bits++)
                for (int kind = 0; kind < 4; kind++) {
                    struct lw_code code = make_code(MOST, bits, kind & 2 ? 32 : MOST, kind & 1);
                    test_normal_row(&seed, w, MOST);
                    for (size_t c = 0; c < MOST; c++)
                        w[c] = row == 0 ? 0 : row == 1 ? -0.3f : row == 2 && c > 40 ? 0 : w[c];
                    enum lw_fit fit = kind & 1 ? LW_FIT_UNIFORM : LW_FIT_ALTERNATING;
                    check_row(&metric, w, fit, &code);
                }
        lw_metric_free(&metric);
    }
}
