/* UTF-8 text: reading and checking it, and white space. */
#ifndef LW_RUNTIME_TEXT_H
#define LW_RUNTIME_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads the first code point of a text of 1 byte or more; gives the bytes that it takes, or 0 where
 * they are not valid UTF-8 (overlong forms, surrogates, above U+10FFFF). */
size_t lw_text_next(const char *text, size_t bytes, uint32_t *point);
/* True where text is valid UTF-8; otherwise *offset is the byte where the first invalid sequence
 * begins. */
bool lw_text_is_valid(const char *text, size_t bytes, size_t *offset);

/* White space as Python's str.split() and str.strip() see it: what Unicode calls White_Space, and
 * U+001C to U+001F. */
bool lw_text_is_space(uint32_t point);
/* Narrows [*text, *text + *bytes) by the white space at both ends. */
void lw_text_trim(const char **text, size_t *bytes);

#endif
