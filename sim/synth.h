/* What an engine takes in gates or in an FPGA: its RTL through Yosys, module by module, so that
 * what is there many times is mapped once. Estimates: nothing is placed but a few lanes for ice40.
 */
#ifndef LW_SIM_SYNTH_H
#define LW_SIM_SYNTH_H

#include "gen/engine.h"
#include "models/status.h"

#include <stdbool.h>
#include <stddef.h>

enum lw_synth_flow { LW_SYNTH_ASIC, LW_SYNTH_XC7, LW_SYNTH_ICE40, LW_SYNTH_FLOWS };
enum { LW_SYNTH_BLOCKS = 48, LW_BLOCK_NAME_BYTES = 32, LW_SYNTH_TOOLS_BYTES = 200 };

/* Figures of a flow; the others are 0. */
struct lw_synth_block {
    char name[LW_BLOCK_NAME_BYTES]; /* "lanes"; "lanes.table": a part of it; "all" */
    double gates;                   /* asic: area of its cells over that of a NAND2 */
    double flops;
    double flop_gates;  /* asic: of `gates` */
    double memory_bits; /* asic: memories of more than 16 words, not in `gates` */
    double luts;        /* FPGAs: with those that are memories */
    double memory_luts; /* xc7 */
    double rams, dsps;  /* xc7: blocks of 36 Kbit, multipliers; ice40: blocks of 4 Kbit */
    double delay_ns;    /* asic: longest in a module of it, without wires; of lanes their lookups or
                           products and the adder tree one after the other */
};

struct lw_synth {
    enum lw_synth_flow flow;
    char tools[LW_SYNTH_TOOLS_BYTES]; /* with their versions */
    char hash[33];                    /* of RTL, parameters, flow and tools */
    size_t count;
    struct lw_synth_block blocks[LW_SYNTH_BLOCKS]; /* the parts of a block stand behind it */
    struct lw_synth_block all;
    double adder_gates; /* asic: an adder of 8 bits by the same tools */
    double clock_mhz;   /* ice40: of a few lanes, placed and routed; else 0 */
};

/* "asic", "xc7", "ice40". */
const char *lw_synth_flow_name(enum lw_synth_flow flow);
/* False when the name is none of them. */
bool lw_synth_flow_parse(const char *name, enum lw_synth_flow *flow);

/* Fills flow, tools and hash alone, fast. LW_FAILED where a tool is missing, with the command that
 * installs it. */
enum lw_status lw_synth_name(const struct lw_engine *engine, enum lw_synth_flow flow,
                             struct lw_synth *synth, struct lw_error *error);
/* Takes what an earlier call left in `cache` (a folder, made where it is missing), or runs the
 * tools, which takes a minute or several. ice40 is of a few lanes with the engine's mu, not of the
 * engine. LW_FAILED where a tool is missing, as above, or fails. */
enum lw_status lw_synth_run(const struct lw_engine *engine, enum lw_synth_flow flow,
                            const char *cache, struct lw_synth *synth, struct lw_error *error);
/* Reads a report of sim/synthesise. LW_CORRUPT names what it lacks. */
enum lw_status lw_synth_read(const char *text, struct lw_synth *synth, struct lw_error *error);
/* NULL: there is none of that name. */
const struct lw_synth_block *lw_synth_block(const struct lw_synth *synth, const char *name);
/* The block of the lookups or products. */
const struct lw_synth_block *lw_synth_lanes(const struct lw_synth *synth);

#endif
