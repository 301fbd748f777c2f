/* What this process takes, and what translating may take. Sums that overflow are SIZE_MAX. */
#ifndef LW_RUNTIME_MEMORY_H
#define LW_RUNTIME_MEMORY_H

#include "gen/registry.h"
#include "models/status.h"
#include "models/transformer.h"
#include "runtime/translator.h"

#include <stddef.h>

/* The bytes that it has resident (VmRSS), and the most that it has had (VmHWM); NaN where the
 * system does not say. */
double lw_resident_bytes(void);
double lw_peak_memory_bytes(void);

/* The most bytes that a model keeps resident: the mapped files of `file_bytes`, its tokeniser and
 * what was made of them. */
size_t lw_model_memory(const struct lw_model *model, size_t file_bytes);
/* The most bytes that one member of a team keeps resident: its arena, its stack, a text that is
 * encoded, and its products by the kernels of a bundle, or in fp32 (NULL). Fails as
 * lw_translator_measure does. */
enum lw_status lw_member_memory(const struct lw_model *model, const struct lw_bundle *bundle,
                                const struct lw_search *search, size_t together, size_t *bytes,
                                struct lw_error *error);

#endif
