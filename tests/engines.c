#include "tests/engines.h"

#include "sim/model.h"
#include "tests/random_model.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const char *engine_cache(void)
{
    const char *folder = getenv("LW_TEST_ENGINES"); /* tests/coverage builds others */
    return folder ? folder : "build/engines";
}

static size_t below(uint64_t *state, size_t count)
{
    return (size_t)(test_uniform(state) * (double)count);
}

/* Planes and scales of a code; where q is given, each row's planes are its signs, or their
 * complement. */
static void fill_code(struct lw_code *code, size_t columns, const int16_t *q, uint64_t *state)
{
    uint8_t *planes = calloc(code->rows * code->bits, code->plane_bytes);
    size_t scales = code->rows * lw_code_row_scales(code);
    int16_t *values = malloc(scales * sizeof *values);
    for (size_t row = 0; row < code->rows * code->bits; row++)
        for (size_t k = 0; k < columns; k++) {
            bool plus = q ? (q[k] > 0) ^ (row & 1) : test_uniform(state) < 0.5;
            planes[row * code->plane_bytes + k / 8] |= (uint8_t)(plus << k % 8);
        }
    int most = code->uniform ? 255 : below(state, 4) ? 32767 : 3; /* small ones: ties of shifts */
    for (size_t i = 0; i < scales; i++)
        values[i] = (int16_t)(q ? most : (int)below(state, 2 * (size_t)most + 1) - most);
    code->planes = planes;
    code->scales = values;
}

/* Of `bits` planes, or mixed where it is 0; of as many as multipliers take, and then uniform. */
static void make_matrix(const struct lw_engine *engine, struct lw_matrix *matrix, size_t rows,
                        size_t columns, unsigned bits, const int16_t *q, uint64_t *state)
{
    unsigned most = engine->weight_bits > 1 ? engine->weight_bits : 4;
    *matrix = (struct lw_matrix){.rows = rows, .columns = columns, .arith = LW_ARITH_A8};
    strcpy(matrix->name, "random");
    uint8_t *row_bits = malloc(rows);
    uint32_t *order = calloc(rows, sizeof *order), *place = calloc(rows, sizeof *place);
    bool mixed = bits == 0;
    for (size_t i = 0; i < rows; i++)
        row_bits[i] = (uint8_t)(mixed ? 1 + below(state, most) : bits);
    lw_matrix_set_rows(matrix, row_bits, order, place);
    bool grouped = mixed && columns > 64 && below(state, 3) == 0;
    lw_matrix_set_scales(matrix, grouped ? 32 * (1 + below(state, 3)) : columns,
                         engine->weight_bits > 1 || (mixed && below(state, 4) == 0), 0);
    for (size_t i = 0; i < matrix->code_count; i++)
        fill_code(&matrix->codes[i], columns, q, state);
    free(row_bits);
    if (!matrix->order) {
        free(order);
        free(place);
    }
}

/* R straight from the bits of the codes. */
static void sum_bits(const struct lw_matrix *matrix, const int16_t *q, int64_t *sums)
{
    size_t stored = 0;
    for (size_t c = 0; c < matrix->code_count; c++) {
        const struct lw_code *code = &matrix->codes[c];
        for (size_t row = 0; row < code->rows; row++, stored++) {
            int64_t sum = 0;
            for (size_t i = 0; i < code->bits; i++) {
                const uint8_t *plane = code->planes + (row * code->bits + i) * code->plane_bytes;
                for (size_t k = 0; k < matrix->columns; k++)
                    sum += (int64_t)lw_code_scale(code, row, k / code->group, i) *
                           (plane[k / 8] >> k % 8 & 1 ? q[k] : -q[k]);
            }
            sums[matrix->order ? matrix->order[stored] : stored] = sum;
        }
    }
}

