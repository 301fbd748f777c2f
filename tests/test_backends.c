/* The product backends against the oracle, and classes a8 and t8 on inputs worked out by hand. */
#include "models/quantize.h"
#include "runtime/backend.h"
#include "tests/oracle.h"
#include "tests/random_model.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { K = 24, COLUMNS = 5 };

static void quantize(const struct lw_model *dense, unsigned bits, enum lw_arith arith,
                     struct lw_model *coded)
{
    struct lw_error error = {0};
    struct lw_quantize_report report;
    cr_assert_eq(lw_quantize_alike(dense, bits, LW_FIT_GREEDY, arith, 1, coded, &report, &error),
                 LW_OK, "%s", error.text);
}

/* Multiplies every matrix of a model and compares with the oracle; bound relative to |W| |x|. */
static void check_backend(const struct lw_model *model, const struct lw_backend *backend,
                          double bound)
{
    uint64_t seed = 4;
    struct lw_error error = {0};
    float x[COLUMNS * 64], y[COLUMNS * 64];
    double wide[64], want[64];
    for (size_t i = 0; i < COLUMNS * 64; i++)
        x[i] = test_normal(&seed);
    for (unsigned i = 0; i < model->matrix_count; i++) {
        const struct lw_matrix *matrix = &model->matrices[i];
        for (size_t columns = 1; columns <= COLUMNS; columns++) {
            struct lw_product product = {i, y};
            cr_assert_eq(backend->multiply(backend->self, &product, 1, columns, x, &error), LW_OK,
                         "%s", error.text);
            for (size_t n = 0; n < columns; n++) {
                for (size_t k = 0; k < matrix->columns; k++)
                    wide[k] = (double)x[n * matrix->columns + k];
                oracle_product(matrix, wide, want);
                for (size_t m = 0; m < matrix->rows; m++)
                    cr_assert_float_eq((double)y[n * matrix->rows + m], want[m], bound,
                                       "%s [%zu][%zu]: %g, %g", matrix->name, n, m,
                                       (double)y[n * matrix->rows + m], want[m]);
            }
        }
    }
}

Test(backends, fp32_on_dense_and_coded_matrices)
{
    struct lw_config config = oracle_config();
    struct lw_model dense, coded;
    test_random_model(&config, 3, &dense);
    quantize(&dense, 3, LW_ARITH_T8, &coded);
    const struct lw_model *models[] = {&dense, &coded};
    for (size_t i = 0; i < 2; i++) {
        struct lw_backend backend;
        struct lw_error error = {0};
        cr_assert_eq(lw_backend_f32(models[i], &backend, &error), LW_OK, "%s", error.text);
        cr_assert_str_eq(backend.name, "f32");
        check_backend(models[i], &backend, 1e-4);
        lw_backend_close(&backend);
        cr_assert_eq(lw_backend_blas(models[i], &backend, &error), LW_OK, "%s", error.text);
        cr_assert_str_eq(backend.name, "blas");
        check_backend(models[i], &backend, 1e-4);
        lw_backend_close(&backend);
        cr_assert_null(backend.self);
    }
    lw_model_free(&coded);
    lw_model_free(&dense);
}

/* The activations lose at most half a step of 1/127 of their largest; with 40 columns of weights of
 * size 1 that stays below 5, and a plane or bit mixed up gives more. */
Test(backends, integer_classes_are_near_fp32)
{
    struct lw_config config = oracle_config();
    struct lw_model dense, coded;
    test_random_model(&config, 3, &dense);
    for (unsigned bits = 1; bits <= 8; bits++)
        for (int arith = LW_ARITH_A8; arith <= LW_ARITH_T8; arith++) {
            struct lw_backend backend;
            quantize(&dense, bits, (enum lw_arith)arith, &coded);
            cr_assert_eq(lw_backend_reference(&coded, &backend, NULL), LW_OK);
            check_backend(&coded, &backend, 0.5);
            lw_backend_close(&backend);
            lw_model_free(&coded);
        }
    lw_model_free(&dense);
}

/* One matrix of one row, K = 5, two planes: + + - + - and + - + + + with scales 3 and 5, e = -2. */
struct tiny {
    struct lw_model model;
    struct lw_matrix matrix;
    uint8_t planes[2];
    int16_t scales[2];
    float bias[1];
};

