/* The words of a vocabulary by id, and ids by word. */
#ifndef LW_RUNTIME_VOCABULARY_H
#define LW_RUNTIME_VOCABULARY_H

#include "models/status.h"

#include <stddef.h>
#include <stdint.h>

struct lw_vocabulary {
    const char *bytes; /* the words one after the other, each ended by a NUL; borrowed */
    size_t count;
    uint32_t *starts;  /* [count], offsets into bytes */
    uint32_t *table;   /* open addressing: id + 1, or 0 where empty */
    size_t table_mask; /* size of the table - 1; the size is a power of two */
};

/* LW_CORRUPT where the bytes do not hold exactly `count` words. */
enum lw_status lw_vocabulary_open(const uint8_t *bytes, size_t size, size_t count,
                                  struct lw_vocabulary *vocabulary, struct lw_error *error);
void lw_vocabulary_close(struct lw_vocabulary *vocabulary);

/* The id of a word (not NUL-terminated), or -1. */
int32_t lw_vocabulary_find(const struct lw_vocabulary *vocabulary, const char *word, size_t bytes);
/* The word of an id below count. */
const char *lw_vocabulary_word(const struct lw_vocabulary *vocabulary, size_t id);

#endif
