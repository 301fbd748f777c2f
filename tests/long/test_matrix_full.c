/* The matrix of determinism over the bundled test set, 2,000 texts: batches of 1 to 64 in shuffled
 * orders, 1 to 4 threads, every instruction set that this CPU has, aarch64 and a CPU without AVX
 * under qemu, classes t8 and a8. Greedy; some cells with 4 beams. */
#include "gen/device.h"
#include "tests/matrix.h"
#include "tests/shell.h"

#include <criterion/criterion.h>
#include <stdio.h>

TestSuite(matrix_full, .init = shell_setup, .fini = shell_teardown, .timeout = 36000);

enum { TEXTS = 2000, BATCHES = 64 };

static void check_class(const char *model)
{
    static const char *const devices[] = {"x86-avx2", "x86-avxvnni", "x86-avx512", "x86-amx"};
    static const struct matrix_cell few[] = {{1, 1}, {7, 4}, {64, 2}};
    struct matrix_cell cells[BATCHES];
    for (size_t i = 0; i < BATCHES; i++)
        cells[i] = (struct matrix_cell){i + 1, i % 4 + 1};
    for (size_t i = 0; i < sizeof devices / sizeof *devices; i++)
        if (lw_isa_runs_here(lw_device_named(devices[i])->isa)) {
            matrix_check(model, devices[i], 1, TEXTS, cells, BATCHES);
            matrix_check(model, devices[i], 4, TEXTS / 10, few, 3);
        }
    matrix_check(model, "portable", 1, TEXTS, few, 3);
    if (shell_run("test -e ${LUTWIDGE%/*}/standalone-aarch64.o") == 0)
        matrix_check_qemu(model, 1, TEXTS, 16);
    else
        fprintf(stderr, "matrix: without aarch64: make arm64-libraries, then make\n");
}

Test(matrix_full, class_t8)
{
    check_class("models/open-en-de/low-2.1.lwm");
}

Test(matrix_full, class_a8)
{
    char path[256];
    matrix_make_a8();
    snprintf(path, sizeof path, "%s/a8.lwm", shell_folder);
    check_class(path);
}
