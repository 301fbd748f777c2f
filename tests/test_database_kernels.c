/* Kernel measurements: each kernel once, by what made it; files of version 2 become the latest. */
#include "profiles/database_kernels.h"
#include "profiles/database_sensitivity.h"
#include "tests/databases.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

TestSuite(database_kernels, .init = database_setup, .fini = database_teardown);

static const struct lw_kernel_maker maker = {"0123456789abcdef", "clang version 19"};
static const struct lw_bench_case free_case = {.alpha = LW_ALPHA_FREE},
                                  uniform_case = {.alpha = LW_ALPHA_UNIFORM};

static struct lw_bench_row example(void)
{
    return (struct lw_bench_row){.kernel = &free_case,
                                 .spec = {.arith = LW_ARITH_T8,
                                          .rows = 512,
                                          .columns = 256,
                                          .bits = 2,
                                          .group = 64,
                                          .batch = 4,
                                          .isa = LW_ISA_AVX2},
                                 .mode = LW_BENCH_HOT,
                                 .ns = {11, 1000, 950, 1100},
                                 .calls = 30,
                                 .key_bytes = 32768,
                                 .on_core = 0.5,
                                 .peers_ns = {20000, 10000, NAN}};
}

static int64_t start_run(struct lw_database *database)
{
    struct lw_error error = {0};
    struct lw_run run = LW_RUN_UNKNOWN;
    int64_t id;
    run.verb = "bench";
    run.command = "lutwidge bench";
    cr_assert_eq(lw_database_start_run(database, &run, &id, &error), LW_OK, "%s", error.text);
    return id;
}

static void add(struct lw_database *database, int64_t run, const struct lw_kernel_maker *by,
                const struct lw_bench_row *row)
{
    struct lw_error error = {0};
    cr_assert_eq(lw_database_add_kernel(database, run, by, row, &error), LW_OK, "%s", error.text);
}

Test(database_kernels, a_kernel_comes_back_with_ratios_and_is_kept_once)
{
    struct lw_database *database = database_open();
    struct lw_bench_row row = example();
    int64_t run = start_run(database);
    add(database, run, &maker, &row);
    database_expect(
        NULL,
        "SELECT spec, alpha, mode, arith, m, k, bits, group_columns, n, isa, samples, "
        "calls, spread_percent, key_gb_per_s, times_openblas, times_onednn_f32, "
        "times_onednn_int8, on_core, generator, command FROM kernels_view",
        LW_OUTPUT_CSV,
        "spec,alpha,mode,arith,m,k,bits,group_columns,n,isa,samples,calls,spread_percent,"
        "key_gb_per_s,times_openblas,times_onednn_f32,times_onednn_int8,on_core,"
        "generator,command\n"
        "t8_m512_k256_b2_g64_n4_avx2,free,hot,t8,512,256,2,64,4,avx2,11,30,15.0,32.768,"
        "20.0,10.0,,0.5,0123456789abcdef,lutwidge bench\n");
    database_expect(
        "kernels", NULL, LW_OUTPUT_TABLE,
        "shape    bits  alpha    class  isa   N  mode  ns a call  spread %  key GB/s  x "
        "OpenBLAS  x oneDNN f32  x oneDNN int8\n"
        "512x256     2  free/64  t8     avx2  4  hot     1000.00     15.00     32.77       "
        "20.00         10.00               \n");
    row.ns.median = 960;
    add(database, start_run(database), &maker, &row);
    database_expect(NULL, "SELECT run_id, median_ns FROM kernels_view", LW_OUTPUT_CSV,
                    "run_id,median_ns\n2,960.0\n");
    lw_database_close(database);
}

Test(database_kernels, whatever_made_it_otherwise_is_another_row)
{
    struct lw_database *database = database_open();
    struct lw_bench_row row = example();
    int64_t run = start_run(database);
    struct lw_kernel_maker other = maker;
    add(database, run, &maker, &row);
    other.generator = "1123456789abcdef";
    add(database, run, &other, &row);
    other = maker;
    other.compiler = "clang version 20";
    add(database, run, &other, &row);
    row.kernel = &uniform_case;
    add(database, run, &maker, &row);
    row.mode = LW_BENCH_RESIDENT;
    add(database, run, &maker, &row);
    row.spec.batch = 1;
    add(database, run, &maker, &row);
    row.spec.isa = LW_ISA_C;
    add(database, run, &maker, &row);
    add(database, run, &maker, &row);
    database_expect(NULL, "SELECT count(*) AS n FROM kernels_view", LW_OUTPUT_CSV, "n\n7\n");
    lw_database_close(database);
}

Test(database_kernels, figures_that_cannot_be_are_refused)
{
    struct lw_database *database = database_open();
    struct lw_error error = {0};
    struct lw_bench_row row = example();
    int64_t run = start_run(database);
    row.ns.median = 0;
    cr_expect_eq(lw_database_add_kernel(database, run, &maker, &row, &error), LW_FAILED);
    cr_expect_not_null(strstr(error.text, "median_ns"), "%s", error.text);
    database_expect(NULL, "SELECT count(*) AS n FROM kernels_view", LW_OUTPUT_CSV, "n\n0\n");
    lw_database_close(database);
}

Test(database_kernels, version_2_becomes_the_latest_and_keeps_its_rows)
{
    struct lw_bench_row row = example();
    database_raw_file("profiles/schema_1.sql");
    database_raw_file("profiles/schema_2.sql");
    database_raw("PRAGMA user_version = 2;"
                 "INSERT INTO machines VALUES (1, 'cpu', 'x86_64', 2, '6.1');"
                 "INSERT INTO runs (id, time_utc, verb, command, tool_version, compiler, "
                 "machine_id) VALUES (7, '2026-01-31T12:00:00Z', 'score', 'lutwidge score', "
                 "'0.1.0', 'clang', 1)");
    struct lw_database *database;
    struct lw_error error = {0};
    cr_expect_eq(lw_database_open_read_only(database_path, &database, &error), LW_FAILED);
    cr_expect_not_null(strstr(error.text, "version 2"), "%s", error.text);
    database = database_open();
    add(database, 7, &maker, &row);
    database_expect(NULL, "SELECT run_id, cpu, command FROM kernels_view", LW_OUTPUT_CSV,
                    "run_id,cpu,command\n7,cpu,lutwidge score\n");
    database_expect(NULL, "SELECT id, verb FROM runs_view", LW_OUTPUT_CSV, "id,verb\n7,score\n");
    database_expect(NULL, "SELECT count(*) AS n FROM sensitivities_view", LW_OUTPUT_CSV, "n\n0\n");
    lw_database_close(database);
}
