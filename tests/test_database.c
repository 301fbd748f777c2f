/* The database: what is written comes back, what is not ours is refused, queries only read. */
#include "tests/databases.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(database, .init = database_setup, .fini = database_teardown);

static struct lw_run example(void)
{
    struct lw_run run = LW_RUN_UNKNOWN;
    run.verb = "translate";
    run.command = "lutwidge translate 'my model.lwm' --beam 4";
    run.model = "my model.lwm";
    run.model_hash = "0123456789abcdef0123456789abcdef";
    run.input_hash = "fedcba9876543210fedcba9876543210";
    run.arith = "t8";
    run.kernels = "avx2";
    run.bits = 3;
    run.real_bits = 3.25;
    run.size_bytes = 3900000;
    run.beams = 4;
    run.lines = 500;
    run.seconds = 12.5;
    run.lines_per_s = 40;
    run.bleu = 34.5;
    return run;
}

static void add(const struct lw_run *run)
{
    struct lw_database *database = database_open();
    struct lw_error error = {0};
    cr_assert_eq(lw_database_add_run(database, run, &error), LW_OK, "%s", error.text);
    lw_database_close(database);
}

Test(database, a_run_comes_back_with_its_circumstances)
{
    struct lw_run run = example();
    struct lw_error error = {0};
    char *text;
    add(&run);
    cr_assert_eq(database_query("runs", NULL, LW_OUTPUT_JSON, &text, &error), LW_OK, "%s",
                 error.text);
    json_t *rows = json_loads(text, 0, NULL), *row = json_array_get(rows, 0);
    cr_assert_eq(json_array_size(rows), 1, "%s", text);
    cr_expect_str_eq(json_string_value(json_object_get(row, "command")), run.command);
    cr_expect_str_eq(json_string_value(json_object_get(row, "model")), run.model);
    cr_expect_str_eq(json_string_value(json_object_get(row, "model_hash")), run.model_hash);
    cr_expect_str_eq(json_string_value(json_object_get(row, "input_hash")), run.input_hash);
    cr_expect_str_eq(json_string_value(json_object_get(row, "tool_version")), LW_VERSION);
    cr_expect_eq(json_integer_value(json_object_get(row, "size_bytes")), 3900000);
    cr_expect_eq(json_integer_value(json_object_get(row, "lines")), 500);
    cr_expect_float_eq(json_real_value(json_object_get(row, "bleu")), 34.5, 0);
    cr_expect(json_is_null(json_object_get(row, "chrf")));
    cr_expect(json_is_null(json_object_get(row, "peak_memory_bytes")));
    cr_expect_gt(json_integer_value(json_object_get(row, "cores")), 0);
    static const char *const texts[] = {"cpu", "arch", "kernel", "compiler", "time_utc"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        cr_expect_gt(json_string_length(json_object_get(row, texts[i])), 0, "%s", texts[i]);
    json_decref(rows);
    free(text);
}

Test(database, machines_and_models_are_kept_once)
{
    struct lw_run run = example(), bare = LW_RUN_UNKNOWN;
    bare.verb = "score";
    bare.command = "lutwidge score";
    add(&run);
    add(&run);
    run.model_hash = NULL;
    add(&run);
    add(&run);
    add(&bare);
    database_expect(
        NULL,
        "SELECT (SELECT count(*) FROM machines) AS machines, "
        "(SELECT count(*) FROM models) AS models, count(*) AS runs, count(model) AS named "
        "FROM runs_view",
        LW_OUTPUT_CSV, "machines,models,runs,named\n1,2,5,4\n");
}

Test(database, translations_stand_beside_their_fp32_run)
{
    struct lw_run run = example();
    run.bits = 32;
    run.size_bytes = 39000000;
    run.lines_per_s = 10;
    run.peak_memory_bytes = 90e6;
    add(&run);
    run = example();
    run.peak_memory_bytes = 30e6;
    add(&run);
    run.beams = 1; /* no fp32 run is like this */
    add(&run);
    database_expect(NULL,
                    "SELECT fp32_id, times_smaller, times_faster, times_less_memory "
                    "FROM translations_view ORDER BY id",
                    LW_OUTPUT_CSV,
                    "fp32_id,times_smaller,times_faster,times_less_memory\n"
                    "1,1.0,1.0,1.0\n1,10.0,4.0,3.0\n,,,\n");
    struct lw_error error = {0};
    char *text;
    cr_assert_eq(database_query("translations", NULL, LW_OUTPUT_TABLE, &text, &error), LW_OK, "%s",
                 error.text);
    cr_expect_not_null(strstr(text, "times smaller"));
    cr_expect_not_null(strstr(text, "10.00"));
    free(text);
}

Test(database, output_formats)
{
    struct lw_run run = example();
    add(&run);
    const char *sql = "SELECT 'a,\"b' AS t, 1.5 AS r, 12 AS i, NULL AS n UNION ALL "
                      "SELECT 'ü' || char(10) || 'x', 0.0123456, -3, NULL";
    database_expect(NULL, sql, LW_OUTPUT_CSV,
                    "t,r,i,n\n\"a,\"\"b\",1.5,12,\n\"ü\nx\",0.0123456,-3,\n");
    database_expect(NULL, sql, LW_OUTPUT_JSON,
                    "[{\"t\": \"a,\\\"b\", \"r\": 1.5, \"i\": 12, \"n\": null},\n"
                    " {\"t\": \"ü\\nx\", \"r\": 0.0123456, \"i\": -3, \"n\": null}]\n");
    database_expect(NULL, sql, LW_OUTPUT_TABLE,
                    "t          r   i  n\n"
                    "a,\"b    1.50  12   \n"
                    "ü x   0.0123  -3   \n");
    database_expect(NULL, "SELECT 1 AS a WHERE 0", LW_OUTPUT_JSON, "[]\n");
    database_expect(NULL, "SELECT 1 AS a, 2 AS a", LW_OUTPUT_JSON, "[{\"a\": 1, \"a\": 2}]\n");
    struct lw_error error = {0};
    char *text;
    cr_expect_eq(database_query(NULL, "SELECT x'ff' AS b", LW_OUTPUT_JSON, &text, &error),
                 LW_FAILED);
    free(text);
}

Test(database, queries_only_read)
{
    static const char *const refused[] = {
        "DELETE FROM runs",
        "DROP TABLE runs",
        "UPDATE runs SET bleu = 99",
        "ATTACH '/tmp/lutwidge-attached.db' AS other",
        "VACUUM INTO '/tmp/lutwidge-vacuumed.db'",
        "PRAGMA user_version = 10",
        "SELECT 1; DELETE FROM runs",
        "SELEC",
        "SELECT nothing FROM runs",
        "",
        " ; ",
    };
    struct lw_run run = example();
    struct lw_error error = {0};
    char *text;
    add(&run);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        cr_expect_eq(database_query(NULL, refused[i], LW_OUTPUT_CSV, &text, &error), LW_USAGE, "%s",
                     refused[i]);
        cr_expect_str_empty(text ? text : "", "%s", refused[i]);
        free(text);
    }
    cr_expect_neq(access("/tmp/lutwidge-attached.db", F_OK), 0);
    cr_expect_neq(access("/tmp/lutwidge-vacuumed.db", F_OK), 0);
    cr_expect_eq(database_query("ran", NULL, LW_OUTPUT_CSV, &text, &error), LW_USAGE);
    cr_expect_not_null(strstr(error.text, "runs"), "%s", error.text);
    free(text);
    database_expect(NULL, "SELECT count(*) AS n, sum(bleu) AS b FROM runs", LW_OUTPUT_CSV,
                    "n,b\n1,34.5\n");
}

