/* A small model and a text, for tests of `profile --device` and `allocate` from outside: $M and $T
 * name them; `eval $PROFILE` and `eval $ALLOCATE` work on the database $T/x.db. D in the
 * environment names other devices than lut-mobile, E other options than --no-energy. */
#ifndef LW_TESTS_PROFILED_H
#define LW_TESTS_PROFILED_H

void profiled_setup(void);
void profiled_teardown(void);
/* Runs SQL on $T/x.db by SQLite alone. */
void profiled_raw(const char *sql);

/* A query of $T/x.db. */
#define SQL(text) "$LUTWIDGE query --db $T/x.db --csv --sql \"" text "\""

#endif
