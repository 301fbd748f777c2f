/* The named questions: what each answers of made-up rows, and of none. */
#include "tests/databases.h"
#include "tests/filled.h"

#include "profiles/database_questions.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(questions, .init = database_setup, .fini = database_teardown);

static const struct filling small = {.models = 2,
                                     .layers = 2,
                                     .plans = 60,
                                     .scored = 20,
                                     .kernels = 30,
                                     .simulations = 3,
                                     .targets = 3};

static enum lw_status ask(const struct lw_question *question, enum lw_output output, char **text,
                          struct lw_answer *answer, struct lw_error *error)
{
    struct lw_database *database;
    size_t bytes;
    cr_assert_eq(lw_database_open_read_only(database_path, &database, error), LW_OK, "%s",
                 error->text);
    FILE *stream = open_memstream(text, &bytes);
    enum lw_status status = lw_database_ask(database, question, output, stream, answer, error);
    fclose(stream);
    lw_database_close(database);
    return status;
}

static json_t *ask_rows(const struct lw_question *question)
{
    struct lw_answer answer;
    struct lw_error error = {0};
    char *text;
    cr_assert_eq(ask(question, LW_OUTPUT_JSON, &text, &answer, &error), LW_OK, "%s", error.text);
    json_t *rows = json_loads(text, 0, NULL);
    cr_assert_eq(json_array_size(rows), answer.rows, "%s", text);
    free(text);
    return rows;
}

static double figure(const json_t *row, const char *name)
{
    return json_number_value(json_object_get(row, name));
}

static const char *word(const json_t *row, const char *name)
{
    return json_string_value(json_object_get(row, name));
}

Test(questions, each_says_of_an_empty_database_what_fills_it)
{
    lw_database_close(database_open());
    for (size_t i = 0; i < lw_named_query_count; i++) {
        struct lw_question question = LW_QUESTION(lw_named_queries[i].name, NULL);
        struct lw_answer answer;
        struct lw_error error = {0};
        char *text;
        for (int output = LW_OUTPUT_TABLE; output <= LW_OUTPUT_CSV; output++) {
            cr_expect_eq(ask(&question, (enum lw_output)output, &text, &answer, &error), LW_OK,
                         "%s: %s", question.name, error.text);
            cr_expect_eq(answer.rows, 0, "%s: %s", question.name, text);
            cr_assert_not_null(answer.fills, "%s", question.name);
            free(text);
        }
    }
}

Test(questions, each_answers)
{
    database_fill(&small);
    for (size_t i = 0; i < lw_named_query_count; i++) {
        struct lw_question question = LW_QUESTION(lw_named_queries[i].name, NULL);
        struct lw_answer answer;
        struct lw_error error = {0};
        char *text;
        if (strcmp(question.name, "diff") == 0) {
            question.first = "p1";
            question.second = "p5";
        }
        for (int output = LW_OUTPUT_TABLE; output <= LW_OUTPUT_CSV; output++) {
            cr_expect_eq(ask(&question, (enum lw_output)output, &text, &answer, &error), LW_OK,
                         "%s: %s", question.name, error.text);
            cr_expect_gt(answer.rows, 0, "%s", question.name);
            cr_expect_geq(answer.all, answer.rows, "%s", question.name);
            free(text);
        }
    }
}

Test(questions, tables_show_the_last_rows_and_data_all)
{
    database_fill(&small);
    struct lw_question question = LW_QUESTION("kernels", NULL);
    struct lw_answer answer;
    struct lw_error error = {0};
    char *text;
    question.last = 7;
    cr_assert_eq(ask(&question, LW_OUTPUT_TABLE, &text, &answer, &error), LW_OK, "%s", error.text);
    cr_expect_eq(answer.rows, 7);
    cr_expect_eq(answer.all, small.kernels);
    free(text);
    json_t *rows = ask_rows(&question);
    cr_expect_eq(json_array_size(rows), small.kernels);
    json_decref(rows);
}

