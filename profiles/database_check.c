/* Is a file sound? And its tables as text. */
#include "profiles/database_tools.h"

#include "profiles/database_internal.h"
#include "profiles/database_print.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_VIOLATIONS = 100 };

static enum lw_status prepare(struct lw_database *database, const char *sql,
                              sqlite3_stmt **statement, struct lw_error *error)
{
    return sqlite3_prepare_v2(database->handle, sql, -1, statement, NULL) == SQLITE_OK
               ? LW_OK
               : lw_database_fail(database, error);
}

/* Every row of the statement is a violation, but for "ok". */
static enum lw_status collect(struct lw_database *database, const char *sql,
                              struct lw_database_check *check, struct lw_error *found,
                              struct lw_error *error)
{
    sqlite3_stmt *statement = NULL;
    int code = SQLITE_DONE;
    enum lw_status status = prepare(database, sql, &statement, error);
    while (status == LW_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(statement, 0);
        if (!text || strcmp(text, "ok") == 0)
            continue;
        check->violations++;
        lw_error_add(found, "%s", text);
    }
    if (status == LW_OK && code != SQLITE_DONE)
        status = lw_database_fail(database, error);
    sqlite3_finalize(statement);
    return status;
}

/* Names of our tables, in the order of the schema: what is referred to comes first. */
#define TABLES                                                                                     \
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' "          \
    "ESCAPE '\\' ORDER BY rowid"

static enum lw_status count_rows(struct lw_database *database, size_t *rows, struct lw_error *error)
{
    sqlite3_stmt *tables = NULL, *counter = NULL;
    int code = SQLITE_DONE;
    enum lw_status status = prepare(database, TABLES, &tables, error);
    while (status == LW_OK && (code = sqlite3_step(tables)) == SQLITE_ROW) {
        char *sql = sqlite3_mprintf("SELECT count(*) FROM \"%w\"", sqlite3_column_text(tables, 0));
        if (!sql)
            status = lw_fail(error, LW_FAILED, "out of memory");
        else
            status = prepare(database, sql, &counter, error);
        sqlite3_free(sql);
        if (status == LW_OK && sqlite3_step(counter) == SQLITE_ROW)
            *rows += (size_t)sqlite3_column_int64(counter, 0);
        else if (status == LW_OK)
            status = lw_database_fail(database, error);
        sqlite3_finalize(counter);
        counter = NULL;
    }
    if (status == LW_OK && code != SQLITE_DONE)
        status = lw_database_fail(database, error);
    sqlite3_finalize(tables);
    return status;
}

enum lw_status lw_database_check(const char *path, struct lw_database_check *check,
                                 struct lw_error *error)
{
    struct lw_database *database;
    struct lw_error found = {0};
    *check = (struct lw_database_check){0};
    enum lw_status status =
        lw_database_open_file(path, SQLITE_OPEN_READWRITE, &database, &check->version, error);
    if (status != LW_OK)
        return status;
    char integrity[64];
    snprintf(integrity, sizeof integrity, "PRAGMA integrity_check(%d)", (int)MOST_VIOLATIONS);
    lw_fail(&found, LW_CORRUPT, "%s is damaged:", path);
    status = collect(database, integrity, check, &found, error);
    if (status == LW_OK)
        status = collect(database,
                         "SELECT printf('row %d of %s refers to a row of %s that is not there', "
                         "rowid, \"table\", parent) FROM pragma_foreign_key_check LIMIT 100",
                         check, &found, error);
    if (status == LW_OK && !check->violations && check->version > 0)
        status = count_rows(database, &check->rows, error);
    lw_database_close(database);
    if (status == LW_OK && check->violations)
        status = lw_fail(error, LW_CORRUPT, "%s", found.text);
    return status;
}

static enum lw_status export_table(struct lw_database *database, const char *table,
                                   enum lw_output output, FILE *stream, struct lw_error *error)
{
    sqlite3_stmt *statement = NULL;
    size_t rows;
    int code = SQLITE_DONE;
    char *sql = output == LW_OUTPUT_LINES
                    ? sqlite3_mprintf("SELECT %Q AS row_of, * FROM \"%w\"", table, table)
                    : sqlite3_mprintf("SELECT * FROM \"%w\"", table);
    if (!sql)
        return lw_fail(error, LW_FAILED, "out of memory");
    enum lw_status status = prepare(database, sql, &statement, error);
    sqlite3_free(sql);
    if (status == LW_OK)
        status = lw_print_rows(statement, output, stream, &rows, &code, error);
    if (status == LW_OK && code != SQLITE_DONE)
        status = lw_database_fail(database, error);
    sqlite3_finalize(statement);
    return status;
}

enum lw_status lw_database_export(struct lw_database *database, const char *table_or_null,
                                  enum lw_output output, FILE *stream, struct lw_error *error)
{
    sqlite3_stmt *tables = NULL;
    struct lw_error unknown = {0};
    int code = SQLITE_DONE;
    bool found = !table_or_null;
    enum lw_status status = prepare(database, TABLES, &tables, error);
    lw_fail(&unknown, LW_USAGE,
            "there is no table '%s'; there are:", table_or_null ? table_or_null : "");
    while (status == LW_OK && (code = sqlite3_step(tables)) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(tables, 0);
        lw_error_add(&unknown, "%s", name);
        if (table_or_null && strcmp(name, table_or_null) != 0)
            continue;
        found = true;
        status = export_table(database, name, output, stream, error);
    }
    if (status == LW_OK && code != SQLITE_DONE)
        status = lw_database_fail(database, error);
    sqlite3_finalize(tables);
    if (status == LW_OK && !found)
        status = lw_fail(error, LW_USAGE, "%s", unknown.text);
    return status;
}
