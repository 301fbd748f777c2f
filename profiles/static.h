/* Static cycles: what llvm-mca's model of a CPU that is not here says of compiled kernels. It knows
 * no caches and no memory: an estimate of the compute part, good to rank kernels, never a time.
 */
#ifndef LW_PROFILES_STATIC_H
#define LW_PROFILES_STATIC_H

#include "gen/device.h"
#include "gen/program.h"
#include "models/status.h"
#include "profiles/bench.h"

#include <stddef.h>

struct lw_static_cycles {
    double cycles, instructions, uops; /* of one call */
};

/* The analyser: LUTWIDGE_LLVM_MCA, or llvm-mca-19. */
const char *lw_static_analyser(void);
/* The line of `llvm-mca --version` that has it. LW_FAILED, with the package to install, where it is
 * missing. */
enum lw_status lw_static_version(char *version, size_t size, struct lw_error *error);

/* Compiles a kernel for the device, without unrolling by the compiler, and adds up its blocks, each
 * as often as its loops run. LW_FAILED where the compiled loops are not those of the program. */
enum lw_status lw_static_kernel(const struct lw_spec *spec, const struct lw_device *device,
                                struct lw_static_cycles *result, struct lw_error *error);

/* A call with spec.batch columns: their tables, and the kernels that they are cut into. */
struct lw_static_row {
    const struct lw_bench_case *kernel;
    struct lw_spec spec;
    const struct lw_device *device;
    struct lw_static_cycles sum;
};

struct lw_static_setup {
    const struct lw_bench_case *cases; /* of any instruction set: that of the devices counts */
    size_t case_count;
    const size_t *columns;
    size_t column_count;
    const struct lw_device *const *devices;
    size_t device_count;
    /* Called with each cell; on another status than LW_OK it stops. */
    enum lw_status (*row)(void *context, const struct lw_static_row *row, struct lw_error *error);
    void *context;
};
enum lw_status lw_static_run(const struct lw_static_setup *setup, struct lw_error *error);

/* For tests: regions of assembly text of one function. A region is what a loop has beyond the loops
 * in it; region 0 is what stands in none. */
struct lw_asm_region {
    size_t first, last; /* lines; of region 0 those of the function */
    int parent;         /* -1 for region 0 */
};
enum { LW_ASM_REGIONS = LW_PROGRAM_LOOPS + 1 };
/* Splits the text's lines; returns how many regions there are, 0 where loops overlap or are too
 * many. */
size_t lw_asm_regions(const char *const *lines, size_t count,
                      struct lw_asm_region regions[LW_ASM_REGIONS]);

#endif
