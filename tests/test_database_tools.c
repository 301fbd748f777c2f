/* Databases checked, merged and exported. */
#include "tests/databases.h"
#include "tests/filled.h"

#include "profiles/database_tools.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char other_path[96];

static void setup(void)
{
    database_setup();
    snprintf(other_path, sizeof other_path, "%s/other.db", database_folder);
}

static void teardown(void)
{
    unlink(other_path);
    database_teardown();
}

TestSuite(database_tools, .init = setup, .fini = teardown);

static const struct filling small = {.models = 2,
                                     .layers = 1,
                                     .plans = 5,
                                     .scored = 9,
                                     .kernels = 4,
                                     .simulations = 2,
                                     .targets = 2};

/* The database so far becomes the other one, and there is none any more. */
static void put_aside(void)
{
    cr_assert_eq(rename(database_path, other_path), 0);
}

static struct lw_database_merge merge(void)
{
    struct lw_database *database = database_open();
    struct lw_database_merge merge;
    struct lw_error error = {0};
    cr_assert_eq(lw_database_merge(database, other_path, &merge, &error), LW_OK, "%s", error.text);
    lw_database_close(database);
    return merge;
}

static struct lw_database_check check(void)
{
    struct lw_database_check check;
    struct lw_error error = {0};
    cr_assert_eq(lw_database_check(database_path, &check, &error), LW_OK, "%s", error.text);
    return check;
}

static char *export_all(void)
{
    struct lw_database *database = database_open();
    struct lw_error error = {0};
    char *text;
    size_t bytes;
    FILE *stream = open_memstream(&text, &bytes);
    cr_assert_eq(lw_database_export(database, NULL, LW_OUTPUT_LINES, stream, &error), LW_OK, "%s",
                 error.text);
    fclose(stream);
    lw_database_close(database);
    return text;
}

Test(database_tools, a_merge_into_nothing_is_a_copy_and_a_second_one_changes_nothing)
{
    database_fill(&small);
    char *before = export_all();
    size_t rows = check().rows;
    put_aside();
    struct lw_database_merge first = merge(), second = merge();
    cr_expect_eq(first.added, rows);
    cr_expect_eq(first.replaced, 0);
    cr_expect_eq(second.added, 0);
    cr_expect_eq(second.replaced, 0);
    char *after = export_all();
    cr_expect_str_eq(before, after);
    free(before);
    free(after);
}

Test(database_tools, merges_of_overlapping_files_hold_each_row_once)
{
    struct filling more = small;
    more.models = 3;
    more.kernels = 9;
    database_fill(&small);
    size_t rows = check().rows;
    put_aside();
    database_fill(&more);
    size_t all = check().rows;
    cr_assert_gt(all, rows);
    struct lw_database_merge one = merge();
    cr_expect_eq(one.added, 0);
    cr_expect_eq(check().rows, all);
}

/* Equal runs within a second are several; their measurements stay with them. */
Test(database_tools, references_follow_their_rows)
{
    database_fill(&small);
    put_aside();
    database_raw_file("profiles/schema_1.sql");
    unlink(database_path);
    struct lw_run run = LW_RUN_UNKNOWN;
    struct lw_error error = {0};
    struct lw_database *database = database_open();
    run.verb = "score";
    run.command = "lutwidge score";
    run.model = "mine";
    for (int i = 0; i < 3; i++)
        cr_assert_eq(lw_database_add_run(database, &run, &error), LW_OK, "%s", error.text);
    lw_database_close(database);
    merge();
    merge();
    database_expect(NULL,
                    "SELECT (SELECT count(*) FROM runs WHERE verb = 'score') AS mine, (SELECT "
                    "count(*) FROM part_losses_view WHERE command <> 'lutwidge profile ' || model) "
                    "AS strayed, (SELECT count(*) FROM part_losses_view) > 0 AS found",
                    LW_OUTPUT_CSV, "mine,strayed,found\n3,0,1\n");
    check();
}

Test(database_tools, what_did_not_fail_stays_and_then_what_is_later)
{
    database_fill(&small);
    put_aside();
    database_fill(&small);
    /* Here: one failed, one older, one later than there. */
    database_raw("UPDATE plan_costs SET cost = NULL, error = 'no' WHERE id = 1;"
                 "UPDATE plan_costs SET cost = 7, time_utc = '2025-01-01T00:00:00Z' WHERE id = 2;"
                 "UPDATE plan_costs SET cost = 8, time_utc = '2027-01-01T00:00:00Z' WHERE id = 3");
    struct lw_database_merge first = merge(), second = merge();
    cr_expect_eq(first.added, 0);
    cr_expect_eq(first.replaced, 2);
    cr_expect_eq(second.replaced, 0);
    database_expect(NULL,
                    "SELECT id, cost > 8 AS theirs, error FROM plan_costs WHERE id IN (1, 2, 3)",
                    LW_OUTPUT_CSV, "id,theirs,error\n1,1,\n2,1,\n3,0,\n");
}

