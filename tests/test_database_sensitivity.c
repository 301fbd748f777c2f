/* Points are kept once, and files of version 1 become the latest version. */
#include "profiles/database_sensitivity.h"
#include "tests/databases.h"

#include <criterion/criterion.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(database_sensitivity, .init = database_setup, .fini = database_teardown);

static const struct lw_sensitivity_subject subject = {"0123456789abcdef0123456789abcdef",
                                                      "1123456789abcdef0123456789abcdef",
                                                      "2123456789abcdef0123456789abcdef", 200};

static struct lw_sensitivity_point point_at(const char *target, const char *kind, unsigned bits)
{
    struct lw_sensitivity_point point = {.choice = {.bits = bits, .fit = LW_FIT_ALTERNATING}};
    snprintf(point.target.name, sizeof point.target.name, "%s", target);
    snprintf(point.target.kind, sizeof point.target.kind, "%s", kind);
    return point;
}

static const struct lw_sensitivity_figures example = {.matrices = 4,
                                                      .weights = 1000,
                                                      .code_bytes = 300,
                                                      .weight_error = 0.25,
                                                      .output_error = 0.125,
                                                      .fp32 = {1.5, 36},
                                                      .coded = {2.75, 30.5},
                                                      .seconds = 3};

static int64_t start_run(struct lw_database *database)
{
    struct lw_error error = {0};
    struct lw_run run = LW_RUN_UNKNOWN;
    int64_t id;
    run.verb = "profile";
    run.command = "lutwidge profile m";
    run.model = "m";
    run.model_hash = subject.model_hash;
    cr_assert_eq(lw_database_start_run(database, &run, &id, &error), LW_OK, "%s", error.text);
    return id;
}

static void add(struct lw_database *database, int64_t run, const struct lw_sensitivity_point *point,
                const struct lw_sensitivity_figures *figures, const char *failure)
{
    struct lw_error error = {0};
    cr_assert_eq(lw_database_add_sensitivity(database, run, &subject, point, "blas", figures,
                                             failure, &error),
                 LW_OK, "%s", error.text);
}

static enum lw_sensitivity_state state_of(struct lw_database *database,
                                          const struct lw_sensitivity_point *point)
{
    enum lw_sensitivity_state state;
    struct lw_error error = {0};
    cr_assert_eq(lw_database_sensitivity_state(database, &subject, point, &state, &error), LW_OK,
                 "%s", error.text);
    return state;
}

Test(database_sensitivity, a_point_is_kept_once_in_its_last_state)
{
    struct lw_database *database = database_open();
    struct lw_sensitivity_point point = point_at("encoder.self", "encoder.self", 2), other = point;
    struct lw_sensitivity_figures figures = example;
    int64_t run = start_run(database);
    cr_expect_eq(state_of(database, &point), LW_POINT_ABSENT);
    add(database, run, &point, &figures, "no luck");
    cr_expect_eq(state_of(database, &point), LW_POINT_FAILED);
    database_expect(NULL, "SELECT error, seconds, weights, bleu FROM sensitivities_view",
                    LW_OUTPUT_CSV, "error,seconds,weights,bleu\nno luck,3.0,,\n");
    figures.coded.bleu = figures.fp32.bleu = NAN;
    add(database, run, &point, &figures, NULL);
    cr_expect_eq(state_of(database, &point), LW_POINT_UNTRANSLATED);
    add(database, run, &point, &example, NULL);
    cr_expect_eq(state_of(database, &point), LW_POINT_WHOLE);
    /* Each part of the key makes another point. */
    other.choice.bits = 3;
    cr_expect_eq(state_of(database, &other), LW_POINT_ABSENT);
    other = point;
    other.choice.alpha = LW_ALPHA_UNIFORM;
    cr_expect_eq(state_of(database, &other), LW_POINT_ABSENT);
    other = point;
    other.choice.group = 64;
    cr_expect_eq(state_of(database, &other), LW_POINT_ABSENT);
    other = point;
    other.choice.fit = LW_FIT_GREEDY;
    cr_expect_eq(state_of(database, &other), LW_POINT_ABSENT);
    other = point_at("encoder.0.self.q", "encoder.self", 2);
    cr_expect_eq(state_of(database, &other), LW_POINT_ABSENT);
    database_expect(
        NULL,
        "SELECT model, lines, kind, target, bits, alpha, group_columns, fit, products, "
        "matrices, weights, code_bytes, weight_error, output_error, nats_a_word_change, "
        "bleu_change, seconds, error FROM sensitivities_view",
        LW_OUTPUT_CSV,
        "model,lines,kind,target,bits,alpha,group_columns,fit,products,matrices,weights,"
        "code_bytes,weight_error,output_error,nats_a_word_change,bleu_change,seconds,"
        "error\nm,200,encoder.self,encoder.self,2,free,0,alternating,blas,4,1000,300,0.25,"
        "0.125,1.25,-5.5,3.0,\n");
    lw_database_close(database);
}

