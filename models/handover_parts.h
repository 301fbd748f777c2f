/* What reading a hand-over (models/handover.h) is made of; private to models/handover*.c. */
#ifndef LW_MODELS_HANDOVER_PARTS_H
#define LW_MODELS_HANDOVER_PARTS_H

#include "models/plan.h"
#include "models/safetensors.h"
#include "models/status.h"
#include "models/transformer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the file holds of one matrix; views into the mapping. Data lie at any address. */
struct lw_handed {
    const uint8_t *bits;   /* [M] */
    const uint8_t *levels; /* [M][K] */
    const uint8_t *scales; /* [M][groups][kept], int16 */
    size_t group, groups;
    unsigned planes; /* the most of any row */
    unsigned kept;   /* scales of a group: 1 where uniform, else planes */
    bool uniform;
    int exponent;
};

struct lw_handing {
    char *path;
    struct lw_safetensors file;
    const struct lw_model *source;
    struct lw_handed *parts;   /* [matrix_count] */
    struct lw_choice *choices; /* [matrix_count] */
    const uint8_t **row_bits;  /* [matrix_count] */
    char *plan;                /* name of the plan, or NULL */
    struct lw_error *error;
};

/* Little-endian, at any address. */
int16_t lw_handover_scale(const uint8_t *bytes);

/* Fills the parts from the open file. LW_CORRUPT where anything is not as the format has it. */
enum lw_status lw_handover_check(const struct lw_handing *reading);

#endif
