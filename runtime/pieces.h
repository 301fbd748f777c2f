/* Cutting text into the pieces of a SentencePiece model, and joining them. */
#ifndef LW_RUNTIME_PIECES_H
#define LW_RUNTIME_PIECES_H

#include "models/status.h"

#include <stddef.h>
#include <stdint.h>

struct lw_pieces; /* one SentencePiece model */

/* Indexes a model, which must outlive it: see lw_spm_open. */
enum lw_status lw_pieces_open(const uint8_t *model, size_t bytes, struct lw_pieces **pieces,
                              struct lw_error *error);
void lw_pieces_close(struct lw_pieces *pieces);

/* Receives one piece (not NUL-terminated, valid during the call); anything but LW_OK stops. */
typedef enum lw_status lw_take_piece(void *context, const char *piece, size_t bytes);

/* Splits valid UTF-8 text and gives each piece in order to `take`. LW_FAILED where the normalised
 * text has more than `most` bytes. */
enum lw_status lw_pieces_encode(const struct lw_pieces *pieces, const char *text, size_t bytes,
                                size_t most, lw_take_piece *take, void *context,
                                struct lw_error *error);
/* Joins NUL-terminated pieces into a malloc'ed NUL-terminated text. */
enum lw_status lw_pieces_decode(const struct lw_pieces *pieces, const char *const *list,
                                size_t count, char **text, struct lw_error *error);

#endif
