/* The targets of a model. */
#include "profiles/sensitivity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void name_kind(const struct lw_matrix *matrix, char kind[48])
{
    static const char *const blocks[] = {
        [LW_BLOCK_ENCODER] = "encoder", [LW_BLOCK_DECODER] = "decoder"};
    static const char *const sublayers[] = {
        [LW_SUBLAYER_SELF] = "self", [LW_SUBLAYER_CROSS] = "cross", [LW_SUBLAYER_FFN] = "ffn"};
    if (matrix->block == LW_BLOCK_WORDS)
        snprintf(kind, 48, "%s", matrix->name);
    else
        snprintf(kind, 48, "%s.%s", blocks[matrix->block], sublayers[matrix->sublayer]);
}

static void add(struct lw_target *targets, size_t *count, const char *name, const char *kind)
{
    for (size_t i = 0; i < *count; i++)
        if (strcmp(targets[i].name, name) == 0)
            return;
    struct lw_target *target = &targets[(*count)++];
    snprintf(target->name, sizeof target->name, "%s", name);
    snprintf(target->kind, sizeof target->kind, "%s", kind);
}

enum lw_status lw_sensitivity_targets(const struct lw_model *model, enum lw_targets which,
                                      struct lw_target **targets, size_t *count,
                                      struct lw_error *error)
{
    char kind[48];
    *count = 0;
    /* At most as many kinds as matrices. */
    *targets = calloc(2 * model->matrix_count, sizeof **targets);
    if (!*targets)
        return lw_fail(error, LW_FAILED, "out of memory for the targets of the model");
    for (size_t i = 0; i < model->matrix_count && which & LW_TARGETS_KINDS; i++) {
        name_kind(&model->matrices[i], kind);
        add(*targets, count, kind, kind);
    }
    for (size_t i = 0; i < model->matrix_count && which & LW_TARGETS_MATRICES; i++) {
        name_kind(&model->matrices[i], kind);
        add(*targets, count, model->matrices[i].name, kind);
    }
    return LW_OK;
}
