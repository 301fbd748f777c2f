#include "gen/cost.h"

#include <math.h>
#include <string.h>

/* Micro-operations of one operation as gen/ops.def spells it: vector, of these shuffle, load, store
 * (tile: cycles). Constants are loaded outside the loops. From the vendors' manuals and
 * uops.info: Golden Cove for x86, Neoverse N1 for NEON. `known` tells a free operation from a
 * missing one. */
struct uops {
    double vector, shuffle, load, store, tile;
    bool known;
};
#define U(...) {__VA_ARGS__, .known = true}
#define NONE {0}
#define FREE U(0)
#define ALL(...) {U(__VA_ARGS__), U(__VA_ARGS__), U(__VA_ARGS__), U(__VA_ARGS__)}

enum { INSTRUCTION_SETS = 4 };

/* portable C, AVX2 with AVX-VNNI, AVX-512 with AMX, NEON */
static const struct uops table[LW_OP_COUNT][INSTRUCTION_SETS] = {
    [LW_OP_LOOP] = ALL(0),
    [LW_OP_END] = ALL(0),
    [LW_OP_ZERO_H] = ALL(0),
    [LW_OP_ZERO_W] = ALL(0),
    [LW_OP_ZERO_D] = ALL(0),
    [LW_OP_ZERO_F] = ALL(0),
    [LW_OP_LOAD_KEYS] = ALL(0, 0, 1),
    [LW_OP_PREFETCH] = {NONE, U(0, 0, 1), U(0, 0, 1), NONE},
    [LW_OP_KEY_LOW] = {U(1), U(1), NONE, U(1)},
    [LW_OP_KEY_HIGH] = {U(1), U(2), NONE, U(1)},
    [LW_OP_INDEX_LOW] = {NONE, NONE, U(1), NONE},
    [LW_OP_INDEX_HIGH] = {NONE, NONE, U(2), NONE},
    [LW_OP_LOOKUP_S8] = {U(0, 0, 1), NONE, NONE, NONE},
    [LW_OP_LOOKUP_U8] = {U(0, 0, 1), NONE, NONE, NONE},
    [LW_OP_LOOKUP16] = {NONE, U(1, 1, 1), NONE, U(1, 1, 1)},
    [LW_OP_LOOKUP64] = {NONE, NONE, U(1, 1, 1), NONE},
    [LW_OP_ADD_W] = ALL(1),
    [LW_OP_ADD_PAIRS] = {NONE, U(1), NONE, NONE},
    [LW_OP_ADD_ODD] = {NONE, U(2), NONE, NONE},
    [LW_OP_SUM_OF_EVEN] = {NONE, U(2), NONE, NONE},
    [LW_OP_ADD_LOW_S] = {NONE, NONE, NONE, U(1)},
    [LW_OP_ADD_HIGH_S] = {NONE, NONE, NONE, U(1)},
    [LW_OP_ADD_LOW_U] = {NONE, NONE, NONE, U(1)},
    [LW_OP_ADD_HIGH_U] = {NONE, NONE, NONE, U(1)},
    [LW_OP_WIDEN] = {NONE, U(1.5, 1.5), NONE, U(1)},
    [LW_OP_WIDEN_S] = {NONE, NONE, NONE, U(1)},
    [LW_OP_SUBTRACT] = {NONE, U(1), NONE, NONE},
    [LW_OP_DOT4_S8] = {NONE, NONE, U(1), NONE},
    [LW_OP_DOT4_U8] = {NONE, NONE, U(1), NONE},
    [LW_OP_JOIN_BYTES] = {U(2), U(2), U(2), U(2)},
    [LW_OP_TO_DOUBLE] = {U(1), U(2.5, 1.5), U(2.5, 1.5), U(2)},
    [LW_OP_LOAD_SCALES] = {U(1, 0, 1), U(3, 2, 1), U(3, 2, 1), U(3, 0, 1)},
    [LW_OP_LOAD_SCALES_F] = {U(1, 0, 1), U(2, 1, 1), U(2, 1, 1), U(2, 0, 1)},
    [LW_OP_TO_FLOAT] = ALL(1),
    [LW_OP_MULTIPLY_ADD] = {U(2), U(2), U(1), U(1)},
    [LW_OP_NARROW] = {U(1), NONE, NONE, NONE},
    [LW_OP_NARROW_PAIR] = {NONE, U(5, 3), U(5, 3), U(2)},
    [LW_OP_LOAD_F] = ALL(0, 0, 1),
    [LW_OP_LOAD_FIRST_F] = {NONE, U(0, 0, 1), U(0, 0, 1), U(1, 0, 1)},
    [LW_OP_BROADCAST_F] = ALL(0, 0, 1),
    [LW_OP_SPREAD] = {FREE, U(1, 1), U(1, 1), U(1)},
    [LW_OP_ADD_F] = ALL(1),
    [LW_OP_MUL_F] = ALL(1),
    [LW_OP_PRODUCT_F] = {U(2), U(2), U(1), U(1)},
    [LW_OP_STORE_F] = ALL(0, 0, 0, 1),
    [LW_OP_STORE_FIRST_F] = {NONE, U(1, 0, 0, 1), U(1, 0, 0, 1), U(1, 0, 0, 2)},
    [LW_OP_ABS_F] = ALL(1),
    [LW_OP_SWAP_PAIRS_F] = {NONE, U(1, 1), U(1, 1), U(1)},
    [LW_OP_SWAP_DOUBLES_F] = {NONE, U(1, 1), U(1, 1), U(1)},
    [LW_OP_LARGER_F] = {U(3), U(1), U(1), U(1)},
    [LW_OP_LARGEST] = {FREE, U(8, 4), U(8, 4), U(2)},
    [LW_OP_STOP_UNLESS_FINITE] = ALL(2),
    [LW_OP_INVERSE] = ALL(8),
    [LW_OP_STORE_STEP] = ALL(6, 0, 0, 1),
    [LW_OP_SIGN] = ALL(1),
    [LW_OP_ROUND] = {U(1), U(2), U(2), U(1)},
    [LW_OP_TO_INTEGER] = ALL(1),
    [LW_OP_HIGH_BYTE] = ALL(1),
    [LW_OP_STORE_BYTES] = {U(0, 0, 0, 1), U(3, 3, 0, 1), U(2, 2, 0, 1), U(2, 0, 0, 1)},
    [LW_OP_STORE_BIASED] = {NONE, U(4, 3, 0, 1), NONE, NONE},
    [LW_OP_LOAD_DIGITS] = ALL(0, 0, 1),
    [LW_OP_SHIFT_KEYS] = {U(2), U(1), U(1), U(1)},
    [LW_OP_MASK_OR] = {U(2), U(2), U(1), U(2)},
    [LW_OP_MASK_KEYS] = ALL(1),
    [LW_OP_LOAD_QUAD] = {U(0, 0, 1), U(0, 0, 1), U(0, 0, 1), NONE},
    [LW_OP_LOAD_QUADS] = {NONE, NONE, NONE, U(0, 0, 1)},
    [LW_OP_DOT_QUAD] = {U(18), U(1), U(1), NONE},
    [LW_OP_DOT_ONE_QUAD] = {NONE, NONE, NONE, U(1)},
    [LW_OP_MULTIPLY_QUAD] = {NONE, U(1), NONE, NONE},
    [LW_OP_SUM_PAIRS] = {NONE, U(2), NONE, NONE},
    [LW_OP_SHIFT_RIGHT_W] = ALL(1),
    [LW_OP_BROADCAST_W] = ALL(0, 0, 1),
    [LW_OP_CENTRE] = {U(3), U(4), U(4), U(2)},
    [LW_OP_STORE_TOTAL] = {U(0, 0, 0, 1), U(7, 4, 0, 1), U(8, 4, 0, 1), U(2, 0, 0, 1)},
    [LW_OP_TILES] = {NONE, NONE, U(0, 0, 8, 4, 20), NONE},
    [LW_OP_TILE_ZERO] = {NONE, NONE, U(0, 0, 0, 0, 1), NONE},
    [LW_OP_TILE_LOAD] = {NONE, NONE, U(0, 0, 16), NONE},
    [LW_OP_TILE_DOT] = {NONE, NONE, U(0, 0, 0, 0, 16), NONE},
    [LW_OP_TILE_STORE] = {NONE, NONE, U(0, 0, 0, 16), NONE},
    [LW_OP_TILES_END] = {NONE, NONE, U(0, 0, 0, 0, 4), NONE},
    [LW_OP_STORE_KEYS] = {NONE, NONE, U(0, 0, 0, 1), NONE},
    [LW_OP_ZERO_B] = {NONE, NONE, FREE, NONE},
    [LW_OP_LOAD_W] = {NONE, NONE, U(0, 0, 1), NONE},
};

