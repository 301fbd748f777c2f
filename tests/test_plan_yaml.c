/* Plans as YAML: canonical text, round trips, refusals with their lines, damaged text. */
#include "models/plan.h"
#include "tests/plans.h"
#include "tests/random_model.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

Test(plan_yaml, prints_canonical_text)
{
    struct lw_plan plan = test_plan(
        "{name: n, arith: a8,"
        " rules: [{weighting: activations, bits: 3, match: \"*\", fit: alternating-from-greedy},"
        " {group: row, arith: f32, alpha: free, match: decoder.ffn, weighting: gram},"
        " {match: embedding, words: {ratio: 1.10, clusters: 4}},"
        " {match: output, words: {thresholds: [{share: 0.1, bits: 3}, {count: 7, bits: 2}, {bits: "
        "1}]}},"
        " {match: embedding.source, words: {list: a b.txt}}]}");
    char *text = test_round_trip(&plan);
    cr_assert_str_eq(
        text, "name: n\n"
              "arith: a8\n"
              "rules:\n"
              "- match: '*'\n"
              "  bits: 3\n"
              "  fit: alternating-from-greedy\n"
              "  weighting: activations\n"
              "- match: decoder.ffn\n"
              "  alpha: free\n"
              "  group: row\n"
              "  weighting: gram\n"
              "  arith: f32\n"
              "- match: embedding\n"
              "  words: {clusters: 4, ratio: 1.1}\n"
              "- match: output\n"
              "  words: {thresholds: [{share: 0.1, bits: 3}, {count: 7, bits: 2}, {bits: 1}]}\n"
              "- match: embedding.source\n"
              "  words: {list: a b.txt}\n");
    free(text);
    lw_plan_free(&plan);
}

static const char long_line[] =
    "a line that is much longer than eighty columns, with spaces to fold at, "
    "as many as it takes";

Test(plan_yaml, round_trips_any_number_and_comment)
{
    const char *comments[] = {"x",
                              "two\nlines\n",
                              " leading and : # signs ",
                              "tab\tand 'quotes'\"",
                              "\n\nend",
                              "null",
                              "4",
                              "W\xc3\xb6rter",
                              long_line};
    uint64_t seed = 3;
    for (size_t i = 0; i < 500; i++) {
        struct lw_plan plan = test_plan("rules: [{match: '*', bits: 1}, {match: embedding, words: "
                                        "{clusters: 4, ratio: 1}}, {match: output, words: "
                                        "{thresholds: [{share: 0.5, bits: 2}, {bits: 1}]}}]");
        plan.comment = strdup(comments[i % (sizeof comments / sizeof *comments)]);
        plan.rules[1].choice.words.ratio = 1e-3 + 10 * test_uniform(&seed);
        plan.rules[2].choice.words.steps[0].share = 1e-6 + 0.9 * test_uniform(&seed);
        free(test_round_trip(&plan));
        lw_plan_free(&plan);
    }
}

