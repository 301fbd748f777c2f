/* Private to models/quantize*.c: what quantisation does with the moments of inputs. */
#ifndef LW_MODELS_QUANTIZE_MOMENTS_H
#define LW_MODELS_QUANTIZE_MOMENTS_H

#include "models/fit_gram.h"
#include "models/quantize.h"

/* LW_USAGE where moments are needed and absent, or of other matrices. */
enum lw_status lw_check_moments(const struct lw_model *source, const struct lw_quantize *request,
                                struct lw_error *error);
/* The importance of each column of a matrix, in room[columns], or NULL where all are alike. */
const float *lw_column_weights(const struct lw_choice *choice, const struct lw_moments *moments,
                               float *room);
/* The metric that a matrix is fitted in; zeroed where it has none. The caller frees it. */
enum lw_status lw_matrix_metric(const struct lw_choice *choice, const struct lw_moments *moments,
                                const struct lw_matrix *source, struct lw_metric *metric,
                                struct lw_error *error);

#endif
