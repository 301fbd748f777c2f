/* lutwidge profile --device and allocate from outside, on a small model. LUTWIDGE in the
 * environment names the program. */
#include "models/status.h"
#include "tests/folder.h"
#include "tests/shell.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct folder *folder;

/* $PROFILE and $ALLOCATE work on a small model $M and the database $T/x.db. */
static void setup(void)
{
    struct folder_spec spec = folder_defaults();
    shell_setup();
    spec.config.d_model = 32;
    spec.config.encoder_ffn = spec.config.decoder_ffn = 64;
    folder = folder_new(&spec);
    folder_write(folder);
    setenv("M", folder->path, 1);
    setenv("PROFILE",
           "$LUTWIDGE profile $M --device lut-mobile --plans 0 --no-bleu --source $T/source --ref "
           "$T/reference -t 1 --db $T/x.db",
           1);
    setenv("ALLOCATE", "$LUTWIDGE allocate $M --db $T/x.db -o $T/p.yaml", 1);
    shell_expect("for i in 1 2 3 4; do echo 'the in a is and the to'; echo 'to be of'; done "
                 "> $T/source; for i in 1 2 3 4; do echo 'die der Sie und'; echo 'nicht zu'; done "
                 "> $T/reference",
                 0, "");
}

static void teardown(void)
{
    folder_free(folder);
    shell_teardown();
}

TestSuite(allocate, .init = setup, .fini = teardown, .timeout = 120);

#define SQL(text) "$LUTWIDGE query --db $T/x.db --csv --sql \"" text "\""
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
    shell_expect("eval $ALLOCATE --minimise beauty --max-drop 1", LW_USAGE, "loss, size");
    shell_expect("$LUTWIDGE profile $M --device vax --source $T/source --ref $T/reference",
                 LW_USAGE, "no device 'vax'");
    shell_expect("$LUTWIDGE profile $M --device host --what sensitivity --source a --ref b",
                 LW_USAGE, "leave out one");
}
