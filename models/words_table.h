/* Private to models/words*.c: text tables that give every word a number (models/words.h). */
#ifndef LW_MODELS_WORDS_TABLE_H
#define LW_MODELS_WORDS_TABLE_H

#include "models/words.h"

/* Reads "# lutwidge word KIND by id" or "... by piece" into values[word_count], each in
 * [least, most]. */
enum lw_status words_table_read(const char *path, const char *kind,
                                const struct lw_word_list *pieces, size_t word_count,
                                uint64_t least, uint64_t most, uint64_t *values,
                                struct lw_error *error);
enum lw_status words_table_write(const char *path, const char *kind,
                                 const struct lw_word_list *pieces, size_t word_count,
                                 const uint64_t *values, struct lw_error *error);

#endif
