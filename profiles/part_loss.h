/* What the codes of one part of a model cost: its error on the inputs that the fp32 model gives it,
 * and the divergence of the model from fp32 when this part alone is quantised; and the same of a
 * whole plan. Fits are in the metric of the inputs (weighting: gram). */
#ifndef LW_PROFILES_PART_LOSS_H
#define LW_PROFILES_PART_LOSS_H

#include "profiles/cells.h"
#include "profiles/teacher.h"
#include "runtime/pairs.h"

#include <stddef.h>
#include <stdint.h>

struct lw_losses;

struct lw_losses_setup {
    const struct lw_model *model; /* dense */
    const struct lw_pairs *pairs; /* that losses are measured on */
    const struct lw_pairs *calibration;
    /* [matrix_count]: the class of each row, or NULL where rows are no words */
    const uint8_t *const *class_of;
    size_t threads; /* >= 1; figures do not depend on it */
    /* Of the calibration; may be NULL. Returns false to stop. */
    bool (*progress)(void *context, size_t done, size_t all);
    void *context;
};

/* Calibrates and teaches: some passes over the pairs. Borrows all that the setup points to. */
enum lw_status lw_losses_open(const struct lw_losses_setup *setup, struct lw_losses **losses,
                              struct lw_error *error);
void lw_losses_close(struct lw_losses *losses);
/* "blas", or "f32" where OpenBLAS cannot be loaded. */
const char *lw_losses_products(const struct lw_losses *losses);
/* Of the fp32 model. */
double lw_losses_fp32(const struct lw_losses *losses);

/* A part, or one class of its words. */
struct lw_loss_target {
    const struct lw_part *part;
    int word_class; /* -1: all rows */
};

/* The mean over its matrices of sum |(W - W^) x|^2 / sum |W x|^2 with the rows of the target; of
 * words the mean of that and of the same of the weights themselves, for they are looked up, too.
 * Neighbours of the same bits and mode share one fit of the whole model. */
enum lw_status lw_losses_error(struct lw_losses *losses, const struct lw_loss_target *target,
                               unsigned bits, size_t mode, double *relative_error,
                               struct lw_error *error);
/* The model with the target alone quantised. */
enum lw_status lw_losses_try(struct lw_losses *losses, const struct lw_loss_target *target,
                             unsigned bits, size_t mode, struct lw_lesson *lesson,
                             struct lw_error *error);
/* A whole plan with this weighting, by gram or in sequence; products in fp32. The quantised model
 * is the caller's (lw_model_free) and borrows the tokeniser. */
enum lw_status lw_losses_whole(struct lw_losses *losses, const struct lw_part *parts,
                               const struct lw_cell *cells, size_t count,
                               enum lw_weighting weighting, enum lw_arith arith,
                               struct lw_model *coded, struct lw_lesson *lesson,
                               struct lw_error *error);

#endif
