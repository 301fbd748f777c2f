/* Nested planes of whole models: what every prefix is, what it takes, and files of them. */
#include "models/lwm.h"
#include "models/quantize.h"
#include "tests/fitted.h"
#include "tests/lwm_bench.h"
#include "tests/random_model.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const uint8_t mixed[] = {3, 1, 2, 2, 1, 3, 3, 1, 2};

/* Words of 1 to 3 planes, other matrices of up to 4; two groups of columns, the second short. */
static void make(struct lw_model *dense, size_t threads, struct lw_nested *nested,
                 struct lw_nested_report *report)
{
    struct lw_error error = {0};
    struct lw_config config = test_small_config();
    struct lw_choice choices[64];
    const uint8_t *row_bits[64] = {mixed};
    config.d_model = 44;
    config.encoder_heads = config.decoder_heads = 2;
    test_random_model(&config, 3, dense);
    for (size_t i = 0; i < dense->matrix_count; i++)
        choices[i] =
            (struct lw_choice){.bits = 4 - i % 2, .group = i % 3 ? 32 : 0, .arith = LW_ARITH_T8};
    struct lw_quantize request = {.choices = choices, .row_bits = row_bits, .threads = threads};
    cr_assert_eq(lw_quantize_nested(dense, &request, nested, report, &error), LW_OK, "%s",
                 error.text);
    nested->model.made_by = strdup("a test");
}

static void free_both(struct lw_nested *nested, struct lw_model *dense)
{
    lw_nested_free(nested);
    lw_model_free(dense);
}

/* A row of a prefix, from the definition: planes and the set of scales found among the chunks. */
static unsigned expect_row(const struct lw_nested *nested, size_t chunks, unsigned matrix,
                           size_t row, float *out)
{
    const struct lw_matrix *m = &nested->model.matrices[matrix];
    const struct lw_chunk *planes[LW_MAX_BITS];
    size_t stored = m->place ? m->place[row] : row;
    unsigned code = 0, q = 0;
    for (; stored >= m->codes[code].rows; code++)
        stored -= m->codes[code].rows;
    for (size_t i = 0; i < chunks; i++)
        if (nested->chunks[i].matrix == matrix && nested->chunks[i].code == code)
            planes[q++] = &nested->chunks[i];
    const struct lw_code *shape = &m->codes[code];
    for (size_t c = 0; c < m->columns; c++) {
        const int16_t *scales =
            planes[q - 1]->scales + (stored * shape->groups + c / shape->group) * q;
        double sum = 0;
        for (unsigned i = 0; i < q; i++) {
            bool plus = planes[i]->planes[stored * shape->plane_bytes + c / 8] >> c % 8 & 1;
            sum += plus ? scales[i] : -scales[i];
        }
        out[c] = (float)ldexp(sum, shape->exponent);
    }
    return q;
}

Test(nested, every_prefix_is_the_model_of_its_chunks)
{
    struct lw_nested nested;
    struct lw_model dense;
    struct lw_nested_report report;
    make(&dense, 1, &nested, &report);
    cr_assert_eq(nested.smallest, nested.model.matrix_count + 2, "words have three codes");
    for (size_t n = nested.smallest; n <= nested.chunk_count; n++) {
        struct lw_model model;
        struct lw_error error = {0};
        cr_assert_eq(lw_nested_prefix(&nested, n, &model, &error), LW_OK, "%s", error.text);
        for (unsigned i = 0; i < model.matrix_count; i++)
            for (size_t r = 0; r < model.matrices[i].rows; r++) {
                float got[64], want[64];
                unsigned q = expect_row(&nested, n, i, r, want);
                cr_assert_eq(lw_matrix_row_bits(&model.matrices[i], r), q);
                lw_matrix_row(&model.matrices[i], r, got);
                cr_assert_arr_eq(got, want, model.matrices[i].columns * sizeof *got);
            }
        cr_assert_eq(memcmp(model.vectors, dense.vectors, model.vector_count * sizeof(float)), 0);
        lw_model_free(&model);
    }
    free_both(&nested, &dense);
}

static double group_error(const float *w, const float *v, size_t count)
{
    double sum = 0;
    for (size_t c = 0; c < count; c++)
        sum += ((double)w[c] - (double)v[c]) * ((double)w[c] - (double)v[c]);
    return sum;
}

