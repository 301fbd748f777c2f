#include "runtime/vector.h"

#include <stdbool.h>
#include <string.h>

extern const struct lw_vector lw_vector_baseline;

#if defined(__x86_64__)
extern const struct lw_vector lw_vector_avx2, lw_vector_avx512;

static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2");
}

static bool has_avx512(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
}
#endif

static bool always(void)
{
    return true;
}

/* Widest first. */
static const struct {
    const struct lw_vector *vector;
    bool (*runs)(void);
} builds[] = {
#if defined(__x86_64__)
    {&lw_vector_avx512, has_avx512},
    {&lw_vector_avx2, has_avx2},
#endif
    {&lw_vector_baseline, always},
};

const struct lw_vector *lw_vector_host(void)
{
    size_t i = 0;
    while (!builds[i].runs())
        i++;
    return builds[i].vector;
}

const struct lw_vector *lw_vector_named(const char *isa)
{
    for (size_t i = 0; i < sizeof builds / sizeof *builds; i++)
        if (strcmp(builds[i].vector->isa, isa) == 0)
            return builds[i].runs() ? builds[i].vector : NULL;
    return NULL;
}
