/* Translation: encoder, decoder with key/value cache, greedy and beam search, of one line or
 * of several together. */
#ifndef LW_RUNTIME_TRANSLATOR_H
#define LW_RUNTIME_TRANSLATOR_H

#include "models/status.h"
#include "models/transformer.h"
#include "runtime/backend.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lw_search {
    size_t beams;      /* 1: greedy */
    size_t max_length; /* longest target in words, its start word included */
    float length_penalty;
    bool early_stopping;
};

struct lw_hypothesis {
    int32_t *words; /* generated words, </s> last where it was reached; owned by the translator,
                       valid until its next call */
    size_t count;
    float score; /* beam search: sum of log probabilities / length ^ length_penalty; greedy: the sum
                  */
};

struct lw_translator;
struct lw_shortlist;

/* Borrows the model and the backend. All memory for the given limits is taken here. LW_USAGE where
 * they do not fit the model: 1 to 255 beams (more than one needs a vocabulary of twice as many
 * words), max_length from 2 to positions + 1. */
enum lw_status lw_translator_open(const struct lw_model *model, const struct lw_backend *backend,
                                  const struct lw_search *search, struct lw_translator **translator,
                                  struct lw_error *error);
/* The same for up to `lines` lines together, 1 to 1,024. */
enum lw_status lw_translator_open_batch(const struct lw_model *model,
                                        const struct lw_backend *backend,
                                        const struct lw_search *search, size_t lines,
                                        struct lw_translator **translator, struct lw_error *error);
void lw_translator_close(struct lw_translator *translator);
/* From now on each line is translated with the words that a shortlist gives for its source, and
 * probabilities are of these alone. Borrows the shortlist, of the same model. Once, before the
 * first line. LW_USAGE where the backend has no products of chosen rows. */
enum lw_status lw_translator_restrict(struct lw_translator *translator,
                                      const struct lw_shortlist *shortlist, struct lw_error *error);

/* Bytes that lw_translator_open_batch would take. LW_USAGE as there; LW_FAILED where they overflow.
 */
enum lw_status lw_translator_measure(const struct lw_model *model, const struct lw_search *search,
                                     size_t lines, size_t *bytes, struct lw_error *error);

/* Asked before each layer of the encoder, with no words, and after each step of the search for each
 * line that took part, with the number of its request and the words of its best beam, or of its
 * best hypothesis where that ended it. (A step that fails for lines together is done again line by
 * line, from the first word.) Where go_on gives false the call ends: what is not finished has
 * LW_FAILED. */
struct lw_token_watch {
    bool (*go_on)(void *context, size_t request, const int32_t *words, size_t count);
    void *context;
};
/* Copies the watch; NULL ends it. */
void lw_translator_watch(struct lw_translator *translator, const struct lw_token_watch *watch);

/* Translates `count` source ids (</s> included). LW_USAGE where count is 0 or exceeds the model's
 * positions or an id is outside the vocabulary; LW_FAILED where logits are not finite. */
enum lw_status lw_translate(struct lw_translator *translator, const int32_t *source, size_t count,
                            struct lw_hypothesis *best, struct lw_error *error);

/* One line of a batch. */
struct lw_request {
    const int32_t *source; /* </s> included */
    size_t count;
    enum lw_status status; /* what lw_translate would return, and leave in error and best */
    struct lw_error error;
    struct lw_hypothesis best; /* valid until the translator's next call */
    size_t listed;             /* words that the shortlist left; 0: there is none */
};

/* Translates up to as many lines together as the translator was opened for: each gets the bytes
 * that it gets alone. Lines of like length waste least. */
void lw_translate_batch(struct lw_translator *translator, struct lw_request *jobs, size_t count);

/* How many hypotheses a request of the last call that succeeded has: 1, or with several beams at
 * most as many. lw_translate has the request 0. */
size_t lw_translator_hypotheses(const struct lw_translator *translator, size_t request);
/* One of them; 0 is the best. Its words take the place of those given before for this request. */
void lw_translator_hypothesis(struct lw_translator *translator, size_t request, size_t i,
                              struct lw_hypothesis *hypothesis);

/* The pieces of a translation, for tests and measurements. */

/* Runs the encoder; the output [count][d_model] is owned by the translator, valid until its next
 * call. */
enum lw_status lw_encode(struct lw_translator *translator, const int32_t *source, size_t count,
                         const float **output, struct lw_error *error);
/* One decoder step after lw_encode: words[n] at `position` for the first n beams; logits
 * [n][target_words] owned by the translator. Positions must come in order from 0. */
enum lw_status lw_decode_step(struct lw_translator *translator, const int32_t *words, size_t n,
                              size_t position, const float **logits, struct lw_error *error);

#endif
