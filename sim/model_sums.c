/* Sum over +-x = 2 * (sum of the x whose bit is set) - sum of all x, and keys whose top bit is
 * clear read one less than their sum: T - (number of top bits set) in all. Portably, both come from
 * tables of 256 entries for 8 activations; with AVX-512, bits choose bytes that are added up four
 * at a time. */
#include "sim/model_sums.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_BYTES = 32 * 5 / 8 /* of a row of a step: T * mu / 8 */, WORD = 64 };

struct lw_tile {
    size_t bytes;                  /* of a row of a step, rounded up */
    int32_t sums[MOST_BYTES][256]; /* 2 * activations whose bits are set, + top bits */
    int32_t all;                   /* sum of all activations, + T */
    uint8_t tops[MOST_BYTES + 4];  /* the top bits of keys; whole words */
};

#ifdef __x86_64__
#include <immintrin.h>
#define WIDE __attribute__((target("avx512f,avx512bw,avx512vnni,popcnt")))
enum { GROUP = 8 };

static bool cpu_is_wide(void)
{
    return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vnni");
}

/* The sums of `rows` rows (at most GROUP, known when it is compiled) of one slot. The keys of a row
 * begin on a byte. */
WIDE static inline __attribute__((always_inline)) void
add_group(const struct lw_sums *s, const uint8_t *keys, size_t stride, size_t rows, int32_t *planes)
{
    size_t words = (s->width + WORD - 1) / WORD, row_bytes = s->width / 8;
    __m512i acc[GROUP], twos = _mm512_set1_epi8(2);
    int64_t tops[GROUP] = {0};
    for (size_t r = 0; r < rows; r++)
        acc[r] = _mm512_setzero_si512();
    for (size_t word = 0; word < words; word++) {
        size_t bits = s->width - word * WORD;
        uint64_t mask = bits >= WORD ? UINT64_MAX : ((uint64_t)1 << bits) - 1, top;
        memcpy(&top, s->tile->tops + 8 * word, sizeof top);
        for (size_t t = 0; t < s->tiles; t++) {
            const uint8_t *at = keys + t * stride + 8 * word;
            __m512i x = _mm512_loadu_si512(s->bytes + (t * words + word) * WORD);
            for (size_t r = 0; r < rows; r++) {
                uint64_t key;
                memcpy(&key, at + r * row_bytes, sizeof key);
                key &= mask;
                acc[r] = _mm512_dpbusd_epi32(acc[r], _mm512_maskz_mov_epi8(key, twos), x);
                tops[r] += __builtin_popcountll(key & top);
            }
        }
    }
    for (size_t r = 0; r < rows; r++)
        planes[r] = _mm512_reduce_add_epi32(acc[r]) + (int32_t)tops[r] - s->all;
}

WIDE static void add_wide(const struct lw_sums *s, const uint8_t *keys, size_t slots,
                          int32_t *planes)
{
    size_t row_bytes = s->width / 8, step = s->engine->rows * row_bytes;
    for (size_t slot = 0; slot < slots; slot++) {
        const uint8_t *at = keys + slot * step;
        int32_t *sums = planes + slot * s->engine->rows;
        size_t r = 0;
        for (; r + GROUP <= s->engine->rows; r += GROUP)
            add_group(s, at + r * row_bytes, slots * step, GROUP, sums + r);
        for (; r < s->engine->rows; r++)
            add_group(s, at + r * row_bytes, slots * step, 1, sums + r);
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
    tile->all = (int32_t)s->engine->tables;
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

void lw_sums_pass(struct lw_sums *s, const uint8_t *keys, size_t bytes, size_t at, size_t slots,
                  int32_t *planes)
{
#ifdef __x86_64__
    /* words of 8 bytes are read from where a row begins */
    size_t end = at / 8 + slots * s->tiles * s->engine->rows * s->width / 8;
    if (s->fast && end + 8 <= bytes) {
        add_wide(s, keys + at / 8, slots, planes);
        return;
    }
#endif
    (void)bytes;
    add_portably(s, keys, at, slots, planes);
}

enum lw_status lw_sums_open(const struct lw_engine *engine, size_t tiles, struct lw_sums *sums,
                            struct lw_error *error)
{
    size_t width = (size_t)engine->tables * engine->mu, words = (width + WORD - 1) / WORD;
    *sums = (struct lw_sums){.engine = engine, .width = width};
    sums->x = calloc(tiles * width, sizeof *sums->x);
    sums->bytes = calloc(tiles * words, WORD);
    sums->tile = calloc(1, sizeof *sums->tile);
    sums->fast = cpu_is_wide() && engine->x_bits == 8 && width % 8 == 0;
    if (!sums->x || !sums->bytes || !sums->tile)
        return lw_fail(error, LW_FAILED, "out of memory for the model of the engine");
    sums->tile->bytes = (width + 7) / 8;
    for (size_t t = 0; t < engine->tables; t++) {
        size_t top = t * engine->mu + engine->mu - 1;
        sums->tile->tops[top >> 3] |= (uint8_t)(1u << (top & 7));
    }
    return LW_OK;
}

void lw_sums_close(struct lw_sums *sums)
{
    free(sums->x);
    free(sums->bytes);
    free(sums->tile);
    *sums = (struct lw_sums){0};
}

void lw_sums_take(struct lw_sums *s, const uint8_t *x, size_t column, size_t tiles)
{
    const struct lw_engine *e = s->engine;
    size_t words = (s->width + WORD - 1) / WORD, bytes = e->x_bits / 8;
    s->tiles = tiles;
    s->all = (int32_t)(e->tables * tiles);
    x += column * e->mu * bytes;
    for (size_t tile = 0; tile < tiles; tile++) {
        int16_t *to = s->x + tile * s->width;
        int8_t *low = s->bytes + tile * words * WORD;
        for (size_t table = 0; table < e->tables; table++, x += e->columns * e->mu * bytes)
            for (size_t k = 0; k < e->mu; k++, to++) {
                *to = bytes == 1 ? (int8_t)x[k] : (int16_t)(x[2 * k] | x[2 * k + 1] << 8);
                *low++ = (int8_t)*to;
                s->all += *to;
            }
    }
}
