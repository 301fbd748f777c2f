/* Measuring: shape by shape, all kernels and peers of one N and mode in rounds. */
#include "profiles/bench.h"

#include "profiles/bench_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A kernel or a peer of the shape at hand. */
struct candidate {
    const struct lw_bench_case *kernel; /* NULL: a peer */
    enum lw_bench_peer peer;
    struct lw_bench_products products;
    float *expected; /* [most N][M], of kernels: each has codes of its own */
    double tolerance;
    enum lw_status status; /* at the N at hand */
    struct lw_error error;
    size_t next, calls;
    double samples[LW_BENCH_SAMPLES];
    double core_s, wall_s;
};

struct shape {
    const struct lw_bench_kernels *kernels;
    const struct lw_bench_setup *setup;
    const struct lw_bench_case *cases;
    size_t case_count, most_columns, copies;
    float *weights, *bias, *x, *y, *exact;
    struct candidate *candidates; /* peers, then cases */
    size_t count;
    struct lw_bench_limits *limits;
    bool mismatch;
};

static double seconds(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static enum lw_status out_of_memory(struct lw_error *error)
{
    return lw_fail(error, LW_FAILED, "out of memory for the bench");
}

/* The products in double, for the peers. */
static void multiply_exactly(const struct shape *s)
{
    size_t rows = s->cases->spec.rows, columns = s->cases->spec.columns;
    for (size_t r = 0; r < rows; r++)
        for (size_t n = 0; n < s->most_columns; n++) {
            const float *w = s->weights + r * columns, *x = s->x + n * columns;
            double sum = (double)s->bias[r];
            for (size_t k = 0; k < columns; k++)
                sum += (double)w[k] * (double)x[k];
            s->exact[n * rows + r] = (float)sum;
        }
}

/* fp32 sums of K products of weights of variance 1 / K and activations of variance 1 differ by less
 * than the first figure; steps of 1/127 of the largest of K add less than the second, ten times
 * their standard deviation. */
static double tolerance_of(enum lw_bench_peer peer, size_t columns)
{
    double k = (double)columns;
    return (2 + k) * sqrt(k) * 0x1p-23 + (peer == LW_BENCH_ONEDNN_INT8 ? 0.2 : 0);
}

static enum lw_status open_peers(struct shape *s, struct lw_error *error)
{
    enum lw_status status = LW_OK;
    for (int p = 0; p < LW_BENCH_PEERS && status == LW_OK; p++) {
        if (!s->setup->peers[p])
            continue;
        struct candidate *c = &s->candidates[s->count++];
        c->peer = (enum lw_bench_peer)p;
        c->tolerance = tolerance_of(c->peer, s->cases->spec.columns);
        status = lw_bench_open_peer(c->peer, &s->cases->spec, s->weights, s->bias, s->copies,
                                    &c->products, error);
    }
    return status;
}

/* What the definition of the class gives for these codes. */
static enum lw_status multiply_by_reference(const struct shape *s, struct lw_matrix *matrix,
                                            float *expected, struct lw_error *error)
{
    struct lw_model model = {.matrix_count = 1, .matrices = matrix};
    struct lw_backend reference;
    struct lw_product product = {0, expected};
    enum lw_status status = lw_backend_reference(&model, &reference, error);
    if (status != LW_OK)
        return status;
    status = reference.multiply(reference.self, &product, 1, s->most_columns, s->x, error);
    lw_backend_close(&reference);
    return status;
}

static enum lw_status open_kernels(struct shape *s, struct lw_error *error)
{
    enum lw_status status = LW_OK;
    for (size_t i = 0; i < s->case_count && status == LW_OK; i++) {
        struct lw_bench_matrix made;
        struct candidate *c = &s->candidates[s->count++];
        c->kernel = &s->cases[i];
        c->expected = malloc(s->most_columns * s->cases->spec.rows * sizeof *c->expected);
        if (!c->expected)
            return out_of_memory(error);
        status = lw_bench_matrix_make(c->kernel, s->weights, &made, error);
        if (status == LW_OK)
            status = multiply_by_reference(s, &made.matrix, c->expected, error);
        if (status == LW_OK)
            status =
                lw_bench_open_kernels(s->kernels, c->kernel, &made, s->copies, &c->products, error);
        lw_bench_matrix_free(&made);
    }
    return status;
}

static enum lw_status open_shape(struct shape *s, struct lw_error *error)
{
    size_t rows = s->cases->spec.rows, columns = s->cases->spec.columns, n = s->most_columns;
    s->weights = calloc(rows * columns, sizeof *s->weights);
    s->bias = calloc(rows, sizeof *s->bias);
    s->x = calloc(n * columns, sizeof *s->x);
    s->y = calloc(n * rows, sizeof *s->y);
    s->exact = calloc(n * rows, sizeof *s->exact);
    s->candidates = calloc(LW_BENCH_PEERS + s->case_count, sizeof *s->candidates);
    if (!s->weights || !s->bias || !s->x || !s->y || !s->exact || !s->candidates)
        return out_of_memory(error);
    lw_bench_gauss(s->setup->seed, s->weights, rows * columns);
    for (size_t i = 0; i < rows * columns; i++)
        s->weights[i] /= sqrtf((float)columns);
    lw_bench_gauss(s->setup->seed + 1, s->bias, rows);
    lw_bench_gauss(s->setup->seed + 2, s->x, n * columns);
    enum lw_status status = open_peers(s, error);
    if (s->count)
        multiply_exactly(s);
    return status == LW_OK ? open_kernels(s, error) : status;
}

static void close_shape(struct shape *s)
{
    for (size_t i = 0; i < s->count; i++) {
        lw_bench_close(&s->candidates[i].products);
        free(s->candidates[i].expected);
    }
    free(s->weights);
    free(s->bias);
    free(s->x);
    free(s->y);
    free(s->exact);
    free(s->candidates);
}

/* Calls one candidate; returns the time of its thread in seconds. A call that was right once does
 * not fail. */
static double call(struct candidate *c, const struct shape *s, size_t columns, size_t copies,
                   size_t calls)
{
    struct lw_backend *backend = &c->products.backend;
    double start = seconds(CLOCK_THREAD_CPUTIME_ID);
    for (size_t i = 0; i < calls; i++) {
        struct lw_product product = {(unsigned)c->next, s->y};
        if (backend->multiply(backend->self, &product, 1, columns, s->x, &c->error) != LW_OK)
            c->status = LW_FAILED;
        c->next = c->next + 1 < copies ? c->next + 1 : 0;
    }
    return seconds(CLOCK_THREAD_CPUTIME_ID) - start;
}

/* Once over all copies, then more and more calls until they are long enough to tell how many a
 * sample needs. */
static void warm_up(struct candidate *c, const struct shape *s, size_t columns, size_t copies)
{
    double sample = s->setup->seconds / (double)LW_BENCH_SAMPLES,
           took = call(c, s, columns, copies, copies);
    size_t calls = copies;
    while (took < sample / 4 && c->status == LW_OK) {
        calls *= 2;
        took = call(c, s, columns, copies, calls);
    }
    double wanted = ceil(sample / took * (double)calls);
    c->calls = wanted < 1 ? 1 : (size_t)wanted;
}

/* Each round starts with another candidate, so that none always follows the same one; a tenth of a
 * sample is run before it. */
static void measure(struct shape *s, size_t columns, size_t copies)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->candidates[i].status == LW_OK)
            warm_up(&s->candidates[i], s, columns, copies);
    for (size_t round = 0; round < LW_BENCH_SAMPLES; round++)
        for (size_t i = 0; i < s->count; i++) {
            struct candidate *c = &s->candidates[(i + round) % s->count];
            if (c->status != LW_OK)
                continue;
            call(c, s, columns, copies, c->calls / 10 + 1);
            double start = seconds(CLOCK_MONOTONIC), took = call(c, s, columns, copies, c->calls);
            c->wall_s += seconds(CLOCK_MONOTONIC) - start;
            c->core_s += took;
            c->samples[round] = 1e9 * took / (double)c->calls;
        }
}

