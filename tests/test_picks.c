/* Planning: what is picked follows from the times, and comes back from a bundle. */
#include "gen/bundle.h"
#include "gen/picks.h"
#include "gen/picks_json.h"
#include "gen/registry.h"
#include "profiles/database_sensitivity.h"
#include "profiles/picks_measured.h"
#include "tests/databases.h"
#include "tests/places.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct lw_device *portable(void)
{
    return lw_device_named("portable");
}

/* A pick of `count` options whose rows tell them apart. */
static struct lw_pick pick_of(size_t count, bool many)
{
    struct lw_pick pick = {.option_count = count, .many = many};
    for (size_t o = 0; o < count; o++)
        pick.options[o].spec = (struct lw_spec){
            .arith = LW_ARITH_T8, .rows = 16 + o, .columns = 64, .bits = 2, .batch = 1};
    return pick;
}

/* Times of N = 16, 8, 4, 2, 1. */
static void set_times(struct lw_option *option, double a, double b, double c, double d, double e)
{
    const double ns[LW_PICK_COLUMNS] = {a, b, c, d, e};
    memcpy(option->ns, ns, sizeof ns);
}

/* One option is best for few columns, another for many, the third nowhere. */
Test(picks, the_columns_that_a_matrix_sees_decide)
{
    for (int many = 0; many < 2; many++) {
        struct lw_pick pick = pick_of(3, many);
        struct lw_picks picks = {.count = 1, .picks = &pick};
        set_times(&pick.options[0], 900, 450, 220, 110, 55);
        set_times(&pick.options[1], 80, 80, 80, 300, 300);
        set_times(&pick.options[2], 800, 400, 100, 60, 30);
        lw_picks_decide(&picks, LW_BASIS_MEASURED);
        cr_expect_eq(pick.options[0].spec.rows, many ? 17 : 18);
        cr_expect_eq(pick.options[1].spec.rows, many ? 18 : 16);
        cr_expect_leq(pick.options[0].column_ns, pick.options[1].column_ns);
        cr_expect_leq(pick.options[1].column_ns, pick.options[2].column_ns);
        double expected = many ? (80.0 / 16 + 80.0 / 8) / 2 : (100.0 / 4 + 60.0 / 2 + 30) / 3;
        cr_expect_float_eq(pick.options[0].column_ns, expected, 1e-9);
    }
}

Test(picks, of_equal_ones_the_first_stays_first)
{
    struct lw_pick pick = pick_of(4, false);
    struct lw_picks picks = {.count = 1, .picks = &pick};
    for (size_t o = 0; o < 4; o++)
        set_times(&pick.options[o], 16, 8, 4, 2, 1);
    lw_picks_decide(&picks, LW_BASIS_ESTIMATE);
    for (size_t o = 0; o < 4; o++)
        cr_expect_eq(pick.options[o].spec.rows, 16 + o);
}

Test(picks, every_quantised_code_has_families_of_its_class_and_shape)
{
    struct place place;
    struct lw_picks picks;
    struct lw_error error = {0};
    place_make_mixed(&place, LW_ARITH_T8, LW_ARITH_A8);
    cr_assert_eq(lw_picks_list(&place.model, portable(), &picks, &error), LW_OK, "%s", error.text);
    cr_assert_eq(lw_picks_estimate(&picks, portable(), &error), LW_OK);
    size_t codes = 0;
    for (size_t i = 0; i < place.model.matrix_count; i++)
        if (lw_matrix_has_quantised_product(&place.model.matrices[i]))
            codes += place.model.matrices[i].code_count;
    cr_assert_eq(picks.count, codes);
    cr_expect_not(picks.resident);
    for (size_t i = 0; i < codes; i++) {
        const struct lw_pick *pick = &picks.picks[i];
        const struct lw_matrix *matrix = &place.model.matrices[pick->matrix];
        cr_expect_eq(pick->many,
                     strncmp(matrix->name, "encoder", 7) == 0 ||
                         strstr(matrix->name, "cross.k") != NULL ||
                         strstr(matrix->name, "cross.v") != NULL,
                     "%s", matrix->name);
        cr_assert_geq(pick->option_count, 1);
        for (size_t o = 0; o < pick->option_count; o++) {
            const struct lw_option *option = &pick->options[o];
            cr_expect_eq(option->spec.arith, matrix->arith);
            cr_expect_eq(option->spec.rows, matrix->codes[pick->code].rows);
            cr_expect_eq(option->spec.columns, matrix->columns);
            for (size_t b = 0; b < LW_PICK_COLUMNS; b++)
                cr_expect(isfinite(option->ns[b]) && option->ns[b] > 0);
        }
    }
    lw_picks_free(&picks);
    place_free(&place);
}

/* Of class a8 there are lookups and products of integers; the first listed is the usual one. */
Test(picks, families_of_a8)
{
    struct place place;
    struct lw_picks picks;
    struct lw_error error = {0};
    place_make(&place, LW_ARITH_A8);
    const struct lw_device *device = lw_device_named("x86-avx512");
    cr_assert_eq(lw_picks_list(&place.model, device, &picks, &error), LW_OK, "%s", error.text);
    cr_assert_eq(lw_picks_estimate(&picks, device, &error), LW_OK);
    for (size_t i = 0; i < picks.count; i++) {
        const struct lw_option *options = picks.picks[i].options;
        cr_assert_eq(picks.picks[i].option_count, 2);
        cr_expect_neq(options[0].spec.family, options[1].spec.family);
        cr_expect_eq(options[0].spec.family, lw_family_usual(&options[0].spec));
        for (size_t o = 0; o < 2; o++) {
            cr_expect_eq(lw_spec_check(&options[o].spec, &error), LW_OK, "%s", error.text);
            cr_expect_neq(options[0].ns[0], options[1].ns[0]);
        }
    }
    lw_picks_free(&picks);
    place_free(&place);
}

