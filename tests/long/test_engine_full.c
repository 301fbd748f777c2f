/* A text on the RTL: a mixed plan of 2 to 3 bits, greedy, every product on the engine, gives the
 * bytes of the CPU's kernels. 1,000 lines, in as many processes as there are processors. LUTWIDGE
 * in the environment names the program. */
#include "tests/shell.h"

#include <criterion/criterion.h>

TestSuite(engine_full, .init = shell_setup, .fini = shell_teardown, .timeout = 7200);

Test(engine_full, a_text_on_the_rtl_has_the_bytes_of_the_cpu)
{
    shell_expect("printf 'name: mix\\narith: a8\\nrules:\\n  - {match: \"*\", bits: 2}\\n"
                 "  - {match: self, bits: 3}\\n"
                 "  - {match: embedding, words: {clusters: 3, ratio: 1}}\\n' > $T/p.yaml; "
                 "$LUTWIDGE quantize models/open-en-de --plan $T/p.yaml -o $T/m.lwm "
                 "--source-text models/open-en-de/dev.en --target-text models/open-en-de/dev.de",
                 0, "class a8");
    shell_expect("head -n 1000 models/open-en-de/test.en > $T/in; cd $T; split -l 50 in part-; "
                 "$LUTWIDGE translate m.lwm in -b 1 -s -q > cpu; "
                 "$LUTWIDGE translate m.lwm part-aa -b 1 -q --lines 1 --engine rtl > built",
                 0, "");
    shell_expect("cd $T; ls part-* | xargs -P $(nproc) -I{} sh -c "
                 "'$LUTWIDGE translate m.lwm {} -b 1 -s -q --engine rtl > rtl-{}' && "
                 "cat rtl-part-* | cmp - cpu",
                 0, "");
    shell_expect("cd $T; $LUTWIDGE translate m.lwm in -b 1 -s -q --engine model | cmp - cpu", 0,
                 "");
    shell_expect("cd $T; head -n 20 in > few; $LUTWIDGE translate m.lwm few -b 4 -s -q > cpu4; "
                 "$LUTWIDGE translate m.lwm few -b 4 -s -q --engine model | cmp - cpu4",
                 0, "");
}
