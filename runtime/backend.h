/* The product interface: all that the runtime knows of how y = W x + bias is computed. */
#ifndef LW_RUNTIME_BACKEND_H
#define LW_RUNTIME_BACKEND_H

#include "gen/registry.h"
#include "models/status.h"
#include "models/transformer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One product: y[n][m] = sum over k of W[m][k] x[n][k] + bias[m], y is [N][M] and owned by the
 * caller. */
struct lw_product {
    unsigned matrix; /* index into lw_model.matrices */
    float *y;
};

/* Chosen rows of a matrix, whose products give the bits that those of all rows give.
 * Zero-initialise; lw_rows_free. */
struct lw_rows {
    unsigned matrix;
    const uint32_t *list; /* [count], ascending; the caller's */
    size_t count;         /* at least 1 */
    uint8_t *memory;      /* what a backend made of them, aligned to 64 */
    size_t bytes;         /* that it has */
};

struct lw_backend {
    const char *name; /* "blas", "f32", "reference", "kernels" */
    void *self;
    /* `count` products that read the same x[N][K] (so that work on x is shared). Fails with
     * LW_FAILED, naming the matrix, where x is not finite and the class cannot represent it. */
    enum lw_status (*multiply)(void *self, const struct lw_product *products, size_t count,
                               size_t columns, const float *x, struct lw_error *error);
    /* Between encoding and decoding, which read different weights: lets go of those that are
     * resident, or gives false where they had better stay. May be NULL: they stay. */
    bool (*let_go)(void *self);
    void (*close)(void *self);
    /* Both NULL where products of chosen rows cannot be had. `gather` prepares rows whose first
     * three fields are set; LW_FAILED when out of memory. multiply_rows gives y[N][count]. */
    enum lw_status (*gather)(void *self, struct lw_rows *rows, struct lw_error *error);
    enum lw_status (*multiply_rows)(void *self, const struct lw_rows *rows, size_t columns,
                                    const float *x, float *y, struct lw_error *error);
};

/* runtime/rows.c */

/* Memory for at least so many bytes, with nothing in it. LW_FAILED. */
enum lw_status lw_rows_reserve(struct lw_rows *rows, size_t bytes, struct lw_error *error);
void lw_rows_free(struct lw_rows *rows);
/* In fp32: the rows of weights[M][K] as [count][K], and their biases [count] behind them. */
enum lw_status lw_rows_gather(struct lw_rows *rows, const struct lw_matrix *matrix,
                              const float *weights, struct lw_error *error);
static inline const float *lw_rows_bias(const struct lw_rows *rows, const struct lw_matrix *matrix)
{
    return (const float *)(const void *)rows->memory + rows->count * matrix->columns;
}

/* The most bytes that `count` rows of a matrix take in fp32, and by kernels; SIZE_MAX where they
 * overflow. */
size_t lw_rows_f32_bytes(const struct lw_matrix *matrix, size_t count);
size_t lw_rows_kernels_bytes(const struct lw_model *model, const struct lw_bundle *bundle,
                             unsigned matrix, size_t count);

/* All of these borrow the model, which must outlive the backend. The first two compute
 * every product in fp32, whatever the class of its matrix; coded matrices are expanded for that. */

/* fp32 through OpenBLAS, loaded when asked for; LW_FAILED where it is not installed. */
enum lw_status lw_backend_blas(const struct lw_model *model, struct lw_backend *backend,
                               struct lw_error *error);
/* As in class f32: sums in our fixed lane order. */
enum lw_status lw_backend_f32(const struct lw_model *model, struct lw_backend *backend,
                              struct lw_error *error);
/* The same for matrices of class f32 alone: what the backends below leave to it. Only such matrices
 * are expanded, and only those that have a bias can be asked for. */
enum lw_status lw_backend_f32_part(const struct lw_model *model, struct lw_backend *backend,
                                   struct lw_error *error);

/* The last two compute each product in the class of its matrix, which must have a bias where it is
 * f32. */

/* Classes a8 and t8 straight from the definition in docs/NUMBERS.md; slow, the oracle of the
 * kernels. */
enum lw_status lw_backend_reference(const struct lw_model *model, struct lw_backend *backend,
                                    struct lw_error *error);

/* Classes a8 and t8 by the generated kernels of a bundle, which must outlive the backend. */
enum lw_status lw_backend_kernels(const struct lw_model *model, const struct lw_bundle *bundle,
                                  struct lw_backend *backend, struct lw_error *error);

/* Bytes that the backend in fp32, and that by kernels, take of their own; SIZE_MAX where they
 * overflow. */
size_t lw_backend_f32_bytes(const struct lw_model *model);
size_t lw_backend_kernels_bytes(const struct lw_model *model, const struct lw_bundle *bundle);

static inline bool lw_backend_let_go(const struct lw_backend *backend)
{
    return backend->let_go && backend->let_go(backend->self);
}

static inline void lw_backend_close(struct lw_backend *backend)
{
    if (backend->close)
        backend->close(backend->self);
    *backend = (struct lw_backend){0};
}

#endif
