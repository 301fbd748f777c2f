#include "tests/kernels.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { AT_ONCE = 48 }; /* specs compiled together */

void assert_same(const float *y, const float *expected, size_t count, const struct lw_spec *spec,
                 const char *what)
{
    char name[LW_SPEC_NAME_BYTES];
    lw_spec_name(spec, name);
    for (size_t i = 0; i < count; i++)
        cr_assert(memcmp(&y[i], &expected[i], sizeof *y) == 0,
                  "%s: %s gives %a for output %zu, not %a", name, what, (double)y[i], i,
                  (double)expected[i]);
}

void check_kernel(const struct lw_spec *spec, lw_tables_function *tables,
                  lw_product_function *product, uint64_t seed)
{
    struct product_case c;
    product_case_make(&c, spec, seed);
    if (seed == 3)
        product_case_saturate(&c);
    size_t outputs = spec->rows * spec->batch;
    float *expected = calloc(outputs, sizeof *expected), *y = calloc(outputs + 16, sizeof *y);
    memset(y, 0xff, (outputs + 16) * sizeof *y);
    cr_assert_eq(run_reference(&c, expected), 0);
    cr_assert_eq(run_compiled(&c, tables, product, y), 0);
    assert_same(y, expected, outputs, spec, "the compiled kernel");
    for (size_t o = outputs; o < outputs + 16; o++)
        cr_assert(isnan(y[o]), "written behind y");
    c.x[spec->columns - 1] = NAN;
    cr_assert_eq(run_compiled(&c, tables, product, y), 1);
    free(expected);
    free(y);
    product_case_free(&c);
}

void check_random_kernels(enum lw_isa isa, uint64_t seed, size_t count)
{
    uint64_t state = seed;
    for (size_t done = 0; done < count; done += AT_ONCE) {
        size_t now = count - done < AT_ONCE ? count - done : AT_ONCE, used = 0;
        struct lw_spec specs[AT_ONCE], unique[2 * AT_ONCE];
        size_t product[AT_ONCE], tables[AT_ONCE];
        struct compiled_kernels kernels;
        for (size_t i = 0; i < now; i++) {
            specs[i] = random_spec(&state, isa);
            struct lw_spec input = lw_spec_of_input(&specs[i]);
            product[i] = list_spec(unique, &used, &specs[i]);
            tables[i] = list_spec(unique, &used, &input);
        }
        compile_kernels(unique, used, &kernels);
        for (size_t i = 0; i < now; i++)
            for (uint64_t turn = 2; turn < 4; turn++) /* the last one saturates */
                check_kernel(&specs[i], kernels.tables[tables[i]], kernels.products[product[i]],
                             turn);
        compiled_kernels_free(&kernels);
    }
}
