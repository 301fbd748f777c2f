/* What is timed: matrices of a case or peer, and the backends over them. */
#include "profiles/bench_internal.h"

#include "gen/pack.h"
#include "models/checked.h"
#include "models/fit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static uint64_t next_bits(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717);
}

/* Uniform in (0, 1]. */
static float next_uniform(uint64_t *state)
{
    return (float)((next_bits(state) >> 40) + 1) * 0x1p-24f;
}

void lw_bench_gauss(uint64_t seed, float *values, size_t count)
{
    uint64_t state = seed * 2 + 1; /* any seed; never 0 */
    for (int i = 0; i < 8; i++)
        next_bits(&state);
    for (size_t i = 0; i < count; i += 2) {
        float radius = sqrtf(-2 * logf(next_uniform(&state)));
        float angle = 6.2831853f * next_uniform(&state);
        values[i] = radius * cosf(angle);
        if (i + 1 < count)
            values[i + 1] = radius * sinf(angle);
    }
}

/* Levels (2k + 1 - 2^B) s with the largest weight on the outermost; every plane's scale. */
static void fit_uniform(const float *weights, size_t columns, unsigned bits, float *scales,
                        uint8_t *levels)
{
    int count = 1 << bits;
    float largest = 0;
    for (size_t c = 0; c < columns; c++)
        largest = fmaxf(largest, fabsf(weights[c]));
    float step = largest / (float)(count - 1);
    for (size_t c = 0; c < columns; c++) {
        int k = step > 0 ? (int)floorf((weights[c] / step + (float)count) / 2) : 0;
        levels[c] = (uint8_t)(k < 0 ? 0 : k >= count ? count - 1 : k);
    }
    for (unsigned i = 0; i < bits; i++)
        scales[i] = ldexpf(step, (int)i);
}

/* Fits all rows: planes, and scales[M][groups][B] as floats. */
static void fit_rows(const struct lw_bench_case *c, const float *weights, struct lw_code *code,
                     uint8_t *planes, float *scales, uint8_t *levels, void *scratch)
{
    size_t columns = c->spec.columns;
    unsigned bits = code->bits;
    for (size_t r = 0; r < code->rows; r++)
        for (size_t g = 0; g < code->groups; g++) {
            size_t first = g * code->group;
            size_t width = columns - first < code->group ? columns - first : code->group;
            const float *w = weights + r * columns + first;
            float *own = scales + (r * code->groups + g) * bits;
            if (c->alpha == LW_ALPHA_UNIFORM)
                fit_uniform(w, width, bits, own, levels);
            else
                lw_fit_row(LW_FIT_GREEDY, w, NULL, width, bits, own, levels, scratch);
            for (unsigned i = 0; i < bits; i++) {
                uint8_t *plane = planes + (r * bits + i) * code->plane_bytes;
                for (size_t k = 0; k < width; k++)
                    plane[(first + k) >> 3] |= (uint8_t)((levels[k] >> i & 1) << ((first + k) & 7));
            }
        }
}

/* Rounds scales to mantissas of at most 14 bits and a sign. */
static void round_scales(struct lw_code *code, const float *scales, int16_t *mantissas)
{
    size_t groups = code->rows * code->groups, planes = code->uniform ? 1 : code->bits;
    float largest = 0;
    int exponent;
    for (size_t i = 0; i < groups * code->bits; i++)
        largest = fmaxf(largest, scales[i]);
    frexpf(largest, &exponent);
    code->exponent = exponent - 14;
    for (size_t g = 0; g < groups; g++)
        for (size_t i = 0; i < planes; i++)
            mantissas[g * planes + i] =
                (int16_t)rintf(ldexpf(scales[g * code->bits + i], -code->exponent));
}

