/* One page with all that a database shows: for a browser, without a network (docs/REPORT.md). */
#ifndef LW_PROFILES_REPORT_H
#define LW_PROFILES_REPORT_H

#include "profiles/database.h"

#include <stdio.h>

/* Writes the page to a stream; what that cannot take is left to its owner. `path` is shown as the
 * database's name. Where the data would not fit, fewer of the single rows are shown (the Pareto
 * fronts come first), so the page stays under 3 MB. */
enum lw_status lw_report_write(struct lw_database *database, const char *path, FILE *stream,
                               struct lw_error *error);

/* JSON as it may stand in an element of a page: no '<' is left, which could end the element or
 * begin another. */
void lw_report_escape(const char *json, FILE *stream);

#endif
