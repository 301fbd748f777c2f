/* lutwidge generate --plan, and what inspect says of a bundle. */
#include "tests/shell.h"

#include <criterion/criterion.h>

static void setup(void)
{
    shell_setup();
    shell_expect("$LUTWIDGE quantize models/open-en-de --bits 1 --fit greedy -o $T/m.lwm", 0, "");
}

TestSuite(generate, .init = setup, .fini = shell_teardown, .timeout = 120);

#define GENERATE "$LUTWIDGE generate $T/m.lwm -o $T/bundle "

/* The choice changes times, never results; the second plan times nothing. */
Test(generate, measured_plans_are_kept)
{
    shell_expect(GENERATE, 0, "kernels of class t8");
    shell_expect("head -n 4 models/open-en-de/test.en > $T/in; "
                 "$LUTWIDGE translate $T/bundle $T/in -b 1 -q > $T/estimate",
                 0, "");
    shell_expect(GENERATE "--plan measure --db $T/x.db", 0,
                 "0 of 4 kernel shapes are in the database; 4 are measured now");
    shell_expect("$LUTWIDGE translate $T/bundle $T/in -b 1 -q | cmp - $T/estimate", 0, "");
    shell_expect("$LUTWIDGE query --db $T/x.db --csv --sql 'SELECT count(*), count(DISTINCT spec), "
                 "min(verb), max(seconds > 0) FROM kernels_view, runs_view'",
                 0, "\n40,20,generate,1\n");
    shell_expect("$LUTWIDGE inspect $T/bundle", 0, "planned by measured");
    shell_expect(GENERATE "--plan measure --db $T/x.db", 0,
                 "times of all 4 kernel shapes are in the database");
    shell_expect("$LUTWIDGE query --db $T/x.db --csv --sql 'SELECT max(run_id), (SELECT count(*) "
                 "FROM runs) FROM kernels_view'",
                 0, "\n1,2\n");
}

Test(generate, inspect_shows_the_plan)
{
    shell_expect(GENERATE "--plan estimate --device portable", 0, "for portable");
    shell_expect("$LUTWIDGE inspect $T/bundle > $T/text", 0, "");
    shell_expect("cat $T/text", 0, "kernels for portable");
    shell_expect("cat $T/text", 0, "planned by estimate");
    shell_expect("grep -c 'only family' $T/text; grep -c '^decoder.0.cross.k .* many ' $T/text; "
                 "grep -c '^decoder.0.cross.q .* few ' $T/text",
                 0, "\n1\n1\n");
    shell_expect("$LUTWIDGE inspect --json $T/bundle", 0, "\"basis\": \"estimate\"");
    shell_expect("sed -i s/plan/plot/ $T/bundle/manifest.json; $LUTWIDGE inspect $T/bundle", 5,
                 "no plan of its kernels");
}

Test(generate, refusals)
{
    shell_expect(GENERATE "--plan guess", 2, "--plan is estimate or measure");
    shell_expect(GENERATE "--plan measure --device arm-exynos-m4", 2, "use --plan estimate");
    shell_expect("$LUTWIDGE generate --spec t8_k64_c --plan estimate", 2, "no model goes with it");
    shell_expect("ls $T", 0, "m.lwm\n");
    /* A bundle whose picks are not those of its model. */
    shell_expect(GENERATE "--device portable", 0, "");
    shell_expect("sed -i 's/\\(\"kernel\": \"t8_m[0-9]*_k\\)256_/\\1512_/' "
                 "$T/bundle/manifest.json; echo Hello | $LUTWIDGE translate $T/bundle -b 1",
                 5, "is picked for matrix");
}
