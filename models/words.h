/* Bits for each word of an embedding or output matrix, and how often words occur.
 *
 * Tables of words are text: one line that says what it is, then a line a word, in any order, every
 * word once:
 *
 *   # lutwidge word counts by id        or "by piece": the key is the word's SentencePiece piece
 *   0<TAB>7215
 *   1<TAB>40
 *
 * A list of bits (LW_WORDS_LIST) is the same with "word bits by id". */
#ifndef LW_MODELS_WORDS_H
#define LW_MODELS_WORDS_H

#include "models/plan.h"
#include "models/status.h"

#include <stddef.h>
#include <stdint.h>

/* How often each word was seen; a word never seen has 0. */
struct lw_frequencies {
    size_t word_count;
    uint64_t *counts; /* [word_count], each at most INT64_MAX when read from a file */
};

/* All counts 0. LW_FAILED when out of memory. */
enum lw_status lw_frequencies_init(struct lw_frequencies *frequencies, size_t word_count,
                                   struct lw_error *error);
void lw_frequencies_free(struct lw_frequencies *frequencies);
/* Counts n words of a text. LW_USAGE, with nothing counted, where an id is no word. */
enum lw_status lw_frequencies_add(struct lw_frequencies *frequencies, const int32_t *ids, size_t n,
                                  struct lw_error *error);

/* The pieces of a vocabulary by id, each ended by a NUL byte: lw_tokenizer_data.source_words or
 * target_words. */
struct lw_word_list {
    const uint8_t *text;
    size_t bytes;
};

/* Writes a table by id, or by piece where `pieces` is not NULL. LW_CORRUPT where the pieces are not
 * as many as the words or one holds a line break. */
enum lw_status lw_frequencies_write(const char *path, const struct lw_frequencies *frequencies,
                                    const struct lw_word_list *pieces, struct lw_error *error);
/* Reads a table of word_count words into new frequencies. `pieces` may be NULL: then a table by
 * piece is refused. LW_FAILED where the file cannot be read; LW_CORRUPT, with the line, for
 * anything that is not such a table. On failure *frequencies is zeroed. */
enum lw_status lw_frequencies_read(const char *path, const struct lw_word_list *pieces,
                                   size_t word_count, struct lw_frequencies *frequencies,
                                   struct lw_error *error);

/* Fills bits[word_count], a row's number of planes each. Words are taken in falling frequency, of
 * equally frequent ones the lower id first; the ends of clusters and shares are rounded to whole
 * words. counts[word_count] may be NULL where the choice does not need them (see
 * lw_words_need_counts). LW_USAGE where counts are missing or steps ask for more words than there
 * are; a list fails like a table. */
enum lw_status lw_words_bits(const struct lw_plan *plan, const struct lw_choice *choice,
                             const uint64_t *counts, size_t word_count, uint8_t *bits,
                             struct lw_error *error);
/* True for clusters and thresholds. */
bool lw_words_need_counts(const struct lw_choice *choice);

#endif
