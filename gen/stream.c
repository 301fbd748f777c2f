/* Keys, scales and activations in the order in which the engine uses them. */
#include "gen/stream.h"

#include "models/checked.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGN = 1024 }; /* of streams: a burst of 16 beats of 512 bits */

enum lw_status lw_image_reserve(struct lw_image *image, size_t bytes, size_t align,
                                uint32_t *address, struct lw_error *error)
{
    size_t at, end;
    if (!lw_checked_add(image->bytes, align - 1, &at) ||
        !lw_checked_add(at & ~(align - 1), bytes, &end) || end > UINT32_MAX)
        return lw_fail(error, LW_FAILED, "stream: it needs more than 4 GB");
    at &= ~(align - 1);
    if (end > image->capacity) {
        size_t capacity = end + end / 2 + 65536;
        uint8_t *data = realloc(image->data, capacity);
        if (!data)
            return lw_fail(error, LW_FAILED, "out of memory for a stream of %zu bytes", end);
        memset(data + image->bytes, 0, capacity - image->bytes);
        image->data = data;
        image->capacity = capacity;
    }
    image->bytes = end;
    *address = (uint32_t)at;
    return LW_OK;
}

enum lw_status lw_image_pad(struct lw_image *image, struct lw_error *error)
{
    uint32_t end;
    return lw_image_reserve(image, 0, 4096, &end, error);
}

void lw_image_free(struct lw_image *image)
{
    free(image->data);
    *image = (struct lw_image){0};
}

static void set_bit(uint8_t *bits, size_t at, bool value)
{
    bits[at >> 3] = (uint8_t)(bits[at >> 3] | (unsigned)value << (at & 7));
}

static bool plane_bit(const struct lw_code *code, size_t row, size_t plane, size_t column)
{
    const uint8_t *bits = code->planes + (row * code->bits + plane) * code->plane_bytes;
    return bits[column >> 3] >> (column & 7) & 1;
}

static uint32_t beats_of(const struct lw_engine *engine, size_t bits)
{
    return (uint32_t)((bits + engine->bus_bits - 1) / engine->bus_bits);
}

static size_t beat_bytes(const struct lw_engine *engine)
{
    return engine->bus_bits / 8;
}

static size_t blocks_of(const struct lw_job *job)
{
    return (size_t)(job->passes - 1) * job->pass_blocks + job->last_blocks;
}

/* The bit of a plane at a place; padding counts as +1. */
static bool key_bit(const struct lw_stream_part *part, const struct lw_code *code, size_t row,
                    size_t plane, size_t column)
{
    column += part->first;
    return row >= code->rows || column >= part->end || plane_bit(code, row, plane, column);
}

/* The weight 2 v + 1 of a uniform code, as v in two's complement. Padding is any: its activations
 * or scales are zero. */
static unsigned multiplier_of(const struct lw_stream_part *part, const struct lw_code *code,
                              size_t row, size_t column)
{
    int value = -(1 << (code->bits - 1));
    for (size_t i = 0; i < code->bits; i++)
        value += key_bit(part, code, row, i, column) << i;
    return (unsigned)value;
}

/* One step: R rows x T tables x mu activations. */
static void put_step(const struct lw_engine *e, const struct lw_stream_part *part,
                     const struct lw_code *code, size_t block, size_t plane, size_t tile,
                     uint8_t *keys, size_t at)
{
    size_t width = (size_t)e->tables * e->mu, bits = lw_engine_key_bits(e);
    for (size_t r = 0; r < e->rows; r++)
        for (size_t i = 0; i < width; i++, at += bits) {
            size_t row = block * e->rows + r, column = tile * width + i;
            unsigned key = bits > 1 ? multiplier_of(part, code, row, column)
                                    : key_bit(part, code, row, plane, column);
            for (size_t bit = 0; bit < bits; bit++)
                set_bit(keys, at + bit, key >> bit & 1);
        }
}

