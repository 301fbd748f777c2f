/* lutwidge profile --device and allocate from outside, on a small model. LUTWIDGE in the
 * environment names the program. */
#include "models/status.h"
#include "sim/simulator.h"
#include "sim/synth.h"
#include "tests/profiled.h"
#include "tests/shell.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(allocate, .init = profiled_setup, .fini = profiled_teardown, .timeout = 120);

#define ROWS                                                                                                                                                          \
    "(" SQL(                                                                                                                                                          \
        "SELECT part, word_class, bits, alpha, group_columns, relative_error, "                                                                                       \
        "divergence_nats, nats_a_word, error FROM part_losses_view ORDER BY 1, 2, 3, 4, 5") ";"                                                                       \
                                                                                            " " SQL(                                                                  \
                                                                                                "SELECT part, bits, alpha, group_columns, cost, memory_bytes, error " \
                                                                                                "FROM part_costs_view ORDER BY 1, 2, 3, 4") ")"

Test(allocate, killed_profiles_end_with_the_same_rows)
{
    shell_expect("eval $PROFILE", 0, "0 points are in");
    shell_expect(ROWS " > $T/whole; mv $T/x.db $T/y.db; wc -l < $T/whole", 0, "");
    cr_assert_gt(atoi(shell_output), 500, "%s", shell_output);
    shell_expect("for s in 0.2 0.35 0.5 0.3 0.4; do eval timeout -s KILL $s $PROFILE -q; done; "
                 "eval $PROFILE 2>&1",
                 0, " to measure, about ");
    shell_expect(ROWS " | cmp - $T/whole && echo same", 0, "same");
    shell_expect("eval $PROFILE", 0, ", 0 to measure");
}

/* What synthesis would say of lut-mobile, put where it is kept. */
static void keep_report(void)
{
    static const char report[] =
        "cell lw_engine $paramod$1\\lw_lanes 1\narea lw_engine 480\n"
        "cell $paramod$1\\lw_lanes lw_tree 1\narea $paramod$1\\lw_lanes 0\narea lw_tree 720\n"
        "area lw_adder 48\nunit 24\nflop DFFPOSX1 96\n";
    struct lw_engine engine;
    struct lw_synth synth;
    struct lw_error error = {0};
    char path[512];
    cr_assert_eq(lw_engine_parse(lw_sim_device_named("lut-mobile")->engine, &engine, &error),
                 LW_OK);
    cr_assert_eq(lw_synth_name(&engine, LW_SYNTH_ASIC, &synth, &error), LW_OK, "%s", error.text);
    shell_expect("mkdir -p $T/cache/lutwidge/syntheses", 0, "");
    snprintf(path, sizeof path, "%s/cache/lutwidge/syntheses/%s", shell_folder, synth.hash);
    FILE *stream = fopen(path, "w");
    cr_assert(stream && fputs(report, stream) >= 0 && fclose(stream) == 0);
    snprintf(path, sizeof path, "%s/cache", shell_folder);
    setenv("XDG_CACHE_HOME", path, 1);
}

#define ENERGIES                                                                                   \
    SQL("SELECT count(*) > 500, count(energy_pj) = count(*) AS energies, count(error) FROM "       \
        "part_costs")

Test(allocate, energies_are_filled_in_where_they_were_left_out)
{
    shell_expect("eval $PROFILE", 0, "costs on devices");
    cr_expect_null(strstr(shell_output, "gates of engines"), "%s", shell_output);
    shell_expect(ENERGIES, 0, "1,0,0\n");
    shell_expect("eval $PROFILE", 0, ", 0 to measure");
    keep_report();
    shell_expect("E=-q; eval $PROFILE", 0, "");
    shell_expect(ENERGIES, 0, "1,1,0\n");
    shell_expect(SQL("SELECT gates FROM syntheses WHERE block = 'all'"), 0, "gates\n50.0\n");
    shell_expect("E=--retry; eval $PROFILE", 0, ", 0 to measure");
    shell_expect("eval $ALLOCATE --max-energy 1mJ --device lut-mobile", 0, "area 50 gates");
}

