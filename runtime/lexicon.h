/* Which target words translate a source word: IBM Model 1 (Brown et al., 1993) over the pieces of a
 * parallel text. */
#ifndef LW_RUNTIME_LEXICON_H
#define LW_RUNTIME_LEXICON_H

#include "models/status.h"
#include "runtime/pairs.h"

#include <stddef.h>
#include <stdint.h>

/* Words that stand in one pair of lines at least. */
struct lw_lexicon_cell {
    uint32_t source, target;
    float probability; /* of the target word, given the source word */
};

struct lw_lexicon {
    struct lw_lexicon_cell *cells; /* by source, the most probable first */
    size_t count, room;
    double *frequencies; /* [target_words], of all words of the target text: their share */
};

/* `rounds` of expectation maximisation from equal probabilities, at least 1; each source has an
 * empty word besides, and </s> is left out. The sums have one order: one text gives one lexicon.
 * LW_FAILED: out of memory, or more than 2^28 different pairs of words. */
enum lw_status lw_lexicon_make(const struct lw_pairs *pairs, size_t source_words,
                               size_t target_words, size_t rounds, struct lw_lexicon *lexicon,
                               struct lw_error *error);
/* Safe on a zeroed one. */
void lw_lexicon_free(struct lw_lexicon *lexicon);

#endif
