/* The hand-over of codes that were trained outside: a MarianMT folder whose weights lie on binary
 * codes, and the codes themselves in codes.safetensors (docs/RETRAINING.md). */
#ifndef LW_MODELS_HANDOVER_H
#define LW_MODELS_HANDOVER_H

#include "models/status.h"
#include "models/transformer.h"

#include <stdbool.h>

/* True where the folder holds codes.safetensors. */
bool lw_handover_is(const char *folder);

/* Makes a quantised model of the folder's codes. `source` is the folder as lw_marian_import reads
 * it, and must outlive the model, which borrows its tokeniser and owns all else. Products are of
 * class *arith; where it is NULL, of the class that the plan in the file gives each matrix, t8
 * where there is no plan. model->made_by says the plan's name and what made the codes, as far as
 * the file does.
 *
 * LW_CORRUPT, with file and matrix, for whatever is not as the format has it: the version, tensors
 * that are missing, unknown, misshapen or of another type, values out of range. LW_MISMATCH, with
 * matrix and row, where a code is not the weight. On failure the model is zeroed. */
enum lw_status lw_handover_read(const char *folder, const struct lw_model *source,
                                const enum lw_arith *arith, struct lw_model *model,
                                struct lw_error *error);

#endif
