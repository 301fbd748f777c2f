/* Opening and closing a model of the library many times over. */
#ifndef LW_TESTS_CYCLES_H
#define LW_TESTS_CYCLES_H

#include <stddef.h>

/* Opens the bundle, translates, closes, `cycles` times, and fails where descriptors, mappings or
 * memory grow with it. (Under AddressSanitizer a part of them: its own check finds what leaks.) */
void check_cycles(const char *path, size_t cycles);

#endif
