/* NEON kernels under qemu-aarch64 equal the definition to the bit: random specs, saturating and
 * infinite input, and the kernels of a bundle. More of them: tests/long/test_qemu_full.c. */
#include "tests/places.h"
#include "tests/qemu.h"

#include "gen/bundle.h"
#include "models/file.h"

#include <criterion/criterion.h>
#include <elf.h>
#include <stdlib.h>
#include <string.h>

TestSuite(qemu, .timeout = 300);

Test(qemu, random_specs_equal_the_definition)
{
    qemu_need();
    size_t devices = 0;
    for (; qemu_device(devices); devices++)
        qemu_check_random(qemu_device(devices), 4, 11 + devices);
    cr_assert_eq(devices, 3);
}

/* A bundle needs nothing but the instruction set: no library of the system it is made on. */
Test(qemu, bundles_run)
{
    struct place place;
    struct lw_spec *specs;
    struct lw_error error = {0};
    struct lw_mapping library;
    char path[128];
    size_t count, used = 0;
    qemu_need();
    place_make_mixed(&place, LW_ARITH_T8, LW_ARITH_A8);
    const struct lw_device *device = lw_device_named("arm-exynos-m4");
    struct lw_picks picks;
    cr_assert_eq(lw_picks_list(&place.model, device, &picks, &error), LW_OK, "%s", error.text);
    cr_assert_eq(
        lw_bundle_make_picked(&place.model, device, &picks, place.bundle, "test", NULL, &error),
        LW_OK, "%s", error.text);
    snprintf(path, sizeof path, "%s/kernels.so", place.bundle);
    cr_assert_eq(lw_map_file(path, &library, &error), LW_OK);
    const Elf64_Ehdr *header = (const Elf64_Ehdr *)(const void *)library.data;
    cr_assert(memcmp(header->e_ident, ELFMAG, SELFMAG) == 0 && header->e_machine == EM_AARCH64);
    lw_unmap_file(&library);
    if (!lw_isa_runs_here(LW_ISA_NEON)) {
        struct lw_bundle bundle;
        cr_assert_eq(lw_bundle_open(place.bundle, &place.model, &bundle, &error), LW_FAILED);
        cr_assert_not_null(strstr(error.text, "aarch64"));
    }

    cr_assert_eq(lw_picks_specs(&picks, &specs, &count, &error), LW_OK);
    lw_picks_free(&picks);
    specs = realloc(specs, (count + 1) * sizeof *specs); /* list_spec may add one, and is caught */
    struct qemu_case *cases = calloc(count, sizeof *cases);
    for (size_t i = 0; i < count; i++) {
        struct lw_spec tables = lw_spec_of_input(&specs[i]);
        size_t listed = count;
        if (specs[i].rows == 0)
            continue;
        cases[used] = (struct qemu_case){.entry = i, .tables = list_spec(specs, &listed, &tables)};
        cr_assert_eq(listed, count, "no tables for product %zu", i);
        product_case_make(&cases[used++].product, &specs[i], i);
    }
    cr_assert_gt(used, 8);
    qemu_check(place.bundle, cases, used);
    for (size_t i = 0; i < used; i++)
        product_case_free(&cases[i].product);
    free(cases);
    free(specs);
    place_free(&place);
}
