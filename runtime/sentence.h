/* From text to text: what the program and the library do with one sentence. */
#ifndef LW_RUNTIME_SENTENCE_H
#define LW_RUNTIME_SENTENCE_H

#include "models/status.h"
#include "runtime/tokenizer.h"
#include "runtime/translator.h"

#include <stddef.h>

struct lw_translation {
    char *text;  /* malloc'ed, NUL-terminated; freed by the caller */
    float score; /* as that of struct lw_hypothesis */
};

/* Translates UTF-8 text into at most `most` translations (1 or more), best first; a blank text
 * gives an empty one of score 0. *count is set, and 0 on failure. LW_CORRUPT where the text is no
 * UTF-8; LW_FAILED where it is too long for the model, the watch stopped it, or memory is out. */
enum lw_status lw_translate_text(const struct lw_tokenizer *tokenizer,
                                 struct lw_translator *translator, const char *text, size_t bytes,
                                 size_t most, struct lw_translation *list, size_t *count,
                                 struct lw_error *error);

#endif
