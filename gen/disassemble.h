/* The stream of a matrix, read back: what the engine will use, step by step. */
#ifndef LW_GEN_DISASSEMBLE_H
#define LW_GEN_DISASSEMBLE_H

#include "gen/stream.h"

#include <stdio.h>

/* Reads keys and scales of a stream without static scales back and compares them with the matrix:
 * every key bit, padding included, every scale, every bias. LW_MISMATCH names the first difference
 * by part, row and column. */
enum lw_status lw_stream_check(const struct lw_stream *stream, const struct lw_image *image,
                               struct lw_error *error);
/* Prints the steps of all parts in their order, a line for each row of a step: the T keys, one
 * hexadecimal number each; then, for each row, its bias and scales. */
void lw_stream_print(const struct lw_stream *stream, const struct lw_image *image, FILE *out);

#endif