Test(allocate, without_yosys_energies_stay_unknown)
{
    shell_expect("export PATH=$T; E=--retry; eval $PROFILE", 0,
                 "energy and area of engines stay unknown: yosys is missing; install it");
    shell_expect("export PATH=$T; E=--retry; eval $PROFILE", 0, ", 0 to measure");
    shell_expect(ENERGIES, 0, "1,0,0\n");
}

/* Multipliers of whole weights: no planes of their own scales, and one cost for all bits. */
Test(allocate, multipliers_are_profiled_with_the_codes_that_they_take)
{
    shell_expect("D=mac8-mobile,bitserial-mobile,mac4-mobile; eval $PROFILE", 0, "0 points are in");
    cr_expect_null(strstr(shell_output, "failed"), "%s", shell_output);
    shell_expect(
        SQL("SELECT device, count(*) > 0, count(error), sum(alpha = 'free' AND bits <> "
            "'1') > 0 AS free, count(DISTINCT bits) > 50 AS words FROM part_costs GROUP BY "
            "device ORDER BY device"),
        0, "bitserial-mobile,1,0,1,1\nmac4-mobile,1,0,0,1\nmac8-mobile,1,0,0,1\n");
    /* Bits do not matter, groups do. */
    shell_expect(SQL("SELECT count(DISTINCT cost), count(DISTINCT memory_bytes) FROM part_costs "
                     "WHERE device = 'mac8-mobile' AND part = 'decoder.0.ffn.fc1' AND "
                     "group_columns = 0"),
                 0, "1,1\n");
    shell_expect("D=mac8-mobile,bitserial-mobile,mac4-mobile; eval $PROFILE", 0, ", 0 to measure");
    shell_expect("eval $ALLOCATE --max-size 16kB --device mac8-mobile", 0, "gap 0;");
    cr_expect_not_null(strstr(shell_output, "multiplies weights of 8 bits"), "%s", shell_output);
    shell_expect("grep -c 'alpha: free' $T/p.yaml", 1, "0");
    shell_expect("$LUTWIDGE quantize $M --plan $T/p.yaml -o $T/m.lwm --source-text $T/source "
                 "--target-text $T/reference 2> $T/log && $LUTWIDGE translate -q $T/m.lwm -d "
                 "mac8-mobile --engine model $T/source | wc -l",
                 0, "8");
}

Test(allocate, plans_build_to_the_predicted_bytes)
{
    shell_expect("eval $PROFILE -q", 0, "");
    /* Odd budgets between the least and the most. */
    shell_expect("for size in 15011 16217 18251 20333; do "
                 "eval $ALLOCATE --max-size $size --json > $T/a.json && "
                 "$LUTWIDGE quantize $M --plan $T/p.yaml -o $T/m.lwm --source-text $T/source "
                 "--target-text $T/reference --json 2> /dev/null > $T/q.json && "
                 "sed -n 's/.*\"bytes\": \\([0-9]*\\),$/\\1/p' $T/a.json | head -n 1 > $T/a && "
                 "sed -n 's/.*\"model_bytes\": \\([0-9]*\\),$/\\1/p' $T/q.json > $T/q && "
                 "cmp $T/a $T/q && test $(cat $T/a) -le $size && echo exact; done",
                 0, "exact\nexact\nexact\nexact\n");
}

Test(allocate, words_may_be_counted_in_a_table)
{
    shell_expect("printf 'rules:\n- match: \"*\"\n  bits: 2\n- match: embedding\n"
                 "  words: {clusters: 2, ratio: 1}\n' > $T/w.yaml; "
                 "$LUTWIDGE quantize $M --plan $T/w.yaml --source-text $T/source --target-text "
                 "$T/reference --save-counts $T/c -o $T/m.lwm",
                 0, "bits a weight");
    shell_expect("eval $PROFILE -q && eval $PROFILE -q --counts $T/c", 0, "");
    shell_expect(SQL("SELECT count(DISTINCT source_hash) || ' texts' FROM part_losses_view"), 0,
                 "2 texts");
    shell_expect("eval $ALLOCATE --max-size 18251 --verify 1 --source $T/source --ref $T/reference",
                 LW_USAGE, "are not the text");
    shell_expect("eval $ALLOCATE --max-size 18251 --counts $T/c", LW_USAGE, "goes with --verify");
    shell_expect("$LUTWIDGE profile $M --what sensitivity --counts $T/c --source $T/source --ref "
                 "$T/reference --db $T/x.db",
                 LW_USAGE, "leave out --counts");
}

