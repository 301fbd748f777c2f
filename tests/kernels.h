/* Random products for tests of the generator: codes, biases, activations, and every way to compute
 * them. */
#ifndef LW_TESTS_KERNELS_H
#define LW_TESTS_KERNELS_H

#include "gen/registry.h"
#include "gen/spec.h"
#include "models/transformer.h"

#include <stddef.h>
#include <stdint.h>

struct product_case {
    struct lw_spec spec;
    struct lw_code code; /* owns its planes and scales */
    float *bias;         /* [M] */
    float *x;            /* [N][K] */
};

/* Deterministic for a seed. */
void product_case_make(struct product_case *c, const struct lw_spec *spec, uint64_t seed);
void product_case_free(struct product_case *c);
/* All |x| equal and codes equal to their signs: the largest sums that can occur. */
void product_case_saturate(struct product_case *c);
/* A product of any class, bits, groups and N, of odd shapes. */
struct lw_spec random_spec(uint64_t *state, enum lw_isa isa);
/* The index of a spec in a list, to which it is added where it is missing. */
size_t list_spec(struct lw_spec *specs, size_t *count, const struct lw_spec *spec);
/* The next pseudo-random 64 bits (xorshift64*). */
uint64_t random_bits(uint64_t *state);
/* Uniform in [-1, 1). */
float random_float(uint64_t *state);

/* Each gives y[N][M]; returns what the kernel returns (0, or 1 for activations that are not
 * finite). */
int run_ir(const struct product_case *c, float *y);
int run_program(const struct product_case *c, float *y);
int run_compiled(const struct product_case *c, lw_tables_function *tables,
                 lw_product_function *product, float *y);
/* Straight from the definition in docs/NUMBERS.md. */
int run_reference(const struct product_case *c, float *y);

/* Fails the test at the first output that is not the same bits. */
void assert_same(const float *y, const float *expected, size_t count, const struct lw_spec *spec,
                 const char *what);
/* A compiled kernel against the definition, on the case of a seed; 3: saturating input. */
void check_kernel(const struct lw_spec *spec, lw_tables_function *tables,
                  lw_product_function *product, uint64_t seed);
/* The same for random specs of an instruction set that this CPU has, random and saturating input.
 */
void check_random_kernels(enum lw_isa isa, uint64_t seed, size_t count);

/* Writes the C text of a kernel. */
void write_kernel_source(const struct lw_spec *spec, const char *path);

/* Compiles kernels (tables and products) into one library; entry i belongs to spec i. Fails the
 * test on any error. */
struct compiled_kernels {
    void *library;
    lw_tables_function **tables;
    lw_product_function **products;
};
void compile_kernels(const struct lw_spec *specs, size_t count, struct compiled_kernels *out);
void compiled_kernels_free(struct compiled_kernels *kernels);

#endif
