#include "gen/bundle.h"

enum lw_status lw_bundle_specs(const struct lw_model *model, const struct lw_device *device,
                               struct lw_spec **specs, size_t *count, struct lw_error *error)
{
    struct lw_picks picks;
    enum lw_status status = lw_picks_list(model, device, &picks, error);
    if (status != LW_OK)
        return status;
    status = lw_picks_estimate(&picks, device, error);
    lw_picks_decide(&picks, LW_BASIS_ESTIMATE);
    if (status == LW_OK)
        status = lw_picks_specs(&picks, specs, count, error);
    lw_picks_free(&picks);
    return status;
}