Test(allocate, limits_that_cannot_be_met_exit_with_3_and_the_range)
{
    static const char *const limits[] = {
        "--max-size 1kB",
        "--max-size 9000",
        "--max-latency 1us --device lut-mobile",
        "--max-latency 2us --max-size 1MB --device lut-mobile",
        "--max-memory 100 --device lut-mobile",
        "--max-memory 2kB --max-latency 1s --device lut-mobile",
        "--max-size 12kB --pin '.*=4'",
        "--max-size 1MB --max-latency 1us --device lut-mobile --pin ffn=4",
        "--max-latency 0.001ms --device lut-mobile",
        "--max-size 10B --max-memory 1B --max-latency 1us --device lut-mobile",
    };
    shell_expect("eval $PROFILE -q", 0, "");
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        char line[256];
        snprintf(line, sizeof line, "eval \"$ALLOCATE %s\"", limits[i]);
        shell_expect(line, LW_INFEASIBLE, "the limits cannot be met together");
        cr_expect_not_null(strstr(shell_output, "attainable, each by itself"), "%s", limits[i]);
        cr_expect_not_null(strstr(shell_output, "nearest to all limits"), "%s", limits[i]);
    }
    shell_expect("test -e $T/p.yaml || echo none", 0, "none");
}

/* A verified plan has its cost on its device, the sum of its parts', and its name builds the same
 * file as the plan that was written. */
Test(allocate, verified_plans_have_costs_and_are_built_again_by_name)
{
    shell_expect("eval $PROFILE -q", 0, "");
    /* Twice: what is measured again keeps its name. */
    for (int i = 0; i < 2; i++)
        shell_expect("eval $ALLOCATE --max-size 16kB --device lut-mobile --name p1 --verify 1 "
                     "--source $T/source --ref $T/reference",
                     0, "kept: candidate 1");
    shell_expect(SQL("SELECT deployment, device, unit, purpose FROM deployments_view"), 0,
                 "purpose\np1,lut-mobile,cycles,verify\n");
    shell_expect(
        SQL("SELECT cost - (SELECT sum(c.cost) FROM plan_parts_view AS v JOIN part_costs AS c ON "
            "c.part = v.part AND c.bits = v.bits AND c.group_columns = v.group_columns AND "
            "c.alpha = iif(v.bits = '1', 'free', v.alpha)) AS apart FROM plan_costs"),
        0, "apart\n0");
    setenv("QUANTIZE",
           "$LUTWIDGE quantize $M --arith a8 --source-text $T/source --target-text $T/reference",
           1);
    shell_expect("eval $QUANTIZE --plan $T/p.yaml -o $T/m.lwm", 0, "");
    shell_expect("eval $QUANTIZE --deployment p1 --db $T/x.db -o $T/again.lwm && "
                 "cmp $T/m.lwm $T/again.lwm && echo same",
                 0, "same");
    shell_expect("eval $QUANTIZE --deployment p1 -o $T/n.lwm", LW_USAGE, "Name it with --db");
    shell_expect("eval $QUANTIZE --deployment p9 --db $T/x.db -o $T/n.lwm", LW_USAGE,
                 "has no plan 'p9'");
    shell_expect("eval $QUANTIZE --deployment p1 --plan $T/p.yaml --db $T/x.db -o $T/n.lwm",
                 LW_USAGE, "two plans");
    shell_expect("eval $QUANTIZE --deployment p1 --bits 2 --db $T/x.db -o $T/n.lwm", LW_USAGE,
                 "--deployment says bits");
    shell_expect("cp -r $M $T/other && printf 'x' | dd of="
                 "$T/other/model.safetensors bs=1 seek=$(($(stat -c %s $M/model.safetensors) - 3)) "
                 "conv=notrunc 2> /dev/null; $LUTWIDGE quantize $T/other --deployment p1 --db "
                 "$T/x.db --source-text $T/source --target-text $T/reference -o $T/n.lwm",
                 LW_USAGE, "a plan of another model");
}

