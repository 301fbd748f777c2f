/* Printing the rows of one SQL statement. */
#ifndef LW_PROFILES_DATABASE_PRINT_H
#define LW_PROFILES_DATABASE_PRINT_H

#include "models/status.h"
#include "profiles/database.h"

#include <sqlite3.h>
#include <stdio.h>

/* Steps the statement to its end; *rows is how many it printed. *code is SQLite's: SQLITE_DONE when
 * all went well. LW_FAILED where memory runs out or a value has no form in JSON. */
enum lw_status lw_print_rows(sqlite3_stmt *statement, enum lw_output output, FILE *stream,
                             size_t *rows, int *code, struct lw_error *error);

#endif
