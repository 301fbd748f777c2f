/* What quantisation into ordinary and into nested codes and the hand-over of codes share; private
 * to models/quantize*.c and models/handover.c. */
#ifndef LW_MODELS_QUANTIZE_PARTS_H
#define LW_MODELS_QUANTIZE_PARTS_H

#include "models/quantize.h"

/* What a quantised model in memory owns; all malloc'ed. */
struct lw_quantized {
    uint32_t *orders; /* order and place of the matrices whose rows differ in bits */
    float *vectors;
    void *codes; /* planes and scales: NULL until the caller takes room for them */
};

/* LW_USAGE where the request cannot be carried out. */
enum lw_status lw_quantize_check(const struct lw_model *source, const struct lw_quantize *request,
                                 struct lw_error *error);
/* The bits of each row of a matrix, or NULL where all are alike. */
const uint8_t *lw_quantize_row_bits(const struct lw_quantize *request, size_t matrix);
/* Fills all of a zeroed model but the data of its codes. On failure the caller frees the model. */
enum lw_status lw_quantize_shape(const struct lw_model *source, const struct lw_quantize *request,
                                 struct lw_model *model, struct lw_quantized **owned,
                                 struct lw_error *error);

/* The first row of a slice: rows are dealt out in one contiguous slice a worker. */
size_t lw_quantize_slice(size_t rows, size_t slices, size_t slice);
bool lw_quantize_is_finite(const float *weights, size_t columns);
/* The smallest e with largest <= 32767 * 2^e; 0 for a matrix of zeros. */
int lw_quantize_exponent(float largest);
/* Rounded to nearest, ties to even, and kept within the limit. */
int16_t lw_quantize_mantissa(float scale, int exponent, int limit);

#endif
