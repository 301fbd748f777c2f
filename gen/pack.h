/* Weights in the order in which the kernels of one instruction set read them (gen/schedule.h draws
 * the layout). */
#ifndef LW_GEN_PACK_H
#define LW_GEN_PACK_H

#include "gen/schedule.h"
#include "models/transformer.h"

#include <stdint.h>

/* Offsets in bytes from the start of a packed matrix, each a multiple of 64; the keys start at 0.
 */
struct lw_pack_layout {
    size_t key_bytes;
    size_t scales;
    size_t bias;
    size_t bytes; /* of the whole, a multiple of 64 */
};

void lw_pack_layout(const struct lw_schedule *schedule, struct lw_pack_layout *layout);
/* Writes layout.bytes bytes. Rows and tables beyond the matrix get key 0, scale 0 and bias 0. */
void lw_pack(const struct lw_schedule *schedule, const struct lw_code *code, const float *bias,
             uint8_t *out);

#endif
