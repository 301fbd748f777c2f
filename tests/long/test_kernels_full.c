/* Random specs of every instruction set that this CPU has: families, bits, kinds of scales, groups,
 * N and odd shapes. With those of tests/long/test_qemu_full.c they are more than 2,000. */
#include "tests/kernels.h"

#include <criterion/criterion.h>

static void check(enum lw_isa isa, size_t count)
{
    if (!lw_isa_runs_here(isa))
        cr_skip_test("this CPU does not have %s", lw_isa_info(isa)->needs);
    check_random_kernels(isa, 1000 + (uint64_t)isa, count);
}

Test(kernels, random_c, .timeout = 3000)
{
    check(LW_ISA_C, 200);
}

Test(kernels, random_avx2, .timeout = 3000)
{
    check(LW_ISA_AVX2, 400);
}

Test(kernels, random_avxvnni, .timeout = 3000)
{
    check(LW_ISA_AVXVNNI, 300);
}

Test(kernels, random_avx512, .timeout = 3000)
{
    check(LW_ISA_AVX512, 500);
}

Test(kernels, random_amx, .timeout = 3000)
{
    check(LW_ISA_AMX, 500);
}
