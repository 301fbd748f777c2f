/* Peers: inner products of oneDNN 2 (Debian's libdnnl2), loaded when asked for. Weights are put
 * into the order that it prefers for an N when that N is first asked for, outside what is timed. */
#include "profiles/bench_internal.h"

#include "models/needs.h"

#include <dlfcn.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct lw_need *const need = &lw_needs[LW_NEED_ONEDNN];
static const char threads_library[] = "libgomp.so.1";

/* Of oneapi/dnnl/dnnl_types.h, version 2.6. Descriptors are opaque here and smaller than this. */
enum { F32 = 3, S32 = 4, S8 = 5, TAG_ANY = 1, TAG_AB = 3, FORWARD_INFERENCE = 96, CPU = 1 };
enum { QUERY_WEIGHTS = 131, STREAM_DEFAULT = 1, SRC = 1, DST = 17, WEIGHTS = 33, BIAS = 41 };
enum { OLDEST_MINOR = 6 };

struct memory_desc {
    _Alignas(16) char opaque[2048];
};
struct product_desc {
    _Alignas(16) char opaque[16384];
};
struct argument {
    int kind;
    void *memory;
};
struct version {
    int major, minor;
};

/* Each returns 0 where it succeeds. */
struct functions {
    const struct version *(*version)(void);
    int (*engine_create)(void **engine, int kind, size_t index);
    int (*engine_destroy)(void *engine);
    int (*stream_create)(void **stream, void *engine, unsigned flags);
    int (*stream_destroy)(void *stream);
    int (*stream_wait)(void *stream);
    int (*memory_desc_init_by_tag)(struct memory_desc *desc, int dims, const int64_t *sizes,
                                   int type, int tag);
    int (*inner_product_forward_desc_init)(struct product_desc *desc, int kind,
                                           const struct memory_desc *src,
                                           const struct memory_desc *weights,
                                           const struct memory_desc *bias,
                                           const struct memory_desc *dst);
    int (*primitive_desc_create)(void **made, const struct product_desc *desc, const void *attr,
                                 void *engine, const void *hint);
    int (*primitive_desc_destroy)(void *desc);
    const struct memory_desc *(*primitive_desc_query_md)(const void *desc, int what, int index);
    int (*primitive_create)(void **made, const void *desc);
    int (*primitive_destroy)(void *primitive);
    int (*primitive_execute)(const void *primitive, void *stream, int count,
                             const struct argument *arguments);
    int (*reorder_primitive_desc_create)(void **made, const struct memory_desc *src,
                                         void *src_engine, const struct memory_desc *dst,
                                         void *dst_engine, const void *attr);
    size_t (*memory_desc_get_size)(const struct memory_desc *desc);
    int (*memory_create)(void **memory, const struct memory_desc *desc, void *engine, void *handle);
    int (*memory_destroy)(void *memory);
    int (*memory_set_data_handle)(void *memory, void *handle);
};

struct onednn {
    const struct lw_model *model; /* all of one shape */
    bool int8;
    void *handle;
    struct functions f;
    void *engine, *stream;
    int8_t *quantised; /* [M][K] of the first matrix: all are equal */
    float *row_steps;  /* [M] */
    /* For the N of the last call: */
    size_t columns;
    struct memory_desc src, dst;
    void *primitive;
    uint8_t *weights; /* of all matrices, reordered */
    size_t weight_bytes;
    void *memories[4]; /* source, weights, bias, output */
    int8_t *x;         /* [N][K] */
    float *steps;      /* [N] */
    int32_t *sums;     /* [N][M] */
};

enum { SOURCE_MEMORY, WEIGHT_MEMORY, BIAS_MEMORY, OUTPUT_MEMORY, MEMORIES };

static void forget_columns(struct onednn *o)
{
    for (size_t i = 0; i < MEMORIES; i++)
        if (o->memories[i])
            o->f.memory_destroy(o->memories[i]);
    memset(o->memories, 0, sizeof o->memories);
    if (o->primitive)
        o->f.primitive_destroy(o->primitive);
    o->primitive = NULL;
    free(o->weights);
    free(o->x);
    free(o->steps);
    free(o->sums);
    o->weights = NULL;
    o->x = NULL;
    o->steps = NULL;
    o->sums = NULL;
    o->columns = 0;
}

