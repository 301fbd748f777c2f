/* Quantisation of whole models: stored scales, threads, and what is refused. */
#include "models/quantize.h"
#include "tests/random_model.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void quantize(const struct lw_model *source, unsigned bits, enum lw_fit fit, size_t threads,
                     struct lw_model *model, struct lw_quantize_report *report)
{
    struct lw_error error = {0};
    cr_assert_eq(lw_quantize_alike(source, bits, fit, LW_ARITH_T8, threads, model, report, &error),
                 LW_OK, "%s", error.text);
}

static struct lw_model random_model(uint64_t seed)
{
    struct lw_config config = test_small_config();
    int32_t bad_words[] = {8, 3};
    config.bad_words = bad_words;
    config.bad_word_count = 2;
    struct lw_model model;
    test_random_model(&config, seed, &model);
    return model;
}

Test(quantize, report_is_the_error_of_the_decoded_rows)
{
    struct lw_model source = random_model(1), model;
    for (unsigned bits = 1; bits <= LW_MAX_BITS; bits++) {
        struct lw_quantize_report report;
        quantize(&source, bits, LW_FIT_ALTERNATING, 1, &model, &report);
        double error = 0, square = 0;
        float row[64];
        for (size_t i = 0; i < model.matrix_count; i++)
            for (size_t r = 0; r < model.matrices[i].rows; r++) {
                lw_matrix_row(&model.matrices[i], r, row);
                for (size_t c = 0; c < model.matrices[i].columns; c++) {
                    double w = (double)source.matrices[i].dense[r * source.matrices[i].columns + c];
                    error += (w - (double)row[c]) * (w - (double)row[c]);
                    square += w * w;
                }
            }
        cr_assert_float_eq(report.relative_mse, error / square, 1e-12);
        lw_model_free(&model);
    }
    lw_model_free(&source);
}

/* The definition of docs/NUMBERS.md, plane by plane, against lw_matrix_row and lw_fit_row. */
Test(quantize, stores_the_fit_with_rounded_scales)
{
    struct lw_model source = random_model(2), model;
    struct lw_quantize_report report;
    quantize(&source, 3, LW_FIT_GREEDY, 1, &model, &report);
    for (size_t i = 0; i < model.matrix_count; i++) {
        const struct lw_matrix *m = &model.matrices[i];
        int32_t largest = 0;
        float row[64], scales[3];
        uint8_t levels[64];
        double scratch[256];
        cr_assert_leq(lw_fit_scratch_bytes(m->columns), sizeof scratch);
        for (size_t r = 0; r < m->rows; r++) {
            lw_matrix_row(m, r, row);
            lw_fit_row(LW_FIT_GREEDY, source.matrices[i].dense + r * m->columns, NULL, m->columns,
                       3, scales, levels, scratch);
            for (unsigned b = 0; b < 3; b++) {
                int32_t mantissa = m->codes[0].scales[r * 3 + b];
                largest = abs(mantissa) > largest ? abs(mantissa) : largest;
                cr_assert_leq(fabs(ldexp(mantissa, m->codes[0].exponent) - (double)scales[b]),
                              ldexp(0.5, m->codes[0].exponent));
            }
            for (size_t c = 0; c < m->columns; c++) {
                double sum = 0;
                for (unsigned b = 0; b < 3; b++) {
                    const uint8_t *plane =
                        m->codes[0].planes + (r * 3 + b) * m->codes[0].plane_bytes;
                    cr_assert_eq(plane[c >> 3] >> (c & 7) & 1, levels[c] >> b & 1);
                    sum += (plane[c >> 3] >> (c & 7) & 1 ? 1 : -1) * m->codes[0].scales[r * 3 + b];
                }
                cr_assert_eq((double)row[c], ldexp(sum, m->codes[0].exponent));
            }
        }
        /* With one power of two less, the largest would not fit. */
        cr_assert_geq(largest, 16384, "%s", m->name);
    }
    lw_model_free(&model);
    lw_model_free(&source);
}

Test(quantize, does_not_depend_on_threads)
{
    struct lw_model source = random_model(3), one, many;
    struct lw_quantize_report reports[2];
    const size_t threads[] = {2, 3, 7, 50};
    quantize(&source, 4, LW_FIT_ALTERNATING, 1, &one, &reports[0]);
    for (size_t t = 0; t < 4; t++) {
        quantize(&source, 4, LW_FIT_ALTERNATING, threads[t], &many, &reports[1]);
        cr_assert_eq(reports[0].relative_mse, reports[1].relative_mse);
        for (size_t i = 0; i < one.matrix_count; i++) {
            const struct lw_matrix *a = &one.matrices[i], *b = &many.matrices[i];
            cr_assert_eq(a->codes[0].exponent, b->codes[0].exponent);
            cr_assert_eq(
                memcmp(a->codes[0].scales, b->codes[0].scales, a->rows * 4 * sizeof(int16_t)), 0);
            cr_assert_eq(memcmp(a->codes[0].planes, b->codes[0].planes,
                                a->rows * 4 * a->codes[0].plane_bytes),
                         0);
        }
        lw_model_free(&many);
    }
    lw_model_free(&one);
    lw_model_free(&source);
}

