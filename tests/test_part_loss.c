/* Losses and costs of the parts of a small model. */
#include "models/marian.h"
#include "models/quantize.h"
#include "profiles/costs.h"
#include "profiles/part_loss.h"
#include "tests/folder.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct folder *folder;
static struct lw_model model;
static struct lw_part *parts;
static size_t part_count;
static struct lw_pairs pairs;
static uint8_t **class_of;

static void setup(void)
{
    struct lw_error error = {0};
    struct folder_spec spec = folder_defaults();
    spec.config.d_model = 32;
    spec.config.encoder_ffn = spec.config.decoder_ffn = 64;
    folder = folder_new(&spec);
    folder_write(folder);
    folder_write_bytes(folder->path, "source", "the in a is\nto be of\nand the\n", 29);
    folder_write_bytes(folder->path, "target", "die der Sie\nnicht zu\nund\n", 25);
    char source[128], target[128];
    snprintf(source, sizeof source, "%s/source", folder->path);
    snprintf(target, sizeof target, "%s/target", folder->path);
    cr_assert_eq(lw_marian_import(folder->path, &model, &error), LW_OK, "%s", error.text);
    cr_assert_eq(lw_parts_list(&model, &parts, &part_count, &error), LW_OK, "%s", error.text);
    cr_assert_eq(lw_pairs_read(&model, source, target, 3, &pairs, &error), LW_OK, "%s", error.text);
    class_of = calloc(model.matrix_count, sizeof *class_of);
    class_of[0] = calloc(model.matrices[0].rows, 1);
    uint64_t *counts = calloc(model.matrices[0].rows, sizeof *counts);
    cr_assert_eq(lw_word_classes(counts, model.matrices[0].rows, class_of[0], &error), LW_OK);
    free(counts);
}

static void teardown(void)
{
    free(class_of[0]);
    free(class_of);
    lw_pairs_free(&pairs);
    free(parts);
    lw_model_free(&model);
    char path[128];
    snprintf(path, sizeof path, "%s/source", folder->path);
    remove(path);
    snprintf(path, sizeof path, "%s/target", folder->path);
    remove(path);
    folder_free(folder);
}

TestSuite(part_loss, .init = setup, .fini = teardown);

static struct lw_losses *open_losses(size_t threads)
{
    const struct lw_losses_setup setup_of = {.model = &model,
                                             .pairs = &pairs,
                                             .calibration = &pairs,
                                             .class_of = (const uint8_t *const *)class_of,
                                             .threads = threads};
    struct lw_losses *losses;
    struct lw_error error = {0};
    cr_assert_eq(lw_losses_open(&setup_of, &losses, &error), LW_OK, "%s", error.text);
    return losses;
}

Test(part_loss, a_model_does_not_diverge_from_itself)
{
    struct lw_backend backend;
    struct lw_teacher *teacher;
    struct lw_lesson lesson;
    struct lw_error error = {0};
    double nats;
    cr_assert_eq(lw_backend_f32(&model, &backend, &error), LW_OK);
    cr_assert_eq(lw_teacher_make(&pairs, &model, &backend, 2, &teacher, &nats, &error), LW_OK);
    cr_assert_eq(lw_teacher_try(teacher, &model, &backend, 1, &lesson, &error), LW_OK);
    cr_expect_float_eq(lesson.divergence, 0, 1e-6);
    cr_expect_float_eq(lesson.nats_a_word, nats, 1e-12);
    lw_teacher_free(teacher);
    lw_backend_close(&backend);
}

