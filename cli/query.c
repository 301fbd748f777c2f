/* lutwidge query: what the database holds. */
#include "cli/cli.h"

#include "cli/prefix.h"
#include "profiles/database.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LAST_ROWS = 200, MOST_QUERIES = 64 };

struct asked {
    char *path, *sql, *device, *size, *latency, *drop;
    int as_json, as_csv, last;
};

static enum lw_status parse_limits(const struct asked *asked, struct lw_question *question,
                                   struct lw_error *error)
{
    size_t bytes;
    char *end;
    enum lw_status status = LW_OK;
    if (asked->size) {
        status = cli_parse_bytes("--max-size", asked->size, &bytes, error);
        question->max_size_bytes = (double)bytes;
    }
    if (status == LW_OK && asked->latency)
        status = cli_parse_ms("--max-latency", asked->latency, &question->max_latency_ms, error);
    if (status == LW_OK && asked->drop) {
        question->max_drop = strtod(asked->drop, &end);
        if (end == asked->drop || *end || !(question->max_drop >= 0))
            status =
                lw_fail(error, LW_USAGE, "--max-drop takes BLEU points, not '%s'", asked->drop);
    }
    return status;
}

static enum lw_status check_request(const struct asked *asked, const struct lw_question *question,
                                    size_t words, struct lw_error *error)
{
    bool limited = asked->size || asked->latency || asked->drop;
    const char *name = question->name ? question->name : "";
    const char *says, *names[MOST_QUERIES];
    size_t count = 0;
    while (count < MOST_QUERIES && (names[count] = lw_question_at(count, &says)))
        count++;
    if (asked->as_json && asked->as_csv)
        return lw_fail(error, LW_USAGE, "--json and --csv exclude each other");
    if (!question->name == !question->sql) {
        char list[512] = "";
        for (size_t i = 0; i < count; i++) {
            size_t used = strlen(list);
            snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", names[i]);
        }
        return lw_fail(error, LW_USAGE, "give either the name of a query (%s) or --sql", list);
    }
    const char *near = cli_nearest(name, names, count);
    if (question->name && near && strcmp(near, name) != 0)
        return lw_fail(error, LW_USAGE, "there is no query '%s'; did you mean '%s'?", name, near);
    if (strcmp(name, "diff") == 0 ? words != 3 : words > 1)
        return lw_fail(error, LW_USAGE,
                       "diff takes two deployments as pareto names them (diff p12 p15), other "
                       "queries take none");
    if (limited && strcmp(name, "best") != 0)
        return lw_fail(error, LW_USAGE, "limits are for the query best");
    if (asked->device && strcmp(name, "best") != 0 && strcmp(name, "pareto") != 0)
        return lw_fail(error, LW_USAGE, "--device is for the queries pareto and best");
    if (asked->last < 0)
        return lw_fail(error, LW_USAGE, "--last takes a number of rows, 0 for all");
    return LW_OK;
}

/* Notes on the rows go to stderr: stdout is data. */
static void note(const struct lw_question *question, const struct lw_answer *answer,
                 const char *path)
{
    if (answer->rows == 0 && question->first)
        fprintf(stderr, "lutwidge query: both are the same\n");
    else if (answer->rows == 0 && answer->fills)
        fprintf(stderr, "lutwidge query: no rows%s%s yet; they come from: lutwidge %s --db %s\n",
                question->device ? " of the device " : "", question->device ? question->device : "",
                answer->fills, path);
    else if (answer->rows == 0)
        fprintf(stderr, "lutwidge query: no rows\n");
    else if (answer->rows < answer->all)
        fprintf(stderr,
                "lutwidge query: the last %zu of %zu; --last 0, --json and --csv have all\n",
                answer->rows, answer->all);
}

int cli_query(int argc, const char **argv)
{
    struct asked asked = {.path = "lutwidge.db", .last = LAST_ROWS};
    struct poptOption options[] = {
        {"sql", 0, POPT_ARG_STRING, &asked.sql, 0, "a SELECT of your own instead of a named query",
         "SQL"},
        {"device", 0, POPT_ARG_STRING, &asked.device, 0, "pareto, best: this device alone", "D"},
        {"max-size", 0, POPT_ARG_STRING, &asked.size, 0, "best: models of at most so many bytes",
         "SIZE"},
        {"max-latency", 0, POPT_ARG_STRING, &asked.latency, 0,
         "best: at most so long a sentence on the device", "TIME"},
        {"max-drop", 0, POPT_ARG_STRING, &asked.drop, 0,
         "best: lose at most so much against fp32; smallest first", "BLEU"},
        {"last", 0, POPT_ARG_INT | POPT_ARGFLAG_SHOW_DEFAULT, &asked.last, 0,
         "rows of a table at most, the last ones; 0: all", "N"},
        {"json", 0, POPT_ARG_NONE, &asked.as_json, 0, "print an array of objects, every column",
         NULL},
        {"csv", 0, POPT_ARG_NONE, &asked.as_csv, 0, "print CSV with a header, every column", NULL},
        {"db", 0, POPT_ARG_STRING | POPT_ARGFLAG_SHOW_DEFAULT, &asked.path, 0, "the database",
         "FILE"},
        POPT_TABLEEND};
    const char **rest;
    struct lw_error error = {0};
    size_t words = 0;
    enum lw_status status = cli_parse(cli_verb_named("query"), argc, argv, options, 0, 3, &rest);
    if (status != LW_OK)
        return (int)status;
    while (rest[words])
        words++;
    struct lw_question question = LW_QUESTION(rest[0], asked.sql);
    question.device = asked.device;
    question.last = asked.last;
    status = check_request(&asked, &question, words, &error);
    if (status == LW_OK)
        status = parse_limits(&asked, &question, &error);
    if (words == 3) {
        question.first = rest[1];
        question.second = rest[2];
    }

    struct lw_database *database = NULL;
    struct lw_answer answer;
    enum lw_output output = asked.as_json  ? LW_OUTPUT_JSON
                            : asked.as_csv ? LW_OUTPUT_CSV
                                           : LW_OUTPUT_TABLE;
    if (status == LW_OK)
        status = lw_database_open_read_only(asked.path, &database, &error);
    if (status == LW_OK)
        status = lw_database_ask(database, &question, output, stdout, &answer, &error);
    lw_database_close(database);
    if (status != LW_OK)
        return cli_report("query", status, &error);
    note(&question, &answer, asked.path);
    return LW_OK;
}
