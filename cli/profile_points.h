/* The points that `lutwidge profile --what sensitivity` is asked for. */
#ifndef LW_CLI_PROFILE_POINTS_H
#define LW_CLI_PROFILE_POINTS_H

#include "profiles/sensitivity.h"

#include <stddef.h>

/* As the options give them. */
struct cli_point_request {
    const char *by;    /* kind, matrix or both */
    const char *bits;  /* "1-4", "2,4", "1,3-4" */
    const char *modes; /* "free/row,uniform/row,free/64": scales, and columns that share them */
};

/* All points, those of one choice together. *points is malloc'ed. LW_USAGE says what an option
 * takes. */
enum lw_status cli_points(const struct cli_point_request *request, const struct lw_model *model,
                          struct lw_sensitivity_point **points, size_t *count,
                          struct lw_error *error);

#endif
