/* Making a bundle: kernels for the shapes of a model, its weights packed for them, one folder
 * (gen/registry.h draws it).
 */
#ifndef LW_GEN_BUNDLE_H
#define LW_GEN_BUNDLE_H

#include "gen/compile.h"
#include "gen/picks.h"
#include "gen/spec.h"
#include "models/status.h"
#include "models/transformer.h"

#include <stddef.h>

/* What is written, and the oldest that is read. */
enum { LW_BUNDLE_FORMAT = 3, LW_BUNDLE_OLDEST = 2 };

/* Writes the C text of one kernel to a file: whole or not at all. */
enum lw_status lw_bundle_write_kernel(const struct lw_spec *spec, const char *path,
                                      struct lw_error *error);

/* Writes the bundle of `model`, which was opened from a file, to `folder`: built beside it,
 * renamed, so that it appears whole or not at all. An existing bundle there is replaced; anything
 * else is refused (LW_USAGE). `made_by` is the command, for the manifest. `picks` are decided, of
 * this model and device. */
enum lw_status lw_bundle_make_picked(const struct lw_model *model, const struct lw_device *device,
                                     const struct lw_picks *picks, const char *folder,
                                     const char *made_by, const struct lw_watch *watch,
                                     struct lw_error *error);
/* The same with picks by estimate. */
enum lw_status lw_bundle_make(const struct lw_model *model, const struct lw_device *device,
                              const char *folder, const char *made_by, const struct lw_watch *watch,
                              struct lw_error *error);

/* Where `translate` keeps the bundle of a model file: $XDG_CACHE_HOME/lutwidge (or
 * ~/.cache/lutwidge), by the hashes of model and generator, and the chunks of a prefix (0: an
 * ordinary model). malloc'ed; parents are created. */
enum lw_status lw_bundle_cache_path(const char *model_path, size_t chunks,
                                    const struct lw_device *device, char **folder,
                                    struct lw_error *error);

/* Whether a folder holds a bundle's manifest. */
bool lw_bundle_is(const char *folder);
/* Removes from the cache folder what processes left there that were killed while they made a
 * bundle: its partial folders that nobody holds locked. */
void lw_bundle_collect(const char *cache);

#endif
