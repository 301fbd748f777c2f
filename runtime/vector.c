/* Compiled once for each instruction set with LW_VECTOR_ISA = baseline, avx2, avx512; see
 * runtime/vector.h. */
#include "runtime/vector.h"

#include "runtime/vector_attention.h"
#include "runtime/vector_gram.h"
#include "runtime/vector_product.h"

#include <math.h>
#include <stdbool.h>

static void add(const float *x, float *y, size_t count)
{
    for (size_t i = 0; i < count; i++)
        y[i] += x[i];
}

/* Natural logarithm of a sum >= 1, in double: m 2^e with m in [sqrt(1/2), sqrt(2)), and
 * log m = 2 atanh(s) = 2 (s + s^3/3 + s^5/5 + ...) with s = (m - 1)/(m + 1), |s| < 0.172.
 * What is not finite stays as it is. */
static float logarithm(float value)
{
    if (!(value < INFINITY))
        return value;
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t shifted = bits - 0x3f3504f3u; /* sqrt(1/2) */
    int32_t exponent = (int32_t)shifted >> 23;
    bits = (shifted & 0x7fffffu) + 0x3f3504f3u;
    float mantissa;
    memcpy(&mantissa, &bits, sizeof mantissa);
    double s = ((double)mantissa - 1.0) / ((double)mantissa + 1.0), square = s * s, series = 0.0;
    for (int odd = 17; odd >= 1; odd -= 2)
        series = series * square + 1.0 / odd;
    return (float)(2.0 * s * series + exponent * 0x1.62e42fefa39efp-1);
}

static void log_softmax(float *x, size_t count)
{
    float best = largest(x, count);
    float log_sum = logarithm(sum_exp(x, count, best, NULL));
    for (size_t i = 0; i < count; i++)
        x[i] = x[i] - best - log_sum;
}

static struct lw_normaliser normalise(const float *x, struct lw_normaliser before, size_t count)
{
    v16 sum = {0};
    size_t i = 0;
    float best = largest(x, count) - before.best - before.log_sum;
    for (; i + LANES <= count; i += LANES)
        sum += exp_lanes(load(x + i) - before.best - before.log_sum - best);
    if (i < count)
        sum +=
            exp_lanes(load_some(x + i, count - i, -INFINITY) - before.best - before.log_sum - best);
    return (struct lw_normaliser){best, logarithm(fold(sum))};
}

static void layer_norm(float *x, const float *gain, const float *bias, size_t count)
{
    v16 sum = {0}, squares = {0};
    size_t whole = count - count % LANES, rest = count % LANES;
    for (size_t i = 0; i < whole; i += LANES)
        sum += load(x + i);
    if (rest)
        sum += load_some(x + whole, rest, 0.0f);
    float mean = fold(sum) / (float)count;
    for (size_t i = 0; i < whole; i += LANES) {
        v16 centred = load(x + i) - mean;
        squares += centred * centred;
    }
    if (rest) {
        v16 centred = load_some(x + whole, rest, mean) - mean;
        squares += centred * centred;
    }
    float scale = 1.0f / sqrtf(fold(squares) / (float)count + 1e-5f);
    for (size_t i = 0; i < count; i++)
        x[i] = (x[i] - mean) * scale * gain[i] + bias[i];
}

static void relu(float *x, size_t count)
{
    for (size_t i = 0; i < count; i++)
        x[i] = x[i] < 0.0f ? 0.0f : x[i];
}

INLINE v16 swish_lanes(v16 x)
{
    return x / (1.0f + exp_lanes(-x));
}

/* With z = |x| / sqrt 2 and t = 1 / (1 + z/2): erfc(z) = exp(-z^2) t Q(t), Q fitted to 3e-8;
 * 1 + erf(x / sqrt 2) is erfc(z) for negative x and 2 - erfc(z) otherwise. */
INLINE v16 gelu_lanes(v16 x)
{
    static const float q[] = {-0.0569758f, 0.2747146f,  -0.4675759f, 0.25659922f, -0.012564975f,
                              0.19706543f, 0.24443784f, 0.2822041f,  0.2820955f};
    v16 z = choose(x < 0.0f, -x, x) * 0x1.6a09e6p-1f;
    v16 t = 1.0f / (1.0f + z * 0.5f);
    v16 series = splat(q[0]);
    for (size_t i = 1; i < sizeof q / sizeof *q; i++)
        series = series * t + q[i];
    v16 complement = exp_lanes(-z * z) * t * series;
    return x * 0.5f * choose(x < 0.0f, complement, 2.0f - complement);
}

INLINE void map(float *x, size_t count, v16 (*function)(v16))
{
    size_t i = 0;
    for (; i + LANES <= count; i += LANES)
        store(x + i, function(load(x + i)));
    if (i < count)
        store_some(x + i, function(load_some(x + i, count - i, 0.0f)), count - i);
}

static void swish(float *x, size_t count)
{
    map(x, count, swish_lanes);
}

static void gelu(float *x, size_t count)
{
    map(x, count, gelu_lanes);
}

INLINE bool any(v16i mask)
{
    return __builtin_reduce_or(mask) != 0;
}

static size_t above(const float *x, const struct lw_normaliser by[2], float shift, float threshold,
                    size_t from, size_t count)
{
    size_t i = from;
    for (; i + LANES <= count; i += LANES) {
        v16 log_p = load(x + i) - by[0].best - by[0].log_sum - by[1].best - by[1].log_sum;
        if (any(log_p + shift > threshold))
            break;
    }
    while (i < count && !(lw_log_probability(x[i], by) + shift > threshold))
        i++;
    return i;
}

static size_t argmax(const float *x, size_t count)
{
    float best = largest(x, count);
    size_t i = 0;
    while (i + LANES <= count && !any(load(x + i) == best))
        i += LANES;
    while (i + 1 < count && x[i] != best)
        i++;
    return i;
}

#define JOIN_NAMES(a, b) a##b
#define JOIN(a, b) JOIN_NAMES(a, b)
#define TEXT_OF(name) #name
#define TEXT(name) TEXT_OF(name)

extern const struct lw_vector JOIN(lw_vector_, LW_VECTOR_ISA);
const struct lw_vector JOIN(lw_vector_, LW_VECTOR_ISA) = {
    .isa = TEXT(LW_VECTOR_ISA),
    .dot = dot,
    .product = product,
    .attend = attend,
    .add = add,
    .log_softmax = log_softmax,
    .normalise = normalise,
    .layer_norm = layer_norm,
    .swish = swish,
    .relu = relu,
    .gelu = gelu,
    .argmax = argmax,
    .above = above,
    .gram = gram,
    .cross = cross,
};