static void put_keys(const struct lw_engine *e, const struct lw_stream_part *part,
                     const struct lw_code *code, uint8_t *keys)
{
    const struct lw_job *job = &part->job;
    size_t at = 0, first = 0;
    for (size_t pass = 0; pass < job->passes; pass++) {
        size_t blocks = pass + 1 < job->passes ? job->pass_blocks : job->last_blocks;
        for (size_t tile = 0; tile < job->tiles; tile++)
            for (size_t block = 0; block < blocks; block++)
                for (size_t plane = 0; plane < job->planes; plane++) {
                    put_step(e, part, code, first + block, plane, tile, keys, at);
                    at += lw_engine_step_bits(e);
                }
        first += blocks;
    }
}

/* Tables whose key has its top bit clear: each reads one less than the sum. */
static int64_t complemented(const struct lw_engine *e, const struct lw_stream_part *part,
                            const struct lw_code *code, size_t row, size_t plane)
{
    int64_t count = 0;
    if (e->weight_bits)
        return 0;
    for (size_t table = 0; table < (size_t)part->job.tiles * e->tables; table++)
        count += !key_bit(part, code, row, plane, table * e->mu + e->mu - 1);
    return count;
}

static void put_half(uint8_t *at, int64_t value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
}

static size_t row_of(const struct lw_matrix *matrix, size_t stored)
{
    return matrix->order ? matrix->order[stored] : stored;
}

/* For each SL rows: the bias in words of 16 bits, then the scales plane by plane. */
static void put_scales(const struct lw_engine *e, const struct lw_stream_part *part,
                       const struct lw_code *code, const struct lw_matrix *matrix,
                       const struct lw_static *fixed, uint8_t *scales)
{
    const struct lw_job *job = &part->job;
    size_t group = part->first / code->group, rows = blocks_of(job) * e->rows;
    size_t lanes = e->scale_lanes;
    for (size_t row = 0; row < rows; row++) {
        size_t words = job->bias_words + job->planes;
        uint8_t *at = scales + 2 * (row / lanes * lanes * words + row % lanes);
        int64_t bias = 0;
        if (fixed && row < code->rows)
            bias = fixed->bias[row_of(matrix, part->first_row + row)];
        for (size_t i = 0; i < job->planes; i++) {
            int64_t scale = row < code->rows ? lw_code_scale(code, row, group, i) : 0;
            put_half(at + 2 * lanes * (job->bias_words + i), scale);
            bias += scale * complemented(e, part, code, row, i);
        }
        for (size_t i = 0; i < job->bias_words; i++)
            put_half(at + 2 * lanes * i, bias >> 16 * i);
    }
}

/* Blocks of a pass: all passes but the last are alike, and the last is short, but not shorter than
 * the building of its tables needs: nothing hides its drain. */
static size_t divide_blocks(const struct lw_engine *e, size_t blocks, size_t planes)
{
    size_t most = e->slots / planes, least = (e->tables + planes) / planes;
    if (blocks < 2 * least || least > most)
        return blocks < most ? blocks : most;
    size_t passes = (blocks - least + most - 1) / most; /* before the last */
    return (blocks - least) / passes;
}

