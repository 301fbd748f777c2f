/* Chosen rows of packed weights, packed again: what a shortlist leaves of the output product. */
#include "gen/pack.h"
#include "gen/registry.h"
#include "gen/schedule.h"

#include <string.h>

/* Where the rows of one block lie in each of its key vectors. */
struct lanes {
    struct lw_schedule schedule; /* of a part */
    size_t vectors;              /* of a block */
    size_t width;                /* bytes of a row in a vector */
    uint8_t bytes[64][64];       /* [row of block][width], places in the vector */
};

static void find_lanes(const struct lw_packed_code *code, struct lanes *l)
{
    struct lw_spec spec = code->spec;
    spec.rows = LW_PART_ROWS;
    lw_schedule_build(&spec, &l->schedule);
    const struct lw_schedule *s = &l->schedule;
    size_t used[64] = {0};
    for (size_t byte = 0; byte < s->key_bytes; byte++) {
        size_t row = lw_schedule_row(s, byte);
        l->bytes[row][used[row]++] = (uint8_t)byte;
    }
    l->vectors = s->spec.bits * s->steps;
    l->width = s->key_bytes / s->row_block;
}

static void copy_row(const struct lanes *l, const struct lw_packed_code *from, size_t from_row,
                     const struct lw_packed_code *to, size_t to_row)
{
    const struct lw_schedule *s = &l->schedule;
    size_t block = s->row_block, sums = lw_spec_groups(&s->spec) * s->planes;
    size_t keys = l->vectors * s->key_bytes, scales = sums * block * sizeof(int16_t);
    size_t from_lane = from_row % block, to_lane = to_row % block;
    const uint8_t *in = from->keys + from_row / block * keys;
    uint8_t *out = (uint8_t *)(uintptr_t)to->keys + to_row / block * keys;
    for (size_t v = 0; v < l->vectors; v++, in += s->key_bytes, out += s->key_bytes)
        for (size_t i = 0; i < l->width; i++)
            out[l->bytes[to_lane][i]] = in[l->bytes[from_lane][i]];
    in = from->scales + from_row / block * scales + from_lane * sizeof(int16_t);
    out = (uint8_t *)(uintptr_t)to->scales + to_row / block * scales + to_lane * sizeof(int16_t);
    for (size_t i = 0; i < sums; i++)
        memcpy(out + i * block * sizeof(int16_t), in + i * block * sizeof(int16_t),
               sizeof(int16_t));
    memcpy((uint8_t *)(uintptr_t)to->bias + to_row * sizeof(float),
           from->bias + from_row * sizeof(float), sizeof(float));
}

static size_t block_count(size_t rows)
{
    return (rows + LW_PART_ROWS - 1) / LW_PART_ROWS;
}

static void lay_out(const struct lw_packed_code *code, size_t blocks, struct lw_pack_layout *layout)
{
    struct lw_schedule schedule;
    struct lw_spec spec = code->spec;
    spec.rows = blocks * LW_PART_ROWS;
    lw_schedule_build(&spec, &schedule);
    lw_pack_layout(&schedule, layout);
}

size_t lw_packed_part_bytes(const struct lw_packed_code *code, size_t count)
{
    struct lw_pack_layout layout = {0};
    if (count)
        lay_out(code, block_count(count), &layout);
    return layout.bytes;
}

void lw_packed_part(const struct lw_packed_code *code, const uint32_t *rows, size_t count,
                    uint8_t *memory, struct lw_packed_part *part)
{
    struct lw_pack_layout layout;
    struct lanes lanes;
    size_t blocks = block_count(count);
    find_lanes(code, &lanes);
    lay_out(code, blocks, &layout);
    *part = (struct lw_packed_part){
        .code = {.spec = lanes.schedule.spec,
                 .keys = memory,
                 .scales = memory + layout.scales,
                 .bias = memory + layout.bias,
                 .input = code->input},
        .blocks = blocks,
        .key_bytes = layout.key_bytes / blocks,
        .scale_bytes =
            LW_PART_ROWS * lw_spec_groups(&code->spec) * lanes.schedule.planes * sizeof(int16_t),
    };
    memcpy(part->code.products, code->parts, sizeof code->parts);
    for (size_t i = 0; i < blocks * LW_PART_ROWS; i++)
        copy_row(&lanes, code, rows[i < count ? i : count - 1], &part->code, i);
}