/* Rounds to bytes, symmetrically, in a form that compilers vectorise; returns the step. */
static float quantise(const float *values, size_t count, int8_t *out)
{
    enum { LANES = 16 };
    static const float magic = 12582912; /* 1.5 * 2^23: sums with it are whole numbers */
    float lanes[LANES] = {0}, largest = 0;
    for (size_t i = 0; i < count / LANES * LANES; i += LANES)
        for (size_t j = 0; j < LANES; j++) {
            float size = fabsf(values[i + j]);
            lanes[j] = size > lanes[j] ? size : lanes[j];
        }
    for (size_t i = count / LANES * LANES; i < count; i++)
        lanes[0] = fmaxf(lanes[0], fabsf(values[i]));
    for (size_t j = 0; j < LANES; j++)
        largest = fmaxf(largest, lanes[j]);
    float inverse = largest > 0 ? 127 / largest : 0;
    for (size_t i = 0; i < count; i++)
        out[i] = (int8_t)(int)((values[i] * inverse + magic) - magic);
    return largest / 127;
}

/* Weights of every matrix into the order of `wanted`. */
static bool reorder_weights(struct onednn *o, const struct memory_desc *plain,
                            const struct memory_desc *wanted)
{
    void *desc = NULL, *reorder = NULL, *from = NULL, *to = NULL;
    size_t bytes = o->f.memory_desc_get_size(wanted);
    o->weight_bytes = (bytes + 63) & ~(size_t)63;
    o->weights = aligned_alloc(64, o->weight_bytes * o->model->matrix_count);
    bool ok =
        o->weights &&
        !o->f.reorder_primitive_desc_create(&desc, plain, o->engine, wanted, o->engine, NULL) &&
        !o->f.primitive_create(&reorder, desc);
    for (size_t i = 0; i < o->model->matrix_count && ok; i++) {
        const void *source = o->int8 ? (const void *)o->quantised : o->model->matrices[i].dense;
        ok = !o->f.memory_create(&from, plain, o->engine, (void *)(uintptr_t)source) &&
             !o->f.memory_create(&to, wanted, o->engine, o->weights + i * o->weight_bytes);
        const struct argument arguments[] = {{SRC, from}, {DST, to}};
        ok = ok && !o->f.primitive_execute(reorder, o->stream, 2, arguments) &&
             !o->f.stream_wait(o->stream);
        if (from)
            o->f.memory_destroy(from);
        if (to)
            o->f.memory_destroy(to);
        from = to = NULL;
    }
    if (reorder)
        o->f.primitive_destroy(reorder);
    if (desc)
        o->f.primitive_desc_destroy(desc);
    return ok;
}

static bool make_memories(struct onednn *o, const struct memory_desc *wanted,
                          const struct memory_desc *bias)
{
    const struct memory_desc *const descs[MEMORIES] = {&o->src, wanted, bias, &o->dst};
    for (size_t i = 0; i < MEMORIES; i++)
        if (o->f.memory_create(&o->memories[i], descs[i], o->engine, o->weights))
            return false;
    return true;
}

