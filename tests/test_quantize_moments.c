/* Quantisation by moments: fits weighted by activations and by gram. */
#include "models/quantize.h"
#include "runtime/calibrate.h"
#include "tests/random_model.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PAIRS = 6, MOST = 32 };

struct fixture {
    struct lw_model model;
    struct lw_calibration calibration;
    struct lw_choice choices[MOST];
};

static void open_fixture(struct fixture *f, bool shared)
{
    struct lw_config config = test_small_config();
    struct lw_backend backend;
    struct lw_error error = {0};
    uint64_t seed = 4;
    int32_t ids[PAIRS * 16];
    struct lw_pair list[PAIRS];
    config.shared_embedding = config.tied_output = shared;
    test_random_model(&config, 3, &f->model);
    for (size_t i = 0; i < PAIRS * 16; i++)
        ids[i] = (int32_t)(test_uniform(&seed) * 9);
    for (size_t i = 0; i < PAIRS; i++)
        list[i] = (struct lw_pair){ids + 16 * i, ids + 16 * i + 8, 8, 8, 0};
    struct lw_pairs pairs = {.count = PAIRS, .pairs = list};
    cr_assert_eq(lw_backend_f32(&f->model, &backend, &error), LW_OK);
    cr_assert_eq(lw_calibrate(&f->model, &backend, &pairs, NULL, NULL, &f->calibration, &error),
                 LW_OK, "%s", error.text);
    lw_backend_close(&backend);
    for (size_t i = 0; i < f->model.matrix_count; i++)
        f->choices[i] = (struct lw_choice){.bits = 2, .fit = LW_FIT_ALTERNATING};
}

static void close_fixture(struct fixture *f)
{
    lw_calibration_free(&f->calibration);
    lw_model_free(&f->model);
}

static void weigh(struct fixture *f, enum lw_weighting weighting)
{
    for (size_t i = 0; i < f->model.matrix_count; i++)
        f->choices[i].weighting = weighting;
}

static struct lw_model quantize(const struct fixture *f, const struct lw_moments *moments,
                                size_t threads)
{
    struct lw_model model;
    struct lw_quantize_report report;
    struct lw_error error = {0};
    struct lw_quantize request = {.choices = f->choices, .moments = moments, .threads = threads};
    cr_assert_eq(lw_quantize_model(&f->model, &request, &model, &report, &error), LW_OK, "%s",
                 error.text);
    return model;
}

static bool same_codes(const struct lw_matrix *a, const struct lw_matrix *b)
{
    const struct lw_code *x = a->codes, *y = b->codes;
    return x->exponent == y->exponent &&
           memcmp(x->scales, y->scales, lw_code_scale_bytes(x)) == 0 &&
           memcmp(x->planes, y->planes, lw_code_plane_bytes(x)) == 0;
}

/* The number of matrices whose codes are the same. Frees the models. */
static size_t count_same(struct lw_model a, struct lw_model b)
{
    size_t same = 0;
    for (size_t i = 0; i < a.matrix_count; i++)
        same += same_codes(&a.matrices[i], &b.matrices[i]);
    lw_model_free(&a);
    lw_model_free(&b);
    return same;
}

Test(quantize_moments, equal_moments_weigh_nothing)
{
    struct fixture f;
    open_fixture(&f, true);
    size_t all = f.model.matrix_count;
    const struct lw_moments *moments = f.calibration.moments;
    struct lw_moments alike[MOST];
    float gram[20 * 20];
    for (size_t i = 0; i < 20 * 20; i++)
        gram[i] = 0.25f;
    for (size_t i = 0; i < all; i++)
        alike[i] = (struct lw_moments){f.model.matrices[i].columns, 5, gram};
    cr_assert_eq(count_same(quantize(&f, NULL, 1), quantize(&f, moments, 1)), all);
    struct lw_model plain = quantize(&f, NULL, 1), again = quantize(&f, NULL, 1);
    weigh(&f, LW_WEIGHTING_ACTIVATIONS);
    cr_assert_eq(count_same(plain, quantize(&f, alike, 1)), all);
    cr_assert_lt(count_same(again, quantize(&f, moments, 1)), all / 2);
    close_fixture(&f);
}

/* sum over columns of E[x^2] (W - W^)^2: what the weighted fit makes small. */
static double weighted_error(const struct fixture *f, const struct lw_model *model)
{
    double sum = 0;
    float row[20];
    for (size_t i = 0; i < model->matrix_count; i++) {
        const struct lw_matrix *m = &model->matrices[i];
        for (size_t r = 0; r < m->rows; r++) {
            lw_matrix_row(m, r, row);
            for (size_t c = 0; c < m->columns; c++) {
                double w = (double)f->model.matrices[i].dense[r * m->columns + c];
                sum += pow(w - (double)row[c], 2) *
                       (double)f->calibration.moments[i].gram[c * m->columns + c];
            }
        }
    }
    return sum;
}

Test(quantize_moments, weighting_lowers_the_weighted_error)
{
    struct fixture f;
    open_fixture(&f, true);
    struct lw_model plain = quantize(&f, NULL, 1);
    weigh(&f, LW_WEIGHTING_ACTIVATIONS);
    struct lw_model weighted = quantize(&f, f.calibration.moments, 1);
    cr_assert_lt(weighted_error(&f, &weighted), 0.99 * weighted_error(&f, &plain));
    lw_model_free(&plain);
    lw_model_free(&weighted);
    close_fixture(&f);
}

