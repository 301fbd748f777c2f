/* What one kernel is. Its spec string is its name everywhere: symbol, file, registry, test label,
 * database key.
 *
 *   t8_m1024_k256_b2_n4_avx512   the product: M, K, B planes, N columns, for one class and one
 *                                instruction set
 *   t8_m1024_k256_b2_g64_n4_avx512
 *                                the same with scales for each group of 64 columns
 *   t8_k256_avx512               its lookup tables: built from one column of K activations, shared
 *                                by all products that read it
 *   a8_dot_m1024_k256_b4u_n4_amx the product of another family, of uniform scales
 *   a8_dot_k256_amx              its quantised activations, shared as tables are
 */
#ifndef LW_GEN_SPEC_H
#define LW_GEN_SPEC_H

#include "gen/isa.h"
#include "models/status.h"
#include "models/transformer.h"

#include <stdbool.h>
#include <stddef.h>

enum { LW_SPEC_NAME_BYTES = 64, LW_SPEC_MAX_BATCH = 64 };

/* How a product is computed; the bits of a class do not depend on it. Of the families that a code
 * can have one is chosen for all N, for its weights are packed for it. */
enum lw_family {
    LW_FAMILY_TABLES, /* lookups of sums of four activations; any class */
    LW_FAMILY_DOT,    /* products of small integers with int8 activations; class a8 */
    LW_FAMILIES
};

struct lw_spec {
    enum lw_arith arith; /* LW_ARITH_A8 or LW_ARITH_T8 */
    size_t rows;         /* M; 0: the kernel that builds the tables */
    size_t columns;      /* K, 1..2^20 */
    unsigned bits;       /* B, 1..8; 0 for tables */
    size_t group;        /* G, columns that share scales: a multiple of 32 below K; 0: row-wise, and
                            for tables */
    size_t batch;        /* N, 1..LW_SPEC_MAX_BATCH; 0 for tables */
    enum lw_isa isa;
    enum lw_family family;
    bool uniform; /* scales are, which makes planes one integer; DOT of 2 bits and more alone */
};

/* Groups of columns of a product, the last one maybe short; 1: row-wise. */
static inline size_t lw_spec_groups(const struct lw_spec *spec)
{
    return spec->group ? (spec->columns + spec->group - 1) / spec->group : 1;
}

/* Whether a code of this class, bits, scales and columns has kernels of a family. */
bool lw_family_has(enum lw_family family, const struct lw_spec *spec);
/* The one that is expected to be fastest; docs/KERNELS.md has the measurements. */
enum lw_family lw_family_usual(const struct lw_spec *spec);

/* The product of the rows of one code of a matrix, in the class of the matrix and its usual family;
 * its tables, or quantised activations, where batch is 0. */
struct lw_spec lw_spec_of(const struct lw_matrix *matrix, size_t code, size_t batch,
                          enum lw_isa isa);

/* What prepares the activations that a product reads: its tables or quantised activations. */
struct lw_spec lw_spec_of_input(const struct lw_spec *product);

/* Writes the spec string. The spec must be valid. */
void lw_spec_name(const struct lw_spec *spec, char name[LW_SPEC_NAME_BYTES]);
/* The inverse. LW_USAGE (the text says what is wrong) for anything that lw_spec_name does not
 * print. */
enum lw_status lw_spec_parse(const char *name, struct lw_spec *spec, struct lw_error *error);
/* LW_USAGE where a field is out of its range. */
enum lw_status lw_spec_check(const struct lw_spec *spec, struct lw_error *error);

#endif
