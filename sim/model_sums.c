/* Sum over +-x = 2 * (sum of the x whose bit is set) - sum of all x, and keys whose top bit is
 * clear read one less than their sum: T - (number of top bits set) in all. Portably, both come from
 * tables of 256 entries for 8 activations; with AVX-512, from the numbers of bits that keys and the
 * activations' bits of each power of two have in common. Bit-serial sums have no such ones missing;
 * multipliers of several bits add up (2 v + 1) x. */
#include "sim/model_sums.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_BYTES = 32 * 5 / 8 /* of a row of a step: T * mu / 8 */ };

struct lw_tile {
    size_t bytes;                  /* of a row of a step, rounded up */
    int32_t sums[MOST_BYTES][256]; /* 2 * activations whose bits are set, + top bits */
    int32_t all;                   /* sum of all activations, + T */
    uint8_t tops[MOST_BYTES];      /* the top bits of keys */
};

#ifdef __x86_64__
#include <immintrin.h>
#define WIDE __attribute__((target("avx512f,avx512bw,avx512vnni,avx512bitalg")))

static bool cpu_is_wide(void)
{
    return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vnni") &&
           __builtin_cpu_supports("avx512bitalg");
}

/* The bits of the activations of a tile, one word of 64 for each power of two. */
WIDE static void slice(const int16_t *x, uint64_t slices[8])
{
    __m512i bytes = _mm512_castsi256_si512(_mm512_cvtepi16_epi8(_mm512_loadu_si512(x)));
    bytes = _mm512_inserti64x4(bytes, _mm512_cvtepi16_epi8(_mm512_loadu_si512(x + 32)), 1);
    for (unsigned bit = 8; bit-- > 0; bytes = _mm512_slli_epi16(bytes, 1))
        slices[bit] = _mm512_movepi8_mask(bytes);
}

/* 8 rows of 64 keys at a time */
WIDE static void add_wide(const struct lw_sums *s, const uint8_t *keys, size_t slots,
                          int32_t *planes)
{
    size_t groups = slots * s->engine->rows / 8;
    uint64_t top;
    memcpy(&top, s->tile->tops, sizeof top);
    const __m512i tops = _mm512_set1_epi64((int64_t)top), one = _mm512_set1_epi8(1);
    for (size_t group = 0; group < groups; group++) {
        __m512i even = _mm512_setzero_si512(), odd = even, all = even;
        for (size_t t = 0; t < s->tiles; t++) {
            const uint64_t *bits = s->slices + 8 * t;
            __m512i key = _mm512_loadu_si512(keys + (t * groups + group) * 64);
#pragma clang loop unroll(full)
            for (unsigned bit = 0; bit < 8; bit += 2) {
                __m512i low = _mm512_and_si512(key, _mm512_set1_epi64((int64_t)bits[bit])),
                        high = _mm512_and_si512(key, _mm512_set1_epi64((int64_t)bits[bit + 1]));
                even = _mm512_dpbusd_epi32(even, _mm512_popcnt_epi8(low),
                                           _mm512_set1_epi8((char)(1 << bit)));
                odd = _mm512_dpbusd_epi32(odd, _mm512_popcnt_epi8(high),
                                          _mm512_set1_epi8((char)(2 << bit)));
            }
            all = _mm512_dpbusd_epi32(all, _mm512_popcnt_epi8(_mm512_and_si512(key, tops)), one);
        }
        __m512i sum = _mm512_add_epi32(even, odd);
        sum = _mm512_add_epi32(_mm512_add_epi32(sum, sum), all);
        sum = _mm512_add_epi32(sum, _mm512_srli_epi64(sum, 32)); /* two halves of a row */
        __m256i rows = _mm512_cvtepi64_epi32(sum);
        _mm256_storeu_si256((void *)(planes + 8 * group),
                            _mm256_sub_epi32(rows, _mm256_set1_epi32(s->all)));
    }
}
#else
static bool cpu_is_wide(void)
{
    return false;
}
#endif

