/* How every library function of Lutwidge reports failure: a status, and a text that names the file,
 * tensor or row at fault. The values are the exit codes of the program. */
#ifndef LW_MODELS_STATUS_H
#define LW_MODELS_STATUS_H

#include <stdarg.h>
#include <stddef.h>

enum lw_status {
    LW_OK = 0,
    LW_FAILED = 1,     /* could not be done: no memory, no disk, a tool is missing */
    LW_USAGE = 2,      /* the request itself is wrong */
    LW_INFEASIBLE = 3, /* constraints cannot be met */
    LW_MISMATCH = 4,   /* a verification found a difference */
    LW_CORRUPT = 5,    /* the input is damaged or not what it claims to be */
};

/* What a status means, "wrong usage": for help texts and manual pages. */
const char *lw_status_text(enum lw_status status);

/* Zero-initialise. Holds one line, or one line a reason where several are found at once. */
struct lw_error {
    char text[8192];
};

/* Replaces the text (printf format) and returns `status`, so that callers write `return
 * lw_fail(...)`. `error` may be NULL. */
enum lw_status lw_fail(struct lw_error *error, enum lw_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Appends one line to the text; what does not fit is replaced by a final "..." line. */
void lw_error_add(struct lw_error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