/* Sizes of the job of a part; LW_USAGE where a field of the descriptor is too narrow. */
static enum lw_status size_job(const struct lw_engine *e, const struct lw_matrix *matrix,
                               const struct lw_static *fixed, struct lw_stream_part *part,
                               struct lw_error *error)
{
    const struct lw_code *code = &matrix->codes[part->code];
    size_t width = (size_t)e->tables * e->mu, columns = part->end - part->first;
    size_t tiles = (columns + width - 1) / width, blocks = (code->rows + e->rows - 1) / e->rows;
    unsigned planes = lw_engine_slots(e, code->bits);
    size_t pass_blocks = divide_blocks(e, blocks, planes);
    size_t passes = (blocks + pass_blocks - 1) / pass_blocks;
    size_t last_blocks = blocks - (passes - 1) * pass_blocks;
    size_t steps = blocks * planes * tiles;
    unsigned bias_words = fixed ? 3 : 2;
    size_t beats = (steps * lw_engine_step_bits(e) + e->bus_bits - 1) / e->bus_bits;
    if (passes > UINT16_MAX || beats >> 24 || blocks * e->rows * e->columns >> 24)
        return lw_fail(error, LW_USAGE, "matrix %s: %zu rows are too many for one job",
                       matrix->name, code->rows);
    part->job = (struct lw_job){
        .operation = fixed ? LW_JOB_STATIC : LW_JOB_PRODUCT,
        .relu = fixed && fixed->relu,
        .shift = fixed ? fixed->shift : 0,
        .planes = planes,
        .bias_words = bias_words, /* 2: |sum of scales x tables| < 8 * 2^15 * 2^12 */
        .mu = e->mu,
        .rows = (uint32_t)code->rows,
        .columns = (uint32_t)columns,
        .tiles = (uint32_t)tiles,
        .passes = (uint32_t)passes,
        .pass_slots = (uint32_t)(pass_blocks * planes),
        .last_slots = (uint32_t)(last_blocks * planes),
        .pass_blocks = (uint32_t)pass_blocks,
        .last_blocks = (uint32_t)last_blocks,
        .key_beats = (uint32_t)beats,
        .scale_beats = beats_of(e, blocks * e->rows * (bias_words + planes) * 16),
        .x_beats = beats_of(e, tiles * width * e->columns * e->x_bits),
        .y_beats = beats_of(e, blocks * e->rows * e->columns * (fixed ? e->x_bits : 64)),
    };
    return LW_OK;
}

static enum lw_status make_part(struct lw_stream *stream, const struct lw_static *fixed,
                                struct lw_image *image, struct lw_stream_part *part,
                                struct lw_error *error)
{
    const struct lw_engine *e = &stream->engine;
    const struct lw_code *code = &stream->matrix->codes[part->code];
    struct lw_job *job = &part->job;
    enum lw_status status = size_job(e, stream->matrix, fixed, part, error);
    if (status == LW_OK)
        status = lw_image_reserve(image, job->key_beats * beat_bytes(e), ALIGN, &job->key_address,
                                  error);
    if (status == LW_OK)
        status = lw_image_reserve(image, job->scale_beats * beat_bytes(e), ALIGN,
                                  &job->scale_address, error);
    if (status != LW_OK)
        return status;
    put_keys(e, part, code, image->data + job->key_address);
    put_scales(e, part, code, stream->matrix, fixed, image->data + job->scale_address);
    return LW_OK;
}

static enum lw_status check_static(const struct lw_matrix *matrix, const struct lw_static *fixed,
                                   size_t range, struct lw_error *error)
{
    if (range < matrix->columns)
        return lw_fail(
            error, LW_USAGE,
            "matrix %s: with static scales its %zu columns must be one range, not of %zu",
            matrix->name, matrix->columns, range);
    if (fixed->shift > 47)
        return lw_fail(error, LW_USAGE, "matrix %s: its shift is %u, more than 47", matrix->name,
                       fixed->shift);
    for (size_t m = 0; m < matrix->rows; m++)
        if (fixed->bias[m] >= (int64_t)1 << 46 || fixed->bias[m] <= -((int64_t)1 << 46))
            return lw_fail(error, LW_USAGE, "matrix %s: the bias of row %zu is not below 2^46",
                           matrix->name, m);
    return LW_OK;
}

/* Multipliers of several bits take codes whose planes are one integer. */
static enum lw_status check_codes(const struct lw_engine *engine, const struct lw_matrix *matrix,
                                  struct lw_error *error)
{
    for (size_t i = 0; i < matrix->code_count && engine->weight_bits > 1; i++) {
        const struct lw_code *code = &matrix->codes[i];
        if (code->bits > engine->weight_bits || (code->bits > 1 && !code->uniform))
            return lw_fail(
                error, LW_USAGE,
                "matrix %s has %s scales and %u bits; multipliers of %u bits take uniform "
                "scales and as many bits at most",
                matrix->name, code->uniform ? "uniform" : "free", code->bits, engine->weight_bits);
    }
    return LW_OK;
}

