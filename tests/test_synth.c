/* What synthesis reports, block by block; the estimate of energy; and the verbs that show them.
 * LUTWIDGE in the environment names the program. */
#include "profiles/energy.h"
#include "sim/synth.h"
#include "tests/shell.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Two tables and a tree in the lanes, two FIFOs of one kind. */
#define REPORT                                                                                     \
    "cell lw_engine $paramod$1\\lw_lanes 1\ncell lw_engine $paramod$2\\lw_fifo 2\n"                \
    "cell lw_engine DFFPOSX1 3\narea lw_engine 480\n"                                              \
    "cell $paramod$1\\lw_lanes $paramod$3\\lw_table 2\n"                                           \
    "cell $paramod$1\\lw_lanes lw_tree 1\narea $paramod$1\\lw_lanes 0\n"                           \
    "cell $paramod$3\\lw_table lw_entries 1\ncell $paramod$3\\lw_table DFFPOSX1 10\n"              \
    "area $paramod$3\\lw_table 2400\narea lw_entries 240\narea lw_tree 720\n"                      \
    "cell $paramod$2\\lw_fifo DFFPOSX1 1\narea $paramod$2\\lw_fifo 120\n"                          \
    "memory $paramod$2\\lw_fifo 1000\nmemory $paramod$2\\lw_fifo 24\n"                             \
    "delay lw_tree 1500\ndelay $paramod$3\\lw_table 1000\ndelay lw_entries 9000\n"

static void read_report(const char *text, enum lw_synth_flow flow, enum lw_status expected,
                        struct lw_synth *synth)
{
    struct lw_error error = {0};
    *synth = (struct lw_synth){.flow = flow};
    cr_assert_eq(lw_synth_read(text, synth, &error), expected, "%s", error.text);
}

static void expect_block(const struct lw_synth_block *block, double gates, double flops,
                         double delay)
{
    cr_assert_not_null(block);
    cr_expect_float_eq(block->gates, gates, 1e-9, "%s: %g gates", block->name, block->gates);
    cr_expect_float_eq(block->flops, flops, 1e-9, "%s: %g FFs", block->name, block->flops);
    cr_expect_float_eq(block->delay_ns, delay, 1e-9, "%s: %g ns", block->name, block->delay_ns);
}

Test(synth, blocks_are_sums_of_modules)
{
    struct lw_synth synth;
    read_report(REPORT "area lw_adder 48\nunit 24\nflop DFFPOSX1 96\n", LW_SYNTH_ASIC, LW_OK,
                &synth);
    expect_block(lw_synth_block(&synth, "lanes"), (2 * 2400 + 2 * 240 + 720) / 24., 20, 2.5);
    expect_block(lw_synth_block(&synth, "lanes.table"), 200, 20, 1);
    expect_block(lw_synth_block(&synth, "lanes.entries"), 20, 0, 9);
    expect_block(lw_synth_block(&synth, "fifo"), 10, 2, 0);
    expect_block(lw_synth_block(&synth, "engine"), 20, 3, 0);
    expect_block(&synth.all, 250 + 10 + 20, 25, 2.5);
    cr_expect_eq(lw_synth_lanes(&synth)->flop_gates, 80);
    cr_expect_eq(synth.all.memory_bits, 2048);
    cr_expect_eq(synth.adder_gates, 2);
    cr_expect_null(lw_synth_block(&synth, "fifo.fifo"));
}

Test(synth, luts_of_memories_count)
{
    struct lw_synth synth;
    read_report("cell lw_engine LUT6 5\ncell lw_engine LUT1 1\ncell lw_engine RAM32M 2\n"
                "cell lw_engine RAM64X1D 1\ncell lw_engine FDRE 7\ncell lw_engine DSP48E1 2\n"
                "cell lw_engine RAMB18E1 3\ncell lw_engine CARRY4 9\n",
                LW_SYNTH_XC7, LW_OK, &synth);
    cr_expect_eq(synth.all.luts, 16);
    cr_expect_eq(synth.all.memory_luts, 10);
    cr_expect_eq(synth.all.flops, 7);
    cr_expect_eq(synth.all.dsps, 2);
    cr_expect_eq(synth.all.rams, 1.5);
}

Test(synth, incomplete_reports_are_refused)
{
    struct lw_synth synth;
    read_report(REPORT, LW_SYNTH_ASIC, LW_CORRUPT, &synth);
    read_report("cell lw_small SB_LUT4 3\n", LW_SYNTH_ICE40, LW_CORRUPT, &synth);
    read_report("cell lw_other SB_LUT4 3\n", LW_SYNTH_XC7, LW_CORRUPT, &synth);
    read_report("what lw_engine is\n", LW_SYNTH_XC7, LW_CORRUPT, &synth);
    read_report("", LW_SYNTH_XC7, LW_CORRUPT, &synth);
}

