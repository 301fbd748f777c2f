/* Nested planes: one set of planes of which every prefix is a model.
 *
 * A chunk is one plane of one code of one matrix, with scales refitted for that plane and those
 * before it. The chunks stand in one order over the whole model: first plane 0 of every code, the
 * smallest prefix, then by falling gain a byte, the planes of a code in order. The first n chunks
 * are an ordinary model, whose rows have as many planes as the prefix gives them. */
#ifndef LW_MODELS_NESTED_H
#define LW_MODELS_NESTED_H

#include "models/status.h"
#include "models/transformer.h"

#include <stddef.h>
#include <stdint.h>

struct lw_chunk {
    unsigned matrix, code, plane;
    const uint8_t *planes; /* [rows][plane_bytes], of this plane alone */
    const int16_t *scales; /* [rows][groups][plane + 1], for all planes up to this one */
};

struct lw_nested {
    /* Its codes have all planes, but no data (planes and scales are NULL): chunks hold it. Scales
     * are free, and the exponent of a matrix serves all its chunks. */
    struct lw_model model;
    size_t chunk_count;      /* 0: an ordinary model, which holds its data itself */
    size_t smallest;         /* chunks of the smallest prefix: the codes of the model */
    struct lw_chunk *chunks; /* owned; the data belongs to `model` */
};

/* Safe on a zeroed one. */
void lw_nested_free(struct lw_nested *nested);

/* Bytes that a chunk adds to a model: its planes, and one scale more for each row and group. */
size_t lw_chunk_bytes(const struct lw_nested *nested, const struct lw_chunk *chunk);

/* The model of the first `chunks` chunks, smallest..chunk_count. It owns all it needs, its
 * tokeniser too; made_by says which prefix it is. LW_FAILED when out of memory. */
enum lw_status lw_nested_prefix(const struct lw_nested *nested, size_t chunks,
                                struct lw_model *model, struct lw_error *error);
/* What that model takes as a file without its tokeniser, exactly. */
enum lw_status lw_nested_bytes(const struct lw_nested *nested, size_t chunks, size_t *bytes,
                               struct lw_error *error);
/* The most chunks that take at most `most_bytes`, and the bytes that they take. LW_INFEASIBLE
 * where the smallest prefix takes more; the text names its size. */
enum lw_status lw_nested_fit(const struct lw_nested *nested, size_t most_bytes, size_t *chunks,
                             size_t *bytes, struct lw_error *error);

/* Puts the chunks in their order; they come in as all planes of all codes, in the order of the
 * matrices. gains[i] is what chunk i is worth once the planes before it are there. */
enum lw_status lw_nested_sort(struct lw_nested *nested, const double *gains,
                              struct lw_error *error);

#endif
