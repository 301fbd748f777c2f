/* Kernels of aarch64 devices, compiled as bundles compile them and run by qemu-aarch64 against the
 * definition. */
#ifndef LW_TESTS_QEMU_H
#define LW_TESTS_QEMU_H

#include "gen/device.h"
#include "tests/kernels.h"

/* Skips the test where qemu-aarch64 or the C library for it is missing. */
void qemu_need(void);
/* The aarch64 devices; NULL behind the last one. */
const struct lw_device *qemu_device(size_t i);

/* Compiles kernels into FOLDER/kernels.so; entry i belongs to spec i. */
void qemu_compile(const struct lw_spec *specs, size_t count, const struct lw_device *device,
                  const char *folder);

/* A case and the entries of kernels.so that compute it. */
struct qemu_case {
    struct product_case product;
    size_t tables, entry;
};

/* Runs FOLDER/kernels.so on every case; each must give the bits of the definition, or refuse
 * activations that are not finite. Writes to FOLDER. */
void qemu_check(const char *folder, const struct qemu_case *cases, size_t count);

/* Random products of one device: compiles them, and runs each on random, saturating and infinite
 * activations. */
void qemu_check_random(const struct lw_device *device, size_t count, uint64_t seed);

#endif
