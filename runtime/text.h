/* UTF-8 text: checking it, and trimming white space. */
#ifndef LW_RUNTIME_TEXT_H
#define LW_RUNTIME_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* True where text is valid UTF-8 (no overlong forms, no surrogates, at most U+10FFFF); otherwise
 * *offset is the byte where the first invalid sequence begins. */
bool lw_text_is_valid(const char *text, size_t bytes, size_t *offset);

/* Narrows [*text, *text + *bytes) by the white space at both ends: what Unicode calls
 * White_Space, and U+001C to U+001F. */
void lw_text_trim(const char **text, size_t *bytes);

#endif
