/* Where a verb writes: nothing that it reads is lost, and a place that cannot be written to is
 * known before the work. */
#include "tests/shell.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

TestSuite(output, .init = shell_setup, .fini = shell_teardown);

/* The command is refused, naming the file, which stays as it was. */
static void expect_kept(const char *file, const char *command)
{
    char line[512];
    snprintf(line, sizeof line, "cp %s $T/copy && %s", file, command);
    shell_expect(line, 2, "left as it is");
    snprintf(line, sizeof line, "cmp %s $T/copy", file);
    shell_expect(line, 0, "");
}

Test(output, nothing_that_is_read_is_replaced)
{
    shell_expect("cd $T && mkdir model && ln -s $OLDPWD/models/open-en-de/* model/ && "
                 "cp --remove-destination $OLDPWD/models/open-en-de/config.json model/ && "
                 "printf 'Open\\n' > en && printf 'Datei\\n' > de && "
                 "printf 'rules:\\n  - match: \"*\"\\n    bits: 1\\n' > plan",
                 0, "");
    expect_kept("$T/en", "$LUTWIDGE shortlist $T/model --source-text $T/en --target-text $T/de -o "
                         "$T/../$(basename $T)/en");
    expect_kept("$T/model/config.json", "$LUTWIDGE quantize $T/model -b 1 -o $T/model/config.json");
    expect_kept("$T/plan", "$LUTWIDGE quantize $T/model --plan $T/plan -o $T/plan");
    expect_kept("$T/plan", "$LUTWIDGE quantize $T/model --plan models/plans/paper.yaml "
                           "--source-text $T/plan --save-counts $T/plan -o $T/m.lwm");
    shell_expect("$LUTWIDGE quantize $T/model -b 1 --fit greedy -o $T/m.lwm", 0, "");
    expect_kept("$T/m.lwm", "$LUTWIDGE generate $T/m.lwm --standalone -o $T/m.lwm");
    shell_expect("$LUTWIDGE score --ref $T/de $T/de --db $T/runs.db", 0, "");
    expect_kept("$T/runs.db", "$LUTWIDGE report --db $T/runs.db -o $T/runs.db");
    expect_kept("$T/runs.db",
                "$LUTWIDGE allocate $T/model --max-size 1MB --db $T/runs.db -o $T/runs.db");
    /* Codes may change their class in place. */
    shell_expect("$LUTWIDGE quantize $T/m.lwm --arith a8 -o $T/m.lwm", 0, "class a8");
}

/* Refused with the place and the reason as the only words: no progress, so no work. */
static void expect_no_place(const char *command)
{
    char line[512];
    snprintf(line, sizeof line, "%s -o $T/none/x 2>&1 | sed s,$T,T,", command);
    shell_expect(line, 0, "cannot write T/none/x: No such file or directory\n");
    cr_expect_str_eq(strchr(shell_output, '\n'), "\n", "%s", shell_output);
}

Test(output, places_are_looked_at_before_the_work)
{
    expect_no_place("$LUTWIDGE quantize models/open-en-de -b 1");
    expect_no_place("$LUTWIDGE generate models/open-en-de/paper.lwm --standalone");
    expect_no_place("$LUTWIDGE shortlist models/open-en-de --source-text models/open-en-de/dev.en "
                    "--target-text models/open-en-de/dev.de");
    expect_no_place("$LUTWIDGE allocate models/open-en-de --max-size 1MB --db $T/none.db");
    shell_expect("ls $T", 0, "");
    cr_expect_str_empty(shell_output);
}
