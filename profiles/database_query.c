/* Named queries and the user's own SQL. */
#include "profiles/database.h"

#include "profiles/database_internal.h"
#include "profiles/database_print.h"
#include "profiles/database_questions.h"

#include <stdlib.h>
#include <string.h>

/* A file opened read-only still lets VACUUM INTO and ATTACH reach others, and PRAGMA settings. */
static int allow_reading(void *context, int action, const char *a, const char *b, const char *c,
                         const char *d)
{
    (void)context, (void)a, (void)b, (void)c, (void)d;
    return action == SQLITE_SELECT || action == SQLITE_READ || action == SQLITE_FUNCTION ||
                   action == SQLITE_RECURSIVE
               ? SQLITE_OK
               : SQLITE_DENY;
}

static enum lw_status find_query(const char *name, const struct lw_named_query **query,
                                 struct lw_error *error)
{
    *query = lw_named_query(name);
    if (*query)
        return LW_OK;
    lw_fail(error, LW_USAGE, "there is no query '%s'; there are:", name);
    for (size_t i = 0; i < lw_named_query_count; i++)
        lw_error_add(error, "%-13s %s", lw_named_queries[i].name, lw_named_queries[i].says);
    return LW_USAGE;
}

static enum lw_status prepare(struct lw_database *database, const char *sql,
                              sqlite3_stmt **statement, struct lw_error *error)
{
    const char *rest = "";
    sqlite3_set_authorizer(database->handle, allow_reading, NULL);
    int code = sqlite3_prepare_v2(database->handle, sql, -1, statement, &rest);
    sqlite3_set_authorizer(database->handle, NULL, NULL);
    if (code == SQLITE_AUTH)
        return lw_fail(error, LW_USAGE, "only SELECT is allowed here: %s", sql);
    if (code == SQLITE_ERROR)
        return lw_fail(error, LW_USAGE, "%s: %s", sqlite3_errmsg(database->handle), sql);
    if (code != SQLITE_OK)
        return lw_database_fail(database, error);
    if (!*statement)
        return lw_fail(error, LW_USAGE, "the SQL holds no statement");
    if (rest[strspn(rest, " \t\r\n;")] != 0)
        return lw_fail(error, LW_USAGE, "one statement at a time; this is one too many: %s", rest);
    if (!sqlite3_stmt_readonly(*statement))
        return lw_fail(error, LW_USAGE, "only SELECT is allowed here: %s", sql);
    return LW_OK;
}

static int bind_number(sqlite3_stmt *statement, const char *name, double value)
{
    int index = sqlite3_bind_parameter_index(statement, name);
    return index ? lw_database_bind_real(statement, index, value) : SQLITE_OK;
}

const char *lw_question_at(size_t i, const char **says)
{
    if (i >= lw_named_query_count)
        return NULL;
    *says = lw_named_queries[i].says;
    return lw_named_queries[i].name;
}

static int bind_word(sqlite3_stmt *statement, const char *name, const char *text)
{
    int index = sqlite3_bind_parameter_index(statement, name);
    return index ? lw_database_bind_text(statement, index, text) : SQLITE_OK;
}

static enum lw_status prepare_question(struct lw_database *database, const char *sql,
                                       const struct lw_question *question, sqlite3_stmt **statement,
                                       struct lw_error *error)
{
    enum lw_status status = prepare(database, sql, statement, error);
    if (status != LW_OK)
        return status;
    int last = sqlite3_bind_parameter_index(*statement, ":last");
    int code = last ? sqlite3_bind_int64(*statement, last, question->last ? question->last : -1)
                    : SQLITE_OK;
    const struct {
        const char *name;
        double value;
    } numbers[] = {{":size", question->max_size_bytes},
                   {":latency", question->max_latency_ms},
                   {":drop", question->max_drop}};
    const char *const words[][2] = {
        {":device", question->device}, {":a", question->first}, {":b", question->second}};
    for (size_t i = 0; i < 3 && code == SQLITE_OK; i++)
        code = bind_number(*statement, numbers[i].name, numbers[i].value);
    for (size_t i = 0; i < 3 && code == SQLITE_OK; i++)
        code = bind_word(*statement, words[i][0], words[i][1]);
    return code == SQLITE_OK ? LW_OK : lw_database_fail(database, error);
}

