/* Plans: matching, inheritance, what a model refuses, the shipped plans. */
#include "models/plan.h"
#include "models/words.h"
#include "tests/plans.h"
#include "tests/random_model.h"

#include <criterion/criterion.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

static size_t matrix(const struct lw_model *model, const char *name)
{
    for (size_t i = 0; i < model->matrix_count; i++)
        if (strcmp(model->matrices[i].name, name) == 0)
            return i;
    cr_assert(false, "no matrix %s", name);
    return 0;
}

Test(plan, matches_names_kinds_and_patterns)
{
    const struct {
        const char *match, *name;
        bool matches;
    } cases[] = {
        {"*", "embedding", true},
        {"*", "decoder.0.self.q", true},
        {"decoder.0.self.q", "decoder.0.self.q", true},
        {"decoder.0.self.q", "decoder.10.self.q", false},
        {"embedding", "embedding.source", true},
        {"embedding.source", "embedding", false},
        {"encoder", "encoder.3.ffn.fc1", true},
        {"encoder", "decoder.3.ffn.fc1", false},
        {"decoder.cross.q", "decoder.3.cross.q", true},
        {"decoder.cross.q", "decoder.3.self.q", false},
        {"self", "encoder.3.self.o", true},
        {"fc2", "encoder.3.ffn.fc2", true},
        {"ffn.decoder", "decoder.3.ffn.fc1", false},
        {"decoder.*.self.?", "decoder.11.self.k", true},
        {"decoder.*.self.?", "decoder.11.ffn.fc1", false},
        {"[02].self", "encoder.2.self.k", true},
        {"[02].self", "encoder.1.self.k", false},
        {"encoder.*.*.*.*", "encoder.2.self.k", false},
        {"enc", "encoder.2.self.k", false},
        {"encoder.2.self.k.more", "encoder.2.self.k", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_assert_eq(lw_match(cases[i].match, cases[i].name), cases[i].matches, "%s %s",
                     cases[i].match, cases[i].name);
    cr_assert_eq(lw_match_specificity("*"), 0);
    cr_assert_eq(lw_match_specificity("decoder.*.self.?"), 5);
    cr_assert_eq(lw_match_specificity("decoder.0.self.q"), 8);
}

Test(plan, specific_rules_win_field_by_field)
{
    struct lw_plan plan = test_plan("rules:\n"
                                    "- match: decoder.0.self.q\n"
                                    "  bits: 5\n"
                                    "- match: decoder.self\n"
                                    "  bits: 2\n"
                                    "  group: 64\n"
                                    "- match: '*'\n"
                                    "  bits: 3\n"
                                    "  group: 128\n"
                                    "  fit: greedy\n"
                                    "  weighting: activations\n"
                                    "- match: self.decoder*\n" /* never in this order */
                                    "  bits: 8\n"
                                    "- match: decoder.?\n"
                                    "  alpha: uniform\n");
    struct lw_model model = test_layout(test_small_config());
    struct lw_choice choices[32];
    struct lw_why whys[32];
    struct lw_error error = {0};
    cr_assert_eq(lw_plan_resolve(&plan, &model, choices, whys, &error), LW_USAGE);
    cr_assert_str_eq(error.text, "P:12: \"self.decoder*\" matches no matrix of the model");

    free(plan.rules[3].match);
    plan.rules[3].match = strdup("encoder.*");
    cr_assert_eq(lw_plan_resolve(&plan, &model, choices, whys, &error), LW_OK, "%s", error.text);
    size_t q = matrix(&model, "decoder.0.self.q"), k = matrix(&model, "decoder.0.self.k");
    size_t words = matrix(&model, "embedding"), ffn = matrix(&model, "encoder.0.ffn.fc1");
    cr_assert_eq(choices[q].bits, 5);
    cr_assert_eq(choices[q].group, 64);
    cr_assert_eq(whys[q].rule[LW_FIELD_BITS]->line, 2);
    cr_assert_eq(whys[q].rule[LW_FIELD_GROUP]->line, 4);
    cr_assert_eq(choices[q].alpha, LW_ALPHA_UNIFORM);
    cr_assert_eq(choices[q].fit, LW_FIT_UNIFORM, "greedy is less specific than the uniform alpha");
    cr_assert_eq(whys[q].rule[LW_FIELD_FIT], whys[q].rule[LW_FIELD_ALPHA]);
    cr_assert_eq(choices[k].bits, 2);
    cr_assert_eq(choices[ffn].bits, 8);
    cr_assert_eq(choices[ffn].fit, LW_FIT_GREEDY);
    cr_assert_eq(whys[ffn].rule[LW_FIELD_FIT]->line, 7);
    cr_assert_null(whys[ffn].rule[LW_FIELD_ALPHA]);
    cr_assert_eq(choices[ffn].weighting, LW_WEIGHTING_ACTIVATIONS);
    cr_assert_eq(whys[ffn].rule[LW_FIELD_WEIGHTING]->line, 7);
    cr_assert_eq(choices[words].bits, 3);
    cr_assert_eq(choices[words].group, 128);
    lw_plan_free(&plan);
    lw_model_free(&model);
}

Test(plan, the_later_of_equally_specific_rules_wins)
{
    struct lw_plan plan = test_plan("rules:\n"
                                    "- {match: '*', bits: 4}\n"
                                    "- {match: decoder, bits: 2}\n"
                                    "- {match: cross, bits: 3}\n"
                                    "- {match: embedding, bits: 1}\n"
                                    "- {match: embedding, words: {clusters: 2, ratio: 1}}\n");
    struct lw_model model = test_layout(test_small_config());
    struct lw_choice choices[32];
    cr_assert_eq(lw_plan_resolve(&plan, &model, choices, NULL, NULL), LW_OK);
    cr_assert_eq(choices[matrix(&model, "decoder.0.cross.q")].bits, 3);
    cr_assert_eq(choices[matrix(&model, "decoder.0.self.q")].bits, 2);
    cr_assert_eq(choices[matrix(&model, "encoder.0.self.q")].bits, 4);
    const struct lw_choice *words = &choices[matrix(&model, "embedding")];
    cr_assert_eq(words->bits, 0);
    cr_assert_eq(words->words.kind, LW_WORDS_CLUSTERS);
    cr_assert_eq(words->alpha, LW_ALPHA_FREE);
    cr_assert_eq(words->fit, LW_FIT_ALTERNATING);
    lw_plan_free(&plan);
    lw_model_free(&model);
}

Test(plan, matrices_without_a_class_of_their_own_have_the_plans)
{
    struct lw_plan plan = test_plan("arith: a8\n"
                                    "rules:\n"
                                    "- {match: '*', bits: 4}\n"
                                    "- {match: encoder.self.v, arith: f32}\n"
                                    "- {match: encoder, arith: t8}\n");
    struct lw_model model = test_layout(test_small_config());
    struct lw_choice choices[32];
    struct lw_why whys[32];
    cr_assert_eq(lw_plan_resolve(&plan, &model, choices, whys, NULL), LW_OK);
    size_t v = matrix(&model, "encoder.0.self.v"), k = matrix(&model, "encoder.0.self.k");
    size_t words = matrix(&model, "embedding");
    cr_assert_eq(choices[v].arith, LW_ARITH_F32);
    cr_assert_eq(whys[v].rule[LW_FIELD_ARITH]->line, 4);
    cr_assert_eq(choices[k].arith, LW_ARITH_T8);
    cr_assert_eq(whys[k].rule[LW_FIELD_ARITH]->line, 5);
    cr_assert_eq(choices[words].arith, LW_ARITH_A8);
    cr_assert_null(whys[words].rule[LW_FIELD_ARITH]);
    free(test_round_trip(&plan));
    lw_plan_free(&plan);
    lw_model_free(&model);
}

Test(plan, resolving_lists_every_reason)
{
    struct lw_plan plan = test_plan("rules:\n"
                                    "- {match: output, bits: 4}\n"
                                    "- {match: decoder, words: {clusters: 2, ratio: 1}}\n"
                                    "- {match: encoder, bits: 1, alpha: uniform}\n"
                                    "- {match: encoder.ffn.fc2, fit: greedy}\n");
    struct lw_model model = test_layout(test_small_config());
    struct lw_choice choices[32];
    struct lw_error error = {0};
    cr_assert_eq(lw_plan_resolve(&plan, &model, choices, NULL, &error), LW_USAGE);
    cr_assert_str_eq(
        error.text,
        "P:2: \"output\" matches no matrix of the model; its output is the embedding\n"
        "P:3: \"decoder\" gives bits by words, and decoder.0.self.q has no words as its rows\n"
        "P: no rule gives bits to embedding\n"
        "P:5: encoder.0.ffn.fc2 has uniform alpha by line 4, which only the fit `uniform` gives");
    lw_plan_free(&plan);
    lw_model_free(&model);
}

Test(plan, same_bits_for_all)
{
    struct lw_plan plan;
    struct lw_error error = {0};
    cr_assert_eq(lw_plan_uniform(9, LW_FIT_GREEDY, &plan, &error), LW_USAGE);
    cr_assert_eq(lw_plan_uniform(2, LW_FIT_GREEDY, &plan, &error), LW_OK);
    char *text = test_round_trip(&plan);
    cr_assert_str_eq(text, "arith: t8\nrules:\n- match: '*'\n  bits: 2\n  fit: greedy\n");
    free(text);
    lw_plan_free(&plan);
    cr_assert_eq(lw_plan_uniform(3, LW_FIT_UNIFORM, &plan, &error), LW_OK);
    struct lw_model model = test_layout(test_small_config());
    struct lw_choice choices[32];
    cr_assert_eq(lw_plan_resolve(&plan, &model, choices, NULL, &error), LW_OK);
    for (size_t i = 0; i < model.matrix_count; i++)
        cr_assert(choices[i].bits == 3 && choices[i].alpha == LW_ALPHA_UNIFORM);
    lw_plan_free(&plan);
    lw_model_free(&model);
}

/* multi30k-en-de; open-en-de; the paper's base model */
static const struct lw_config sizes[] = {
    {256, 4, 4, 1024, 4, 4, 1024, 8000, 8000, 256, .shared_embedding = true, .tied_output = true},
    {256, 5, 8, 1024, 3, 8, 1024, 8000, 8000, 256, .shared_embedding = true, .tied_output = true},
    {512, 6, 8, 2048, 6, 8, 2048, 32768, 32768, 512, .shared_embedding = true, .tied_output = true},
};

/* Average bits a weight; with_scales: and 16 for each scale. */
static double average_bits(const struct lw_plan *plan, const struct lw_model *model,
                           bool with_scales)
{
    struct lw_choice choices[256];
    struct lw_error error = {0};
    cr_assert_eq(lw_plan_resolve(plan, model, choices, NULL, &error), LW_OK, "%s", error.text);
    double bits = 0, weights = 0;
    for (size_t i = 0; i < model->matrix_count; i++) {
        size_t rows = model->matrices[i].rows, columns = model->matrices[i].columns;
        uint64_t *counts = malloc(rows * sizeof *counts);
        uint8_t *row_bits = malloc(rows);
        for (size_t r = 0; r < rows; r++)
            counts[r] = 1000000 / (1 + r * 7919 % rows);
        cr_assert_eq(lw_words_bits(plan, &choices[i], counts, rows, row_bits, &error), LW_OK);
        for (size_t r = 0; r < rows; r++) {
            size_t scales = choices[i].alpha == LW_ALPHA_UNIFORM ? 1 : row_bits[r];
            bits += (double)(row_bits[r] * columns + (with_scales ? 16 * scales : 0));
        }
        weights += (double)(rows * columns);
        free(counts);
        free(row_bits);
    }
    return bits / weights;
}

Test(plan, shipped_plans_have_the_bits_they_say)
{
    const struct {
        const char *name;
        double bits[2][2]; /* multi30k-en-de and open-en-de; without and with scales */
    } expected[] = {
        {"paper", {{2.56, 2.69}, {2.74, 2.88}}},
        {"near-paper", {{2.56, 2.69}, {2.63, 2.77}}},
        {"e132-self2-cross2-rest1", {{1.29, 1.36}, {1.30, 1.37}}},
        {"e132-rest1", {{1.07, 1.13}, {1.07, 1.13}}},
        {"low-2.1", {{2.11, 2.16}, {2.09, 2.14}}},
        {"all-1", {{1, 1.05}, {1, 1.05}}},
        {"all-2", {{2, 2.10}, {2, 2.10}}},
        {"all-3", {{3, 3.16}, {3, 3.16}}},
        {"all-4", {{4, 4.21}, {4, 4.21}}},
        {"self3-rest4", {{3.78, 3.97}, {3.77, 3.96}}},
        {"uniform-1", {{1, 1.05}, {1, 1.05}}},
        {"uniform-2", {{2, 2.05}, {2, 2.05}}},
        {"uniform-3", {{3, 3.05}, {3, 3.05}}},
        {"uniform-4", {{4, 4.05}, {4, 4.05}}},
    };
    const size_t count = sizeof expected / sizeof *expected;
    glob_t shipped;
    cr_assert_eq(glob("models/plans/*.yaml", 0, NULL, &shipped), 0);
    cr_assert_eq(shipped.gl_pathc, count);
    globfree(&shipped);
    for (size_t i = 0; i < count; i++) {
        char path[128];
        snprintf(path, sizeof path, "models/plans/%s.yaml", expected[i].name);
        struct lw_plan plan;
        struct lw_error error = {0};
        cr_assert_eq(lw_plan_read(path, &plan, &error), LW_OK, "%s", error.text);
        cr_assert_str_eq(plan.name, expected[i].name);
        for (size_t m = 0; m < 2; m++) {
            struct lw_model model = test_layout(sizes[m]);
            for (int scales = 0; scales < 2; scales++) {
                double bits = average_bits(&plan, &model, scales);
                cr_expect_float_eq(bits, expected[i].bits[m][scales], 0.0051, "%s: %g", path, bits);
            }
            lw_model_free(&model);
        }
        lw_plan_free(&plan);
    }
}

Test(plan, paper_has_its_bits_on_the_base_model)
{
    struct lw_plan plan;
    cr_assert_eq(lw_plan_read("models/plans/paper.yaml", &plan, NULL), LW_OK);
    struct lw_model model = test_layout(sizes[2]);
    cr_assert_float_eq(average_bits(&plan, &model, false), 2.6, 0.05);
    cr_assert_float_eq(average_bits(&plan, &model, true), 2.6, 0.05);
    lw_plan_free(&plan);
    lw_model_free(&model);
}

Test(plan, shipped_plans_are_canonical_and_fit_separate_vocabularies)
{
    glob_t shipped;
    cr_assert_eq(glob("models/plans/*.yaml", 0, NULL, &shipped), 0);
    struct lw_config config = test_small_config();
    config.shared_embedding = config.tied_output = false;
    struct lw_model model = test_layout(config);
    for (size_t i = 0; i < shipped.gl_pathc; i++) {
        char whole[4096];
        FILE *file = fopen(shipped.gl_pathv[i], "r");
        whole[fread(whole, 1, sizeof whole - 1, file)] = '\0';
        fclose(file);
        struct lw_plan plan;
        cr_assert_eq(lw_plan_read(shipped.gl_pathv[i], &plan, NULL), LW_OK);
        char *text = test_round_trip(&plan);
        cr_assert_str_eq(text, whole);
        struct lw_choice choices[32];
        struct lw_error error = {0};
        cr_assert_eq(lw_plan_resolve(&plan, &model, choices, NULL, &error), LW_OK, "%s",
                     error.text);
        free(text);
        lw_plan_free(&plan);
    }
    lw_model_free(&model);
    globfree(&shipped);
}

Test(plan, unreadable_files)
{
    struct lw_plan plan;
    struct lw_error error = {0};
    cr_assert_eq(lw_plan_read("models/plans/none.yaml", &plan, &error), LW_FAILED);
    cr_assert_eq(lw_plan_read("models/plans", &plan, &error), LW_FAILED);
    cr_assert(strstr(error.text, "models/plans"));
}
