/* Models whose matrices are of several classes: kernels against the definition, to the bit. */
#include "gen/bundle.h"
#include "gen/registry.h"
#include "runtime/backend.h"
#include "tests/places.h"
#include "tests/random_model.h"

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Both backends of a bundle made for an instruction set. */
struct pair {
    struct lw_bundle bundle;
    struct lw_backend kernels, reference;
};

static void pair_open(const struct place *place, enum lw_isa isa, struct pair *pair)
{
    struct lw_error error = {0};
    cr_assert_eq(
        lw_bundle_make(&place->model, lw_device_of(isa), place->bundle, "test", NULL, &error),
        LW_OK, "%s", error.text);
    cr_assert_eq(lw_bundle_open(place->bundle, &place->model, &pair->bundle, &error), LW_OK, "%s",
                 error.text);
    cr_assert_eq(lw_backend_kernels(&place->model, &pair->bundle, &pair->kernels, &error), LW_OK,
                 "%s", error.text);
    cr_assert_eq(lw_backend_reference(&place->model, &pair->reference, &error), LW_OK, "%s",
                 error.text);
}

static void pair_close(struct pair *pair)
{
    lw_backend_close(&pair->kernels);
    lw_backend_close(&pair->reference);
    lw_bundle_close(&pair->bundle);
}

enum { MOST_PRODUCTS = 3, MOST_COLUMNS = 11, WIDEST = 44 };

/* Multiplies x by some matrices of one K in one call of each backend: the same status and text, and
 * where that is LW_OK the same bits. */
static enum lw_status check_call(const struct place *place, const struct pair *pair,
                                 const unsigned *matrices, size_t count, size_t columns,
                                 const float *x, struct lw_error *error)
{
    static float y[2][MOST_PRODUCTS][MOST_COLUMNS * WIDEST];
    struct lw_product products[2][MOST_PRODUCTS];
    struct lw_error errors[2] = {0};
    memset(y, 0, sizeof y);
    for (size_t b = 0; b < 2; b++)
        for (size_t i = 0; i < count; i++)
            products[b][i] = (struct lw_product){matrices[i], y[b][i]};
    enum lw_status status =
        pair->kernels.multiply(pair->kernels.self, products[0], count, columns, x, &errors[0]);
    cr_assert_eq(
        pair->reference.multiply(pair->reference.self, products[1], count, columns, x, &errors[1]),
        status);
    cr_assert_str_eq(errors[0].text, errors[1].text);
    for (size_t i = 0; i < count && status == LW_OK; i++) {
        const struct lw_matrix *matrix = &place->model.matrices[matrices[i]];
        cr_assert_eq(memcmp(y[0][i], y[1][i], columns * matrix->rows * sizeof(float)), 0,
                     "%s of %s, product %zu of %zu, N = %zu", matrix->name,
                     lw_arith_name(matrix->arith), i, count, columns);
        cr_assert_neq(y[0][i][columns * matrix->rows - 1], 0);
    }
    *error = errors[0];
    return status;
}

/* Every matrix by itself, 1 to 11 columns. */
static void check_each(const struct place *place, const struct pair *pair)
{
    uint64_t seed = 9;
    for (unsigned i = 0; i < place->model.matrix_count; i++)
        for (size_t n = 1; n <= MOST_COLUMNS; n++) {
            const struct lw_matrix *matrix = &place->model.matrices[i];
            struct lw_error error = {0};
            float x[MOST_COLUMNS * WIDEST];
            for (size_t k = 0; k < n * matrix->columns; k++)
                x[k] = test_normal(&seed);
            cr_assert_eq(check_call(place, pair, &i, 1, n, x, &error), LW_OK, "%s", error.text);
            x[0] = INFINITY;
            if (matrix->arith == LW_ARITH_F32)
                continue; /* fp32 products refuse nothing */
            cr_assert_eq(check_call(place, pair, &i, 1, n, x, &error), LW_FAILED);
            cr_assert(strstr(error.text, matrix->name) != NULL, "%s", error.text);
        }
}

/* Query (odd), key (even), value (f32), o (even) and fc1 (odd) on one input, in several orders. */
static void check_shared_inputs(const struct place *place, const struct pair *pair)
{
    static const unsigned groups[][MOST_PRODUCTS] = {{1, 2, 3}, {2, 3, 1}, {3, 1, 2}, {3, 2, 1},
                                                     {2, 4, 1}, {2, 1, 4}, {1, 2, 5}, {3, 3, 3}};
    uint64_t seed = 4;
    for (size_t g = 0; g < sizeof groups / sizeof *groups; g++)
        for (size_t n = 1; n <= MOST_COLUMNS; n++) {
            struct lw_error error = {0};
            float x[MOST_COLUMNS * WIDEST];
            for (size_t k = 0; k < n * WIDEST; k++)
                x[k] = test_normal(&seed);
            cr_assert_eq(check_call(place, pair, groups[g], MOST_PRODUCTS, n, x, &error), LW_OK,
                         "%s", error.text);
            if (groups[g][0] == groups[g][1])
                continue;
            /* Sums that overflow are the failure of t8 alone, a NaN that of a8 as well: which
             * matrix is named depends on the order of products, not on that of columns. */
            x[0] = x[1] = FLT_MAX;
            cr_assert_eq(check_call(place, pair, groups[g], MOST_PRODUCTS, n, x, &error),
                         LW_FAILED);
            size_t t8 = 0;
            while (place->model.matrices[groups[g][t8]].arith != LW_ARITH_T8)
                t8++;
            cr_assert(strstr(error.text, place->model.matrices[groups[g][t8]].name), "%s",
                      error.text);
            x[n * WIDEST - 1] = NAN;
            cr_assert_eq(check_call(place, pair, groups[g], MOST_PRODUCTS, n, x, &error),
                         LW_FAILED);
        }
}