static void make_tiny(struct tiny *t)
{
    *t = (struct tiny){.planes = {0x0b, 0x1d}, .scales = {3, 5}, .bias = {0.25f}};
    t->matrix = (struct lw_matrix){.name = "tiny",
                                   .rows = 1,
                                   .columns = 5,
                                   .code_count = 1,
                                   .codes = {{.rows = 1,
                                              .bits = 2,
                                              .group = 5,
                                              .groups = 1,
                                              .plane_bytes = 1,
                                              .planes = t->planes,
                                              .scales = t->scales,
                                              .exponent = -2}},
                                   .bias = t->bias};
    t->model = (struct lw_model){.matrix_count = 1, .matrices = &t->matrix};
}

static enum lw_status run_tiny(struct tiny *t, enum lw_arith arith, const float *x, float *y,
                               struct lw_error *error)
{
    struct lw_backend backend;
    struct lw_product product = {0, y};
    t->matrix.arith = arith;
    cr_assert_eq(lw_backend_reference(&t->model, &backend, error), LW_OK);
    enum lw_status status = backend.multiply(backend.self, &product, 1, 1, x, error);
    lw_backend_close(&backend);
    return status;
}

Test(backends, a8_by_hand)
{
    struct tiny t;
    float y;
    make_tiny(&t);
    /* largest 127: q = 127 -64 2 (1.5 goes to even) 0 (0.5 too) 10 */
    const float x[5] = {127.0f, -64.0f, 1.5f, 0.5f, 10.0f};
    cr_assert_eq(run_tiny(&t, LW_ARITH_A8, x, &y, NULL), LW_OK);
    float r = 3 * (127 - 64 - 2 + 0 - 10) + 5 * (127 + 64 + 2 + 0 + 10);
    cr_assert_eq(y, r * 0.25f + 0.25f);
}

Test(backends, t8_by_hand)
{
    struct tiny t;
    float y;
    make_tiny(&t);
    /* the largest signed sum is 100 + 20 + 6 + 1 = 127, so a step is 1 */
    const float x[5] = {100.0f, 20.0f, 6.0f, 1.0f, 2.5f};
    cr_assert_eq(run_tiny(&t, LW_ARITH_T8, x, &y, NULL), LW_OK);
    float r = 3 * ((100 + 20 - 6 + 1) - 2) + 5 * ((100 - 20 + 6 + 1) + 2); /* 2.5 goes to even */
    cr_assert_eq(y, r * 0.25f + 0.25f);
}

Test(backends, integer_classes_on_zeros_and_tiny_inputs)
{
    struct tiny t;
    make_tiny(&t);
    const float inputs[][5] = {{0, 0, 0, 0, 0}, {1e-40f, -1e-40f, 0, 0, 0}};
    for (size_t i = 0; i < 2; i++)
        for (unsigned arith = LW_ARITH_A8; arith <= LW_ARITH_T8; arith++) {
            float y;
            cr_assert_eq(run_tiny(&t, (enum lw_arith)arith, inputs[i], &y, NULL), LW_OK);
            cr_assert_eq(y, 0.25f);
        }
}

Test(backends, integer_classes_refuse_what_is_not_finite)
{
    struct tiny t;
    make_tiny(&t);
    const float inputs[][5] = {{0, NAN, 0, 0, 0}, {1, 2, INFINITY, 0, 0}, {3e38f, 3e38f, 0, 0, 0}};
    for (size_t i = 0; i < 3; i++)
        for (unsigned arith = LW_ARITH_A8; arith <= LW_ARITH_T8; arith++) {
            float y;
            struct lw_error error = {0};
            bool overflows_sums_only = i == 2 && arith == LW_ARITH_A8;
            cr_assert_eq(run_tiny(&t, (enum lw_arith)arith, inputs[i], &y, &error),
                         overflows_sums_only ? LW_OK : LW_FAILED);
            cr_assert(overflows_sums_only || strstr(error.text, "tiny"), "%s", error.text);
        }
}

Test(backends, integer_classes_need_codes)
{
    struct lw_config config = oracle_config();
    struct lw_model dense;
    struct lw_backend backend;
    struct lw_error error = {0};
    float x[K] = {0}, y[40];
    struct lw_product product = {1, y};
    test_random_model(&config, 3, &dense);
    cr_assert_eq(lw_backend_reference(&dense, &backend, &error), LW_OK);
    cr_assert_eq(backend.multiply(backend.self, &product, 1, 1, x, &error), LW_OK, "class f32");
    dense.matrices[1].arith = LW_ARITH_T8;
    cr_assert_eq(backend.multiply(backend.self, &product, 1, 1, x, &error), LW_USAGE);
    cr_assert_not_null(strstr(error.text, dense.matrices[1].name), "%s", error.text);
    lw_backend_close(&backend);
    lw_model_free(&dense);
}
