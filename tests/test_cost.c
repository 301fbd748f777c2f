/* The cost model: it knows all operations and cores, and follows what it is told of them. */
#include "gen/cost.h"
#include "profiles/limits.h"

#include <criterion/criterion.h>
#include <math.h>

Test(cost, knows_every_operation_that_an_instruction_set_spells)
{
    for (int op = 0; op < LW_OP_LOOP; op++)
        for (int isa = 0; isa < LW_ISA_COUNT; isa++)
            if (lw_op_info((enum lw_op)op)->spelling[isa][0])
                cr_expect(lw_work_knows((enum lw_op)op, (enum lw_isa)isa), "%s on %s",
                          lw_op_info((enum lw_op)op)->name, lw_isa_info((enum lw_isa)isa)->name);
}

Test(cost, knows_the_core_of_every_device)
{
    for (size_t i = 0; lw_device_at(i); i++) {
        const struct lw_cpu_core *core = lw_core_of(lw_device_at(i));
        cr_expect_str_eq(core->device, lw_device_at(i)->name);
        for (int l = 1; l < LW_CORE_LEVELS; l++)
            cr_expect_leq(core->levels[l].gb_per_s, core->levels[l - 1].gb_per_s, "%s",
                          core->device);
    }
}

static struct lw_work work_of(const char *name)
{
    struct lw_spec spec;
    struct lw_work work;
    struct lw_error error = {0};
    cr_assert_eq(lw_spec_parse(name, &spec, &error), LW_OK, "%s", error.text);
    cr_assert_eq(lw_work_of(&spec, &work, &error), LW_OK, "%s", error.text);
    return work;
}

/* 64 blocks of 16 rows, 16 steps of 8 tables: a lookup of 64 entries for each key vector, nibble
 * and column, whatever else there is. */
Test(cost, counts_what_the_program_does)
{
    struct lw_work one = work_of("t8_m1024_k512_b1_n1_avx512"),
                   two = work_of("t8_m1024_k512_b2_n1_avx512"),
                   four = work_of("t8_m1024_k512_b1_n4_avx512");
    cr_expect_geq(one.shuffle, 64 * 16 * 2);
    cr_expect_lt(one.shuffle, 64 * 16 * 2 * 1.5);
    cr_expect_gt(two.vector, 1.7 * one.vector);
    cr_expect_gt(four.shuffle, 3.7 * one.shuffle);
    cr_expect_lt(four.vector, 4 * one.vector); /* indices are made once for all columns */
}

Test(cost, the_busiest_port_or_the_keys_decide)
{
    const struct lw_cpu_core core = {
        .device = "test",
        .ghz = 2,
        .vector = 2,
        .shuffle = 1,
        .load = 2,
        .store = 1,
        .tile = 1,
        .slack = 1.5,
        .call_ns = 7,
        .levels = {{1000, 100, 0}, {10000, 50, 0}, {1e6, 10, 0}, {0, 5, 3}}};
    const struct lw_work work = {.vector = 100, .shuffle = 80, .load = 90, .store = 3};
    cr_expect_float_eq(lw_core_cycles(&core, &work), 80, 1e-9);
    cr_expect_float_eq(lw_core_ns(&core, &work, 2, 400, 900), 60 + 14, 1e-9);
    cr_expect_float_eq(lw_core_ns(&core, &work, 0, 900, 2000), 60, 1e-9);
    cr_expect_float_eq(lw_core_ns(&core, &work, 0, 900, 20000), 90, 1e-9);
    cr_expect_float_eq(lw_core_ns(&core, &work, 0, 640, 2e6), 128, 1e-9);
    cr_expect_float_eq(lw_core_ns(&core, &work, 0, 320, 2e6), 60 + 15, 1e-9);
}

Test(cost, this_core_has_a_clock_and_reads)
{
    double gb_per_s = 0, cycle_ns = lw_cycle_ns();
    cr_expect(cycle_ns > 0.05 && cycle_ns < 5, "%f", cycle_ns);
    static const size_t sizes[] = {1, 511, 513, 100000};
    struct lw_error error = {0};
    for (size_t i = 0; i < 4; i++) {
        cr_assert_eq(lw_read_bandwidth(sizes[i], &gb_per_s, &error), LW_OK);
        cr_expect(isfinite(gb_per_s) && gb_per_s > 0);
    }
    cr_expect_eq(lw_read_bandwidth((size_t)-1, &gb_per_s, &error), LW_FAILED);
    cr_expect_eq(lw_read_bandwidth((size_t)-1 / 4, &gb_per_s, &error), LW_FAILED);
}