static const struct uops *uops_of(enum lw_op op, enum lw_isa isa)
{
    static const size_t columns[LW_ISA_COUNT] = {
        [LW_ISA_C] = 0,      [LW_ISA_AVX2] = 1, [LW_ISA_AVXVNNI] = 1,
        [LW_ISA_AVX512] = 2, [LW_ISA_AMX] = 2,  [LW_ISA_NEON] = 3};
    return &table[op][columns[isa]];
}

bool lw_work_knows(enum lw_op op, enum lw_isa isa)
{
    return uops_of(op, isa)->known;
}

void lw_work_add(struct lw_work *sum, const struct lw_work *work, double times)
{
    sum->vector += times * work->vector;
    sum->shuffle += times * work->shuffle;
    sum->load += times * work->load;
    sum->store += times * work->store;
    sum->tile += times * work->tile;
}

enum lw_status lw_work_of(const struct lw_spec *spec, struct lw_work *work, struct lw_error *error)
{
    struct lw_schedule schedule;
    struct lw_program program;
    size_t counts[LW_OP_COUNT];
    lw_schedule_build(spec, &schedule);
    enum lw_status status = lw_program_build(&schedule, &program, error);
    if (status != LW_OK)
        return status;
    lw_program_counts(&program, counts);
    lw_program_free(&program);
    *work = (struct lw_work){0};
    for (int op = 0; op < LW_OP_COUNT; op++) {
        const struct uops *u = uops_of((enum lw_op)op, spec->isa);
        lw_work_add(work, &(struct lw_work){u->vector, u->shuffle, u->load, u->store, u->tile},
                    (double)counts[op]);
    }
    return LW_OK;
}

