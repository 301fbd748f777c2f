/* Plans by the names of deployments, "p12", as lutwidge query and report show them. */
#ifndef LW_PROFILES_DATABASE_DEPLOYMENT_H
#define LW_PROFILES_DATABASE_DEPLOYMENT_H

#include "profiles/database.h"

/* The codes of a plan that was measured whole (lw_cells_text), malloc'ed, and the XXH3-128 of its
 * model. LW_USAGE where there is no such deployment, or it is a translation. */
enum lw_status lw_database_deployed_plan(struct lw_database *database, const char *deployment,
                                         char model_hash[33], char **plan, struct lw_error *error);

#endif
