#include "gen/cache.h"

#include "models/file.h"
#include "models/hash.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

enum lw_status lw_cache_path(const char *name, char **path, struct lw_error *error)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    bool own = cache && cache[0] == '/';
    char *made;
    if (!own && !(home && home[0] == '/'))
        return lw_fail(error, LW_FAILED,
                       "neither XDG_CACHE_HOME nor HOME names a folder for the cache");
    if (asprintf(&made, "%s%s/lutwidge/%s", own ? cache : home, own ? "" : "/.cache", name) < 0)
        return lw_fail(error, LW_FAILED, "out of memory");
    enum lw_status status = make_parents(made, error);
    if (status == LW_OK)
        *path = made;
    else
        free(made);
    return status;
}

void lw_object_key(const void *text, size_t bytes, const char *compiler, const char *flags,
                   char key[LW_OBJECT_KEY_BYTES])
{
    XXH128_hash_t of_text = XXH3_128bits(text, bytes);
    char all[1024];
    int length =
        snprintf(all, sizeof all, "%016llx%016llx %s\n%s", (unsigned long long)of_text.high64,
                 (unsigned long long)of_text.low64, compiler, flags);
    XXH128_hash_t hash = XXH3_128bits(all, (size_t)length);
    snprintf(key, LW_OBJECT_KEY_BYTES, "%016llx%016llx", (unsigned long long)hash.high64,
             (unsigned long long)hash.low64);
}

/* An object lies in the cache behind its own hash, so that a damaged one is noticed. */
static char *object_path(const char *key)
{
    char name[LW_OBJECT_KEY_BYTES + 16], *path = NULL;
    snprintf(name, sizeof name, "objects/%.2s/%s", key, key + 2);
    lw_cache_path(name, &path, NULL);
    return path;
}

static bool write_file(const char *path, const void *head, size_t head_bytes, const void *data,
                       size_t bytes)
{
    FILE *stream = fopen(path, "wbe");
    if (!stream)
        return false;
    bool ok = fwrite(head, 1, head_bytes, stream) == head_bytes &&
              fwrite(data, 1, bytes, stream) == bytes;
    return fclose(stream) == 0 && ok;
}

bool lw_object_take(const char *key, const char *path)
{
    struct lw_mapping kept;
    XXH128_canonical_t own;
    char *from = object_path(key);
    bool taken = false;
    if (from && lw_map_file(from, &kept, NULL) == LW_OK) {
        if (kept.size > sizeof own) {
            const uint8_t *object = kept.data + sizeof own;
            XXH128_canonicalFromHash(&own, XXH3_128bits(object, kept.size - sizeof own));
            taken = memcmp(kept.data, &own, sizeof own) == 0 &&
                    write_file(path, "", 0, object, kept.size - sizeof own);
        }
        lw_unmap_file(&kept);
    }
    free(from);
    return taken;
}

void lw_object_keep(const char *key, const char *path)
{
    struct lw_mapping object;
    XXH128_canonical_t own;
    char *to = object_path(key), *temporary;
    if (!to || asprintf(&temporary, "%s.%ld", to, (long)getpid()) < 0)
        temporary = NULL;
    if (temporary && lw_map_file(path, &object, NULL) == LW_OK) {
        XXH128_canonicalFromHash(&own, XXH3_128bits(object.data, object.size));
        if (!write_file(temporary, &own, sizeof own, object.data, object.size) ||
            rename(temporary, to))
            unlink(temporary);
        lw_unmap_file(&object);
    }
    free(temporary);
    free(to);
}
