/* The memory that translating takes, as a process of its own has it. */
#ifndef LW_PROFILES_PEAK_H
#define LW_PROFILES_PEAK_H

#include "models/status.h"

#include <stddef.h>

struct lw_peak_text {
    const char *program; /* lutwidge itself; NULL: nothing is measured */
    const char *source;  /* a text, of which the first `lines` are translated, greedily */
    size_t lines;
};

/* Runs `program translate` with a model or bundle and gives its largest resident set. Its messages
 * and its figures go to files in `folder`. LW_FAILED where it cannot be run or leaves no figures,
 * with what it said. */
enum lw_status lw_peak_measure(const struct lw_peak_text *text, const char *model,
                               const char *folder, double *bytes, struct lw_error *error);

#endif
