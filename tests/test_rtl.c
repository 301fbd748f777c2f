/* The verilated engine and its C model against the definition of products, in every bit; and
 * against each other in every cycle and counter. */
#include "sim/model.h"
#include "sim/rtl.h"
#include "tests/engines.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <string.h>

static const char *const engines[] = {
    "",
    "mu3-t8-r4-c4-x16-bus128-slots16-sl2-words64",
    "mu5-t12-r6-c1-x8-bus1024-slots32-sl3-words128",
    "mu3-t8-r4-c2-bus256-slots16-sl2-words64-w1",
    "mu2-t4-r8-bus128-slots16-sl4-words64-w4",
    "mu4-t2-r4-c2-bus256-slots32-sl4-words128-w8",
    "mu5-t6-r4-c2-bus256-slots16-sl2-words64-lutram1",
};

ParameterizedTestParameters(rtl, random_lists)
{
    static size_t indices[] = {0, 1, 2, 3, 4, 5, 6};
    return cr_make_param_array(size_t, indices, 7);
}

ParameterizedTest(size_t *index, rtl, random_lists)
{
    size_t jobs =
        run_random_lists(engines[*index], 0, *index < 3 ? 60 : 30, *index == 1 ? 80 : 160);
    cr_assert_geq(jobs, *index < 3 ? 170 : 85);
}

/* Layers that do not wait for each other: 97 % of the bound by keys, but for the first and the last
 * 300 cycles. */
Test(rtl, independent_layers)
{
    struct lw_engine engine;
    struct lw_rtl *rtl = open_engine("", false, &engine);
    struct list list;
    struct lw_sim_counts counts;
    list_make_layer(&list, &engine, 512, 512, 2, 4, false);
    list_run(rtl, &list, "ideal", 1, &counts);
    cr_assert_eq(counts.values[LW_COUNT_STEPS], 4 * 512 * 512 * 2 / 512);
    cr_assert_eq(counts.values[LW_COUNT_KEY_BEATS], 4 * 512 * 512 * 2 / 512);
    cr_assert_leq((counts.values[LW_COUNT_BUSY] - 300) * 97, counts.values[LW_COUNT_STEPS] * 100);
    list_free(&list);
    lw_rtl_close(rtl);
}

/* A layer starts when the one before is written. */
Test(rtl, dependent_layers)
{
    struct lw_engine engine;
    struct lw_rtl *rtl = open_engine("", false, &engine);
    struct list list;
    struct lw_sim_counts counts;
    list_make_layer(&list, &engine, 512, 512, 2, 4, true);
    list_run(rtl, &list, "ideal", 1, &counts);
    cr_assert_leq(counts.values[LW_COUNT_BUSY] * 88, counts.values[LW_COUNT_STEPS] * 100);
    list_free(&list);
    lw_rtl_close(rtl);
}

/* Lists that begin alike: what the model knows of the passes of one serves the next. */
Test(rtl, passes_that_come_again)
{
    for (int i = 1; i < 3; i++) {
        struct lw_engine engine;
        struct lw_rtl *rtl = open_engine(engines[i], false, &engine);
        for (size_t products = 1; products <= LIST_PRODUCTS; products++) {
            struct list list;
            struct lw_sim_counts counts;
            list_make_layer(&list, &engine, 96, 120, 2, products, products % 2);
            list_run(rtl, &list, "ideal", 1, &counts);
            list_free(&list);
        }
        lw_rtl_close(rtl);
    }
}

/* With static scales a layer reads what the one before wrote. */
Test(rtl, chained_layers)
{
    struct lw_engine engine;
    struct lw_rtl *rtl = open_engine("", false, &engine);
    struct list list;
    struct lw_sim_counts counts;
    list_make_chain(&list, &engine, 128);
    list_run(rtl, &list, "ideal", 1, &counts);
    list_run(rtl, &list, "poor", 1, &counts);
    list_free(&list);
    lw_rtl_close(rtl);
}

