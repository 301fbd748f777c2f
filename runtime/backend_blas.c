/* fp32 products through OpenBLAS, the baseline for speed. It is loaded when asked for, so that
 * translating with kernels never pays for it. */
#include "runtime/backend.h"

#include "models/needs.h"
#include "runtime/expand.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const struct lw_need *const need = &lw_needs[LW_NEED_OPENBLAS];

/* The values of CBLAS_ORDER and CBLAS_TRANSPOSE. */
enum { ROW_MAJOR = 101, COLUMN_MAJOR = 102, NO_TRANSPOSE = 111, TRANSPOSE = 112 };

/* OpenBLAS multiplies small matrices without packing them first. Products of few columns gain by
 * being cut into blocks of rows with at most this many multiplications (measured with 0.3.21: 2 to
 * 3 times at N = 4). */
enum { BLOCK_PRODUCTS = 1 << 18 };

typedef void sgemv_function(int order, int transpose, int m, int n, float alpha, const float *a,
                            int lda, const float *x, int incx, float beta, float *y, int incy);
typedef void sgemm_function(int order, int transpose_a, int transpose_b, int m, int n, int k,
                            float alpha, const float *a, int lda, const float *b, int ldb,
                            float beta, float *c, int ldc);
typedef void set_threads_function(int threads);

struct blas {
    const struct lw_model *model;
    void *handle;
    sgemv_function *sgemv;
    sgemm_function *sgemm;
    struct lw_expanded expanded;
};

/* y[columns][rows] = w[rows][K] x[columns][K] + bias[rows], which may be NULL. */
static void multiply_weights(const struct blas *blas, const float *w, const float *bias,
                             size_t rows, size_t columns_k, size_t columns, const float *x,
                             float *y)
{
    int m = (int)rows, k = (int)columns_k, n = (int)columns;
    for (size_t c = 0; c < columns; c++)
        if (bias)
            memcpy(y + c * rows, bias, rows * sizeof *y);
        else
            memset(y + c * rows, 0, rows * sizeof *y);
    if (n == 1) {
        blas->sgemv(ROW_MAJOR, NO_TRANSPOSE, m, k, 1.0f, w, k, x, 1, 1.0f, y, 1);
        return;
    }
    size_t block = BLOCK_PRODUCTS / (columns_k * columns);
    if (block < 8)
        block = 8;
    for (size_t row = 0; row < rows; row += block) {
        size_t now = rows - row < block ? rows - row : block;
        blas->sgemm(COLUMN_MAJOR, TRANSPOSE, NO_TRANSPOSE, (int)now, n, k, 1.0f,
                    w + row * columns_k, k, x, k, 1.0f, y + row, m);
    }
}

static enum lw_status multiply(void *self, const struct lw_product *products, size_t count,
                               size_t columns, const float *x, struct lw_error *error)
{
    (void)error;
    const struct blas *blas = self;
    for (size_t i = 0; i < count; i++) {
        const struct lw_matrix *matrix = &blas->model->matrices[products[i].matrix];
        multiply_weights(blas, blas->expanded.weights[products[i].matrix], matrix->bias,
                         matrix->rows, matrix->columns, columns, x, products[i].y);
    }
    return LW_OK;
}

static enum lw_status gather(void *self, struct lw_rows *rows, struct lw_error *error)
{
    const struct blas *blas = self;
    return lw_rows_gather(rows, &blas->model->matrices[rows->matrix],
                          blas->expanded.weights[rows->matrix], error);
}

static enum lw_status multiply_rows(void *self, const struct lw_rows *rows, size_t columns,
                                    const float *x, float *y, struct lw_error *error)
{
    (void)error;
    const struct blas *blas = self;
    const struct lw_matrix *matrix = &blas->model->matrices[rows->matrix];
    multiply_weights(blas, (const float *)(const void *)rows->memory, lw_rows_bias(rows, matrix),
                     rows->count, matrix->columns, columns, x, y);
    return LW_OK;
}

static void close_blas(void *self)
{
    struct blas *blas = self;
    lw_expanded_free(&blas->expanded);
    if (blas->handle)
        dlclose(blas->handle);
    free(blas);
}

static enum lw_status load(struct blas *blas, struct lw_error *error)
{
    blas->handle = dlopen(need->name, RTLD_NOW | RTLD_LOCAL);
    if (!blas->handle)
        return lw_fail(error, LW_FAILED,
                       "OpenBLAS cannot be loaded (%s); install it with 'apt-get install %s'",
                       dlerror(), need->package);
    /* POSIX lets an object pointer from dlsym stand for a function. */
    *(void **)&blas->sgemv = dlsym(blas->handle, "cblas_sgemv");
    *(void **)&blas->sgemm = dlsym(blas->handle, "cblas_sgemm");
    set_threads_function *set_threads;
    *(void **)&set_threads = dlsym(blas->handle, "openblas_set_num_threads");
    if (!blas->sgemv || !blas->sgemm || !set_threads)
        return lw_fail(error, LW_FAILED,
                       "%s lacks cblas_sgemv, cblas_sgemm or openblas_set_num_threads", need->name);
    set_threads(1);
    return LW_OK;
}

/* BLAS counts in int. */
static bool sizes_fit(const struct lw_model *model)
{
    for (size_t i = 0; i < model->matrix_count; i++)
        if (model->matrices[i].rows > INT_MAX || model->matrices[i].columns > INT_MAX)
            return false;
    return true;
}

enum lw_status lw_backend_blas(const struct lw_model *model, struct lw_backend *backend,
                               struct lw_error *error)
{
    if (!sizes_fit(model))
        return lw_fail(error, LW_FAILED, "the model has a matrix that is too large for OpenBLAS");
    struct blas *blas = calloc(1, sizeof *blas);
    if (!blas)
        return lw_fail(error, LW_FAILED, "out of memory for the products through OpenBLAS");
    blas->model = model;
    enum lw_status status = load(blas, error);
    if (status == LW_OK)
        status = lw_expand(model, LW_EXPAND_ALL, &blas->expanded, error);
    if (status != LW_OK) {
        close_blas(blas);
        return status;
    }
    *backend = (struct lw_backend){.name = "blas",
                                   .self = blas,
                                   .multiply = multiply,
                                   .close = close_blas,
                                   .gather = gather,
                                   .multiply_rows = multiply_rows};
    return LW_OK;
}
