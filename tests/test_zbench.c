#include "sim/model.h"
#include "tests/engines.h"
#include <criterion/criterion.h>
#include <time.h>
static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}
static void one(size_t M, size_t K, unsigned B, size_t n, bool dep, const char *eng)
{
    struct lw_engine engine;
    struct lw_error error = {0};
    lw_engine_parse(eng, &engine, &error);
    struct list list;
    list_make_layer(&list, &engine, M, K, B, n, dep);
    struct lw_sim_counts c = {0};
    struct lw_sim_memory m = {list.image.data, list.image.bytes};
    const char *mem[] = {"ideal", "typical", "poor"};
    static const char *const names[] = LW_COUNTER_NAMES;
    printf("%s %zux%zu %u bits x%zu %s\n", eng, M, K, B, n, dep ? "dependent" : "");
    for (int i = 0; i < 3; i++) {
        struct lw_sim_run run = {.memory = mem[i], .list = list.address, .seed = 1};
        double t = now();
        double best = 1e9, b2 = 1e9;
        for (int k = 0; k < 5; k++) {
            t = now();
            lw_model_run(&engine, &run, m, true, &c, &error);
            t = now() - t;
            if (t < best)
                best = t;
            t = now();
            lw_model_run(&engine, &run, m, false, &c, &error);
            t = now() - t;
            if (t < b2)
                b2 = t;
        }
        printf("  %s model %.2f M cycles/s (%lu) steps/busy %.4f, without values %.2f;", mem[i],
               (double)c.values[0] / best * 1e-6, c.values[0],
               (double)c.values[1] / (double)c.values[0], (double)c.values[0] / b2 * 1e-6);
        for (int k = 0; k < LW_COUNTERS; k++)
            printf(" %s %lu", names[k], c.values[k]);
        printf("\n");
    }
    list_free(&list);
}
Test(bench, all)
{
    one(512, 512, 2, 4, false, "");
    one(512, 512, 2, 4, true, "");
    one(2048, 512, 2, 4, false, "");
    one(512, 2048, 2, 4, false, "");
    one(8000, 512, 2, 4, false, "");
}
