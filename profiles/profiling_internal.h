/* What the files that measure points share. `own` has text where a point fails; errors are of the
 * database. */
#ifndef LW_PROFILES_PROFILING_INTERNAL_H
#define LW_PROFILES_PROFILING_INTERNAL_H

#include "profiles/plan_trial.h"
#include "profiles/profiling.h"

double lw_profiling_now_s(void);

/* profiles/profiling_costs.c */
enum lw_status lw_profiling_gates(struct lw_profiling *profiling, const struct lw_point *point,
                                  struct lw_error *own, struct lw_error *error);
enum lw_status lw_profiling_costs(struct lw_profiling *profiling, const struct lw_point *point,
                                  struct lw_error *own, struct lw_error *error);
/* The row of a plan on a device; on this machine it has `figures`, or `failed`. */
enum lw_status lw_profiling_plan_cost(struct lw_profiling *profiling, size_t device,
                                      const struct lw_cell *plan,
                                      const struct lw_plan_figures *figures, const char *failed,
                                      struct lw_error *error);

#endif
