/* XXH3, compiled in: no library is needed for it. */
#ifndef LW_MODELS_HASH_H
#define LW_MODELS_HASH_H

#define XXH_INLINE_ALL
#include <xxhash.h>

#endif
