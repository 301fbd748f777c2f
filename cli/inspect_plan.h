/* The plan view of `lutwidge inspect`. */
#ifndef LW_CLI_INSPECT_PLAN_H
#define LW_CLI_INSPECT_PLAN_H

#include "models/status.h"
#include "models/transformer.h"

/* Prints what the plan at `path` gives each matrix of a model, and why. */
enum lw_status cli_inspect_plan(const struct lw_model *model, const char *path,
                                struct lw_error *error);

#endif