Test(quantize_moments, what_has_no_inputs_stays_unweighted)
{
    struct fixture f;
    open_fixture(&f, false);
    struct lw_model plain = quantize(&f, NULL, 1);
    for (int w = LW_WEIGHTING_ACTIVATIONS; w <= LW_WEIGHTING_GRAM; w++) {
        weigh(&f, (enum lw_weighting)w);
        struct lw_model weighted = quantize(&f, f.calibration.moments, 1);
        for (unsigned i = 0; i < 2; i++) { /* the embeddings */
            cr_assert_eq(f.calibration.moments[i].count, 0);
            cr_assert(same_codes(&plain.matrices[i], &weighted.matrices[i]));
        }
        lw_model_free(&weighted);
    }
    lw_model_free(&plain);
    close_fixture(&f);
}

/* sum over rows of (w - w^)^T E[x x^T] (w - w^): the squared errors of all products. */
static double output_error(const struct fixture *f, const struct lw_model *model)
{
    double sum = 0;
    float row[20], difference[20];
    for (size_t i = 0; i < model->matrix_count; i++) {
        const struct lw_matrix *m = &model->matrices[i];
        const float *gram = f->calibration.moments[i].gram;
        for (size_t r = 0; r < m->rows; r++) {
            lw_matrix_row(m, r, row);
            for (size_t c = 0; c < m->columns; c++)
                difference[c] = f->model.matrices[i].dense[r * m->columns + c] - row[c];
            for (size_t c = 0; c < m->columns * m->columns; c++)
                sum += (double)difference[c / m->columns] * (double)difference[c % m->columns] *
                       (double)gram[c];
        }
    }
    return sum;
}

/* Whatever fit gram starts from. */
Test(quantize_moments, gram_lowers_the_errors_of_products)
{
    struct fixture f;
    open_fixture(&f, true);
    for (int fit = 0; fit <= LW_FIT_UNIFORM; fit++)
        for (int alpha = LW_ALPHA_FREE; alpha <= (fit == LW_FIT_UNIFORM); alpha++) {
            for (size_t i = 0; i < f.model.matrix_count; i++)
                f.choices[i] = (struct lw_choice){
                    .bits = 2, .fit = (enum lw_fit)fit, .alpha = (enum lw_alpha)alpha};
            struct lw_model plain = quantize(&f, NULL, 1);
            weigh(&f, LW_WEIGHTING_GRAM);
            struct lw_model gram = quantize(&f, f.calibration.moments, 1);
            double share = output_error(&f, &gram) / output_error(&f, &plain);
            cr_log_info("fit %d, alpha %d: %.3f of the error", fit, alpha, share);
            cr_assert_lt(share, 0.8);
            lw_model_free(&plain);
            lw_model_free(&gram);
        }
    close_fixture(&f);
}

Test(quantize_moments, do_not_depend_on_threads)
{
    static const size_t counts[] = {2, 3, 7};
    struct fixture f;
    open_fixture(&f, true);
    for (size_t i = 0; i < f.model.matrix_count; i++)
        f.choices[i].weighting = i % 2 ? LW_WEIGHTING_ACTIVATIONS : LW_WEIGHTING_GRAM;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct lw_model one = quantize(&f, f.calibration.moments, 1);
        struct lw_model many = quantize(&f, f.calibration.moments, counts[i]);
        cr_assert_eq(count_same(one, many), f.model.matrix_count);
    }
    close_fixture(&f);
}

static void expect(const struct fixture *f, const struct lw_moments *moments, const char *text)
{
    struct lw_model model;
    struct lw_quantize_report report;
    struct lw_error error = {0};
    struct lw_quantize request = {.choices = f->choices, .moments = moments, .threads = 1};
    cr_assert_eq(lw_quantize_model(&f->model, &request, &model, &report, &error), LW_USAGE);
    cr_assert_not_null(strstr(error.text, text), "%s", error.text);
}

Test(quantize_moments, are_asked_for)
{
    struct fixture f;
    open_fixture(&f, true);
    f.choices[3].weighting = LW_WEIGHTING_ACTIVATIONS;
    expect(&f, NULL, "needs the moments of a calibration text");
    f.choices[3].weighting = LW_WEIGHTING_GRAM;
    expect(&f, NULL, "needs the moments of a calibration text");
    f.calibration.moments[2].columns = 11;
    expect(&f, f.calibration.moments, "encoder.0.self.k: moments of 11 inputs");
    close_fixture(&f);
}

Test(quantize_moments, nested_planes_are_not_fitted_by_gram)
{
    struct fixture f;
    struct lw_nested nested;
    struct lw_nested_report report;
    struct lw_error error = {0};
    open_fixture(&f, true);
    f.choices[3].weighting = LW_WEIGHTING_GRAM;
    struct lw_quantize request = {
        .choices = f.choices, .moments = f.calibration.moments, .threads = 1};
    cr_assert_eq(lw_quantize_nested(&f.model, &request, &nested, &report, &error), LW_USAGE);
    cr_assert_not_null(strstr(error.text, "encoder.0.self.v: nested planes have a fit of their"),
                       "%s", error.text);
    close_fixture(&f);
}

Test(quantize_moments, that_are_none_are_refused)
{
    struct fixture f;
    struct lw_model model;
    struct lw_quantize_report report;
    struct lw_error error = {0};
    open_fixture(&f, true);
    weigh(&f, LW_WEIGHTING_GRAM);
    float gram[12 * 12] = {-1};
    f.calibration.moments[3].gram = gram;
    struct lw_quantize request = {
        .choices = f.choices, .moments = f.calibration.moments, .threads = 1};
    cr_assert_eq(lw_quantize_model(&f.model, &request, &model, &report, &error), LW_CORRUPT);
    cr_assert_str_eq(error.text, "matrix encoder.0.self.v: second moments that are not those of "
                                 "any inputs");
    close_fixture(&f);
}
