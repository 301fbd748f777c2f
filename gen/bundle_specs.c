#include "gen/bundle.h"
#include "gen/schedule.h"

#include <stdlib.h>
#include <string.h>

/* Columns that one kernel call takes; any N is made of these (gen/registry.h). */
static const size_t batches[] = {64, 16, 8, 4, 2, 1};
enum { BATCHES = sizeof batches / sizeof batches[0] };

/* Tiles take up to 16 columns in the time of one, and decode weights once for 64; without them,
 * more than 8 columns do not fit the registers. */
static bool is_wanted(const struct lw_spec *spec)
{
    struct lw_schedule schedule, four;
    struct lw_spec of_four = *spec;
    of_four.batch = 4;
    lw_schedule_build(spec, &schedule);
    lw_schedule_build(&of_four, &four);
    if (schedule.unit == LW_UNIT_TILE)
        return spec->batch != 8;
    return spec->batch <= (four.unit == LW_UNIT_TILE ? 2 : 8);
}

static bool is_listed(const struct lw_spec *specs, size_t count, const struct lw_spec *spec)
{
    char name[LW_SPEC_NAME_BYTES], other[LW_SPEC_NAME_BYTES];
    lw_spec_name(spec, name);
    for (size_t i = 0; i < count; i++) {
        lw_spec_name(&specs[i], other);
        if (strcmp(name, other) == 0)
            return true;
    }
    return false;
}

static size_t add(struct lw_spec *specs, size_t count, const struct lw_spec *spec)
{
    if (is_listed(specs, count, spec))
        return count;
    specs[count] = *spec;
    return count + 1;
}

static enum lw_status check_model(const struct lw_model *model, struct lw_error *error)
{
    if (!lw_model_has_quantised_products(model))
        return lw_fail(
            error, LW_USAGE,
            "the model is of class f32, which has no generated kernels; quantise it with "
            "--arith t8 or a8");
    for (size_t i = 0; i < model->matrix_count; i++)
        if (lw_matrix_has_quantised_product(&model->matrices[i]) && !model->matrices[i].code_count)
            return lw_fail(error, LW_USAGE, "matrix %s is not quantised", model->matrices[i].name);
    return LW_OK;
}

enum lw_status lw_bundle_specs(const struct lw_model *model, enum lw_isa isa,
                               struct lw_spec **specs, size_t *count, struct lw_error *error)
{
    enum lw_status status = check_model(model, error);
    if (status != LW_OK)
        return status;
    struct lw_spec *list = calloc(model->matrix_count * (1 + BATCHES * LW_MAX_BITS), sizeof *list);
    if (!list)
        return lw_fail(error, LW_FAILED, "out of memory");
    size_t used = 0;
    for (size_t b = 0; b <= BATCHES; b++)
        for (size_t i = 0; i < model->matrix_count; i++) {
            const struct lw_matrix *matrix = &model->matrices[i];
            if (!lw_matrix_has_quantised_product(matrix))
                continue;
            for (size_t c = 0; c < matrix->code_count && status == LW_OK; c++) {
                struct lw_spec spec = lw_spec_of(matrix, c, b ? batches[b - 1] : 0, isa);
                status = lw_spec_check(&spec, error);
                if (status == LW_OK && (b == 0 || is_wanted(&spec)))
                    used = add(list, used, &spec);
            }
        }
    if (status != LW_OK) {
        free(list);
        return status;
    }
    *specs = list;
    *count = used;
    return LW_OK;
}
