/* The matrices of a model in an engine's memory, and lists of products with them.
 *
 *   address 0: keys and scales of all matrices | descriptors of a list, room for more | its x, y
 *              once a model                    | made anew for each list
 *
 * The room is for a power of two of descriptors, 256 at least, so that lists which begin alike have
 * the same addresses, and begins at the memory's first bank, as matrices do: what the model knows
 * of one serves the other (sim/model_starts.h, sim/timings.h). */
#ifndef LW_SIM_PLACED_H
#define LW_SIM_PLACED_H

#include "gen/stream.h"
#include "models/status.h"
#include "models/transformer.h"
#include "sim/rtl.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Products of some matrices with the same N columns of activations. */
enum { LW_CALL_PRODUCTS = 16 };
struct lw_call {
    unsigned matrices[LW_CALL_PRODUCTS]; /* indices into lw_model.matrices */
    size_t count, columns;
};

/* One product with at most C columns. */
struct lw_placed_product {
    unsigned matrix;
    size_t call;            /* of the list */
    size_t column, columns; /* the first of the call's columns, and how many */
    uint32_t x, y;          /* from lw_placed_finish on */
};

struct lw_placed {
    const struct lw_model *model; /* borrowed */
    struct lw_engine engine;
    struct lw_image image;
    size_t weights_bytes;      /* where lists begin */
    struct lw_stream *streams; /* [matrix_count]; zero for those that are not placed */
    /* of the list that is made */
    struct lw_placed_product *products;
    size_t count, capacity, calls;
    size_t bytes; /* of x and y */
};

/* Places nothing yet. lw_placed_close in any case. */
enum lw_status lw_placed_open(const struct lw_model *model, const struct lw_engine *engine,
                              struct lw_placed *placed, struct lw_error *error);
/* Places a matrix of class a8, unless it is there. LW_USAGE, naming it, for one of another class
 * or one that the engine cannot hold. Only before the first list. */
enum lw_status lw_placed_matrix(struct lw_placed *placed, unsigned matrix, struct lw_error *error);
/* Places all matrices that have products of a quantised class. */
enum lw_status lw_placed_all(struct lw_placed *placed, struct lw_error *error);
void lw_placed_close(struct lw_placed *placed);

/* Begins a list. */
void lw_placed_clear(struct lw_placed *placed);
/* Adds a call with placed matrices: C columns at a time, all its matrices for them. Products that
 * read activations laid out alike share one x. */
enum lw_status lw_placed_add(struct lw_placed *placed, const struct lw_call *call,
                             struct lw_error *error);
/* Writes the descriptors; tags are the numbers of calls. Where `dependent`, a call begins when all
 * results of the calls before are written. */
enum lw_status lw_placed_finish(struct lw_placed *placed, bool dependent, uint32_t *list,
                                struct lw_error *error);
struct lw_sim_memory lw_placed_memory(const struct lw_placed *placed);

#endif
