/* Private to models/plan_*.c: what libcyaml reads and writes, field by field as in the YAML. */
#ifndef LW_MODELS_PLAN_SCHEMA_H
#define LW_MODELS_PLAN_SCHEMA_H

#include "models/plan.h"

#include <cyaml/cyaml.h>
#include <stddef.h>

/* Numbers that are no enum are texts here: libcyaml takes "1x" and "-1" for numbers without sign,
 * and prints 6 digits. A NULL pointer is a key that is absent. */
struct plan_step {
    char *share, *count;
    unsigned bits;
};

struct plan_words {
    unsigned *clusters;
    char *ratio;
    struct plan_step *steps;
    size_t step_count;
    char *list;
};

struct plan_rule {
    char *match;
    unsigned *bits;
    struct plan_words *words;
    enum lw_alpha *alpha;
    size_t *group;
    enum lw_fit *fit;
    enum lw_weighting *weighting;
    enum lw_arith *arith;
};

struct plan_file {
    char *name, *comment;
    enum lw_arith *arith;
    struct plan_rule *rules;
    size_t rule_count;
};

extern const cyaml_schema_value_t plan_schema;

/* Adds the values that the key takes, or for NULL all known keys, to a message of `bytes` bytes. */
void plan_schema_hint(const char *key, char *message, size_t bytes);

/* A place in the text; line and column from 1, line 0: unknown. */
struct plan_mark {
    size_t line, column;
};

/* Checks that the text is one document of YAML; LW_CORRUPT with the line. */
enum lw_status plan_check_syntax(const char *text, size_t bytes, const char *source,
                                 struct lw_error *error);
/* The line of the first scalar `key` after `mark`, or the mark's where there is none. */
size_t plan_find_key(const char *text, size_t bytes, struct plan_mark mark, const char *key);
/* The lines of the plan's rules, from a text that libcyaml took for such a plan. */
void plan_set_lines(const char *text, size_t bytes, struct lw_plan *plan);

#endif
