#include "gen/isa.h"

#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#elif defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

static const struct lw_isa_info infos[LW_ISA_COUNT] = {
    [LW_ISA_C] = {"c", "any CPU", {1, 1, 1, 1}, LW_ISA_C},
    [LW_ISA_AVX2] = {"avx2", "AVX2", {32, 16, 8, 4}, LW_ISA_AVX2},
    [LW_ISA_AVXVNNI] = {"avxvnni", "AVX2 and AVX-VNNI", {32, 16, 8, 4}, LW_ISA_AVX2},
    [LW_ISA_AVX512] = {"avx512", "AVX-512 F, BW, VBMI and VNNI", {64, 32, 16, 8}, LW_ISA_AVX512},
    [LW_ISA_AMX] = {"amx",
                    "AVX-512 F, BW, VBMI and VNNI, and AMX-INT8 that the kernel lets it use",
                    {64, 32, 16, 8},
                    LW_ISA_AVX512},
    [LW_ISA_NEON] = {"neon",
                     "64-bit Arm NEON with dot products (aarch64)",
                     {16, 8, 4, 2},
                     LW_ISA_NEON},
};

const struct lw_isa_info *lw_isa_info(enum lw_isa isa)
{
    return &infos[isa];
}

bool lw_isa_parse(const char *name, enum lw_isa *isa)
{
    for (int i = 0; i < LW_ISA_COUNT; i++) {
        if (strcmp(name, infos[i].name) == 0) {
            *isa = (enum lw_isa)i;
            return true;
        }
    }
    return false;
}

#if defined(__x86_64__)
/* Linux gives the registers of AMX to processes that ask (arch_prctl, 5.16 and later). */
static bool tiles_are_allowed(void)
{
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
    return __builtin_cpu_supports("amx-int8") && __builtin_cpu_supports("amx-tile") &&
           syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}

/* Not among the names that the compiler knows: bit 4 of EAX of leaf 7, subleaf 1. */
static bool has_avx_vnni(void)
{
    unsigned a, b, c, d;
    return __builtin_cpu_supports("avx2") && __get_cpuid_count(7, 1, &a, &b, &c, &d) &&
           (a >> 4 & 1);
}
#endif

bool lw_isa_runs_here(enum lw_isa isa)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (isa == LW_ISA_AVX2)
        return __builtin_cpu_supports("avx2");
    if (isa == LW_ISA_AVXVNNI)
        return has_avx_vnni();
    if (isa == LW_ISA_AMX && !tiles_are_allowed())
        return false;
    if (isa == LW_ISA_AVX512 || isa == LW_ISA_AMX)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vnni");
#elif defined(__aarch64__)
    if (isa == LW_ISA_NEON)
        return getauxval(AT_HWCAP) & HWCAP_ASIMDDP;
#endif
    return isa == LW_ISA_C;
}

enum lw_isa lw_isa_host(void)
{
    enum lw_isa isa = LW_ISA_COUNT - 1;
    while (!lw_isa_runs_here(isa))
        isa--;
    return isa;
}
