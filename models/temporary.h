/* Files and folders that are there for a while only: gone when they are done with, and when a
 * signal ends the program. */
#ifndef LW_MODELS_TEMPORARY_H
#define LW_MODELS_TEMPORARY_H

#include "models/status.h"

#include <stdbool.h>
#include <stddef.h>

/* Makes a folder of a new name that begins with `name` and '-', in `parent`, or in TMPDIR or else
 * /tmp where that is NULL. *path is malloc'ed; NULL where this fails. */
enum lw_status lw_temporary_folder(const char *parent, const char *name, char **path,
                                   struct lw_error *error);
/* Removes it with all that is in it, and frees the path. Does nothing with NULL. */
void lw_temporary_close(char *path);

/* Paths of files and folders that are to be gone where a signal ends the program. False where the
 * path is too long, or too many are remembered. */
enum { LW_TEMPORARIES = 16 };
bool lw_temporary_remember(const char *path);
void lw_temporary_forget(const char *path);
/* One of LW_TEMPORARIES, or NULL; async-signal-safe. */
const char *lw_temporary_at(size_t i);
/* Removes what is remembered; async-signal-safe, for use in a handler of SIGINT. */
void lw_temporary_remove_all(void);

/* Removes any folder with all that is in it; links are removed, not followed. */
void lw_folder_remove(const char *folder);

#endif
