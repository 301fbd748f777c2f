/* The report: one page that is complete, harmless and small. A browser looks at it in
 * tests/long/report. */
#include "tests/databases.h"
#include "tests/filled.h"

#include "profiles/report.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(report, .init = database_setup, .fini = database_teardown);

static char *make_page(size_t *bytes)
{
    struct lw_database *database;
    struct lw_error error = {0};
    char *page;
    cr_assert_eq(lw_database_open_read_only(database_path, &database, &error), LW_OK, "%s",
                 error.text);
    FILE *stream = open_memstream(&page, bytes);
    cr_assert_eq(lw_report_write(database, "my.db", stream, &error), LW_OK, "%s", error.text);
    fclose(stream);
    lw_database_close(database);
    return page;
}

/* The data that the page carries. */
static json_t *read_data(const char *page)
{
    static const char open[] = "<script type=\"application/json\" id=\"data\">";
    json_error_t error;
    const char *begin = strstr(page, open);
    cr_assert_not_null(begin);
    begin += strlen(open);
    const char *end = strstr(begin, "</script>");
    cr_assert_not_null(end);
    json_t *data = json_loadb(begin, (size_t)(end - begin), 0, &error);
    cr_assert_not_null(data, "%s at %d", error.text, error.position);
    return data;
}

static size_t count(const char *page, const char *what)
{
    size_t times = 0;
    for (const char *at = page; (at = strstr(at, what)); at++)
        times++;
    return times;
}

Test(report, an_empty_database_names_the_commands_that_fill_it)
{
    const char *name;
    json_t *section;
    size_t bytes, sections = 0;
    lw_database_close(database_open());
    char *page = make_page(&bytes);
    json_t *data = read_data(page);
    json_object_foreach(data, name, section)
    {
        if (strcmp(name, "about") == 0)
            continue;
        const char *fills = json_string_value(json_object_get(section, "fills"));
        cr_expect_eq(json_array_size(json_object_get(section, "rows")), 0, "%s", name);
        cr_expect(fills && strncmp(fills, "lutwidge ", 9) == 0 && strstr(fills, "--db my.db"), "%s",
                  name);
        sections++;
    }
    cr_expect_eq(sections, 10);
    json_decref(data);
    free(page);
}

Test(report, every_section_has_rows)
{
    static const struct filling small = {.models = 2,
                                         .layers = 2,
                                         .plans = 20,
                                         .scored = 5,
                                         .kernels = 9,
                                         .simulations = 2,
                                         .targets = 1};
    const char *name;
    json_t *section;
    size_t bytes;
    database_fill(&small);
    char *page = make_page(&bytes);
    json_t *data = read_data(page);
    json_object_foreach(data, name, section) if (strcmp(name, "about") != 0)
        cr_expect_gt(json_array_size(json_object_get(section, "rows")), 0, "%s", name);
    json_decref(data);
    cr_expect_eq(bytes, strlen(page));
    cr_expect_null(strstr(page, "@DATA@"));
    cr_expect_eq(count(page, "</html>"), 1);
    free(page);
}

/* What the two plans are told apart by: a code in the data costs on each device what was measured
 * last, words of unlike classes by their shares, and the sums over all parts are those of the rows.
 */
