#include "tests/kernels.h"

#include <stdlib.h>
#include <string.h>

uint64_t random_bits(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717);
}

float random_float(uint64_t *state)
{
    return (float)(int32_t)(random_bits(state) >> 32) * 0x1p-31f;
}

void product_case_make(struct product_case *c, const struct lw_spec *spec, uint64_t seed)
{
    uint64_t state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    size_t rows = spec->rows, columns = spec->columns, bits = spec->bits;
    *c = (struct product_case){.spec = *spec};
    c->code = (struct lw_code){.rows = rows,
                               .bits = spec->bits,
                               .uniform = spec->uniform || (spec->group && seed % 2),
                               .group = spec->group ? spec->group : columns,
                               .groups = lw_spec_groups(spec),
                               .plane_bytes = (columns + 7) / 8,
                               .exponent = -18};
    uint8_t *planes = calloc(rows * bits, c->code.plane_bytes);
    size_t row_scales = lw_code_row_scales(&c->code);
    int16_t *scales = calloc(rows * row_scales, sizeof *scales);
    c->bias = calloc(rows, sizeof *c->bias);
    c->x = calloc(spec->batch * columns, sizeof *c->x);
    for (size_t i = 0; i < rows * bits; i++) {
        for (size_t k = 0; k < columns; k++)
            if (random_bits(&state) >> 63)
                planes[i * c->code.plane_bytes + k / 8] |= (uint8_t)(1u << k % 8);
    }
    for (size_t i = 0; i < rows * row_scales; i++) /* of uniform ones, the largest must fit, too */
        scales[i] = (int16_t)((int16_t)(random_bits(&state) >> 48) / (c->code.uniform ? 256 : 1));
    for (size_t r = 0; r < rows; r++)
        c->bias[r] = r % 4 == 3 ? -0.0f : random_float(&state);
    for (size_t i = 0; i < spec->batch * columns; i++)
        c->x[i] = 3 * random_float(&state);
    for (size_t i = 0; i < rows * row_scales;
         i += 5 * row_scales) /* a product of -0 and a bias of -0 */
        memset(&scales[i], 0, row_scales * sizeof *scales);
    c->code.planes = planes;
    c->code.scales = scales;
}

void product_case_free(struct product_case *c)
{
    free((void *)(uintptr_t)c->code.planes);
    free((void *)(uintptr_t)c->code.scales);
    free(c->bias);
    free(c->x);
}

void product_case_saturate(struct product_case *c)
{
    for (size_t i = 0; i < c->spec.batch * c->spec.columns; i++)
        c->x[i] = (i % c->spec.columns) % 3 == 1 ? -127.0f : 127.0f;
    uint8_t *planes = (uint8_t *)(uintptr_t)c->code.planes;
    memset(planes, 0, c->spec.rows * c->spec.bits * c->code.plane_bytes);
    for (size_t i = 0; i < c->spec.rows * c->spec.bits; i++) {
        for (size_t k = 0; k < c->spec.columns; k++)
            if ((k % 3 != 1) != (i % 2 == 1))
                planes[i * c->code.plane_bytes + k / 8] |= (uint8_t)(1u << k % 8);
    }
    int largest = c->code.uniform ? 32767 >> (c->spec.bits - 1) : 32767;
    for (size_t i = 0; i < c->spec.rows * lw_code_row_scales(&c->code); i++)
        ((int16_t *)(uintptr_t)c->code.scales)[i] = (int16_t)(i % 5 ? largest : -largest);
}

/* 1 to `most`; small ones are likelier. */
static size_t random_size(uint64_t *state, size_t most)
{
    size_t limit = 1 + random_bits(state) % most;
    return 1 + random_bits(state) % limit;
}

struct lw_spec random_spec(uint64_t *state, enum lw_isa isa)
{
    static const size_t batches[] = {1, 2, 4, 8, 3, 16, 33};
    struct lw_spec spec = {.arith = random_bits(state) % 2 ? LW_ARITH_A8 : LW_ARITH_T8,
                           .rows = random_size(state, 130),
                           .columns = random_size(state, random_bits(state) % 4 ? 300 : 2300),
                           .bits = (unsigned)random_size(state, 5),
                           .batch = batches[random_bits(state) % 7],
                           .isa = isa};
    if (spec.columns > 32 && random_bits(state) % 2)
        spec.group = 32 * random_size(state, (spec.columns - 1) / 32);
    spec.uniform = random_bits(state) % 2 && spec.bits > 1;
    if (random_bits(state) % 2 && lw_family_has(LW_FAMILY_DOT, &spec))
        spec.family = LW_FAMILY_DOT;
    spec.uniform = spec.uniform && spec.family == LW_FAMILY_DOT;
    return spec;
}

size_t list_spec(struct lw_spec *specs, size_t *count, const struct lw_spec *spec)
{
    char name[LW_SPEC_NAME_BYTES], other[LW_SPEC_NAME_BYTES];
    lw_spec_name(spec, name);
    for (size_t i = 0; i < *count; i++) {
        lw_spec_name(&specs[i], other);
        if (strcmp(name, other) == 0)
            return i;
    }
    specs[*count] = *spec;
    return (*count)++;
}
