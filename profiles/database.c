#include "profiles/database.h"

#include "profiles/database_internal.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { APPLICATION_ID = 0x4c574442, BUSY_MS = 10000 };

static const char schema_1[] = {
#include "profiles/schema_1.sql.inc"
};
static const char schema_2[] = {
#include "profiles/schema_2.sql.inc"
};
static const char schema_3[] = {
#include "profiles/schema_3.sql.inc"
};
static const char schema_4[] = {
#include "profiles/schema_4.sql.inc"
};
static const char schema_5[] = {
#include "profiles/schema_5.sql.inc"
};
static const char schema_6[] = {
#include "profiles/schema_6.sql.inc"
};
static const char schema_7[] = {
#include "profiles/schema_7.sql.inc"
};
static const char schema_8[] = {
#include "profiles/schema_8.sql.inc"
};
static const char schema_9[] = {
#include "profiles/schema_9.sql.inc"
};

/* migrations[v] brings version v to version v + 1; an empty file is version 0. */
static const char *const migrations[] = {schema_1, schema_2, schema_3, schema_4, schema_5,
                                         schema_6, schema_7, schema_8, schema_9};
enum { VERSION = sizeof migrations / sizeof *migrations };

enum lw_status lw_database_fail(const struct lw_database *database, struct lw_error *error)
{
    int code = sqlite3_errcode(database->handle);
    if (code == SQLITE_NOTADB)
        return lw_fail(error, LW_CORRUPT, "%s: not a Lutwidge database", database->path);
    int reason = code == SQLITE_CANTOPEN ? sqlite3_system_errno(database->handle) : 0;
    return lw_fail(error, code == SQLITE_CORRUPT ? LW_CORRUPT : LW_FAILED, "%s: %s", database->path,
                   reason ? strerror(reason) : sqlite3_errmsg(database->handle));
}

static enum lw_status execute(struct lw_database *database, const char *sql, struct lw_error *error)
{
    if (sqlite3_exec(database->handle, sql, NULL, NULL, NULL) != SQLITE_OK)
        return lw_database_fail(database, error);
    return LW_OK;
}

static enum lw_status read_number(struct lw_database *database, const char *sql, int *number,
                                  struct lw_error *error)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(database->handle, sql, -1, &statement, NULL) != SQLITE_OK)
        return lw_database_fail(database, error);
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW)
        *number = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    return code == SQLITE_ROW ? LW_OK : lw_database_fail(database, error);
}

/* The file's version, 0 for a new one; refuses what is not ours. */
static enum lw_status read_version(struct lw_database *database, int *version,
                                   struct lw_error *error)
{
    int id = 0, objects = 0;
    enum lw_status status = read_number(database, "PRAGMA application_id", &id, error);
    if (status == LW_OK)
        status = read_number(database, "PRAGMA user_version", version, error);
    if (status == LW_OK)
        status = read_number(database, "SELECT count(*) FROM sqlite_schema", &objects, error);
    if (status != LW_OK)
        return status;
    bool is_new = id == 0 && *version == 0 && objects == 0;
    if (id != APPLICATION_ID && !is_new)
        return lw_fail(error, LW_CORRUPT, "%s: not a Lutwidge database", database->path);
    if (*version < 0 || *version > VERSION || (*version == 0 && !is_new))
        return lw_fail(error, LW_CORRUPT,
                       "%s: version %d of the database; this program knows versions up to %d",
                       database->path, *version, (int)VERSION);
    return LW_OK;
}

static enum lw_status migrate(struct lw_database *database, struct lw_error *error)
{
    int version;
    char pragma[64];
    /* Another process may have been first: the version is read again under the lock. */
    enum lw_status status = execute(database, "BEGIN IMMEDIATE", error);
    if (status != LW_OK)
        return status;
    status = read_version(database, &version, error);
    for (; status == LW_OK && version < VERSION; version++)
        status = execute(database, migrations[version], error);
    snprintf(pragma, sizeof pragma, "PRAGMA user_version = %d", (int)VERSION);
    if (status == LW_OK)
        status = execute(database, pragma, error);
    if (status == LW_OK)
        status = execute(database, "COMMIT", error);
    if (status != LW_OK)
        sqlite3_exec(database->handle, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

enum lw_status lw_database_open_file(const char *path, int flags, struct lw_database **out,
                                     int *version, struct lw_error *error)
{
    struct lw_database *database = calloc(1, sizeof *database);
    char *copy = strdup(path), *file;
    /* SQLite takes "", ":memory:" and "file:..." for something else than a file of that name. */
    if (asprintf(&file, "%s%s", path[0] == '/' ? "" : "./", path) < 0)
        file = NULL;
    *out = NULL;
    if (!database || !copy || !file) {
        free(database);
        free(copy);
        free(file);
        return lw_fail(error, LW_FAILED, "%s: out of memory", path);
    }
    database->path = copy;
    enum lw_status status = LW_OK;
    if (sqlite3_open_v2(file, &database->handle, flags, NULL) != SQLITE_OK)
        status = lw_database_fail(database, error);
    if (status != LW_OK && !(flags & SQLITE_OPEN_CREATE) &&
        sqlite3_system_errno(database->handle) == ENOENT)
        status = lw_fail(error, LW_FAILED, "%s: %s; verbs that measure make it, with --db %s", path,
                         strerror(ENOENT), path);
    free(file);
    if (status == LW_OK) {
        sqlite3_busy_timeout(database->handle, BUSY_MS);
        status = execute(database, "PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF", error);
    }
    /* One transaction, or another process that makes the database comes between the reads. */
    if (status == LW_OK)
        status = execute(database, "BEGIN", error);
    if (status == LW_OK)
        status = read_version(database, version, error);
    if (status == LW_OK)
        status = execute(database, "COMMIT", error);
    if (status != LW_OK)
        lw_database_close(database);
    else
        *out = database;
    return status;
}

int lw_database_version(void)
{
    return VERSION;
}

enum lw_status lw_database_open(const char *path, struct lw_database **database,
                                struct lw_error *error)
{
    int version;
    enum lw_status status = lw_database_open_file(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                                                  database, &version, error);
    if (status == LW_OK && version < VERSION)
        status = migrate(*database, error);
    if (status != LW_OK) {
        lw_database_close(*database);
        *database = NULL;
    }
    return status;
}

enum lw_status lw_database_open_read_only(const char *path, struct lw_database **database,
                                          struct lw_error *error)
{
    int version;
    /* SQLite would not read what a killed writer left, for it must roll that back first. */
    enum lw_status status =
        lw_database_open_file(path, SQLITE_OPEN_READWRITE, database, &version, error);
    if (status == LW_OK)
        status = execute(*database, "PRAGMA query_only = ON", error);
    if (status == LW_OK && version == 0)
        status = lw_fail(error, LW_FAILED, "%s: an empty file; nothing was ever added to it", path);
    else if (status == LW_OK && version < VERSION)
        status =
            lw_fail(error, LW_FAILED,
                    "%s: version %d of the database; the next run added to it migrates it to %d",
                    path, version, (int)VERSION);
    if (status != LW_OK) {
        lw_database_close(*database);
        *database = NULL;
    }
    return status;
}

void lw_database_close(struct lw_database *database)
{
    if (!database)
        return;
    sqlite3_close_v2(database->handle);
    free(database->path);
    free(database);
}
