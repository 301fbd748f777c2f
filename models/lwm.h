/* The quantised model file, .lwm version 3 (docs/MODEL_FORMAT.md): mapped, checksummed, written
 * atomically. */
#ifndef LW_MODELS_LWM_H
#define LW_MODELS_LWM_H

#include "models/status.h"
#include "models/transformer.h"

#include <stdbool.h>
#include <stddef.h>

enum { LW_LWM_VERSION = 3 };

/* Writes a quantised model. `made_by` is the command that made it, kept in the file. */
enum lw_status lw_lwm_write(const char *path, const struct lw_model *model, const char *made_by,
                            struct lw_error *error);
/* Maps a file. Checksums are verified by reading, not through the mapping, so that pages nobody
 * uses do not count as memory. LW_CORRUPT names the section at fault; LW_FAILED where the file
 * cannot be read or is of a newer version. */
enum lw_status lw_lwm_open(const char *path, struct lw_model *model, struct lw_error *error);
/* True when the file begins with the magic bytes of .lwm. False also when it cannot be read. */
bool lw_lwm_is(const char *path);

/* The command kept in the file; *made_by is malloc'ed. */
enum lw_status lw_lwm_made_by(const char *path, char **made_by, struct lw_error *error);

/* What a model takes, in bytes as written in the file. */
struct lw_size {
    size_t file_bytes;      /* the whole file */
    size_t tokenizer_bytes; /* SentencePiece models and vocabularies */
    size_t code_bytes;      /* bit planes with their padding */
    size_t scale_bytes;     /* and the bits of rows that differ */
    size_t vector_bytes;    /* biases and norms, fp32 */
    size_t weights;         /* elements of all matrices */
    /* bits a weight: (code + scale) * 8 / weights */
};
enum lw_status lw_lwm_size(const char *path, struct lw_size *size, struct lw_error *error);

/* XXH3-128 of a file's bytes as 32 hex digits and a NUL. */
enum lw_status lw_file_hash(const char *path, char hash[33], struct lw_error *error);

#endif
