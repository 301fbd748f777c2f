/* A parallel text as word ids: what losses are measured and models calibrated on. */
#ifndef LW_RUNTIME_PAIRS_H
#define LW_RUNTIME_PAIRS_H

#include "models/status.h"
#include "models/transformer.h"

#include <stddef.h>
#include <stdint.h>

/* One pair; both sides end with </s>. */
struct lw_pair {
    const int32_t *source, *target;
    size_t source_count, target_count;
    size_t line; /* of the files, from 0 */
};

struct lw_pairs {
    size_t count;
    struct lw_pair *pairs;
    size_t skipped; /* lines left out: a side is blank, or too long for the model */
    int32_t *ids;   /* what the pairs point into */
};

/* Reads the first `most_lines` lines of two files, encoded through the model's own tokeniser.
 * LW_CORRUPT where one file has fewer lines than the other within these, LW_FAILED where a file
 * cannot be read; both name it. LW_CORRUPT, too, where no pair is left. */
enum lw_status lw_pairs_read(const struct lw_model *model, const char *source_path,
                             const char *target_path, size_t most_lines, struct lw_pairs *pairs,
                             struct lw_error *error);
/* Safe on zeroed pairs. */
void lw_pairs_free(struct lw_pairs *pairs);

#endif
