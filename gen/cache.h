/* What is kept from run to run: $XDG_CACHE_HOME/lutwidge, or ~/.cache/lutwidge. */
#ifndef LW_GEN_CACHE_H
#define LW_GEN_CACHE_H

#include "models/status.h"

#include <stdbool.h>
#include <stddef.h>

/* Where `name` lies in the cache; malloc'ed. Folders above it are created. LW_FAILED where the
 * environment names no cache or it cannot be made. */
enum lw_status lw_cache_path(const char *name, char **path, struct lw_error *error);

enum { LW_OBJECT_KEY_BYTES = 33 };

/* Names an object by all that it is made from: text, compiler (its version, below 256 bytes) and
 * flags (below 512). */
void lw_object_key(const void *text, size_t bytes, const char *compiler, const char *flags,
                   char key[LW_OBJECT_KEY_BYTES]);
/* Writes the object of a key to `path`; false where none is kept or it is damaged. */
bool lw_object_take(const char *key, const char *path);
/* Keeps the object at `path`, if that can be done: what is not kept is compiled again. */
void lw_object_keep(const char *key, const char *path);

#endif
