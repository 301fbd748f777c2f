/* The products of one decoder step of a base model at 2 bits, with its vocabulary, on the default
 * engine: how near it comes to the bound by keys, one step a beat of keys. */
#include "sim/model.h"
#include "sim/rtl.h"
#include "tests/engines.h"
#include "tests/random_model.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { LAYERS = 6, D = 512, FFN = 2048, WORDS = 32000, PRODUCTS = LAYERS * 8 + 1 };
enum shape { ATTENTION, FFN_IN, FFN_OUT, OUTPUT, SHAPES };

struct step {
    struct lw_engine engine;
    struct lw_matrix matrices[SHAPES];
    struct lw_stream streams[SHAPES];
    struct lw_image image;
    uint32_t list;
};

static void make_shape(struct lw_matrix *matrix, size_t rows, size_t columns)
{
    uint64_t state = rows + columns;
    size_t bytes = rows * 2 * (columns / 8);
    uint8_t *planes = malloc(bytes);
    int16_t *scales = malloc(rows * 2 * sizeof *scales);
    for (size_t i = 0; i < bytes; i++)
        planes[i] = (uint8_t)(test_uniform(&state) * 256);
    for (size_t i = 0; i < rows * 2; i++)
        scales[i] = (int16_t)(test_uniform(&state) * 32767);
    *matrix = (struct lw_matrix){
        .name = "shape", .rows = rows, .columns = columns, .code_count = 1, .arith = LW_ARITH_A8};
    matrix->codes[0] = (struct lw_code){.rows = rows,
                                        .bits = 2,
                                        .group = columns,
                                        .groups = 1,
                                        .plane_bytes = columns / 8,
                                        .planes = planes,
                                        .scales = scales};
}

/* q, k and v of a layer read the same x; all else reads its own. */
static void make_step(struct step *step, bool dependent)
{
    static const enum shape layer[8] = {ATTENTION, ATTENTION, ATTENTION, ATTENTION,
                                        ATTENTION, ATTENTION, FFN_IN,    FFN_OUT};
    struct lw_error error = {0};
    const struct lw_stream *streams[PRODUCTS];
    uint32_t x[PRODUCTS], y[PRODUCTS];
    *step = (struct step){.engine = lw_engine_default()};
    make_shape(&step->matrices[ATTENTION], D, D);
    make_shape(&step->matrices[FFN_IN], FFN, D);
    make_shape(&step->matrices[FFN_OUT], D, FFN);
    make_shape(&step->matrices[OUTPUT], WORDS, D);
    for (int i = 0; i < SHAPES; i++)
        cr_assert_eq(lw_stream_make(&step->engine, &step->matrices[i], NULL, &step->image,
                                    &step->streams[i], &error),
                     LW_OK, "%s", error.text);
    for (size_t i = 0; i < PRODUCTS; i++) {
        streams[i] = &step->streams[i < PRODUCTS - 1 ? layer[i % 8] : OUTPUT];
        bool shared = i < PRODUCTS - 1 && (i % 8 == 1 || i % 8 == 2);
        if (shared)
            x[i] = x[i - 1];
        else
            cr_assert_eq(
                lw_image_reserve(&step->image, lw_stream_x_bytes(streams[i]), 128, &x[i], &error),
                LW_OK);
        cr_assert_eq(
            lw_image_reserve(&step->image, lw_stream_y_bytes(streams[i]), 128, &y[i], &error),
            LW_OK);
    }
    cr_assert_eq(
        lw_stream_list(streams, x, y, PRODUCTS, dependent, &step->image, &step->list, &error),
        LW_OK);
    cr_assert_eq(lw_image_pad(&step->image, &error), LW_OK);
}

static void free_step(struct step *step)
{
    for (int i = 0; i < SHAPES; i++) {
        lw_stream_free(&step->streams[i]);
        free((void *)(uintptr_t)step->matrices[i].codes[0].planes);
        free((void *)(uintptr_t)step->matrices[i].codes[0].scales);
    }
    lw_image_free(&step->image);
}

/* What is known of passes and lists changes no counter. */
static void run_known(const struct lw_engine *engine, const struct lw_sim_run *run,
                      struct lw_sim_memory memory, const struct lw_sim_counts *counts)
{
    struct lw_model_known known = {0};
    struct lw_error error = {0};
    struct lw_sim_counts modelled;
    for (size_t i = 0; i < 2; i++) {
        cr_assert_eq(lw_model_run(engine, run, memory, false, &known, &modelled, &error), LW_OK,
                     "%s", error.text);
        cr_assert_arr_eq(counts->values, modelled.values, sizeof counts->values);
        cr_assert_eq(known.lists.count, 1);
    }
    if (strcmp(run->memory, "ideal") == 0) /* of 257 passes: some came again */
        cr_assert(known.passes.count > 10 && known.passes.count < 240, "%zu", known.passes.count);
    else
        cr_assert_eq(known.passes.count, 0);
    lw_model_forget(&known);
}

/* The counters are the RTL's, too. */
static struct lw_sim_counts run_step(const char *memory, bool dependent)
{
    struct step step;
    struct lw_error error = {0};
    struct lw_sim_counts counts, modelled;
    struct lw_engine engine;
    make_step(&step, dependent);
    struct lw_rtl *rtl = open_engine("", false, &engine);
    struct lw_sim_run run = {.memory = memory, .seed = 1, .list = step.list};
    struct lw_sim_memory bytes = {step.image.data, step.image.bytes};
    cr_assert_eq(lw_model_run(&step.engine, &run, bytes, false, NULL, &modelled, &error), LW_OK,
                 "%s", error.text);
    cr_assert_eq(lw_rtl_run(rtl, &run, bytes, &counts, &error), LW_OK, "%s", error.text);
    cr_assert_arr_eq(counts.values, modelled.values, sizeof counts.values);
    run_known(&step.engine, &run, bytes, &counts);
    lw_rtl_close(rtl);
    free_step(&step);
    cr_assert_eq(counts.values[LW_COUNT_STEPS],
                 (LAYERS * (6 * D * D + 2 * D * FFN) + WORDS * D) * 2 / 512);
    return counts;
}

Test(decoder_step, independent)
{
    struct lw_sim_counts counts = run_step("ideal", false);
    cr_assert_geq(counts.values[LW_COUNT_STEPS] * 100, counts.values[LW_COUNT_BUSY] * 97);
}

Test(decoder_step, dependent)
{
    struct lw_sim_counts counts = run_step("ideal", true);
    cr_assert_geq(counts.values[LW_COUNT_STEPS] * 100, counts.values[LW_COUNT_BUSY] * 88);
}

/* All beats of both ports share 0.8 of a bus. */
Test(decoder_step, typical_memory)
{
    struct lw_sim_counts counts = run_step("typical", false);
    uint64_t beats = 0;
    for (int i = LW_COUNT_KEY_BEATS; i <= LW_COUNT_Y_BEATS; i++)
        beats += counts.values[i];
    cr_assert_geq(beats * 100, counts.values[LW_COUNT_BUSY] * 66);
}
