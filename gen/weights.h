/* The weights of a bundle as they come in. */
#ifndef LW_GEN_WEIGHTS_H
#define LW_GEN_WEIGHTS_H

#include "gen/registry.h"

/* Holds the mapped weights against their hash in the manifest. LW_CORRUPT or LW_FAILED. */
enum lw_status lw_weights_check(const char *path, struct lw_bundle *bundle, struct lw_error *error);

#endif
