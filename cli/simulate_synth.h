/* What an engine takes in gates and in FPGAs. */
#ifndef LW_CLI_SIMULATE_SYNTH_H
#define LW_CLI_SIMULATE_SYNTH_H

#include "models/status.h"
#include "sim/synth.h"

/* From the cache, or by running the tools, which is said on stderr unless `quiet`. */
enum lw_status cli_synthesise(const struct lw_engine *engine, enum lw_synth_flow flow, bool quiet,
                              struct lw_synth *synth, struct lw_error *error);
/* A table of blocks. */
void cli_print_synth(const struct lw_engine *engine, const struct lw_synth *synth);

/* What `simulate --synth` asks for. */
struct cli_synth {
    const char *flow; /* "asic", "xc7", "ice40" or "all" */
    struct lw_engine engine;
    const char *database, *command; /* database: a path, or NULL */
    bool quiet;
};
/* Runs the flows one after the other, prints them and keeps them. */
enum lw_status cli_simulate_synth(const struct cli_synth *task, struct lw_error *error);

#endif
