/* The folder of a bundle while it is made: filled beside its place, there whole or not at all. */
#ifndef LW_GEN_BUNDLE_PLACE_H
#define LW_GEN_BUNDLE_PLACE_H

#include "models/status.h"

struct lw_place {
    char *folder;  /* where the bundle will be */
    char *partial; /* where it is filled: FOLDER.partial-XXXXXX */
    int lock;      /* flock of the partial folder, which ends with the process; -1: none */
};

/* Makes the partial folder, empty. LW_USAGE where anything but an empty folder or a bundle stands
 * at `folder`. */
enum lw_status lw_place_open(const char *folder, struct lw_place *place, struct lw_error *error);
/* Puts the partial folder in its place, in exchange for the bundle that is there, and frees
 * `place`. On failure removes the partial folder and leaves the old bundle. */
enum lw_status lw_place_commit(struct lw_place *place, struct lw_error *error);
/* Removes the partial folder and frees `place`. */
void lw_place_abort(struct lw_place *place);

#endif
