/* Files of every version that was released stay readable, with the same bytes: tests/fixtures has
 * one of each, made by the program of their time. What is older or newer is refused by name.
 *
 *   model-3-CLASS.lwm   .lwm version 3
 *   bundle-2, bundle-3  bundle formats for `portable` on x86-64, their kernels' sources left out
 *   text, CLASS         a text, and its translations with scores
 */
#include "gen/bundle.h"
#include "models/lwm.h"
#include "tests/shell.h"

#include <criterion/criterion.h>

TestSuite(versions, .init = shell_setup, .fini = shell_teardown, .timeout = 60);

#define FIXTURES "tests/fixtures/"
#define TRANSLATE "$LUTWIDGE translate -q -s "

Test(versions, model_3)
{
    cr_assert_eq(LW_LWM_VERSION, 3, "a new version needs a fixture, and 3 stays readable");
    shell_expect(TRANSLATE FIXTURES "model-3-t8.lwm " FIXTURES "text | cmp - " FIXTURES "t8", 0,
                 "");
    shell_expect(TRANSLATE FIXTURES "model-3-a8.lwm " FIXTURES "text | cmp - " FIXTURES "a8", 0,
                 "");
}

/* With the checksum of its model's head, and as manifests were before they had it. */
Test(versions, bundle_2)
{
#if !defined(__x86_64__)
    cr_skip_test("the kernels of the fixture are those of x86-64");
#endif
    shell_expect(TRANSLATE FIXTURES "bundle-2 " FIXTURES "text | cmp - " FIXTURES "t8", 0, "");
    shell_expect("cp -r " FIXTURES "bundle-2 $T/old && chmod -R u+w $T/old && "
                 "sed -i 's/^  \"model_head\": \"[0-9a-f]*\",*$//' $T/old/manifest.json && "
                 "sed -i -z 's/,\\n*}\\n*$/}/' $T/old/manifest.json && "
                 "! grep -q model_head $T/old/manifest.json",
                 0, "");
    shell_expect(TRANSLATE "$T/old " FIXTURES "text | cmp - " FIXTURES "t8", 0, "");
    shell_expect(
        "printf x | dd of=$T/old/model.lwm bs=1 seek=5000 conv=notrunc 2> $T/log; " TRANSLATE
        "$T/old " FIXTURES "text",
        5, "damaged");
}

Test(versions, bundle_3)
{
    cr_assert_eq(LW_BUNDLE_FORMAT, 3, "a new format needs a fixture, and 3 stays readable");
#if !defined(__x86_64__)
    cr_skip_test("the kernels of the fixture are those of x86-64");
#endif
    shell_expect(TRANSLATE FIXTURES "bundle-3 " FIXTURES "text | cmp - " FIXTURES "t8", 0, "");
    shell_expect("cp -r " FIXTURES "bundle-3 $T/new && chmod -R u+w $T/new && "
                 "sed -i 's/\"lutwidge_bundle\": 3/\"lutwidge_bundle\": 4/' $T/new/manifest.json "
                 "&& " TRANSLATE "$T/new " FIXTURES "text",
                 1, "bundle format 4; this version reads formats 2 to 3");
    shell_expect("sed -i 's/\"lutwidge_bundle\": 4/\"lutwidge_bundle\": 1/' $T/new/manifest.json "
                 "&& " TRANSLATE "$T/new " FIXTURES "text",
                 5, "bundle format 1");
}

/* The version is at byte 8. */
Test(versions, others_are_refused)
{
    shell_expect("cp " FIXTURES "model-3-t8.lwm $T/m.lwm; chmod u+w $T/m.lwm; "
                 "printf '\\002' | dd of=$T/m.lwm bs=1 seek=8 conv=notrunc 2> $T/log; " TRANSLATE
                 "$T/m.lwm " FIXTURES "text",
                 5, "version 2 is older");
    shell_expect("printf '\\004' | dd of=$T/m.lwm bs=1 seek=8 conv=notrunc 2> $T/log; " TRANSLATE
                 "$T/m.lwm " FIXTURES "text",
                 1, "version 4 is newer");
}
