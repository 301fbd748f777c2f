/* IBM Model 1 against its definition, on made-up parallel texts. */
#include "runtime/lexicon.h"
#include "tests/random_model.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

enum { WORDS = 8, PAIRS = 40, LONGEST = 7, END = 0 };

static int32_t ids[2][PAIRS][LONGEST];
static struct lw_pair list[PAIRS];

/* Words 1 to WORDS - 1; both sides end with END. */
static struct lw_pairs random_pairs(void)
{
    uint64_t seed = 4;
    for (size_t p = 0; p < PAIRS; p++) {
        size_t counts[2];
        for (size_t side = 0; side < 2; side++) {
            counts[side] = 2 + (size_t)(test_uniform(&seed) * (LONGEST - 1));
            for (size_t i = 0; i < counts[side]; i++)
                ids[side][p][i] = 1 + (int32_t)(test_uniform(&seed) * (WORDS - 1));
            ids[side][p][counts[side] - 1] = END;
        }
        list[p] = (struct lw_pair){ids[0][p], ids[1][p], counts[0], counts[1], p};
    }
    return (struct lw_pairs){.count = PAIRS, .pairs = list};
}

/* probabilities[source][target] after some rounds; the last source is the empty word. */
static void define(const struct lw_pairs *pairs, size_t rounds, double p[WORDS + 1][WORDS])
{
    for (size_t s = 0; s <= WORDS; s++)
        for (size_t t = 0; t < WORDS; t++)
            p[s][t] = 1;
    for (size_t round = 0; round < rounds; round++) {
        double counts[WORDS + 1][WORDS] = {{0}};
        for (size_t i = 0; i < pairs->count; i++) {
            const struct lw_pair *pair = &pairs->pairs[i];
            for (size_t t = 0; t + 1 < pair->target_count; t++) {
                int32_t target = pair->target[t];
                double sum = p[WORDS][target];
                for (size_t s = 0; s + 1 < pair->source_count; s++)
                    sum += p[pair->source[s]][target];
                counts[WORDS][target] += p[WORDS][target] / sum;
                for (size_t s = 0; s + 1 < pair->source_count; s++)
                    counts[pair->source[s]][target] += p[pair->source[s]][target] / sum;
            }
        }
        for (size_t s = 0; s <= WORDS; s++) {
            double total = 0;
            for (size_t t = 0; t < WORDS; t++)
                total += counts[s][t];
            for (size_t t = 0; t < WORDS; t++)
                p[s][t] = total > 0 ? counts[s][t] / total : 0;
        }
    }
}

Test(lexicon, is_that_of_the_definition)
{
    struct lw_pairs pairs = random_pairs();
    for (size_t rounds = 1; rounds <= 6; rounds += 5) {
        static double want[WORDS + 1][WORDS];
        struct lw_lexicon lexicon, again;
        double sums[WORDS + 1] = {0}, all = 0;
        define(&pairs, rounds, want);
        cr_assert_eq(lw_lexicon_make(&pairs, WORDS, WORDS, rounds, &lexicon, NULL), LW_OK);
        cr_assert_eq(lw_lexicon_make(&pairs, WORDS, WORDS, rounds, &again, NULL), LW_OK);
        cr_assert_eq(again.count, lexicon.count);
        cr_assert_arr_eq(again.cells, lexicon.cells, lexicon.count * sizeof *lexicon.cells);
        for (size_t i = 0; i < lexicon.count; i++) {
            const struct lw_lexicon_cell *cell = &lexicon.cells[i];
            cr_assert_float_eq((double)cell->probability, want[cell->source][cell->target], 1e-5);
            sums[cell->source] += (double)cell->probability;
            if (i && cell[-1].source == cell->source)
                cr_assert_geq(cell[-1].probability, cell->probability);
        }
        for (size_t s = 1; s <= WORDS; s++)
            cr_assert_float_eq(sums[s], 1, 1e-5);
        for (size_t t = 0; t < WORDS; t++)
            all += lexicon.frequencies[t];
        cr_assert_float_eq(all, 1, 1e-9);
        cr_assert_eq(lexicon.frequencies[END], 0);
        lw_lexicon_free(&lexicon);
        lw_lexicon_free(&again);
    }
}

/* The house, the book, a book: who stands with whom in every line is its translation. */
Test(lexicon, finds_translations)
{
    static const int32_t source[][3] = {{1, 2, END}, {1, 3, END}, {4, 3, END}},
                         target[][3] = {{5, 6, END}, {5, 7, END}, {1, 7, END}};
    struct lw_pair three[3];
    struct lw_pairs pairs = {.count = 3, .pairs = three};
    struct lw_lexicon lexicon;
    for (size_t i = 0; i < 3; i++)
        three[i] = (struct lw_pair){source[i], target[i], 3, 3, i};
    cr_assert_eq(lw_lexicon_make(&pairs, WORDS, WORDS, 20, &lexicon, NULL), LW_OK);
    static const uint32_t best[][2] = {{1, 5}, {2, 6}, {3, 7}, {4, 1}};
    for (size_t b = 0, i = 0; b < 4; b++) {
        while (lexicon.cells[i].source != best[b][0])
            i++;
        cr_assert_eq(lexicon.cells[i].target, best[b][1]);
    }
    lw_lexicon_free(&lexicon);
}
