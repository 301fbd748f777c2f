/* Weights are mapped, and what is resident of them can be let go at any time: they come back when
 * they are read again, 64 KB with each fault. */
#include "gen/weights.h"

#include "models/lwm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A window at a time, of which nothing stays where weights are let go later. */
enum lw_status lw_weights_check(const char *path, struct lw_bundle *bundle, struct lw_error *error)
{
    const struct lw_mapping *weights = &bundle->weights;
    char hash[33];
    if (weights->size > LW_WEIGHTS_KEPT && !(bundle->readers = calloc(1, sizeof *bundle->readers)))
        return lw_fail(error, LW_FAILED, "out of memory");
    if (!lw_mapping_hash(weights, !bundle->readers, hash))
        return lw_fail(error, LW_FAILED, "cannot read %s: %s", path, strerror(errno));
    return strcmp(bundle->weights_hash, hash) == 0
               ? LW_OK
               : lw_fail(error, LW_CORRUPT, "%s does not match its hash in the manifest", path);
}

void lw_bundle_hold(const struct lw_bundle *bundle)
{
    if (bundle->readers)
        atomic_fetch_add(bundle->readers, 1);
}

void lw_bundle_drop(const struct lw_bundle *bundle)
{
    if (bundle->readers)
        atomic_fetch_sub(bundle->readers, 1);
}

void lw_bundle_let_go(const struct lw_bundle *bundle)
{
    if (bundle->readers && atomic_load(bundle->readers) == 1)
        lw_forget_mapped(&bundle->weights);
}
