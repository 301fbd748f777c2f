/* Runs a program instruction by instruction: the meanings of gen/ops.def over registers of 64
 * bytes. */
#include "gen/program.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

union reg {
    int8_t s8[64];
    uint8_t u8[64];
    int16_t s16[32];
    uint16_t u16[32];
    int32_t s32[16];
    float f32[16];
    double f64[8];
};

struct machine {
    const struct lw_program *program;
    void *const *buffers;
    union reg *registers;
    union {
        uint8_t u8[LW_TILE];
        int8_t s8[LW_TILE];
        int32_t s32[LW_TILE / 4];
    } tiles[8];
    size_t tile_rows[8];
    size_t counters[LW_PROGRAM_LOOPS];
};

static double read_s16(const uint8_t *at)
{
    int16_t value;
    memcpy(&value, at, sizeof value);
    return (double)value;
}

static int32_t read_s32(const uint8_t *at)
{
    int32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static float read_f32(const uint8_t *at)
{
    float value;
    memcpy(&value, at, sizeof value);
    return value;
}

static void write_f32(uint8_t *at, float value)
{
    memcpy(at, &value, sizeof value);
}

static uint8_t *resolve(const struct machine *m, const struct lw_address *address)
{
    if (address->buffer == LW_BUFFER_NONE)
        return NULL;
    size_t offset = address->offset;
    for (size_t t = 0; t < address->terms; t++)
        offset += address->term[t].stride * m->counters[address->term[t].loop];
    return (uint8_t *)m->buffers[address->buffer] + offset;
}

/* Executes one instruction that is no loop; 1 to stop. */
static int execute(struct machine *m, const struct lw_instruction *instruction)
{
    static const union reg none;
    const struct lw_lanes lanes = lw_isa_info(m->program->schedule.spec.isa)->lanes;
    const size_t N8 = lanes.bytes, N16 = lanes.halves, N32 = lanes.words, N64 = lanes.doubles;
    const int *s = instruction->source;
    const union reg A = s[0] >= 0 ? m->registers[s[0]] : none;
    const union reg B = s[1] >= 0 ? m->registers[s[1]] : none;
    const union reg C = s[2] >= 0 ? m->registers[s[2]] : none;
    const int I = instruction->immediate;
    uint8_t *AT = resolve(m, &instruction->address);
    union reg D = none;
    (void)N16, (void)C, (void)AT;
    switch (instruction->op) {
#define EACH(n) for (size_t l = 0; l < (n); l++)
#define TILE(i) m->tiles[I >> 4 * (i) & 15]
#define ROWS(i) m->tile_rows[I >> 4 * (i) & 15]
#define LW_OP(name, type, c, avx2, avx512, neon, ...)                                              \
    case LW_OP_##name: {                                                                           \
        __VA_ARGS__;                                                                               \
        break;                                                                                     \
    }
#include "gen/ops.def"
#undef LW_OP
#undef TILE
#undef ROWS
#undef EACH
    default:
        abort();
    }
    if (instruction->result >= 0)
        m->registers[instruction->result] = D;
    return 0;
}

/* Runs instructions [first, end of its loop); returns the index after the END, or SIZE_MAX to stop.
 */
static size_t run_body(struct machine *m, size_t first)
{
    const struct lw_program *p = m->program;
    size_t i = first;
    while (i < p->count && p->instructions[i].op != LW_OP_END) {
        const struct lw_instruction *instruction = &p->instructions[i];
        if (instruction->op != LW_OP_LOOP) {
            if (execute(m, instruction))
                return SIZE_MAX;
            i++;
            continue;
        }
        size_t loop = (size_t)instruction->immediate, next = i;
        for (m->counters[loop] = 0; m->counters[loop] < p->trips[loop]; m->counters[loop]++) {
            next = run_body(m, i + 1);
            if (next == SIZE_MAX)
                return SIZE_MAX;
        }
        i = next;
    }
    return i + 1;
}

int lw_program_interpret(const struct lw_program *program, void *const buffers[LW_BUFFER_COUNT])
{
    void *all[LW_BUFFER_COUNT];
    memcpy(all, buffers, sizeof all);
    all[LW_BUFFER_SCRATCH] = calloc(1, program->schedule.scratch_bytes + 1);
    struct machine machine = {.program = program, .buffers = all};
    machine.registers = calloc((size_t)program->values + 1, sizeof *machine.registers);
    if (!machine.registers || !all[LW_BUFFER_SCRATCH])
        abort();
    size_t end = run_body(&machine, 0);
    free(machine.registers);
    free(all[LW_BUFFER_SCRATCH]);
    return end == SIZE_MAX;
}
