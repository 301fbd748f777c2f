/* Fits in sequence: walks against moments of forced sentences, shifts against their equations, and
 * what a fit in sequence gains. */
#include "models/shift.h"
#include "runtime/calibrate.h"
#include "runtime/sequence.h"
#include "runtime/vector.h"
#include "runtime/walk.h"
#include "tests/oracle.h"
#include "tests/random_model.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PAIRS = 40, LONG = 17, MOST = 64 };

struct fixture {
    struct lw_model model;
    struct lw_backend backend;
    struct lw_pair list[PAIRS];
    struct lw_pairs pairs;
    int32_t ids[2 * PAIRS * LONG];
    struct lw_calibration calibration;
    struct lw_choice choices[MOST];
};

static void open_fixture(struct fixture *f, bool tied, enum lw_weighting weighting)
{
    uint64_t seed = 21;
    struct lw_config config = oracle_config();
    struct lw_error error = {0};
    config.shared_embedding = config.tied_output = tied;
    test_random_model(&config, 11, &f->model);
    cr_assert_eq(lw_backend_f32(&f->model, &f->backend, NULL), LW_OK);
    for (size_t i = 0; i < 2 * PAIRS * LONG; i++)
        f->ids[i] = (int32_t)(test_uniform(&seed) * 37);
    for (size_t i = 0; i < PAIRS; i++)
        f->list[i] = (struct lw_pair){f->ids + 2 * i * LONG, f->ids + (2 * i + 1) * LONG,
                                      3 + i % 12, LONG - i % 5, i};
    f->pairs = (struct lw_pairs){.count = PAIRS, .pairs = f->list};
    cr_assert_eq(
        lw_calibrate(&f->model, &f->backend, &f->pairs, NULL, NULL, &f->calibration, &error), LW_OK,
        "%s", error.text);
    for (size_t i = 0; i < f->model.matrix_count; i++)
        f->choices[i] = (struct lw_choice){
            .bits = 2, .fit = LW_FIT_ALTERNATING, .weighting = weighting, .arith = LW_ARITH_F32};
}

static void close_fixture(struct fixture *f)
{
    lw_calibration_free(&f->calibration);
    lw_backend_close(&f->backend);
    lw_model_free(&f->model);
}

/* The sites of a walk, each with the mean of x x^T as calibration has it. */
static void check_walk(bool tied, size_t threads)
{
    struct fixture f;
    struct lw_walk *walk;
    struct lw_walk_site site;
    bool there = true, seen[MOST] = {false};
    open_fixture(&f, tied, LW_WEIGHTING_NONE);
    cr_assert_eq(lw_walk_open(&f.model, &f.pairs, threads, &walk, NULL), LW_OK);
    while (lw_walk_next(walk, &there, &site, NULL) == LW_OK && there)
        for (size_t m = 0; m < site.count; m++) {
            const struct lw_moments *moments = &f.calibration.moments[site.matrices[m]];
            size_t k = site.columns;
            seen[site.matrices[m]] = true;
            cr_assert_eq(moments->count, site.inputs);
            cr_assert_eq(moments->columns, k);
            for (size_t i = 0; i < k * k; i++) {
                double sum = 0;
                for (size_t n = 0; n < site.inputs; n++)
                    sum += (double)site.x[n * k + i / k] * (double)site.x[n * k + i % k];
                cr_assert_float_eq((double)moments->gram[i], sum / (double)site.inputs,
                                   1e-6 * fabs(sum) + 1e-6);
            }
        }
    cr_assert(!there);
    for (size_t i = 0; i < f.model.matrix_count; i++)
        cr_assert_eq(seen[i], f.calibration.moments[i].count > 0, "%s", f.model.matrices[i].name);
    lw_walk_close(walk);
    close_fixture(&f);
}

Test(sequence, a_walk_reads_what_forced_sentences_read)
{
    check_walk(true, 1);
    check_walk(false, 3);
}

Test(sequence, a_walk_refuses_words_that_the_model_has_not)
{
    struct fixture f;
    struct lw_walk *walk;
    struct lw_error error = {0};
    open_fixture(&f, true, LW_WEIGHTING_NONE);
    f.ids[0] = 37;
    cr_assert_eq(lw_walk_open(&f.model, &f.pairs, 1, &walk, &error), LW_USAGE);
    cr_assert(strstr(error.text, "37"), "%s", error.text);
    close_fixture(&f);
}

Test(sequence, cross_sums_are_those_of_their_definition)
{
    enum { N = 7, K = 23, L = 41 };
    static const char *const isas[] = {"baseline", "avx2", "avx512"};
    uint64_t seed = 5;
    float x[N * K], y[N * L];
    for (size_t i = 0; i < N * K; i++)
        x[i] = test_normal(&seed);
    for (size_t i = 0; i < N * L; i++)
        y[i] = test_normal(&seed);
    for (size_t isa = 0; isa < 3; isa++) {
        const struct lw_vector *vector = lw_vector_named(isas[isa]);
        double sums[K * L] = {0}, expected;
        if (!vector)
            continue;
        vector->cross(x, y, 3, K, L, sums);
        vector->cross(x + 3 * K, y + 3 * L, N - 3, K, L, sums);
        for (size_t i = 0; i < K * L; i++) {
            expected = 0;
            for (size_t n = 0; n < N; n++)
                expected += (double)x[n * K + i / L] * (double)y[n * L + i % L];
            cr_assert_eq(sums[i], expected);
        }
    }
}