Test(quantize, permuting_rows_permutes_codes)
{
    struct lw_model source = random_model(4), straight, turned;
    struct lw_quantize_report report;
    struct lw_matrix *matrix = &source.matrices[1];
    size_t rows = matrix->rows, columns = matrix->columns;
    const float *weights = matrix->dense;
    float *permuted = calloc(rows * columns, sizeof *permuted);
    for (size_t r = 0; r < rows; r++) /* 5 and the number of rows have no common divisor */
        memcpy(permuted + r * columns, weights + r * 5 % rows * columns, columns * sizeof *weights);
    cr_assert_neq(rows % 5, 0);
    quantize(&source, 3, LW_FIT_ALTERNATING, 2, &straight, &report);
    matrix->dense = permuted;
    quantize(&source, 3, LW_FIT_ALTERNATING, 2, &turned, &report);
    matrix->dense = weights;
    const struct lw_code *a = &straight.matrices[1].codes[0], *b = &turned.matrices[1].codes[0];
    cr_assert_eq(a->exponent, b->exponent);
    for (size_t r = 0; r < rows; r++) {
        size_t from = r * 5 % rows, bytes = 3 * a->plane_bytes;
        cr_assert_eq(memcmp(b->planes + r * bytes, a->planes + from * bytes, bytes), 0);
        cr_assert_eq(memcmp(b->scales + r * 3, a->scales + from * 3, 3 * sizeof(int16_t)), 0);
    }
    free(permuted);
    lw_model_free(&straight);
    lw_model_free(&turned);
    lw_model_free(&source);
}

Test(quantize, keeps_everything_else)
{
    struct lw_model source = random_model(4), model;
    struct lw_quantize_report report;
    quantize(&source, 2, LW_FIT_ALTERNATING, 2, &model, &report);
    for (size_t i = 0; i < model.matrix_count; i++)
        cr_assert_eq(model.matrices[i].arith, LW_ARITH_T8);
    cr_assert_eq(model.config.d_model, source.config.d_model);
    cr_assert_eq(model.config.bad_words[1], 3);
    cr_assert_neq(model.config.bad_words, source.config.bad_words);
    cr_assert_eq(model.vector_count, source.vector_count);
    cr_assert_neq(model.vectors, source.vectors);
    cr_assert_eq(memcmp(model.vectors, source.vectors, model.vector_count * sizeof(float)), 0);
    cr_assert_eq(model.tokenizer.source_spm, source.tokenizer.source_spm);
    cr_assert_null(model.matrices[0].dense);
    lw_model_free(&model);
    lw_model_free(&source);
}

/* The weights of a test model lie in memory that this test may write. */
static float *weights_of(const struct lw_model *model, size_t matrix)
{
    return (float *)(uintptr_t)model->matrices[matrix].dense;
}

Test(quantize, exponents_at_the_edges)
{
    const struct {
        float weight;
        int16_t mantissa;
        int exponent;
    } cases[] = {
        {0, 0, 0},
        {32767, 32767, 0},          /* exactly the largest */
        {32767.25f, 16384, 1},      /* just above it: rounded in steps of 2 */
        {32768, 16384, 1},          /* a power of two */
        {1, 16384, -14},            /* 1 is 32768 * 2^-15: too large by one */
        {0x1.fffcp-1f, 32767, -15}, /* 32767 * 2^-15 */
        {0x1p-149f, 16384, -163},   /* the smallest float */
        {0x1.fffffep+127f, 16384, 114},
    };
    struct lw_config config = test_small_config();
    struct lw_model source, model;
    struct lw_quantize_report report;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        test_random_model(&config, 5, &source);
        float *w = weights_of(&source, 1);
        for (size_t k = 0; k < 12 * 12; k++)
            w[k] = k % 2 ? cases[i].weight : -cases[i].weight;
        quantize(&source, 1, LW_FIT_ALTERNATING, 1, &model, &report);
        cr_assert_eq(model.matrices[1].codes[0].exponent, cases[i].exponent, "case %zu: %d", i,
                     model.matrices[1].codes[0].exponent);
        cr_assert_eq(model.matrices[1].codes[0].scales[0], cases[i].mantissa, "case %zu: %d", i,
                     model.matrices[1].codes[0].scales[0]);
        lw_model_free(&model);
        lw_model_free(&source);
    }
}

static void expect(const struct lw_model *source, unsigned bits, size_t threads,
                   enum lw_status status, const char *text)
{
    struct lw_quantize_report report;
    struct lw_model model;
    struct lw_error error = {0};
    cr_assert_eq(lw_quantize_alike(source, bits, LW_FIT_GREEDY, LW_ARITH_T8, threads, &model,
                                   &report, &error),
                 status);
    cr_assert_not_null(strstr(error.text, text), "%s", error.text);
    cr_assert_eq(model.matrix_count, 0);
}

