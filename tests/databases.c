#include "tests/databases.h"

#include <criterion/criterion.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

char database_folder[] = "/tmp/lutwidge-database-XXXXXX";
char database_path[64];

void database_setup(void)
{
    cr_assert_not_null(mkdtemp(database_folder));
    snprintf(database_path, sizeof database_path, "%s/test.db", database_folder);
}

void database_teardown(void)
{
    unlink(database_path);
    cr_expect_eq(rmdir(database_folder), 0, "files were left in %s", database_folder);
}

struct lw_database *database_open(void)
{
    struct lw_database *database;
    struct lw_error error = {0};
    cr_assert_eq(lw_database_open(database_path, &database, &error), LW_OK, "%s", error.text);
    return database;
}

enum lw_status database_query(const char *name, const char *sql, enum lw_output output, char **text,
                              struct lw_error *error)
{
    struct lw_database *database;
    size_t bytes;
    *text = NULL;
    enum lw_status status = lw_database_open_read_only(database_path, &database, error);
    if (status != LW_OK)
        return status;
    FILE *stream = open_memstream(text, &bytes);
    status = lw_database_query(database, name, sql, output, stream, error);
    fclose(stream);
    lw_database_close(database);
    return status;
}

void database_expect(const char *name, const char *sql, enum lw_output output, const char *expected)
{
    char *text;
    struct lw_error error = {0};
    cr_assert_eq(database_query(name, sql, output, &text, &error), LW_OK, "%s", error.text);
    cr_expect_str_eq(text, expected, "%s printed:\n%s", sql ? sql : name, text);
    free(text);
}

void database_raw(const char *sql)
{
    sqlite3 *handle;
    cr_assert_eq(sqlite3_open(database_path, &handle), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(handle, sql, NULL, NULL, NULL), SQLITE_OK, "%s",
                 sqlite3_errmsg(handle));
    sqlite3_close(handle);
}

void database_raw_file(const char *path)
{
    static char sql[16384];
    FILE *stream = fopen(path, "re");
    cr_assert_not_null(stream, "%s", path);
    size_t length = fread(sql, 1, sizeof sql - 1, stream);
    cr_assert(feof(stream), "%s is too long", path);
    sql[length] = 0;
    fclose(stream);
    database_raw(sql);
}