/* Random x', x and c, their sums, and weights. */
struct shift_case {
    size_t width;
    double gram[8 * 8], differences[8 * 11];
    float weights[3 * 8];
    double x[50][8], coded[50][8], carried[50][3];
};

static void make_shift_case(struct shift_case *s, bool carries, double noise)
{
    uint64_t seed = 9;
    *s = (struct shift_case){.width = carries ? 11 : 8};
    for (size_t i = 0; i < 3 * 8; i++)
        s->weights[i] = test_normal(&seed);
    for (size_t n = 0; n < 50; n++) {
        for (size_t i = 0; i < 8; i++) {
            s->x[n][i] = (double)test_normal(&seed);
            s->coded[n][i] = s->x[n][i] + noise * (double)test_normal(&seed);
        }
        for (size_t i = 0; i < 3; i++)
            s->carried[n][i] = carries ? noise * (double)test_normal(&seed) : 0;
        for (size_t i = 0; i < 8; i++) {
            for (size_t j = 0; j < 8; j++) {
                s->gram[i * 8 + j] += s->coded[n][i] * s->coded[n][j] / 50;
                s->differences[i * s->width + j] +=
                    s->coded[n][i] * (s->x[n][j] - s->coded[n][j]) / 50;
            }
            for (size_t j = 0; j < s->width - 8; j++)
                s->differences[i * s->width + 8 + j] += s->coded[n][i] * s->carried[n][j] / 50;
        }
    }
}

/* Mean over the inputs of (W x + c - W' x')^2, and what damping adds, for one row. */
static double shift_error(const struct shift_case *s, size_t row, const float *shifted,
                          double damping)
{
    double error = 0, mean = 0;
    const float *w = s->weights + row * 8;
    for (size_t n = 0; n < 50; n++) {
        double left = s->carried[n][row];
        for (size_t i = 0; i < 8; i++)
            left += (double)w[i] * s->x[n][i] - (double)shifted[i] * s->coded[n][i];
        error += left * left / 50;
    }
    for (size_t i = 0; i < 8; i++)
        mean += s->gram[i * 9] / 8;
    for (size_t i = 0; i < 8; i++)
        error += damping * mean * pow((double)shifted[i] - (double)w[i], 2);
    return error;
}

Test(sequence, no_weights_are_better_than_shifted_ones)
{
    for (int carries = 0; carries < 2; carries++) {
        struct shift_case s;
        struct lw_shift shift;
        float shifted[8];
        double room[8];
        make_shift_case(&s, carries, 0.3);
        cr_assert_eq(lw_shift_make(s.gram, s.differences, 8, s.width, 0.05, &shift, NULL), LW_OK);
        for (size_t row = 0; row < 3; row++) {
            lw_shift_row(&shift, row, s.weights + row * 8, shifted, room);
            double best = shift_error(&s, row, shifted, 0.05);
            cr_assert_lt(best, shift_error(&s, row, s.weights + row * 8, 0.05));
            for (size_t i = 0; i < 8; i++)
                for (int sign = -1; sign <= 1; sign += 2) {
                    float other[8];
                    memcpy(other, shifted, sizeof other);
                    other[i] += 0.01f * (float)sign;
                    cr_assert_gt(shift_error(&s, row, other, 0.05), best);
                }
        }
        lw_shift_free(&shift);
    }
}

Test(sequence, weights_stay_where_inputs_do)
{
    struct shift_case s;
    struct lw_shift shift;
    float shifted[8];
    double room[8];
    make_shift_case(&s, true, 0);
    cr_assert_eq(lw_shift_make(s.gram, s.differences, 8, s.width, 0.05, &shift, NULL), LW_OK);
    lw_shift_row(&shift, 1, s.weights + 8, shifted, room);
    cr_assert_arr_eq(shifted, s.weights + 8, sizeof shifted);
    lw_shift_free(&shift);
    s.gram[0] = NAN;
    cr_assert_eq(lw_shift_make(s.gram, s.differences, 8, s.width, 0.05, &shift, NULL), LW_CORRUPT);
    s.gram[0] = -100;
    cr_assert_eq(lw_shift_make(s.gram, s.differences, 8, s.width, 0.05, &shift, NULL), LW_CORRUPT);
}