Test(nested, no_prefix_is_worse_than_greedy_planes_with_refitted_scales)
{
    struct lw_nested nested;
    struct lw_model dense;
    struct lw_nested_report report;
    make(&dense, 1, &nested, &report);
    for (size_t n = nested.smallest; n <= nested.chunk_count; n += 3)
        for (unsigned i = 0; i < dense.matrix_count; i++) {
            const struct lw_code *code = &nested.model.matrices[i].codes[0];
            for (size_t r = 0; r < dense.matrices[i].rows; r++) {
                float decoded[64];
                unsigned q = expect_row(&nested, n, i, r, decoded);
                const float *row = dense.matrices[i].dense + r * dense.matrices[i].columns;
                for (size_t g = 0; g < code->groups; g++) {
                    size_t first = g * code->group, left = dense.matrices[i].columns - first;
                    size_t count = left < code->group ? left : code->group;
                    struct fitted greedy = test_fit(LW_FIT_GREEDY, row + first, NULL, count, q);
                    double limit = test_least_error(row + first, NULL, count, q, greedy.levels);
                    /* Least-squares scales, each off by half a unit at most. */
                    double room = (double)count * pow(q * ldexp(0.5, code->exponent), 2);
                    cr_assert_leq(group_error(row + first, decoded + first, count),
                                  limit * (1 + 1e-6) + room);
                }
            }
        }
    free_both(&nested, &dense);
}

Test(nested, distance_of_models_to_fresh_fits)
{
    struct lw_config config = test_small_config();
    struct lw_model dense, fresh;
    struct lw_nested nested;
    struct lw_nested_report report;
    struct lw_quantize_report best, greedy;
    struct lw_choice choices[64];
    config.d_model = 128;
    config.encoder_heads = config.decoder_heads = 2;
    test_random_model(&config, 5, &dense);
    for (size_t i = 0; i < dense.matrix_count; i++)
        choices[i] = (struct lw_choice){.bits = 4, .arith = LW_ARITH_T8};
    struct lw_quantize request = {.choices = choices, .threads = 2};
    cr_assert_eq(lw_quantize_nested(&dense, &request, &nested, &report, NULL), LW_OK);
    for (unsigned q = 1; q <= 4; q++) {
        cr_assert_eq(
            lw_quantize_alike(&dense, q, LW_FIT_ALTERNATING, LW_ARITH_T8, 2, &fresh, &best, NULL),
            LW_OK);
        lw_model_free(&fresh);
        cr_assert_eq(
            lw_quantize_alike(&dense, q, LW_FIT_GREEDY, LW_ARITH_T8, 2, &fresh, &greedy, NULL),
            LW_OK);
        lw_model_free(&fresh);
        double mse = report.relative_mse[q - 1];
        cr_log_info("%u of 4 planes: relative MSE %.4f; alternating %.4f (%+.1f %%); greedy %.4f",
                    q, mse, best.relative_mse, 100 * (mse / best.relative_mse - 1),
                    greedy.relative_mse);
        cr_assert_leq(mse, greedy.relative_mse * (1 + 1e-6));
        cr_assert_leq(mse, 1.4 * best.relative_mse);
    }
    free_both(&nested, &dense);
}

static uint8_t *write_nested(const struct lw_nested *nested, const char *path, size_t *size)
{
    struct lw_error error = {0};
    cr_assert_eq(lw_lwm_write_nested(path, nested, "a test", &error), LW_OK, "%s", error.text);
    return lwm_slurp(path, size);
}

Test(nested, files_come_back_and_do_not_depend_on_threads)
{
    struct lw_nested one, many, read;
    struct lw_model dense, other, all, last;
    struct lw_nested_report report;
    char path[] = "/tmp/lw_test_nested_XXXXXX";
    size_t sizes[3];
    close(mkstemp(path));
    make(&dense, 1, &one, &report);
    make(&other, 2, &many, &report);
    uint8_t *first = write_nested(&one, path, &sizes[0]),
            *second = write_nested(&many, path, &sizes[1]);
    cr_assert_eq(sizes[0], sizes[1]);
    cr_assert_arr_eq(first, second, sizes[0]);
    struct lw_error error = {0};
    cr_assert_eq(lw_lwm_open_nested(path, &read, &error), LW_OK, "%s", error.text);
    cr_assert_eq(read.chunk_count, one.chunk_count);
    cr_assert_eq(read.smallest, one.smallest);
    cr_assert_eq(lw_lwm_open(path, &all, &error), LW_OK, "%s", error.text);
    cr_assert_eq(lw_nested_prefix(&one, one.chunk_count, &last, &error), LW_OK);
    cr_assert_str_eq(all.made_by, last.made_by);
    lwm_write_model(path, &all);
    uint8_t *third = lwm_slurp(path, &sizes[1]);
    lwm_write_model(path, &last);
    uint8_t *fourth = lwm_slurp(path, &sizes[2]);
    cr_assert_eq(sizes[1], sizes[2]);
    cr_assert_arr_eq(third, fourth, sizes[1]);
    free(fourth);
    fourth = write_nested(&read, path, &sizes[2]);
    cr_assert_eq(sizes[0], sizes[2]);
    cr_assert_arr_eq(first, fourth, sizes[0]);
    free(first), free(second), free(third), free(fourth);
    lw_model_free(&all);
    lw_model_free(&last);
    lw_nested_free(&read);
    free_both(&one, &dense);
    free_both(&many, &other);
    unlink(path);
}

