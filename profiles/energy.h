/* An estimate of the energy that an engine takes for some work: counters times energies of events,
 * each with its source. For comparing engines; no process in particular. */
#ifndef LW_PROFILES_ENERGY_H
#define LW_PROFILES_ENERGY_H

#include "profiles/simulation.h"
#include "sim/synth.h"

enum { LW_ENERGY_PARTS = 7, LW_ENERGY_SOURCE_BYTES = 200 };

struct lw_energy_part {
    const char *event;
    double count, pj; /* events, and pJ of one */
    char source[LW_ENERGY_SOURCE_BYTES];
};

struct lw_energy {
    struct lw_energy_part parts[LW_ENERGY_PARTS]; /* the first is the memory outside */
    double memory_pj, engine_pj;                  /* sums: of the first, of the others */
};

/* `asic` is the synthesis of the same engine for gates. */
void lw_energy_estimate(const struct lw_engine *engine, const struct lw_synth *asic,
                        const struct lw_simulation_row *row, struct lw_energy *energy);

#endif
