/* Text to word ids and back, as Hugging Face's MarianTokenizer does it: SentencePiece pieces looked
 * up in the model's own vocabulary. */
#ifndef LW_RUNTIME_TOKENIZER_H
#define LW_RUNTIME_TOKENIZER_H

#include "models/status.h"
#include "models/transformer.h"

#include <stddef.h>
#include <stdint.h>

struct lw_tokenizer;

/* Copies nothing of the vocabularies: `data` must outlive the tokeniser. LW_CORRUPT where a
 * SentencePiece model cannot be parsed. */
enum lw_status lw_tokenizer_open(const struct lw_tokenizer_data *data,
                                 const struct lw_config *config, struct lw_tokenizer **tokenizer,
                                 struct lw_error *error);
void lw_tokenizer_close(struct lw_tokenizer *tokenizer);

/* How long a text may be to be worth encoding for a translation, as it is and normalised: so many
 * bytes for each position of the model. Encoding takes LW_ENCODING_TIMES the bytes of the
 * normalised text, for the time that it lasts. */
enum { LW_BYTES_A_POSITION = 64, LW_ENCODING_TIMES = 20 };
size_t lw_tokenizer_most_bytes(const struct lw_tokenizer *tokenizer);

/* Encodes one line (UTF-8, no newline needed at its end, outer white space ignored) into word ids,
 * </s> last. A leading ">>xx<<" becomes one word, as models with several target languages expect.
 * *ids is malloc'ed, freed by the caller. LW_CORRUPT on invalid UTF-8 (the text names the byte
 * offset), LW_FAILED where the text has more than `most` bytes (SIZE_MAX: any). */
enum lw_status lw_tokenizer_encode(const struct lw_tokenizer *tokenizer, const char *text,
                                   size_t bytes, size_t most, int32_t **ids, size_t *count,
                                   struct lw_error *error);
/* Decodes target ids into a NUL-terminated malloc'ed string; <unk>, </s> and <pad> are dropped. */
enum lw_status lw_tokenizer_decode(const struct lw_tokenizer *tokenizer, const int32_t *ids,
                                   size_t count, char **text, struct lw_error *error);

#endif
