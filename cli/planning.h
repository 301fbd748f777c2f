/* What the verbs quantise by: a plan from a file or from --bits, resolved for a model, with the
 * bits of every word. */
#ifndef LW_CLI_PLANNING_H
#define LW_CLI_PLANNING_H

#include "models/plan.h"
#include "models/quantize.h"
#include "models/words.h"
#include "runtime/calibrate.h"

#include <stdbool.h>

/* As the options give them; NULL where not given. */
struct cli_plan_request {
    const char *plan;                      /* YAML; none: `bits` and `fit` for all matrices */
    const char *deployment, *database;     /* the plan of a deployment of a database */
    const char *folder;                    /* of the model; needed with `deployment` */
    int bits;                              /* 0: not given */
    const char *fit;                       /* NULL: alternating */
    const char *weighting;                 /* with `bits`; NULL: none */
    const char *source_text, *target_text; /* to count words in, and to calibrate on */
    int calibration_lines;                 /* of these texts; 0: not given */
    const char *counts;                    /* a table of word counts to read */
    const char *save_counts;               /* where to write the counts that were used */
};

struct cli_planning {
    struct lw_plan plan;
    struct lw_choice *choices; /* [matrix_count] */
    struct lw_why *whys;       /* [matrix_count] */
    uint8_t **row_bits;        /* [matrix_count], NULL where rows are alike */
    size_t matrix_count;
};

/* Counts words only where the plan needs them; LW_USAGE where it needs nothing of what an option
 * gives. */
enum lw_status cli_plan(const struct cli_plan_request *request, const struct lw_model *model,
                        struct cli_planning *planning, struct lw_error *error);
void cli_plan_free(struct cli_planning *planning);

/* What a model that is made by a plan says of it; `name` and `arith` may be NULL. */
enum { CLI_MADE_BY_BYTES = 256 };
void cli_made_by_plan(const char *name, bool nested, const char *arith,
                      char made_by[CLI_MADE_BY_BYTES]);

/* Counts for the words of one side, from the request's texts or table; those of both sides where
 * they share a vocabulary. LW_USAGE where the request has none. */
enum lw_status cli_count_words(const struct cli_plan_request *request, const struct lw_model *model,
                               bool target, struct lw_frequencies *counts, struct lw_error *error);

/* The first lines of the texts, and the moments that they give the inputs of all matrices. */
struct cli_calibration {
    struct lw_pairs pairs;
    struct lw_calibration moments;
};

/* Of `model` (dense) in class f32, with progress. A zeroed calibration where the planning needs
 * none; LW_USAGE where it does and a text is missing. To be freed in any case. */
enum lw_status cli_calibrate(const struct cli_plan_request *request, const struct lw_model *model,
                             const struct cli_planning *planning,
                             struct cli_calibration *calibration, struct lw_error *error);
/* Quantises by a calibration, in sequence where a choice asks for it; sets request->moments. */
enum lw_status cli_quantize_calibrated(const struct lw_model *source, struct lw_quantize *request,
                                       const struct cli_calibration *calibration,
                                       struct lw_model *model, struct lw_quantize_report *report,
                                       struct lw_error *error);
/* Safe on a zeroed calibration. */
void cli_calibration_free(struct cli_calibration *calibration);

#endif
