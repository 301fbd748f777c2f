/* The rows of kernel_measurements and of static_estimates: each kernel once, by the content of what
 * was measured or estimated. */
#ifndef LW_PROFILES_DATABASE_KERNELS_H
#define LW_PROFILES_DATABASE_KERNELS_H

#include "profiles/bench.h"
#include "profiles/database.h"
#include "profiles/static.h"

#include <stdint.h>

/* What made the kernels. */
struct lw_kernel_maker {
    const char *generator; /* lw_bench_generator() */
    const char *compiler;  /* first line of its --version */
};

/* Adds a cell of a kernel with status LW_OK to a run (lw_database_start_run), or replaces what the
 * same spec, scales, mode, generator, compiler, flags and CPU gave before. */
enum lw_status lw_database_add_kernel(struct lw_database *database, int64_t run,
                                      const struct lw_kernel_maker *maker,
                                      const struct lw_bench_row *row, struct lw_error *error);

/* The median of the cell that row->spec, kernel->alpha and mode name, as this maker's kernel took
 * it on this CPU; 0 where there is none. *others: whether there is one of another generator,
 * compiler or flags. */
enum lw_status lw_database_find_kernel(struct lw_database *database,
                                       const struct lw_kernel_maker *maker,
                                       const struct lw_bench_row *row, double *median_ns,
                                       bool *others, struct lw_error *error);

/* Adds a cell of static cycles to a run, or replaces what the same spec, scales, device, generator,
 * compiler, flags and analyser (lw_static_version) gave before. */
enum lw_status lw_database_add_static(struct lw_database *database, int64_t run,
                                      const struct lw_kernel_maker *maker, const char *analyser,
                                      const struct lw_static_row *row, struct lw_error *error);

#endif