/* Bias, shift and ReLU of a product whose sums are of about 2^bits. */
static void make_static(struct lw_static *fixed, size_t rows, unsigned bits, uint64_t *state)
{
    int64_t *bias = malloc(rows * sizeof *bias);
    for (size_t m = 0; m < rows; m++)
        bias[m] = (int64_t)((test_uniform(state) - 0.5) * (double)((int64_t)1 << bits));
    size_t shift = bits < 9 ? below(state, 4) : bits - 9 + below(state, 6);
    *fixed = (struct lw_static){bias, (unsigned)shift, below(state, 2)};
}

static int16_t *make_activations(const struct lw_engine *engine, size_t columns, bool saturate,
                                 uint64_t *state)
{
    int most = engine->x_bits == 8 ? 127 : 32767;
    size_t count = engine->columns * columns;
    int16_t *q = malloc(count * sizeof *q);
    for (size_t i = 0; i < count; i++) {
        int value = (int)below(state, 2 * (size_t)most + 1) - most;
        q[i] = (int16_t)(!saturate ? value : value < 0 ? -most : most);
    }
    for (size_t i = columns; saturate && i < count; i++)
        q[i] = q[i % columns];
    return q;
}

/* Lays out what list->matrices and list->q hold; x[i] == x[i - 1] where `share`. */
static void place(struct list *list, bool share, bool dependent)
{
    struct lw_error error = {0};
    const struct lw_stream *streams[LIST_PRODUCTS];
    const struct lw_engine *engine = &list->engine;
    for (size_t i = 0; i < list->count; i++) {
        const struct lw_matrix *matrix = &list->matrices[i];
        list->sums[i] = malloc(engine->columns * matrix->rows * sizeof **list->sums);
        for (size_t c = 0; c < engine->columns; c++)
            sum_bits(matrix, list->q[i] + c * matrix->columns, list->sums[i] + c * matrix->rows);
        cr_assert_eq(lw_stream_make(engine, matrix, list->is_static[i] ? &list->fixed[i] : NULL,
                                    &list->image, &list->streams[i], &error),
                     LW_OK, "%s", error.text);
        streams[i] = &list->streams[i];
        bool own = i == 0 || !share || !lw_stream_same_x(streams[0], streams[i]);
        list->x[i] = own ? 0 : list->x[0];
        cr_assert(!own || lw_image_reserve(&list->image, lw_stream_x_bytes(streams[i]), 128,
                                           &list->x[i], &error) == LW_OK);
        cr_assert(lw_image_reserve(&list->image, lw_stream_y_bytes(streams[i]), 128, &list->y[i],
                                   &error) == LW_OK);
        if (i > 0 && list->chained)
            list->x[i] = list->y[i - 1];
        else
            lw_stream_put_x(streams[i], list->q[i], &list->image, list->x[i]);
    }
    cr_assert(lw_stream_list(streams, list->x, list->y, list->count, dependent, &list->image,
                             &list->address, &error) == LW_OK);
    cr_assert(lw_image_pad(&list->image, &error) == LW_OK);
    cr_assert_eq(lw_job_check_list(engine, &list->image, list->address, NULL, &error), LW_OK, "%s",
                 error.text);
}

void list_make(struct list *list, const struct lw_engine *engine, uint64_t seed, size_t size,
               bool saturate)
{
    uint64_t state = seed;
    for (int i = 0; i < 4; i++)
        test_uniform(&state);
    *list = (struct list){.engine = *engine, .count = 1 + below(&state, LIST_PRODUCTS)};
    bool share = below(&state, 2);
    size_t columns = 1 + below(&state, size);
    for (size_t i = 0; i < list->count; i++) {
        if (i > 0 && !share)
            columns = 1 + below(&state, size);
        list->q[i] = make_activations(engine, columns, saturate, &state);
        if (i > 0 && share)
            memcpy(list->q[i], list->q[0], engine->columns * columns * sizeof **list->q);
        unsigned bits =
            (unsigned)below(&state, engine->weight_bits > 1 ? engine->weight_bits + 1 : 6);
        make_matrix(engine, &list->matrices[i], 1 + below(&state, size), columns, bits,
                    saturate ? list->q[i] : NULL, &state);
        const struct lw_matrix *matrix = &list->matrices[i];
        list->is_static[i] =
            matrix->codes[0].group == columns &&
            columns <= (size_t)engine->x_words / engine->tables * engine->tables * engine->mu &&
            below(&state, 2);
        if (list->is_static[i])
            make_static(&list->fixed[i], matrix->rows, 4 + (unsigned)below(&state, 36), &state);
    }
    place(list, share, below(&state, 2));
}

