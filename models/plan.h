/* Bit plans: what each matrix of a model gets when it is quantised (docs/PLANS.md).
 *
 *   plan.yaml --lw_plan_read--> struct lw_plan --lw_plan_resolve(model)--> one lw_choice a matrix
 *             <--lw_plan_print--                                           --lw_words_bits--> rows
 *
 * A plan is a list of rules. A rule matches matrices by components of their names and gives some
 * fields; what it leaves out comes from less specific rules. */
#ifndef LW_MODELS_PLAN_H
#define LW_MODELS_PLAN_H

#include "models/fit.h"
#include "models/status.h"
#include "models/transformer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Whether the scales of a row are free, or scales[i] = 2^i * s. */
enum lw_alpha { LW_ALPHA_FREE, LW_ALPHA_UNIFORM };

/* What the errors of a fit are weighted by, from a calibration text (models/moments.h); nothing
 * where the matrix is only looked up and so has no inputs. */
enum lw_weighting {
    LW_WEIGHTING_NONE,
    /* squared errors, column by column, by the second moment of the column's input */
    LW_WEIGHTING_ACTIVATIONS,
    /* all second moments of the inputs: errors of columns can cancel (models/fit_gram.h) */
    LW_WEIGHTING_GRAM,
    /* the same, matrix after matrix: of the inputs that the matrices before it give once they are
     * quantised, towards the outputs of fp32 (runtime/sequence.h) */
    LW_WEIGHTING_SEQUENCE,
};

enum lw_words_kind {
    LW_WORDS_ALIKE,      /* all rows have lw_choice.bits */
    LW_WORDS_CLUSTERS,   /* by frequency, in clusters that grow by a ratio (Chung et al. 2020) */
    LW_WORDS_THRESHOLDS, /* by frequency, in steps of given sizes */
    LW_WORDS_LIST,       /* from a file */
};

/* The next words in falling frequency: a share of all words, a number of words, or the rest. */
struct lw_words_step {
    double share; /* 0 < share <= 1, or 0 */
    size_t count; /* words, or 0; the rest where share and count are both 0: the last step only */
    unsigned bits;
};

/* How the bits of each row follow from the word that it belongs to. */
struct lw_words_choice {
    enum lw_words_kind kind;
    unsigned clusters; /* CLUSTERS: 1..LW_MAX_BITS; cluster i from 0 has clusters - i bits */
    double ratio;      /* CLUSTERS: 1e-3..1e3; cluster i + 1 has ratio times the words of i */
    size_t step_count; /* THRESHOLDS: 1..LW_MAX_BITS */
    struct lw_words_step steps[LW_MAX_BITS];
    char *list; /* LIST: the file's path, from the plan's folder unless absolute; the rule's */
};

/* What a matrix gets. */
struct lw_choice {
    unsigned bits; /* planes of every row, 1..LW_MAX_BITS; 0 where `words` gives each row its own */
    struct lw_words_choice words;
    enum lw_alpha alpha;
    size_t group; /* columns that share scales: 32, 64 or 128; 0: the whole row */
    enum lw_fit fit;
    enum lw_weighting weighting;
    enum lw_arith arith; /* class of its products */
};

/* What rules give. `bits` and `words` are one field: the rule that wins gives either. */
enum lw_field {
    LW_FIELD_BITS,
    LW_FIELD_ALPHA,
    LW_FIELD_GROUP,
    LW_FIELD_FIT,
    LW_FIELD_WEIGHTING,
    LW_FIELD_ARITH,
    LW_FIELDS
};

struct lw_rule {
    char *match; /* owned */
    size_t line; /* in the plan's text, from 1; 0 where there is no text */
    bool gives[LW_FIELDS];
    struct lw_choice choice; /* only the fields that it gives mean anything */
};

struct lw_plan {
    char *name, *comment; /* NULL where not given; owned, as all below */
    enum lw_arith arith;  /* of matrices that no rule gives one; t8 where not given */
    size_t rule_count;
    struct lw_rule *rules; /* in the order of the text */
    char *source;          /* what messages call the plan: its path */
    char *folder;          /* that paths in it start from; NULL: the current one */
};

/* Reads YAML. LW_FAILED where the file cannot be read; LW_CORRUPT, with source and line, for what
 * is wrong in itself: syntax, unknown or repeated keys, values out of range, more than one
 * document. On failure the plan is zeroed. */
enum lw_status lw_plan_read(const char *path, struct lw_plan *plan, struct lw_error *error);
/* The same for a text; `source` is what messages call it. */
enum lw_status lw_plan_parse(const char *text, size_t bytes, const char *source,
                             struct lw_plan *plan, struct lw_error *error);
/* The plan behind --bits: every matrix the same. Where the fit is LW_FIT_UNIFORM, so is alpha.
 * LW_USAGE where bits are out of range. */
enum lw_status lw_plan_uniform(unsigned bits, enum lw_fit fit, struct lw_plan *plan,
                               struct lw_error *error);
/* Safe on a zeroed plan. */
void lw_plan_free(struct lw_plan *plan);

/* Writes canonical YAML: parsing it gives the same plan (but for lines and source), and printing
 * that the same text. Write errors stay in the stream; LW_FAILED when out of memory. */
enum lw_status lw_plan_print(const struct lw_plan *plan, FILE *stream, struct lw_error *error);

/* The rule that gave each field; NULL: the default (alpha free, row-wise, fit alternating,
 * weighting none, the plan's arith). Views into the plan. Where alpha is uniform and no later rule
 * says otherwise, the fit is uniform and its rule is alpha's. */
struct lw_why {
    const struct lw_rule *rule[LW_FIELDS];
};

/* Fills choices[model->matrix_count], and whys likewise unless it is NULL. The choices hold views
 * into the plan. LW_USAGE, every reason at once: a rule that matches no matrix, words for a matrix
 * whose rows are no words, a matrix without bits, uniform alpha under another fit. */
enum lw_status lw_plan_resolve(const struct lw_plan *plan, const struct lw_model *model,
                               struct lw_choice *choices, struct lw_why *whys,
                               struct lw_error *error);

/* True where the components of `match` fit components of `name` in the same order; others may lie
 * between them. */
bool lw_match(const char *match, const char *name);
/* The sum over components: 2 where it is literal, 1 with wildcards, 0 for "*" alone. */
unsigned lw_match_specificity(const char *match);

const char *lw_alpha_name(enum lw_alpha alpha);
/* As plans and --fit spell them: greedy, alternating, alternating-from-greedy, uniform. */
const char *lw_fit_name(enum lw_fit fit);
/* False when the name is none of them. */
bool lw_fit_parse(const char *name, enum lw_fit *fit);
const char *lw_weighting_name(enum lw_weighting weighting);
bool lw_weighting_parse(const char *name, enum lw_weighting *weighting);

#endif