/* Between them, the two models have both classes with free and uniform scales, with and without
 * groups. */
Test(classes, products_equal_the_definition)
{
    for (int isa = 0; isa < LW_ISA_COUNT; isa++)
        for (int swap = 0; swap < 2; swap++) {
            struct place place;
            struct pair pair;
            if (!lw_isa_runs_here((enum lw_isa)isa))
                continue;
            place_make_mixed(&place, swap ? LW_ARITH_A8 : LW_ARITH_T8,
                             swap ? LW_ARITH_T8 : LW_ARITH_A8);
            pair_open(&place, (enum lw_isa)isa, &pair);
            check_each(&place, &pair);
            check_shared_inputs(&place, &pair);
            pair_close(&pair);
            place_free(&place);
        }
}

/* A matrix of class f32 in such a model gives what the f32 backend of the whole model gives. */
Test(classes, the_f32_part_is_that_of_the_whole)
{
    struct place place;
    struct lw_backend part, whole;
    struct lw_error error = {0};
    float x[WIDEST], y[WIDEST], z[WIDEST];
    uint64_t seed = 5;
    place_make_mixed(&place, LW_ARITH_T8, LW_ARITH_A8);
    cr_assert_eq(lw_backend_f32_part(&place.model, &part, &error), LW_OK, "%s", error.text);
    cr_assert_eq(lw_backend_f32(&place.model, &whole, &error), LW_OK, "%s", error.text);
    for (size_t k = 0; k < WIDEST; k++)
        x[k] = test_normal(&seed);
    for (unsigned i = 0; i < place.model.matrix_count; i++) {
        const struct lw_matrix *matrix = &place.model.matrices[i];
        struct lw_product a = {i, y}, b = {i, z};
        if (matrix->arith != LW_ARITH_F32)
            continue;
        cr_assert_eq(part.multiply(part.self, &a, 1, 1, x, &error), LW_OK);
        cr_assert_eq(whole.multiply(whole.self, &b, 1, 1, x, &error), LW_OK);
        cr_assert_eq(memcmp(y, z, matrix->rows * sizeof *y), 0, "%s", matrix->name);
    }
    lw_backend_close(&part);
    lw_backend_close(&whole);
    place_free(&place);
}

static bool lists(const struct lw_spec *specs, size_t count, const char *name)
{
    char own[LW_SPEC_NAME_BYTES];
    for (size_t i = 0; i < count; i++)
        if (lw_spec_name(&specs[i], own), strcmp(own, name) == 0)
            return true;
    return false;
}

Test(classes, kernels_are_those_of_each_matrix)
{
    struct place place;
    struct lw_picks picks;
    struct lw_spec *specs;
    size_t count;
    struct lw_error error = {0};
    place_make_mixed(&place, LW_ARITH_T8, LW_ARITH_A8);
    cr_assert_eq(lw_picks_list(&place.model, lw_device_of(LW_ISA_C), &picks, &error), LW_OK, "%s",
                 error.text);
    cr_assert_eq(lw_picks_specs(&picks, &specs, &count, &error), LW_OK);
    cr_assert(lists(specs, count, "a8_k44_c"), "encoder.0.self.q");
    cr_assert(lists(specs, count, "t8_k44_c"), "encoder.0.self.k");
    cr_assert(lists(specs, count, "t8_k20_c"), "encoder.0.ffn.fc2");
    cr_assert(!lists(specs, count, "a8_k20_c"), "no matrix is of this class and width");
    cr_assert(lists(specs, count, "a8_m44_k44_b2_n8_c"));
    cr_assert(!lists(specs, count, "f32_k44_c"));
    free(specs);
    lw_picks_free(&picks);
    for (size_t i = 0; i < place.model.matrix_count; i++)
        place.model.matrices[i].arith = LW_ARITH_F32;
    cr_assert_eq(lw_picks_list(&place.model, lw_device_of(LW_ISA_C), &picks, &error), LW_USAGE);
    cr_assert(strstr(error.text, "class f32, which has no generated kernels"), "%s", error.text);
    place_free(&place);
}
