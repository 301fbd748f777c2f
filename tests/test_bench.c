/* lutwidge bench: statistics, what is checked before it is timed, and the program from outside.
 * Nothing here asserts a time. LUTWIDGE in the environment names the program. */
#include "profiles/bench_internal.h"
#include "tests/kernels.h"
#include "tests/places.h"
#include "tests/shell.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(bench, .timeout = 120);
TestSuite(bench_program, .init = shell_setup, .fini = shell_teardown, .timeout = 120);

static void expect_figures(const double *samples, size_t count, double lower, double median,
                           double upper)
{
    double copy[8];
    struct lw_bench_figures figures;
    memcpy(copy, samples, count * sizeof *copy);
    lw_bench_figures(copy, count, &figures);
    cr_expect_eq(figures.count, count);
    cr_expect_float_eq(figures.lower, lower, 1e-12, "%g", figures.lower);
    cr_expect_float_eq(figures.median, median, 1e-12, "%g", figures.median);
    cr_expect_float_eq(figures.upper, upper, 1e-12, "%g", figures.upper);
}

Test(bench, quartiles)
{
    expect_figures((const double[]){5}, 1, 5, 5, 5);
    expect_figures((const double[]){9, 1}, 2, 3, 5, 7);
    expect_figures((const double[]){30, 10, 20}, 3, 15, 20, 25);
    expect_figures((const double[]){4, 1, 3, 2}, 4, 1.75, 2.5, 3.25);
    expect_figures((const double[]){7, 3, 1, 1000, 5}, 5, 3, 5, 7);
    struct lw_bench_figures figures = {5, 50, 45, 60};
    cr_expect_float_eq(lw_bench_spread_percent(&figures), 30, 1e-12);
}

/* One figure does not depend on the order of the samples, or on how far out outliers lie. */
Test(bench, medians_forget_order_and_outliers)
{
    uint64_t state = 99;
    double samples[LW_BENCH_SAMPLES], turned[LW_BENCH_SAMPLES];
    struct lw_bench_figures a, b;
    for (size_t i = 0; i < LW_BENCH_SAMPLES; i++)
        samples[i] = 2 + (double)random_float(&state);
    samples[3] = 50;
    for (size_t i = 0; i < LW_BENCH_SAMPLES; i++)
        turned[(i + 4) % LW_BENCH_SAMPLES] = samples[i] > 49 ? 5000 : samples[i];
    lw_bench_figures(samples, LW_BENCH_SAMPLES, &a);
    lw_bench_figures(turned, LW_BENCH_SAMPLES, &b);
    cr_expect(a.lower == b.lower && a.median == b.median && a.upper == b.upper);
    cr_expect(a.lower <= a.median && a.median <= a.upper);
}

Test(bench, weights_are_normal_and_codes_near_them)
{
    enum { M = 32, K = 100 };
    static float weights[M * K], again[M * K], row[K];
    double sum = 0, square = 0, errors[2][5];
    lw_bench_gauss(7, weights, M * K);
    lw_bench_gauss(7, again, M * K);
    cr_expect_arr_eq(weights, again, sizeof weights);
    for (size_t i = 0; i < M * K; i++) {
        sum += (double)weights[i];
        square += (double)weights[i] * (double)weights[i];
    }
    cr_expect_lt(fabs(sum / (M * K)), 0.1);
    cr_expect_float_eq(square / (M * K), 1, 0.1);
    for (int alpha = 0; alpha < 2; alpha++)
        for (unsigned bits = 1; bits <= 4; bits++) {
            struct lw_bench_case c = {{.arith = LW_ARITH_T8,
                                       .rows = M,
                                       .columns = K,
                                       .bits = bits,
                                       .group = alpha ? 0 : 64},
                                      (enum lw_alpha)alpha};
            struct lw_bench_matrix made;
            struct lw_error error = {0};
            cr_assert_eq(lw_bench_matrix_make(&c, weights, &made, &error), LW_OK, "%s", error.text);
            cr_expect_eq(made.matrix.codes[0].uniform, alpha == LW_ALPHA_UNIFORM);
            errors[alpha][bits] = 0;
            for (size_t r = 0; r < M; r++) {
                lw_matrix_row(&made.matrix, r, row);
                for (size_t k = 0; k < K; k++)
                    errors[alpha][bits] += pow((double)(row[k] - weights[r * K + k]), 2) / square;
            }
            if (bits > 1)
                cr_expect_lt(errors[alpha][bits], 0.7 * errors[alpha][bits - 1], "%d, %u bits",
                             alpha, bits);
            lw_bench_matrix_free(&made);
        }
    cr_expect_lt(errors[0][1], 0.4);
    cr_expect_lt(errors[1][4], 0.05);
}

