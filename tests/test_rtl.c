/* The verilated engine against the definition of its products, in every bit. */
#include "sim/model.h"
#include "sim/rtl.h"
#include "tests/engines.h"

#include <criterion/criterion.h>
#include <string.h>

static const char *const counter_names[] = LW_COUNTER_NAMES;

static void run_list(struct lw_rtl *rtl, const struct list *list, const char *memory, uint64_t seed,
                     struct lw_sim_counts *counts)
{
    struct lw_error error = {0};
    struct lw_image image = list_image(list);
    struct lw_sim_run run = {.memory = memory, .seed = seed, .list = list->address};
    cr_assert_eq(
        lw_rtl_run(rtl, &run, (struct lw_sim_memory){image.data, image.bytes}, counts, &error),
        LW_OK, "%s", error.text);
    list_check(list, &image, "RTL");
    lw_image_free(&image);

    struct lw_sim_counts modelled;
    image = list_image(list);
    cr_assert_eq(lw_model_run(&list->engine, &run, (struct lw_sim_memory){image.data, image.bytes},
                              true, &modelled, &error),
                 LW_OK, "%s", error.text);
    list_check(list, &image, "model");
    lw_image_free(&image);
    for (int i = 0; i < LW_COUNTERS; i++)
        cr_assert_eq(counts->values[i], modelled.values[i], "%s: RTL %llu, model %llu",
                     counter_names[i], (unsigned long long)counts->values[i],
                     (unsigned long long)modelled.values[i]);
}

Test(rtl, layer)
{
    struct lw_engine engine = lw_engine_default();
    struct lw_error error = {0};
    struct lw_rtl *rtl;
    cr_assert_eq(lw_rtl_open(&engine, engine_cache(), false, &rtl, &error), LW_OK, "%s",
                 error.text);
    struct list list;
    struct lw_sim_counts counts;
    list_make_layer(&list, &engine, 512, 512, 2, 4);
    for (int m = 0; m < 3; m++) {
        run_list(rtl, &list, (const char *[]){"ideal", "typical", "poor"}[m], 1, &counts);
        for (int i = 0; i < LW_COUNTERS; i++)
            fprintf(stderr, "%s %llu  ", counter_names[i], (unsigned long long)counts.values[i]);
        fprintf(stderr, "\n");
    }
    list_free(&list);
    lw_rtl_close(rtl);
}

Test(rtl, random_jobs)
{
    struct lw_engine engine = lw_engine_default();
    struct lw_error error = {0};
    struct lw_rtl *rtl;
    cr_assert_eq(lw_rtl_open(&engine, engine_cache(), false, &rtl, &error), LW_OK, "%s",
                 error.text);
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct list list;
        struct lw_sim_counts counts;
        list_make(&list, &engine, seed, 200, seed % 8 == 0);
        run_list(rtl, &list, (const char *[]){"ideal", "typical", "poor"}[seed % 3], seed, &counts);
        uint64_t sum = 0;
        for (int i = LW_COUNT_STEPS; i <= LW_COUNT_TAIL; i++)
            sum += counts.values[i];
        cr_assert_eq(counts.values[LW_COUNT_BUSY], sum);
        list_free(&list);
    }
    lw_rtl_close(rtl);
}
