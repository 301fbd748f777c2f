/* Engines' names, descriptors, and what the checker of lists refuses. */
#include "tests/engines.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

Test(stream, engine_names)
{
    struct lw_engine engine = lw_engine_default(), parsed;
    struct lw_error error = {0};
    char name[LW_ENGINE_NAME_BYTES];
    lw_engine_name(&engine, name);
    cr_assert_str_eq(name, "mu4-t16-r8-c1-x8-bus512-slots64-sl8-words512");
    cr_assert_eq(lw_engine_parse("t32-c4-x16", &parsed, &error), LW_OK);
    cr_assert(parsed.tables == 32 && parsed.columns == 4 && parsed.x_bits == 16 && parsed.mu == 4);
    lw_engine_name(&parsed, name);
    struct lw_engine again;
    cr_assert_eq(lw_engine_parse(name, &again, &error), LW_OK);
    cr_assert(memcmp(&again, &parsed, sizeof again) == 0);
    static const char *const wrong[] = {"mu6", "t", "q4", "bus500", "sl3", "t16x", "mu99999999"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        cr_assert_eq(lw_engine_parse(wrong[i], &parsed, &error), LW_USAGE, "%s", wrong[i]);
}

Test(stream, descriptors_round_trip)
{
    uint64_t state = 5;
    for (int i = 0; i < 100; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        uint32_t n = (uint32_t)(state >> 32);
        struct lw_job job = {.operation = LW_JOB_PRODUCT,
                             .last = n & 1,
                             .load_x = n >> 1 & 1,
                             .free_x = n >> 2 & 1,
                             .wait = n >> 3 & 1,
                             .relu = n >> 4 & 1,
                             .shift = n % 48,
                             .planes = 1 + n % 8,
                             .bias_words = 2 + n % 2,
                             .mu = 2 + n % 4,
                             .tag = n,
                             .rows = n * 3,
                             .columns = n * 5,
                             .tiles = n * 7 & 0xffff,
                             .passes = n * 11 & 0xffff,
                             .pass_slots = n * 13 & 0xffff,
                             .last_slots = n * 17 & 0xffff,
                             .pass_blocks = n * 19 & 0xffff,
                             .last_blocks = n * 23 & 0xffff,
                             .x_address = n * 29,
                             .key_address = n * 31,
                             .scale_address = n * 37,
                             .y_address = n * 41,
                             .x_beats = n & 0xffffff,
                             .key_beats = n * 43 & 0xffffff,
                             .scale_beats = n * 47 & 0xffffff,
                             .y_beats = n * 53 & 0xffffff},
                      read;
        uint8_t line[LW_JOB_BYTES], again[LW_JOB_BYTES];
        lw_job_encode(&job, line);
        cr_assert_eq(lw_job_decode(line, &read, NULL), LW_OK);
        lw_job_encode(&read, again);
        cr_assert(memcmp(line, again, sizeof line) == 0);
        line[n % LW_JOB_BYTES] ^= 1;
        cr_assert_eq(lw_job_decode(line, &read, NULL), LW_CORRUPT);
    }
}

Test(stream, lists_are_checked_and_printed)
{
    struct lw_engine engine = lw_engine_default();
    struct lw_error error = {0};
    struct list list;
    size_t count;
    list_make_layer(&list, &engine, 40, 100, 3, 2, false);
    cr_assert_eq(lw_job_check_list(&engine, &list.image, list.address, &count, &error), LW_OK);
    cr_assert_eq(count, 2);
    char *text;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);
    lw_job_print_list(&engine, &list.image, list.address, out);
    fclose(out);
    cr_assert(strstr(text, "   0  tag 0  40x100  3 planes  2 tiles  1 passes of 15/15 slots"), "%s",
              text);
    free(text);

    struct lw_job job;
    lw_job_decode(list.image.data + list.address, &job, NULL);
    job.free_x = false;
    lw_job_encode(&job, list.image.data + list.address);
    cr_assert_eq(lw_job_check_list(&engine, &list.image, list.address, NULL, &error), LW_CORRUPT);
    cr_assert(strstr(error.text, "job 1: it loads"), "%s", error.text);
    job.free_x = true;
    job.y_address = (uint32_t)list.image.bytes;
    lw_job_encode(&job, list.image.data + list.address);
    cr_assert_eq(lw_job_check_list(&engine, &list.image, list.address, NULL, &error), LW_CORRUPT);
    cr_assert(strstr(error.text, "job 0: a stream"), "%s", error.text);
    list_free(&list);
}

Test(stream, dense_matrices_are_refused)
{
    struct lw_engine engine = lw_engine_default();
    struct lw_error error = {0};
    struct lw_matrix matrix = {.name = "dense", .rows = 4, .columns = 4};
    struct lw_image image = {0};
    struct lw_stream stream;
    cr_assert_eq(lw_stream_make(&engine, &matrix, NULL, &image, &stream, &error), LW_USAGE);
    cr_assert(strstr(error.text, "dense"));
}

/* Against rint, which rounds ties to even. */
Test(stream, static_values)
{
    for (int64_t total = -3000; total <= 3000; total++)
        for (unsigned shift = 0; shift < 14; shift++)
            for (unsigned relu = 0; relu < 2; relu++) {
                double value = rint((double)total / (double)(1 << shift));
                value = fmin(fmax(value, relu ? 0 : -127), 127);
                cr_assert_eq(lw_static_value(total, shift, relu, 8), (int16_t)value);
            }
    cr_assert_eq(lw_static_value(-((int64_t)1 << 46), 0, false, 16), -32767);
    cr_assert_eq(lw_static_value((int64_t)3 << 45, 46, false, 16), 2);
}

Test(stream, static_scales_need_one_range)
{
    struct lw_engine engine = lw_engine_default();
    struct lw_error error = {0};
    struct list list;
    struct lw_image image = {0};
    struct lw_stream stream;
    list_make_layer(&list, &engine, 8, 3000, 1, 1, false);
    int64_t bias[8] = {0};
    struct lw_static fixed = {bias, 3, false};
    cr_assert_eq(lw_stream_make(&engine, &list.matrices[0], &fixed, &image, &stream, &error),
                 LW_USAGE);
    cr_assert(strstr(error.text, "one range"), "%s", error.text);
    list_free(&list);
    list_make_layer(&list, &engine, 8, 30, 1, 1, false);
    bias[7] = -((int64_t)1 << 46);
    cr_assert_eq(lw_stream_make(&engine, &list.matrices[0], &fixed, &image, &stream, &error),
                 LW_USAGE);
    cr_assert(strstr(error.text, "row 7"), "%s", error.text);
    fixed.shift = 48;
    cr_assert_eq(lw_stream_make(&engine, &list.matrices[0], &fixed, &image, &stream, &error),
                 LW_USAGE);
    list_free(&list);
}
