/* What simulated work takes, layer by layer: cycles, stalls, bytes, and how near they come to what
 * the engine could do. */
#ifndef LW_PROFILES_SIMULATION_H
#define LW_PROFILES_SIMULATION_H

#include "models/status.h"
#include "models/transformer.h"
#include "sim/tally.h"

#include <stddef.h>
#include <stdint.h>

enum { LW_LAYER_NAME_BYTES = 64 };

struct lw_simulation_row {
    char layer[LW_LAYER_NAME_BYTES]; /* of its matrices, "decoder.0.self.q+k+v"; "all" */
    size_t calls, columns;           /* columns of all calls */
    int64_t counts[LW_COUNTERS];
    double products;     /* M * K * N */
    double bit_products; /* one for each plane of a weight */
    double bound_cycles; /* by keys: their bits / bits of a beat or of a step, whichever is more */
};

/* Owns its rows. */
struct lw_simulation {
    size_t count;
    struct lw_simulation_row *rows;
    struct lw_simulation_row all;
};

/* Of work where each call was a list of its own. */
enum lw_status lw_simulation_of_work(const struct lw_model *model, const struct lw_engine *engine,
                                     const struct lw_tally *work, struct lw_simulation *simulation,
                                     struct lw_error *error);
/* Runs calls as one list; where `waiting`, each begins when all results before it are written. A
 * layer's counts are what the list grows by with it: they add up to the whole, and may be negative
 * where a layer hides what was waited for at the end before. */
enum lw_status lw_simulate_list(const struct lw_model *model, const struct lw_simulator *simulator,
                                const struct lw_tally *work, bool waiting,
                                struct lw_simulation *simulation, struct lw_error *error);
void lw_simulation_free(struct lw_simulation *simulation);

/* The calls of a decoder step, in its order, with this number of columns (beams). Matrices of class
 * f32 are left out. */
enum lw_status lw_tally_of_step(const struct lw_model *model, size_t columns, struct lw_tally *work,
                                struct lw_error *error);
/* One product; LW_USAGE for a name that no matrix with products has. */
enum lw_status lw_tally_of_layer(const struct lw_model *model, const char *name, size_t columns,
                                 struct lw_tally *work, struct lw_error *error);

/* Figures of a row. Bytes of a stream: LW_COUNT_KEY_BEATS to LW_COUNT_Y_BEATS. */
double lw_simulation_bytes(const struct lw_engine *engine, const struct lw_simulation_row *row,
                           enum lw_counter beats);
/* Products of one bit that the engine can do in a cycle; of multipliers of several bits, a weight
 * each. */
double lw_engine_peak(const struct lw_engine *engine);

#endif
