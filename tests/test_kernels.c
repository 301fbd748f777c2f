/* The stages of the generator against each other and against the definition: every instruction set,
 * odd shapes, saturating input, bad input. All results of one class must be the same bits. */
#include "tests/kernels.h"

#include "gen/ir.h"
#include "gen/program.h"
#include "gen/schedule.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* M, K, B, N, G (0: row-wise): primes, ones, K not a multiple of anything, K beyond what 16-bit
 * sums hold, groups that end short. */
static const size_t shapes[][5] = {
    {1, 1, 1, 1},        {3, 2, 2, 1},       {5, 3, 1, 2},           {16, 4, 3, 1},
    {17, 5, 2, 3},       {31, 31, 4, 1},     {32, 32, 2, 4},         {33, 33, 1, 8},
    {37, 100, 3, 2},     {64, 64, 2, 8},     {64, 64, 4, 4},         {97, 257, 2, 1},
    {8, 1024, 2, 4},     {3, 1029, 1, 2},    {35, 2113, 3, 1},       {70, 48, 1, 1},
    {129, 16, 8, 1},     {40, 36, 5, 5},     {37, 100, 3, 2, 32},    {64, 256, 2, 4, 64},
    {5, 129, 1, 1, 128}, {33, 70, 8, 3, 32}, {17, 2113, 2, 1, 1056}, {65, 100, 1, 16},
    {130, 65, 4, 16},    {33, 97, 3, 64},    {17, 257, 2, 33},       {97, 64, 1, 64},
    {5, 96, 4, 64},
};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

static struct lw_spec spec_of(size_t shape, enum lw_arith arith, enum lw_isa isa)
{
    const size_t *s = shapes[shape];
    return (struct lw_spec){.arith = arith,
                            .rows = s[0],
                            .columns = s[1],
                            .bits = (unsigned)s[2],
                            .group = s[4],
                            .batch = s[3],
                            .isa = isa};
}

/* Runs the definition, the IR and the program; all must agree. The caller frees nothing. */
static void check_interpreted(const struct product_case *c)
{
    size_t count = c->spec.rows * c->spec.batch;
    float *expected = calloc(count, sizeof *expected), *y = calloc(count + 16, sizeof *y);
    int refused = run_reference(c, expected);
    for (int i = 0; i < 2 * LW_ISA_COUNT; i++) {
        struct product_case here = *c;
        here.spec.isa = (enum lw_isa)(i / 2);
        here.spec.family = i % 2 ? LW_FAMILY_DOT : LW_FAMILY_TABLES;
        here.spec.uniform =
            here.spec.family == LW_FAMILY_DOT && c->code.uniform && c->code.bits > 1;
        if (!lw_family_has(here.spec.family, &here.spec))
            continue;
        cr_assert_eq(run_ir(&here, y), refused);
        if (!refused)
            assert_same(y, expected, count, &here.spec, "the IR");
        memset(y, 0xff, (count + 16) * sizeof *y);
        cr_assert_eq(run_program(&here, y), refused);
        if (!refused)
            assert_same(y, expected, count, &here.spec, "the program");
        for (size_t o = count; o < count + 16; o++)
            cr_assert(isnan(y[o]), "written behind y");
    }
    free(expected);
    free(y);
}

Test(spec, names_parse_back)
{
    struct lw_error error = {0};
    for (size_t s = 0; s < SHAPES; s++)
        for (int isa = 0; isa < LW_ISA_COUNT; isa++) {
            struct lw_spec spec = spec_of(s, LW_ARITH_T8, (enum lw_isa)isa), parsed;
            char name[LW_SPEC_NAME_BYTES], again[LW_SPEC_NAME_BYTES];
            for (int tables = 0; tables < 2; tables++) {
                if (tables)
                    spec = (struct lw_spec){
                        .arith = LW_ARITH_A8, .columns = spec.columns, .isa = spec.isa};
                lw_spec_name(&spec, name);
                cr_assert_eq(lw_spec_parse(name, &parsed, &error), LW_OK, "%s", error.text);
                lw_spec_name(&parsed, again);
                cr_assert_str_eq(name, again);
            }
        }
}

Test(spec, refuses_everything_else)
{
    static const char *const bad[] = {"",
                                      "t8",
                                      "t8_k0_c",
                                      "t8_k04_c",
                                      "t8_k4_sse",
                                      "f32_k4_c",
                                      "t8_m4_k4_b9_n1_c",
                                      "t8_m4_k4_b2_n65_c",
                                      "t8_m4_k4_b2_c",
                                      "t8_m4_k64_b2_g64_n1_c",
                                      "t8_m4_k64_b2_g20_n1_c",
                                      "t8_m4_k4_b2_n1_c ",
                                      "t8_k99999999999999999999_c",
                                      "t8_k4194304_c"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct lw_spec spec;
        struct lw_error error = {0};
        cr_assert_eq(lw_spec_parse(bad[i], &spec, &error), LW_USAGE, "'%s' was taken", bad[i]);
        cr_assert(error.text[0] != 0);
    }
}

