/* The packed weights of a bundle, weights.bin: gen/registry.h says in which order. */
#ifndef LW_GEN_WEIGHTS_H
#define LW_GEN_WEIGHTS_H

#include "gen/picks.h"
#include "gen/registry.h"
#include "models/status.h"
#include "models/transformer.h"

#include <stdio.h>

/* Writes those of all codes, packed for the families that were picked, to a stream that is new. */
enum lw_status lw_weights_write(const struct lw_model *model, const struct lw_picks *picks,
                                FILE *stream, struct lw_error *error);
/* Holds the mapped weights of a bundle, whose picks are there, against their hash, and finds the
 * codes in them. LW_CORRUPT where they are damaged or do not fit, LW_FAILED where they cannot be
 * read. */
enum lw_status lw_weights_place(const char *path, const struct lw_model *model,
                                struct lw_bundle *bundle, struct lw_error *error);

#endif
