/* The same bytes whatever rounding mode, flushing of denormals and traps the calling thread has. */
#ifndef LW_RUNTIME_ROUNDING_H
#define LW_RUNTIME_ROUNDING_H

#include <fenv.h>

/* From here the thread computes as C programs do at first: to nearest, with denormals. What it had
 * goes to *callers, for lw_rounding_end. May nest. */
void lw_rounding_begin(fenv_t *callers);
/* All as it was, flags of exceptions included. */
void lw_rounding_end(const fenv_t *callers);

#endif
