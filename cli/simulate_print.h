/* What a simulation took, for people. */
#ifndef LW_CLI_SIMULATE_PRINT_H
#define LW_CLI_SIMULATE_PRINT_H

#include "profiles/simulation.h"

/* A table of layers, then stalls by cause, bytes by stream, throughput and time of them all. */
void cli_print_simulation(const char *title, const struct lw_engine *engine, double clock_mhz,
                          const struct lw_simulation *simulation);

#endif
