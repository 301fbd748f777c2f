/* The quantised model file, .lwm version 3 (docs/MODEL_FORMAT.md): mapped, checksummed, written
 * atomically. */
#ifndef LW_MODELS_LWM_H
#define LW_MODELS_LWM_H

#include "models/file.h"
#include "models/nested.h"
#include "models/status.h"
#include "models/transformer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LW_LWM_VERSION = 3 };

/* Writes a quantised model. `made_by` is the command that made it, kept in the file. */
enum lw_status lw_lwm_write(const char *path, const struct lw_model *model, const char *made_by,
                            struct lw_error *error);
/* The same for nested planes; an ordinary model (no chunks) gives the same file as above. */
enum lw_status lw_lwm_write_nested(const char *path, const struct lw_nested *nested,
                                   const char *made_by, struct lw_error *error);
/* Maps a file. Checksums are verified a window at a time, which is let go, so that pages nobody
 * uses do not count as memory. LW_CORRUPT names the section at fault; LW_FAILED where the file
 * cannot be read or is of a newer version. Of a file of nested planes all are loaded, into memory
 * of their own. */
enum lw_status lw_lwm_open(const char *path, struct lw_model *model, struct lw_error *error);
/* The same of bytes that are there already, which must outlive the model; NULL: map the file. */
enum lw_status lw_lwm_open_bytes(const char *name, const struct lw_mapping *bytes,
                                 struct lw_model *model, struct lw_error *error);
/* The same without loading nested planes; an ordinary file gives a model and no chunks. */
enum lw_status lw_lwm_open_nested(const char *path, struct lw_nested *nested,
                                  struct lw_error *error);
/* True when the file begins with the magic bytes of .lwm. False also when it cannot be read. */
bool lw_lwm_is(const char *path);

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
/* Of a model as lw_lwm_write would write it. The data of its codes, its vectors and its tokeniser
 * is not looked at and may be absent. */
enum lw_status lw_lwm_measure(const struct lw_model *model, const char *made_by,
                              struct lw_size *size, struct lw_error *error);
enum lw_status lw_lwm_size(const char *path, struct lw_size *size, struct lw_error *error);

/* XXH3-128 of mapped bytes, or of those of a file, as 32 hex digits and a NUL. What was mapped is
 * read in at once, and let go unless it `stays`; false where it cannot be read (errno says why). */
bool lw_mapping_hash(const struct lw_mapping *mapping, bool stays, char hash[33]);
enum lw_status lw_file_hash(const char *path, char hash[33], struct lw_error *error);
/* The same of a text. */
void lw_text_hash(const char *text, char hash[33]);

#endif
