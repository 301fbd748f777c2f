#include "profiles/limits.h"

#include "gen/isa.h"
#include "models/checked.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double thread_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

typedef uint64_t vector64 __attribute__((vector_size(64), aligned(16), may_alias));
typedef uint64_t vector32 __attribute__((vector_size(32), aligned(16), may_alias));
typedef uint64_t vector16 __attribute__((vector_size(16), may_alias));

/* Reads blocks of 512 bytes; four sums, so that none waits for another. */
#define READER(name, type, attribute)                                                              \
    attribute static void name(const uint8_t *data, size_t bytes)                                  \
    {                                                                                              \
        type a = {0}, b = {0}, c = {0}, d = {0};                                                   \
        for (size_t i = 0; i < bytes; i += 512)                                                    \
            for (size_t j = 0; j < 512; j += 4 * sizeof(type)) {                                   \
                const type *at = (const type *)(const void *)(data + i + j);                       \
                a |= at[0], b |= at[1], c |= at[2], d |= at[3];                                    \
            }                                                                                      \
        a |= b | c | d;                                                                            \
        uint64_t sum = 0;                                                                          \
        for (size_t l = 0; l < sizeof(type) / 8; l++)                                              \
            sum |= a[l];                                                                           \
        __asm__ volatile("" ::"r"(sum));                                                           \
    }

/* 16 additions a turn, each of which waits for the one before; and a vector in use, for the clock
 * that vectors run at. */
#define ADDER(name, type, attribute)                                                               \
    attribute static void name(size_t turns)                                                       \
    {                                                                                              \
        uint64_t sum = 1, step = 3;                                                                \
        type a = {1};                                                                              \
        for (size_t i = 0; i < turns; i++) {                                                       \
            a += a;                                                                                \
            for (int j = 0; j < ADDITIONS; j++) {                                                  \
                sum += step;                                                                       \
                __asm__ volatile("" : "+r"(sum), "+r"(step));                                      \
            }                                                                                      \
            __asm__ volatile("" : "+" VECTOR_REGISTER(a));                                         \
        }                                                                                          \
    }

enum { ADDITIONS = 16 };

#ifdef __x86_64__
#define VECTOR_REGISTER "v"
#define AVX2 __attribute__((target("avx2")))
#define AVX512 __attribute__((target("avx512f")))
READER(read_32, vector32, AVX2)
READER(read_64, vector64, AVX512)
ADDER(add_32, vector32, AVX2)
ADDER(add_64, vector64, AVX512)
#else
#define VECTOR_REGISTER "w"
#endif
READER(read_16, vector16, )
ADDER(add_16, vector16, )

struct loops {
    void (*read)(const uint8_t *data, size_t bytes);
    void (*add)(size_t turns);
};

static struct loops widest(void)
{
#ifdef __x86_64__
    if (lw_isa_runs_here(LW_ISA_AVX512))
        return (struct loops){read_64, add_64};
    if (lw_isa_runs_here(LW_ISA_AVX2))
        return (struct loops){read_32, add_32};
#endif
    return (struct loops){read_16, add_16};
}

double lw_cycle_ns(void)
{
    enum { SAMPLES = 15, TURNS = 40000 };
    struct loops loops = widest();
    double best = 1;
    for (int sample = 0; sample < SAMPLES; sample++) {
        double start = thread_s();
        loops.add(TURNS);
        double took = 1e9 * (thread_s() - start) / (double)(TURNS * ADDITIONS);
        best = took < best ? took : best;
    }
    return best;
}

enum lw_status lw_read_bandwidth(size_t bytes, double *gb_per_s, struct lw_error *error)
{
    enum { SAMPLES = 5 };
    static const double SAMPLE_S = 2e-3;
    size_t whole;
    uint8_t *data = NULL;
    if (lw_checked_add(bytes, 511, &whole))
        data = aligned_alloc(64, whole = whole / 512 * 512);
    if (!data)
        return lw_fail(error, LW_FAILED, "out of memory for %zu bytes to read", bytes);
    memset(data, 1, whole);
    struct loops loops = widest();
    loops.read(data, whole);
    *gb_per_s = 0;
    for (int sample = 0; sample < SAMPLES; sample++) {
        double start = thread_s(), took;
        size_t times = 0;
        do {
            size_t now = whole < (1 << 16) ? (1 << 17) / whole : 1;
            for (size_t i = 0; i < now; i++)
                loops.read(data, whole);
            times += now;
            took = thread_s() - start;
        } while (took < SAMPLE_S);
        double rate = 1e-9 * (double)whole * (double)times / took;
        *gb_per_s = rate > *gb_per_s ? rate : *gb_per_s;
    }
    free(data);
    return LW_OK;
}