Test(database_sensitivity, a_point_that_cannot_be_kept_leaves_what_was_there)
{
    struct lw_database *database = database_open();
    struct lw_sensitivity_point point = point_at("embedding", "embedding", 2);
    struct lw_sensitivity_figures figures = example;
    struct lw_error error = {0};
    int64_t run = start_run(database);
    add(database, run, &point, &example, NULL);
    figures.coded.bleu = 1234;
    cr_expect_eq(lw_database_add_sensitivity(database, run, &subject, &point, "blas", &figures,
                                             NULL, &error),
                 LW_FAILED);
    cr_expect_not_null(strstr(error.text, "bleu"), "%s", error.text);
    database_expect(NULL, "SELECT bleu FROM sensitivities", LW_OUTPUT_CSV, "bleu\n30.5\n");
    lw_database_close(database);
}

Test(database_sensitivity, the_digest_has_kinds_first_and_bits_as_columns)
{
    struct lw_database *database = database_open();
    struct lw_sensitivity_point points[] = {point_at("encoder.0.self.q", "encoder.self", 2),
                                            point_at("encoder.self", "encoder.self", 3),
                                            point_at("encoder.self", "encoder.self", 1),
                                            point_at("encoder.self", "encoder.self", 2)};
    struct lw_sensitivity_figures figures = example;
    int64_t run = start_run(database);
    points[3].choice.group = 64;
    for (size_t i = 0; i < 4; i++) {
        figures.coded = (struct lw_trial_result){2.5 + (double)i, 35 - (double)i};
        add(database, run, &points[i], &figures, i == 2 ? "no luck" : NULL);
    }
    database_expect(
        "sensitivity", NULL, LW_OUTPUT_TABLE,
        "model  lines  codes     target            nats 1  nats 2  nats 3  nats 4  BLEU 1 "
        " BLEU 2  BLEU 3  BLEU 4  failed\n"
        "m        200  free/row  encoder.self                        2.00                 "
        "          -2.00               1\n"
        "m        200  free/64   encoder.self                4.00                         "
        "  -4.00                        \n"
        "m        200  free/row  encoder.0.self.q            1.00                         "
        "  -1.00                        \n");
    lw_database_close(database);
}

Test(database_sensitivity, the_end_of_a_run_is_added)
{
    struct lw_database *database = database_open();
    struct lw_error error = {0};
    int64_t first = start_run(database), second = start_run(database);
    cr_expect_eq(lw_database_end_run(database, first, 12.5, 4096, &error), LW_OK, "%s", error.text);
    cr_expect_neq(first, second);
    database_expect(NULL, "SELECT seconds, peak_memory_bytes FROM runs_view", LW_OUTPUT_CSV,
                    "seconds,peak_memory_bytes\n12.5,4096\n,\n");
    lw_database_close(database);
}

