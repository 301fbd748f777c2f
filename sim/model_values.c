/* Results of a job, from its streams of keys, scales and activations.
 *
 * A step's row of T tables is T * mu bits; sum over +-x = 2 * (sum of the x whose bit is set) - sum
 * of all x, and keys whose top bit is clear read one less than their sum: T - (number of top bits
 * set) in all. Both come from tables of 256 entries for 8 activations. */
#include "sim/model.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_BYTES = 32 * 5 / 8, /* of a row of a step: T * mu / 8 */ MOST_COLUMNS = 4 };

struct tile {
    size_t width, bytes;           /* T * mu, and rounded up to bytes */
    int32_t sums[MOST_BYTES][256]; /* 2 * activations whose bits are set, + top bits */
    int32_t all;                   /* sum of all activations, + T */
    uint8_t tops[MOST_BYTES];      /* the top bits of keys */
};

static int32_t activation(const struct lw_engine *e, const uint8_t *x, size_t column, size_t k)
{
    size_t at = (k / e->mu * e->columns + column) * e->mu + k % e->mu;
    return e->x_bits == 8 ? (int8_t)x[at] : (int16_t)(x[2 * at] | x[2 * at + 1] << 8);
}

static void make_tile(const struct lw_engine *e, const uint8_t *x, size_t column, size_t index,
                      struct tile *tile)
{
    tile->all = (int32_t)e->tables;
    for (size_t b = 0; b < tile->bytes; b++) {
        int32_t *sums = tile->sums[b];
        sums[0] = 0;
        for (size_t i = 0; i < 8; i++) {
            size_t k = 8 * b + i;
            int32_t value = k < tile->width ? activation(e, x, column, index * tile->width + k) : 0;
            tile->all += value;
            int32_t step = 2 * value + (tile->tops[b] >> i & 1);
            for (size_t v = 0; v < (size_t)1 << i; v++)
                sums[v | (size_t)1 << i] = sums[v] + step;
        }
    }
}

/* Bits [at, at + width) of the stream, as bytes filled with zeros. */
static void take_bits(const uint8_t *stream, size_t at, size_t width, uint8_t *bits)
{
    size_t shift = at & 7, bytes = (width + 7) / 8;
    const uint8_t *from = stream + (at >> 3);
    if (shift == 0) {
        memcpy(bits, from, bytes);
    } else {
        size_t available = (shift + width + 7) / 8; /* never read past the stream */
        for (size_t b = 0; b < bytes; b++) {
            unsigned high = b + 1 < available ? from[b + 1] : 0u;
            bits[b] = (uint8_t)(from[b] >> shift | high << (8 - shift));
        }
    }
    if (width & 7)
        bits[bytes - 1] &= (uint8_t)((1u << (width & 7)) - 1);
}

/* What the adder tree gives for a row of a step. */
static int32_t tree_sum(const struct tile *tile, const uint8_t *bits)
{
    int32_t sum = -tile->all;
    for (size_t b = 0; b < tile->bytes; b++)
        sum += tile->sums[b][bits[b]];
    return sum;
}

/* The same for rows of 64 bits */
static int32_t tree_sum_8(const struct tile *tile, const uint8_t *bits)
{
    uint64_t word;
    memcpy(&word, bits, sizeof word);
    int32_t one = -tile->all, other = 0;
    for (size_t b = 0; b < 8; b += 2) {
        one += tile->sums[b][word >> 8 * b & 255];
        other += tile->sums[b + 1][word >> (8 * b + 8) & 255];
    }
    return one + other;
}

static void add_step(const struct lw_engine *e, const struct tile *tile, const uint8_t *stream,
                     size_t at, int32_t *planes)
{
    uint8_t bits[MOST_BYTES];
    if (tile->width == 64) {
        for (size_t r = 0; r < e->rows; r++)
            planes[r] += tree_sum_8(tile, stream + (at >> 3) + 8 * r);
        return;
    }
    for (size_t r = 0; r < e->rows; r++) {
        take_bits(stream, at + r * tile->width, tile->width, bits);
        planes[r] += tree_sum(tile, bits);
    }
}

