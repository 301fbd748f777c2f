/* Nested planes in `lutwidge inspect`. */
#ifndef LW_CLI_INSPECT_NESTED_H
#define LW_CLI_INSPECT_NESTED_H

#include "models/nested.h"

#include <jansson.h>

/* Prints some ten prefixes from the smallest to the largest: bytes, and bits by kind of matrix. */
enum lw_status cli_inspect_nested(const struct lw_nested *nested, struct lw_error *error);
/* The same as an array of objects. */
enum lw_status cli_inspect_nested_json(const struct lw_nested *nested, json_t **prefixes,
                                       struct lw_error *error);

#endif
