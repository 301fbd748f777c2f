#include "models/status.h"

#include <stdio.h>
#include <string.h>

const char *lw_status_text(enum lw_status status)
{
    static const char *const texts[] = {
        [LW_OK] = "done",
        [LW_FAILED] = "failed",
        [LW_USAGE] = "wrong usage",
        [LW_INFEASIBLE] = "constraints cannot be met",
        [LW_MISMATCH] = "a verification found a difference",
        [LW_CORRUPT] = "corrupt input",
    };
    return texts[status];
}

enum lw_status lw_fail(struct lw_error *error, enum lw_status status, const char *format, ...)
{
    if (error) {
        /* The arguments may point into error->text itself. */
        char text[sizeof error->text];
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(text, sizeof text, format, arguments);
        va_end(arguments);
        memcpy(error->text, text, strlen(text) + 1);
    }
    return status;
}

void lw_error_add(struct lw_error *error, const char *format, ...)
{
    static const char more[] = "\n...";
    if (!error)
        return;
    size_t used = strlen(error->text);
    size_t room = sizeof error->text - used;
    if (used >= sizeof more && strcmp(error->text + used - (sizeof more - 1), more) == 0)
        return;
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (strlen(line) + 1 + sizeof more < room)
        snprintf(error->text + used, room, "%s%s", used ? "\n" : "", line);
    else if (sizeof more <= room)
        memcpy(error->text + used, more, sizeof more);
}
