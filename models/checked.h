/* Size arithmetic on outside data. Each function returns false on overflow and leaves *out
 * untouched. */
#ifndef LW_MODELS_CHECKED_H
#define LW_MODELS_CHECKED_H

#include <stdbool.h>
#include <stddef.h>

static inline bool lw_checked_add(size_t a, size_t b, size_t *out)
{
    size_t sum;
    if (__builtin_add_overflow(a, b, &sum))
        return false;
    *out = sum;
    return true;
}

static inline bool lw_checked_mul(size_t a, size_t b, size_t *out)
{
    size_t product;
    if (__builtin_mul_overflow(a, b, &product))
        return false;
    *out = product;
    return true;
}

#endif
