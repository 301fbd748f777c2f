/* Exact conversion of stored tensors to fp32, without need of instructions for it. */
#include "models/safetensors.h"

#include <string.h>

static float float_of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* IEEE 754 binary16: 1 sign, 5 exponent (bias 15), 10 mantissa bits. */
static float float_of_half(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16;
    uint32_t exponent = half >> 10 & 31, mantissa = half & 1023;
    if (exponent == 0) { /* zero or subnormal: mantissa * 2^-24 is exact */
        float magnitude = (float)mantissa * 0x1p-24f;
        return sign ? -magnitude : magnitude;
    }
    uint32_t rebiased = exponent == 31 ? 255 : exponent - 15 + 127;
    return float_of_bits(sign | rebiased << 23 | mantissa << 13);
}

static uint16_t read_u16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

void lw_tensor_to_float(const struct lw_tensor *tensor, float *out)
{
    const uint8_t *data = tensor->data;
    switch (tensor->dtype) {
    case LW_DTYPE_F32:
        for (size_t i = 0; i < tensor->elements; i++)
            out[i] =
                float_of_bits((uint32_t)read_u16(data + 4 * i + 2) << 16 | read_u16(data + 4 * i));
        break;
    case LW_DTYPE_F16:
        for (size_t i = 0; i < tensor->elements; i++)
            out[i] = float_of_half(read_u16(data + 2 * i));
        break;
    case LW_DTYPE_BF16:
        for (size_t i = 0; i < tensor->elements; i++)
            out[i] = float_of_bits((uint32_t)read_u16(data + 2 * i) << 16);
        break;
    case LW_DTYPE_OTHER:
        break;
    }
}
