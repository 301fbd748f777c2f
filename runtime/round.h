/* Rounding of vectors to int8, as classes a8 and t8 define it (docs/NUMBERS.md). */
#ifndef LW_RUNTIME_ROUND_H
#define LW_RUNTIME_ROUND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Rounds count values by their largest magnitude t and gives the step t / 127, or 0 (and zeros)
 * where 127 / t is not finite. False where a value is not finite. */
bool lw_round_int8(const float *values, size_t count, int8_t *entries, float *step);

#endif
