/* A row on its way through lw_fit_gram_row; private to models/fit_gram*.c. */
#ifndef LW_MODELS_FIT_GRAM_PARTS_H
#define LW_MODELS_FIT_GRAM_PARTS_H

#include "models/fit_gram.h"
#include "models/fit_parts.h"

/* What shares scales. An unknown is a scale that is stored: one for each plane, or one where scales
 * are uniform. Its direction d is what the columns of the group gain where it grows by 1. */
struct gram_group {
    struct lw_levels levels;
    double cuts[LW_MAX_LEVELS + 1]; /* level k is the nearest from cuts[k] to cuts[k + 1] */
    uint8_t rank[LW_MAX_LEVELS];    /* of each code among the levels */
    float *spread[LW_MAX_BITS];     /* [unknowns] of [K]: H d */
};

/* Columns are in the order of the metric. */
struct gram_row {
    const struct lw_metric *metric;
    const struct lw_code *code;
    size_t columns;            /* K */
    unsigned unknowns;         /* of a group */
    int exponent;              /* weights, scales and what follows are over 2^exponent */
    struct gram_group *groups; /* [code->groups] */
    float *weights;            /* [K] */
    float *errors;             /* [K], e = weight - value */
    float *pulls;              /* [K], H e */
    uint32_t *group;           /* [K], of each column */
    uint8_t *codes;            /* [K] */
};

/* to += factor * from */
static inline void gram_add(float *to, float factor, const float *from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] += factor * from[i];
}

/* The direction of unknown p at a column of this code. */
static inline int gram_direction(const struct lw_code *code, unsigned p, uint8_t column)
{
    if (code->uniform)
        return 2 * column + 1 - (1 << code->bits);
    return column >> p & 1 ? 1 : -1;
}

/* Levels, cuts and ranks from scales >= 0. */
void gram_set_levels(const struct lw_code *code, const float *scales, struct gram_group *group);
/* Errors of the columns of a group from its scales, which may be negative. */
void gram_set_errors(struct gram_row *row, size_t group, const float *scales);
/* Least-squares scales of one group for the codes of all, then made >= 0 and falling with the same
 * values; `scales` are its own. Keeps everything of the row in step. */
void gram_refit(struct gram_row *row, size_t group, float *scales);

#endif
