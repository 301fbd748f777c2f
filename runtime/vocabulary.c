#include "runtime/vocabulary.h"
#include "models/hash.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Where a word is, or where it would be put. */
static uint32_t *slot(const struct lw_vocabulary *v, const char *word, size_t bytes)
{
    size_t at = XXH3_64bits(word, bytes) & v->table_mask;
    for (; v->table[at]; at = (at + 1) & v->table_mask) {
        const char *other = lw_vocabulary_word(v, v->table[at] - 1);
        if (strlen(other) == bytes && memcmp(other, word, bytes) == 0)
            break;
    }
    return &v->table[at];
}

/* False where there are not exactly `count` words. */
static bool index_words(struct lw_vocabulary *v, size_t size)
{
    size_t at = 0;
    for (size_t id = 0; id < v->count; id++) {
        const char *end = at < size ? memchr(v->bytes + at, '\0', size - at) : NULL;
        if (!end)
            return false;
        v->starts[id] = (uint32_t)at;
        uint32_t *free_slot = slot(v, v->bytes + at, (size_t)(end - v->bytes) - at);
        if (!*free_slot)
            *free_slot = (uint32_t)id + 1;
        at = (size_t)(end - v->bytes) + 1;
    }
    return at == size;
}

enum lw_status lw_vocabulary_open(const uint8_t *bytes, size_t size, size_t count,
                                  struct lw_vocabulary *vocabulary, struct lw_error *error)
{
    /* every word takes at least its NUL, so the sizes below cannot overflow */
    if (count > size || size > UINT32_MAX)
        return lw_fail(error, LW_CORRUPT, "the vocabulary does not hold %zu words", count);
    size_t room = 16;
    while (room < 2 * count)
        room *= 2;
    *vocabulary = (struct lw_vocabulary){
        .bytes = (const char *)bytes,
        .count = count,
        .starts = malloc((count ? count : 1) * sizeof *vocabulary->starts),
        .table = calloc(room, sizeof *vocabulary->table),
        .table_mask = room - 1,
    };
    enum lw_status status = LW_OK;
    if (!vocabulary->starts || !vocabulary->table)
        status = lw_fail(error, LW_FAILED, "out of memory for the vocabulary");
    else if (!index_words(vocabulary, size))
        status =
            lw_fail(error, LW_CORRUPT, "the vocabulary does not hold exactly %zu words", count);
    if (status != LW_OK)
        lw_vocabulary_close(vocabulary);
    return status;
}

void lw_vocabulary_close(struct lw_vocabulary *vocabulary)
{
    free(vocabulary->starts);
    free(vocabulary->table);
    *vocabulary = (struct lw_vocabulary){0};
}

int32_t lw_vocabulary_find(const struct lw_vocabulary *vocabulary, const char *word, size_t bytes)
{
    return (int32_t)*slot(vocabulary, word, bytes) - 1;
}

const char *lw_vocabulary_word(const struct lw_vocabulary *vocabulary, size_t id)
{
    return vocabulary->bytes + vocabulary->starts[id];
}
