/* The picks of a bundle in its manifest:
 *
 *   "plan":  {"basis", "resident", "key_bytes"}
 *   "picks": one a code, by matrix and code: {"matrix", "bits", "rows", "kernel" (spec, N = 1),
 *            "family", "why", "many_columns", "column_ns", "ns" ({"8": ns of a call, ...}),
 *            "runner_up" (null, or {"kernel", "family", "column_ns", "ns"})}
 */
#ifndef LW_GEN_PICKS_JSON_H
#define LW_GEN_PICKS_JSON_H

#include "gen/picks.h"

#include <jansson.h>

/* Both new; NULL when out of memory. */
json_t *lw_plan_json(const struct lw_picks *picks);
json_t *lw_picks_json(const struct lw_picks *picks, const struct lw_model *model);

#endif