static void check(struct shape *s, size_t columns)
{
    struct lw_spec spec = s->cases->spec;
    spec.batch = columns;
    for (size_t i = 0; i < s->count; i++) {
        struct candidate *c = &s->candidates[i];
        c->error = (struct lw_error){0};
        c->next = 0;
        c->core_s = c->wall_s = 0;
        c->status = lw_bench_check(&c->products.backend, &spec, s->x,
                                   c->kernel ? c->expected : s->exact, c->tolerance, &c->error);
    }
}

/* Over which calls go round. */
static size_t copies_of(const struct shape *s, enum lw_bench_mode mode)
{
    return mode == LW_BENCH_RESIDENT ? s->copies : 1;
}

static void fill_row(const struct candidate *c, const struct shape *s, size_t columns,
                     enum lw_bench_mode mode, struct lw_bench_row *row)
{
    double samples[LW_BENCH_SAMPLES];
    *row = (struct lw_bench_row){.kernel = c->kernel,
                                 .peer = c->peer,
                                 .spec = {.arith = LW_ARITH_F32,
                                          .rows = s->cases->spec.rows,
                                          .columns = s->cases->spec.columns},
                                 .mode = mode,
                                 .status = c->status,
                                 .error = c->status == LW_OK ? NULL : c->error.text,
                                 .calls = c->calls,
                                 .key_bytes = c->products.key_bytes,
                                 .uops_ns = NAN,
                                 .keys_ns = NAN,
                                 .estimate_ns = NAN};
    if (c->kernel)
        row->spec = c->kernel->spec;
    row->spec.batch = columns;
    if (c->status != LW_OK)
        return;
    memcpy(samples, c->samples, sizeof samples);
    lw_bench_figures(samples, LW_BENCH_SAMPLES, &row->ns);
    row->on_core = c->wall_s > 0 ? fmin(c->core_s / c->wall_s, 1) : 1;
}