Test(quantize, refuses)
{
    struct lw_model source = random_model(6), coded;
    struct lw_quantize_report report;
    expect(&source, 0, 1, LW_USAGE, "1 to 8");
    expect(&source, 9, 1, LW_USAGE, "1 to 8");
    expect(&source, 2, 0, LW_USAGE, "thread");
    weights_of(&source, 3)[12 * 7 + 4] = NAN;
    expect(&source, 2, 2, LW_CORRUPT, "matrix encoder.0.self.v: row 7 holds a weight that is not");
    weights_of(&source, 3)[12 * 7 + 4] = -INFINITY;
    expect(&source, 2, 2, LW_CORRUPT, "row 7");
    weights_of(&source, 3)[12 * 7 + 4] = 0;
    quantize(&source, 2, LW_FIT_GREEDY, 1, &coded, &report);
    expect(&coded, 2, 1, LW_USAGE, "matrix embedding is quantised already");
    lw_model_free(&coded);
    lw_model_free(&source);
}

static bool stop_at_second(void *context, size_t done_rows, size_t all_rows)
{
    cr_assert_leq(done_rows, all_rows);
    return ++*(int *)context < 2;
}

Test(quantize, can_be_stopped)
{
    struct lw_model source = random_model(7), model;
    struct lw_quantize_report report;
    struct lw_error error = {0};
    int calls = 0;
    struct lw_choice choices[64];
    for (size_t i = 0; i < source.matrix_count; i++)
        choices[i] = (struct lw_choice){.bits = 2};
    struct lw_quantize request = {
        .choices = choices, .threads = 2, .progress = stop_at_second, .context = &calls};
    cr_assert_eq(lw_quantize_model(&source, &request, &model, &report, &error), LW_FAILED);
    cr_assert_eq(calls, 2);
    cr_assert_not_null(strstr(error.text, "stopped"));
    lw_model_free(&source);
}

/* Rows of mixed bits, groups of 32, uniform scales: each row is what lw_fit_row alone gives,
 * whatever the threads. */
Test(quantize, mixes_rows_groups_and_uniform_scales)
{
    struct lw_config config = test_small_config();
    config.d_model = 72;
    config.encoder_heads = config.decoder_heads = 2;
    struct lw_model source, one, two;
    test_random_model(&config, 8, &source);
    struct lw_choice choices[64];
    const uint8_t *row_bits[64] = {0};
    uint8_t bits[9] = {3, 1, 2, 3, 1, 1, 2, 3, 3};
    for (size_t i = 0; i < source.matrix_count; i++)
        choices[i] = (struct lw_choice){.bits = 2,
                                        .group = i % 2 ? 32 : 0,
                                        .alpha = i % 3 ? LW_ALPHA_FREE : LW_ALPHA_UNIFORM,
                                        .fit = i % 3 ? LW_FIT_GREEDY : LW_FIT_UNIFORM,
                                        .arith = (enum lw_arith)(i % LW_ARITHS)};
    row_bits[0] = bits;
    struct lw_quantize request = {.choices = choices, .row_bits = row_bits, .threads = 1};
    struct lw_quantize_report report;
    struct lw_error error = {0};
    cr_assert_eq(lw_quantize_model(&source, &request, &one, &report, &error), LW_OK, "%s",
                 error.text);
    request.threads = 2;
    cr_assert_eq(lw_quantize_model(&source, &request, &two, &report, &error), LW_OK, "%s",
                 error.text);
    cr_assert_eq(one.matrices[0].code_count, 3);
    for (size_t i = 0; i < one.matrix_count; i++) {
        const struct lw_matrix *m = &one.matrices[i];
        cr_assert_eq(m->arith, choices[i].arith);
        float row[512], again[512], scales[LW_MAX_BITS];
        uint8_t levels[512];
        void *scratch = malloc(lw_fit_scratch_bytes(512));
        for (size_t r = 0; r < m->rows; r++) {
            lw_matrix_row(m, r, row);
            lw_matrix_row(&two.matrices[i], r, again);
            cr_assert_eq(memcmp(row, again, m->columns * sizeof *row), 0);
            unsigned planes = i == 0 ? bits[r] : 2;
            cr_assert_eq(lw_matrix_row_bits(m, r), planes);
            size_t group = m->codes[0].group;
            for (size_t first = 0; first < m->columns; first += group) {
                size_t count = m->columns - first < group ? m->columns - first : group;
                lw_fit_row(choices[i].fit, source.matrices[i].dense + r * m->columns + first, NULL,
                           count, planes, scales, levels, scratch);
                for (size_t c = 0; c < count; c++) {
                    double sum = 0;
                    for (unsigned b = 0; b < planes; b++)
                        sum += (levels[c] >> b & 1 ? 1 : -1) * (double)scales[b];
                    cr_assert_float_eq((double)row[first + c], sum,
                                       ldexp(planes * 4, m->codes[0].exponent));
                }
            }
        }
        free(scratch);
    }
    lw_model_free(&one);
    lw_model_free(&two);
    lw_model_free(&source);
}
