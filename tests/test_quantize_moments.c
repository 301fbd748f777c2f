/* Quantisation by moments: weighted fits and corrected biases. */
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
        list[i] = (struct lw_pair){ids + 16 * i, ids + 16 * i + 8, 8, 8};
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
                                bool correct, size_t threads)
{
    struct lw_model model;
    struct lw_quantize_report report;
    struct lw_error error = {0};
    struct lw_quantize request = {
        .choices = f->choices, .moments = moments, .correct_biases = correct, .threads = threads};
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
    float gram[20 * 20], mean[20] = {0};
    for (size_t i = 0; i < 20 * 20; i++)
        gram[i] = 0.25f;
    for (size_t i = 0; i < all; i++)
        alike[i] = (struct lw_moments){f.model.matrices[i].columns, 5, mean, gram};
    cr_assert_eq(count_same(quantize(&f, NULL, false, 1), quantize(&f, moments, false, 1)), all);
    struct lw_model plain = quantize(&f, NULL, false, 1), again = quantize(&f, NULL, false, 1);
    weigh(&f, LW_WEIGHTING_ACTIVATIONS);
    cr_assert_eq(count_same(plain, quantize(&f, alike, false, 1)), all);
    cr_assert_lt(count_same(again, quantize(&f, moments, false, 1)), all / 2);
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
    struct lw_model plain = quantize(&f, NULL, false, 1);
    weigh(&f, LW_WEIGHTING_ACTIVATIONS);
    struct lw_model weighted = quantize(&f, f.calibration.moments, false, 1);
    cr_assert_lt(weighted_error(&f, &weighted), 0.99 * weighted_error(&f, &plain));
    lw_model_free(&plain);
    lw_model_free(&weighted);
    close_fixture(&f);
}

Test(quantize_moments, what_has_no_inputs_stays_unweighted)
{
    struct fixture f;
    open_fixture(&f, false);
    struct lw_model plain = quantize(&f, NULL, false, 1);
    weigh(&f, LW_WEIGHTING_ACTIVATIONS);
    struct lw_model weighted = quantize(&f, f.calibration.moments, true, 1);
    for (unsigned i = 0; i < 2; i++) { /* the embeddings */
        cr_assert_eq(f.calibration.moments[i].count, 0);
        cr_assert(same_codes(&plain.matrices[i], &weighted.matrices[i]));
        cr_assert_null(weighted.matrices[i].bias);
    }
    lw_model_free(&plain);
    lw_model_free(&weighted);
    close_fixture(&f);
}

/* The error of an output over the calibration inputs is (W - W^) mean(x) + b - b' on average. */
Test(quantize_moments, corrected_biases_take_over_the_mean_error)
{
    struct fixture f;
    open_fixture(&f, true);
    struct lw_model plain = quantize(&f, NULL, false, 1);
    struct lw_model corrected = quantize(&f, f.calibration.moments, true, 1);
    float row[20];
    double before = 0;
    for (size_t i = 0; i < plain.matrix_count; i++) {
        const struct lw_matrix *source = &f.model.matrices[i], *m = &corrected.matrices[i];
        const struct lw_moments *moments = &f.calibration.moments[i];
        cr_assert(same_codes(&plain.matrices[i], m));
        cr_assert_eq(memcmp(plain.matrices[i].bias, source->bias, m->rows * sizeof(float)), 0);
        for (size_t r = 0; r < m->rows; r++) {
            double error = 0;
            lw_matrix_row(m, r, row);
            for (size_t c = 0; c < m->columns; c++)
                error += ((double)source->dense[r * m->columns + c] - (double)row[c]) *
                         (double)moments->mean[c];
            before += fabs(error);
            error += (double)source->bias[r] - (double)m->bias[r];
            cr_assert_leq(fabs(error), 0x1p-24 * fabs((double)m->bias[r]) + 1e-12);
        }
    }
    cr_assert_gt(before, 1);
    const float *norm = f.model.encoder[0].norm.gain, *kept = corrected.encoder[0].norm.gain;
    cr_assert_eq(memcmp(norm, kept, f.model.config.d_model * sizeof *norm), 0);
    lw_model_free(&plain);
    lw_model_free(&corrected);
    close_fixture(&f);
}

Test(quantize_moments, do_not_depend_on_threads)
{
    struct fixture f;
    open_fixture(&f, true);
    weigh(&f, LW_WEIGHTING_ACTIVATIONS);
    for (size_t threads = 2; threads <= 7; threads++) {
        struct lw_model one = quantize(&f, f.calibration.moments, true, 1);
        struct lw_model many = quantize(&f, f.calibration.moments, true, threads);
        cr_assert_eq(memcmp(one.vectors, many.vectors, one.vector_count * sizeof(float)), 0);
        cr_assert_eq(count_same(one, many), f.model.matrix_count);
    }
    close_fixture(&f);
}

static void expect(const struct fixture *f, const struct lw_moments *moments, bool correct,
                   const char *text)
{
    struct lw_model model;
    struct lw_quantize_report report;
    struct lw_error error = {0};
    struct lw_quantize request = {
        .choices = f->choices, .moments = moments, .correct_biases = correct, .threads = 1};
    cr_assert_eq(lw_quantize_model(&f->model, &request, &model, &report, &error), LW_USAGE);
    cr_assert_not_null(strstr(error.text, text), "%s", error.text);
}

Test(quantize_moments, are_asked_for)
{
    struct fixture f;
    open_fixture(&f, true);
    expect(&f, NULL, true, "need the moments of a calibration text");
    f.choices[3].weighting = LW_WEIGHTING_ACTIVATIONS;
    expect(&f, NULL, false, "need the moments of a calibration text");
    f.calibration.moments[2].columns = 11;
    expect(&f, f.calibration.moments, false, "encoder.0.self.k: moments of 11 inputs");
    close_fixture(&f);
}
