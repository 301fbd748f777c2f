/* The text normalisation of SentencePiece: rules of characters, and what it does with spaces. */
#ifndef LW_RUNTIME_NORMALISER_H
#define LW_RUNTIME_NORMALISER_H

#include "models/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lw_text_rules {
    const uint8_t *trie; /* double array of darts-clone, `units` words of 32 bits, unaligned */
    size_t units;        /* 0: there are no rules */
    const char *texts;   /* what rules give, NUL-terminated, by their values */
    size_t texts_bytes;
    bool dummy_prefix, remove_extra, escape; /* white space */
    bool space_as_suffix;
};

/* Text taking shape; freed by the caller. */
struct lw_buffer {
    char *bytes;
    size_t count, room;
    bool failed; /* out of memory: what was appended since is not there */
};

void lw_buffer_append(struct lw_buffer *buffer, const char *bytes, size_t count);

/* Points the rules into a precompiled map of characters, which must outlive them. LW_CORRUPT where
 * it is not one. */
enum lw_status lw_normaliser_read(const uint8_t *map, size_t bytes, struct lw_text_rules *rules,
                                  struct lw_error *error);

/* How many bytes at the start of a text stand for themselves, 0: none. */
typedef size_t lw_take_literal(const void *context, const char *text, size_t bytes);

/* Appends the normalised text (valid UTF-8). `literal` may be NULL. */
void lw_normalise(const struct lw_text_rules *rules, lw_take_literal *literal, const void *context,
                  const char *text, size_t bytes, struct lw_buffer *out);

/* U+2581, which stands for a space. */
extern const char lw_space_symbol[4];

#endif
