/* What a bundle offers to a runtime: kernels by spec and the weights packed for them. The only
 * header of gen/ that the runtime knows.
 *
 *   bundle/manifest.json   what it was made from and by; hashes of the other files
 *          model.lwm       the model with its tokeniser
 *          weights.bin     packed weights of every quantised product, one after the other, mapped
 *                          as they are: first those that decoding reads, then those that encoding
 *                          reads (lw_matrix_reads_source); matrices of class f32 have none here
 *          kernels.so      the compiled kernels
 *          kernels/        their C sources
 *
 * Format 2 has all matrices of weights.bin in the order of the model. */
#ifndef LW_GEN_REGISTRY_H
#define LW_GEN_REGISTRY_H

#include "gen/spec.h"
#include "models/file.h"
#include "models/status.h"
#include "models/transformer.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Builds the tables of one column x[K] and its step (one float). Returns 1 where x is not finite.
 * All pointers are to bytes; x and step are aligned for float. */
typedef int lw_tables_function(const uint8_t *x, uint8_t *tables, uint8_t *step);
/* y[N][M] from packed keys, scales and bias, N columns of tables and steps, and unit = 2^exponent
 * (one float). */
typedef void lw_product_function(const uint8_t *keys, const uint8_t *scales, const uint8_t *bias,
                                 const uint8_t *tables, const uint8_t *step, const uint8_t *unit,
                                 uint8_t *y);

/* kernels.so exports `const struct lw_kernel_entry lw_kernel_entries[]`, ended by a NULL spec. */
struct lw_kernel_entry {
    const char *spec;
    lw_tables_function *tables;
    lw_product_function *product;
};

struct lw_kernel {
    struct lw_spec spec;
    size_t table_bytes; /* of one column */
    bool tiles;         /* costs the same for fewer columns than N */
    lw_tables_function *tables;
    lw_product_function *product;
};

/* What is known of a kernel by its spec: all but its functions. */
struct lw_kernel lw_kernel_of(const struct lw_spec *spec);

enum { LW_BUNDLE_BATCHES = 8 }; /* kernels of one code, at most */
/* Kernels for chosen rows of the output product have so many rows, and N of 4 and 1: as many calls
 * as it takes. */
enum { LW_PART_ROWS = 64, LW_PART_BATCHES = 2 };

/* The rows of one code, packed; NULL: the matrix is of class f32 or only looked up. */
struct lw_packed_code {
    struct lw_spec spec; /* N = 1; names its family */
    const uint8_t *keys, *scales, *bias;
    const struct lw_kernel *input; /* prepares the activations that its kernels read */
    const struct lw_kernel *products[LW_BUNDLE_BATCHES + 1]; /* falling N, ended by NULL */
    const struct lw_kernel *parts[LW_PART_BATCHES + 1]; /* the same for chosen rows; may be none */
};

struct lw_packed_matrix {
    struct lw_packed_code codes[LW_MAX_BITS];
    float unit; /* 2^exponent */
};

struct lw_bundle {
    int format;
    enum lw_isa isa;
    size_t kernel_count;
    struct lw_kernel *kernels;         /* tables first, then products of falling N */
    struct lw_packed_matrix *matrices; /* by index into lw_model.matrices */
    struct lw_mapping weights;
    size_t first_bytes;     /* of the weights that decoding reads; format 2: of all */
    char weights_hash[33];  /* as the manifest has it */
    atomic_size_t *readers; /* backends that read the weights; NULL: these always stay resident */
    void *library;
};

enum { LW_WEIGHTS_KEPT = 8 << 20 }; /* so many bytes of weights always stay resident */

/* Opens the kernels and weights of a bundle for the model that it carries (opened by the caller
 * from FOLDER/model.lwm, must outlive the bundle). LW_CORRUPT: a file is missing, damaged or of
 * another model; LW_FAILED: this CPU cannot run it. */
enum lw_status lw_bundle_open(const char *folder, const struct lw_model *model,
                              struct lw_bundle *bundle, struct lw_error *error);
void lw_bundle_close(struct lw_bundle *bundle);

/* A bundle within a program, whose parts are borrowed for as long as it is open. */
struct lw_bundle_parts {
    const char *name; /* for messages */
    struct lw_mapping manifest, model, weights;
    const struct lw_kernel_entry *kernels;
};
/* The same for the model of `parts->model`. */
enum lw_status lw_bundle_open_parts(const struct lw_bundle_parts *parts,
                                    const struct lw_model *model, struct lw_bundle *bundle,
                                    struct lw_error *error);

/* Finds the kernels of every matrix among those of the bundle, whose matrices are there: what
 * lw_bundle_open ends with. LW_CORRUPT names a matrix that lacks one. */
enum lw_status lw_bundle_resolve(struct lw_bundle *bundle, const struct lw_model *model,
                                 struct lw_error *error);

/* A backend begins to read the weights, or ends. */
void lw_bundle_hold(const struct lw_bundle *bundle);
void lw_bundle_drop(const struct lw_bundle *bundle);
/* Lets go of the pages of weights, between encoding and decoding, which read different ones. False:
 * they stay, where there are few, or where several backends read them, who would take them from
 * each other. */
bool lw_bundle_let_go(const struct lw_bundle *bundle);
/* The most bytes of weights that will be resident at once with so many backends, where opening the
 * bundle has left none. */
size_t lw_bundle_to_come(const struct lw_bundle *bundle, size_t readers);

/* The kernel of a code for the first of `columns` columns (at least 1): that of the largest
 * N <= columns, or one of tiles that takes them all at once. */
const struct lw_kernel *lw_packed_product(const struct lw_packed_code *code, size_t columns);

/* Chosen rows of a code, packed for its kernels of LW_PART_ROWS rows (gen/part.c). */
struct lw_packed_part {
    struct lw_packed_code code;    /* the first block of rows, and those kernels as products */
    size_t blocks;                 /* the last one padded with copies of the last row */
    size_t key_bytes, scale_bytes; /* of a block; they follow each other */
};

/* Bytes that `count` rows take, a multiple of 64. */
size_t lw_packed_part_bytes(const struct lw_packed_code *code, size_t count);
/* Copies rows[count], numbers of rows stored in the code that has kernels for parts, to `memory`
 * (aligned to 64), to which *part then points. At least one row. */
void lw_packed_part(const struct lw_packed_code *code, const uint32_t *rows, size_t count,
                    uint8_t *memory, struct lw_packed_part *part);

#endif