Test(rtl, static_edges)
{
    for (int i = 0; i < 2; i++) {
        struct lw_engine engine;
        struct lw_rtl *rtl = open_engine(engines[i], false, &engine);
        struct list list;
        struct lw_sim_counts counts;
        list_make_edges(&list, &engine);
        list_run(rtl, &list, "ideal", 1, &counts);
        cr_assert_gt(counts.values[LW_COUNT_SATURATIONS], 0);
        cr_assert_eq(counts.values[LW_COUNT_X_WRITES], counts.values[LW_COUNT_TABLES]);
        list_free(&list);
        lw_rtl_close(rtl);
    }
}

static struct lw_job get_job(const struct lw_image *image, const struct list *list)
{
    struct lw_job job;
    cr_assert(lw_job_decode(image->data + list->address, &job, NULL) == LW_OK);
    return job;
}

static void expect_refusal(struct lw_rtl *rtl, const struct list *list, struct lw_image *image,
                           const char *by_rtl, const char *by_check)
{
    struct lw_error error = {0};
    struct lw_sim_counts counts;
    struct lw_sim_run run = {.memory = "ideal", .list = list->address};
    struct lw_sim_memory memory = {image->data, image->bytes};
    cr_assert_eq(lw_rtl_run(rtl, &run, memory, &counts, &error), LW_MISMATCH);
    cr_assert(strstr(error.text, by_rtl), "%s", error.text);
    cr_assert_eq(lw_model_run(&list->engine, &run, memory, true, NULL, &counts, &error),
                 LW_CORRUPT);
    cr_assert(strstr(error.text, by_check), "%s", error.text);
}

Test(rtl, damaged_lists)
{
    struct lw_engine engine;
    struct lw_rtl *rtl = open_engine("", false, &engine);
    struct list list;
    list_make_layer(&list, &engine, 64, 128, 2, 1, false);
    struct lw_image image = list_image(&list);
    uint8_t *line = image.data + list.address;
    struct lw_job good = get_job(&image, &list), job = good;

    line[20] ^= 4;
    expect_refusal(rtl, &list, &image, "reason 1", "CRC");
    job.mu = 3;
    lw_job_encode(&job, line);
    expect_refusal(rtl, &list, &image, "reason 3", "mu");
    job = good;
    job.pass_slots = job.last_slots = 65;
    lw_job_encode(&job, line);
    expect_refusal(rtl, &list, &image, "reason 4", "slots");
    job = good;
    job.load_x = false;
    lw_job_encode(&job, line);
    expect_refusal(rtl, &list, &image, "reason 4", "no activations");
    job = good;
    job.key_address = 0x10000000;
    lw_job_encode(&job, line);
    expect_refusal(rtl, &list, &image, "outside", "not in the memory");
    /* assertions name the unit */
    job = good;
    job.key_address += 4;
    lw_job_encode(&job, line);
    expect_refusal(rtl, &list, &image, "Assertion failed in TOP.lw_engine.u_keys", "not aligned");
    job = good;
    job.y_beats = 0;
    lw_job_encode(&job, line);
    expect_refusal(rtl, &list, &image, "Assertion failed in TOP.lw_engine.u_writer", "results");
    /* and the watchdog */
    job = good;
    job.x_beats--;
    lw_job_encode(&job, line);
    expect_refusal(rtl, &list, &image, "load of activations waits", "activations");
    job = good;
    job.key_beats--;
    lw_job_encode(&job, line);
    expect_refusal(rtl, &list, &image, "waits for keys", "keys");
    job = good;
    job.scale_beats--;
    lw_job_encode(&job, line);
    expect_refusal(rtl, &list, &image, "waits for scales", "scales");
    job = good;
    job.y_beats++;
    lw_job_encode(&job, line);
    expect_refusal(rtl, &list, &image, "writer waits", "results");

    lw_job_encode(&good, line);
    struct lw_error error = {0};
    cr_assert_eq(lw_job_check_list(&engine, &image, list.address, NULL, &error), LW_OK);
    lw_image_free(&image);
    list_free(&list);
    lw_rtl_close(rtl);
}