/* A writer that dies with half of a transaction in the file. */
Test(database_sensitivity, what_a_killed_writer_left_is_rolled_back)
{
    struct lw_database *database = database_open();
    char journal[96];
    int code;
    start_run(database);
    lw_database_close(database);
    pid_t writer = fork();
    if (writer == 0) {
        sqlite3 *handle;
        sqlite3_open(database_path, &handle);
        code = sqlite3_exec(handle,
                            "PRAGMA cache_size = 2; BEGIN; WITH RECURSIVE many (n) AS (SELECT 1 "
                            "UNION ALL SELECT n + 1 FROM many WHERE n < 5000) INSERT INTO machines "
                            "(cpu, arch, cores, kernel) SELECT n, n, n, n FROM many",
                            NULL, NULL, NULL);
        _exit(code);
    }
    cr_assert_eq(waitpid(writer, &code, 0), writer);
    cr_assert_eq(code, 0);
    snprintf(journal, sizeof journal, "%s-journal", database_path);
    cr_assert_eq(access(journal, F_OK), 0, "nothing is left to roll back");
    database_expect(NULL, "SELECT count(*) AS n FROM machines", LW_OUTPUT_CSV, "n\n1\n");
}

/* A file as version 1 of the program left it, with one run; `more` is SQL run on it. */
static void write_version_1(const char *more)
{
    database_raw_file("profiles/schema_1.sql");
    database_raw("PRAGMA user_version = 1;"
                 "INSERT INTO machines VALUES (1, 'cpu', 'x86_64', 2, '6.1');"
                 "INSERT INTO models VALUES (1, 'm.lwm', '0123456789abcdef0123456789abcdef');"
                 "INSERT INTO runs (id, time_utc, verb, command, tool_version, compiler, "
                 "machine_id, model_id, bleu) VALUES (7, '2026-01-31T12:00:00Z', 'translate', "
                 "'lutwidge translate', '0.1.0', 'clang', 1, 1, 34.5)");
    database_raw(more);
}

static int version(void)
{
    sqlite3 *handle;
    sqlite3_stmt *statement;
    cr_assert_eq(sqlite3_open(database_path, &handle), SQLITE_OK);
    cr_assert_eq(sqlite3_prepare_v2(handle, "PRAGMA user_version", -1, &statement, NULL),
                 SQLITE_OK);
    cr_assert_eq(sqlite3_step(statement), SQLITE_ROW);
    int number = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(handle);
    return number;
}

Test(database_sensitivity, version_1_becomes_the_latest_and_keeps_its_rows)
{
    struct lw_database *database;
    struct lw_error error = {0};
    write_version_1("");
    cr_expect_eq(lw_database_open_read_only(database_path, &database, &error), LW_FAILED);
    cr_expect_not_null(strstr(error.text, "version 1"), "%s", error.text);
    cr_expect_eq(version(), 1);

    struct lw_sensitivity_point point = point_at("embedding", "embedding", 2);
    database = database_open();
    add(database, 7, &point, &example, NULL);
    database_expect(NULL, "SELECT id, model, bleu FROM runs_view", LW_OUTPUT_CSV,
                    "id,model,bleu\n7,m.lwm,34.5\n");
    database_expect(NULL, "SELECT run_id, model, cpu, target FROM sensitivities_view",
                    LW_OUTPUT_CSV, "run_id,model,cpu,target\n7,m.lwm,cpu,embedding\n");
    lw_database_close(database);
    cr_expect_eq(version(), 9);
    lw_database_close(database_open());
}

Test(database_sensitivity, a_migration_that_fails_changes_nothing)
{
    struct lw_database *database;
    struct lw_error error = {0};
    write_version_1("CREATE TABLE sensitivities_view (name TEXT)");
    cr_expect_eq(lw_database_open(database_path, &database, &error), LW_FAILED);
    cr_expect_null(database);
    cr_expect_not_null(strstr(error.text, "sensitivities_view"), "%s", error.text);
    cr_expect_eq(version(), 1);
    database_raw("CREATE TABLE sensitivities (none TEXT)"); /* no half of version 2 is there */
}