enum lw_status lw_stream_make(const struct lw_engine *engine, const struct lw_matrix *matrix,
                              const struct lw_static *fixed, struct lw_image *image,
                              struct lw_stream *stream, struct lw_error *error)
{
    *stream = (struct lw_stream){.engine = *engine, .matrix = matrix};
    enum lw_status status = lw_engine_check(engine, error);
    if (status != LW_OK)
        return status;
    if (matrix->code_count == 0)
        return lw_fail(error, LW_USAGE, "matrix %s is not coded", matrix->name);
    if ((status = check_codes(engine, matrix, error)) != LW_OK)
        return status;
    size_t width = (size_t)engine->tables * engine->mu, group = matrix->codes[0].group;
    size_t most = engine->x_words / engine->tables * width; /* columns of a job */
    size_t range = group < most ? group : most;
    if (fixed && (status = check_static(matrix, fixed, range, error)) != LW_OK)
        return status;
    size_t ranges = 0;
    for (size_t first = 0; first < matrix->columns; ranges++)
        first += range < group - first % group ? range : group - first % group;
    stream->parts = calloc(ranges * matrix->code_count, sizeof *stream->parts);
    if (!stream->parts)
        return lw_fail(error, LW_FAILED, "out of memory for the stream of %s", matrix->name);
    for (size_t first = 0, end; first < matrix->columns && status == LW_OK; first = end) {
        end = first + (range < group - first % group ? range : group - first % group);
        if (end > matrix->columns)
            end = matrix->columns;
        size_t row = 0;
        for (size_t c = 0; c < matrix->code_count && status == LW_OK; c++) {
            struct lw_stream_part *part = &stream->parts[stream->count++];
            *part =
                (struct lw_stream_part){.code = c, .first_row = row, .first = first, .end = end};
            row += matrix->codes[c].rows;
            status = make_part(stream, fixed, image, part, error);
        }
    }
    if (status != LW_OK)
        lw_stream_free(stream);
    return status;
}

void lw_stream_free(struct lw_stream *stream)
{
    free(stream->parts);
    *stream = (struct lw_stream){0};
}

/* A new range of columns begins with this part, and so do other activations. */
static bool begins_range(const struct lw_stream *stream, size_t part)
{
    return part == 0 || stream->parts[part].first != stream->parts[part - 1].first;
}

size_t lw_stream_x_bytes(const struct lw_stream *stream)
{
    size_t beats = 0;
    for (size_t i = 0; i < stream->count; i++)
        if (begins_range(stream, i))
            beats += stream->parts[i].job.x_beats;
    return beats * beat_bytes(&stream->engine);
}

size_t lw_stream_y_bytes(const struct lw_stream *stream)
{
    size_t beats = 0;
    for (size_t i = 0; i < stream->count; i++)
        beats += stream->parts[i].job.y_beats;
    return beats * beat_bytes(&stream->engine);
}

bool lw_stream_same_x(const struct lw_stream *stream, const struct lw_stream *other)
{
    return stream->matrix->columns == other->matrix->columns &&
           stream->parts[0].end == other->parts[0].end;
}

/* Whether product i + 1 reads what product i has loaded. */
static bool shares_x(const struct lw_stream *const *streams, const uint32_t *x, size_t i,
                     size_t count)
{
    return i + 1 < count && x[i] == x[i + 1] && lw_stream_same_x(streams[i], streams[i + 1]) &&
           streams[i]->parts[0].end == streams[i]->matrix->columns;
}

/* The jobs of one product, to `line`. */
static void put_jobs(const struct lw_stream *stream, uint32_t x, uint32_t y, bool load, bool keep,
                     bool last, bool wait, uint8_t *line)
{
    uint32_t at = x, beat = (uint32_t)beat_bytes(&stream->engine);
    for (size_t i = 0; i < stream->count; i++) {
        struct lw_job job = stream->parts[i].job;
        bool end = i + 1 == stream->count;
        job.load_x = begins_range(stream, i) && (i > 0 || load);
        job.free_x = end ? !keep : begins_range(stream, i + 1);
        job.last = end && last;
        job.wait = job.load_x && wait;
        job.x_address = at;
        job.y_address = y;
        lw_job_encode(&job, line + i * lw_job_stride(&stream->engine));
        y += job.y_beats * beat;
        if (!end && begins_range(stream, i + 1))
            at += job.x_beats * beat;
    }
}

