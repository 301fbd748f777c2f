/* Tiny random Marian folders for tests: made in memory, changed at will, written to a temporary
 * folder.
 *
 *     struct folder_spec spec = folder_defaults();
 *     struct folder *folder = folder_new(&spec);
 *     folder_write(folder);
 *     ... lw_marian_import(folder->path, ...) ...
 *     folder_free(folder);
 *
 * Functions that fail make the test fail. The SentencePiece model is that of models/open-en-de, and
 * the pieces are its first ones; run from the root of the repository. */
#ifndef LW_TESTS_FOLDER_H
#define LW_TESTS_FOLDER_H

#include "models/safetensors.h"
#include "models/transformer.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct folder_spec {
    struct lw_config
        config;          /* pad, decoder_start and bad_words are set by folder_new: the last word */
    enum lw_dtype dtype; /* of all tensors; the values are exact in each */
    bool positions;      /* store the sinusoids too */
    bool copies;         /* store tied matrices under all their names */
    uint64_t seed;
};

struct folder_tensor {
    char name[96];
    enum lw_dtype dtype;
    size_t rank; /* 1 or 2 */
    size_t shape[2];
    float *values;
};

struct folder {
    char path[64];
    json_t *config, *generation, *words, *target_words; /* the last is NULL where shared */
    enum lw_dtype dtype;
    uint64_t random;
    size_t count;
    struct folder_tensor tensors[256];
};

/* d_model 8, 2 heads, ffn 12, 1 + 1 layers, 20 words, 32 positions, swish, shared, tied, F32. */
struct folder_spec folder_defaults(void);

struct folder *folder_new(const struct folder_spec *spec); /* NULL: the defaults */
/* Adds a tensor of random values, which the caller may overwrite. rows is 0 for a vector. */
struct folder_tensor *folder_add(struct folder *folder, const char *name, size_t rows,
                                 size_t columns);
struct folder_tensor *folder_find(struct folder *folder, const char *name);
void folder_drop(struct folder *folder, const char *name);
/* Writes all files; `config`, `generation`, ... that are NULL are left out. */
void folder_write(const struct folder *folder);
/* Removes the folder from the disk as well. */
void folder_free(struct folder *folder);

/* Writes bytes to a file of the folder, or of any folder. */
void folder_write_bytes(const char *path, const char *name, const void *data, size_t bytes);

#endif
