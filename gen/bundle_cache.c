#include "gen/bundle.h"

#include "gen/cache.h"
#include "models/hash.h"
#include "models/lwm.h"

#include <stdio.h>
#include <stdlib.h>

enum lw_status lw_bundle_cache_path(const char *model_path, size_t chunks,
                                    const struct lw_device *device, char **folder,
                                    struct lw_error *error)
{
    char model_hash[33], flags[256], name[33], *key = NULL;
    enum lw_status status = lw_file_hash(model_path, model_hash, error);
    if (status != LW_OK)
        return status;
    lw_compiler_flags(device, flags, sizeof flags);
    int length = asprintf(&key, "%s %zu %s %s %s %d", model_hash, chunks, LW_GENERATOR,
                          device->name, flags, LW_BUNDLE_FORMAT);
    if (length < 0)
        return lw_fail(error, LW_FAILED, "out of memory");
    XXH128_hash_t hash = XXH3_128bits(key, (size_t)length);
    free(key);
    snprintf(name, sizeof name, "%016llx%016llx", (unsigned long long)hash.high64,
             (unsigned long long)hash.low64);
    return lw_cache_path(name, folder, error);
}
