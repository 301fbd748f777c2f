/* Names and statistics of the bench. */
#include "profiles/bench.h"

#include <stdlib.h>

const char *lw_bench_mode_name(enum lw_bench_mode mode)
{
    static const char *const names[LW_BENCH_MODES] = {"resident", "hot"};
    return names[mode];
}

const char *lw_bench_peer_name(enum lw_bench_peer peer)
{
    static const char *const names[LW_BENCH_PEERS] = {"openblas", "onednn-f32", "onednn-int8"};
    return names[peer];
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The value below which a share of the sorted samples lies. */
static double quantile(const double *sorted, size_t count, double share)
{
    double place = share * (double)(count - 1);
    size_t below = (size_t)place;
    if (below + 1 >= count)
        return sorted[count - 1];
    return sorted[below] + (place - (double)below) * (sorted[below + 1] - sorted[below]);
}

void lw_bench_figures(double *samples, size_t count, struct lw_bench_figures *figures)
{
    qsort(samples, count, sizeof *samples, compare);
    *figures =
        (struct lw_bench_figures){count, quantile(samples, count, 0.5),
                                  quantile(samples, count, 0.25), quantile(samples, count, 0.75)};
}

double lw_bench_spread_percent(const struct lw_bench_figures *figures)
{
    return 100 * (figures->upper - figures->lower) / figures->median;
}