Test(nested, sizes_are_those_of_the_files_and_budgets_take_the_most)
{
    struct lw_nested nested;
    struct lw_model dense;
    struct lw_nested_report report;
    struct lw_error error = {0};
    char path[] = "/tmp/lw_test_nested_XXXXXX";
    close(mkstemp(path));
    make(&dense, 1, &nested, &report);
    size_t last = 0, least = 0, chunks, bytes;
    for (size_t n = nested.smallest; n <= nested.chunk_count; n++) {
        struct lw_model model;
        struct lw_size size;
        cr_assert_eq(lw_nested_prefix(&nested, n, &model, &error), LW_OK);
        cr_assert_eq(lw_lwm_write(path, &model, model.made_by, &error), LW_OK);
        cr_assert_eq(lw_lwm_size(path, &size, &error), LW_OK, "%s", error.text);
        cr_assert_eq(lw_nested_bytes(&nested, n, &bytes, &error), LW_OK);
        cr_assert_eq(bytes, size.file_bytes - size.tokenizer_bytes);
        least = n == nested.smallest ? bytes : least;
        cr_assert_geq(bytes, least);
        cr_assert_eq(lw_nested_fit(&nested, bytes, &chunks, &last, &error), LW_OK);
        cr_assert(chunks >= n && last <= bytes);
        lw_model_free(&model);
    }
    cr_assert_eq(lw_nested_fit(&nested, SIZE_MAX, &chunks, &bytes, &error), LW_OK);
    cr_assert_eq(chunks, nested.chunk_count);
    cr_assert_eq(lw_nested_fit(&nested, least - 1, &chunks, &bytes, &error), LW_INFEASIBLE);
    char words[64];
    snprintf(words, sizeof words, "smallest prefix takes %zu bytes", least);
    cr_assert_not_null(strstr(error.text, words), "%s", error.text);
    free_both(&nested, &dense);
    unlink(path);
}

static int by_place(const void *a, const void *b)
{
    const struct lw_chunk *x = a, *y = b;
    unsigned p = (x->matrix * LW_MAX_BITS + x->code) * LW_MAX_BITS + x->plane;
    unsigned q = (y->matrix * LW_MAX_BITS + y->code) * LW_MAX_BITS + y->plane;
    return p < q ? -1 : p > q;
}

/* After the first planes, each chunk is the best by byte of those whose earlier planes are there.
 */
Test(nested, each_chunk_is_the_best_of_the_next_ones)
{
    struct lw_nested nested;
    struct lw_model dense;
    struct lw_nested_report report;
    static double gains[256], rates[64][LW_MAX_BITS][LW_MAX_BITS];
    static unsigned planes[64][LW_MAX_BITS];
    uint64_t seed = 8;
    make(&dense, 1, &nested, &report);
    size_t count = nested.chunk_count;
    cr_assert_leq(count, 256);
    qsort(nested.chunks, count, sizeof *nested.chunks, by_place);
    for (size_t i = 0; i < count; i++) {
        const struct lw_chunk *chunk = &nested.chunks[i];
        gains[i] = test_uniform(&seed);
        rates[chunk->matrix][chunk->code][chunk->plane] =
            gains[i] / (double)lw_chunk_bytes(&nested, chunk);
    }
    cr_assert_eq(lw_nested_sort(&nested, gains, NULL), LW_OK);
    for (size_t i = 0; i < count; i++) {
        const struct lw_chunk *chunk = &nested.chunks[i];
        double rate = rates[chunk->matrix][chunk->code][chunk->plane];
        cr_assert_eq(planes[chunk->matrix][chunk->code], chunk->plane);
        cr_assert_eq(chunk->plane == 0, i < nested.smallest);
        for (size_t m = 0; m < nested.model.matrix_count && i >= nested.smallest; m++)
            for (size_t c = 0; c < nested.model.matrices[m].code_count; c++)
                cr_assert(planes[m][c] == nested.model.matrices[m].codes[c].bits ||
                          rates[m][c][planes[m][c]] <= rate);
        planes[chunk->matrix][chunk->code]++;
    }
    free_both(&nested, &dense);
}

