/* What the files behind profiles/database.h share. */
#ifndef LW_PROFILES_DATABASE_INTERNAL_H
#define LW_PROFILES_DATABASE_INTERNAL_H

#include "models/status.h"

#include <sqlite3.h>

struct lw_database {
    sqlite3 *handle;
    char *path;
};

/* Opens by flags of SQLite and reads the version, 0 of a new file; refuses (LW_CORRUPT) what is
 * foreign or newer. Migrates nothing. */
enum lw_status lw_database_open_file(const char *path, int flags, struct lw_database **out,
                                     int *version, struct lw_error *error);
/* SQLite's last error, with the file's name; LW_CORRUPT where the file is damaged, else LW_FAILED.
 */
enum lw_status lw_database_fail(const struct lw_database *database, struct lw_error *error);

/* Both return SQLite's code. NULL and NAN become NULL; bytes that are no UTF-8 are kept as '?'. */
int lw_database_bind_text(sqlite3_stmt *statement, int index, const char *text);
int lw_database_bind_real(sqlite3_stmt *statement, int index, double value);
/* Runs a statement to its end where `code` is SQLITE_OK, and finalizes it; *id is the first column
 * of its last row where it gives one. */
int lw_database_finish(sqlite3_stmt *statement, int code, sqlite3_int64 *id);
/* The time as it is stored, "2026-01-31T12:00:00Z". */
void lw_database_now(char now[32]);

#endif
