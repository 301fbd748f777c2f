/* A quantised model in a file of its own folder, for tests of bundles. */
#ifndef LW_TESTS_PLACES_H
#define LW_TESTS_PLACES_H

#include "models/transformer.h"

/* The bundle goes to FOLDER/bundle. */
struct place {
    char folder[64], file[96], bundle[96];
    struct lw_model source, model; /* model is opened from `file` */
};

/* Small, K = 44 and 20; free and uniform scales, groups, and rows of 1 to 3 bits in the embedding.
 * All matrices are of one class. */
void place_make(struct place *place, enum lw_arith arith);
/* The same with the classes even, odd, even, f32 in turn: encoder.0.self.q, .k and .v, which read
 * the same input, are odd, even and f32, the tied embedding is even. */
void place_make_mixed(struct place *place, enum lw_arith even, enum lw_arith odd);
/* Removes the folder, too. */
void place_free(struct place *place);

#endif