Test(stages, each_prints_its_decisions)
{
    struct lw_spec spec = {LW_ARITH_A8, 48, 70, 3, 0, 2, LW_ISA_AVX2, LW_FAMILY_TABLES, false};
    struct lw_schedule schedule;
    struct lw_program program;
    struct lw_ir ir;
    struct lw_error error = {0};
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    lw_ir_build(&spec, &ir);
    lw_ir_print(&ir, stream);
    lw_schedule_build(&spec, &schedule);
    lw_schedule_print(&schedule, stream);
    cr_assert_eq(lw_program_build(&schedule, &program, &error), LW_OK);
    lw_program_print(&program, stream);
    lw_program_print_c(&program, stream);
    lw_program_free(&program);
    fclose(stream);
    cr_assert(strstr(text, "lookup_sum") && strstr(text, "unit shuffle16") &&
              strstr(text, "program a8_m48_k70_b3_n2_avx2") && strstr(text, "_mm256_shuffle_epi8"));
    free(text);
}

Test(stages, agree_with_the_definition)
{
    for (size_t s = 0; s < SHAPES; s++)
        for (int arith = LW_ARITH_A8; arith <= LW_ARITH_T8; arith++) {
            struct lw_spec spec = spec_of(s, (enum lw_arith)arith, LW_ISA_C);
            struct product_case c;
            product_case_make(&c, &spec, s + 1);
            check_interpreted(&c);
            product_case_free(&c);
        }
}

Test(stages, hold_saturating_input)
{
    for (size_t s = 0; s < SHAPES; s++)
        for (int arith = LW_ARITH_A8; arith <= LW_ARITH_T8; arith++) {
            struct lw_spec spec = spec_of(s, (enum lw_arith)arith, LW_ISA_C);
            struct product_case c;
            product_case_make(&c, &spec, s + 1);
            product_case_saturate(&c);
            check_interpreted(&c);
            product_case_free(&c);
        }
}

Test(stages, hold_odd_activations)
{
    static const float values[] = {0.0f,     1e-38f,    0x1p-149f, 0x1p-126f, 3.0e37f,
                                   INFINITY, -INFINITY, NAN,       -0.0f,     3.4e38f};
    for (size_t v = 0; v < sizeof values / sizeof values[0]; v++)
        for (int arith = LW_ARITH_A8; arith <= LW_ARITH_T8; arith++) {
            struct lw_spec spec = {(enum lw_arith)arith, 19,   37, 2, 0, 2, LW_ISA_C,
                                   LW_FAMILY_TABLES,     false};
            struct product_case c;
            product_case_make(&c, &spec, 7);
            for (size_t k = 0; k < spec.columns && fabsf(values[v]) < 1; k++)
                c.x[spec.columns + k] = values[v];
            c.x[spec.columns + 36] = values[v];
            check_interpreted(&c);
            product_case_free(&c);
        }
}

Test(stages, agree_on_random_specs)
{
    uint64_t state = 5;
    for (uint64_t i = 0; i < 60; i++) {
        struct lw_spec spec = random_spec(&state, LW_ISA_AMX);
        struct product_case c;
        product_case_make(&c, &spec, i);
        check_interpreted(&c);
        product_case_free(&c);
    }
}

/* Every shape in both classes and in all families that an instruction set has for it. */
static size_t list_specs(enum lw_isa isa, struct lw_spec *specs)
{
    size_t count = 0;
    for (size_t s = 0; s < SHAPES; s++)
        for (int i = 0; i < 4; i++) {
            struct lw_spec spec = spec_of(s, i == 0 ? LW_ARITH_T8 : LW_ARITH_A8, isa);
            spec.family = i >= 2 ? LW_FAMILY_DOT : LW_FAMILY_TABLES;
            spec.uniform = i == 3;
            if (lw_family_has(spec.family, &spec) && (!spec.uniform || spec.bits > 1))
                specs[count++] = spec;
        }
    return count;
}

/* Compiles them and runs random and saturating cases. */
static void check_compiled(enum lw_isa isa)
{
    if (!lw_isa_runs_here(isa))
        cr_skip_test("this CPU does not have %s", lw_isa_info(isa)->needs);
    struct lw_spec specs[4 * SHAPES], unique[8 * SHAPES];
    size_t listed = list_specs(isa, specs), count = 0, product[4 * SHAPES], tables[4 * SHAPES];
    struct compiled_kernels kernels;
    for (size_t i = 0; i < listed; i++) {
        struct lw_spec input = lw_spec_of_input(&specs[i]);
        product[i] = list_spec(unique, &count, &specs[i]);
        tables[i] = list_spec(unique, &count, &input);
    }
    compile_kernels(unique, count, &kernels);
    for (size_t i = 0; i < listed; i++)
        for (uint64_t seed = 0; seed < 4; seed++)
            check_kernel(&specs[i], kernels.tables[tables[i]], kernels.products[product[i]], seed);
    compiled_kernels_free(&kernels);
}

Test(compiled, random_specs_equal_the_definition)
{
    for (int isa = 0; isa < LW_ISA_COUNT; isa++)
        if (lw_isa_runs_here((enum lw_isa)isa))
            check_random_kernels((enum lw_isa)isa, 11, 24);
}

Test(compiled, c_equals_the_definition)
{
    check_compiled(LW_ISA_C);
}

Test(compiled, avx2_equals_the_definition)
{
    check_compiled(LW_ISA_AVX2);
}

Test(compiled, avxvnni_equals_the_definition)
{
    check_compiled(LW_ISA_AVXVNNI);
}

Test(compiled, avx512_equals_the_definition)
{
    check_compiled(LW_ISA_AVX512);
}

Test(compiled, amx_equals_the_definition)
{
    check_compiled(LW_ISA_AMX);
}
