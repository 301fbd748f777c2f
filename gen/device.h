/* The devices that bundles are made for: an instruction set and how clang is told about the CPU.
 * Several devices may share an instruction set; their kernels have the same text and names. */
#ifndef LW_GEN_DEVICE_H
#define LW_GEN_DEVICE_H

#include "gen/isa.h"

struct lw_device {
    const char *name; /* as --device names it */
    enum lw_isa isa;
    const char *flags;      /* for clang, with those of its target */
    const char *link_flags; /* for clang when it links kernels.so */
};

/* The names, for messages and help texts. */
#define LW_DEVICE_NAMES                                                                            \
    "portable, x86-avx2, x86-avxvnni, x86-avx512, x86-amx, arm-neoverse-n1, arm-cortex-a55 and "   \
    "arm-exynos-m4"

/* NULL: no such device. */
const struct lw_device *lw_device_named(const char *name);
/* The first device of an instruction set. */
const struct lw_device *lw_device_of(enum lw_isa isa);
/* The i-th device, NULL behind the last one. */
const struct lw_device *lw_device_at(size_t i);

#endif
