/* `lutwidge generate --plan`: which family computes each matrix, by estimate or by measurement. */
#ifndef LW_CLI_PLAN_KERNELS_H
#define LW_CLI_PLAN_KERNELS_H

#include "gen/picks.h"
#include "profiles/database.h"

/* Decided picks for a model on a device. With plan "measure" times are taken from the database at
 * `database` or added to it, with what was found and progress on stderr; `run` is the row of this
 * run, which is added then. With "estimate" the database is not touched. LW_USAGE for other names,
 * and for measuring what this CPU does not run. */
enum lw_status cli_plan_kernels(const struct lw_model *model, const struct lw_device *device,
                                const char *plan, const char *database, const struct lw_run *run,
                                struct lw_picks *picks, struct lw_error *error);

#endif
