/* What a kernel must cost at least, from its program alone, and what it is estimated to take on the
 * core of a device: the instructions that its ports execute, the bytes of keys that its caches
 * deliver. docs/KERNELS.md sets estimates beside measurements.
 */
#ifndef LW_GEN_COST_H
#define LW_GEN_COST_H

#include "gen/device.h"
#include "gen/program.h"

/* Micro-operations of one call, by what executes them. */
struct lw_work {
    double vector;  /* any vector port; scalar ones for portable C */
    double shuffle; /* of these, those that only the ports of permutations execute */
    double load;
    double store;
    double tile; /* cycles of the matrix unit */
};

enum { LW_CORE_LEVELS = 4 };

/* The core of a device. Rates are sustained, of one core. */
struct lw_cpu_core {
    const char *device;                        /* name */
    double ghz;                                /* clock under such code */
    double vector, shuffle, load, store, tile; /* micro-operations a cycle */
    double slack;   /* of real kernels: cycles over the fewest that the ports need */
    double call_ns; /* what each call adds */
    struct {
        double bytes; /* size; the last one is memory */
        double gb_per_s;
        double stall_ns; /* that a line of 64 bytes holds computing up */
    } levels[LW_CORE_LEVELS];
};

/* Of one call of a kernel, tables (rows == 0) or a product. Needs a valid spec. LW_FAILED when out
 * of memory. */
enum lw_status lw_work_of(const struct lw_spec *spec, struct lw_work *work, struct lw_error *error);
/* Whether the table of this model has an operation; those that an instruction set spells it must
 * have. */
bool lw_work_knows(enum lw_op op, enum lw_isa isa);
/* sum += times * work */
void lw_work_add(struct lw_work *sum, const struct lw_work *work, double times);

const struct lw_cpu_core *lw_core_of(const struct lw_device *device);
/* No schedule of the instructions takes fewer. */
double lw_core_cycles(const struct lw_cpu_core *core, const struct lw_work *work);
/* Of `calls` calls with this work together, whose keys are read once and lie among `footprint`
 * bytes. */
double lw_core_ns(const struct lw_cpu_core *core, const struct lw_work *work, double calls,
                  double key_bytes, double footprint);

#endif
