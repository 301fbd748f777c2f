/* The named questions: their SQL, and which command fills what they read. Rooms outside profiles
 * ask by profiles/database.h. */
#ifndef LW_PROFILES_DATABASE_QUESTIONS_H
#define LW_PROFILES_DATABASE_QUESTIONS_H

#include <sqlite3.h>
#include <stddef.h>

struct lw_named_query {
    const char *name;
    const char *says;    /* what it answers, for help */
    const char *digest;  /* what fits a line of a terminal */
    const char *all;     /* for programs; NULL: the digest */
    const char *fills;   /* the verb and arguments that make rows */
    const char *count;   /* all rows behind a digest of the last :last; NULL: it shows all */
    const char *nearest; /* one text for limits that nothing meets; NULL: it takes none */
};

extern const struct lw_named_query lw_named_queries[];
extern const size_t lw_named_query_count;
/* NULL where there is none of that name. */
const struct lw_named_query *lw_named_query(const char *name);

/* Teaches a connection the functions of the questions; SQLite's code.
 *   device_ms(device, cost)        ms that a cost in the device's unit takes, NULL where unknown
 *   dominated(latency, bleu) OVER  1 where an earlier row is as quick and as good, else 0: over
 *                                  rows ordered by size what is 0 is the Pareto front */
int lw_question_functions(sqlite3 *handle);

#endif
