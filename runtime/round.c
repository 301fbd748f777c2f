#include "runtime/round.h"

#include <math.h>

bool lw_round_int8(const float *values, size_t count, int8_t *entries, float *step)
{
    float largest = 0.0f;
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(values[i]))
            return false;
        largest = fmaxf(largest, fabsf(values[i]));
    }
    float inverse = 127.0f / largest;
    *step = isfinite(inverse) ? largest / 127.0f : 0.0f;
    for (size_t i = 0; i < count; i++)
        entries[i] = isfinite(inverse)
                         ? (int8_t)fminf(fmaxf(rintf(values[i] * inverse), -127.0f), 127.0f)
                         : 0;
    return true;
}