void list_make_layer(struct list *list, const struct lw_engine *engine, size_t rows, size_t columns,
                     unsigned bits, size_t products, bool dependent)
{
    uint64_t state = 1;
    *list = (struct list){.engine = *engine, .count = products};
    for (size_t i = 0; i < products; i++) {
        list->q[i] = make_activations(engine, columns, false, &state);
        make_matrix(engine, &list->matrices[i], rows, columns, bits, NULL, &state);
    }
    place(list, false, dependent);
}

void list_make_chain(struct list *list, const struct lw_engine *engine, size_t size)
{
    uint64_t state = 1;
    *list = (struct list){.engine = *engine, .count = LIST_PRODUCTS};
    list->q[0] = make_activations(engine, size, false, &state);
    for (size_t i = 0; i < LIST_PRODUCTS; i++) {
        make_matrix(engine, &list->matrices[i], size, size, 2, NULL, &state);
        make_static(&list->fixed[i], size, 24, &state);
        list->is_static[i] = true;
        if (i + 1 == LIST_PRODUCTS)
            break;
        int64_t *sums = malloc(size * sizeof *sums);
        list->q[i + 1] = malloc(size * sizeof **list->q);
        sum_bits(&list->matrices[i], list->q[i], sums);
        for (size_t m = 0; m < size; m++)
            list->q[i + 1][m] = lw_static_value(sums[m] + list->fixed[i].bias[m],
                                                list->fixed[i].shift, list->fixed[i].relu, 8);
        free(sums);
    }
    list->chained = true;
    place(list, false, true);
}

void list_make_edges(struct list *list, const struct lw_engine *engine)
{
    enum { SHIFT = 5, UNIT = 1 << SHIFT, VALUES = 10, OFFSETS = 5, ROWS = VALUES * OFFSETS };
    int64_t most = ((int64_t)1 << (engine->x_bits - 1)) - 1;
    const int64_t values[VALUES] = {-most - 2, -most - 1, -most, -2,       -1,
                                    0,         1,         most,  most + 1, most + 2};
    const int64_t offsets[OFFSETS] = {-UNIT / 2, -1, 0, UNIT / 2, UNIT / 2 + 1};
    uint64_t state = 1;
    *list = (struct list){.engine = *engine, .count = 2};
    for (size_t i = 0; i < 2; i++) {
        int64_t *bias = malloc(ROWS * sizeof *bias);
        for (size_t m = 0; m < ROWS; m++)
            bias[m] = values[m / OFFSETS] * UNIT + offsets[m % OFFSETS];
        list->q[i] = make_activations(engine, 40, false, &state);
        make_matrix(engine, &list->matrices[i], ROWS, 40, 1, NULL, &state);
        memset((void *)(uintptr_t)list->matrices[i].codes[0].scales, 0, ROWS * sizeof(int16_t));
        list->is_static[i] = true;
        list->fixed[i] = (struct lw_static){bias, SHIFT, i == 1};
    }
    place(list, false, false);
}

struct lw_image list_image(const struct list *list)
{
    struct lw_image image = list->image;
    image.capacity = image.bytes;
    image.data = malloc(image.bytes);
    memcpy(image.data, list->image.data, image.bytes);
    return image;
}

