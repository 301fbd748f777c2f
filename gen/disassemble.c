#include "gen/disassemble.h"

#include <inttypes.h>
#include <stdlib.h>

/* A step of a part, in the order of the stream. */
struct step {
    size_t number, pass, tile, block, plane; /* block: of the part */
    size_t pass_first, pass_blocks;          /* of its pass */
};

static size_t blocks_of(const struct lw_job *job)
{
    return (size_t)(job->passes - 1) * job->pass_blocks + job->last_blocks;
}

/* Goes to the next step; false after the last. */
static bool next_step(const struct lw_job *job, struct step *step)
{
    step->number++;
    if (++step->plane < job->planes)
        return true;
    step->plane = 0;
    if (++step->block < step->pass_first + step->pass_blocks)
        return true;
    step->block = step->pass_first;
    if (++step->tile < job->tiles)
        return true;
    step->tile = 0;
    if (++step->pass == job->passes)
        return false;
    step->block = step->pass_first += step->pass_blocks;
    step->pass_blocks = step->pass + 1 < job->passes ? job->pass_blocks : job->last_blocks;
    return true;
}

static struct step first_step(const struct lw_job *job)
{
    return (struct step){.pass_blocks = job->passes > 1 ? job->pass_blocks : job->last_blocks};
}

static unsigned stream_key(const struct lw_stream *stream, const struct lw_image *image,
                           const struct lw_stream_part *part, const struct step *step, size_t lane,
                           size_t column)
{
    size_t width = (size_t)stream->engine.tables * stream->engine.mu;
    unsigned bits = lw_engine_key_bits(&stream->engine), key = 0;
    size_t at = ((step->number * stream->engine.rows + lane) * width + column) * bits;
    for (unsigned i = 0; i < bits; i++, at++)
        key |= (image->data[part->job.key_address + (at >> 3)] >> (at & 7) & 1u) << i;
    return key;
}

static bool plane_bit(const struct lw_code *code, size_t row, size_t plane, size_t column)
{
    const uint8_t *bits = code->planes + (row * code->bits + plane) * code->plane_bytes;
    return bits[column >> 3] >> (column & 7) & 1;
}

/* What the key of an activation stands for: of multipliers of several bits half of the weight of a
 * uniform code, rounded down. */
static unsigned key_of(const struct lw_engine *e, const struct lw_code *code, size_t row,
                       size_t plane, size_t column)
{
    int weight = 0;
    if (e->weight_bits <= 1)
        return plane_bit(code, row, plane, column);
    for (unsigned i = 0; i < code->bits; i++)
        weight += (plane_bit(code, row, i, column) ? 1 : -1) * (1 << i);
    return (unsigned)((weight - 1) / 2) & ((1u << e->weight_bits) - 1);
}

/* Adds the keys of a step whose top bit is clear to complements[row][plane]. */
static enum lw_status check_step(const struct lw_stream *stream, const struct lw_image *image,
                                 const struct lw_stream_part *part, const struct step *step,
                                 uint32_t *complements, struct lw_error *error)
{
    const struct lw_engine *e = &stream->engine;
    const struct lw_code *code = &stream->matrix->codes[part->code];
    size_t width = (size_t)e->tables * e->mu;
    for (size_t lane = 0; lane < e->rows; lane++)
        for (size_t i = 0; i < width; i++) {
            size_t row = step->block * e->rows + lane,
                   column = part->first + step->tile * width + i;
            bool padding = row >= code->rows || column >= part->end;
            unsigned got = stream_key(stream, image, part, step, lane, i);
            bool any = padding && e->weight_bits > 1;
            if (!any && got != (padding ? 1 : key_of(e, code, row, step->plane, column)))
                return lw_fail(error, LW_MISMATCH,
                               "stream of %s: part %zu, step %zu: the key bit of row %zu, plane "
                               "%zu, column %zu is wrong",
                               stream->matrix->name, (size_t)(part - stream->parts), step->number,
                               part->first_row + row, step->plane, column);
            complements[row * part->job.planes + step->plane] +=
                e->weight_bits == 0 && i % e->mu + 1 == e->mu && !got;
        }
    return LW_OK;
}

static const uint8_t *scale_at(const struct lw_stream *stream, const struct lw_image *image,
                               const struct lw_stream_part *part, size_t row)
{
    size_t lanes = stream->engine.scale_lanes;
    size_t words = part->job.bias_words + part->job.planes;
    return image->data + part->job.scale_address + 2 * (row / lanes * lanes * words + row % lanes);
}

static int64_t half(const uint8_t *at)
{
    return (int16_t)(at[0] | at[1] << 8);
}

