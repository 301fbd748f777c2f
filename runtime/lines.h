/* Text files as word ids, line by line. */
#ifndef LW_RUNTIME_LINES_H
#define LW_RUNTIME_LINES_H

#include "models/status.h"
#include "models/transformer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Receives the ids of one line, </s> last; a blank line has it alone. Anything but LW_OK stops. */
typedef enum lw_status lw_take_line(void *context, const int32_t *ids, size_t count,
                                    struct lw_error *error);

/* Encodes the first `most_lines` lines of a file through the model's own tokeniser: text of its
 * source side, or of its target side. LW_FAILED where the file cannot be read, LW_CORRUPT on
 * invalid UTF-8; failures name the file, and those of a line its number. */
enum lw_status lw_lines_encode(const struct lw_model *model, bool target, const char *path,
                               size_t most_lines, lw_take_line *take, void *context,
                               struct lw_error *error);

#endif
