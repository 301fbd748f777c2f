/* How long generated product kernels take beside the peers that this machine has.
 * docs/BENCHMARKS.md says how it is measured. */
#ifndef LW_PROFILES_BENCH_H
#define LW_PROFILES_BENCH_H

#include "gen/compile.h"
#include "gen/spec.h"
#include "models/plan.h"
#include "models/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A product with one matrix. spec.batch is not used: N comes from the setup. */
struct lw_bench_case {
    struct lw_spec spec;
    enum lw_alpha alpha;
};

enum lw_bench_mode {
    LW_BENCH_RESIDENT, /* rotates over copies of the matrix */
    LW_BENCH_HOT,      /* the same matrix again and again */
    LW_BENCH_MODES
};
const char *lw_bench_mode_name(enum lw_bench_mode mode);

/* What the kernels stand beside, one thread each. */
enum lw_bench_peer {
    LW_BENCH_OPENBLAS,    /* fp32, as lw_backend_blas calls it */
    LW_BENCH_ONEDNN_F32,  /* fp32, weights in the order that oneDNN prefers */
    LW_BENCH_ONEDNN_INT8, /* int8 weights; each column of activations quantised within the call */
    LW_BENCH_PEERS
};
/* "openblas", "onednn-f32", "onednn-int8" */
const char *lw_bench_peer_name(enum lw_bench_peer peer);

/* Of samples, in their unit. */
struct lw_bench_figures {
    size_t count;
    double median, lower, upper; /* quartiles, interpolated between neighbours */
};
/* Sorts the samples, at least one. */
void lw_bench_figures(double *samples, size_t count, struct lw_bench_figures *figures);
/* 100 * (upper - lower) / median */
double lw_bench_spread_percent(const struct lw_bench_figures *figures);

/* One cell: a kernel or a peer at one N and mode. */
struct lw_bench_row {
    const struct lw_bench_case *kernel; /* NULL: a peer */
    enum lw_bench_peer peer;
    struct lw_spec spec; /* of a kernel with its N; of a peer with class f32, bits 0 */
    enum lw_bench_mode mode;
    enum lw_status status;           /* LW_MISMATCH: the result is wrong and nothing was timed */
    const char *error;               /* NULL where status is LW_OK */
    struct lw_bench_figures ns;      /* of a call with N columns */
    size_t calls;                    /* in a sample */
    size_t key_bytes;                /* of one matrix, padding included; 0 of a peer */
    double on_core;                  /* share of the time that its thread had a core, 0..1 */
    double peers_ns[LW_BENCH_PEERS]; /* medians of the same rounds; NAN where there is none */
    /* Of kernels; NAN of peers. */
    double uops_ns;     /* what the ports of this core need for the instructions */
    double keys_ns;     /* the time in which this core reads as many bytes as the keys have */
    double estimate_ns; /* what planning would have estimated (gen/cost.h) */
};
/* No kernel of the same instructions and keys takes less: the larger of the first two. */
double lw_bench_limit_ns(const struct lw_bench_row *row);

struct lw_bench_setup {
    const struct lw_bench_case *cases; /* those of one shape stand together */
    size_t case_count;
    const size_t *columns; /* each N, 1..LW_SPEC_MAX_BATCH */
    size_t column_count;
    bool modes[LW_BENCH_MODES];
    bool peers[LW_BENCH_PEERS];
    double seconds;          /* a cell: what its samples take together */
    size_t resident_weights; /* that the copies of a matrix hold together, at least */
    uint64_t seed;           /* of weights and activations */
    /* Called with each finished cell, peers first; on another status than LW_OK the bench stops. */
    enum lw_status (*row)(void *context, const struct lw_bench_row *row, struct lw_error *error);
    void *context;
};

enum { LW_BENCH_SAMPLES = 11, LW_BENCH_RESIDENT_WEIGHTS = 1 << 25 };

struct lw_bench_kernels;

/* Generates and compiles the kernels of all cases; the files are gone afterwards. LW_FAILED where
 * this CPU lacks an instruction set or the compiler fails, LW_USAGE for specs out of range. */
enum lw_status lw_bench_compile(const struct lw_bench_case *cases, size_t count,
                                const struct lw_watch *watch, struct lw_bench_kernels **kernels,
                                struct lw_error *error);
void lw_bench_kernels_free(struct lw_bench_kernels *kernels);
/* Hash of the sources of the generator. */
const char *lw_bench_generator(void);

/* Whether a peer can be loaded here; LW_FAILED says why not. */
enum lw_status lw_bench_peer_check(enum lw_bench_peer peer, struct lw_error *error);

/* Measures all cells. A cell that is wrong does not stop the others: it is LW_MISMATCH at the end.
 * The times are of the thread, without what other processes had of its core. */
enum lw_status lw_bench_run(const struct lw_bench_kernels *kernels,
                            const struct lw_bench_setup *setup, struct lw_error *error);

#endif
