/* The inside of the products by generated kernels: those of whole matrices, and those of chosen
 * rows (runtime/backend_rows.c). */
#ifndef LW_RUNTIME_BACKEND_KERNELS_H
#define LW_RUNTIME_BACKEND_KERNELS_H

#include "gen/registry.h"
#include "runtime/backend.h"

#include <stdint.h>

enum { PART_COLUMNS = 4 };

struct kernels {
    const struct lw_model *model;
    const struct lw_bundle *bundle;
    struct lw_backend f32;  /* for the matrices of this class */
    size_t columns_at_once; /* the largest N of the bundle, at least 8 */
    uint8_t *tables;        /* columns_at_once columns of the widest input, within memory */
    uint8_t *memory;
    float steps[LW_SPEC_MAX_BATCH];
    float *stored; /* columns_at_once outputs of the largest code of a matrix whose rows differ */
    float *spare;  /* outputs of a kernel of tiles that takes more columns than there are */
    float part[PART_COLUMNS * LW_PART_ROWS]; /* outputs of a block of chosen rows */
};

/* Tables or quantised activations of `columns` columns of what a matrix reads. */
enum lw_status lw_kernels_prepare(struct kernels *k, const struct lw_kernel *input,
                                  const struct lw_matrix *matrix, size_t columns, const float *x,
                                  struct lw_error *error);

/* What the backend gives as `gather` and `multiply_rows`. */
enum lw_status lw_kernels_gather(void *self, struct lw_rows *rows, struct lw_error *error);
enum lw_status lw_kernels_multiply_rows(void *self, const struct lw_rows *rows, size_t columns,
                                        const float *x, float *y, struct lw_error *error);

#endif
