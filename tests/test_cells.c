/* Parts of models, the codes that they may have, and what is predicted of them. */
#include "models/lwm.h"
#include "models/marian.h"
#include "models/quantize.h"
#include "profiles/cells.h"
#include "profiles/costs.h"
#include "profiles/prediction.h"
#include "tests/folder.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct folder *folder;
static struct lw_model model;
static struct lw_part *parts;
static size_t part_count;

static void setup(void)
{
    struct lw_error error = {0};
    struct folder_spec spec = folder_defaults();
    spec.config.d_model = 40; /* groups do not divide it */
    spec.config.encoder_ffn = spec.config.decoder_ffn = 136;
    folder = folder_new(&spec);
    folder_write(folder);
    cr_assert_eq(lw_marian_import(folder->path, &model, &error), LW_OK, "%s", error.text);
    cr_assert_eq(lw_parts_list(&model, &parts, &part_count, &error), LW_OK, "%s", error.text);
}

static void teardown(void)
{
    free(parts);
    lw_model_free(&model);
    folder_free(folder);
}

TestSuite(cells, .init = setup, .fini = teardown);

Test(cells, parts_hold_each_matrix_once_and_match_it)
{
    size_t *seen = calloc(model.matrix_count, sizeof *seen);
    for (size_t p = 0; p < part_count; p++) {
        cr_expect_eq(lw_part_named(parts, part_count, parts[p].name), &parts[p]);
        for (size_t m = 0; m < model.matrix_count; m++) {
            bool own = false;
            for (size_t i = 0; i < parts[p].count; i++)
                own = own || parts[p].matrices[i] == m;
            seen[m] += own;
            cr_expect_eq(lw_match(parts[p].match, model.matrices[m].name), own, "%s and %s",
                         parts[p].match, model.matrices[m].name);
        }
    }
    for (size_t m = 0; m < model.matrix_count; m++)
        cr_expect_eq(seen[m], 1, "%s", model.matrices[m].name);
    cr_expect_str_eq(parts[1].name, "encoder.0.self.q+k+v");
    cr_expect_str_eq(parts[1].match, "encoder.0.self.[qkv]");
    free(seen);
}

Test(cells, lists_differ_and_fit_the_room)
{
    struct lw_cell cells[LW_MOST_CELLS];
    for (size_t p = 0; p < 2; p++) { /* the embedding, and one without words */
        size_t count = lw_cells_list(&parts[p], cells, LW_MOST_CELLS);
        cr_assert_leq(count, LW_MOST_CELLS);
        cr_expect_eq(count, p == 0 ? 55 * 6 + 3 : 3 * 6 + 3);
        for (size_t a = 0; a < count; a++) {
            for (size_t b = 0; b < a; b++)
                cr_expect_neq(memcmp(&cells[a], &cells[b], sizeof *cells), 0, "%zu and %zu", a, b);
            for (size_t c = 1; p == 0 && c < LW_WORD_CLASSES; c++)
                cr_expect_leq(cells[a].bits[c], cells[a].bits[c - 1]);
        }
    }
}

/* Cells that differ from part to part. */
static struct lw_cell *some_cells(size_t seed)
{
    struct lw_cell all[LW_MOST_CELLS], *cells = calloc(part_count, sizeof *cells);
    for (size_t p = 0; p < part_count; p++) {
        size_t count = lw_cells_list(&parts[p], all, LW_MOST_CELLS);
        cells[p] = all[(seed * 7919 + p * 104729) % count];
    }
    return cells;
}

Test(cells, text_reads_back)
{
    for (size_t seed = 0; seed < 50; seed++) {
        struct lw_cell *cells = some_cells(seed), *back = calloc(part_count, sizeof *back);
        char *text = lw_cells_text(parts, cells, part_count);
        cr_assert(lw_cells_parse(parts, text, back, part_count), "%s", text);
        char *again = lw_cells_text(parts, back, part_count);
        cr_expect_str_eq(text, again);
        text[strlen(text) - 1] = 'x';
        cr_expect(!lw_cells_parse(parts, text, back, part_count));
        free(text);
        free(again);
        free(cells);
        free(back);
    }
}

