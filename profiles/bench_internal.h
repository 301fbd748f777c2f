/* What the files behind profiles/bench.h share. */
#ifndef LW_PROFILES_BENCH_INTERNAL_H
#define LW_PROFILES_BENCH_INTERNAL_H

#include "gen/registry.h"
#include "profiles/bench.h"
#include "runtime/backend.h"

/* Kernels of all cases, by instruction set; a bundle that holds no weights. */
struct lw_bench_kernels {
    struct lw_bundle bundles[LW_ISA_COUNT];
};

/* The specs of all cases of one instruction set, as a bundle would have them: malloc'ed; *count is
 * 0 where there are none. */
enum lw_status lw_bench_specs(const struct lw_bench_case *cases, size_t count, enum lw_isa isa,
                              struct lw_spec **specs, size_t *spec_count, struct lw_error *error);

/* Standard normal numbers, always the same for a seed. */
void lw_bench_gauss(uint64_t seed, float *values, size_t count);

/* A matrix of codes, fitted quickly: greedy, or uniform with the largest weight of a row or group
 * on the outermost level. */
struct lw_bench_matrix {
    struct lw_matrix matrix; /* one code; class of the case */
    uint8_t *planes;
    int16_t *scales;
    float *bias;
};
enum lw_status lw_bench_matrix_make(const struct lw_bench_case *c, const float *weights,
                                    struct lw_bench_matrix *made, struct lw_error *error);
void lw_bench_matrix_free(struct lw_bench_matrix *made);

/* Products of one case or peer with each of `copies` equal matrices: an ordinary backend over a
 * model that is nothing but these. */
struct lw_bench_products {
    struct lw_model model;
    struct lw_bundle bundle; /* of kernels: those of the instruction set, and packed copies */
    uint8_t *packed;
    size_t key_bytes;
    float *dense; /* of peers */
    struct lw_backend backend;
};
enum lw_status lw_bench_open_kernels(const struct lw_bench_kernels *kernels,
                                     const struct lw_bench_case *c,
                                     const struct lw_bench_matrix *matrix, size_t copies,
                                     struct lw_bench_products *products, struct lw_error *error);
/* weights[M][K] of the spec's shape. */
enum lw_status lw_bench_open_peer(enum lw_bench_peer peer, const struct lw_spec *shape,
                                  const float *weights, const float *bias, size_t copies,
                                  struct lw_bench_products *products, struct lw_error *error);
void lw_bench_close(struct lw_bench_products *products);

/* oneDNN as a backend over dense matrices (which it reorders, or quantises and reorders). */
enum lw_status lw_bench_onednn(const struct lw_model *model, bool int8, struct lw_backend *backend,
                               struct lw_error *error);

/* What was measured of this core so far; zeroed at first. */
struct lw_bench_limits {
    double cycle_ns;
    size_t count;
    struct lw_bench_bandwidth {
        size_t bytes;
        double gb_per_s;
    } *known;
};
/* Fills uops_ns, keys_ns and estimate_ns of a kernel's row, whose calls go round over `copies` of
 * the matrix. */
enum lw_status lw_bench_limit(struct lw_bench_limits *limits,
                              const struct lw_bench_products *products, size_t copies,
                              struct lw_bench_row *row, struct lw_error *error);

/* Compares the product of a backend's first matrix and x[N][K] with expected[N][M]: to the bit
 * where the tolerance is 0, else within it. LW_MISMATCH names the first output that differs. */
enum lw_status lw_bench_check(const struct lw_backend *backend, const struct lw_spec *spec,
                              const float *x, const float *expected, double tolerance,
                              struct lw_error *error);

#endif
