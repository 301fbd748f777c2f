/* lutwidge allocate among several devices, and its limits of energy and area. Gates and energies
 * are made up here: synthesis takes half a minute an engine. LUTWIDGE names the program. */
#include "models/status.h"
#include "tests/profiled.h"
#include "tests/shell.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* bitserial-mobile is the larger one of two with the same cycles. */
static void setup(void)
{
    profiled_setup();
    shell_expect("D=lut-mobile,bitserial-mobile,mac8-mobile; eval $PROFILE -q", 0, "");
    profiled_raw(
        "UPDATE part_costs SET energy_pj = 1000 * cost;"
        "INSERT INTO syntheses (time_utc, run_id, hash, engine, flow, tools, block, gates, "
        "flops, memory_bits) SELECT '2026-01-01T00:00:00Z', 1, printf('%032d', gates), "
        "engine, 'asic', 'by rule', 'all', gates, 1, 5 FROM (SELECT "
        "'mu4-t16-r8-c1-x8-bus512-slots64-sl8-words512' AS engine, 2000 AS gates UNION "
        "SELECT 'mu4-t16-r8-c1-x8-bus512-slots64-sl8-words512-w1', 2100 UNION SELECT "
        "'mu4-t2-r8-c1-x8-bus512-slots64-sl8-words512-w8', 900)");
}

TestSuite(allocate_devices, .init = setup, .fini = profiled_teardown, .timeout = 120);

#define ALL " --device lut-mobile,bitserial-mobile,mac8-mobile"

static void expect_said(const char *text)
{
    cr_expect_not_null(strstr(shell_output, text), "'%s' is not in: %s", text, shell_output);
}

Test(allocate_devices, the_best_is_chosen_and_of_equals_the_smaller)
{
    shell_expect("eval $ALLOCATE --max-latency 33us" ALL, 0, "chosen: lut-mobile\n");
    expect_said("bitserial-mobile      2100 gates; divergence ");
    expect_said("mac8-mobile            900 gates; the limits cannot be met together");
    shell_expect("eval $ALLOCATE --max-size 16kB" ALL, 0, "chosen: lut-mobile\n");
    shell_expect("grep -c 'arith: a8' $T/p.yaml", 0, "");
}

Test(allocate_devices, areas_limit_the_choice_and_say_what_more_would_buy)
{
    shell_expect("eval $ALLOCATE --max-size 16kB --max-area 1.5k" ALL, 0, "chosen: mac8-mobile\n");
    expect_said("2000 gates; divergence ");
    expect_said("500 more gates would admit lut-mobile, with a divergence of ");
    expect_said("this limit binds");
    shell_expect("eval $ALLOCATE --max-size 16kB --max-area 2050" ALL, 0, "chosen: lut-mobile\n");
    expect_said("more gates buy nothing: this limit does not bind");
    shell_expect("eval $ALLOCATE --max-size 16kB --max-area 2050 --device lut-mobile", 0,
                 "more gates buy nothing");
    shell_expect("eval $ALLOCATE --max-size 16kB --max-area 800" ALL, LW_INFEASIBLE,
                 "the smallest of these engines has 900 gates");
    shell_expect("eval $ALLOCATE --max-size 16kB --max-area 800 --device lut-mobile", LW_INFEASIBLE,
                 "2000 gates where 800 are asked for");
    shell_expect("eval $ALLOCATE --max-latency 1us --max-area 950" ALL, LW_INFEASIBLE,
                 "nearest to all limits");
    expect_said("2000 gates");
    expect_said("attainable, each by itself");
}

/* A drop needs whole plans with BLEU: of these parts' losses, one BLEU a nat. */
static void add_plans(void)
{
    static const char *const bits[] = {"1", "2", "3", "4"};
    for (size_t i = 0; i < sizeof bits / sizeof *bits; i++) {
        char sql[2048];
        snprintf(
            sql, sizeof sql,
            "INSERT INTO plan_losses (time_utc, run_id, model_hash, source_hash, "
            "reference_hash, lines, calibration_lines, plan, purpose, size_bytes, "
            "divergence_nats, nats_a_word, fp32_nats_a_word, bleu, fp32_bleu, seconds) SELECT "
            "time_utc, run_id, model_hash, source_hash, reference_hash, lines, "
            "calibration_lines, (SELECT group_concat('%s/f', ' ') FROM (SELECT DISTINCT part "
            "FROM part_losses)), 'calibrate', 1, %g, 1, 1, 30 - 10 * %g, 30, 1 FROM part_losses "
            "LIMIT 1",
            bits[i], 0.8 / (double)(1 << 2 * i), 0.8 / (double)(1 << 2 * i));
        profiled_raw(sql);
    }
}