Test(cells, plans_resolve_to_their_cells)
{
    for (size_t seed = 0; seed < 20; seed++) {
        struct lw_cell *cells = some_cells(seed);
        struct lw_choice *choices = calloc(model.matrix_count, sizeof *choices);
        struct lw_plan plan;
        struct lw_error error = {0};
        cr_assert_eq(lw_cells_plan(parts, cells, part_count, LW_ARITH_A8, "p", "c", &plan, &error),
                     LW_OK);
        cr_assert_eq(lw_plan_resolve(&plan, &model, choices, NULL, &error), LW_OK, "%s",
                     error.text);
        for (size_t p = 0; p < part_count; p++)
            for (size_t i = 0; i < parts[p].count; i++) {
                struct lw_choice wanted = lw_cell_choice(&parts[p], &cells[p], LW_ARITH_A8);
                wanted.weighting = LW_WEIGHTING_SEQUENCE;
                cr_expect_eq(memcmp(&choices[parts[p].matrices[i]], &wanted, sizeof wanted), 0,
                             "%s", parts[p].name);
            }
        lw_plan_free(&plan);
        free(choices);
        free(cells);
    }
}

/* Bytes of codes, scales and rows' bits add up to what a file of the plan has. */
Test(cells, bytes_of_parts_add_up)
{
    const struct lw_cost_device device = {.kind = LW_COST_MEASURED};
    const struct lw_costing costing = {
        .device = &device, .model = &model, .parts = parts, .part_count = part_count};
    for (size_t seed = 0; seed < 30; seed++) {
        struct lw_cell *cells = some_cells(seed);
        struct lw_model outline;
        struct lw_size size;
        struct lw_error error = {0};
        size_t bytes = 0;
        cr_assert_eq(lw_costs_outline(&costing, cells, &outline, &error), LW_OK, "%s", error.text);
        cr_assert_eq(lw_lwm_measure(&outline, "test", &size, &error), LW_OK, "%s", error.text);
        for (size_t p = 0; p < part_count; p++)
            bytes += lw_cell_bytes(&model, &parts[p], &cells[p]);
        cr_expect_eq(bytes, size.code_bytes + size.scale_bytes, "seed %zu", seed);
        lw_model_free(&outline);
        free(cells);
    }
}

Test(cells, classes_of_words_follow_their_counts)
{
    enum { ROWS = 20 };
    uint64_t counts[ROWS];
    uint8_t class_of[ROWS];
    size_t rows[LW_WORD_CLASSES], found[LW_WORD_CLASSES] = {0};
    struct lw_error error = {0};
    for (size_t r = 0; r < ROWS; r++)
        counts[r] = r * 7 % ROWS;
    cr_assert_eq(lw_word_classes(counts, ROWS, class_of, &error), LW_OK, "%s", error.text);
    lw_word_class_rows(ROWS, rows);
    for (size_t r = 0; r < ROWS; r++) {
        found[class_of[r]]++;
        for (size_t s = 0; s < ROWS; s++)
            cr_expect(counts[r] <= counts[s] || class_of[r] <= class_of[s]);
    }
    cr_expect_arr_eq(found, rows, sizeof rows);
}

Test(cells, rank_correlation)
{
    const double a[] = {1, 2, 3, 4, 5}, up[] = {.1, .2, 30, 40, 500}, down[] = {5, 4, 3, 2, 1};
    const double tied[] = {1, 1, 2, 2, 3}, mixed[] = {2, 1, 4, 3, 5};
    cr_expect_float_eq(lw_rank_correlation(a, up, 5), 1, 1e-12);
    cr_expect_float_eq(lw_rank_correlation(a, down, 5), -1, 1e-12);
    cr_expect_float_eq(lw_rank_correlation(a, mixed, 5), 0.8, 1e-12);
    /* scipy.stats.spearmanr([1,2,3,4,5], [1,1,2,2,3]) */
    cr_expect_float_eq(lw_rank_correlation(a, tied, 5), 0.9486832980505138, 1e-12);
    cr_expect(isnan(lw_rank_correlation(a, up, 2)));
}
