/* The engine's RTL, verilated for one set of parameters and run over a list of jobs in a memory. */
#ifndef LW_SIM_RTL_H
#define LW_SIM_RTL_H

#include "gen/engine.h"
#include "models/status.h"
#include "sim/registers.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A memory that holds descriptors, streams and results, from address 0 on; `bytes` is a multiple of
 * 4096. Owned by the caller. */
struct lw_sim_memory {
    uint8_t *data;
    size_t bytes;
};

struct lw_sim_run {
    const char *memory;   /* "ideal", "typical", "poor" (sim/dram.h) */
    uint64_t seed;        /* of random stalls */
    uint32_t list;        /* address of the first descriptor */
    uint64_t most_cycles; /* the run is left after so many, as if reset; 0: never */
    const char *trace;    /* an FST file to write, or NULL; only of an RTL opened for it */
    uint64_t trace_from, trace_cycles; /* of the list; 0 cycles: to its end */
};

struct lw_sim_counts {
    uint64_t values[LW_COUNTERS];
};

struct lw_rtl;

/* Verilates and compiles, or takes what an earlier call left in `cache` (a folder, made where it
 * is missing; entries are named by a hash of RTL, harness, parameters and tools). Takes 10 to 60
 * seconds. LW_FAILED where a tool is missing or fails. */
enum lw_status lw_rtl_open(const struct lw_engine *engine, const char *cache, bool trace,
                           struct lw_rtl **rtl, struct lw_error *error);
/* Resets the engine, runs a list to its end and gives the counters. LW_MISMATCH where the RTL stops
 * at a descriptor, an assertion fires, or nothing moves any more: the text names the unit.
 * LW_FAILED where the trace cannot be written. */
enum lw_status lw_rtl_run(struct lw_rtl *rtl, const struct lw_sim_run *run,
                          struct lw_sim_memory memory, struct lw_sim_counts *counts,
                          struct lw_error *error);
void lw_rtl_close(struct lw_rtl *rtl);

#endif
