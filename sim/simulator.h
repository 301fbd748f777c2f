/* An engine that runs lists of jobs: its RTL or its C model, behind one interface. Both give the
 * same results and counters. */
#ifndef LW_SIM_SIMULATOR_H
#define LW_SIM_SIMULATOR_H

#include "gen/engine.h"
#include "models/status.h"
#include "sim/model.h"
#include "sim/rtl.h"

#include <stdbool.h>
#include <stdint.h>

enum lw_simulates { LW_SIMULATES_MODEL, LW_SIMULATES_RTL };

/* A device with an engine: what --device names. The clock and the memory are assumptions. */
struct lw_sim_device {
    const char *name;
    const char *engine; /* as lw_engine_parse reads it */
    const char *memory; /* sim/dram.h */
    double clock_mhz;
};

/* The names, for messages and help texts. */
#define LW_SIM_DEVICE_NAMES "lut-mobile, lut-fpga, bitserial-mobile, mac4-mobile and mac8-mobile"
/* NULL: no such device. */
const struct lw_sim_device *lw_sim_device_named(const char *name);
/* The i-th device, NULL behind the last one. */
const struct lw_sim_device *lw_sim_device_at(size_t i);

/* What a simulator did since it was opened. */
struct lw_sim_effort {
    struct lw_model_known known; /* of the model */
    size_t lists, simulated;     /* run; whose cycles were not known before */
    double seconds;              /* of CPU time */
    uint64_t cycles;
};

struct lw_simulator {
    enum lw_simulates by;
    struct lw_engine engine;
    char memory[16];              /* its timing: "ideal", "typical" or "poor" */
    uint64_t seed;                /* of random stalls */
    struct lw_rtl *rtl;           /* owned; NULL for the model */
    struct lw_sim_effort *effort; /* owned */
    /* An FST file that runs write (borrowed), or NULL, and its cycles of a list; 0: to the end. */
    const char *trace;
    uint64_t trace_from, trace_cycles;
};

/* "rtl" or "model". */
const char *lw_simulates_name(enum lw_simulates by);
/* False when the name is none of them. */
bool lw_simulates_parse(const char *name, enum lw_simulates *by);

/* The RTL is verilated where the cache (gen/cache.h) has it not, which takes seconds. LW_USAGE for
 * a bad engine or memory, LW_FAILED where the RTL cannot be built. */
enum lw_status lw_simulator_open(enum lw_simulates by, const struct lw_engine *engine,
                                 const char *memory, uint64_t seed, struct lw_simulator *simulator,
                                 struct lw_error *error);
/* From now on runs write a trace, each over that of the one before; the RTL is verilated for it.
 * LW_USAGE for the model, LW_FAILED where the RTL cannot be built. */
enum lw_status lw_simulator_trace(struct lw_simulator *simulator, const char *path, uint64_t from,
                                  uint64_t cycles, struct lw_error *error);
/* Runs the list at an address of the memory from a reset on. The model leaves out the results
 * without `values`. Fails as lw_rtl_run and lw_model_run do. */
enum lw_status lw_simulator_run(const struct lw_simulator *simulator, struct lw_sim_memory memory,
                                uint32_t list, bool values, struct lw_sim_counts *counts,
                                struct lw_error *error);
void lw_simulator_close(struct lw_simulator *simulator);

#endif