static void expect_refused(const struct lw_nested *nested, const char *path, const char *words)
{
    struct lw_nested read;
    struct lw_error error = {0};
    size_t size;
    free(write_nested(nested, path, &size));
    cr_assert_eq(lw_lwm_open_nested(path, &read, &error), LW_CORRUPT);
    cr_assert_not_null(strstr(error.text, words), "'%s' is not in: %s", words, error.text);
    cr_assert_eq(read.chunk_count, 0);
}

Test(nested, files_whose_order_lies_are_refused)
{
    struct lw_nested nested;
    struct lw_model dense;
    struct lw_nested_report report;
    char path[] = "/tmp/lw_test_nested_XXXXXX";
    close(mkstemp(path));
    make(&dense, 1, &nested, &report);
    struct lw_chunk *chunks = nested.chunks, first = chunks[0];
    size_t last = nested.chunk_count - 1;
    struct lw_chunk end = chunks[last];
    nested.chunk_count--;
    expect_refused(&nested, path, "chunks where the matrices have");
    nested.chunk_count++;
    chunks[0] = end; /* another code's plane 0 twice */
    chunks[last] = first;
    expect_refused(&nested, path, "nested lists chunk");
    chunks[0] = chunks[1]; /* one twice, the other never */
    chunks[last] = end;
    expect_refused(&nested, path, "nested lists chunk 1 where it cannot be");
    chunks[0] = first;
    struct lw_chunk middle = chunks[nested.smallest];
    chunks[last] = middle;
    expect_refused(&nested, path, "nested lists chunk");
    chunks[last] = end;
    nested.model.matrices[1].codes[0].uniform = true;
    expect_refused(&nested, path, "nested planes and uniform scales");
    free_both(&nested, &dense);
    unlink(path);
}

Test(nested, lists_that_are_no_lists_of_chunks_are_refused)
{
    static const char *const cases[][2] = {
        {"\"nested\":[[0,0]", "\"nested\":[[0,9]"},
        {"\"nested\":[[0,0]", "\"nested\":[[9,9]"},
        {"\"nested\":[[0,0]", "\"nested\":[\"0,0\""},
        {"[0,0],[1,0]", "[0,0],[0,0]"},
        {"[0,0],[1,0]", "[0,0,0,1,0]"},
        {"\"nested\":[[0,0]", "\"nested\":[[0.0]"},
    };
    struct lwm_bench bench;
    struct lw_config config = test_small_config();
    lwm_bench_open(&bench, &config);
    struct lw_choice choices[64];
    for (size_t i = 0; i < bench.dense.matrix_count; i++)
        choices[i] = (struct lw_choice){.bits = 2, .arith = LW_ARITH_T8};
    struct lw_quantize request = {.choices = choices, .threads = 1};
    struct lw_nested nested;
    struct lw_nested_report report;
    cr_assert_eq(lw_quantize_nested(&bench.dense, &request, &nested, &report, NULL), LW_OK);
    free(bench.bytes);
    bench.bytes = write_nested(&nested, bench.path, &bench.size);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lwm_with_meta(&bench, cases[i][0], cases[i][1]);
        lwm_expect(&bench, LW_CORRUPT, "section meta");
    }
    lw_nested_free(&nested);
    lwm_bench_close(&bench);
}

Test(nested, uniform_scales_are_refused)
{
    struct lw_config config = test_small_config();
    struct lw_model dense;
    struct lw_nested nested;
    struct lw_nested_report report;
    struct lw_error error = {0};
    struct lw_choice choices[64];
    test_random_model(&config, 1, &dense);
    for (size_t i = 0; i < dense.matrix_count; i++)
        choices[i] = (struct lw_choice){.bits = 2, .fit = LW_FIT_UNIFORM};
    choices[3].alpha = LW_ALPHA_UNIFORM;
    struct lw_quantize request = {.choices = choices, .threads = 1};
    cr_assert_eq(lw_quantize_nested(&dense, &request, &nested, &report, &error), LW_USAGE);
    cr_assert_not_null(strstr(error.text, dense.matrices[3].name), "%s", error.text);
    cr_assert_not_null(strstr(error.text, "free scales"), "%s", error.text);
    lw_model_free(&dense);
}
