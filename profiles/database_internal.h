/* What the files behind profiles/database.h share. */
#ifndef LW_PROFILES_DATABASE_INTERNAL_H
#define LW_PROFILES_DATABASE_INTERNAL_H

#include "models/status.h"

#include <sqlite3.h>

struct lw_database {
    sqlite3 *handle;
    char *path;
};

/* SQLite's last error, with the file's name; LW_CORRUPT where the file is damaged, else LW_FAILED.
 */
enum lw_status lw_database_fail(const struct lw_database *database, struct lw_error *error);

#endif
