#include "gen/bundle.h"

#include "models/lwm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

static enum lw_status make_parents(char *path, struct lw_error *error)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        int failed = mkdir(path, 0777) && errno != EEXIST ? errno : 0;
        if (failed)
            return lw_fail(error, LW_FAILED, "cannot make the cache folder %s: %s", path,
                           strerror(failed));
        *slash = '/';
    }
    return LW_OK;
}

enum lw_status lw_bundle_cache_path(const char *model_path, size_t chunks,
                                    const struct lw_device *device, char **folder,
                                    struct lw_error *error)
{
    char model_hash[33], flags[256], *key = NULL, *path = NULL;
    enum lw_status status = lw_file_hash(model_path, model_hash, error);
    if (status != LW_OK)
        return status;
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    bool own = cache && cache[0] == '/';
    if (!own && !(home && home[0] == '/'))
        return lw_fail(error, LW_FAILED,
                       "neither XDG_CACHE_HOME nor HOME names a folder for the cache");
    lw_compiler_flags(device, flags, sizeof flags);
    int length = asprintf(&key, "%s %zu %s %s %s %d", model_hash, chunks, LW_GENERATOR,
                          device->name, flags, LW_BUNDLE_FORMAT);
    if (length < 0)
        return lw_fail(error, LW_FAILED, "out of memory");
    XXH128_hash_t hash = XXH3_128bits(key, (size_t)length);
    free(key);
    if (asprintf(&path, "%s%s/lutwidge/%016llx%016llx", own ? cache : home, own ? "" : "/.cache",
                 (unsigned long long)hash.high64, (unsigned long long)hash.low64) < 0)
        return lw_fail(error, LW_FAILED, "out of memory");
    status = make_parents(path, error);
    if (status != LW_OK)
        free(path);
    else
        *folder = path;
    return status;
}