/* Twice the counters take twice the energy, and no event has none or no source. */
Test(synth, energy_is_counters_times_events)
{
    struct lw_synth synth;
    struct lw_engine engine = lw_engine_default();
    struct lw_simulation_row once = {0}, twice = {0};
    struct lw_energy a, b;
    read_report(REPORT "area lw_adder 48\nunit 24\nflop DFFPOSX1 96\n", LW_SYNTH_ASIC, LW_OK,
                &synth);
    for (int i = 0; i < LW_COUNTERS; i++)
        twice.counts[i] = 2 * (once.counts[i] = 100 + i);
    lw_energy_estimate(&engine, &synth, &once, &a);
    lw_energy_estimate(&engine, &synth, &twice, &b);
    double sum = 0;
    for (int i = 0; i < LW_ENERGY_PARTS; i++) {
        cr_expect_gt(a.parts[i].pj, 0);
        cr_expect(a.parts[i].source[0]);
        cr_expect_eq(b.parts[i].count, 2 * a.parts[i].count);
        sum += a.parts[i].count * a.parts[i].pj;
    }
    cr_expect_float_eq(a.memory_pj + a.engine_pj, sum, 1e-6 * sum);
    cr_expect_float_eq(b.memory_pj + b.engine_pj, 2 * sum, 1e-6 * sum);
    /* 250 gates of lanes less 80 of flip-flops and 20 of entries, of 2 gates an adder */
    cr_expect_float_eq(a.parts[2].pj, 150 / 2. * .03, 1e-9);
    /* 64 bytes of a beat at 1.3 nJ for 8 */
    cr_expect_float_eq(a.parts[0].pj, 10400, 1e-6);
}

TestSuite(synth_verbs, .init = shell_setup, .fini = shell_teardown, .timeout = 600);

Test(synth_verbs, wrong_usage)
{
    shell_expect("\"$LUTWIDGE\" simulate", 2, "give a model, or --synth");
    shell_expect("\"$LUTWIDGE\" simulate --synth gates", 2, "--synth takes asic, xc7, ice40");
    shell_expect("\"$LUTWIDGE\" simulate x.lwm --synth asic", 2, "give no model");
    shell_expect("\"$LUTWIDGE\" simulate --synth asic --device host", 2, "has no engine");
    shell_expect("\"$LUTWIDGE\" simulate --synth asic -p lutram1-w1", 2,
                 "have no tables in LUTRAM");
    shell_expect("PATH=/nonexistent \"$LUTWIDGE\" simulate --synth asic", 1,
                 "yosys is missing; install it with 'apt-get install yosys'");
    shell_expect("\"$LUTWIDGE\" compare --text a lut-mobile", 2, "is not DEVICE=M.lwm");
    shell_expect("\"$LUTWIDGE\" compare --text a host=a.lwm", 2, "device 'host' has no engine");
    shell_expect("\"$LUTWIDGE\" compare lut-mobile=a.lwm", 2, "give a line with --text");
    shell_expect("\"$LUTWIDGE\" compare --text a lut-mobile=a.lwm lut-fpga=a.lwm", 2,
                 "not the same bus, clock and memory");
    shell_expect("\"$LUTWIDGE\" compare --text a --ref x lut-mobile=a.lwm", 2,
                 "--source and --ref go together");
}

Test(synth_verbs, a_small_engine)
{
    if (access("/usr/share/qflow/tech/osu018/osu018_stdcells.lib", R_OK))
        cr_skip("qflow-tech-osu018 is not installed");
    shell_expect("\"$LUTWIDGE\" simulate --synth asic -p mu2-t2-r2-bus128-slots16-sl1-words32 "
                 "--db $T/x.db",
                 0, "\nlanes.entries ");
    shell_expect("\"$LUTWIDGE\" query --db $T/x.db --csv --sql \"SELECT count(*) > 20 AS blocks, "
                 "sum(iif(block = 'all', gates, 0)) = sum(iif(block LIKE '%.%' OR block = 'all', "
                 "0, gates)) AS whole, sum(iif(block = 'counters', flops, 0)) AS flops, min(tools "
                 "LIKE 'Yosys %') AS tools FROM syntheses_view WHERE engine LIKE 'mu2-t2-r2-%'\"",
                 0, "blocks,whole,flops,tools\n1,1,");
    shell_expect("\"$LUTWIDGE\" query syntheses --db $T/x.db", 0, "k gates");
}