/* The primitive and the weights for N columns. */
static bool take_columns(struct onednn *o, size_t columns)
{
    const struct lw_matrix *matrix = o->model->matrices;
    int64_t m = (int64_t)matrix->rows, k = (int64_t)matrix->columns, n = (int64_t)columns;
    int input = o->int8 ? S8 : F32, output = o->int8 ? S32 : F32;
    struct memory_desc plain, any, bias;
    struct product_desc product;
    void *desc = NULL;
    forget_columns(o);
    bool ok = !o->f.memory_desc_init_by_tag(&o->src, 2, (int64_t[]){n, k}, input, TAG_AB) &&
              !o->f.memory_desc_init_by_tag(&o->dst, 2, (int64_t[]){n, m}, output, TAG_AB) &&
              !o->f.memory_desc_init_by_tag(&plain, 2, (int64_t[]){m, k}, input, TAG_AB) &&
              !o->f.memory_desc_init_by_tag(&any, 2, (int64_t[]){m, k}, input, TAG_ANY) &&
              !o->f.memory_desc_init_by_tag(&bias, 1, (int64_t[]){m}, F32, 2 /* a */) &&
              !o->f.inner_product_forward_desc_init(&product, FORWARD_INFERENCE, &o->src, &any,
                                                    o->int8 ? NULL : &bias, &o->dst) &&
              !o->f.primitive_desc_create(&desc, &product, NULL, o->engine, NULL) &&
              !o->f.primitive_create(&o->primitive, desc);
    const struct memory_desc *wanted =
        ok ? o->f.primitive_desc_query_md(desc, QUERY_WEIGHTS, 0) : NULL;
    ok = wanted && reorder_weights(o, &plain, wanted) && make_memories(o, wanted, &bias);
    if (desc)
        o->f.primitive_desc_destroy(desc);
    o->x = malloc(columns * matrix->columns);
    o->steps = malloc(columns * sizeof *o->steps);
    o->sums = malloc(columns * matrix->rows * sizeof *o->sums);
    ok = ok && o->x && o->steps && o->sums;
    o->columns = ok ? columns : 0;
    return ok;
}

static bool execute(struct onednn *o, unsigned index, const void *x, void *y)
{
    const struct lw_matrix *matrix = &o->model->matrices[index];
    void *const data[MEMORIES] = {(void *)(uintptr_t)x, o->weights + index * o->weight_bytes,
                                  (void *)(uintptr_t)matrix->bias, y};
    for (size_t i = 0; i < MEMORIES; i++)
        if (o->f.memory_set_data_handle(o->memories[i], data[i]))
            return false;
    const struct argument arguments[] = {{SRC, o->memories[SOURCE_MEMORY]},
                                         {WEIGHTS, o->memories[WEIGHT_MEMORY]},
                                         {DST, o->memories[OUTPUT_MEMORY]},
                                         {BIAS, o->memories[BIAS_MEMORY]}};
    return !o->f.primitive_execute(o->primitive, o->stream, o->int8 ? 3 : 4, arguments) &&
           !o->f.stream_wait(o->stream);
}

static bool execute_int8(struct onednn *o, unsigned index, const float *x, float *y)
{
    const struct lw_matrix *matrix = &o->model->matrices[index];
    for (size_t n = 0; n < o->columns; n++)
        o->steps[n] =
            quantise(x + n * matrix->columns, matrix->columns, o->x + n * matrix->columns);
    if (!execute(o, index, o->x, o->sums))
        return false;
    for (size_t n = 0; n < o->columns; n++)
        for (size_t r = 0; r < matrix->rows; r++)
            y[n * matrix->rows + r] =
                (float)o->sums[n * matrix->rows + r] * (o->steps[n] * o->row_steps[r]) +
                matrix->bias[r];
    return true;
}

static enum lw_status multiply(void *self, const struct lw_product *products, size_t count,
                               size_t columns, const float *x, struct lw_error *error)
{
    struct onednn *o = self;
    if (columns != o->columns && !take_columns(o, columns))
        return lw_fail(error, LW_FAILED, "oneDNN has no product of this shape for %zu columns",
                       columns);
    for (size_t i = 0; i < count; i++)
        if (!(o->int8 ? execute_int8(o, products[i].matrix, x, products[i].y)
                      : execute(o, products[i].matrix, x, products[i].y)))
            return lw_fail(error, LW_FAILED, "oneDNN failed at a product");
    return LW_OK;
}

static void close_onednn(void *self)
{
    struct onednn *o = self;
    forget_columns(o);
    if (o->stream)
        o->f.stream_destroy(o->stream);
    if (o->engine)
        o->f.engine_destroy(o->engine);
    free(o->quantised);
    free(o->row_steps);
    free(o); /* the library stays: OpenMP's threads outlive a dlclose badly */
}

