/* Compiling generated C with clang. */
#ifndef LW_GEN_COMPILE_H
#define LW_GEN_COMPILE_H

#include "gen/device.h"
#include "models/status.h"

#include <stdbool.h>
#include <stddef.h>

/* Called after each file; return false to stop. May be NULL. */
struct lw_watch {
    bool (*step)(void *context, size_t done, size_t all);
    void *context;
};

/* The compiler: LUTWIDGE_CLANG, or clang-19. */
const char *lw_compiler(void);
/* First line of `clang --version`. LW_FAILED, with the command that installs it, where it is
 * missing. */
enum lw_status lw_compiler_version(char *version, size_t size, struct lw_error *error);
/* All flags that a device's kernels are compiled with, as one string. */
void lw_compiler_flags(const struct lw_device *device, char *flags, size_t size);

/* Compiles sources (paths, each FILE.c to FILE.o beside it, removed at the end) and links them into
 * `library`. Uses all CPUs. Objects come from the cache where it has those of the same text,
 * compiler and flags (gen/cache.h). LW_FAILED carries the compiler's own first messages. */
enum lw_status lw_compile(const char *const *sources, size_t count, const struct lw_device *device,
                          const char *library, const struct lw_watch *watch,
                          struct lw_error *error);
/* The same into one object that other things are linked with. */
enum lw_status lw_compile_object(const char *const *sources, size_t count,
                                 const struct lw_device *device, const char *object,
                                 struct lw_error *error);

#endif
