#include "gen/device.h"

#include <string.h>

/* Kernels for another architecture include no header of a C library and link to none: clang and lld
 * cross-compile them without any package of that architecture. */
#define AARCH64 "--target=aarch64-linux-gnu -ffreestanding "
#define AARCH64_LINK "--target=aarch64-linux-gnu -nostdlib -fuse-ld=lld"

static const struct lw_device devices[] = {
    {"portable", LW_ISA_C, "", "-lm"},
    {"x86-avx2", LW_ISA_AVX2, "-mavx2", "-lm"},
    {"x86-avxvnni", LW_ISA_AVXVNNI, "-mavx2 -mavxvnni", "-lm"},
    {"x86-avx512", LW_ISA_AVX512, "-mavx512f -mavx512bw -mavx512vbmi -mavx512vnni", "-lm"},
    {"x86-amx", LW_ISA_AMX, "-mavx512f -mavx512bw -mavx512vbmi -mavx512vnni -mamx-tile -mamx-int8",
     "-lm"},
    {"arm-neoverse-n1", LW_ISA_NEON, AARCH64 "-mcpu=neoverse-n1", AARCH64_LINK},
    {"arm-cortex-a55", LW_ISA_NEON, AARCH64 "-mcpu=cortex-a55", AARCH64_LINK},
    {"arm-exynos-m4", LW_ISA_NEON, AARCH64 "-mcpu=exynos-m4", AARCH64_LINK},
};
enum { DEVICES = sizeof devices / sizeof devices[0] };

const struct lw_device *lw_device_at(size_t i)
{
    return i < DEVICES ? &devices[i] : NULL;
}

const struct lw_device *lw_device_named(const char *name)
{
    for (size_t i = 0; i < DEVICES; i++)
        if (strcmp(name, devices[i].name) == 0)
            return &devices[i];
    return NULL;
}

const struct lw_device *lw_device_of(enum lw_isa isa)
{
    size_t i = 0;
    while (devices[i].isa != isa)
        i++;
    return &devices[i];
}
