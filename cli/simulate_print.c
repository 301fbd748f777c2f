#include "cli/simulate_print.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static double percent(double part, double whole)
{
    return whole > 0 ? 100 * part / whole : 0;
}

static void print_row(const struct lw_simulation_row *row, double all, int width)
{
    double cycles = (double)row->counts[LW_COUNT_BUSY];
    printf("%-*s  %7zu  %7zu  %11.0f  %7.2f  %7.2f  %7.2f\n", width, row->layer, row->calls,
           row->columns, cycles, percent(cycles, all),
           percent((double)row->counts[LW_COUNT_STEPS], cycles),
           percent(row->bound_cycles, cycles));
}

static void print_stalls(const struct lw_simulation_row *all)
{
    static const char *const names[] = LW_COUNTER_NAMES;
    const char *before = "";
    printf("stalls: ");
    for (int i = LW_COUNT_WEIGHTS; i <= LW_COUNT_TAIL; i++)
        if (all->counts[i]) {
            printf("%s%s %" PRId64 " (%.2f %%)", before, names[i], all->counts[i],
                   percent((double)all->counts[i], (double)all->counts[LW_COUNT_BUSY]));
            before = ", ";
        }
    puts("");
}

static void print_bytes(const struct lw_engine *engine, const struct lw_simulation_row *all,
                        double seconds)
{
    double keys = lw_simulation_bytes(engine, all, LW_COUNT_KEY_BEATS),
           scales = lw_simulation_bytes(engine, all, LW_COUNT_SCALE_BEATS),
           x = lw_simulation_bytes(engine, all, LW_COUNT_X_BEATS),
           y = lw_simulation_bytes(engine, all, LW_COUNT_Y_BEATS), sum = keys + scales + x + y;
    printf("bytes: keys %.0f, scales %.0f, activations and descriptors %.0f, results %.0f; "
           "%.2f GB/s\n",
           keys, scales, x, y, sum / seconds / 1e9);
}

void cli_print_simulation(const char *title, const struct lw_engine *engine, double clock_mhz,
                          const struct lw_simulation *simulation)
{
    const struct lw_simulation_row *all = &simulation->all;
    double cycles = (double)all->counts[LW_COUNT_BUSY], seconds = cycles / clock_mhz / 1e6;
    double done = all->bit_products / seconds / 1e9;
    double peak = lw_engine_peak(engine) * clock_mhz / 1e3;
    int width = 5;
    for (size_t i = 0; i < simulation->count; i++)
        if ((int)strlen(simulation->rows[i].layer) > width)
            width = (int)strlen(simulation->rows[i].layer);
    printf("%s\n%-*s  %7s  %7s  %11s  %7s  %7s  %7s\n", title, width, "layer", "calls", "columns",
           "cycles", "share %", "steps %", "bound %");
    for (size_t i = 0; i < simulation->count; i++)
        print_row(&simulation->rows[i], cycles, width);
    print_row(all, cycles, width);
    print_stalls(all);
    print_bytes(engine, all, seconds);
    printf("throughput: %.2f of %.2f G one-bit products/s (%.2f %%), %.2f G products/s\n", done,
           peak, percent(done, peak), all->products / seconds / 1e9);
    printf("time: %.4f ms at %g MHz\n", 1e3 * seconds, clock_mhz);
}