enum lw_status lw_bench_matrix_make(const struct lw_bench_case *c, const float *weights,
                                    struct lw_bench_matrix *made, struct lw_error *error)
{
    const struct lw_spec *spec = &c->spec;
    struct lw_matrix *matrix = &made->matrix;
    *made = (struct lw_bench_matrix){0};
    *matrix = (struct lw_matrix){.name = "bench",
                                 .rows = spec->rows,
                                 .columns = spec->columns,
                                 .code_count = 1,
                                 .codes = {{.rows = spec->rows, .bits = spec->bits}},
                                 .arith = spec->arith};
    lw_matrix_set_scales(matrix, spec->group ? spec->group : spec->columns,
                         c->alpha == LW_ALPHA_UNIFORM, 0);
    struct lw_code *code = &matrix->codes[0];
    size_t scale_count = code->rows * code->groups * code->bits;
    made->planes = calloc(code->rows * code->bits, code->plane_bytes);
    made->scales = calloc(scale_count, sizeof *made->scales);
    made->bias = malloc(spec->rows * sizeof *made->bias);
    float *scales = calloc(scale_count, sizeof *scales);
    uint8_t *levels = malloc(code->group);
    void *scratch = malloc(lw_fit_scratch_bytes(code->group));
    bool ok = made->planes && made->scales && made->bias && scales && levels && scratch;
    if (ok) {
        fit_rows(c, weights, code, made->planes, scales, levels, scratch);
        round_scales(code, scales, made->scales);
        lw_bench_gauss(spec->rows, made->bias, spec->rows);
        code->planes = made->planes;
        code->scales = made->scales;
        matrix->bias = made->bias;
    }
    free(scales);
    free(levels);
    free(scratch);
    return ok ? LW_OK : lw_fail(error, LW_FAILED, "out of memory for a matrix of the bench");
}

void lw_bench_matrix_free(struct lw_bench_matrix *made)
{
    free(made->planes);
    free(made->scales);
    free(made->bias);
    *made = (struct lw_bench_matrix){0};
}

static enum lw_status out_of_memory(size_t copies, struct lw_error *error)
{
    return lw_fail(error, LW_FAILED, "out of memory for %zu copies of a matrix", copies);
}

/* A model of nothing but `copies` matrices like this one. */
static bool copy_matrix(const struct lw_matrix *matrix, size_t copies, struct lw_model *model)
{
    *model = (struct lw_model){.matrix_count = copies,
                               .matrices = calloc(copies, sizeof *model->matrices)};
    for (size_t i = 0; i < copies && model->matrices; i++)
        model->matrices[i] = *matrix;
    return model->matrices;
}

/* Packs the matrix once and copies it. */
static bool pack_copies(const struct lw_bench_matrix *made, const struct lw_spec *spec,
                        size_t copies, struct lw_bench_products *products)
{
    struct lw_spec packed = *spec;
    struct lw_schedule schedule;
    struct lw_pack_layout layout;
    size_t bytes;
    packed.batch = 1;
    lw_schedule_build(&packed, &schedule);
    lw_pack_layout(&schedule, &layout);
    products->key_bytes = layout.key_bytes;
    products->bundle.matrices = calloc(copies, sizeof *products->bundle.matrices);
    if (!products->bundle.matrices || !lw_checked_mul(layout.bytes, copies, &bytes))
        return false;
    uint8_t *at = products->packed = aligned_alloc(64, bytes);
    for (size_t i = 0; i < copies && at; i++, at += layout.bytes) {
        if (i == 0)
            lw_pack(&schedule, &made->matrix.codes[0], made->bias, at);
        else
            memcpy(at, products->packed, layout.bytes);
        products->bundle.matrices[i] =
            (struct lw_packed_matrix){.codes = {{.spec = packed,
                                                 .keys = at,
                                                 .scales = at + layout.scales,
                                                 .bias = at + layout.bias}},
                                      .unit = ldexpf(1, made->matrix.codes[0].exponent)};
    }
    return at;
}

