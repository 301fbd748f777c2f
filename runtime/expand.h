/* The matrices of a model as fp32, for the backends that compute in fp32. */
#ifndef LW_RUNTIME_EXPAND_H
#define LW_RUNTIME_EXPAND_H

#include "models/status.h"
#include "models/transformer.h"

struct lw_expanded {
    const float *
        *weights;   /* [matrix_count], each [M][K]; the model's own where a matrix is dense */
    float *decoded; /* the coded ones, one after the other */
};

/* Decodes every coded matrix; dense ones are borrowed. LW_FAILED when out of memory. */
enum lw_status lw_expand(const struct lw_model *model, struct lw_expanded *expanded,
                         struct lw_error *error);
void lw_expanded_free(struct lw_expanded *expanded);

#endif
