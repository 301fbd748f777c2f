/* Running the compiler as a child process; lw_compile is made of these. */
#ifndef LW_GEN_COMPILER_H
#define LW_GEN_COMPILER_H

#include "models/status.h"

#include <stddef.h>
#include <sys/types.h>

/* Starts the compiler with its messages going to the file `log`. */
enum lw_status lw_compiler_start(char *const *arguments, const char *log, pid_t *child,
                                 struct lw_error *error);
/* Waits for a child; on failure puts the head of its messages into the error. Removes `log`. */
enum lw_status lw_compiler_finish(pid_t child, const char *what, const char *log,
                                  struct lw_error *error);
/* Splits flags at spaces (in place) into arguments; returns how many. */
size_t lw_compiler_split(char *flags, char **arguments);

#endif
