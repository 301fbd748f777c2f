/* The plan of a bundle's kernels in `lutwidge inspect`, from its manifest. */
#ifndef LW_CLI_INSPECT_PICKS_H
#define LW_CLI_INSPECT_PICKS_H

#include "models/status.h"

#include <jansson.h>

/* Prints what was picked for each code, and why: microseconds a call for each N, and the runner-up.
 * LW_CORRUPT for a manifest without a plan. */
enum lw_status cli_inspect_picks(const char *folder, struct lw_error *error);
/* The same as the manifest has it: {"plan", "picks", "device", "flags", "compiler", "generator"}.
 */
enum lw_status cli_inspect_picks_json(const char *folder, json_t **kernels, struct lw_error *error);

#endif
