/* The intermediate representation: what a kernel computes, as a chain of tensors, before anything
 * is decided about order, registers or instructions. The class fixes the chain (docs/NUMBERS.md):
 *
 *   t8   x -> signed_sum e -> largest t -> round q -> lookup_sum p -> weigh R -> rescale y
 *   a8   x -> largest t -> round q -> signed_sum e -> lookup_sum p -> weigh R -> rescale y
 *   a8, family dot
 *        x -> largest t -> round q -> dot_sum p -> weigh R -> rescale y
 */
#ifndef LW_GEN_IR_H
#define LW_GEN_IR_H

#include "gen/spec.h"

#include <stdint.h>
#include <stdio.h>

enum lw_ir_op {
    LW_IR_INPUT,      /* x[n][k] */
    LW_IR_SIGNED_SUM, /* e[n][j][v] = (+-a[4j] +- a[4j+1]) + (+-a[4j+2] +- a[4j+3]); + where the bit
                         of v is set; a is padded with zeros */
    LW_IR_LARGEST,    /* t[n] = largest |a[n][...]| */
    LW_IR_ROUND,      /* q = clamp(rint(a * (127 / t[n])), -127, 127) */
    LW_IR_LOOKUP_SUM, /* p[n][r][g][i] = sum over the tables j of group g of
                         a[n][j][key(r, i, j)], exact */
    LW_IR_DOT_SUM,    /* p[n][r][g][i] = sum over the columns k of group g of
                         a[n][k] * (plane bit of (r, i, k) set ? 1 : -1), exact */
    LW_IR_WEIGH,      /* R[n][r] = sum over g, i of alpha[r][g][i] p[n][r][g][i], exact */
    LW_IR_RESCALE,    /* y[n][r] = f32(R) * ((t[n] / 127) * 2^e) + bias[r] */
};

enum { LW_IR_MAX_NODES = 8 };

struct lw_ir_node {
    enum lw_ir_op op;
    char name;         /* x, e, t, q, p, R, y */
    int source;        /* node that is read, or -1 */
    int largest;       /* node that holds t (round, rescale), or -1 */
    size_t dims[4];    /* extents, 1 where unused */
    const char *index; /* what the extents count: "nk", "njv", "n", "nrgi", "nr" */
    const char *type;  /* "f32", "s8", "s16", "s64" */
};

struct lw_ir {
    struct lw_spec spec;
    size_t count;
    struct lw_ir_node nodes[LW_IR_MAX_NODES];
    size_t table_nodes; /* the nodes that the table kernel computes; the product kernel computes the
                           others */
};

/* Needs a valid spec of a product. */
void lw_ir_build(const struct lw_spec *spec, struct lw_ir *ir);
void lw_ir_print(const struct lw_ir *ir, FILE *stream);
/* Runs the chain node by node on canonical codes: x[N][K], bias[M], y[N][M]. LW_FAILED for
 * activations that are not finite. Slow and obvious. */
enum lw_status lw_ir_interpret(const struct lw_ir *ir, const struct lw_code *code,
                               const float *bias, const float *x, float *y, struct lw_error *error);

#endif