/* A backend that gives what is expected, but for one bit of one output. */
struct liar {
    const float *values;
    size_t count, wrong;
};

static enum lw_status lie(void *self, const struct lw_product *products, size_t count,
                          size_t columns, const float *x, struct lw_error *error)
{
    (void)count, (void)columns, (void)x, (void)error;
    const struct liar *liar = self;
    memcpy(products->y, liar->values, liar->count * sizeof *products->y);
    if (liar->wrong < liar->count)
        products->y[liar->wrong] = nextafterf(products->y[liar->wrong], 10);
    return LW_OK;
}

Test(bench, one_wrong_bit_is_a_mismatch)
{
    const float values[] = {1, -0.0f, 3, 4, 5, 6};
    struct lw_spec spec = {.rows = 3, .batch = 2};
    struct lw_error error = {0};
    for (size_t wrong = 0; wrong <= 6; wrong++) {
        struct liar liar = {values, 6, wrong};
        struct lw_backend backend = {"liar", &liar, lie, NULL, NULL};
        cr_expect_eq(lw_bench_check(&backend, &spec, values, values, 0, &error),
                     wrong < 6 ? LW_MISMATCH : LW_OK, "%zu", wrong);
        cr_expect_eq(lw_bench_check(&backend, &spec, values, values, 1e-5, &error), LW_OK);
    }
    struct liar liar = {values, 6, 4};
    struct lw_backend backend = {"liar", &liar, lie, NULL, NULL};
    lw_bench_check(&backend, &spec, values, values, 0, &error);
    cr_expect_not_null(strstr(error.text, "row 1 of column 1"), "%s", error.text);
    const float other[] = {1, 0, 3.5f, 4, 5, NAN};
    cr_expect_eq(lw_bench_check(&backend, &spec, values, other, 0.25, &error), LW_MISMATCH);
    cr_expect_not_null(strstr(error.text, "row 2 of column 0"), "%s", error.text);
    liar.values = other;
    cr_expect_eq(lw_bench_check(&backend, &spec, values, other, 0.25, &error), LW_MISMATCH);
    cr_expect_not_null(strstr(error.text, "row 2 of column 1"), "NaN is right to none: %s",
                       error.text);
}

struct rows {
    size_t count;
    struct lw_bench_row rows[64];
};

static enum lw_status keep_row(void *context, const struct lw_bench_row *row,
                               struct lw_error *error)
{
    struct rows *rows = context;
    (void)error;
    rows->rows[rows->count++] = *row;
    return LW_OK;
}

/* Tables of another class under the name of the right ones: nothing is timed, the rest goes on. */
Test(bench, a_wrong_kernel_is_named_and_the_others_are_timed)
{
    static const struct lw_bench_case cases[] = {
        {{LW_ARITH_T8, 20, 36, 2, 0, 1, LW_ISA_C, LW_FAMILY_TABLES, false}, LW_ALPHA_FREE},
        {{LW_ARITH_T8, 20, 36, 3, 0, 1, LW_ISA_C, LW_FAMILY_TABLES, false}, LW_ALPHA_UNIFORM},
        {{LW_ARITH_T8, 8, 64, 1, 32, 1, LW_ISA_C, LW_FAMILY_TABLES, false}, LW_ALPHA_FREE}};
    static const size_t columns[] = {3};
    static struct rows rows;
    struct lw_bench_kernels *kernels;
    struct lw_error error = {0};
    cr_assert_eq(lw_bench_compile(cases, 3, NULL, &kernels, &error), LW_OK, "%s", error.text);
    struct lw_bench_setup setup = {.cases = cases,
                                   .case_count = 3,
                                   .columns = columns,
                                   .column_count = 1,
                                   .modes = {true, true},
                                   .seconds = 1e-3,
                                   .resident_weights = 5000,
                                   .seed = 3,
                                   .row = keep_row,
                                   .context = &rows};
    cr_expect_eq(lw_bench_run(kernels, &setup, &error), LW_OK, "%s", error.text);
    cr_assert_eq(rows.count, 6);
    for (size_t i = 0; i < 6; i++) {
        cr_expect_eq(rows.rows[i].status, LW_OK);
        cr_expect_eq(rows.rows[i].ns.count, LW_BENCH_SAMPLES);
        cr_expect_gt(rows.rows[i].ns.lower, 0);
        cr_expect_eq(rows.rows[i].spec.batch, 3);
        cr_expect(isnan(rows.rows[i].peers_ns[LW_BENCH_OPENBLAS]));
        cr_expect(rows.rows[i].uops_ns > 0 && rows.rows[i].keys_ns > 0);
        cr_expect_gt(rows.rows[i].estimate_ns, 0);
        cr_expect_eq(lw_bench_limit_ns(&rows.rows[i]),
                     fmax(rows.rows[i].uops_ns, rows.rows[i].keys_ns));
    }
    struct lw_bundle *bundle = &kernels->bundles[LW_ISA_C];
    lw_product_function *right = NULL;
    for (size_t i = 0; i < bundle->kernel_count; i++)
        if (bundle->kernels[i].spec.bits == 2 && bundle->kernels[i].spec.batch == 2)
            right = bundle->kernels[i].product;
    for (size_t i = 0; i < bundle->kernel_count; i++)
        if (bundle->kernels[i].spec.bits == 3 && bundle->kernels[i].spec.batch == 2)
            bundle->kernels[i].product = right;
    rows.count = 0;
    cr_expect_eq(lw_bench_run(kernels, &setup, &error), LW_MISMATCH);
    cr_assert_eq(rows.count, 6);
    for (size_t i = 0; i < 6; i++)
        cr_expect_eq(rows.rows[i].status, rows.rows[i].spec.bits == 3 ? LW_MISMATCH : LW_OK);
    lw_bench_kernels_free(kernels);
}

