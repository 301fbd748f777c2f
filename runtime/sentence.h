/* A sentence on its way from text to text. */
#ifndef LW_RUNTIME_SENTENCE_H
#define LW_RUNTIME_SENTENCE_H

#include "models/status.h"
#include "runtime/tokenizer.h"
#include "runtime/translator.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lw_translation {
    char *text;  /* NUL-terminated */
    float score; /* as that of struct lw_hypothesis */
};

/* Zero-initialise; lw_sentence_clear frees what it owns. */
struct lw_sentence {
    int32_t *ids; /* its words; NULL: blank, or refused */
    size_t count;
    struct lw_translation *list; /* [translations], best first */
    size_t translations;         /* 0: not translated */
    size_t words;                /* of the best, </s> included */
    size_t listed;               /* that a shortlist left it; 0: all, or not translated */
    enum lw_status status;
    bool stopped; /* before it was finished */
    char *error;  /* why it is refused; NULL also where there was no memory for it */
};

/* Makes words of UTF-8 text; a blank text is translated at once, into an empty one of score 0.
 * status: LW_CORRUPT where it is no UTF-8, LW_FAILED when out of memory or where it has
 * more than lw_tokenizer_most_bytes. */
void lw_sentence_read(struct lw_sentence *sentence, const struct lw_tokenizer *tokenizer,
                      const char *text, size_t bytes);
/* Takes the outcome of request `i` of the translator's last call: at most `most` translations, or
 * its error. A text too long for the model is LW_FAILED. */
void lw_sentence_take(struct lw_sentence *sentence, const struct lw_tokenizer *tokenizer,
                      struct lw_translator *translator, size_t i, const struct lw_request *request,
                      size_t most);
void lw_sentence_clear(struct lw_sentence *sentence);

/* Why it has no translation, in words. */
const char *lw_sentence_error(const struct lw_sentence *sentence);

#endif
