/* What the adder trees of the engine add up in a pass: sums of activations by keys. */
#ifndef LW_SIM_MODEL_SUMS_H
#define LW_SIM_MODEL_SUMS_H

#include "gen/stream.h"
#include "sim/rtl.h"

#include <stddef.h>
#include <stdint.h>

/* One column of a job's activations, and what the sums need beside it. */
struct lw_sums {
    const struct lw_engine *engine;
    size_t width, tiles;  /* activations of a step, T * mu; steps of a slot */
    int16_t *x;           /* [tiles][width] */
    uint8_t *tables;      /* [tiles][512], and for the way by AVX-512: what keys add up to */
    int32_t all;          /* sum over x, + T for each tile */
    struct lw_tile *tile; /* of the portable way */
    bool fast;            /* this CPU and the engine's parameters suit the way by AVX-512 */
};

/* For jobs of at most `tiles` tiles; lw_sums_close in any case. LW_FAILED without memory. */
enum lw_status lw_sums_open(const struct lw_engine *engine, size_t tiles, struct lw_sums *sums,
                            struct lw_error *error);
void lw_sums_close(struct lw_sums *sums);
/* Takes a column of the activations that lie at an address as the engine reads them. */
void lw_sums_take(struct lw_sums *sums, const uint8_t *x, size_t column, size_t tiles);
/* planes[slot][row] of a pass whose keys begin at bit `at` of the keys. */
void lw_sums_pass(struct lw_sums *sums, const uint8_t *keys, size_t at, size_t slots,
                  int32_t *planes);

#endif