/* Every peer that is here gives the right product of an odd shape, whatever N was before. */
Test(bench, peers_are_right)
{
    enum { M = 33, K = 77, MOST = 5 };
    static float weights[M * K], bias[M], x[MOST * K], exact[MOST * M];
    static const size_t columns[] = {1, 5, 2};
    struct lw_spec spec = {.rows = M, .columns = K};
    lw_bench_gauss(1, weights, M * K);
    lw_bench_gauss(2, bias, M);
    lw_bench_gauss(3, x, MOST * K);
    for (size_t n = 0; n < MOST; n++)
        for (size_t r = 0; r < M; r++) {
            double sum = (double)bias[r];
            for (size_t k = 0; k < K; k++)
                sum += (double)weights[r * K + k] * (double)x[n * K + k];
            exact[n * M + r] = (float)sum;
        }
    for (int p = 0; p < LW_BENCH_PEERS; p++) {
        struct lw_bench_products products;
        struct lw_error error = {0};
        double tolerance = p == LW_BENCH_ONEDNN_INT8 ? 2 : 1e-4;
        if (lw_bench_peer_check((enum lw_bench_peer)p, &error) != LW_OK) {
            cr_log_info("%s", error.text);
            continue;
        }
        cr_assert_eq(
            lw_bench_open_peer((enum lw_bench_peer)p, &spec, weights, bias, 3, &products, &error),
            LW_OK, "%s", error.text);
        for (size_t i = 0; i < 3; i++) {
            spec.batch = columns[i];
            cr_expect_eq(lw_bench_check(&products.backend, &spec, x, exact, tolerance, &error),
                         LW_OK, "%s, N = %zu: %s", lw_bench_peer_name((enum lw_bench_peer)p),
                         columns[i], error.text);
        }
        lw_bench_close(&products);
    }
}

#define BENCH                                                                                      \
    "TMPDIR=$T $LUTWIDGE bench --isa c --peers none --seconds 0.001 --mode hot --shapes "          \
    "20x36 "

Test(bench_program, a_small_bench_from_end_to_end)
{
    shell_expect(BENCH "--bits 1-2 --columns 1,3 --alpha free,uniform --db $T/x.db 2>/dev/null", 0,
                 "shape        bits  alpha       class  by           mode       N    ns a call");
    cr_expect_not_null(strstr(shell_output, "20x36        2     uniform     t8     c   "), "%s",
                       shell_output);
    cr_expect_not_null(strstr(shell_output, "Geometric means"), "%s", shell_output);
    shell_expect("$LUTWIDGE query --db $T/x.db --csv --sql 'SELECT count(*), count(DISTINCT spec), "
                 "min(m), min(k), max(n), count(openblas_ns), sum(samples), min(isa), "
                 "max(length(generator)) FROM kernels_view'",
                 0, "8,4,20,36,3,0,88,c,16\n");
    /* The same cells again replace what is there. */
    shell_expect(BENCH "--bits 2 --columns 3 -q --csv --db $T/x.db", 0,
                 "shape,bits,alpha,class,by,mode,n,ns,spread_percent,key_gb_per_s,limit_ns,"
                 "times_limit,times_openblas");
    shell_expect("$LUTWIDGE query --db $T/x.db --csv --sql 'SELECT count(*), max(run_id) FROM "
                 "kernels_view'",
                 0, "8,2\n");
    shell_expect("$LUTWIDGE query kernels --db $T/x.db", 0, "20x36");
    shell_expect("$LUTWIDGE query --db $T/x.db --csv --sql 'SELECT verb, seconds > 0 FROM runs'", 0,
                 "bench,1\nbench,1\n");
    shell_expect("ls $T", 0, "x.db\n");
    cr_expect_str_eq(shell_output, "x.db\n", "files were left: %s", shell_output);
}

