/* Slow, obvious twins of the runtime's layers, in double precision, and small random models to run
 * them on. */
#ifndef LW_TESTS_ORACLE_H
#define LW_TESTS_ORACLE_H

#include "models/transformer.h"

#include <stddef.h>
#include <stdint.h>

double oracle_dot(const float *a, const double *b, size_t count);
void oracle_softmax(double *x, size_t count);
void oracle_log_softmax(double *x, size_t count);
void oracle_layer_norm(double *x, const struct lw_norm *norm, size_t count);
void oracle_activate(enum lw_activation activation, double *x, size_t count);
/* y[m] = sum over k of W[m][k] x[k] + bias[m] */
void oracle_product(const struct lw_matrix *matrix, const double *x, double *y);
double oracle_position(size_t position, size_t feature, size_t d_model);

/* out[count][d_model] */
void oracle_encode(const struct lw_model *model, const int32_t *words, size_t count, double *out);
/* Runs the whole decoder over words[count]; logits[target_words] after the last one. */
void oracle_decode(const struct lw_model *model, const double *encoded, size_t source_count,
                   const int32_t *words, size_t count, double *logits);

/* Sizes that are no multiple of 16: d_model 24, 3 heads, ffn 40, 2 + 2 layers, 37 shared words, 20
 * positions. */
struct lw_config oracle_config(void);

#endif
