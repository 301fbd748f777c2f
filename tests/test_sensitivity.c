/* Sensitivities on small models: what is measured, and that every point is kept once. */
#include "models/marian.h"
#include "models/quantize.h"
#include "profiles/database_sensitivity.h"
#include "profiles/gram.h"
#include "runtime/calibrate.h"
#include "tests/folder.h"
#include "tests/random_model.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char source[] = "the a in is and\nthe to be\n\nof you\n";
static const char reference[] = "die der Sie und\nist zu\n\nnicht werden\n";

struct fixture {
    struct folder *folder;
    struct lw_model model;
    struct lw_trial trial;
    struct lw_sensitivity *sensitivity;
};

static char *path_in(const struct fixture *f, const char *name)
{
    static char path[2][128];
    static int turn;
    turn = !turn;
    snprintf(path[turn], sizeof path[turn], "%s/%s", f->folder->path, name);
    return path[turn];
}

static struct lw_sensitivity_setup setup_of(const struct fixture *f, size_t threads)
{
    return (struct lw_sensitivity_setup){&f->model, &f->trial, true, threads};
}

static void open_model(struct fixture *f, const struct folder_spec *spec)
{
    struct lw_error error = {0};
    f->folder = folder_new(spec);
    folder_write(f->folder);
    folder_write_bytes(f->folder->path, "source", source, sizeof source - 1);
    folder_write_bytes(f->folder->path, "reference", reference, sizeof reference - 1);
    cr_assert_eq(lw_marian_import(f->folder->path, &f->model, &error), LW_OK, "%s", error.text);
    cr_assert_eq(lw_trial_read(&f->model, path_in(f, "source"), path_in(f, "reference"), 100,
                               &f->trial, &error),
                 LW_OK, "%s", error.text);
}

static void open_sensitivity(struct fixture *f, size_t threads)
{
    struct lw_error error = {0};
    struct lw_sensitivity_setup setup = setup_of(f, threads);
    cr_assert_eq(lw_sensitivity_open(&setup, &f->sensitivity, &error), LW_OK, "%s", error.text);
}

static void close_fixture(struct fixture *f)
{
    lw_sensitivity_close(f->sensitivity);
    lw_trial_free(&f->trial);
    lw_model_free(&f->model);
    folder_free(f->folder);
}

static struct lw_sensitivity_point point_at(const char *target, unsigned bits)
{
    struct lw_sensitivity_point point = {.choice = {.bits = bits, .fit = LW_FIT_ALTERNATING}};
    snprintf(point.target.name, sizeof point.target.name, "%s", target);
    snprintf(point.target.kind, sizeof point.target.kind, "%s", target);
    return point;
}

static struct lw_sensitivity_figures measure(struct fixture *f, const char *target, unsigned bits)
{
    struct lw_sensitivity_point point = point_at(target, bits);
    struct lw_sensitivity_figures figures;
    struct lw_error error = {0};
    cr_assert_eq(lw_sensitivity_measure(f->sensitivity, &point, &figures, &error), LW_OK, "%s: %s",
                 target, error.text);
    return figures;
}

static void expect_targets(const struct lw_model *model, enum lw_targets which,
                           const char *expected)
{
    struct lw_target *targets;
    size_t count;
    char names[1024] = "";
    cr_assert_eq(lw_sensitivity_targets(model, which, &targets, &count, NULL), LW_OK);
    for (size_t i = 0; i < count; i++) {
        strcat(strcat(names, i ? " " : ""), targets[i].name);
        cr_expect(lw_match(targets[i].kind, targets[i].name), "%s is no %s", targets[i].name,
                  targets[i].kind);
    }
    cr_expect_str_eq(names, expected);
    free(targets);
}

#define LAYER_KINDS "encoder.self encoder.ffn decoder.self decoder.cross decoder.ffn"

Test(sensitivity, targets_are_kinds_and_matrices_each_once)
{
    struct lw_config config = test_small_config();
    struct lw_model model;
    test_random_model(&config, 1, &model);
    expect_targets(&model, LW_TARGETS_KINDS, "embedding " LAYER_KINDS);
    expect_targets(
        &model, LW_TARGETS_BOTH,
        "embedding " LAYER_KINDS
        " encoder.0.self.q encoder.0.self.k encoder.0.self.v encoder.0.self.o encoder.0.ffn.fc1 "
        "encoder.0.ffn.fc2 decoder.0.self.q decoder.0.self.k decoder.0.self.v decoder.0.self.o "
        "decoder.0.cross.q decoder.0.cross.k decoder.0.cross.v decoder.0.cross.o "
        "decoder.0.ffn.fc1 decoder.0.ffn.fc2");
    lw_model_free(&model);
    config.shared_embedding = config.tied_output = false;
    test_random_model(&config, 1, &model);
    expect_targets(&model, LW_TARGETS_KINDS,
                   "embedding.source embedding.target " LAYER_KINDS " output");
    lw_model_free(&model);
}