/* x86: the development machine, a core of the Sapphire Rapids kind; clock and bandwidths as
 * profiles/limits.h measures them, slack, calls and stalls fitted to the cells of docs/KERNELS.md.
 * Arm: ports, clock and caches from the makers' guides and slack from llvm-mca; nothing here could
 * check the rest. */
#define CORE(name, ghz, vector, shuffle, load, store, slack, call_ns, ...)                         \
    {                                                                                              \
        name, ghz, vector, shuffle, load, store, 1, slack, call_ns,                                \
        {                                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
/* Of kernels by tiles, whose stores are not forwarded to the tile loads behind them. */
#define TILE_SLACK 2.2
#define LEVEL(bytes, gb_per_s, stall_ns) {bytes, gb_per_s, stall_ns}

static const struct lw_cpu_core cores[] = {
    /* GHz; micro-operations a cycle: vector, shuffle, load, store; slack; ns a call */
    CORE("portable", 4.0, 5, 5, 3, 2, 2.0, 30, LEVEL(48e3, 240, 0), LEVEL(1.6e6, 165, 0),
         LEVEL(400e6, 28, 3), LEVEL(0, 15, 3)),
    CORE("x86-avx2", 4.0, 3, 2, 3, 2, 1.05, 20, LEVEL(48e3, 240, 0), LEVEL(1.6e6, 165, 0),
         LEVEL(400e6, 28, 0.1), LEVEL(0, 15, 0.2)),
    CORE("x86-avxvnni", 4.0, 3, 2, 3, 2, 1.05, 20, LEVEL(48e3, 240, 0), LEVEL(1.6e6, 165, 0),
         LEVEL(400e6, 28, 0.1), LEVEL(0, 15, 0.2)),
    CORE("x86-avx512", 4.0, 2, 1, 2, 1, 1.1, 20, LEVEL(48e3, 240, 0), LEVEL(1.6e6, 165, 0),
         LEVEL(400e6, 28, 1), LEVEL(0, 15, 2)),
    CORE("x86-amx", 4.0, 2, 1, 2, 1, 1.1, 20, LEVEL(48e3, 240, 0), LEVEL(1.6e6, 165, 0),
         LEVEL(400e6, 28, 1), LEVEL(0, 15, 2)),
    CORE("arm-neoverse-n1", 2.6, 2, 2, 2, 1, 1.2, 20, LEVEL(64e3, 80, 0), LEVEL(1e6, 40, 0),
         LEVEL(32e6, 20, 2), LEVEL(0, 12, 4)),
    CORE("arm-cortex-a55", 1.8, 1, 1, 0.5, 0.5, 1.2, 40, LEVEL(32e3, 14, 0), LEVEL(128e3, 10, 1),
         LEVEL(2e6, 6, 4), LEVEL(0, 3, 10)),
    CORE("arm-exynos-m4", 2.7, 3, 2, 2, 1, 1.2, 20, LEVEL(64e3, 80, 0), LEVEL(1e6, 40, 0),
         LEVEL(4e6, 20, 2), LEVEL(0, 10, 5)),
};

const struct lw_cpu_core *lw_core_of(const struct lw_device *device)
{
    size_t i = 0;
    while (strcmp(cores[i].device, device->name) != 0)
        i++;
    return &cores[i];
}

double lw_core_cycles(const struct lw_cpu_core *core, const struct lw_work *work)
{
    double cycles = work->vector / core->vector;
    cycles = fmax(cycles, work->shuffle / core->shuffle);
    cycles = fmax(cycles, work->load / core->load);
    cycles = fmax(cycles, work->store / core->store);
    return fmax(cycles, work->tile / core->tile);
}

static size_t level_of(const struct lw_cpu_core *core, double bytes)
{
    size_t i = 0;
    while (i + 1 < LW_CORE_LEVELS && bytes > core->levels[i].bytes)
        i++;
    return i;
}

double lw_core_ns(const struct lw_cpu_core *core, const struct lw_work *work, double calls,
                  double key_bytes, double footprint)
{
    size_t level = level_of(core, footprint);
    double slack = work->tile > 0 ? TILE_SLACK : core->slack;
    double compute = slack * lw_core_cycles(core, work) / core->ghz;
    double keys = key_bytes / core->levels[level].gb_per_s;
    double stall = key_bytes / 64 * core->levels[level].stall_ns;
    return fmax(compute + stall, keys) + calls * core->call_ns;
}