static enum lw_status report(struct shape *s, size_t columns, enum lw_bench_mode mode,
                             struct lw_error *error)
{
    double peers_ns[LW_BENCH_PEERS];
    enum lw_status status = LW_OK;
    for (int p = 0; p < LW_BENCH_PEERS; p++)
        peers_ns[p] = NAN;
    for (size_t i = 0; i < s->count && status == LW_OK; i++) {
        struct lw_bench_row row;
        const struct candidate *c = &s->candidates[i];
        fill_row(c, s, columns, mode, &row);
        if (!c->kernel && c->status == LW_OK)
            peers_ns[c->peer] = row.ns.median;
        memcpy(row.peers_ns, peers_ns, sizeof peers_ns);
        s->mismatch = s->mismatch || c->status == LW_MISMATCH;
        if (c->status != LW_OK && c->status != LW_MISMATCH)
            status = lw_fail(error, c->status, "%s", c->error.text);
        else if (c->kernel && c->status == LW_OK)
            status = lw_bench_limit(s->limits, &c->products, copies_of(s, mode), &row, error);
        if (status == LW_OK)
            status = s->setup->row(s->setup->context, &row, error);
    }
    return status;
}

static enum lw_status run_shape(struct shape *s, struct lw_error *error)
{
    const struct lw_bench_setup *setup = s->setup;
    enum lw_status status = open_shape(s, error);
    for (size_t n = 0; n < setup->column_count && status == LW_OK; n++)
        for (int mode = 0; mode < LW_BENCH_MODES && status == LW_OK; mode++) {
            if (!setup->modes[mode])
                continue;
            check(s, setup->columns[n]);
            measure(s, setup->columns[n], copies_of(s, (enum lw_bench_mode)mode));
            status = report(s, setup->columns[n], (enum lw_bench_mode)mode, error);
        }
    close_shape(s);
    return status;
}

static bool same_shape(const struct lw_spec *a, const struct lw_spec *b)
{
    return a->rows == b->rows && a->columns == b->columns;
}

enum lw_status lw_bench_run(const struct lw_bench_kernels *kernels,
                            const struct lw_bench_setup *setup, struct lw_error *error)
{
    size_t most_columns = 0;
    struct lw_bench_limits limits = {0};
    bool mismatch = false;
    for (size_t n = 0; n < setup->column_count; n++)
        most_columns = setup->columns[n] > most_columns ? setup->columns[n] : most_columns;
    enum lw_status status = LW_OK;
    for (size_t first = 0, end; first < setup->case_count && status == LW_OK; first = end) {
        const struct lw_spec *spec = &setup->cases[first].spec;
        for (end = first; end < setup->case_count && same_shape(&setup->cases[end].spec, spec);)
            end++;
        struct shape shape = {.kernels = kernels,
                              .setup = setup,
                              .cases = &setup->cases[first],
                              .case_count = end - first,
                              .most_columns = most_columns,
                              .limits = &limits,
                              .copies = 1};
        size_t weights = spec->rows * spec->columns;
        if (setup->modes[LW_BENCH_RESIDENT])
            shape.copies = (setup->resident_weights + weights - 1) / weights;
        status = run_shape(&shape, error);
        mismatch = mismatch || shape.mismatch;
    }
    free(limits.known);
    if (status == LW_OK && mismatch)
        status = lw_fail(error, LW_MISMATCH,
                         "results differ from the reference; those cells were not timed");
    return status;
}
