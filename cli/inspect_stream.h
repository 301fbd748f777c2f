/* The stream that an engine reads for a matrix. */
#ifndef LW_CLI_INSPECT_STREAM_H
#define LW_CLI_INSPECT_STREAM_H

#include "models/status.h"
#include "models/transformer.h"

/* Makes the stream, checks it and prints it; `parameters` of the engine may be NULL. LW_USAGE for
 * an unknown matrix, or one that the engine cannot hold. */
enum lw_status cli_inspect_stream(const struct lw_model *model, const char *matrix,
                                  const char *parameters, struct lw_error *error);

#endif