void lw_stream_put_list(const struct lw_stream *const *streams, const uint32_t *x,
                        const uint32_t *y, size_t count, bool dependent, uint8_t *line)
{
    bool kept = false;
    for (size_t i = 0; i < count; i++) {
        bool keep = shares_x(streams, x, i, count);
        put_jobs(streams[i], x[i], y[i], !kept, keep, i + 1 == count, dependent && i > 0, line);
        line += streams[i]->count * lw_job_stride(&streams[i]->engine);
        kept = keep;
    }
}

enum lw_status lw_stream_list(const struct lw_stream *const *streams, const uint32_t *x,
                              const uint32_t *y, size_t count, bool dependent,
                              struct lw_image *image, uint32_t *list, struct lw_error *error)
{
    size_t jobs = 0, stride = lw_job_stride(&streams[0]->engine);
    for (size_t i = 0; i < count; i++)
        jobs += streams[i]->count;
    enum lw_status status = lw_image_reserve(image, jobs * stride, stride, list, error);
    if (status == LW_OK)
        lw_stream_put_list(streams, x, y, count, dependent, image->data + *list);
    return status;
}

void lw_stream_put_x(const struct lw_stream *stream, const int16_t *q, struct lw_image *image,
                     uint32_t x)
{
    const struct lw_engine *e = &stream->engine;
    size_t bytes = e->x_bits / 8;
    uint8_t *data = image->data + x;
    for (size_t i = 0; i < stream->count; i++) {
        const struct lw_stream_part *part = &stream->parts[i];
        if (!begins_range(stream, i))
            continue;
        memset(data, 0, part->job.x_beats * beat_bytes(e));
        for (size_t k = part->first; k < part->end; k++)
            for (size_t c = 0; c < e->columns; c++) {
                size_t column = k - part->first, table = column / e->mu;
                size_t at = (table * e->columns + c) * e->mu + column % e->mu;
                int16_t value = q[c * stream->matrix->columns + k];
                for (size_t b = 0; b < bytes; b++)
                    data[at * bytes + b] = (uint8_t)(value >> 8 * b);
            }
        data += part->job.x_beats * beat_bytes(e);
    }
}

void lw_stream_get_y(const struct lw_stream *stream, const struct lw_image *image, uint32_t y,
                     int64_t *sums)
{
    const struct lw_engine *e = &stream->engine;
    const struct lw_matrix *matrix = stream->matrix;
    const uint8_t *data = image->data + y;
    memset(sums, 0, e->columns * matrix->rows * sizeof *sums);
    for (size_t i = 0; i < stream->count; i++) {
        const struct lw_stream_part *part = &stream->parts[i];
        for (size_t row = 0; row < part->job.rows; row++) {
            size_t stored = part->first_row + row;
            size_t m = row_of(matrix, stored);
            for (size_t c = 0; c < e->columns; c++) {
                int64_t sum;
                memcpy(&sum, data + 8 * (row * e->columns + c), sizeof sum);
                sums[c * matrix->rows + m] += sum;
            }
        }
        data += part->job.y_beats * beat_bytes(e);
    }
}

void lw_stream_get_values(const struct lw_stream *stream, const struct lw_image *image, uint32_t y,
                          int16_t *values)
{
    const struct lw_engine *e = &stream->engine;
    const struct lw_matrix *matrix = stream->matrix;
    const uint8_t *data = image->data + y;
    for (size_t i = 0; i < stream->count; i++) {
        const struct lw_stream_part *part = &stream->parts[i];
        for (size_t row = 0; row < part->job.rows; row++)
            for (size_t c = 0; c < e->columns; c++) {
                size_t at = row * e->columns + c;
                int16_t value = (int8_t)data[at];
                if (e->x_bits == 16)
                    memcpy(&value, data + 2 * at, sizeof value);
                values[c * matrix->rows + row_of(matrix, part->first_row + row)] = value;
            }
        data += part->job.y_beats * beat_bytes(e);
    }
}