static void expect_refused(enum lw_status expected, const char *part)
{
    struct lw_database *database;
    struct lw_error error = {0};
    cr_expect_eq(lw_database_open(database_path, &database, &error), expected, "%s", error.text);
    cr_expect_not_null(strstr(error.text, part), "%s", error.text);
    cr_expect_null(database);
    cr_expect_eq(lw_database_open_read_only(database_path, &database, &error), expected, "%s",
                 error.text);
    cr_expect_null(database);
}

Test(database, refuses_newer_foreign_and_damaged_files)
{
    database_raw("CREATE TABLE recipes (name TEXT)");
    expect_refused(LW_CORRUPT, "not a Lutwidge database");
    expect_refused(LW_CORRUPT, database_path);
    unlink(database_path);

    database_raw("PRAGMA user_version = 3");
    expect_refused(LW_CORRUPT, "not a Lutwidge database");
    unlink(database_path);

    struct lw_run run = example();
    add(&run);
    database_raw("PRAGMA user_version = 1000");
    expect_refused(LW_CORRUPT, "version 1000");
    unlink(database_path);

    FILE *stream = fopen(database_path, "w");
    fputs("These are the voyages of a text file that is long enough for a header of SQLite, "
          "a hundred bytes at the least.\n",
          stream);
    fclose(stream);
    expect_refused(LW_CORRUPT, "not a Lutwidge database");
}

Test(database, an_empty_file_becomes_a_database_and_an_absent_one_is_not_read)
{
    struct lw_database *database;
    struct lw_error error = {0};
    cr_expect_eq(lw_database_open_read_only(database_path, &database, &error), LW_FAILED);
    cr_expect_neq(access(database_path, F_OK), 0, "reading made a file");
    fclose(fopen(database_path, "w"));
    cr_expect_eq(lw_database_open_read_only(database_path, &database, &error), LW_FAILED);
    struct lw_run run = example();
    add(&run);
    database_expect(NULL, "SELECT count(*) AS n FROM runs", LW_OUTPUT_CSV, "n\n1\n");
}

