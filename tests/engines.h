/* Random jobs for the lookup-table engine, and what they must give. */
#ifndef LW_TESTS_ENGINES_H
#define LW_TESTS_ENGINES_H

#include "gen/stream.h"
#include "sim/rtl.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where verilated engines are kept between runs of the tests. */
const char *engine_cache(void);

/* Some products, in an image, with their activations and the R that the definition gives. */
enum { LIST_PRODUCTS = 4 };
struct list {
    struct lw_engine engine;
    size_t count;
    struct lw_matrix matrices[LIST_PRODUCTS];
    struct lw_stream streams[LIST_PRODUCTS];
    int16_t *q[LIST_PRODUCTS];    /* [C][K] */
    int64_t *sums[LIST_PRODUCTS]; /* [C][M], without bias */
    bool is_static[LIST_PRODUCTS];
    struct lw_static fixed[LIST_PRODUCTS];
    uint32_t x[LIST_PRODUCTS], y[LIST_PRODUCTS], address;
    bool chained; /* x[i] is y[i - 1] */
    struct lw_image image;
};

/* `size` bounds M and K; saturate: all |q| at their most and codes equal to their signs. */
void list_make(struct list *list, const struct lw_engine *engine, uint64_t seed, size_t size,
               bool saturate);
/* M x K of `bits` planes, products times; each reads activations of its own, and waits for the one
 * before where `dependent`. */
void list_make_layer(struct list *list, const struct lw_engine *engine, size_t rows, size_t columns,
                     unsigned bits, size_t products, bool dependent);
/* LIST_PRODUCTS layers of size x size with static scales, each reading what the one before writes.
 */
void list_make_chain(struct list *list, const struct lw_engine *engine, size_t size);
/* Scales of 0, and biases on and beside all edges of rounding and saturation. */
void list_make_edges(struct list *list, const struct lw_engine *engine);
/* Runs a list on the RTL and on the model, and fails the test where a result is not the
 * definition's, a counter of theirs differs, or busy cycles are not steps and stalls. */
void list_run(struct lw_rtl *rtl, const struct list *list, const char *memory, uint64_t seed,
              struct lw_sim_counts *counts);
/* The engine of a name, and its RTL. */
struct lw_rtl *open_engine(const char *name, bool trace, struct lw_engine *engine);
/* list_run of random lists with the seeds from first on, under the three memories in turn; every
 * eighth saturates, every ninth begins with a run that is left in the middle. Returns the jobs run.
 */
size_t run_random_lists(const char *name, uint64_t first, size_t count, size_t size);
/* Fails the test where the results in `data` (the image after a run) are not the sums. */
void list_check(const struct list *list, const struct lw_image *image, const char *who);
/* A copy of the image to run on; free it with lw_image_free. */
struct lw_image list_image(const struct list *list);
void list_free(struct list *list);

#endif