static void check_values(const struct list *list, size_t i, const struct lw_image *image,
                         const char *who)
{
    const struct lw_static *fixed = &list->fixed[i];
    size_t rows = list->matrices[i].rows, count = rows * list->engine.columns;
    int16_t *values = malloc(count * sizeof *values);
    lw_stream_get_values(&list->streams[i], image, list->y[i], values);
    for (size_t m = 0; m < count; m++) {
        int16_t expected = lw_static_value(list->sums[i][m] + fixed->bias[m % rows], fixed->shift,
                                           fixed->relu, list->engine.x_bits);
        cr_assert_eq(values[m], expected, "%s: product %zu, column %zu, row %zu: %d, not %d", who,
                     i, m / rows, m % rows, values[m], expected);
    }
    free(values);
}

void list_check(const struct list *list, const struct lw_image *image, const char *who)
{
    for (size_t i = 0; i < list->count; i++) {
        size_t rows = list->matrices[i].rows, count = rows * list->engine.columns;
        if (list->is_static[i]) {
            check_values(list, i, image, who);
            continue;
        }
        int64_t *sums = malloc(count * sizeof *sums);
        lw_stream_get_y(&list->streams[i], image, list->y[i], sums);
        for (size_t m = 0; m < count; m++)
            cr_assert_eq(sums[m], list->sums[i][m],
                         "%s: product %zu, column %zu, row %zu: %" PRId64 ", not %" PRId64, who, i,
                         m / rows, m % rows, sums[m], list->sums[i][m]);
        free(sums);
    }
}

void list_free(struct list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        struct lw_matrix *matrix = &list->matrices[i];
        for (size_t c = 0; c < matrix->code_count; c++) {
            free((void *)(uintptr_t)matrix->codes[c].planes);
            free((void *)(uintptr_t)matrix->codes[c].scales);
        }
        free((void *)(uintptr_t)matrix->order);
        free((void *)(uintptr_t)matrix->place);
        free((void *)(uintptr_t)list->fixed[i].bias);
        free(list->q[i]);
        free(list->sums[i]);
        lw_stream_free(&list->streams[i]);
    }
    lw_image_free(&list->image);
}

static struct lw_sim_memory memory_of(const struct lw_image *image)
{
    return (struct lw_sim_memory){image->data, image->bytes};
}

/* What the model knows of earlier lists and passes changes nothing: counts are those of a run whose
 * every cycle was simulated. Kept from list to list of a test. */
static void list_know(const struct list *list, const struct lw_sim_run *run,
                      const struct lw_sim_counts *counts)
{
    static struct lw_model_known known;
    struct lw_error error = {0};
    struct lw_sim_counts modelled;
    struct lw_image image = list_image(list);
    for (int i = 0; i < 2; i++) { /* by passes, then as a whole */
        cr_assert_eq(
            lw_model_run(&list->engine, run, memory_of(&image), false, &known, &modelled, &error),
            LW_OK, "%s", error.text);
        cr_assert_eq(modelled.values[LW_COUNT_SATURATIONS], 0, "without results");
        modelled.values[LW_COUNT_SATURATIONS] = counts->values[LW_COUNT_SATURATIONS];
        cr_assert_arr_eq(counts->values, modelled.values, sizeof counts->values);
    }
    lw_image_free(&image);
}

/* The list up to a job, by a model that knows others and by one that does not */
static void know_beginning(const struct list *list, const struct lw_sim_run *run, size_t last,
                           struct lw_model_known *known)
{
    struct lw_error error = {0};
    struct lw_sim_counts counts[2];
    struct lw_image image = list_image(list);
    uint8_t *line = image.data + list->address + last * lw_job_stride(&list->engine);
    struct lw_job job;
    cr_assert_eq(lw_job_decode(line, &job, &error), LW_OK);
    job.last = true;
    lw_job_encode(&job, line);
    for (int i = 0; i < 2 && job.free_x; i++)
        cr_assert_eq(lw_model_run(&list->engine, run, memory_of(&image), false, i ? known : NULL,
                                  &counts[i], &error),
                     LW_OK, "%s", error.text);
    if (job.free_x)
        cr_assert_arr_eq(counts[0].values, counts[1].values, sizeof counts->values);
    lw_image_free(&image);
}

