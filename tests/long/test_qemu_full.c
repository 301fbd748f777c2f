/* Many random NEON kernels under qemu-aarch64, tuned for each device. */
#include "tests/qemu.h"

#include <criterion/criterion.h>

Test(qemu, many_random_specs_equal_the_definition, .timeout = 3000)
{
    qemu_need();
    for (size_t i = 0; qemu_device(i); i++)
        qemu_check_random(qemu_device(i), 150, 1000 * (i + 1));
}
