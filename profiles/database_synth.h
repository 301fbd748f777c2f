/* The rows of syntheses: each block once, by the content of what was synthesised. */
#ifndef LW_PROFILES_DATABASE_SYNTH_H
#define LW_PROFILES_DATABASE_SYNTH_H

#include "profiles/database.h"
#include "sim/synth.h"

#include <stdbool.h>
#include <stdint.h>

/* Adds the blocks and "all" in one transaction, or replaces them. */
enum lw_status lw_database_add_synth(struct lw_database *database, int64_t run,
                                     const struct lw_engine *engine, const struct lw_synth *synth,
                                     struct lw_error *error);
/* Whether a synthesis of this hash is there. */
enum lw_status lw_database_has_synth(struct lw_database *database, const char *hash, bool *there,
                                     struct lw_error *error);

/* What an engine takes. */
struct lw_area {
    double gates;       /* NAN: it was not synthesised */
    double memory_bits; /* beside the gates */
    char tools[LW_SYNTH_TOOLS_BYTES];
};
/* Of the synthesis for gates that was kept last. */
enum lw_status lw_database_area(struct lw_database *database, const struct lw_engine *engine,
                                struct lw_area *area, struct lw_error *error);

#endif
