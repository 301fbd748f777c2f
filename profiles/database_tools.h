/* Whole databases: are they sound, one into another, and out as text. */
#ifndef LW_PROFILES_DATABASE_TOOLS_H
#define LW_PROFILES_DATABASE_TOOLS_H

#include "profiles/database.h"

#include <stddef.h>
#include <stdio.h>

struct lw_database_check {
    int version;       /* of the schema */
    size_t rows;       /* of all tables */
    size_t violations; /* each is a line of the error's text */
};
/* Reads all of the file: pages, indexes, constraints and foreign keys; the version of an older file
 * is no violation. LW_CORRUPT where there are violations, the first hundred as lines. */
enum lw_status lw_database_check(const char *path, struct lw_database_check *check,
                                 struct lw_error *error);

struct lw_database_merge {
    size_t added;    /* rows that were not there */
    size_t replaced; /* rows that the other file knows better */
};
/* Adds the rows of another file of the same version, in one transaction. What has the same content
 * is one row: machines, models and runs by all that they say (as often as the file that has it most
 * often), measurements by their keys, of which one that did not fail stays, and then the later one.
 * A run that had not ended takes the figures of its end. Merging again changes nothing. */
enum lw_status lw_database_merge(struct lw_database *database, const char *other,
                                 struct lw_database_merge *merge, struct lw_error *error);

/* Prints one table, or all where it is NULL: objects a line whose first member is "row_of"
 * (LW_OUTPUT_LINES), or CSV of one table. LW_USAGE for unknown tables (the text lists those there
 * are). */
enum lw_status lw_database_export(struct lw_database *database, const char *table_or_null,
                                  enum lw_output output, FILE *stream, struct lw_error *error);

#endif
