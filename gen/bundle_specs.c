#include "gen/bundle.h"

enum lw_status lw_bundle_specs(const struct lw_model *model, enum lw_isa isa,
                               struct lw_spec **specs, size_t *count, struct lw_error *error)
{
    struct lw_picks picks;
    enum lw_status status = lw_picks_list(model, lw_device_of(isa), &picks, error);
    if (status != LW_OK)
        return status;
    status = lw_picks_specs(&picks, specs, count, error);
    lw_picks_free(&picks);
    return status;
}