Test(allocate_devices, area_and_energy_can_be_minimised)
{
    add_plans();
    shell_expect("eval $ALLOCATE --minimise area --max-drop 5" ALL, 0, "chosen: mac8-mobile\n");
    shell_expect("eval $ALLOCATE --minimise area --max-drop 5 --max-latency 33us" ALL, 0,
                 "chosen: lut-mobile\n");
    shell_expect("eval $ALLOCATE --minimise energy --max-drop 5" ALL, 0, "chosen: lut-mobile\n");
    shell_expect("eval $ALLOCATE --minimise energy --max-drop 1e-9" ALL, LW_INFEASIBLE,
                 "by any device");
    shell_expect("eval $ALLOCATE --minimise energy --max-drop 1 --device lut-mobile", 0,
                 "another tenth of a BLEU would buy ");
    expect_said(" uJ");
}

Test(allocate_devices, energies_are_limits_and_are_told)
{
    shell_expect("eval $ALLOCATE --max-energy 13uJ --device lut-mobile", 0,
                 "; energy 12.72 uJ to 15.63 uJ");
    expect_said("one more millijoule would buy");
    expect_said("area 2000 gates and 5 bits of memories");
    expect_said("predicted energy");
    shell_expect("eval $ALLOCATE --max-energy 13000nJ --device lut-mobile --json", 0,
                 "\"energy_pj\": 1");
    expect_said("\"area_gates\": 2000.0");
    shell_expect("eval $ALLOCATE --max-energy 30pJ --device lut-mobile", LW_INFEASIBLE,
                 "uJ where 3e-05 uJ are asked for");
    shell_expect("eval $ALLOCATE --max-energy 30 --device lut-mobile", LW_USAGE, "150uJ");
    shell_expect("eval $ALLOCATE --max-energy 30uJ", LW_USAGE, "--device");
    shell_expect("eval $ALLOCATE --max-area 30 --max-size 16kB", LW_USAGE, "--device");
    shell_expect("eval $ALLOCATE --max-area big --device lut-mobile", LW_USAGE, "220k");
    shell_expect("eval $ALLOCATE --minimise area --device lut-mobile", LW_USAGE, "--max-drop");
}

Test(allocate_devices, what_was_not_synthesised_is_refused)
{
    profiled_raw("DELETE FROM syntheses; UPDATE part_costs SET energy_pj = NULL WHERE part = "
                 "'embedding'");
    shell_expect("eval $ALLOCATE --max-energy 30uJ --device lut-mobile", LW_FAILED,
                 "without energies");
    shell_expect("eval $ALLOCATE --max-size 16kB --max-area 3k --device lut-mobile", LW_FAILED,
                 "no synthesis of lut-mobile");
    shell_expect("eval $ALLOCATE --max-size 16kB --device lut-mobile", 0, "gap 0;");
    cr_expect_null(strstr(shell_output, "energy"), "%s", shell_output);
    shell_expect("eval $ALLOCATE --max-energy 30uJ --device arm-exynos-m4", LW_USAGE,
                 "energy is of engines: arm-exynos-m4 is none");
    shell_expect("eval $ALLOCATE --max-size 16kB --max-area 3k --device host", LW_USAGE,
                 "area is of engines: host is none");
}

/* Whole plans with codes that a device does not take calibrate losses all the same. */
Test(allocate_devices, losses_are_calibrated_alike_for_all_devices)
{
    add_plans();
    for (int i = 0; i < 2; i++) {
        char line[256];
        snprintf(line, sizeof line,
                 "eval $ALLOCATE --max-size 16kB --device %s | grep 'predicted d' > $T/%d; "
                 "wc -l < $T/%d",
                 i ? "mac8-mobile" : "lut-mobile", i, i);
        shell_expect(line, 0, "2");
    }
    shell_expect("cmp $T/0 $T/1 && grep -c 'on 4 whole plans' $T/0", 0, "2");
}
