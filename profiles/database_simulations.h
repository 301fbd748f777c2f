/* The rows of simulations: each once, by the content of what was simulated. */
#ifndef LW_PROFILES_DATABASE_SIMULATIONS_H
#define LW_PROFILES_DATABASE_SIMULATIONS_H

#include "profiles/database.h"
#include "profiles/simulation.h"

#include <stdbool.h>
#include <stdint.h>

/* What was simulated, and how. */
struct lw_simulated {
    const char *model_hash;
    const char *what;    /* "layer", "step", "step, waiting" or "text" */
    const char *subject; /* name of the layer, "N = 1", or the hash of the text and its search */
    enum lw_simulates by;
    struct lw_engine engine;
    const char *memory;
    uint64_t seed;
    double clock_mhz;
};

/* Adds the layers and "all" in one transaction, or replaces them. */
enum lw_status lw_database_add_simulation(struct lw_database *database, int64_t run,
                                          const struct lw_simulated *simulated,
                                          const struct lw_simulation *simulation,
                                          struct lw_error *error);
/* Adds a row "all" that says why there are no figures. */
enum lw_status lw_database_add_failed_simulation(struct lw_database *database, int64_t run,
                                                 const struct lw_simulated *simulated,
                                                 const char *failure, struct lw_error *error);
/* Whether there is a row "all", and whether it holds figures; made by this program's simulator. */
enum lw_status lw_database_has_simulation(struct lw_database *database,
                                          const struct lw_simulated *simulated, bool *there,
                                          bool *failed, struct lw_error *error);

#endif