/* CBC puts a signal handler of its own in place of ours, and ours back without its flags. */
Test(allocate, interrupts_end_it_after_a_search_too)
{
    shell_expect("eval $PROFILE -q", 0, "");
    shell_expect("eval exec env --default-signal=INT $ALLOCATE --max-size 16kB --device lut-mobile "
                 "--verify 20 --source $T/source --ref $T/reference 2>$T/said & P=$!; "
                 "until grep -q built $T/said; do sleep 0.02; done; kill -INT $P; "
                 "timeout 20 tail --pid=$P -f /dev/null || kill -KILL $P; wait $P; echo code $?",
                 0, "code 130");
    shell_expect("ls $T/p.yaml", 2, "");
}

Test(allocate, says_what_binds_and_keeps_pins)
{
    shell_expect("eval $PROFILE -q", 0, "");
    shell_expect("eval $ALLOCATE --max-size 16kB --device lut-mobile --max-latency 1s --pin "
                 "'decoder.0.ffn=1'",
                 0, "gap 0;");
    cr_expect_not_null(strstr(shell_output, "one more megabyte of size would buy"), "%s",
                       shell_output);
    cr_expect_not_null(strstr(shell_output, "one more millisecond buys nothing"), "%s",
                       shell_output);
    shell_expect("grep -A 1 decoder.0.ffn $T/p.yaml | grep -c 'bits: 1'", 0, "2");
    shell_expect("grep 'arith: a8' $T/p.yaml", 0, "a8");
}

Test(allocate, refuses_what_it_cannot_answer)
{
    shell_expect("eval $ALLOCATE --max-size 16kB", LW_FAILED, "x.db");
    shell_expect("eval $PROFILE -q", 0, "");
    shell_expect("eval $ALLOCATE", LW_USAGE, "nothing limits the model");
    shell_expect("eval $ALLOCATE --max-latency 5ms", LW_USAGE, "--device");
    shell_expect("eval $ALLOCATE --max-latency 5miles --device lut-mobile", LW_USAGE, "5ms");
    shell_expect("eval $ALLOCATE --max-size 16kB --pin nothing=2", LW_USAGE, "no part's name");
    shell_expect("eval $ALLOCATE --max-size 16kB --pin embedding=9", LW_USAGE, "1 to 4 bits");
    shell_expect("eval $ALLOCATE --max-size 16kB --device pdp-11", LW_USAGE, "no device");
    shell_expect("eval $ALLOCATE --max-size 16kB --device host", LW_FAILED, "--device host");
    shell_expect("eval $ALLOCATE --minimise size", LW_USAGE, "--max-drop");
    shell_expect("eval $ALLOCATE --minimise size --max-drop 1", LW_FAILED, "no whole plans");
    shell_expect("eval $ALLOCATE --max-size 16kB --verify 0", LW_USAGE, "--verify takes 1");
    shell_expect("eval $ALLOCATE --minimise size --max-drop nan", LW_USAGE, "above 0");
    shell_expect("eval $ALLOCATE --minimise beauty --max-drop 1", LW_USAGE, "loss, size");
    shell_expect("$LUTWIDGE profile $M --device vax --source $T/source --ref $T/reference",
                 LW_USAGE, "no device 'vax'");
    shell_expect("eval $PROFILE --bits 9", LW_USAGE, "leave out --by, --bits and --modes");
    shell_expect("eval $PROFILE --modes free/row", LW_USAGE, "leave out --by, --bits and --modes");
    shell_expect("$LUTWIDGE profile $M --device host --what sensitivity --source a --ref b",
                 LW_USAGE, "leave out one");
}
