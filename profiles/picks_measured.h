/* Planning by measurement: times of the families of a bundle, from the database where it has them,
 * else measured now and kept there.
 */
#ifndef LW_PROFILES_PICKS_MEASURED_H
#define LW_PROFILES_PICKS_MEASURED_H

#include "gen/picks.h"
#include "profiles/database_kernels.h"

/* A time counts where generator, compiler, flags and CPU are those of now. */
struct lw_measuring {
    struct lw_database *database;
    int64_t run; /* that new measurements belong to */
    const struct lw_kernel_maker *maker;
    double seconds;               /* a cell: what its samples take together */
    const struct lw_watch *watch; /* of compiling what must be measured, or NULL */
    /* Called before measuring with the number of kernels (a family at one shape) that the database
     * had, that it had only of another generator, compiler or flags, and of all. May be NULL. */
    void (*known)(void *context, size_t known, size_t stale, size_t all);
    void (*measured)(void *context, size_t done, size_t all); /* cells; may be NULL */
    void *context;
};

/* Fills the times of all options: of resident kernels where picks->resident, else of hot ones; both
 * are measured. LW_FAILED where this CPU does not run them. */
enum lw_status lw_picks_measure(struct lw_picks *picks, const struct lw_measuring *measuring,
                                struct lw_error *error);

#endif
