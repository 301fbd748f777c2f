/* A bundle as a program of one file: kernels, weights, model and tokeniser linked with the library
 * (library/standalone/main.c), statically, for the machine of the device. */
#ifndef LW_GEN_STANDALONE_H
#define LW_GEN_STANDALONE_H

#include "gen/device.h"
#include "models/status.h"

/* The object with the library and the main function that programs for `device` are linked with:
 * beside this program, or where `make install` puts it; malloc'ed, NULL where this fails. LW_FAILED
 * where it is missing. */
enum lw_status lw_standalone_object(const struct lw_device *device, char **object,
                                    struct lw_error *error);

/* Links the bundle in `folder`, made for `device`, into the program `path`: whole or not at all.
 * LW_FAILED where that object is missing, or the libraries of the device's machine are. */
enum lw_status lw_standalone_make(const char *folder, const struct lw_device *device,
                                  const char *path, const char *made_by, struct lw_error *error);

#endif
