/* The products of a translation on a simulated engine, in class a8 to the bit: the host rounds the
 * activations, the engine gives the exact sums R, and the host scales them and adds the bias
 * (docs/NUMBERS.md). Products of class f32 stay on the host. */
#ifndef LW_SIM_BACKEND_H
#define LW_SIM_BACKEND_H

#include "models/status.h"
#include "models/transformer.h"
#include "runtime/backend.h"
#include "sim/simulator.h"
#include "sim/tally.h"

/* Makes the streams of all matrices. Model, simulator and work must outlive the backend; calls are
 * added to the work. LW_USAGE for a model with matrices of class t8. */
enum lw_status lw_backend_engine(const struct lw_model *model, const struct lw_simulator *simulator,
                                 struct lw_tally *work, struct lw_backend *backend,
                                 struct lw_error *error);

#endif