/* SQLite would take these for databases in memory, and the run would be lost in silence. */
Test(database, every_name_is_that_of_a_file)
{
    static const char *const names[] = {":memory:", "file:x?mode=memory"};
    struct lw_database *database;
    struct lw_error error = {0};
    cr_assert_eq(chdir(database_folder), 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        cr_assert_eq(lw_database_open(names[i], &database, &error), LW_OK, "%s", error.text);
        lw_database_close(database);
        cr_assert_eq(unlink(names[i]), 0, "%s is no file", names[i]);
    }
    cr_assert_eq(lw_database_open("", &database, &error), LW_FAILED);
    cr_assert_eq(chdir("/"), 0);
}

Test(database, the_schema_is_strict_and_known)
{
    struct lw_run run = example();
    add(&run);
    sqlite3 *handle;
    sqlite3_stmt *statement;
    cr_assert_eq(sqlite3_open(database_path, &handle), SQLITE_OK);
    cr_assert_eq(sqlite3_prepare_v2(handle,
                                    "SELECT (SELECT application_id FROM pragma_application_id), "
                                    "(SELECT user_version FROM pragma_user_version), "
                                    "(SELECT count(*) FROM pragma_table_list WHERE type = 'table' "
                                    "AND name NOT LIKE 'sqlite_%' AND NOT strict), "
                                    "(SELECT count(*) FROM pragma_foreign_key_check)",
                                    -1, &statement, NULL),
                 SQLITE_OK, "%s", sqlite3_errmsg(handle));
    cr_assert_eq(sqlite3_step(statement), SQLITE_ROW);
    cr_expect_eq(sqlite3_column_int(statement, 0), 0x4c574442);
    cr_expect_eq(sqlite3_column_int(statement, 1), 9);
    cr_expect_eq(sqlite3_column_int(statement, 2), 0, "a table is not STRICT");
    cr_expect_eq(sqlite3_column_int(statement, 3), 0);
    sqlite3_finalize(statement);
    cr_expect_neq(sqlite3_exec(handle, "UPDATE runs SET lines = 'many'", NULL, NULL, NULL),
                  SQLITE_OK);
    sqlite3_close(handle);
}

Test(database, refused_figures_leave_no_half_run)
{
    struct lw_database *database;
    struct lw_error error = {0};
    struct lw_run run = example();
    add(&run);
    run.bleu = 1234;
    run.model = "another";
    cr_assert_eq(lw_database_open(database_path, &database, &error), LW_OK, "%s", error.text);
    cr_expect_eq(lw_database_add_run(database, &run, &error), LW_FAILED);
    cr_expect_not_null(strstr(error.text, "bleu"), "%s", error.text);
    run.bleu = 12;
    cr_expect_eq(lw_database_add_run(database, &run, &error), LW_OK, "%s", error.text);
    lw_database_close(database);
    database_expect(NULL, "SELECT count(*) AS n FROM models", LW_OUTPUT_CSV, "n\n2\n");
}

Test(database, bytes_that_are_no_text_are_marked)
{
    struct lw_run run = example();
    run.command = "lutwidge translate \xff\xfe ü";
    add(&run);
    database_expect(NULL, "SELECT command FROM runs", LW_OUTPUT_CSV,
                    "command\nlutwidge translate ?? ü\n");
}

/* Processes that open the database at once and add `rows` runs each; all must succeed. */
static void write_from_many(size_t rows)
{
    enum { WRITERS = 6 };
    pid_t writers[WRITERS];
    for (size_t i = 0; i < WRITERS; i++) {
        writers[i] = fork();
        cr_assert_geq(writers[i], 0);
        if (writers[i] == 0) {
            struct lw_database *database;
            struct lw_run run = example();
            enum lw_status status = lw_database_open(database_path, &database, NULL);
            for (size_t n = 0; n < rows && status == LW_OK; n++)
                status = lw_database_add_run(database, &run, NULL);
            _exit((int)status);
        }
    }
    for (size_t i = 0; i < WRITERS; i++) {
        int code;
        cr_assert_eq(waitpid(writers[i], &code, 0), writers[i]);
        cr_expect_eq(code, 0, "writer %zu ended with %d", i, WEXITSTATUS(code));
    }
}

Test(database, many_writers)
{
    write_from_many(5);
    database_expect(NULL, "SELECT count(*) AS n FROM runs", LW_OUTPUT_CSV, "n\n30\n");
}

/* One of them makes it, between two looks of another, in some of the rounds. */
Test(database, many_may_make_it)
{
    for (int round = 0; round < 40; round++) {
        unlink(database_path);
        write_from_many(0);
    }
}
