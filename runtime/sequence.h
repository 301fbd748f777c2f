/* Quantisation in sequence (weighting: sequence). Matrix after matrix is fitted in the metric of
 * the inputs that it will have, given by the matrices before it as they are quantised, and towards
 * outputs that make up for what these inputs lack: what fp32 makes of its own (Frantar et al. 2022,
 * Li et al. 2025). */
#ifndef LW_RUNTIME_SEQUENCE_H
#define LW_RUNTIME_SEQUENCE_H

#include "models/quantize.h"
#include "runtime/pairs.h"

/* As lw_quantize_model; request->moments are of the fp32 model, for what is weighted otherwise, and
 * may be NULL where nothing is. Words come first. The text is borrowed. The result does not depend
 * on threads. */
enum lw_status lw_quantize_in_sequence(const struct lw_model *source,
                                       const struct lw_quantize *request,
                                       const struct lw_pairs *pairs, struct lw_model *model,
                                       struct lw_quantize_report *report, struct lw_error *error);

/* True where a choice is fitted in sequence. */
bool lw_quantize_needs_sequence(const struct lw_choice *choices, size_t matrix_count);

#endif
