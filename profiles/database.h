/* lutwidge.db: every measurement, with what is needed to run it again. One SQLite file;
 * docs/DATABASE.md describes its tables and views. */
#ifndef LW_PROFILES_DATABASE_H
#define LW_PROFILES_DATABASE_H

#include "models/status.h"

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct lw_database;

/* Opens or creates. Refuses (LW_CORRUPT) files that are not a Lutwidge database or come from a
 * newer version; migrates older ones inside one transaction. */
enum lw_status lw_database_open(const char *path, struct lw_database **database,
                                struct lw_error *error);
/* Opens for reading alone. LW_FAILED where the file is absent or must be migrated first. */
enum lw_status lw_database_open_read_only(const char *path, struct lw_database **database,
                                          struct lw_error *error);
void lw_database_close(struct lw_database *database);
/* The version of the databases that this program writes. */
int lw_database_version(void);

/* One run of a verb: how to run it again and what it gave. Strings may be NULL, figures NAN, where
 * unknown. */
struct lw_run {
    const char *verb;       /* "translate", ... */
    const char *command;    /* the command line */
    const char *model;      /* path or name as given */
    const char *model_hash; /* XXH3-128 of the model file, 32 hex digits */
    const char *input_hash; /* of the text translated, say */
    const char *arith;      /* class of the products */
    const char *kernels;    /* instruction set or device of the kernels */
    double bits;            /* bits a weight as asked for; 32 for fp32 */
    double real_bits;       /* bits a weight with scales and padding */
    double size_bytes;      /* model without its tokeniser */
    double beams;
    double lines;
    double seconds;
    double lines_per_s;
    double peak_memory_bytes;
    double bleu, chrf;
};

/* A run of which nothing is known yet. */
#define LW_RUN_UNKNOWN                                                                             \
    ((struct lw_run){.bits = NAN,                                                                  \
                     .real_bits = NAN,                                                             \
                     .size_bytes = NAN,                                                            \
                     .beams = NAN,                                                                 \
                     .lines = NAN,                                                                 \
                     .seconds = NAN,                                                               \
                     .lines_per_s = NAN,                                                           \
                     .peak_memory_bytes = NAN,                                                     \
                     .bleu = NAN,                                                                  \
                     .chrf = NAN})

/* Adds the run with time, tool version, compiler and machine (CPU, cores, kernel); one transaction.
 */
enum lw_status lw_database_add_run(struct lw_database *database, const struct lw_run *run,
                                   struct lw_error *error);
/* The peak memory of the last run; LW_FAILED where no run has one. */
enum lw_status lw_database_last_peak(struct lw_database *database, double *bytes,
                                     struct lw_error *error);

enum lw_output {
    LW_OUTPUT_TABLE, /* aligned, for people: numbers rounded, nulls empty */
    LW_OUTPUT_JSON,  /* an array of objects, one a line */
    LW_OUTPUT_LINES, /* JSON, an object a line and nothing else */
    LW_OUTPUT_CSV,   /* RFC 4180 with newlines alone; a header, nulls empty */
};
/* The name of the i-th question and what it answers; NULL behind the last one. */
const char *lw_question_at(size_t i, const char **says);
/* A named question, or one SELECT of the user's; exactly one of both is given. Limits are for best,
 * the device for pareto and best, two deployments for diff; NAN and NULL: none. */
struct lw_question {
    const char *name, *sql;
    double max_size_bytes, max_latency_ms, max_drop; /* BLEU points */
    const char *device;
    const char *first, *second;
    int64_t last; /* rows that a table of single ones shows at most; 0: all */
};
#define LW_QUESTION(name_, sql_)                                                                   \
    ((struct lw_question){.name = (name_),                                                         \
                          .sql = (sql_),                                                           \
                          .max_size_bytes = NAN,                                                   \
                          .max_latency_ms = NAN,                                                   \
                          .max_drop = NAN})
struct lw_answer {
    size_t rows;       /* printed */
    size_t all;        /* that there are */
    const char *fills; /* of a named question: the verb and arguments that make rows; static */
};
/* Prints the answer to a stream. A named question prints a digest as a table and everything as
 * data. Whatever could change a file is refused (LW_USAGE), and so are SQL errors, unknown
 * deployments and unknown names (the text lists those there are). LW_INFEASIBLE where no deployment
 * keeps to the limits; the text names the extremes. What the stream cannot take is left to its
 * owner. */
enum lw_status lw_database_ask(struct lw_database *database, const struct lw_question *question,
                               enum lw_output output, FILE *stream, struct lw_answer *answer,
                               struct lw_error *error);
/* The same without limits, and with all rows. */
enum lw_status lw_database_query(struct lw_database *database, const char *name_or_null,
                                 const char *sql_or_null, enum lw_output output, FILE *stream,
                                 struct lw_error *error);

#endif