enum lw_status lw_bench_open_kernels(const struct lw_bench_kernels *kernels,
                                     const struct lw_bench_case *c,
                                     const struct lw_bench_matrix *matrix, size_t copies,
                                     struct lw_bench_products *products, struct lw_error *error)
{
    const struct lw_bundle *all = &kernels->bundles[c->spec.isa];
    *products = (struct lw_bench_products){
        .bundle = {.isa = c->spec.isa, .kernel_count = all->kernel_count, .kernels = all->kernels}};
    enum lw_status status = copy_matrix(&matrix->matrix, copies, &products->model) &&
                                    pack_copies(matrix, &c->spec, copies, products)
                                ? LW_OK
                                : out_of_memory(copies, error);
    if (status == LW_OK)
        status = lw_bundle_resolve(&products->bundle, &products->model, error);
    if (status == LW_OK)
        status = lw_backend_kernels(&products->model, &products->bundle, &products->backend, error);
    if (status != LW_OK)
        lw_bench_close(products);
    return status;
}

enum lw_status lw_bench_open_peer(enum lw_bench_peer peer, const struct lw_spec *shape,
                                  const float *weights, const float *bias, size_t copies,
                                  struct lw_bench_products *products, struct lw_error *error)
{
    /* oneDNN copies the weights itself, into an order of its own. */
    size_t kept = peer == LW_BENCH_OPENBLAS ? copies : 1;
    size_t floats = shape->rows * shape->columns, all, bytes;
    struct lw_matrix matrix = {
        .name = "bench", .rows = shape->rows, .columns = shape->columns, .bias = bias};
    *products = (struct lw_bench_products){0};
    if (lw_checked_mul(floats, kept, &all) && lw_checked_mul(all, sizeof(float), &bytes))
        products->dense = malloc(bytes);
    if (!products->dense || !copy_matrix(&matrix, copies, &products->model)) {
        lw_bench_close(products);
        return out_of_memory(copies, error);
    }
    for (size_t i = 0; i < copies; i++) {
        float *own = products->dense + i % kept * floats;
        if (i < kept)
            memcpy(own, weights, floats * sizeof *weights);
        products->model.matrices[i].dense = own;
    }
    enum lw_status status = peer == LW_BENCH_OPENBLAS
                                ? lw_backend_blas(&products->model, &products->backend, error)
                                : lw_bench_onednn(&products->model, peer == LW_BENCH_ONEDNN_INT8,
                                                  &products->backend, error);
    if (status != LW_OK)
        lw_bench_close(products);
    return status;
}

void lw_bench_close(struct lw_bench_products *products)
{
    lw_backend_close(&products->backend);
    free(products->bundle.matrices);
    free(products->model.matrices);
    free(products->packed);
    free(products->dense);
    *products = (struct lw_bench_products){0};
}

enum lw_status lw_bench_peer_check(enum lw_bench_peer peer, struct lw_error *error)
{
    static const float one[] = {1};
    struct lw_spec shape = {.rows = 1, .columns = 1};
    struct lw_bench_products products;
    enum lw_status status = lw_bench_open_peer(peer, &shape, one, one, 1, &products, error);
    if (status == LW_OK)
        lw_bench_close(&products);
    return status;
}

enum lw_status lw_bench_check(const struct lw_backend *backend, const struct lw_spec *spec,
                              const float *x, const float *expected, double tolerance,
                              struct lw_error *error)
{
    size_t count = spec->batch * spec->rows;
    float *y = malloc(count * sizeof *y);
    if (!y)
        return lw_fail(error, LW_FAILED, "out of memory for the outputs of the bench");
    memset(y, 0xff, count * sizeof *y); /* NaN: nothing may stay unwritten */
    struct lw_product product = {0, y};
    enum lw_status status = backend->multiply(backend->self, &product, 1, spec->batch, x, error);
    for (size_t i = 0; i < count && status == LW_OK; i++) {
        bool equal = tolerance > 0 ? fabs((double)y[i] - (double)expected[i]) <= tolerance
                                   : memcmp(&y[i], &expected[i], sizeof *y) == 0;
        if (!equal)
            status = lw_fail(error, LW_MISMATCH,
                             "row %zu of column %zu is %.9g, not %.9g as the reference has it",
                             i % spec->rows, i / spec->rows, (double)y[i], (double)expected[i]);
    }
    free(y);
    return status;
}