Test(plan_yaml, refusals_name_the_line)
{
    const struct {
        const char *text, *error;
    } cases[] = {
        {"", "P:1: there is no plan in it"},
        {"# nothing\n", "P:1: there is no plan in it"},
        {"rules:\n\t- match: a\n", "P:2: found character that cannot start any token"},
        {"rules:\n- match: a\n  bits: 1\n---\nrules: []\n", "P:4: a second document"},
        {"rules:\n- match: a\n  bitz: 1\n",
         "P:3: Unexpected key: bitz; a plan has name, comment, arith, rules; a "
         "rule has match, bits, words, alpha, group, fit, weighting, arith; words has clusters, "
         "ratio, thresholds, list; a "
         "threshold has share, count, bits"},
        {"rules:\n- match: a\n  bits: 1\n\n  bits: 1\n", "P:5: Mapping field already seen: bits"},
        {"rules:\n- match: a\n  bits: 9\n",
         "P:3: bits: Invalid ENUM value: 9; one of 1, 2, 3, 4, 5, 6, 7, 8"},
        {"rules:\n- match: a\n  bits: 0\n",
         "P:3: bits: Invalid ENUM value: 0; one of 1, 2, 3, 4, 5, 6, 7, 8"},
        {"rules:\n- match: a\n  bits: [1]\n",
         "P:3: bits: Expecting ENUM, got event: SEQUENCE_START; one of 1, 2, 3, 4, 5, 6, 7, 8"},
        {"rules:\n- match: a\n  group: 16\n",
         "P:3: group: Invalid ENUM value: 16; one of row, 32, 64, 128"},
        {"rules:\n- match: a\n  fit: best\n",
         "P:3: fit: Invalid ENUM value: best; one of greedy, alternating, "
         "alternating-from-greedy, uniform"},
        {"arith: t9\nrules:\n- match: a\n",
         "P:1: arith: Invalid ENUM value: t9; one of f32, a8, t8"},
        {"rules:\n- match: a\n  arith: blas\n",
         "P:3: arith: Invalid ENUM value: blas; one of f32, a8, t8"},
        {"rules:\n- match: a\n  weighting: hessian\n",
         "P:3: weighting: Invalid ENUM value: hessian; one of none, activations, gram, "
         "sequence"},
        {"rules:\n- bits: 1\n", "P:2: Missing required mapping field: match"},
        {"name: x\n", "P:1: Missing required mapping field: rules"},
        {"rules: []\n", "P:1: Insufficient entries (0 of 1 min) in sequence."},
        {"- a\n", "P:1: Expecting MAPPING, got event: SEQUENCE_START"},
        {"rules:\n- match: &x a\n- match: *x\n", "P:3: YAML alias unsupported"},
        {"rules:\n- match: a\n- match: b..c\n  bits: 1\n- match: d\n  bits: 1\n  words: {list: "
         "f}\n",
         "P:3: the match has an empty component\nP:5: a rule gives bits or words, not both"},
        {"rules:\n- match: a\n  words: {clusters: 4}\n",
         "P:2: clusters go with a ratio, a number from 0.001 to 1000"},
        {"rules:\n- match: a\n  words: {clusters: 4, ratio: 2x}\n",
         "P:2: clusters go with a ratio, a number from 0.001 to 1000"},
        {"rules:\n- match: a\n  words: {clusters: 4, ratio: nan}\n",
         "P:2: clusters go with a ratio, a number from 0.001 to 1000"},
        {"rules:\n- match: a\n  words: {clusters: 4, ratio: 1, list: f}\n",
         "P:2: words have one of clusters, thresholds and list"},
        {"rules:\n- match: a\n  words: {thresholds: [{share: 0.5, bits: 3}]}\n",
         "P:2: every threshold but the last has a share or a count; the last takes the rest"},
        {"rules:\n- match: a\n  words: {thresholds: [{share: 1.5, bits: 3}, {bits: 1}]}\n",
         "P:2: a share is a number above 0 and at most 1"},
        {"rules:\n- match: a\n  words: {thresholds: [{share: 0.5, bits: 3}, {share: 0.6, bits: "
         "2}, {bits: 1}]}\n",
         "P:2: the shares are more than 1 together"},
        {"rules:\n- match: a\n  words: {thresholds: [{count: 0, bits: 3}, {bits: 1}]}\n",
         "P:2: a count is a whole number from 1 to 2147483647"},
        {"rules:\n- match: a\n  words: {thresholds: [{count: -5, bits: 3}, {bits: 1}]}\n",
         "P:2: a count is a whole number from 1 to 2147483647"},
        {"rules:\n- match: a\n  words: {thresholds: [{count: 18446744073709551617, bits: 3}, "
         "{bits: 1}]}\n",
         "P:2: a count is a whole number from 1 to 2147483647"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct lw_plan plan;
        struct lw_error error = {0};
        cr_expect_eq(lw_plan_parse(cases[i].text, strlen(cases[i].text), "P", &plan, &error),
                     LW_CORRUPT, "%s", cases[i].text);
        cr_expect_str_eq(error.text, cases[i].error);
        lw_plan_free(&plan);
    }
}

/* Damaged text is refused or read, and never does harm. */
Test(plan_yaml, survives_damaged_text)
{
    static const char whole[] = "name: n\ncomment: |\n  text\narith: t8\nrules:\n- match: '*'\n"
                                "  bits: 3\n- match: embedding\n  words: {clusters: 4, ratio: 1}\n";
    static const char alphabet[] = "\t\n :-[]{}&*!|>'\"%@`#,?x0\\\x80\xff";
    uint64_t seed = 11;
    for (size_t i = 0; i < 3000; i++) {
        char text[sizeof whole];
        memcpy(text, whole, sizeof whole);
        size_t bytes = 1 + (size_t)(test_uniform(&seed) * (sizeof whole - 1));
        for (size_t k = 0; k < i % 4; k++)
            text[(size_t)(test_uniform(&seed) * (double)bytes)] =
                alphabet[(size_t)(test_uniform(&seed) * (sizeof alphabet - 1))];
        struct lw_plan plan;
        struct lw_error error = {0};
        enum lw_status status = lw_plan_parse(text, bytes, "P", &plan, &error);
        cr_assert(status == LW_CORRUPT ? error.text[0] : status == LW_OK, "%s", error.text);
        lw_plan_free(&plan);
    }
}
