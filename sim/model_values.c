/* Results of a list, from its streams of keys, scales and activations. */
#include "sim/model.h"
#include "sim/model_sums.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_LANES = 32 };

/* The drain of SL rows: results of planes[plane][row] with stride R, from SL lanes of biases and
 * scales. */
static void drain_lanes(const struct lw_job *job, size_t lanes, size_t stride,
                        const int32_t *planes, const uint8_t *scales, int64_t *totals)
{
    int16_t halves[MOST_LANES];
    size_t bytes = lanes * sizeof *halves;
    memcpy(halves, scales + (job->bias_words - 1) * bytes, bytes);
    for (size_t i = 0; i < lanes; i++)
        totals[i] = halves[i];
    for (size_t word = job->bias_words - 1; word-- > 0;) {
        memcpy(halves, scales + word * bytes, bytes);
        for (size_t i = 0; i < lanes; i++)
            totals[i] = totals[i] * 65536 + (uint16_t)halves[i];
    }
    for (size_t p = 0; p < job->planes; p++) {
        memcpy(halves, scales + (job->bias_words + p) * bytes, bytes);
        for (size_t i = 0; i < lanes; i++)
            totals[i] += (int64_t)halves[i] * planes[p * stride + i];
    }
}

#ifdef __x86_64__
#include <immintrin.h>

/* Both at once, of 8 lanes and one column, for exact sums. */
__attribute__((target("avx512f"))) static void drain_wide(const struct lw_job *job, size_t stride,
                                                          const int32_t *planes,
                                                          const uint8_t *scales, uint8_t *y)
{
    const uint8_t *bias = scales + 16 * (job->bias_words - 1);
    __m512i totals = _mm512_cvtepi16_epi64(_mm_loadu_si128((const void *)bias));
    while (bias != scales) {
        bias -= 16;
        totals = _mm512_or_si512(_mm512_slli_epi64(totals, 16),
                                 _mm512_cvtepu16_epi64(_mm_loadu_si128((const void *)bias)));
    }
    scales += (size_t)16 * job->bias_words;
    for (size_t p = 0; p < job->planes; p++, scales += 16, planes += stride) {
        __m512i scale = _mm512_cvtepi16_epi64(_mm_loadu_si128((const void *)scales));
        __m512i plane = _mm512_cvtepi32_epi64(_mm256_loadu_si256((const void *)planes));
        totals = _mm512_add_epi64(totals, _mm512_mul_epi32(scale, plane));
    }
    _mm512_storeu_si512(y, totals);
}

static bool suits_wide(const struct lw_engine *e, const struct lw_job *job)
{
    return e->scale_lanes == 8 && e->columns == 1 && job->operation == LW_JOB_PRODUCT &&
           __builtin_cpu_supports("avx512f");
}
#endif

/* Writes results of a column from row `row` on. */
static void write_rows(const struct lw_engine *e, const struct lw_job *job, size_t row,
                       size_t column, const int64_t *totals, uint8_t *y, uint64_t *saturations)
{
    size_t bytes = job->operation == LW_JOB_STATIC ? e->x_bits / 8 : 8;
    uint8_t *at = y + (row * e->columns + column) * bytes;
    for (size_t i = 0; i < e->scale_lanes; i++, at += e->columns * bytes) {
        if (job->operation == LW_JOB_STATIC) {
            int16_t value = lw_static_value(totals[i], job->shift, job->relu, e->x_bits);
            memcpy(at, &value, bytes);
            *saturations += lw_static_saturates(totals[i], job->shift, job->relu, e->x_bits);
        } else {
            memcpy(at, &totals[i], sizeof *totals);
        }
    }
}

static void run_column(const struct lw_job *job, size_t column, struct lw_sim_memory memory,
                       struct lw_sums *sums, int32_t *planes, uint64_t *saturations)
{
    const struct lw_engine *e = sums->engine;
    size_t at = 0, row = 0, lanes = e->scale_lanes;
    const uint8_t *scales = memory.data + job->scale_address;
    uint8_t *y = memory.data + job->y_address;
#ifdef __x86_64__
    bool wide = suits_wide(e, job);
#endif
    for (size_t pass = 0; pass < job->passes; pass++) {
        bool last = pass + 1 == job->passes;
        size_t slots = last ? job->last_slots : job->pass_slots;
        size_t rows = (last ? job->last_blocks : job->pass_blocks) * e->rows;
        lw_sums_pass(sums, memory.data + job->key_address, at, slots, planes);
        at += slots * job->tiles * lw_engine_step_bits(e);
        for (size_t i = 0; i < rows; i += lanes, row += lanes) {
            int64_t totals[MOST_LANES];
            const int32_t *from = planes + i / e->rows * job->planes * e->rows + i % e->rows;
#ifdef __x86_64__
            if (wide) {
                drain_wide(job, e->rows, from, scales, y + 8 * row);
                scales += 16 * (job->bias_words + job->planes);
                continue;
            }
#endif
            drain_lanes(job, lanes, e->rows, from, scales, totals);
            write_rows(e, job, row, column, totals, y, saturations);
            scales += 2 * lanes * (job->bias_words + job->planes);
        }
    }
}

enum lw_status lw_model_values(const struct lw_engine *engine, uint32_t list,
                               struct lw_sim_memory memory, uint64_t *saturations,
                               struct lw_error *error)
{
    struct lw_sums sums;
    struct lw_job job = {0};
    uint32_t x = 0;
    size_t beat = engine->bus_bits / 8;
    int32_t *planes = malloc((size_t)engine->slots * engine->rows * sizeof *planes);
    enum lw_status status = lw_sums_open(engine, engine->x_words / engine->tables, &sums, error);
    if (status == LW_OK && !planes)
        status = lw_fail(error, LW_FAILED, "out of memory for the model of the engine");
    for (; status == LW_OK && !job.last; list += (uint32_t)lw_job_stride(engine)) {
        status = lw_job_decode(memory.data + list, &job, error);
        if (status != LW_OK)
            break;
        x = job.load_x ? job.x_address : x;
        /* the rest of the last beat of results is zero */
        memset(memory.data + job.y_address + (size_t)(job.y_beats - 1) * beat, 0, beat);
        for (size_t column = 0; column < engine->columns; column++) {
            if (engine->columns > 1 || job.load_x || job.tiles != sums.tiles)
                lw_sums_take(&sums, memory.data + x, column, job.tiles);
            run_column(&job, column, memory, &sums, planes, saturations);
        }
    }
    lw_sums_close(&sums);
    free(planes);
    return status;
}
