/* Sentences forced through a model together, product by product: what a group of matrices reads is
 * there for all sentences before its products are made, so that the matrices may still change. */
#ifndef LW_RUNTIME_WALK_H
#define LW_RUNTIME_WALK_H

#include "models/status.h"
#include "models/transformer.h"
#include "runtime/pairs.h"

#include <stdbool.h>
#include <stddef.h>

/* The matrices that read the same inputs, and these inputs. */
struct lw_walk_site {
    const unsigned *matrices; /* [count] */
    size_t count;
    size_t inputs, columns;
    const float *x; /* [inputs][columns] */
    /* [inputs][d_model], what the outputs will be added to; NULL where they are not */
    const float *carried;
};

struct lw_walk;

/* Products are in class f32 and of dense matrices; matrices and biases may be changed in place
 * until the walk goes past them, those of embeddings before the walk begins. Borrows model and
 * pairs. Figures do not depend on the threads. */
enum lw_status lw_walk_open(const struct lw_model *model, const struct lw_pairs *pairs,
                            size_t threads, struct lw_walk **walk, struct lw_error *error);
/* Goes to the next site, in the order of the model with the output last; false behind it. The site
 * is valid until the next call. */
enum lw_status lw_walk_next(struct lw_walk *walk, bool *there, struct lw_walk_site *site,
                            struct lw_error *error);
void lw_walk_close(struct lw_walk *walk);

#endif
