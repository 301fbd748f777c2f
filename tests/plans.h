/* Plans and layouts for tests. All fail the test where something goes wrong. */
#ifndef LW_TESTS_PLANS_H
#define LW_TESTS_PLANS_H

#include "models/plan.h"

/* Parses a text, called "P" in messages. */
struct lw_plan test_plan(const char *text);
/* Prints a plan, parses that, compares, prints again, compares; gives the text, malloc'ed. */
char *test_round_trip(const struct lw_plan *plan);
/* A model that is laid out and has no weights. */
struct lw_model test_layout(struct lw_config config);

#endif