static void make_tile(const struct lw_sums *s, size_t index, struct lw_tile *tile)
{
    const int16_t *x = s->x + index * s->width;
    tile->all = (int32_t)(s->engine->weight_bits ? 0 : s->engine->tables);
    for (size_t b = 0; b < tile->bytes; b++) {
        int32_t *sums = tile->sums[b];
        sums[0] = 0;
        for (size_t i = 0; i < 8; i++) {
            int32_t value = 8 * b + i < s->width ? x[8 * b + i] : 0;
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

static void add_portably(const struct lw_sums *s, const uint8_t *keys, size_t at, size_t slots,
                         int32_t *planes)
{
    size_t rows = slots * s->engine->rows;
    struct lw_tile *tile = s->tile;
    memset(planes, 0, rows * sizeof *planes);
    for (size_t t = 0; t < s->tiles; t++) {
        make_tile(s, t, tile);
        for (size_t r = 0; r < rows; r++, at += s->width) {
            uint8_t bits[MOST_BYTES];
            int32_t sum = -tile->all;
            take_bits(keys, at, s->width, bits);
            for (size_t b = 0; b < tile->bytes; b++)
                sum += tile->sums[b][bits[b]];
            planes[r] += sum;
        }
    }
}

static void add_products(const struct lw_sums *s, const uint8_t *keys, size_t at, size_t slots,
                         int32_t *planes)
{
    unsigned bits = s->engine->weight_bits; /* 4 or 8: of one byte */
    int half = 1 << (bits - 1);
    memset(planes, 0, slots * s->engine->rows * sizeof *planes);
    for (size_t t = 0; t < s->tiles; t++) {
        const int16_t *x = s->x + t * s->width;
        for (size_t r = 0; r < slots * s->engine->rows; r++)
            for (size_t i = 0; i < s->width; i++, at += bits) {
                int key = keys[at >> 3] >> (at & 7) & (2 * half - 1);
                planes[r] += (2 * ((key ^ half) - half) + 1) * x[i];
            }
    }
}

void lw_sums_pass(struct lw_sums *s, const uint8_t *keys, size_t at, size_t slots, int32_t *planes)
{
    if (s->engine->weight_bits > 1) {
        add_products(s, keys, at, slots, planes);
        return;
    }
#ifdef __x86_64__
    if (s->fast) {
        add_wide(s, keys + at / 8, slots, planes);
        return;
    }
#endif
    add_portably(s, keys, at, slots, planes);
}

enum lw_status lw_sums_open(const struct lw_engine *engine, size_t tiles, struct lw_sums *sums,
                            struct lw_error *error)
{
    size_t width = (size_t)engine->tables * engine->mu;
    *sums = (struct lw_sums){.engine = engine, .width = width};
    sums->x = calloc(tiles * width, sizeof *sums->x);
    sums->slices = calloc(tiles, 8 * sizeof *sums->slices);
    sums->tile = calloc(1, sizeof *sums->tile);
    sums->fast = cpu_is_wide() && engine->x_bits == 8 && width == 64 && engine->rows % 8 == 0;
    if (!sums->x || !sums->slices || !sums->tile)
        return lw_fail(error, LW_FAILED, "out of memory for the model of the engine");
    sums->tile->bytes = (width + 7) / 8;
    for (size_t t = 0; t < engine->tables && engine->weight_bits == 0; t++) {
        size_t top = t * engine->mu + engine->mu - 1;
        sums->tile->tops[top >> 3] |= (uint8_t)(1u << (top & 7));
    }
    return LW_OK;
}

void lw_sums_close(struct lw_sums *sums)
{
    free(sums->x);
    free(sums->slices);
    free(sums->tile);
    *sums = (struct lw_sums){0};
}

void lw_sums_take(struct lw_sums *s, const uint8_t *x, size_t column, size_t tiles)
{
    const struct lw_engine *e = s->engine;
    size_t bytes = e->x_bits / 8;
    int16_t *to = s->x;
    s->tiles = tiles;
    s->all = (int32_t)(e->weight_bits ? 0 : e->tables * tiles);
    x += column * e->mu * bytes;
    for (size_t table = 0; table < tiles * e->tables; table++, x += e->columns * e->mu * bytes)
        for (size_t k = 0; k < e->mu; k++, to++) {
            *to = bytes == 1 ? (int8_t)x[k] : (int16_t)(x[2 * k] | x[2 * k + 1] << 8);
            s->all += *to;
        }
#ifdef __x86_64__
    for (size_t t = 0; t < tiles && s->fast; t++)
        slice(s->x + 64 * t, s->slices + 8 * t);
#endif
}
