/* What this core can do at most: measured, for the distance of kernels to it. */
#ifndef LW_PROFILES_LIMITS_H
#define LW_PROFILES_LIMITS_H

#include "models/status.h"

#include <stddef.h>

/* ns of one cycle of this core's clock as it runs now: a chain of additions, each of which waits
 * for the one before. The shortest of several samples. */
double lw_cycle_ns(void);

/* GB/s at which this core reads `bytes` bytes over and over with the widest vectors it has. The
 * best of several samples. LW_FAILED when out of memory. */
enum lw_status lw_read_bandwidth(size_t bytes, double *gb_per_s, struct lw_error *error);

#endif
