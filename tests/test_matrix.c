/* A sample of the matrix of determinism (tests/long/test_matrix_full.c has all of it): texts
 * together and alone, threads, instruction sets, aarch64 under qemu, classes t8 and a8. */
#include "gen/device.h"
#include "tests/matrix.h"
#include "tests/shell.h"

#include <criterion/criterion.h>
#include <stdio.h>

TestSuite(matrix, .init = shell_setup, .fini = shell_teardown, .timeout = 300);

static const char *const devices[] = {"x86-avx2", "x86-avx512", "x86-amx"};

static void check_class(const char *model)
{
    static const struct matrix_cell cells[] = {{1, 4}, {3, 2}, {16, 1}, {64, 3}};
    for (size_t i = 0; i < sizeof devices / sizeof *devices; i++)
        if (lw_isa_runs_here(lw_device_named(devices[i])->isa))
            matrix_check(model, devices[i], 2, 12, cells, sizeof cells / sizeof *cells);
    matrix_check(model, "portable", 2, 12, cells + 1, 1);
}

Test(matrix, class_t8)
{
    check_class("models/open-en-de/low-2.1.lwm");
}

Test(matrix, class_a8)
{
    char path[256];
    matrix_make_a8();
    snprintf(path, sizeof path, "%s/a8.lwm", shell_folder);
    check_class(path);
}

static void need_programs(void)
{
    if (shell_run("command -v qemu-aarch64 && command -v qemu-x86_64"))
        cr_skip_test("qemu-aarch64 and qemu-x86_64 are not installed (Debian: qemu-user)");
    if (shell_run("test -e ${LUTWIDGE%/*}/standalone-aarch64.o"))
        cr_skip_test("there is no standalone-aarch64.o: make arm64-libraries, then make");
}

Test(matrix, other_machines)
{
    char path[256];
    need_programs();
    matrix_check_qemu("models/open-en-de/low-2.1.lwm", 2, 2, 2);
    matrix_make_a8();
    snprintf(path, sizeof path, "%s/a8.lwm", shell_folder);
    matrix_check_qemu(path, 1, 1, 1);
}
