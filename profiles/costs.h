/* What the products of a model take on a device, part by part, in a sentence of so many source and
 * target words at beam 1: each matrix of the encoder, and k and v of the encoder-decoder attention,
 * is called once with a column for each source word; the others once for each target word. */
#ifndef LW_PROFILES_COSTS_H
#define LW_PROFILES_COSTS_H

#include "gen/device.h"
#include "profiles/cells.h"
#include "profiles/database.h"
#include "sim/simulator.h"
#include "sim/synth.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How a device's figures come about. */
enum lw_cost_kind {
    LW_COST_MEASURED, /* this machine: medians of kernels, ns of CPU time */
    LW_COST_STATIC,   /* a CPU that is not here: cycles of the compute part, as llvm-mca has them */
    LW_COST_SIMULATED, /* an engine: cycles of the C model, each call a list of its own whose
                          weights begin at address 0 */
};

struct lw_cost_device {
    char name[32];
    enum lw_cost_kind kind;
    const struct lw_device *cpu;        /* of the first two kinds */
    const struct lw_sim_device *engine; /* of the third */
};

/* host, a device of gen/device.h, or one of sim/simulator.h. A CPU by name is measured where it is
 * what `host` is, and estimated where its model is known to llvm-mca. LW_USAGE otherwise. */
enum lw_status lw_cost_device_named(const char *name, struct lw_cost_device *device,
                                    struct lw_error *error);
/* "ns", "static cycles", "cycles" */
const char *lw_cost_unit(enum lw_cost_kind kind);
/* Of the clock behind the unit: what a unit of cost takes. */
double lw_cost_ns(const struct lw_cost_device *device);
/* The class in which the device computes products: t8 for CPUs, a8 for engines. */
enum lw_arith lw_cost_arith(const struct lw_cost_device *device);
/* The bits of each weight where the device multiplies whole weights (4 and 8 are there): such an
 * engine takes codes of so many bits at most, all for the same cycles and bytes, and uniform scales
 * alone. 0: planes one by one, any code. */
unsigned lw_cost_multiplier_bits(const struct lw_cost_device *device);
/* Whether the device can run such a code of a part. */
bool lw_cost_takes(const struct lw_cost_device *device, const struct lw_part *part,
                   const struct lw_cell *cell);
/* What made the figures: figures of another maker are stale. malloc'ed. LW_FAILED where a tool is
 * missing. */
enum lw_status lw_cost_maker(const struct lw_cost_device *device, char **maker,
                             struct lw_error *error);

struct lw_costing {
    const struct lw_cost_device *device;
    const struct lw_model *model; /* dense */
    const struct lw_part *parts;
    size_t part_count;
    size_t source_words, target_words;
    /* where times of kernels are kept, and the run that new ones belong to */
    struct lw_database *database;
    int64_t run;
    double seconds;              /* a measured cell */
    const struct lw_synth *asic; /* gates of the engine; NULL: energies are not known */
};

struct lw_cost {
    bool known;          /* false where it was not asked for */
    double cost;         /* in the device's unit */
    double memory_bytes; /* of its weights as the device holds them */
    double energy_pj;    /* of engines, by profiles/energy.h; NAN: not known */
};

/* Costs of the parts that `wanted` marks (NULL: all) with the given cells; both [part_count]. */
enum lw_status lw_costs_of(const struct lw_costing *costing, const struct lw_cell *cells,
                           const bool *wanted, struct lw_cost *costs, struct lw_error *error);

/* The sum over all parts. */
enum lw_status lw_costs_of_plan(const struct lw_costing *costing, const struct lw_cell *cells,
                                struct lw_cost *sum, struct lw_error *error);

/* The model of such cells, codes and scales zero; rows of words are dealt out in the order of the
 * classes. lw_model_free. */
enum lw_status lw_costs_outline(const struct lw_costing *costing, const struct lw_cell *cells,
                                struct lw_model *outline, struct lw_error *error);

/* How often a part is called in a sentence, and with how many columns; no calls: only looked up. */
struct lw_part_calls {
    size_t calls, columns;
};
struct lw_part_calls lw_part_calls(const struct lw_costing *costing, const struct lw_part *part);

/* Of the files behind lw_costs_of. */
enum lw_status lw_costs_of_cpu(const struct lw_costing *costing, const struct lw_model *outline,
                               const bool *wanted, struct lw_cost *costs, struct lw_error *error);
enum lw_status lw_costs_of_engine(const struct lw_costing *costing, const struct lw_model *outline,
                                  const bool *wanted, struct lw_cost *costs,
                                  struct lw_error *error);
/* Of an engine for gates, from a folder of the cache or by running the tools (lw_synth_run). */
enum lw_status lw_cost_gates(const struct lw_cost_device *device, const char *cache,
                             struct lw_synth *asic, struct lw_error *error);
/* The simulator's sources. */
const char *lw_costs_simulator(void);

#endif