Test(picks, a_manifest_names_the_runner_up)
{
    struct place place;
    struct lw_picks picks;
    struct lw_error error = {0};
    place_make(&place, LW_ARITH_T8);
    cr_assert_eq(lw_picks_list(&place.model, portable(), &picks, &error), LW_OK);
    struct lw_pick *pick = &picks.picks[0];
    pick->option_count = 2;
    pick->options[1] = pick->options[0];
    set_times(&pick->options[0], 160, 80, 40, 20, 10);
    set_times(&pick->options[1], 140, 70, 30, 10, 5);
    lw_picks_decide(&picks, LW_BASIS_MEASURED);
    json_t *list = lw_picks_json(&picks, &place.model);
    const json_t *object = json_array_get(list, 0), *other = json_object_get(object, "runner_up");
    cr_expect_str_eq(json_string_value(json_object_get(object, "why")), "measured");
    cr_expect_float_eq(json_number_value(json_object_get(json_object_get(object, "ns"), "1")), 5,
                       1e-9);
    cr_expect_float_eq(json_number_value(json_object_get(json_object_get(other, "ns"), "8")), 80,
                       1e-9);
    cr_expect_str_eq(json_string_value(json_object_get(json_array_get(list, 1), "why")),
                     "only family");
    json_decref(list);
    lw_picks_free(&picks);
    place_free(&place);
}

TestSuite(picks_measured, .init = database_setup, .fini = database_teardown, .timeout = 120);

struct told {
    size_t known, stale, all, measured;
};

static void keep_known(void *context, size_t known, size_t stale, size_t all)
{
    struct told *told = context;
    *told = (struct told){known, stale, all, 0};
}

static void keep_measured(void *context, size_t done, size_t all)
{
    struct told *told = context;
    (void)all;
    told->measured = done;
}

/* Measures the picks of a model by a maker; the kernels are those of now whatever it says. */
static struct told measure(const struct lw_model *model, const struct lw_kernel_maker *maker,
                           struct lw_picks *picks)
{
    struct told told = {0};
    struct lw_error error = {0};
    struct lw_run run = LW_RUN_UNKNOWN;
    run.verb = "generate";
    run.command = "lutwidge generate";
    struct lw_measuring measuring = {.database = database_open(),
                                     .maker = maker,
                                     .seconds = 1e-4,
                                     .known = keep_known,
                                     .measured = keep_measured,
                                     .context = &told};
    cr_assert_eq(lw_database_start_run(measuring.database, &run, &measuring.run, &error), LW_OK);
    cr_assert_eq(lw_picks_list(model, portable(), picks, &error), LW_OK);
    cr_assert_eq(lw_picks_measure(picks, &measuring, &error), LW_OK, "%s", error.text);
    lw_database_close(measuring.database);
    return told;
}

Test(picks_measured, times_are_kept_and_refused_when_stale)
{
    static const struct lw_kernel_maker makers[] = {{"0123456789abcdef", "clang version 19"},
                                                    {"0123456789abcdef", "clang version 20"},
                                                    {"fedcba9876543210", "clang version 19"}};
    static float weights[] = {1};
    struct lw_matrix matrices[2];
    for (int i = 0; i < 2; i++)
        matrices[i] = (struct lw_matrix){.name = "encoder.0.self.q",
                                         .block = LW_BLOCK_ENCODER,
                                         .rows = 16,
                                         .columns = 32,
                                         .code_count = 1,
                                         .codes = {{.rows = 16, .bits = 1}},
                                         .bias = weights,
                                         .arith = LW_ARITH_T8};
    for (int i = 0; i < 2; i++)
        lw_matrix_set_scales(&matrices[i], 32, i, 0);
    struct lw_model model = {.matrix_count = 2, .matrices = matrices};
    struct lw_picks picks, again;
    struct told told = measure(&model, &makers[0], &picks);
    /* Scales differ, so that these are two shapes. */
    cr_expect(told.known == 0 && told.stale == 0 && told.all == 2);
    cr_expect_eq(told.measured, 2 * LW_PICK_COLUMNS * LW_BENCH_MODES);
    told = measure(&model, &makers[0], &again);
    cr_expect(told.known == 2 && told.stale == 0 && told.measured == 0);
    for (size_t b = 0; b < LW_PICK_COLUMNS; b++)
        cr_expect_float_eq(again.picks[1].options[0].ns[b], picks.picks[1].options[0].ns[b], 1e-9);
    lw_picks_free(&again);
    lw_picks_free(&picks);
    for (int i = 1; i < 3; i++) {
        told = measure(&model, &makers[i], &again);
        cr_expect(told.known == 0 && told.stale == 2 && told.measured > 0);
        lw_picks_free(&again);
    }
    database_raw("UPDATE kernel_measurements SET flags = '-O0' WHERE alpha = 'free' AND n = 2");
    told = measure(&model, &makers[0], &again);
    cr_expect(told.known == 1 && told.stale == 1, "%zu known, %zu stale", told.known, told.stale);
    lw_picks_free(&again);
    database_raw("UPDATE kernel_measurements SET cpu = 'another'");
    told = measure(&model, &makers[0], &again);
    cr_expect(told.known == 0 && told.stale == 0);
    lw_picks_free(&again);
}
