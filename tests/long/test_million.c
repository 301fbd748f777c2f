/* A million rows of measurements: what each question and the report take. */
#include "tests/databases.h"
#include "tests/filled.h"

#include "profiles/database_questions.h"
#include "profiles/report.h"

#include <criterion/criterion.h>
#include <criterion/logging.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

TestSuite(million, .init = database_setup, .fini = database_teardown, .timeout = 600);

/* Twelve models of 67 parts with all their codes, 1,500 plans each. */
static const struct filling large = {.models = 12,
                                     .layers = 6,
                                     .plans = 1500,
                                     .scored = 500,
                                     .kernels = 150000,
                                     .simulations = 30000,
                                     .targets = 62000};

/* Of the processor: other work on the machine does not count. */
static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void answer(struct lw_database *database, const struct lw_named_query *query, FILE *sink)
{
    struct lw_question question = LW_QUESTION(query->name, NULL);
    struct lw_answer answer;
    struct lw_error error = {0};
    if (strcmp(query->name, "diff") == 0) {
        question.first = "p1";
        question.second = "p900";
    }
    question.last = 200; /* as the program has it */
    double start = seconds();
    cr_assert_eq(lw_database_ask(database, &question, LW_OUTPUT_TABLE, sink, &answer, &error),
                 LW_OK, "%s: %s", query->name, error.text);
    double taken = seconds() - start;
    cr_log_info("%-12s %6zu rows  %.3f s", query->name, answer.rows, taken);
    cr_expect_gt(answer.rows, 0, "%s", query->name);
    cr_expect_lt(taken, 1, "%s takes %.2f s", query->name, taken);
}

Test(million, each_question_takes_less_than_a_second_and_the_report_less_than_ten)
{
    struct lw_database *database;
    struct lw_error error = {0};
    database_fill(&large);
    cr_log_info("%zu rows of measurements", database_measurements());
    cr_assert_geq(database_measurements(), 1000000);
    cr_assert_eq(lw_database_open_read_only(database_path, &database, &error), LW_OK, "%s",
                 error.text);
    FILE *sink = fopen("/dev/null", "w");
    for (size_t i = 0; i < lw_named_query_count; i++)
        answer(database, &lw_named_queries[i], sink);
    fclose(sink);

    char *page;
    size_t bytes;
    FILE *stream = open_memstream(&page, &bytes);
    double start = seconds();
    cr_assert_eq(lw_report_write(database, "million.db", stream, &error), LW_OK, "%s", error.text);
    double taken = seconds() - start;
    fclose(stream);
    free(page);
    cr_log_info("%-12s %.2f MB  %.3f s", "report", (double)bytes / 1e6, taken);
    cr_expect_lt(taken, 10);
    cr_expect_lt(bytes, 3000000);
    lw_database_close(database);
}
