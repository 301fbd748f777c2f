/* Sixteen fp32 lanes: loads, stores, folds and exp, for runtime/vector.c alone. Only +, -, *, /,
 * compares and integer operations, each rounded on its own, so that every instruction set computes
 * the same bits. */
#ifndef LW_RUNTIME_VECTOR_LANES_H
#define LW_RUNTIME_VECTOR_LANES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

/* Vector types exist as typedefs only. */
typedef float v4 __attribute__((vector_size(16)));
typedef float v8 __attribute__((vector_size(32)));
typedef float v16 __attribute__((vector_size(64)));
typedef int32_t v16i __attribute__((vector_size(64)));

#define INLINE static inline __attribute__((always_inline))

enum { LANES = 16 };

static inline v16 splat(float value)
{
    return value - (v16){0};
}

static inline v16 load(const float *from)
{
    v16 v;
    memcpy(&v, from, sizeof v);
    return v;
}

static inline void store(float *to, v16 v)
{
    memcpy(to, &v, sizeof v);
}

/* The first `count` < 16 lanes from memory, the others `fill`. */
static inline v16 load_some(const float *from, size_t count, float fill)
{
    v16 v = splat(fill);
    memcpy(&v, from, count * sizeof *from);
    return v;
}

static inline void store_some(float *to, v16 v, size_t count)
{
    memcpy(to, &v, count * sizeof *to);
}

/* yes where mask is all ones, no where it is zero */
static inline v16 choose(v16i mask, v16 yes, v16 no)
{
    return (v16)((mask & (v16i)yes) | (~mask & (v16i)no));
}

/* b where it is larger than a; a where either is not a number */
static inline v16 larger(v16 a, v16 b)
{
    return choose(b > a, b, a);
}

/* 16 -> 8 -> 4 */
static inline v4 fold_to_four(v16 v)
{
    v8 eight = __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7) +
               __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
    return __builtin_shufflevector(eight, eight, 0, 1, 2, 3) +
           __builtin_shufflevector(eight, eight, 4, 5, 6, 7);
}

static inline float fold(v16 v)
{
    v4 four = fold_to_four(v);
    return (four[0] + four[2]) + (four[1] + four[3]);
}

/* Four folds at once: the same sums in the same order. */
static inline v4 fold_each(v16 a, v16 b, v16 c, v16 d)
{
    v4 fa = fold_to_four(a), fb = fold_to_four(b), fc = fold_to_four(c), fd = fold_to_four(d);
    v4 ab =
        __builtin_shufflevector(fa, fb, 0, 1, 4, 5) + __builtin_shufflevector(fa, fb, 2, 3, 6, 7);
    v4 cd =
        __builtin_shufflevector(fc, fd, 0, 1, 4, 5) + __builtin_shufflevector(fc, fd, 2, 3, 6, 7);
    return __builtin_shufflevector(ab, cd, 0, 2, 4, 6) +
           __builtin_shufflevector(ab, cd, 1, 3, 5, 7);
}

/* Folded by halves, as sums are. */
static inline float largest_lane(v16 v)
{
    v = larger(v,
               __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
    v = larger(v,
               __builtin_shufflevector(v, v, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11));
    v = larger(v,
               __builtin_shufflevector(v, v, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13));
    v = larger(v,
               __builtin_shufflevector(v, v, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14));
    return v[0];
}

/* p * 2^n, n being `whole` and the low bits of `shifted`, rounded once: |n| < 160, so the first of
 * two factors is exact. */
static inline v16 scale_lanes(v16 p, v16 whole, v16 shifted, float rounder)
{
#if defined(__AVX512F__)
    (void)shifted;
    (void)rounder;
    return (v16)_mm512_scalef_ps((__m512)p, (__m512)whole);
#else
    (void)whole;
    v16i n = (v16i)shifted - (v16i)splat(rounder), half = n >> 1;
    return p * (v16)((half + 127) << 23) * (v16)((n - half + 127) << 23);
#endif
}

/* e^x: x = n ln 2 + r with |r| <= ln(2)/2; e^r = 1 + r + r^2 P(r), P fitted to 2^-28 relative to
 * e^r. Results beyond the range of normal numbers become denormal, 0 or infinity. */
static inline v16 exp_lanes(v16 x)
{
    const float rounder = 0x1.8p23f; /* adding it rounds to an integer, kept in the low bits */
    v16i zero = x < -104.0f; /* e^x < 2^-150; left out of the products, where underflow is slow */
    x = (v16)(~zero & (v16i)x);
    x = choose(x > 89.0f, splat(89.0f), x);
    v16 shifted = x * 0x1.715476p0f + rounder;
    v16 whole = shifted - rounder;
    v16 r = (x - whole * 0x1.63p-1f) -
            whole * -0x1.bd0106p-13f; /* ln 2 in two parts, the first exact */
    v16 p = r * 0x1.6a234ep-10f + 0x1.123a6cp-7f;
    p = p * r + 0x1.5558f4p-5f;
    p = p * r + 0x1.55549p-3f;
    p = p * r + 0x1.fffffcp-2f;
    p = p * r * r + r + 1.0f;
    return (v16)(~zero & (v16i)scale_lanes(p, whole, shifted, rounder));
}

#endif
