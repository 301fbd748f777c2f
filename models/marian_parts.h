/* What the files of the Marian import share; private to them. */
#ifndef LW_MODELS_MARIAN_PARTS_H
#define LW_MODELS_MARIAN_PARTS_H

#include "models/status.h"
#include "models/transformer.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* The reasons to refuse a folder, collected while reading goes on. The first one makes the status.
 */
struct lw_refusal {
    enum lw_status status; /* LW_OK while there is no reason */
    struct lw_error *error;
};

/* Adds one line, which names the file at fault. */
void lw_refuse(struct lw_refusal *refusal, enum lw_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Adds every line of another error. */
void lw_refuse_lines(struct lw_refusal *refusal, enum lw_status status, struct lw_error *lines);

/* The JSON object in a file; NULL when refused. The caller gives it back with json_decref. */
json_t *lw_marian_json(const char *path, struct lw_refusal *refusal);

/* Reads the settings. generation_path may be NULL. config->bad_words is the caller's to free. */
void lw_marian_read_config(const char *config_path, const char *generation_path,
                           struct lw_config *config, struct lw_refusal *refusal);

/* Pieces in the order of their ids, each ended by a NUL byte. */
struct lw_words {
    char *text; /* malloc'ed; NULL when refused */
    size_t bytes;
    size_t count;
};
void lw_marian_read_words(const char *path, struct lw_words *words, struct lw_refusal *refusal);

/* Fills every matrix and vector of a laid out model from model.safetensors. Gives the memory that
 * they then point into, malloc'ed: all matrices in their order, then the vectors. NULL when refused
 * before any value was read. */
float *lw_marian_read_tensors(const char *path, struct lw_model *model, struct lw_refusal *refusal);

#endif
