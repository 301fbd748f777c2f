/* 23 sets of parameters and 10,000 jobs: RTL = model = definition, in bits, cycles and counters; a
 * trace. */
#include "tests/engines.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdio.h>
#include <unistd.h>

static const char *const engines[] = {
    "",
    "mu2-t4-r4-bus128-slots16-sl4-words256",
    "mu2-t32-r8-bus512-sl8",
    "mu3-t16-r16-bus1024-slots32-sl16",
    "mu3-t8-r4-c4-x16-bus128-slots16-sl2-words64",
    "mu4-t4-r32-bus256-slots16-sl4-words128",
    "mu4-t8-r16-sl4",
    "mu4-t16-r8-c4-sl8",
    "mu4-t16-r8-x16",
    "mu4-t32-r4-bus256-sl1",
    "mu4-t32-r32-bus1024-slots16-sl16",
    "mu5-t12-r6-c1-x8-bus1024-slots32-sl3-words128",
    "mu5-t8-r8-c2-bus128-sl8",
    "mu5-t4-r4-x16-bus256-slots256-sl2-words32",
    "mu4-t5-r7-bus128-slots16-sl7-words64",
    "mu4-t16-r16-bus512-slots128-sl16-words1024",
    "mu4-t16-r8-w1",
    "mu4-t16-r8-x16-w1",
    "mu4-t4-r8-w4",
    "mu4-t2-r8-w8",
    "mu5-t8-r4-c4-bus1024-sl4-w8",
    "mu4-t16-r8-lutram1",
    "mu5-t8-r8-bus256-x16-lutram1",
};
enum { ENGINES = sizeof engines / sizeof *engines };

ParameterizedTestParameters(rtl_full, random_lists)
{
    static size_t indices[ENGINES];
    for (size_t i = 0; i < ENGINES; i++)
        indices[i] = i;
    return cr_make_param_array(size_t, indices, ENGINES);
}

ParameterizedTest(size_t *index, rtl_full, random_lists)
{
    size_t jobs = 0;
    for (uint64_t first = 1000; jobs < 10000 / ENGINES + 1; first += 20)
        jobs += run_random_lists(engines[*index], first, 20, 200);
}

Test(rtl_full, trace)
{
    struct lw_engine engine;
    struct lw_rtl *rtl = open_engine("mu4-t4-r4-bus128-slots16-sl4", true, &engine);
    struct lw_error error = {0};
    struct lw_sim_counts counts;
    struct list list;
    char path[] = "/tmp/lutwidge-trace-XXXXXX";
    close(mkstemp(path));
    list_make_layer(&list, &engine, 16, 32, 1, 1, false);
    struct lw_sim_run run = {.memory = "ideal", .list = list.address, .trace = path};
    struct lw_sim_memory memory = {list.image.data, list.image.bytes};
    cr_assert_eq(lw_rtl_run(rtl, &run, memory, &counts, &error), LW_OK, "%s", error.text);
    FILE *trace = fopen(path, "rb");
    fseek(trace, 0, SEEK_END);
    cr_assert_gt(ftell(trace), 1000);
    fclose(trace);
    unlink(path);
    list_free(&list);
    lw_rtl_close(rtl);
}
