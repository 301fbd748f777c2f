/* How much a model suffers when one part of it alone has few bits: each point quantises one target,
 * leaves the rest fp32, and tries the model on a parallel text. */
#ifndef LW_PROFILES_SENSITIVITY_H
#define LW_PROFILES_SENSITIVITY_H

#include "models/plan.h"
#include "models/status.h"
#include "models/transformer.h"
#include "profiles/trial.h"

#include <stdbool.h>
#include <stddef.h>

/* What is quantised: one matrix, or all matrices of a kind together. Kinds are encoder.self,
 * encoder.ffn, decoder.self, decoder.cross, decoder.ffn, and each matrix outside the layers. */
struct lw_target {
    char name[48]; /* as a plan matches it: "encoder.self", "encoder.0.self.q", "embedding" */
    char kind[48]; /* the kind that it belongs to or is */
};

enum lw_targets { LW_TARGETS_KINDS = 1, LW_TARGETS_MATRICES = 2, LW_TARGETS_BOTH = 3 };

/* Kinds, then matrices, each in the order of the model and once: a kind of one matrix is that
 * matrix. *targets is malloc'ed. */
enum lw_status lw_sensitivity_targets(const struct lw_model *model, enum lw_targets which,
                                      struct lw_target **targets, size_t *count,
                                      struct lw_error *error);

struct lw_sensitivity_point {
    struct lw_target target;
    struct lw_choice choice; /* of each of its matrices: all rows alike, unweighted */
};

struct lw_sensitivity_figures {
    size_t matrices, weights; /* of the target */
    size_t code_bytes;        /* planes and scales that it stores */
    double weight_error;      /* sum of (w - w^)^2 / sum of w^2 */
    /* The mean over the target's matrices of (sum of |(W - W^) x|^2 / sum of |W x|^2), where x are
     * the inputs that fp32 gives it on the text; NAN where none has any. */
    double output_error;
    struct lw_trial_result fp32, coded;
    double seconds; /* wall-clock time; the first point of a choice pays for the fit */
};

struct lw_sensitivity;

struct lw_sensitivity_setup {
    const struct lw_model *model; /* dense */
    const struct lw_trial *trial;
    bool translates; /* whether BLEU is measured */
    size_t threads;  /* >= 1; figures do not depend on it */
};

/* Collects the inputs of all matrices and tries the fp32 model. Borrows model and trial. */
enum lw_status lw_sensitivity_open(const struct lw_sensitivity_setup *setup,
                                   struct lw_sensitivity **sensitivity, struct lw_error *error);
void lw_sensitivity_close(struct lw_sensitivity *sensitivity);

/* "blas", or "f32" where OpenBLAS cannot be loaded. */
const char *lw_sensitivity_products(const struct lw_sensitivity *sensitivity);
const struct lw_trial_result *lw_sensitivity_fp32(const struct lw_sensitivity *sensitivity);
/* How long the fp32 model took for its trial. */
double lw_sensitivity_fp32_seconds(const struct lw_sensitivity *sensitivity);

/* Measures a point. Neighbours with the same choice share one fit. LW_USAGE where the target
 * matches no matrix or the choice is weighted; otherwise as lw_quantize_model and lw_trial_run
 * fail. */
enum lw_status lw_sensitivity_measure(struct lw_sensitivity *sensitivity,
                                      const struct lw_sensitivity_point *point,
                                      struct lw_sensitivity_figures *figures,
                                      struct lw_error *error);

#endif