Test(sensitivity, gram_form_is_the_mean_square_of_products)
{
    enum { M = 5, K = 13, N = 9 };
    float a[M * K], b[M * K], x[N * K], gram[K * K];
    double scratch[2 * K], want = 0, want_a = 0;
    uint64_t seed = 3;
    for (size_t i = 0; i < M * K; i++) {
        a[i] = test_normal(&seed);
        b[i] = test_normal(&seed);
    }
    for (size_t i = 0; i < N * K; i++)
        x[i] = test_normal(&seed);
    for (size_t i = 0; i < K; i++)
        for (size_t j = 0; j < K; j++) {
            double sum = 0;
            for (size_t n = 0; n < N; n++)
                sum += (double)x[n * K + i] * (double)x[n * K + j];
            gram[i * K + j] = (float)(sum / (double)N);
        }
    for (size_t n = 0; n < N; n++)
        for (size_t m = 0; m < M; m++) {
            double y = 0, y_a = 0;
            for (size_t k = 0; k < K; k++) {
                y += ((double)a[m * K + k] - (double)b[m * K + k]) * (double)x[n * K + k];
                y_a += (double)a[m * K + k] * (double)x[n * K + k];
            }
            want += y * y / (double)N;
            want_a += y_a * y_a / (double)N;
        }
    cr_expect_float_eq(lw_gram_trace(gram, a, b, M, K, scratch), want, 1e-5 * want);
    cr_expect_float_eq(lw_gram_trace(gram, a, NULL, M, K, scratch), want_a, 1e-5 * want_a);
    cr_expect_eq(lw_gram_trace(gram, a, a, M, K, scratch), 0);
}

/* Sums |(W - W^) x|^2 and |W x|^2 of one matrix, from the inputs themselves. */
struct direct {
    const struct lw_model *model, *coded;
    unsigned matrix;
    double error, square;
};

static void see(void *context, const struct lw_product *products, size_t count, size_t columns,
                const float *x)
{
    struct direct *d = context;
    const struct lw_matrix *w = &d->model->matrices[d->matrix];
    float decoded[64];
    for (size_t p = 0; p < count; p++) {
        for (size_t r = 0; r < w->rows && products[p].matrix == d->matrix; r++) {
            lw_matrix_row(&d->coded->matrices[d->matrix], r, decoded);
            for (size_t n = 0; n < columns; n++) {
                double error = 0, square = 0;
                for (size_t k = 0; k < w->columns; k++) {
                    double input = (double)x[n * w->columns + k];
                    double weight = (double)w->dense[r * w->columns + k];
                    square += weight * input;
                    error += (weight - (double)decoded[k]) * input;
                }
                d->error += error * error;
                d->square += square * square;
            }
        }
    }
}

static double direct_error(const struct fixture *f, const struct lw_model *coded, unsigned matrix)
{
    struct direct direct = {&f->model, coded, matrix, 0, 0};
    struct lw_backend inner, tapped;
    struct lw_tap tap = {&inner, see, &direct};
    struct lw_calibration calibration;
    cr_assert_eq(lw_backend_f32(&f->model, &inner, NULL), LW_OK);
    lw_backend_tap(&tap, &tapped);
    cr_assert_eq(lw_calibrate(&f->model, &tapped, &f->trial.pairs, NULL, NULL, &calibration, NULL),
                 LW_OK);
    lw_calibration_free(&calibration);
    lw_backend_close(&inner);
    return direct.error / direct.square;
}

Test(sensitivity, errors_are_the_direct_ones)
{
    struct fixture f = {0};
    struct lw_model coded;
    struct lw_quantize_report report;
    open_model(&f, NULL);
    open_sensitivity(&f, 1);
    cr_assert_eq(
        lw_quantize_alike(&f.model, 2, LW_FIT_ALTERNATING, LW_ARITH_F32, 1, &coded, &report, NULL),
        LW_OK);
    double mean = 0;
    for (unsigned i = 0; i < f.model.matrix_count; i++) {
        const char *name = f.model.matrices[i].name;
        double want = direct_error(&f, &coded, i);
        cr_expect_float_eq(measure(&f, name, 2).output_error, want, 1e-4 * want, "%s", name);
        if (lw_match("decoder.cross", name))
            mean += want / 4;
    }
    struct lw_sensitivity_figures cross = measure(&f, "decoder.cross", 2), all;
    cr_expect_float_eq(cross.output_error, mean, 1e-4 * mean);
    cr_expect_eq(cross.matrices, 4);
    cr_expect_eq(cross.weights, 4 * 8 * 8);
    cr_expect_eq(cross.code_bytes, 4 * 8 * 2 * (1 + 2));
    all = measure(&f, "*", 2);
    cr_expect_float_eq(all.weight_error, report.relative_mse, 1e-12);
    lw_model_free(&coded);
    close_fixture(&f);
}

