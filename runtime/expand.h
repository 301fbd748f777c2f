/* The matrices of a model as fp32, for the backends that compute in fp32. */
#ifndef LW_RUNTIME_EXPAND_H
#define LW_RUNTIME_EXPAND_H

#include "models/status.h"
#include "models/transformer.h"

struct lw_expanded {
    const float **weights; /* [matrix_count], each [M][K]; the model's own where a matrix is dense,
                              NULL where it was not asked for */
    float *decoded;        /* the coded ones, one after the other */
};

/* Which matrices: all, or those with products of class f32. */
enum lw_expand { LW_EXPAND_ALL, LW_EXPAND_F32 };

/* Decodes coded matrices; dense ones are borrowed. LW_FAILED when out of memory. */
enum lw_status lw_expand(const struct lw_model *model, enum lw_expand which,
                         struct lw_expanded *expanded, struct lw_error *error);
/* Bytes that lw_expand would take; SIZE_MAX where they overflow. */
size_t lw_expand_bytes(const struct lw_model *model, enum lw_expand which);
void lw_expanded_free(struct lw_expanded *expanded);

#endif
