/* Static cycles: loops found in compiled text, kernels counted as often as they run. */
#include "profiles/static.h"
#include "tests/shell.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct lw_asm_region regions[LW_ASM_REGIONS];

static size_t split(const char *const *lines)
{
    size_t count = 0;
    while (lines[count])
        count++;
    return lw_asm_regions(lines, count, regions);
}

Test(static_regions, nested_loops_and_those_after_them)
{
    static const char *const lines[] = {
        "f:",        ".LBB0_1:",        "\tmov\tx1, x2",   ".LBB0_2:",     "\tcbz\tx3, .LBB0_9",
        "\tadd\tx1", "\tsubs\tx4",      "\tb.ne\t.LBB0_2", "\tbl\tmemcpy", "\tcbnz\tx5, .LBB0_1",
        ".LBB0_3:",  "\tb.ne\t.LBB0_3", ".LBB0_9:",        "\tret",        NULL};
    cr_assert_eq(split(lines), 4);
    static const struct lw_asm_region expected[] = {{0, 13, -1}, {1, 9, 0}, {3, 7, 1}, {10, 11, 0}};
    for (size_t i = 0; i < 4; i++) {
        cr_expect_eq(regions[i].first, expected[i].first);
        cr_expect_eq(regions[i].last, expected[i].last);
        cr_expect_eq(regions[i].parent, expected[i].parent);
    }
}

/* Two branches back to one label are one loop; loops that overlap are none. */
Test(static_regions, what_is_one_loop_and_what_is_none)
{
    static const char *const twice[] = {".LBB0_1:", "\tb.eq\t.LBB0_1", "\tb\t.LBB0_1", NULL};
    static const char *const overlap[] = {".LBB0_1:", ".LBB0_2:", "\tb.ne\t.LBB0_1",
                                          "\tb.ne\t.LBB0_2", NULL};
    static const char *const none[] = {"\tb.ne\t.LBB0_1", "\tbic\tx1, .LBB0_1",
                                       ".LBB0_1:", ".LBB0_10:", NULL};
    cr_expect_eq(split(twice), 2);
    cr_expect_eq(regions[1].last, 2);
    cr_expect_eq(split(overlap), 0);
    cr_expect_eq(split(none), 1);
}

static struct lw_static_cycles analyse(const char *name, const char *device)
{
    struct lw_spec spec;
    struct lw_static_cycles result;
    struct lw_error error = {0};
    cr_assert_eq(lw_spec_parse(name, &spec, &error), LW_OK, "%s", error.text);
    cr_assert_eq(lw_static_kernel(&spec, lw_device_named(device), &result, &error), LW_OK, "%s",
                 error.text);
    return result;
}

/* A row block of 16 rows, 16 steps: 32 lookups and their additions at least; four times the rows
 * are four times the work, but for what is done once. */
Test(static_cycles, grow_as_the_loops_do)
{
    struct lw_static_cycles one = analyse("t8_m256_k128_b1_n1_neon", "arm-exynos-m4"),
                            four = analyse("t8_m1024_k128_b1_n1_neon", "arm-exynos-m4"),
                            slow = analyse("t8_m256_k128_b1_n1_neon", "arm-cortex-a55");
    cr_expect_geq(one.instructions, 16 * 16 * 2 * 3);
    cr_expect_gt(four.cycles, 3.5 * one.cycles);
    cr_expect_lt(four.cycles, 4.01 * one.cycles);
    cr_expect_gt(slow.cycles, 2 * one.cycles);
}

Test(static_cycles, refuses_what_has_no_model)
{
    struct lw_spec spec;
    struct lw_static_cycles result;
    struct lw_error error = {0};
    cr_assert_eq(lw_spec_parse("t8_m16_k32_b1_n1_c", &spec, &error), LW_OK);
    cr_expect_eq(lw_static_kernel(&spec, lw_device_named("portable"), &result, &error), LW_USAGE);
    cr_expect(strstr(error.text, "portable") != NULL, "%s", error.text);
    setenv("LUTWIDGE_LLVM_MCA", "/nonexistent/llvm-mca", 1);
    char version[64];
    cr_expect_eq(lw_static_version(version, sizeof version, &error), LW_FAILED);
    cr_expect(strstr(error.text, "llvm-19") != NULL, "%s", error.text);
}

TestSuite(static_program, .init = shell_setup, .fini = shell_teardown);

#define STATIC "TMPDIR=$T $LUTWIDGE bench -q --shapes 32x64 --bits 1,2 --columns 1,3 "

Test(static_program, prints_and_records_what_is_no_time)
{
    shell_expect(STATIC "--static arm-cortex-a55,arm-exynos-m4 --csv --db $T/x.db > $T/csv", 0, "");
    shell_expect("wc -l < $T/csv", 0, "9\n");
    shell_expect("head -n 1 $T/csv", 0,
                 "shape,bits,alpha,class,device,n,static_cycles,instructions,cycles_per_product\n");
    shell_expect("ls $T | tr '\\n' ' '", 0, "csv x.db ");
    shell_expect("$LUTWIDGE query --db $T/x.db --sql 'SELECT count(*), min(what), sum(cycles > 0), "
                 "(SELECT count(*) FROM kernels_view) FROM static_view' --csv",
                 0, "8,static estimate of the compute part,8,0");
    shell_expect("$LUTWIDGE query static --db $T/x.db", 0, "static cycles");
    /* Again: the same rows. */
    shell_expect(STATIC "--static arm-cortex-a55 --db $T/x.db", 0, "arm-cortex-a55");
    shell_expect("$LUTWIDGE query --db $T/x.db --sql 'SELECT count(*) AS c FROM static_view' --csv",
                 0, "8\n");
    shell_expect(STATIC "--static all --json | grep -c '\"static_cycles\"'", 0, "12\n");
}

Test(static_program, refusals)
{
    shell_expect(STATIC "--static x86-avx2", 2, "--static takes all or a list");
    shell_expect(STATIC "--static all --isa neon", 2, "leave out --isa");
    shell_expect(STATIC "--static all --peers none", 2, "leave out --isa");
    shell_expect("LUTWIDGE_LLVM_MCA=/nonexistent " STATIC "--static all", 1, "llvm-19");
}

Test(static_program, an_interrupt_leaves_no_folder)
{
    shell_expect(
        "printf '#!/bin/sh\\ntouch %s/there; while test -e %s/hold; do sleep 0.02; done\\n' "
        "$T $T > $T/held; chmod +x $T/held; touch $T/hold; mkdir $T/tmp; "
        "TMPDIR=$T/tmp LUTWIDGE_LLVM_MCA=$T/held $LUTWIDGE bench -q --shapes 32x64 --bits 1 "
        "--columns 1 --static arm-cortex-a55 & P=$!; "
        "until test -e $T/there; do sleep 0.02; done; ls $T/tmp; kill -TERM $P; wait $P; "
        "test $? -gt 128 && rm $T/hold && ! ls $T/tmp | grep static",
        0, "lutwidge-static-");
}
