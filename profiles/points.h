/* A line of text as code points, and how BLEU and chrF cut it (sacreBLEU's reading of both). */
#ifndef LW_PROFILES_POINTS_H
#define LW_PROFILES_POINTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zero-initialise; freed by lw_points_free. */
struct lw_points {
    uint32_t *points;
    size_t count, capacity;
};

/* Decodes valid UTF-8 (lw_text_is_valid in runtime/text.h). False when out of memory. */
bool lw_points_decode(struct lw_points *text, const char *utf8, size_t bytes);
void lw_points_free(struct lw_points *text);

/* Removes all white space (lw_text_is_space). */
void lw_points_squeeze(struct lw_points *text);
/* The 13a tokeniser of mteval: afterwards words stand between white space. False when out of
 * memory. */
bool lw_points_tokenize_13a(struct lw_points *text);

#endif