Test(part_loss, more_bits_cost_less_and_threads_change_nothing)
{
    struct lw_losses *one = open_losses(1), *two = open_losses(2);
    struct lw_error error = {0};
    for (size_t p = 0; p < part_count; p += 3) {
        double before = INFINITY;
        for (unsigned bits = 1; bits <= 4; bits++) {
            const struct lw_loss_target target = {&parts[p], -1};
            struct lw_lesson a, b;
            double relative, again;
            cr_assert_eq(lw_losses_error(one, &target, bits, 0, &relative, &error), LW_OK);
            cr_assert_eq(lw_losses_error(two, &target, bits, 0, &again, &error), LW_OK);
            cr_assert_eq(lw_losses_try(one, &target, bits, 0, &a, &error), LW_OK);
            cr_assert_eq(lw_losses_try(two, &target, bits, 0, &b, &error), LW_OK);
            cr_expect_eq(relative, again);
            cr_expect_eq(a.divergence, b.divergence, "%s", parts[p].name);
            cr_expect(a.divergence > -1e-7);
            cr_expect(relative > 0 && relative < before, "%s: %g, then %g", parts[p].name, before,
                      relative);
            before = relative;
        }
    }
    lw_losses_close(one);
    lw_losses_close(two);
}

/* Classes change their rows alone, so their errors weigh up to that of all rows. */
Test(part_loss, classes_of_words_make_up_the_words)
{
    struct lw_losses *losses = open_losses(1);
    struct lw_error error = {0};
    double least = INFINITY, most = 0, all, own;
    for (int c = 0; c < LW_WORD_CLASSES; c++) {
        const struct lw_loss_target target = {&parts[0], c};
        cr_assert_eq(lw_losses_error(losses, &target, 2, 0, &own, &error), LW_OK);
        least = fmin(least, own);
        most = fmax(most, own);
    }
    cr_assert_eq(
        lw_losses_error(losses, &(struct lw_loss_target){&parts[0], -1}, 2, 0, &all, &error),
        LW_OK);
    cr_expect(least <= all && all <= most, "%g %g %g", least, all, most);
    lw_losses_close(losses);
}

/* Cycles of parts add up to those of a plan that was really quantised. */
Test(part_loss, cycles_of_parts_add_up_to_those_of_plans)
{
    struct lw_losses *losses = open_losses(1);
    struct lw_cost_device device;
    struct lw_error error = {0};
    struct lw_cell all[LW_MOST_CELLS], *cells = calloc(part_count, sizeof *cells);
    struct lw_cell *alone = calloc(part_count, sizeof *alone);
    struct lw_cost *costs = calloc(part_count, sizeof *costs);
    bool *wanted = calloc(part_count, sizeof *wanted);
    cr_assert_eq(lw_cost_device_named("lut-mobile", &device, &error), LW_OK);
    const struct lw_costing costing = {.device = &device,
                                       .model = &model,
                                       .parts = parts,
                                       .part_count = part_count,
                                       .source_words = 5,
                                       .target_words = 6};
    for (size_t seed = 1; seed < 4; seed++) {
        double sum = 0, whole = 0;
        for (size_t p = 0; p < part_count; p++) {
            size_t count = lw_cells_list(&parts[p], all, LW_MOST_CELLS);
            cells[p] = all[(seed * 7919 + p * 104729) % count];
        }
        for (size_t p = 0; p < part_count; p++) { /* beside others of one bit, as it is profiled */
            for (size_t o = 0; o < part_count; o++)
                alone[o] = (struct lw_cell){{1, 1, 1, 1, 1}, 0};
            alone[p] = cells[p];
            wanted[p] = true;
            cr_assert_eq(lw_costs_of(&costing, alone, wanted, costs, &error), LW_OK, "%s",
                         error.text);
            sum += costs[p].cost;
            wanted[p] = false;
        }
        struct lw_model coded;
        struct lw_lesson lesson;
        cr_assert_eq(lw_losses_whole(losses, parts, cells, part_count, LW_WEIGHTING_GRAM,
                                     LW_ARITH_A8, &coded, &lesson, &error),
                     LW_OK, "%s", error.text);
        cr_assert_eq(lw_costs_of_engine(&costing, &coded, NULL, costs, &error), LW_OK);
        for (size_t p = 0; p < part_count; p++)
            whole += costs[p].cost;
        cr_expect_eq(whole, sum, "seed %zu: %.0f, parts %.0f", seed, whole, sum);
        cr_expect_gt(whole, 0);
        lw_model_free(&coded);
    }
    free(wanted);
    free(costs);
    free(alone);
    free(cells);
    lw_losses_close(losses);
}