static int64_t bias_of(const struct lw_stream *stream, const struct lw_stream_part *part,
                       const uint8_t *at)
{
    size_t lanes = stream->engine.scale_lanes, words = part->job.bias_words;
    int64_t bias = half(at + 2 * lanes * (words - 1));
    for (size_t i = words - 1; i-- > 0;)
        bias = bias * 65536 + (uint16_t)half(at + 2 * lanes * i);
    return bias;
}

static int64_t scale_of(const struct lw_stream *stream, const struct lw_stream_part *part,
                        const uint8_t *at, size_t plane)
{
    return half(at + 2 * stream->engine.scale_lanes * (part->job.bias_words + plane));
}

static enum lw_status check_scales(const struct lw_stream *stream, const struct lw_image *image,
                                   const struct lw_stream_part *part, const uint32_t *complements,
                                   struct lw_error *error)
{
    const struct lw_code *code = &stream->matrix->codes[part->code];
    size_t group = part->first / code->group;
    for (size_t row = 0; row < blocks_of(&part->job) * stream->engine.rows; row++) {
        const uint8_t *at = scale_at(stream, image, part, row);
        int64_t bias = 0;
        bool right = true;
        for (size_t i = 0; i < part->job.planes; i++) {
            int64_t scale = row < code->rows ? lw_code_scale(code, row, group, i) : 0;
            right = right && scale_of(stream, part, at, i) == scale;
            bias += scale * complements[row * part->job.planes + i];
        }
        if (!right || bias_of(stream, part, at) != bias)
            return lw_fail(error, LW_MISMATCH,
                           "stream of %s: part %zu: a scale or the bias of row %zu is wrong",
                           stream->matrix->name, (size_t)(part - stream->parts),
                           part->first_row + row);
    }
    return LW_OK;
}

enum lw_status lw_stream_check(const struct lw_stream *stream, const struct lw_image *image,
                               struct lw_error *error)
{
    enum lw_status status = LW_OK;
    for (size_t i = 0; i < stream->count && status == LW_OK; i++) {
        const struct lw_stream_part *part = &stream->parts[i];
        size_t rows = blocks_of(&part->job) * stream->engine.rows;
        uint32_t *complements = calloc(rows * part->job.planes, sizeof *complements);
        struct step step = first_step(&part->job);
        if (!complements)
            return lw_fail(error, LW_FAILED, "out of memory for the check of a stream");
        do
            status = check_step(stream, image, part, &step, complements, error);
        while (status == LW_OK && next_step(&part->job, &step));
        if (status == LW_OK)
            status = check_scales(stream, image, part, complements, error);
        free(complements);
    }
    return status;
}

static void print_step(const struct lw_stream *stream, const struct lw_image *image,
                       const struct lw_stream_part *part, const struct step *step, FILE *out)
{
    const struct lw_engine *e = &stream->engine;
    size_t bits = lw_engine_step_bits(e), at = step->number * bits;
    fprintf(out, "step %zu  pass %zu  tile %zu  block %zu  plane %zu  at 0x%08zx.%zu\n",
            step->number, step->pass, step->tile, step->block, step->plane,
            part->job.key_address + (at >> 3), at & 7);
    for (size_t lane = 0; lane < e->rows; lane++) {
        fprintf(out, "  row %zu:", part->first_row + step->block * e->rows + lane);
        for (size_t t = 0; t < e->tables; t++) {
            uint64_t key = 0;
            for (size_t i = e->mu; i-- > 0;)
                key = key << lw_engine_key_bits(e) |
                      stream_key(stream, image, part, step, lane, t * e->mu + i);
            fprintf(out, " %" PRIx64, key);
        }
        fputc('\n', out);
    }
}

void lw_stream_print(const struct lw_stream *stream, const struct lw_image *image, FILE *out)
{
    for (size_t i = 0; i < stream->count; i++) {
        const struct lw_stream_part *part = &stream->parts[i];
        struct step step = first_step(&part->job);
        fprintf(out, "part %zu: %u planes, stored rows %zu to %zu, columns %zu to %zu\n", i,
                part->job.planes, part->first_row, part->first_row + part->job.rows - 1,
                part->first, part->end - 1);
        do
            print_step(stream, image, part, &step, out);
        while (next_step(&part->job, &step));
        for (size_t row = 0; row < part->job.rows; row++) {
            const uint8_t *at = scale_at(stream, image, part, row);
            fprintf(out, "row %zu: bias %" PRId64 "  scales", part->first_row + row,
                    bias_of(stream, part, at));
            for (size_t p = 0; p < part->job.planes; p++)
                fprintf(out, " %" PRId64, scale_of(stream, part, at, p));
            fputc('\n', out);
        }
    }
}