static struct lw_model quantize(const struct fixture *f, size_t threads)
{
    struct lw_model model;
    struct lw_quantize_report report;
    struct lw_error error = {0};
    const struct lw_quantize request = {
        .choices = f->choices, .moments = f->calibration.moments, .threads = threads};
    enum lw_status status =
        lw_quantize_needs_sequence(f->choices, f->model.matrix_count)
            ? lw_quantize_in_sequence(&f->model, &request, &f->pairs, &model, &report, &error)
            : lw_quantize_model(&f->model, &request, &model, &report, &error);
    cr_assert_eq(status, LW_OK, "%s", error.text);
    cr_assert_gt(report.relative_mse, 0);
    return model;
}

static bool same_codes(const struct lw_matrix *a, const struct lw_matrix *b)
{
    const struct lw_code *x = a->codes, *y = b->codes;
    return x->exponent == y->exponent &&
           memcmp(x->scales, y->scales, lw_code_scale_bytes(x)) == 0 &&
           memcmp(x->planes, y->planes, lw_code_plane_bytes(x)) == 0;
}

/* Mean over the words of the squared difference of what the output product reads. */
static double output_error(const struct fixture *f, const struct lw_model *coded)
{
    struct lw_model dense = *coded;
    struct lw_walk *walks[2];
    struct lw_walk_site sites[2];
    bool there = true;
    double error = 0;
    dense.matrices = calloc(coded->matrix_count, sizeof *dense.matrices);
    for (size_t i = 0; i < coded->matrix_count; i++) {
        const struct lw_matrix *m = &coded->matrices[i];
        float *rows = calloc(m->rows * m->columns, sizeof *rows);
        for (size_t r = 0; r < m->rows; r++)
            lw_matrix_row(m, r, rows + r * m->columns);
        dense.matrices[i] = *m;
        dense.matrices[i].dense = rows;
    }
    cr_assert_eq(lw_walk_open(&f->model, &f->pairs, 1, &walks[0], NULL), LW_OK);
    cr_assert_eq(lw_walk_open(&dense, &f->pairs, 1, &walks[1], NULL), LW_OK);
    while (there)
        for (int w = 0; w < 2; w++) {
            struct lw_walk_site next;
            cr_assert_eq(lw_walk_next(walks[w], &there, &next, NULL), LW_OK);
            sites[w] = there ? next : sites[w];
        }
    for (size_t i = 0; i < sites[0].inputs * sites[0].columns; i++)
        error += pow((double)sites[0].x[i] - (double)sites[1].x[i], 2);
    for (int w = 0; w < 2; w++)
        lw_walk_close(walks[w]);
    for (size_t i = 0; i < coded->matrix_count; i++)
        free((float *)(uintptr_t)dense.matrices[i].dense);
    free(dense.matrices);
    return error / (double)sites[0].inputs;
}

Test(sequence, lowers_the_error_of_the_whole_model)
{
    struct fixture f;
    open_fixture(&f, true, LW_WEIGHTING_GRAM);
    struct lw_model by_gram = quantize(&f, 1);
    for (size_t i = 0; i < f.model.matrix_count; i++)
        f.choices[i].weighting = LW_WEIGHTING_SEQUENCE;
    struct lw_model in_sequence = quantize(&f, 1), threaded = quantize(&f, 3);
    cr_assert_lt(output_error(&f, &in_sequence), 0.95 * output_error(&f, &by_gram));
    cr_assert(same_codes(&by_gram.matrices[f.model.source_embedding],
                         &in_sequence.matrices[f.model.source_embedding]));
    for (size_t i = 0; i < f.model.matrix_count; i++)
        cr_assert(same_codes(&in_sequence.matrices[i], &threaded.matrices[i]));
    lw_model_free(&by_gram);
    lw_model_free(&in_sequence);
    lw_model_free(&threaded);
    close_fixture(&f);
}

Test(sequence, leaves_what_is_weighted_otherwise_alone)
{
    struct fixture f;
    open_fixture(&f, false, LW_WEIGHTING_ACTIVATIONS);
    size_t last = f.model.decoder[0].fc2;
    struct lw_model plain = quantize(&f, 1);
    f.choices[last].weighting = LW_WEIGHTING_SEQUENCE;
    struct lw_model one = quantize(&f, 1);
    for (size_t i = 0; i < f.model.matrix_count; i++)
        cr_assert_eq(same_codes(&plain.matrices[i], &one.matrices[i]), i != last, "%s",
                     f.model.matrices[i].name);
    lw_model_free(&plain);
    lw_model_free(&one);
    close_fixture(&f);
}

Test(sequence, needs_a_text)
{
    struct fixture f;
    struct lw_model model;
    struct lw_quantize_report report;
    struct lw_error error = {0};
    open_fixture(&f, true, LW_WEIGHTING_SEQUENCE);
    const struct lw_quantize request = {
        .choices = f.choices, .moments = f.calibration.moments, .threads = 1};
    cr_assert_eq(lw_quantize_model(&f.model, &request, &model, &report, &error), LW_USAGE);
    cr_assert(strstr(error.text, "text"), "%s", error.text);
    close_fixture(&f);
}
