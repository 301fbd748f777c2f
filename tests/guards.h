/* Operands of kernels between pages without access, so that a read or a write outside of them ends
 * the test. */
#ifndef LW_TESTS_GUARDS_H
#define LW_TESTS_GUARDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct guarded {
    uint8_t *data; /* ends where a page without access begins */
    size_t bytes;
    uint8_t *pages;
    size_t mapped;
};

/* A copy of `from`, or bytes of 0xff (NaN as floats) where it is NULL. */
struct guarded guarded_make(const void *from, size_t bytes);
/* From now on a write ends the test. */
void guarded_read_only(struct guarded *g);
/* Whether the bytes between the page before and the operand are as they were. */
bool guarded_untouched(const struct guarded *g);
void guarded_free(struct guarded *g);

#endif
