/* Folders as retraining hands them over (docs/RETRAINING.md), of random codes: made in memory,
 * changed at will, written.
 *
 *     struct handed *handed = handed_new(1);
 *     handed_find(handed, "encoder.0.self.q.bits")->data[3] = 9;
 *     handed_write(handed);
 *     ... lw_handover_read(handed->folder->path, ...) ...
 *     handed_free(handed);
 *
 * Functions that fail make the test fail. */
#ifndef LW_TESTS_HANDED_H
#define LW_TESTS_HANDED_H

#include "tests/folder.h"

struct handed_tensor {
    char name[96];
    char dtype[8];
    size_t rank, shape[3];
    uint8_t *data;
    size_t bytes;
};

struct handed {
    struct folder *folder; /* its weights lie on the codes; d_model 32, ffn 96, 20 words */
    json_t *metadata;
    size_t count;
    struct handed_tensor tensors[128];
};

/* Embedding: rows of 4, 1, 3, 2, 4, ... bits; encoder.0.ffn.fc1: uniform, rows of 2, 8, 3, ...;
 * every fc2: groups of 32 columns, 3 bits; decoder.0.cross.v: uniform, 2 bits; the rest: 2 bits. */
struct handed *handed_new(uint64_t seed);
struct handed_tensor *handed_find(struct handed *handed, const char *name);
void handed_drop(struct handed *handed, const char *name);
/* The weights that the codes are of. */
const float *handed_weights(struct handed *handed, const char *matrix);
void handed_write(const struct handed *handed);
void handed_free(struct handed *handed);

#endif
