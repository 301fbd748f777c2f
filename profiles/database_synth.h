/* The rows of syntheses: each block once, by the content of what was synthesised. */
#ifndef LW_PROFILES_DATABASE_SYNTH_H
#define LW_PROFILES_DATABASE_SYNTH_H

#include "profiles/database.h"
#include "sim/synth.h"

#include <stdint.h>

/* Adds the blocks and "all" in one transaction, or replaces them. */
enum lw_status lw_database_add_synth(struct lw_database *database, int64_t run,
                                     const struct lw_engine *engine, const struct lw_synth *synth,
                                     struct lw_error *error);

#endif
