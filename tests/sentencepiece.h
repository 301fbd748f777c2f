/* The SentencePiece library behind a C interface, for comparison; no exception passes it. */
#ifndef LW_TESTS_SENTENCEPIECE_H
#define LW_TESTS_SENTENCEPIECE_H

#ifdef __cplusplus
extern "C" {
#endif

#include "models/status.h"

#include <stddef.h>
#include <stdint.h>

struct sentencepiece_model;

/* As the functions of runtime/pieces.h. */
enum lw_status sentencepiece_open(const uint8_t *model, size_t bytes,
                                  struct sentencepiece_model **pieces, struct lw_error *error);
void sentencepiece_close(struct sentencepiece_model *pieces);
typedef enum lw_status sentencepiece_take(void *context, const char *piece, size_t bytes);
enum lw_status sentencepiece_encode(const struct sentencepiece_model *pieces, const char *text,
                                    size_t bytes, sentencepiece_take *take, void *context,
                                    struct lw_error *error);
enum lw_status sentencepiece_decode(const struct sentencepiece_model *pieces,
                                    const char *const *list, size_t count, char **text,
                                    struct lw_error *error);

#ifdef __cplusplus
}
#endif

#endif