static enum lw_status load(struct onednn *o, struct lw_error *error)
{
    void (*set_threads)(int);
    struct functions *f = &o->f;
    const struct {
        const char *name;
        void *to;
    } wanted[] = {
        {"dnnl_version", &f->version},
        {"dnnl_engine_create", &f->engine_create},
        {"dnnl_engine_destroy", &f->engine_destroy},
        {"dnnl_stream_create", &f->stream_create},
        {"dnnl_stream_destroy", &f->stream_destroy},
        {"dnnl_stream_wait", &f->stream_wait},
        {"dnnl_memory_desc_init_by_tag", &f->memory_desc_init_by_tag},
        {"dnnl_inner_product_forward_desc_init", &f->inner_product_forward_desc_init},
        {"dnnl_primitive_desc_create", &f->primitive_desc_create},
        {"dnnl_primitive_desc_destroy", &f->primitive_desc_destroy},
        {"dnnl_primitive_desc_query_md", &f->primitive_desc_query_md},
        {"dnnl_primitive_create", &f->primitive_create},
        {"dnnl_primitive_destroy", &f->primitive_destroy},
        {"dnnl_primitive_execute", &f->primitive_execute},
        {"dnnl_reorder_primitive_desc_create", &f->reorder_primitive_desc_create},
        {"dnnl_memory_desc_get_size", &f->memory_desc_get_size},
        {"dnnl_memory_create", &f->memory_create},
        {"dnnl_memory_destroy", &f->memory_destroy},
        {"dnnl_memory_set_data_handle", &f->memory_set_data_handle},
    };
    o->handle = dlopen(need->name, RTLD_NOW | RTLD_LOCAL);
    void *threads = o->handle ? dlopen(threads_library, RTLD_NOW | RTLD_LOCAL) : NULL;
    if (!threads)
        return lw_fail(error, LW_FAILED,
                       "oneDNN cannot be loaded (%s); install it with 'apt-get install %s'",
                       dlerror(), need->package);
    /* POSIX lets an object pointer from dlsym stand for a function. */
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        void *found = dlsym(o->handle, wanted[i].name);
        if (!found)
            return lw_fail(error, LW_FAILED, "%s lacks %s", need->name, wanted[i].name);
        memcpy(wanted[i].to, &found, sizeof found);
    }
    *(void **)&set_threads = dlsym(threads, "omp_set_num_threads");
    const struct version *version = f->version();
    if (!set_threads || version->major != 2 || version->minor < OLDEST_MINOR)
        return lw_fail(error, LW_FAILED, "%s is oneDNN %d.%d; 2.%d or later of 2 is needed",
                       need->name, version->major, version->minor, OLDEST_MINOR);
    set_threads(1);
    return LW_OK;
}

static bool quantise_weights(struct onednn *o)
{
    const struct lw_matrix *matrix = o->model->matrices;
    o->quantised = malloc(matrix->rows * matrix->columns);
    o->row_steps = malloc(matrix->rows * sizeof *o->row_steps);
    for (size_t r = 0; r < matrix->rows && o->quantised && o->row_steps; r++)
        o->row_steps[r] = quantise(matrix->dense + r * matrix->columns, matrix->columns,
                                   o->quantised + r * matrix->columns);
    return o->quantised && o->row_steps;
}

enum lw_status lw_bench_onednn(const struct lw_model *model, bool int8, struct lw_backend *backend,
                               struct lw_error *error)
{
    struct onednn *o = calloc(1, sizeof *o);
    if (!o)
        return lw_fail(error, LW_FAILED, "out of memory for oneDNN");
    o->model = model;
    o->int8 = int8;
    enum lw_status status = load(o, error);
    if (status == LW_OK && (o->f.engine_create(&o->engine, CPU, 0) ||
                            o->f.stream_create(&o->stream, o->engine, STREAM_DEFAULT) ||
                            (int8 && !quantise_weights(o))))
        status = lw_fail(error, LW_FAILED, "oneDNN cannot be started");
    if (status != LW_OK) {
        close_onednn(o);
        return status;
    }
    *backend =
        (struct lw_backend){int8 ? "onednn-int8" : "onednn-f32", o, multiply, NULL, close_onednn};
    return LW_OK;
}
