/* lutwidge.db: every measurement, with what is needed to run it again. One SQLite file; docs/DATABASE.md describes
 * its tables and views. */
#ifndef LW_PROFILES_DATABASE_H
#define LW_PROFILES_DATABASE_H

#include "models/status.h"

#include <stdint.h>
#include <stdio.h>

struct lw_database;

/* Opens or creates. Refuses (LW_CORRUPT) files that are not a Lutwidge database or come from a newer version;
 * migrates older ones inside one transaction. */
enum lw_status lw_database_open(const char *path, struct lw_database **database,
                                struct lw_error *error);
void lw_database_close(struct lw_database *database);

/* One run of a verb: how to run it again and what it gave. Strings may be NULL, figures NAN, where unknown. */
struct lw_run {
    const char *verb;         /* "translate", ... */
    const char *command;      /* the command line */
    const char *model;        /* path or name as given */
    const char *model_hash;   /* XXH3-128 of the model file, 32 hex digits */
    const char *input_hash;   /* of the text translated, say */
    const char *arith;        /* class of the products */
    const char *kernels;      /* instruction set or device of the kernels */
    double bits;              /* bits a weight as asked for; 32 for fp32 */
    double real_bits;         /* bits a weight with scales and padding */
    double size_bytes;        /* model without its tokeniser */
    double beams;
    double lines;
    double seconds;
    double lines_per_s;
    double peak_memory_bytes;
    double bleu, chrf;
};

/* Adds the run with time, tool version, compiler and machine (CPU, cores, kernel); one transaction. */
enum lw_status lw_database_add_run(struct lw_database *database, const struct lw_run *run,
                                   struct lw_error *error);

enum lw_output { LW_OUTPUT_TABLE, LW_OUTPUT_JSON };
/* Prints a named query ("runs") or free SQL (read only) to a stream. LW_USAGE for an unknown name, with the
 * nearest one. */
enum lw_status lw_database_query(struct lw_database *database, const char *name_or_null,
                                 const char *sql_or_null, enum lw_output output, FILE *stream,
                                 struct lw_error *error);

#endif