/* A point is what the quantised model would be: all targets at once are a model of that class. */
Test(sensitivity, trials_are_those_of_the_quantised_model)
{
    struct fixture f = {0};
    struct lw_model coded;
    struct lw_quantize_report report;
    struct lw_backend backend;
    struct lw_trial_result want;
    struct lw_error error = {0};
    open_model(&f, NULL);
    open_sensitivity(&f, 2);
    cr_expect_eq(f.trial.pairs.count, 3);
    cr_expect_eq(f.trial.pairs.skipped, 1);
    cr_expect_str_eq(f.trial.references[2], "nicht werden"); /* behind the blank line */
    cr_assert_eq(
        lw_quantize_alike(&f.model, 1, LW_FIT_ALTERNATING, LW_ARITH_F32, 1, &coded, &report, NULL),
        LW_OK);
    bool blas = strcmp(lw_sensitivity_products(f.sensitivity), "blas") == 0;
    cr_assert_eq((blas ? lw_backend_blas : lw_backend_f32)(&coded, &backend, NULL), LW_OK);
    cr_assert_eq(lw_trial_run(&f.trial, &coded, &backend, true, 1, &want, &error), LW_OK, "%s",
                 error.text);
    struct lw_sensitivity_figures figures = measure(&f, "*", 1);
    cr_expect_eq(figures.coded.nats_a_word, want.nats_a_word);
    cr_expect_eq(figures.coded.bleu, want.bleu);
    cr_expect_neq(figures.coded.nats_a_word, figures.fp32.nats_a_word);
    cr_expect_eq(figures.fp32.nats_a_word, lw_sensitivity_fp32(f.sensitivity)->nats_a_word);
    /* Nothing stays of a point: the next one has the others' weights back. */
    struct lw_sensitivity_figures first = measure(&f, "encoder.self", 1);
    measure(&f, "decoder", 3);
    struct lw_sensitivity_figures again = measure(&f, "encoder.self", 1);
    cr_expect_eq(first.coded.nats_a_word, again.coded.nats_a_word);
    lw_backend_close(&backend);
    lw_model_free(&coded);
    close_fixture(&f);
}

Test(sensitivity, threads_change_nothing)
{
    struct fixture f = {0};
    struct lw_sensitivity_figures figures[2];
    open_model(&f, NULL);
    for (size_t i = 0; i < 2; i++) {
        open_sensitivity(&f, i ? 3 : 1);
        figures[i] = measure(&f, "embedding", 2);
        figures[i].seconds = 0;
        lw_sensitivity_close(f.sensitivity);
        f.sensitivity = NULL;
    }
    cr_expect_eq(memcmp(&figures[0], &figures[1], sizeof *figures), 0);
    close_fixture(&f);
}

/* A source embedding is looked up, never multiplied; one of the layers that nobody has is no
 * target. */
Test(sensitivity, what_has_no_inputs_has_no_output_error)
{
    struct fixture f = {0};
    struct folder_spec spec = folder_defaults();
    spec.config.shared_embedding = spec.config.tied_output = false;
    open_model(&f, &spec);
    open_sensitivity(&f, 1);
    cr_expect(isnan(measure(&f, "embedding.source", 2).output_error));
    cr_expect_gt(measure(&f, "output", 2).output_error, 0);
    struct lw_sensitivity_point point = point_at("encoder.7", 2);
    struct lw_sensitivity_figures figures;
    struct lw_error error = {0};
    cr_expect_eq(lw_sensitivity_measure(f.sensitivity, &point, &figures, &error), LW_USAGE);
    cr_expect_not_null(strstr(error.text, "encoder.7"), "%s", error.text);
    close_fixture(&f);
}

/* Large weights behind inputs of 0 do nothing in fp32 and overflow once one bit spreads them. */
Test(sensitivity, points_fail_alone)
{
    struct fixture f = {0};
    open_model(&f, NULL);
    struct lw_matrix *fc1 = &f.model.matrices[f.model.encoder[0].fc1];
    float *weights = (float *)(uintptr_t)fc1->dense;
    const struct lw_norm *norm = &f.model.encoder[0].self.norm;
    for (size_t c = 0; c < 4; c++) {
        ((float *)(uintptr_t)norm->gain)[c] = ((float *)(uintptr_t)norm->bias)[c] = 0;
        for (size_t r = 0; r < fc1->rows; r++)
            weights[r * fc1->columns + c] = 3e38f;
    }
    open_sensitivity(&f, 1);
    struct lw_sensitivity_point point = point_at("encoder.ffn", 1);
    struct lw_sensitivity_figures figures;
    struct lw_error error = {0};
    cr_expect_eq(lw_sensitivity_measure(f.sensitivity, &point, &figures, &error), LW_FAILED);
    cr_expect_not_null(strstr(error.text, "not finite"), "%s", error.text);
    cr_expect_geq(figures.seconds, 0);
    measure(&f, "decoder.ffn", 1);
    close_fixture(&f);
}