/* The first column of the first row, as text to free; NULL where there is none. */
static enum lw_status ask_word(struct lw_database *database, const char *sql,
                               const struct lw_question *question, char **word,
                               struct lw_error *error)
{
    sqlite3_stmt *statement = NULL;
    *word = NULL;
    enum lw_status status = prepare_question(database, sql, question, &statement, error);
    int code = status == LW_OK ? sqlite3_step(statement) : SQLITE_DONE;
    if (code == SQLITE_ROW && !(*word = strdup((const char *)sqlite3_column_text(statement, 0))))
        status = lw_fail(error, LW_FAILED, "no memory for the answer");
    else if (code != SQLITE_ROW && code != SQLITE_DONE)
        status = lw_database_fail(database, error);
    sqlite3_finalize(statement);
    return status;
}

static enum lw_status count_rows(struct lw_database *database, const char *sql,
                                 const struct lw_question *question, size_t *count,
                                 struct lw_error *error)
{
    char *word;
    enum lw_status status = ask_word(database, sql, question, &word, error);
    if (status == LW_OK)
        *count = word ? strtoull(word, NULL, 10) : 0;
    free(word);
    return status;
}

/* Both deployments must be there: a typing error would look like two that are the same. */
static enum lw_status check_deployments(struct lw_database *database,
                                        const struct lw_question *question, struct lw_error *error)
{
    const char *const names[] = {question->first, question->second};
    for (size_t i = 0; i < 2; i++) {
        struct lw_question one = {.first = names[i]};
        size_t count;
        enum lw_status status =
            count_rows(database, "SELECT count(*) FROM deployments_view WHERE deployment = :a",
                       &one, &count, error);
        if (status != LW_OK)
            return status;
        if (!count)
            return lw_fail(error, LW_USAGE,
                           "there is no deployment '%s'; query pareto --json lists them", names[i]);
    }
    return LW_OK;
}

/* Of a question that gave no rows: limits that nothing meets are LW_INFEASIBLE. */
static enum lw_status explain_none(struct lw_database *database, const struct lw_named_query *query,
                                   const struct lw_question *question, struct lw_error *error)
{
    char *nearest;
    if (!query->nearest)
        return LW_OK;
    enum lw_status status = ask_word(database, query->nearest, question, &nearest, error);
    if (status == LW_OK && nearest)
        status = lw_fail(error, LW_INFEASIBLE, "%s", nearest);
    free(nearest);
    return status;
}

enum lw_status lw_database_ask(struct lw_database *database, const struct lw_question *question,
                               enum lw_output output, FILE *stream, struct lw_answer *answer,
                               struct lw_error *error)
{
    const struct lw_named_query *query = NULL;
    const char *sql = question->sql;
    sqlite3_stmt *statement = NULL;
    int code = SQLITE_DONE;
    enum lw_status status = LW_OK;
    *answer = (struct lw_answer){0};
    if (question->name)
        status = find_query(question->name, &query, error);
    if (status == LW_OK && lw_question_functions(database->handle) != SQLITE_OK)
        status = lw_database_fail(database, error);
    if (status == LW_OK && query) {
        sql = output == LW_OUTPUT_TABLE || !query->all ? query->digest : query->all;
        answer->fills = query->fills;
        if (question->first)
            status = check_deployments(database, question, error);
    }
    if (status == LW_OK)
        status = prepare_question(database, sql, question, &statement, error);
    if (status == LW_OK)
        status = lw_print_rows(statement, output, stream, &answer->rows, &code, error);
    if (status == LW_OK && code != SQLITE_DONE)
        status = lw_database_fail(database, error);
    sqlite3_finalize(statement);
    answer->all = answer->rows;
    if (status == LW_OK && query && !answer->rows)
        status = explain_none(database, query, question, error);
    else if (status == LW_OK && query && query->count && output == LW_OUTPUT_TABLE)
        status = count_rows(database, query->count, question, &answer->all, error);
    return status;
}

enum lw_status lw_database_query(struct lw_database *database, const char *name_or_null,
                                 const char *sql_or_null, enum lw_output output, FILE *stream,
                                 struct lw_error *error)
{
    struct lw_question question = LW_QUESTION(name_or_null, sql_or_null);
    struct lw_answer answer;
    return lw_database_ask(database, &question, output, stream, &answer, error);
}