static int64_t half(const uint8_t *at)
{
    return (int16_t)(at[0] | at[1] << 8);
}

static int64_t bias_of(const struct lw_job *job, const uint8_t *at, size_t lanes)
{
    int64_t bias = half(at + 2 * lanes * (job->bias_words - 1));
    for (size_t i = job->bias_words - 1; i-- > 0;)
        bias = bias * 65536 + (uint16_t)half(at + 2 * lanes * i);
    return bias;
}

/* The drain of a pass: planes[block][plane][row] to results. */
static void drain_pass(const struct lw_engine *e, const struct lw_job *job, size_t column,
                       size_t first_row, size_t rows, const int32_t *planes, const uint8_t *scales,
                       uint8_t *y, uint64_t *saturations)
{
    size_t lanes = e->scale_lanes, words = job->bias_words + job->planes;
    for (size_t i = 0; i < rows; i++) {
        size_t row = first_row + i;
        const uint8_t *at = scales + 2 * (row / lanes * lanes * words + row % lanes);
        const int32_t *sums = planes + i / e->rows * job->planes * e->rows + i % e->rows;
        int64_t total = bias_of(job, at, lanes);
        for (size_t p = 0; p < job->planes; p++)
            total += half(at + 2 * lanes * (job->bias_words + p)) * sums[p * e->rows];
        size_t index = row * e->columns + column, bytes = e->x_bits / 8;
        if (job->operation == LW_JOB_STATIC) {
            int16_t value = lw_static_value(total, job->shift, job->relu, e->x_bits);
            memcpy(y + bytes * index, &value, bytes);
            *saturations += lw_static_saturates(total, job->shift, job->relu, e->x_bits);
        } else {
            memcpy(y + 8 * index, &total, sizeof total);
        }
    }
}

static void run_column(const struct lw_engine *e, const struct lw_job *job, size_t column,
                       const uint8_t *x, const uint8_t *memory, uint8_t *y, struct tile *tile,
                       int32_t *planes, uint64_t *saturations)
{
    size_t at = 0, first_row = 0, step = e->rows * tile->width;
    for (size_t pass = 0; pass < job->passes; pass++) {
        bool last = pass + 1 == job->passes;
        size_t slots = last ? job->last_slots : job->pass_slots;
        size_t rows = (last ? job->last_blocks : job->pass_blocks) * e->rows;
        memset(planes, 0, slots * e->rows * sizeof *planes);
        for (size_t t = 0; t < job->tiles; t++) {
            make_tile(e, x, column, t, tile);
            for (size_t s = 0; s < slots; s++, at += step)
                add_step(e, tile, memory + job->key_address, at, planes + s * e->rows);
        }
        drain_pass(e, job, column, first_row, rows, planes, memory + job->scale_address, y,
                   saturations);
        first_row += rows;
    }
}

enum lw_status lw_model_values(const struct lw_engine *engine, const struct lw_job *job,
                               uint32_t x_address, struct lw_sim_memory memory,
                               uint64_t *saturations, struct lw_error *error)
{
    struct tile *tile = calloc(1, sizeof *tile);
    int32_t *planes = malloc((size_t)engine->slots * engine->rows * sizeof *planes);
    enum lw_status status = LW_OK;
    if (tile && planes) {
        tile->width = (size_t)engine->tables * engine->mu;
        tile->bytes = (tile->width + 7) / 8;
        for (size_t t = 0; t < engine->tables; t++) {
            size_t top = t * engine->mu + engine->mu - 1;
            tile->tops[top >> 3] |= (uint8_t)(1u << (top & 7));
        }
        /* the rest of the last beat of results is zero */
        uint8_t *y = memory.data + job->y_address;
        memset(y, 0, (size_t)job->y_beats * engine->bus_bits / 8);
        for (size_t c = 0; c < engine->columns; c++)
            run_column(engine, job, c, memory.data + x_address, memory.data, y, tile, planes,
                       saturations);
    } else {
        status = lw_fail(error, LW_FAILED, "out of memory for the model of the engine");
    }
    free(tile);
    free(planes);
    return status;
}
