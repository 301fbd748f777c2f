/* A folder with a database in it, for tests of what is written to it and read back: one a process,
 * as Criterion runs each test. Functions that fail make the test fail. */
#ifndef LW_TESTS_DATABASES_H
#define LW_TESTS_DATABASES_H

#include "profiles/database.h"

extern char database_folder[], database_path[64];

/* For TestSuite: makes the folder, without a database; removes both, and expects nothing else. */
void database_setup(void);
void database_teardown(void);

/* Opens it for writing; the caller closes it. */
struct lw_database *database_open(void);
/* Runs a query by name or in SQL on the file, which may be open for writing. *text is malloc'ed, or
 * NULL where the file cannot be opened. */
enum lw_status database_query(const char *name, const char *sql, enum lw_output output, char **text,
                              struct lw_error *error);
void database_expect(const char *name, const char *sql, enum lw_output output,
                     const char *expected);
/* Runs SQL on the file by SQLite alone, which makes it where it is absent. */
void database_raw(const char *sql);
/* The same with the text of a file of SQL. */
void database_raw_file(const char *path);

#endif
