/* What is here of all that Lutwidge needs (models/needs.h), and whether it works. */
#ifndef LW_PROFILES_DOCTOR_H
#define LW_PROFILES_DOCTOR_H

#include "models/needs.h"
#include "models/status.h"

#include <stdint.h>

enum lw_presence {
    LW_ABSENT,
    LW_PRESENT,
    LW_UNKNOWN, /* a package, where there is no dpkg-query to ask */
};

struct lw_found {
    enum lw_presence presence;
    /* "19.1.7": the first number with a point in what a program prints, in the name of a library's
     * file, or in a package's version; else "". */
    char version[32];
};

/* Looks for every need: found[lw_need_count]. Runs the programs, opens the libraries. LW_FAILED
 * where that itself cannot be done. */
enum lw_status lw_doctor_look(struct lw_found *found, struct lw_error *error);

/* The packages of what is absent, each once, a space between them; malloc'ed, "" for none. NULL:
 * out of memory. `uses`: 1 << LW_NEED_FOR_..., of which ones. */
char *lw_doctor_packages(const struct lw_found *found, unsigned uses);

/* What translate does with a model file: compiles for this CPU in the cache's folder, loads and
 * calls what came out. LW_FAILED with the reason, and the command that mends it where known. */
enum lw_status lw_doctor_compile(struct lw_error *error);

/* The folder of the cache (malloc'ed, no '/' at its end) and what is in it. */
struct lw_doctor_cache {
    char *folder;
    uint64_t bytes, files;
};
enum lw_status lw_doctor_cache(struct lw_doctor_cache *cache, struct lw_error *error);

#endif
