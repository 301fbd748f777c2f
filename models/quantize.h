/* Quantisation of a whole model: what lw_plan_resolve chose for each matrix, carried out. */
#ifndef LW_MODELS_QUANTIZE_H
#define LW_MODELS_QUANTIZE_H

#include "models/fit.h"
#include "models/moments.h"
#include "models/nested.h"
#include "models/plan.h"
#include "models/status.h"
#include "models/transformer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lw_quantize {
    const struct lw_choice *choices; /* [matrix_count] */
    /* [matrix_count]; the bits of each row, or NULL where all have choices[i].bits; may be NULL */
    const uint8_t *const *row_bits;
    /* [matrix_count], or NULL where nothing needs them (lw_quantize_needs_moments) */
    const struct lw_moments *moments;
    size_t threads; /* >= 1; the result does not depend on it */
    /* Called from the calling thread after each matrix; may be NULL. Return false to stop
     * (LW_FAILED). */
    bool (*progress)(void *context, size_t done_rows, size_t all_rows);
    void *context;
};

struct lw_quantize_report {
    double relative_mse; /* sum of squared errors / sum of squared weights over all matrices, as
                            stored */
};

/* Quantises every matrix of `source` (dense) into a new model that owns all it needs but borrows
 * the source's tokeniser: the source must outlive it. Scales are rounded to the stored mantissas.
 * Where moments hold no inputs (count 0) the matrix is fitted unweighted.
 * LW_CORRUPT names the matrix and row of a weight that is not finite; LW_USAGE where moments are
 * needed and absent. */
enum lw_status lw_quantize_model(const struct lw_model *source, const struct lw_quantize *request,
                                 struct lw_model *model, struct lw_quantize_report *report,
                                 struct lw_error *error);

/* The same, matrix by matrix in any order; each once. Borrows source and request, whose moments are
 * not used. */
struct lw_quantizing;
enum lw_status lw_quantize_begin(const struct lw_model *source, const struct lw_quantize *request,
                                 struct lw_model *model, struct lw_quantizing **quantizing,
                                 struct lw_error *error);
/* `aim` [rows][columns] is what the codes come near to; NULL: the weights of the source, from which
 * errors are always reported. `moments` may be NULL where the choice weights nothing. */
enum lw_status lw_quantize_matrix(struct lw_quantizing *quantizing, size_t index, const float *aim,
                                  const struct lw_moments *moments, struct lw_error *error);
/* Frees the quantising, and the model unless it is whole; then the report is filled. */
void lw_quantize_end(struct lw_quantizing *quantizing, bool whole,
                     struct lw_quantize_report *report);

/* What lw_quantize_model would give but for the fits: all codes and scales are zero, and exponents
 * those of the largest weights. Enough for its size and for what its products take. */
enum lw_status lw_quantize_outline(const struct lw_model *source, const struct lw_quantize *request,
                                   struct lw_model *model, struct lw_error *error);

/* True where a choice weights errors. */
bool lw_quantize_needs_moments(const struct lw_choice *choices, size_t matrix_count);

struct lw_nested_report {
    /* relative_mse[q - 1]: of the prefix of q planes, or of all planes of rows that have fewer */
    double relative_mse[LW_MAX_BITS];
};

/* Quantises every matrix into nested planes: the bits of a row are its most planes, its fit is
 * lw_fit_nested whatever the choice says. nested->model borrows the source's tokeniser and has no
 * made_by. LW_USAGE, too, where a choice cannot be nested. */
enum lw_status lw_quantize_nested(const struct lw_model *source, const struct lw_quantize *request,
                                  struct lw_nested *nested, struct lw_nested_report *report,
                                  struct lw_error *error);

/* LW_USAGE where a choice asks for uniform scales, or for errors weighted by all moments. */
enum lw_status lw_nested_check(const struct lw_model *source, const struct lw_choice *choices,
                               struct lw_error *error);

/* The same bits, fit and class for every matrix, row-wise. */
enum lw_status lw_quantize_alike(const struct lw_model *source, unsigned bits, enum lw_fit fit,
                                 enum lw_arith arith, size_t threads, struct lw_model *model,
                                 struct lw_quantize_report *report, struct lw_error *error);

#endif
