#include "models/quantize_moments.h"

bool lw_quantize_needs_moments(const struct lw_quantize *request, size_t matrix_count)
{
    bool needed = request->correct_biases;
    for (size_t i = 0; i < matrix_count && !needed; i++)
        needed = request->choices[i].weighting == LW_WEIGHTING_ACTIVATIONS;
    return needed;
}

enum lw_status lw_check_moments(const struct lw_model *source, const struct lw_quantize *request,
                                struct lw_error *error)
{
    if (!request->moments && lw_quantize_needs_moments(request, source->matrix_count))
        return lw_fail(error, LW_USAGE,
                       "weighting by activations and correcting biases need the moments of a "
                       "calibration text");
    for (size_t i = 0; request->moments && i < source->matrix_count; i++)
        if (request->moments[i].columns != source->matrices[i].columns)
            return lw_fail(error, LW_USAGE, "matrix %s: moments of %zu inputs where it has %zu",
                           source->matrices[i].name, request->moments[i].columns,
                           source->matrices[i].columns);
    return LW_OK;
}

const float *lw_column_weights(const struct lw_quantize *request, size_t matrix, float *room)
{
    if (request->choices[matrix].weighting == LW_WEIGHTING_NONE ||
        request->moments[matrix].count == 0)
        return NULL;
    const struct lw_moments *moments = &request->moments[matrix];
    for (size_t c = 0; c < moments->columns; c++)
        room[c] = moments->gram[c * moments->columns + c];
    return room;
}

const float *lw_correcting_mean(const struct lw_quantize *request, size_t matrix,
                                const struct lw_matrix *source)
{
    return request->correct_biases && source->bias ? request->moments[matrix].mean : NULL;
}

void lw_correct_bias(const struct lw_matrix *source, size_t row, const float *decoded,
                     const float *mean, const struct lw_matrix *target)
{
    const float *weights = source->dense + row * source->columns;
    double bias = (double)source->bias[row];
    for (size_t c = 0; c < source->columns; c++)
        bias += ((double)weights[c] - (double)decoded[c]) * (double)mean[c];
    ((float *)(uintptr_t)target->bias)[row] = (float)bias;
}