Test(database_tools, a_run_takes_the_figures_of_its_end)
{
    database_fill(&small);
    size_t rows = check().rows;
    put_aside();
    database_fill(&small);
    database_raw("UPDATE runs SET seconds = NULL WHERE id = 1");
    struct lw_database_merge first = merge(), second = merge();
    cr_expect_eq(first.added, 0);
    cr_expect_eq(first.replaced, 1);
    cr_expect_eq(second.added + second.replaced, 0);
    cr_expect_eq(check().rows, rows);
    database_expect(NULL, "SELECT seconds FROM runs WHERE id = 1", LW_OUTPUT_CSV, "seconds\n9.0\n");
}

Test(database_tools, only_whole_databases_of_this_version_are_merged)
{
    struct lw_database_merge merge;
    struct lw_error error = {0};
    database_raw("CREATE TABLE recipes (name TEXT)");
    put_aside();
    struct lw_database *database = database_open();
    cr_expect_eq(lw_database_merge(database, other_path, &merge, &error), LW_CORRUPT);
    unlink(other_path);
    cr_expect_eq(lw_database_merge(database, other_path, &merge, &error), LW_FAILED);
    cr_expect_neq(access(other_path, F_OK), 0, "merging made a file");
    lw_database_close(database);
}

Test(database_tools, check_finds_what_is_wrong)
{
    struct lw_database_check found;
    struct lw_error error = {0};
    database_fill(&small);
    cr_expect_eq(check().version, 9);
    cr_expect_gt(check().rows, database_measurements());
    database_raw("PRAGMA foreign_keys = OFF; DELETE FROM models WHERE id = 1");
    cr_expect_eq(lw_database_check(database_path, &found, &error), LW_CORRUPT);
    cr_expect_not_null(strstr(error.text, "row 1 of runs refers to a row of models"), "%s",
                       error.text);
    unlink(database_path);

    database_fill(&small);
    database_raw("PRAGMA ignore_check_constraints = ON; UPDATE runs SET lines = -3 WHERE id = 3");
    cr_expect_eq(lw_database_check(database_path, &found, &error), LW_CORRUPT);
    cr_expect_not_null(strstr(error.text, "CHECK constraint failed in runs"), "%s", error.text);

    /* A page in the middle of the file. */
    FILE *stream = fopen(database_path, "r+");
    char noise[4096];
    memset(noise, 0xa5, sizeof noise);
    cr_assert_eq(fseek(stream, 10 * 4096, SEEK_SET), 0);
    cr_assert_eq(fwrite(noise, sizeof noise, 1, stream), 1);
    fclose(stream);
    cr_expect_eq(lw_database_check(database_path, &found, &error), LW_CORRUPT);
}

Test(database_tools, lines_are_objects_and_csv_is_the_same_numbers)
{
    database_fill(&small);
    char *text = export_all(), *save = NULL;
    size_t lines = 0;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        json_t *row = json_loads(line, 0, NULL);
        cr_assert(json_is_string(json_object_get(row, "row_of")), "%s", line);
        json_decref(row);
        lines++;
    }
    cr_expect_eq(lines, check().rows);
    free(text);
    database_expect(NULL, "SELECT 0.1 AS a, 1.0 / 3 AS b, 2.0 AS c, 0.1 + 0.2 AS d", LW_OUTPUT_CSV,
                    "a,b,c,d\n0.1,0.3333333333333333,2.0,0.30000000000000004\n");

    struct lw_database *database = database_open();
    struct lw_error error = {0};
    cr_expect_eq(lw_database_export(database, "recipes", LW_OUTPUT_CSV, stdout, &error), LW_USAGE);
    cr_expect_not_null(strstr(error.text, "part_losses"), "%s", error.text);
    lw_database_close(database);
}

/* Costs that were there before energies and peaks are known stay, without them. */
Test(database_tools, version_8_becomes_the_latest_and_keeps_its_costs)
{
    char name[64];
    for (int version = 1; version <= 8; version++) {
        snprintf(name, sizeof name, "profiles/schema_%d.sql", version);
        database_raw_file(name);
    }
    database_raw("PRAGMA user_version = 8;"
                 "INSERT INTO machines VALUES (1, 'cpu', 'x86_64', 2, '6.1');"
                 "INSERT INTO runs (id, time_utc, verb, command, tool_version, compiler, "
                 "machine_id) VALUES (7, '2026-01-31T12:00:00Z', 'profile', 'lutwidge profile', "
                 "'0.1.0', 'clang', 1);"
                 "INSERT INTO plan_costs VALUES (NULL, '2026-01-31T12:00:00Z', 7, "
                 "printf('%032d', 1), 'host', 'maker', 3, 4, '2/f', 5, 'ns', 6, 7, NULL);"
                 "INSERT INTO part_costs VALUES (NULL, '2026-01-31T12:00:00Z', 7, "
                 "printf('%032d', 1), 'lut-mobile', 'maker', 3, 4, 'embedding', '2', 'free', 0, 5, "
                 "'cycles', 6, NULL)");
    lw_database_close(database_open());
    cr_expect_eq(check().version, 9);
    database_expect(NULL,
                    "SELECT run_id, plan, cost, energy_pj, peak_memory_bytes FROM plan_costs_view",
                    LW_OUTPUT_CSV, "run_id,plan,cost,energy_pj,peak_memory_bytes\n7,2/f,5.0,,\n");
    database_expect(NULL, "SELECT part, cost, memory_bytes, energy_pj FROM part_costs_view",
                    LW_OUTPUT_CSV, "part,cost,memory_bytes,energy_pj\nembedding,5.0,6,\n");
}
