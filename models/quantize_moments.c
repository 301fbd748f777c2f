#include "models/quantize_moments.h"

/* Shares of the mean power of the inputs (Frantar et al. 2022 take 0.01). Rows of words are looked
 * up too, which moments of inputs do not tell. */
static const double DAMPING = 0.1, WORD_DAMPING = 1.0;

bool lw_quantize_needs_moments(const struct lw_choice *choices, size_t matrix_count)
{
    bool needed = false;
    for (size_t i = 0; i < matrix_count && !needed; i++)
        needed = choices[i].weighting != LW_WEIGHTING_NONE;
    return needed;
}

enum lw_status lw_check_moments(const struct lw_model *source, const struct lw_quantize *request,
                                struct lw_error *error)
{
    if (!request->moments && lw_quantize_needs_moments(request->choices, source->matrix_count))
        return lw_fail(error, LW_USAGE, "weighting needs the moments of a calibration text");
    for (size_t i = 0; request->moments && i < source->matrix_count; i++)
        if (request->moments[i].columns != source->matrices[i].columns)
            return lw_fail(error, LW_USAGE, "matrix %s: moments of %zu inputs where it has %zu",
                           source->matrices[i].name, request->moments[i].columns,
                           source->matrices[i].columns);
    return LW_OK;
}

const float *lw_column_weights(const struct lw_choice *choice, const struct lw_moments *moments,
                               float *room)
{
    if (choice->weighting != LW_WEIGHTING_ACTIVATIONS || moments->count == 0)
        return NULL;
    for (size_t c = 0; c < moments->columns; c++)
        room[c] = moments->gram[c * moments->columns + c];
    return room;
}

static bool is_by_gram(enum lw_weighting weighting)
{
    return weighting == LW_WEIGHTING_GRAM || weighting == LW_WEIGHTING_SEQUENCE;
}

enum lw_status lw_matrix_metric(const struct lw_choice *choice, const struct lw_moments *moments,
                                const struct lw_matrix *source, struct lw_metric *metric,
                                struct lw_error *error)
{
    struct lw_error own = {0};
    *metric = (struct lw_metric){0};
    if (!is_by_gram(choice->weighting) || moments->count == 0)
        return LW_OK;
    double damping = source->block == LW_BLOCK_WORDS ? WORD_DAMPING : DAMPING;
    enum lw_status status = lw_metric_make(moments, damping, metric, &own);
    return status == LW_OK ? LW_OK
                           : lw_fail(error, status, "matrix %s: %s", source->name, own.text);
}