/* Of lists that begin alike, what is known of one serves the others, in whatever order. */
static void know_beginnings(const struct list *list, const struct lw_sim_run *run)
{
    size_t jobs;
    struct lw_error error = {0};
    cr_assert_eq(lw_job_check_list(&list->engine, &list->image, list->address, &jobs, &error),
                 LW_OK);
    for (int longer = 0; longer < 2; longer++) {
        struct lw_model_known known = {0};
        for (size_t i = 0; i < jobs; i++)
            know_beginning(list, run, longer ? i : jobs - 1 - i, &known);
        lw_model_forget(&known);
    }
}

void list_run(struct lw_rtl *rtl, const struct list *list, const char *memory, uint64_t seed,
              struct lw_sim_counts *counts)
{
    static const char *const names[] = LW_COUNTER_NAMES;
    struct lw_error error = {0};
    struct lw_sim_run run = {.memory = memory, .seed = seed, .list = list->address};
    struct lw_sim_counts modelled;
    struct lw_image image = list_image(list), other = list_image(list);
    cr_assert_eq(lw_rtl_run(rtl, &run, memory_of(&image), counts, &error), LW_OK, "%s", error.text);
    list_check(list, &image, "RTL");
    cr_assert_eq(
        lw_model_run(&list->engine, &run, memory_of(&other), true, NULL, &modelled, &error), LW_OK,
        "%s", error.text);
    cr_assert(memcmp(image.data, other.data, image.bytes) == 0, "the memories differ");
    list_know(list, &run, &modelled);
    know_beginnings(list, &run);
    uint64_t sum = 0;
    for (int i = 0; i < LW_COUNTERS; i++) {
        cr_assert_eq(counts->values[i], modelled.values[i],
                     "%s memory, %s: %" PRIu64 " of the RTL, %" PRIu64 " of the model", memory,
                     names[i], counts->values[i], modelled.values[i]);
        if (i >= LW_COUNT_STEPS && i <= LW_COUNT_TAIL)
            sum += counts->values[i];
    }
    cr_assert_eq(counts->values[LW_COUNT_BUSY], sum, "busy cycles are not steps and stalls");
    lw_image_free(&image);
    lw_image_free(&other);
}

struct lw_rtl *open_engine(const char *name, bool trace, struct lw_engine *engine)
{
    struct lw_error error = {0};
    struct lw_rtl *rtl;
    cr_assert_eq(lw_engine_parse(name, engine, &error), LW_OK, "%s", error.text);
    cr_assert_eq(lw_rtl_open(engine, engine_cache(), trace, &rtl, &error), LW_OK, "%s", error.text);
    return rtl;
}

static void leave_in_the_middle(struct lw_rtl *rtl, const struct list *list, uint64_t cycles)
{
    struct lw_error error = {0};
    struct lw_sim_counts counts;
    struct lw_image image = list_image(list);
    struct lw_sim_run run = {
        .memory = "typical", .seed = 1, .list = list->address, .most_cycles = cycles};
    cr_assert_eq(lw_rtl_run(rtl, &run, memory_of(&image), &counts, &error), LW_OK, "%s",
                 error.text);
    lw_image_free(&image);
}

size_t run_random_lists(const char *name, uint64_t first, size_t count, size_t size)
{
    struct lw_engine engine;
    struct lw_rtl *rtl = open_engine(name, false, &engine);
    size_t jobs = 0;
    for (uint64_t seed = first; seed < first + count; seed++) {
        struct list list;
        struct lw_sim_counts counts;
        list_make(&list, &engine, seed, size, seed % 8 == 0);
        if (seed % 9 == 0)
            leave_in_the_middle(rtl, &list, 50 + seed);
        list_run(rtl, &list, (const char *[]){"ideal", "typical", "poor"}[seed % 3], seed, &counts);
        jobs += counts.values[LW_COUNT_JOBS];
        list_free(&list);
    }
    lw_rtl_close(rtl);
    return jobs;
}
