/* Whole sets of ../shared/golden: fp32 translation equals Hugging Face generate but for near ties.
 */
#include "tests/golden.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdio.h>

#define MULTI30K "../shared/data/multi30k/"
#define OPEN "../shared/data/open-en-de/"

static const struct {
    struct golden_set set;
    size_t lines, least; /* lines that must be equal */
} cases[] = {
    {{"multi30k-en-de", MULTI30K "val.en.gz", "val", 1}, 1014, 1013},
    {{"multi30k-en-de", MULTI30K "test_2016_flickr.en.gz", "test_2016", 1}, 1000, 999},
    {{"multi30k-en-de", MULTI30K "val.en.gz", "val", 4}, 1014, 1011},
    {{"multi30k-en-de", MULTI30K "test_2016_flickr.en.gz", "test_2016", 4}, 1000, 996},
    {{"open-en-de", OPEN "test.en", "test", 1}, 2000, 1996},
    {{"open-en-de", OPEN "newstest2015.en", "newstest2015", 1}, 2169, 2160},
    {{"open-en-de", OPEN "newstest2015.en", "newstest2015", 4}, 2169, 2160},
};

/* Parameters travel to another process, where pointers mean nothing: a case's number does. */
static size_t numbers[] = {0, 1, 2, 3, 4, 5, 6};

static void whole_set(size_t number, const char *backend)
{
    golden_need_shared();
    const struct golden_set *set = &cases[number].set;
    struct golden_result result = golden_run(set, backend, 0);
    fprintf(stderr, "%s %s beam %zu %s: %zu of %zu equal in words, %zu in text\n", set->model,
            set->stem, set->beams, backend, result.same_ids, result.lines, result.same_text);
    cr_assert_eq(result.lines, cases[number].lines);
    cr_assert_geq(result.same_ids, cases[number].least);
    cr_assert_geq(result.same_text, cases[number].least);
}

ParameterizedTestParameters(golden_full, blas)
{
    return cr_make_param_array(size_t, numbers, sizeof numbers / sizeof *numbers);
}

ParameterizedTest(size_t *number, golden_full, blas)
{
    whole_set(*number, "blas");
}

ParameterizedTestParameters(golden_full, f32)
{
    return cr_make_param_array(size_t, numbers, sizeof numbers / sizeof *numbers);
}

ParameterizedTest(size_t *number, golden_full, f32)
{
    whole_set(*number, "f32");
}
