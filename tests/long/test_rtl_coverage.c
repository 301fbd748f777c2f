/* Jobs on small engines that reach nearly all of the RTL; `make coverage` counts lines and bits. */
#include "tests/engines.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <string.h>
#include <sys/mman.h>

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

/* The list far up in a memory of 4 GB. */
static void run_far(struct lw_rtl *rtl, const struct list *list, uint32_t offset)
{
    struct lw_error error = {0};
    struct lw_sim_counts counts;
    size_t bytes = (size_t)1 << 32;
    uint8_t *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    cr_assert_neq(memory, MAP_FAILED);
    struct lw_image image = {memory + offset, list->image.bytes, list->image.bytes};
    struct lw_job job = {.last = false};
    memcpy(image.data, list->image.data, image.bytes);
    for (uint8_t *line = image.data + list->address; !job.last;
         line += lw_job_stride(&list->engine)) {
        cr_assert(lw_job_decode(line, &job, NULL) == LW_OK);
        job.x_address += offset;
        job.key_address += offset;
        job.scale_address += offset;
        job.y_address += offset;
        lw_job_encode(&job, line);
    }
    struct lw_sim_run run = {.memory = "ideal", .list = offset + list->address};
    cr_assert_eq(lw_rtl_run(rtl, &run, (struct lw_sim_memory){memory, bytes}, &counts, &error),
                 LW_OK, "%s", error.text);
    list_check(list, &image, "RTL");
    munmap(memory, bytes);
}

/* Lists that the engine refuses, and one that it waits for. */
static void run_damaged(struct lw_rtl *rtl, const struct list *list, const struct lw_job *job,
                        bool wrong_crc, const char *expected)
{
    struct lw_error error = {0};
    struct lw_sim_counts counts;
    struct lw_image image = list_image(list);
    struct lw_sim_run run = {.memory = "ideal", .list = list->address};
    lw_job_encode(job, image.data + list->address);
    image.data[list->address + 60] ^= wrong_crc;
    cr_assert_eq(
        lw_rtl_run(rtl, &run, (struct lw_sim_memory){image.data, image.bytes}, &counts, &error),
        LW_MISMATCH);
    cr_assert(strstr(error.text, expected), "%s", error.text);
    lw_image_free(&image);
}

static void run_all_damaged(struct lw_rtl *rtl, const struct lw_engine *engine)
{
    struct list list;
    struct lw_job good, job;
    list_make_layer(&list, engine, 64, 64, 2, 1, false);
    cr_assert(lw_job_decode(list.image.data + list.address, &good, NULL) == LW_OK);
    run_damaged(rtl, &list, &good, true, "reason 1");
    job = good;
    job.operation = 3;
    run_damaged(rtl, &list, &job, false, "reason 2");
    job = good;
    job.mu ^= 1;
    run_damaged(rtl, &list, &job, false, "reason 3");
    job = good;
    job.tiles = 0;
    run_damaged(rtl, &list, &job, false, "reason 4");
    job = good;
    job.y_beats++;
    run_damaged(rtl, &list, &job, false, "writer waits");
    list_free(&list);
}

ParameterizedTest(size_t *index, rtl_coverage, jobs)
{
    struct lw_engine engine;
    struct lw_rtl *rtl = open_engine(engines[*index], false, &engine);
    struct list list;
    struct lw_sim_counts counts;
    list_make_edges(&list, &engine);
    list_run(rtl, &list, "poor", 1, &counts);
    run_far(rtl, &list, 0xaaaaa000);
    run_far(rtl, &list, 0x55555000);
    list_free(&list);
    run_all_damaged(rtl, &engine);
    lw_rtl_close(rtl);
    run_random_lists(engines[*index], 2000, 40, 200);
}