/* a is not worse than b in any figure, of the same model, text, kind and device. */
static bool beats(const json_t *a, const json_t *b)
{
    static const char *const keys[] = {"model_hash", "source_hash", "what", "device"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (!json_equal(json_object_get(a, keys[i]), json_object_get(b, keys[i])))
            return false;
    return figure(a, "size_bytes") <= figure(b, "size_bytes") &&
           figure(a, "ms") <= figure(b, "ms") && figure(a, "bleu") >= figure(b, "bleu");
}

Test(questions, the_pareto_front_is_what_nothing_beats)
{
    size_t i, j, fronts = 0;
    json_t *a, *b;
    database_fill(&small);
    struct lw_question question = LW_QUESTION("pareto", NULL);
    json_t *rows = ask_rows(&question);
    cr_assert_gt(json_array_size(rows), 100);
    json_array_foreach(rows, i, a)
    {
        size_t equals = 0, beaten = 0;
        json_array_foreach(rows, j, b)
        {
            if (i == j || !beats(b, a))
                continue;
            if (beats(a, b))
                equals++;
            else
                beaten++;
        }
        fronts += !beaten;
        /* Of equals one may stand for all. */
        if (!equals)
            cr_expect_eq(figure(a, "beaten"), beaten > 0, "%s on %s", word(a, "deployment"),
                         word(a, "device"));
    }
    cr_expect(fronts > 4 && fronts < json_array_size(rows));
    json_decref(rows);
}

Test(questions, the_best_keep_to_all_limits)
{
    size_t i;
    json_t *row;
    database_fill(&small);
    struct lw_question question = LW_QUESTION("best", NULL);
    question.max_size_bytes = 2.6e6;
    question.max_latency_ms = 0.19;
    question.device = "host";
    json_t *rows = ask_rows(&question);
    cr_assert_gt(json_array_size(rows), 2);
    json_array_foreach(rows, i, row)
    {
        cr_expect_leq(figure(row, "size_bytes"), 2.6e6);
        cr_expect_leq(figure(row, "ms"), 0.19);
        cr_expect_str_eq(word(row, "device"), "host");
        if (i)
            cr_expect_leq(figure(row, "bleu"), figure(json_array_get(rows, i - 1), "bleu"));
    }
    json_decref(rows);
    question.max_latency_ms = NAN;
    question.max_drop = 10;
    rows = ask_rows(&question);
    json_array_foreach(rows, i, row)
    {
        cr_expect_geq(figure(row, "bleu_change"), -10);
        if (i)
            cr_expect_geq(figure(row, "size_bytes"),
                          figure(json_array_get(rows, i - 1), "size_bytes"));
    }
    json_decref(rows);
}

Test(questions, limits_that_nothing_meets_name_the_extremes)
{
    database_fill(&small);
    struct lw_question question = LW_QUESTION("best", NULL);
    struct lw_answer answer;
    struct lw_error error = {0};
    char *text;
    question.max_size_bytes = 1000;
    cr_expect_eq(ask(&question, LW_OUTPUT_TABLE, &text, &answer, &error), LW_INFEASIBLE);
    cr_expect_not_null(strstr(error.text, "the smallest has"), "%s", error.text);
    free(text);
}

Test(questions, deployments_differ_where_their_codes_do)
{
    size_t i, parts = 0;
    json_t *row;
    database_fill(&small);
    struct lw_question question = LW_QUESTION("diff", NULL);
    question.first = "p1";
    question.second = "p5";
    json_t *rows = ask_rows(&question);
    bool size = false, host = false;
    json_array_foreach(rows, i, row)
    {
        size |= strcmp(word(row, "what"), "size MB") == 0;
        host |= strcmp(word(row, "what"), "ms on host") == 0;
        if (json_is_string(json_object_get(row, "first"))) {
            parts++;
            cr_expect_str_neq(word(row, "first"), word(row, "second"));
        }
    }
    cr_expect(size && host);
    cr_expect_gt(parts, 4);
    json_decref(rows);

    struct lw_answer answer;
    struct lw_error error = {0};
    char *text;
    question.second = "p99999";
    cr_expect_eq(ask(&question, LW_OUTPUT_TABLE, &text, &answer, &error), LW_USAGE);
    cr_expect_not_null(strstr(error.text, "'p99999'"), "%s", error.text);
    free(text);
}

/* Codes are named by place: the order of the view must be that of lw_parts_list. */
Test(questions, parts_stand_in_the_order_of_plans)
{
    database_fill(&small);
    database_expect(NULL,
                    "SELECT group_concat(part, ' ') AS parts FROM (SELECT part FROM parts_view "
                    "WHERE model_hash = printf('%032x', 1) ORDER BY place LIMIT 14)",
                    LW_OUTPUT_CSV,
                    "parts\nembedding encoder.0.self.q+k+v encoder.0.self.o encoder.0.ffn.fc1 "
                    "encoder.0.ffn.fc2 encoder.1.self.q+k+v encoder.1.self.o encoder.1.ffn.fc1 "
                    "encoder.1.ffn.fc2 decoder.0.self.q+k+v decoder.0.self.o decoder.0.cross.q "
                    "decoder.0.cross.k+v decoder.0.cross.o\n");
}

Test(questions, a_run_stands_beside_the_one_before)
{
    struct lw_run run = LW_RUN_UNKNOWN;
    struct lw_error error = {0};
    struct lw_database *database = database_open();
    run.verb = "translate";
    run.command = "lutwidge translate m";
    run.model = "m";
    run.bits = 3;
    for (int i = 1; i <= 3; i++) {
        run.lines_per_s = 10 * i;
        run.bits = i == 2 ? 2 : 3;
        cr_assert_eq(lw_database_add_run(database, &run, &error), LW_OK, "%s", error.text);
    }
    lw_database_close(database);
    struct lw_question question = LW_QUESTION("history", NULL);
    json_t *rows = ask_rows(&question);
    cr_expect(json_is_null(json_object_get(json_array_get(rows, 1), "before_id")));
    cr_expect_eq(figure(json_array_get(rows, 2), "before_id"), 1);
    cr_expect_float_eq(figure(json_array_get(rows, 2), "times_faster"), 3, 1e-12);
    json_decref(rows);
}

/* Filled costs are some multiple of the bits and the columns of a group. */
Test(questions, scales_say_what_groups_cost)
{
    struct lw_question question = LW_QUESTION("scales", NULL);
    database_fill(&small);
    json_t *rows = ask_rows(&question);
    cr_assert_eq(json_array_size(rows), 2 * 2 * (3 + 3 * 6), "models, devices and codes");
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        double parts = 1 + 11 * 2, added = parts * figure(row, "group_columns");
        cr_expect_float_eq(figure(row, "over_rows"), added / (figure(row, "cost") - added), 1e-9);
        cr_expect_eq(json_is_null(json_object_get(row, "energy_pj")),
                     strcmp(word(row, "device"), "host") == 0);
    }
    json_decref(rows);
    database_raw("DELETE FROM part_costs WHERE part = 'embedding' AND group_columns = 64");
    rows = ask_rows(&question); /* sums of some of the parts do not compare */
    cr_expect_eq(json_array_size(rows), 2 * 2 * (2 + 3 * 4));
    json_decref(rows);
}