Test(bench_program, formats)
{
    shell_expect(BENCH "--bits 1 --columns 2 --group 32,row --arith t8,a8 -q --json", 0, "[{");
    json_t *rows = json_loads(shell_output, 0, NULL), *row = json_array_get(rows, 0);
    cr_assert_eq(json_array_size(rows), 4, "%s", shell_output);
    cr_expect_str_eq(json_string_value(json_object_get(row, "spec")), "t8_m20_k36_b1_g32_n2_c");
    cr_expect_str_eq(json_string_value(json_object_get(row, "class")), "t8");
    cr_expect_eq(json_integer_value(json_object_get(row, "n")), 2);
    cr_expect_eq(json_integer_value(json_object_get(row, "bits")), 1);
    cr_expect_gt(json_real_value(json_object_get(row, "median_ns")), 0);
    cr_expect_gt(json_real_value(json_object_get(row, "limit_ns")), 0);
    cr_expect_gt(json_real_value(json_object_get(row, "times_limit")), 0);
    cr_expect(json_is_null(json_object_get(row, "times_openblas")));
    cr_expect(json_is_null(json_object_get(row, "error")));
    json_decref(rows);
    shell_expect(BENCH "--bits 1 --columns 2 -q --markdown", 0,
                 "| shape | bits | alpha | class | by | mode | N | ns a call |");
    shell_expect(BENCH "--bits 1 --columns 2 -q --csv", 0, "\n20x36,1,free,t8,c,hot,2,");
}

Test(bench_program, a_model_gives_its_products)
{
    struct place place;
    char line[256];
    place_make(&place, LW_ARITH_A8);
    snprintf(
        line, sizeof line,
        "$LUTWIDGE bench -q --model %s --isa portable --peers none --seconds 0.0005 --mode hot "
        "--columns 1 --csv",
        place.file);
    shell_expect(line, 0, "x44,");
    cr_expect_not_null(strstr(shell_output, ",a8,c,hot,1,"), "%s", shell_output);
    cr_expect_not_null(strstr(shell_output, ",uniform"), "%s", shell_output);
    snprintf(line, sizeof line, "$LUTWIDGE bench --model %s --bits 2", place.file);
    shell_expect(line, LW_USAGE, "leave out --shapes");
    place_free(&place);
}

Test(bench_program, wrong_options_are_refused)
{
    static const char *const wrong[][2] = {
        {"--shapes 512", "like 512x512"},
        {"--shapes 0x512", "like 512x512"},
        {"--shapes 512x512,", "like 512x512"},
        {"--shapes 512x512x3", "like 512x512"},
        {"--shapes 99999999999999999999x3", "like 512x512"},
        {"--bits 0", "from 1 to 8"},
        {"--bits 4-2", "like 1-4"},
        {"--bits 9", "from 1 to 8"},
        {"--columns 65", "--columns takes numbers from 1 to 64"},
        {"--columns ''", "--columns"},
        {"--arith f32", "there is no 'f32'"},
        {"--alpha some", "uniform"},
        {"--group 48", "multiples of 32"},
        {"--group row,", "multiples of 32"},
        {"--group ''", "multiples of 32"},
        {"--isa mmx", "unknown device 'mmx'"},
        {"--mode warm", "resident"},
        {"--peers gemm", "onednn-int8"},
        {"--seconds 0", "--seconds"},
        {"--seconds -1", "--seconds"},
        {"--seed -1", "--seed"},
        {"--json --csv", "exclude each other"},
        {"--model $T/absent.lwm", "absent.lwm"},
        {"512x512", "too many arguments"},
    };
    char line[256];
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        snprintf(line, sizeof line, "$LUTWIDGE bench %s", wrong[i][0]);
        shell_expect(line, strstr(wrong[i][0], "absent") ? LW_FAILED : LW_USAGE, wrong[i][1]);
    }
}
