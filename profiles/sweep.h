/* A sweep: one piece of work, simulated on every engine of a grid of parameters.
 * docs/ACCELERATOR.md has the file. */
#ifndef LW_PROFILES_SWEEP_H
#define LW_PROFILES_SWEEP_H

#include "gen/engine.h"
#include "models/status.h"

#include <stddef.h>

enum { LW_SWEEP_PARAMETERS = 9, LW_SWEEP_VALUES = 32, LW_SWEEP_MEMORIES = 3 };

struct lw_sweep {
    /* Strings are owned; of layer, step, text and file one is given. */
    char *model; /* may be NULL */
    char *layer, *text, *file;
    unsigned step;        /* columns of a decoder step; 0: no step */
    unsigned columns;     /* of a layer */
    unsigned beam, lines; /* of a text or file; lines 0: all */
    unsigned clock_mhz, seed;
    unsigned values[LW_SWEEP_PARAMETERS][LW_SWEEP_VALUES]; /* in the order of lw_engine_name */
    size_t value_counts[LW_SWEEP_PARAMETERS];              /* 0: the default alone */
    char memories[LW_SWEEP_MEMORIES][16];
    size_t memory_count;
};

struct lw_sweep_point {
    struct lw_engine engine; /* may be one that cannot be: lw_engine_check */
    const char *memory;
};

/* LW_CORRUPT names the line; LW_FAILED where the file cannot be read. Paths in it are taken from
 * its folder. */
enum lw_status lw_sweep_read(const char *path, struct lw_sweep *sweep, struct lw_error *error);
void lw_sweep_free(struct lw_sweep *sweep);

size_t lw_sweep_count(const struct lw_sweep *sweep);
struct lw_sweep_point lw_sweep_at(const struct lw_sweep *sweep, size_t index);

#endif
