/* Fits of binary codes to one row of weights, (docs/NUMBERS.md). */
#ifndef LW_MODELS_FIT_H
#define LW_MODELS_FIT_H

#include "models/status.h"
#include "models/transformer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum lw_fit {
    /* Plane by plane on the residual (Chung et al. 2020, section 3.1; Guo et al. 2017). */
    LW_FIT_GREEDY,
    /* Least-squares scales for fixed planes, nearest code for fixed scales, in turn (Xu et al.
     * 2018). Up to 4 bits from five starts, of which the best result is kept: greedy, and uniform
     * codes clipped at 1, .85, .7 and .55 of the largest |w|. From 5 bits on, from the result of
     * one bit less with a plane for what it leaves, and from the better of greedy and
     * LW_FIT_UNIFORM. Never worse than greedy; from 5 bits on never worse than one bit less or
     * than LW_FIT_UNIFORM. */
    LW_FIT_ALTERNATING,
    /* The same from the greedy start alone: a figure to compare with. */
    LW_FIT_ALTERNATING_FROM_GREEDY,
    /* scales[i] = 2^i * s exactly, with the best s found: levels (2k + 1 - 2^B) s, code k. The only
     * fit of the alpha mode `uniform`: a plan that asks for that mode names this fit or none, and a
     * plan of mode `free` may name it too (and then stores B scales where one would do). scales[0]
     * is s, all that storage must keep. */
    LW_FIT_UNIFORM,
};

/* Every fit minimises
 *   sum over c of importance[c] * (w[c] - sum over i of scales[i] b[i][c])^2,
 * and errors are that sum. importance[c] is finite and >= 0; NULL stands for all 1. A row or group
 * of no importance at all (the sum is 0) is fitted as if importance were NULL, and so is its error.
 * A column of importance 0 beside others still gets its nearest code.
 *
 * levels[c] holds plane i of column c in bit i (set: +1). Weights are finite, bits 1..LW_MAX_BITS,
 * columns >= 1; `scratch` is lw_fit_scratch_bytes(columns) bytes, aligned for double. For groups of
 * columns that have scales of their own, call once a group. Deterministic. */
size_t lw_fit_scratch_bytes(size_t columns);

/* Fits one row; returns its error. Scales are >= 0; the alternating fits sort them, largest first.
 */
double lw_fit_row(enum lw_fit fit, const float *weights, const float *importance, size_t columns,
                  unsigned bits, float *scales, uint8_t *levels, void *scratch);

/* One set of planes of which every prefix is a code: with the scales scales[q - 1][0..q-1], the
 * first q planes have the error errors[q - 1], for each q = 1..planes. No prefix is worse than the
 * first q planes of LW_FIT_GREEDY with least-squares scales. Scales belong to planes that prefixes
 * share, so they are neither sorted nor, in rare cases, >= 0. */
void lw_fit_nested(const float *weights, const float *importance, size_t columns, unsigned planes,
                   float scales[][LW_MAX_BITS], uint8_t *levels, double *errors, void *scratch);

#endif
