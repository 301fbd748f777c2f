/* Jobs on small engines that reach nearly all of the RTL; `make coverage` counts lines and bits. */
#include "tests/engines.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

static const char *const engines[] = {
    "mu2-t4-r4-bus128-slots16-sl4-words256",
    "mu3-t8-r4-c4-x16-bus128-slots16-sl2-words64",
    "mu4-t5-r7-bus128-slots16-sl7-words64",
    "mu4-t4-r4-bus1024-slots16-sl2-words128",
};
enum { ENGINES = sizeof engines / sizeof *engines };

ParameterizedTestParameters(rtl_coverage, jobs)
{
    static size_t indices[ENGINES];
    for (size_t i = 0; i < ENGINES; i++)
        indices[i] = i;
    return cr_make_param_array(size_t, indices, ENGINES);
}

ParameterizedTest(size_t *index, rtl_coverage, jobs)
{
    struct lw_engine engine;
    struct lw_rtl *rtl = open_engine(engines[*index], false, &engine);
    struct list list;
    struct lw_sim_counts counts;
    list_make_edges(&list, &engine);
    list_run(rtl, &list, "poor", 1, &counts);
    list_free(&list);
    lw_rtl_close(rtl);
    run_random_lists(engines[*index], 2000, 40, 200);
}
