/* All baselines beside the engine in one table, and tables that an FPGA has in LUTRAM. LUTWIDGE in
 * the environment names the program. */
#include "tests/shell.h"

#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

TestSuite(synth_full, .init = shell_setup, .fini = shell_teardown, .timeout = 3000);

static void expect_tools(void)
{
    if (access("/usr/share/qflow/tech/osu018/osu018_stdcells.lib", R_OK) ||
        access("/usr/bin/nextpnr-ice40", X_OK))
        cr_skip("qflow-tech-osu018 and nextpnr-ice40 are not both installed");
}

Test(synth_full, one_table)
{
    expect_tools();
    shell_expect(
        "for b in 4 8; do \"$LUTWIDGE\" quantize models/open-en-de --bits $b --fit uniform "
        "--arith a8 -o $T/u$b.lwm || exit 1; done",
        0, "");
    shell_expect(
        "\"$LUTWIDGE\" compare --text 'Open the file.' lut-mobile=$T/u4.lwm "
        "bitserial-mobile=$T/u4.lwm mac4-mobile=$T/u4.lwm mac8-mobile=$T/u8.lwm --source "
        "models/open-en-de/test.en --ref models/open-en-de/test.de --lines 20 --db $T/x.db",
        0, "mac8-mobile, energy (an estimate");
    shell_expect("\"$LUTWIDGE\" query --db $T/x.db --csv --sql \"SELECT count(*), count(DISTINCT "
                 "model_hash) FROM simulations_view WHERE layer = 'all' AND what = 'text'\"",
                 0, "\n4,2\n");
    shell_expect("for d in lut bitserial mac4; do \"$LUTWIDGE\" translate $T/u4.lwm -q -b 1 "
                 "--device $d-mobile --engine rtl < models/open-en-de/test.en --lines 1 > $T/$d; "
                 "done; \"$LUTWIDGE\" translate $T/u4.lwm -q -b 1 < models/open-en-de/test.en "
                 "--lines 1 > $T/cpu; cmp $T/lut $T/cpu && cmp $T/bitserial $T/cpu && cmp $T/mac4 "
                 "$T/cpu",
                 0, "");
}

Test(synth_full, fpga)
{
    expect_tools();
    shell_expect(
        "\"$LUTWIDGE\" simulate --synth xc7 -p mu5-t4-r4-bus128-slots16-sl4-words32-lutram1 "
        "--db $T/x.db",
        0, "\nlanes.table ");
    shell_expect("\"$LUTWIDGE\" query --db $T/x.db --csv --sql \"SELECT memory_luts > 0 FROM "
                 "syntheses_view WHERE block = 'lanes.table'\"",
                 0, "\n1\n");
    shell_expect("\"$LUTWIDGE\" simulate --synth ice40", 0, "placed and routed on an hx8k: ");
}
