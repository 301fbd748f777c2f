/* --nested and --max-model-size from outside. LUTWIDGE in the environment names the program. */
#include "models/status.h"
#include "tests/shell.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(prefix, .init = shell_setup, .fini = shell_teardown, .timeout = 300);

/* The number after `label` in what the last line printed. */
static size_t printed(const char *label)
{
    const char *at = strstr(shell_output, label);
    cr_assert_not_null(at, "no '%s' in %s", label, shell_output);
    return strtoul(at + strlen(label), NULL, 10);
}

Test(prefix, budgets_choose_what_is_loaded)
{
    char line[512], words[64];
    shell_expect("export XDG_CACHE_HOME=$T; head -n 1 models/open-en-de/test.en > $T/in", 0, "");
    setenv("XDG_CACHE_HOME", shell_folder, 1);
    shell_expect("$LUTWIDGE quantize models/open-en-de --bits 2 --nested -o $T/m.lwm 2>/dev/null",
                 0, "relative MSE by planes: 0.38");
    size_t least = printed("prefixes of "), most = printed(" to ");
    cr_expect_lt(least, most);
    shell_expect("$LUTWIDGE inspect $T/m.lwm", 0, "nested planes: 122 chunks");
    cr_expect_eq(printed("chunks take "), least);
    shell_expect("$LUTWIDGE inspect --json $T/m.lwm", 0, "\"prefixes\": [");
    cr_expect_eq(printed("\"chunks\": "), 61);
    /* Of rows of 2 planes, the scales of the first alone: a third of all. */
    shell_expect(
        "$LUTWIDGE inspect $T/m.lwm | grep '^all matrices'; "
        "$LUTWIDGE inspect $T/m.lwm | grep smaller",
        0, " bytes are scales that only smaller prefixes use; the tables above are of the largest");
    size_t smaller = printed("of the matrices ");
    snprintf(words, sizeof words, "  %zu  ", 2 * smaller);
    cr_expect_not_null(strstr(shell_output, words), "no '%s' in %s", words, shell_output);

    snprintf(line, sizeof line,
             "$LUTWIDGE translate $T/m.lwm --max-model-size %zu -b 1 --max-length 8 $T/in",
             least - 1);
    snprintf(words, sizeof words, "smallest prefix takes %zu bytes", least);
    shell_expect(line, LW_INFEASIBLE, words);
    snprintf(line, sizeof line, "$LUTWIDGE generate $T/m.lwm --max-model-size %zu -o $T/none",
             least - 1);
    shell_expect(line, LW_INFEASIBLE, words);

    /* The bundle of a prefix holds an ordinary file of the size that was said. */
    shell_expect("$LUTWIDGE generate $T/m.lwm --max-model-size 1.5MB -o $T/b", 0,
                 "of 122 chunks of nested planes");
    size_t bytes = printed("nested planes, ");
    cr_expect_leq(bytes, 1500000);
    cr_expect_gt(bytes, least);
    shell_expect("$LUTWIDGE inspect $T/b", 0, "binary codes, class t8\n");
    shell_expect("$LUTWIDGE generate $T/b -o $T/none", LW_USAGE, "/b is a bundle already");
    shell_expect("$LUTWIDGE inspect $T/b/model.lwm", 0, "chunks\n");
    cr_expect_eq(printed("without tokeniser "), bytes);
    shell_expect("$LUTWIDGE translate $T/b -b 1 --max-length 8 $T/in -s -q > $T/one", 0, "");
    shell_expect("$LUTWIDGE translate $T/m.lwm --max-model-size 1500kB --engine reference -b 1 "
                 "--max-length 8 $T/in -s -q | cmp - $T/one",
                 0, "");
    for (int i = 0; i < 2; i++) { /* the first makes the bundle in the cache */
        shell_expect("$LUTWIDGE translate $T/m.lwm --max-model-size 1.5MB -b 1 --max-length 8 "
                     "$T/in -s > $T/two",
                     0, "of 122 chunks");
        cr_expect_eq(printed("nested planes, "), bytes);
        shell_expect("cmp $T/one $T/two", 0, "");
    }

    /* For all else the option is a check. */
    shell_expect("$LUTWIDGE translate $T/b --max-model-size 1.5MB --max-length 8 $T/in -q", 0, "");
    snprintf(words, sizeof words, "takes %zu bytes", bytes);
    shell_expect("$LUTWIDGE translate $T/b --max-model-size 1.4MB $T/in", LW_INFEASIBLE, words);
    shell_expect("$LUTWIDGE translate $T/b/model.lwm --max-model-size 1.4MB $T/in", LW_INFEASIBLE,
                 words);
    shell_expect("$LUTWIDGE translate models/open-en-de --max-model-size 2MB $T/in", LW_USAGE,
                 "is not quantised");
    static const char *const wrong[] = {"2XB", "1e6",   "0x200000", "1.2.3MB", ".5MB",
                                        "-1",  "+2MB",  "1,5MB",    "inf",     "nan",
                                        "MB",  "2 M B", "",         "9e99",    "99999999GB"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        snprintf(line, sizeof line, "$LUTWIDGE translate $T/m.lwm --max-model-size \"%s\" $T/in",
                 wrong[i]);
        shell_expect(line, LW_USAGE,
                     "--max-model-size takes bytes (1500000) or a number with kB, MB");
    }
    shell_expect("$LUTWIDGE translate $T/b --max-model-size '1.5 mb' --max-length 8 $T/in -q", 0,
                 "");
}

Test(prefix, inspect_lists_each_prefix_once)
{
    shell_expect("$LUTWIDGE quantize models/open-en-de --bits 1 --nested -o $T/m.lwm", 0, "");
    shell_expect("$LUTWIDGE inspect $T/m.lwm | sed -n '/^ chunks/,$p' | wc -l", 0, "2\n");
    shell_expect("$LUTWIDGE inspect --json $T/m.lwm | grep -c '\"chunks\"'", 0, "1\n");
}

Test(prefix, requests_that_contradict)
{
    shell_expect("$LUTWIDGE quantize models/open-en-de --bits 2 --nested --fit greedy -o $T/m.lwm",
                 LW_USAGE, "leave out --fit");
    shell_expect("printf 'rules:\n  - {match: \"*\", bits: 2, alpha: uniform}\n' > $T/p.yaml; "
                 "$LUTWIDGE quantize models/open-en-de --plan $T/p.yaml --nested -o $T/m.lwm",
                 LW_USAGE, "nested planes have free scales");
    shell_expect(
        "$LUTWIDGE quantize models/open-en-de --bits 2 --nested --weighting gram -o $T/m.lwm",
        LW_USAGE, "nested planes have a fit of their own");
}
