/* Sum over +-x = 2 * (sum of the x whose bit is set) - sum of all x, and keys whose top bit is
 * clear read one less than their sum: T - (number of top bits set) in all. Portably, both come from
 * tables of 256 entries for 8 activations; with AVX-512, of 16 entries for 4, of which a register
 * looks up 64 at a time. Bit-serial sums have no such ones missing;
 * multipliers of several bits add up (2 v + 1) x. */
#include "sim/model_sums.h"

#include <stdlib.h>
#include <string.h>

enum {
    MOST_BYTES = 32 * 5 / 8, /* of a row of a step: T * mu / 8 */
    TABLE_BYTES = 2 * 2 * 8 * 16
};

struct lw_tile {
    size_t bytes;                  /* of a row of a step, rounded up */
    int32_t sums[MOST_BYTES][256]; /* 2 * activations whose bits are set, + top bits */
    int32_t all;                   /* sum of all activations, + T */
    uint8_t tops[MOST_BYTES];      /* the top bits of keys */
};

#ifdef __x86_64__
#include <immintrin.h>
#define WIDE __attribute__((target("avx512f,avx512bw,avx512vnni,avx512vbmi")))

static bool cpu_is_wide(void)
{
    return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vnni") &&
           __builtin_cpu_supports("avx512vbmi");
}

/* What 4 keys add up to, for all 16 of them and of 2 bytes: those at bit `first` of each. */
WIDE static inline __m512i sums_of_four(__m512i x, short first)
{
    static const __mmask32 set[4] = {0xaaaaaaaa, 0xcccccccc, 0xf0f0f0f0, 0xff00ff00};
    const __m512i byte =
        _mm512_inserti64x4(_mm512_set1_epi16(8), _mm256_setzero_si256(), 0); /* 0, then 8 */
    __m512i sums = _mm512_setzero_si512();
#pragma clang loop unroll(full)
    for (short i = 0; i < 4; i++) {
        __m512i at = _mm512_add_epi16(byte, _mm512_set1_epi16((short)(first + i)));
        sums = _mm512_mask_add_epi16(sums, set[i], sums, _mm512_permutexvar_epi16(at, x));
    }
    return sums;
}

/* The tables of a tile: for the low or high 4 bits of bytes of keys, the low or high byte of their
 * sums, [low bits: low bytes, high bytes; high bits: the same][byte of the key][4 bits]. */
WIDE static void tabulate(const int16_t *x, const uint8_t tops[8], uint8_t *tables)
{
    uint64_t top;
    memcpy(&top, tops, sizeof top);
    for (size_t half = 0; half < 2; half++) { /* of the key */
        __m512i values = _mm512_loadu_si512(x + 32 * half);
        values = _mm512_add_epi16(values, values);
        values = _mm512_mask_add_epi16(values, (__mmask32)(top >> 32 * half), values,
                                       _mm512_set1_epi16(1));
#pragma clang loop unroll(full)
        for (short pair = 0; pair < 2; pair++) /* of bytes */
#pragma clang loop unroll(full)
            for (short high = 0; high < 2; high++) {
                __m512i sums = sums_of_four(values, (short)(16 * pair + 4 * high));
                uint8_t *to = tables + 256 * high + 64 * half + 32 * pair;
                _mm256_storeu_si256((void *)to, _mm512_cvtepi16_epi8(sums));
                _mm256_storeu_si256((void *)(to + 128),
                                    _mm512_cvtepi16_epi8(_mm512_srli_epi16(sums, 8)));
            }
    }
}

/* `count` times 8 rows of 64 keys, of all tiles */
WIDE static inline __attribute__((always_inline)) void
add_rows(const struct lw_sums *s, const uint8_t *keys, size_t stride, size_t count, int32_t *planes)
{
    const __m512i four = _mm512_set1_epi8(15), one = _mm512_set1_epi8(1);
    const __m512i byte = _mm512_set1_epi64(0x7060504030201000); /* its 16 entries */
    __m512i low[4], high[4];
    for (size_t i = 0; i < count; i++)
        low[i] = high[i] = _mm512_setzero_si512();
    for (size_t t = 0; t < s->tiles; t++, keys += stride) {
        const uint8_t *tables = s->tables + TABLE_BYTES * t;
        __m512i table[8];
        for (size_t i = 0; i < 8; i++)
            table[i] = _mm512_loadu_si512(tables + 64 * i);
        for (size_t i = 0; i < count; i++) {
            __m512i key = _mm512_loadu_si512(keys + 64 * i);
            __m512i a = _mm512_or_si512(_mm512_and_si512(key, four), byte);
            __m512i b = _mm512_or_si512(_mm512_and_si512(_mm512_srli_epi16(key, 4), four), byte);
            low[i] =
                _mm512_dpbusd_epi32(low[i], _mm512_permutex2var_epi8(table[0], a, table[1]), one);
            high[i] =
                _mm512_dpbusd_epi32(high[i], one, _mm512_permutex2var_epi8(table[2], a, table[3]));
            low[i] =
                _mm512_dpbusd_epi32(low[i], _mm512_permutex2var_epi8(table[4], b, table[5]), one);
            high[i] =
                _mm512_dpbusd_epi32(high[i], one, _mm512_permutex2var_epi8(table[6], b, table[7]));
        }
    }
    for (size_t i = 0; i < count; i++) {
        __m512i sum = _mm512_add_epi32(low[i], _mm512_slli_epi32(high[i], 8));
        sum = _mm512_add_epi32(sum, _mm512_srli_epi64(sum, 32)); /* two halves of a row */
        _mm256_storeu_si256((void *)(planes + 8 * i), _mm256_sub_epi32(_mm512_cvtepi64_epi32(sum),
                                                                       _mm256_set1_epi32(s->all)));
    }
}

WIDE static void add_wide(const struct lw_sums *s, const uint8_t *keys, size_t slots,
                          int32_t *planes)
{
    size_t groups = slots * s->engine->rows / 8, group = 0;
    for (; group + 4 <= groups; group += 4)
        add_rows(s, keys + 64 * group, 64 * groups, 4, planes + 8 * group);
    for (; group < groups; group++)
        add_rows(s, keys + 64 * group, 64 * groups, 1, planes + 8 * group);
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
    sums->tables = calloc(tiles, TABLE_BYTES);
    sums->tile = calloc(1, sizeof *sums->tile);
    sums->fast = cpu_is_wide() && engine->x_bits == 8 && width == 64 && engine->rows % 8 == 0;
    if (!sums->x || !sums->tables || !sums->tile)
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
    free(sums->tables);
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
        tabulate(s->x + 64 * t, s->tile->tops, s->tables + TABLE_BYTES * t);
#endif
}