Test(report, codes_cost_what_their_rows_say)
{
    static const struct filling small = {.models = 1,
                                         .layers = 2,
                                         .plans = 4,
                                         .scored = 1,
                                         .kernels = 1,
                                         .simulations = 1,
                                         .targets = 1};
    struct lw_database *database;
    struct lw_answer answer;
    struct lw_error error = {0};
    size_t bytes, i;
    json_t *row, *modes;
    database_fill(&small);
    /* What an older maker measured does not count. */
    database_raw(
        "INSERT INTO part_costs SELECT NULL, time_utc, run_id, model_hash, device, 'older', "
        "source_words, target_words, part, bits, alpha, group_columns, 1, unit, "
        "memory_bytes, NULL, energy_pj FROM part_costs; UPDATE part_costs SET id = -id WHERE maker "
        "= "
        "'older'");
    char *page = make_page(&bytes);
    json_t *data = read_data(page);
    cr_assert_eq(lw_database_open_read_only(database_path, &database, &error), LW_OK);
    json_array_foreach(json_object_get(json_object_get(data, "choices"), "rows"), i, row)
    {
        const char *bits = json_string_value(json_object_get(row, "bits"));
        cr_expect(json_is_number(json_object_get(row, "ms")), "%s", bits);
        cr_expect_gt(json_number_value(json_object_get(row, "ms")), 0.0009, "%s", bits);
        if (strcmp(bits, "4,3,3,2,2") == 0 &&
            strcmp(json_string_value(json_object_get(row, "device")), "host") == 0)
            cr_expect_float_eq(json_number_value(json_object_get(row, "ms")) * 1e6,
                               2350 + json_number_value(json_object_get(row, "group_columns")),
                               1e-6);
    }
    cr_expect_gt(i, 20);
    modes = json_object_get(json_object_get(data, "modes"), "rows");
    cr_expect_eq(json_array_size(modes), 2 * 21);
    json_array_foreach(modes, i, row)
    {
        char sql[512], *sum;
        size_t length;
        struct lw_question question = LW_QUESTION(NULL, sql);
        snprintf(sql, sizeof sql,
                 "SELECT round(device_ms(device, sum(cost)), 9) FROM part_costs WHERE maker <> "
                 "'older' AND device = '%s' AND bits = '%lld' AND alpha = '%s' AND group_columns = "
                 "%lld",
                 json_string_value(json_object_get(row, "device")),
                 json_integer_value(json_object_get(row, "bits")),
                 json_string_value(json_object_get(row, "alpha")),
                 json_integer_value(json_object_get(row, "group_columns")));
        FILE *stream = open_memstream(&sum, &length);
        cr_assert_eq(lw_database_ask(database, &question, LW_OUTPUT_CSV, stream, &answer, &error),
                     LW_OK, "%s", error.text);
        fclose(stream);
        cr_expect_float_eq(json_number_value(json_object_get(row, "ms")),
                           atof(strchr(sum, '\n') + 1), 1e-8, "%s", sql);
        cr_expect(json_is_number(json_object_get(row, "nats")));
        free(sum);
    }
    lw_database_close(database);
    json_decref(data);
    free(page);
}

/* Models and commands are named by whoever ran them. */
Test(report, text_of_the_database_cannot_leave_its_place)
{
    static const char hostile[] = "</script><script>alert(1)</script><!-- \"\\ @JS@ ü \xe2\x80\xa8";
    struct lw_run run = LW_RUN_UNKNOWN;
    struct lw_error error = {0};
    size_t bytes;
    lw_database_close(database_open());
    char *empty = make_page(&bytes);
    struct lw_database *database = database_open();
    run.verb = "translate";
    run.command = hostile;
    run.model = hostile;
    run.lines_per_s = 3;
    run.size_bytes = 5;
    run.bleu = 4;
    cr_assert_eq(lw_database_add_run(database, &run, &error), LW_OK, "%s", error.text);
    lw_database_close(database);
    char *page = make_page(&bytes);
    cr_expect_eq(count(page, "<script"), count(empty, "<script"));
    cr_expect_eq(count(page, "</script"), count(empty, "</script"));
    cr_expect_eq(count(page, "<!--"), count(empty, "<!--"));
    json_t *data = read_data(page);
    const json_t *row =
        json_array_get(json_object_get(json_object_get(data, "deployments"), "rows"), 0);
    cr_expect_str_eq(json_string_value(json_object_get(row, "command")), hostile);
    cr_expect_str_eq(json_string_value(json_object_get(row, "model")), hostile);
    json_decref(data);
    free(empty);
    free(page);
}

/* Nothing is fetched: the page may load data: alone, and names no other place. */
Test(report, the_page_stands_alone)
{
    size_t bytes;
    lw_database_close(database_open());
    char *page = make_page(&bytes);
    cr_expect_not_null(strstr(page, "content=\"default-src 'none'; script-src 'unsafe-inline'; "
                                    "style-src 'unsafe-inline'; img-src data:\""));
    cr_expect_eq(count(page, " src="), 0);
    cr_expect_eq(count(page, "@import"), 0);
    cr_expect_eq(count(page, "url("), 0);
    free(page);
}

Test(report, the_page_stays_small)
{
    static const struct filling large = {.models = 3,
                                         .layers = 6,
                                         .plans = 1500,
                                         .scored = 900,
                                         .kernels = 3000,
                                         .simulations = 200,
                                         .targets = 9};
    size_t bytes;
    database_fill(&large);
    /* Commands of a thousand characters: fewer of their rows fit. */
    database_raw("UPDATE runs SET command = printf('%1000s', command)");
    char *page = make_page(&bytes);
    cr_expect_lt(bytes, 3000000);
    json_t *data = read_data(page);
    cr_expect_gt(json_array_size(json_object_get(json_object_get(data, "deployments"), "rows")),
                 200);
    json_decref(data);
    free(page);
}
