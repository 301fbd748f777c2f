#include "gen/program.h"

#include <stdlib.h>
#include <string.h>

static const struct lw_op_info infos[LW_OP_COUNT] = {
#define LW_OP(name, type, c, avx2, avx512, neon, ...)                                              \
    [LW_OP_##name] = {#name,                                                                       \
                      LW_TYPE_##type,                                                              \
                      {[LW_ISA_C] = c,                                                             \
                       [LW_ISA_AVX2] = avx2,                                                       \
                       [LW_ISA_AVXVNNI] = avx2,                                                    \
                       [LW_ISA_AVX512] = avx512,                                                   \
                       [LW_ISA_AMX] = avx512,                                                      \
                       [LW_ISA_NEON] = neon}},
#include "gen/ops.def"
#undef LW_OP
    [LW_OP_LOOP] = {"LOOP", LW_TYPE_NONE, {""}},
    [LW_OP_END] = {"END", LW_TYPE_NONE, {""}},
};

const struct lw_op_info *lw_op_info(enum lw_op op)
{
    return &infos[op];
}

static struct lw_instruction *append(struct lw_program *p, enum lw_op op)
{
    static struct lw_instruction nowhere;
    if (p->count == p->room) {
        size_t room = p->room ? 2 * p->room : 256;
        void *more = realloc(p->instructions, room * sizeof *p->instructions);
        if (!more) {
            p->failed = true;
            return &nowhere;
        }
        p->instructions = more;
        p->room = room;
    }
    struct lw_instruction *instruction = &p->instructions[p->count++];
    *instruction = (struct lw_instruction){.op = op, .result = -1, .source = {-1, -1, -1}};
    return instruction;
}

/* A new value; every 64 of them the arrays grow. */
static int new_value(struct lw_program *p, const char *label, enum lw_type type)
{
    if (p->values % 64 == 0) {
        size_t room = (size_t)p->values + 64;
        char(*labels)[20] = realloc(p->labels, room * sizeof *labels);
        if (labels)
            p->labels = labels;
        enum lw_type *types = realloc(p->types, room * sizeof *types);
        if (types)
            p->types = types;
        if (!labels || !types) {
            p->failed = true;
            return 0;
        }
    }
    size_t length = strnlen(label, sizeof *p->labels - 1);
    memcpy(p->labels[p->values], label, length);
    p->labels[p->values][length] = 0;
    p->types[p->values] = type;
    return p->values++;
}

static int emit(struct lw_program *p, enum lw_op op, const char *label, const int source[3],
                int immediate, const struct lw_address *address)
{
    int result = infos[op].type == LW_TYPE_NONE ? -1 : new_value(p, label, infos[op].type);
    if (p->failed)
        return 0;
    struct lw_instruction *instruction = append(p, op);
    instruction->result = result;
    memcpy(instruction->source, source, sizeof instruction->source);
    instruction->immediate = immediate;
    if (address)
        instruction->address = *address;
    return result;
}

int lw_emit(struct lw_program *p, enum lw_op op, const char *label, int a, int b, int c)
{
    return emit(p, op, label, (int[3]){a, b, c}, 0, NULL);
}

int lw_emit_immediate(struct lw_program *p, enum lw_op op, const char *label, int a, int b,
                      int immediate)
{
    return emit(p, op, label, (int[3]){a, b, -1}, immediate, NULL);
}

int lw_emit_load(struct lw_program *p, enum lw_op op, const char *label, int a,
                 struct lw_address address)
{
    return emit(p, op, label, (int[3]){a, -1, -1}, 0, &address);
}

void lw_emit_store(struct lw_program *p, enum lw_op op, int a, int immediate,
                   struct lw_address address)
{
    emit(p, op, "", (int[3]){a, -1, -1}, immediate, &address);
}

void lw_emit_update(struct lw_program *p, enum lw_op op, int result, int a, int b)
{
    lw_emit_update_immediate(p, op, result, a, b, 0);
}

void lw_emit_update_immediate(struct lw_program *p, enum lw_op op, int result, int a, int b,
                              int immediate)
{
    if (p->failed)
        return;
    struct lw_instruction *instruction = append(p, op);
    instruction->result = result;
    instruction->source[0] = result;
    instruction->source[1] = a;
    instruction->source[2] = b;
    instruction->immediate = immediate;
    instruction->assigns = true;
}

int lw_emit_loop(struct lw_program *p, const char *name, size_t trips)
{
    if (p->loops == LW_PROGRAM_LOOPS)
        p->failed = true;
    if (p->failed)
        return 0;
    append(p, LW_OP_LOOP)->immediate = p->loops;
    p->trips[p->loops] = trips;
    strncpy(p->loop_names[p->loops], name, sizeof p->loop_names[0] - 1);
    return p->loops++;
}

void lw_emit_end(struct lw_program *p)
{
    append(p, LW_OP_END);
}

struct lw_address lw_address_add(struct lw_address address, int loop, size_t stride)
{
    if (loop >= 0) {
        address.term[address.terms].loop = loop;
        address.term[address.terms++].stride = stride;
    }
    return address;
}

/* Removes what computes values that nothing reads: the sums of rows beyond the matrix. */
static void drop_unread(struct lw_program *p)
{
    size_t *reads = calloc((size_t)p->values + 1, sizeof *reads);
    if (!reads) {
        p->failed = true;
        return;
    }
    for (size_t i = 0; i < p->count; i++)
        for (int s = 0; s < 3; s++)
            if (p->instructions[i].source[s] >= 0)
                reads[p->instructions[i].source[s]]++;
    for (size_t i = p->count; i-- > 0;) {
        struct lw_instruction *instruction = &p->instructions[i];
        if (instruction->result < 0 || instruction->assigns || reads[instruction->result])
            continue;
        for (int s = 0; s < 3; s++)
            if (instruction->source[s] >= 0)
                reads[instruction->source[s]]--;
        memmove(instruction, instruction + 1, (p->count - i - 1) * sizeof *instruction);
        p->count--;
    }
    free(reads);
}

enum lw_status lw_program_build(const struct lw_schedule *schedule, struct lw_program *program,
                                struct lw_error *error)
{
    *program = (struct lw_program){.schedule = *schedule};
    if (schedule->spec.rows == 0 && schedule->spec.family == LW_FAMILY_DOT)
        lw_lower_quantised(program);
    else if (schedule->spec.rows == 0)
        lw_lower_tables(program);
    else if (schedule->unit == LW_UNIT_TILE)
        lw_lower_tiles(program);
    else
        lw_lower_product(program);
    drop_unread(program);
    if (program->failed) {
        lw_program_free(program);
        return lw_fail(error, LW_FAILED, "out of memory while lowering a kernel");
    }
    return LW_OK;
}

void lw_program_free(struct lw_program *program)
{
    free(program->instructions);
    free(program->labels);
    free(program->types);
    *program = (struct lw_program){0};
}

void lw_program_counts(const struct lw_program *program, size_t counts[LW_OP_COUNT])
{
    size_t times[LW_PROGRAM_LOOPS + 1] = {1};
    size_t depth = 0;
    memset(counts, 0, LW_OP_COUNT * sizeof counts[0]);
    for (size_t i = 0; i < program->count; i++) {
        const struct lw_instruction *instruction = &program->instructions[i];
        if (instruction->op == LW_OP_LOOP) {
            times[depth + 1] = times[depth] * program->trips[instruction->immediate];
            depth++;
        } else if (instruction->op == LW_OP_END) {
            depth--;
        } else {
            counts[instruction->op] += times[depth];
        }
    }
}

static void print_address(const struct lw_program *program, const struct lw_address *address,
                          FILE *stream)
{
    static const char *const names[] = {"",     "keys", "scales", "bias", "tables",
                                        "step", "unit", "x",      "y",    "scratch"};
    fprintf(stream, " [%s", names[address->buffer]);
    if (address->offset)
        fprintf(stream, " + %zu", address->offset);
    for (size_t t = 0; t < address->terms; t++)
        fprintf(stream, " + %zu %s", address->term[t].stride,
                program->loop_names[address->term[t].loop]);
    fprintf(stream, "]");
}

void lw_program_print(const struct lw_program *program, FILE *stream)
{
    char name[LW_SPEC_NAME_BYTES];
    lw_spec_name(&program->schedule.spec, name);
    fprintf(stream, "program %s: %zu instructions\n", name, program->count);
    int depth = 1;
    for (size_t i = 0; i < program->count; i++) {
        const struct lw_instruction *instruction = &program->instructions[i];
        if (instruction->op == LW_OP_END) {
            depth--;
            continue;
        }
        fprintf(stream, "%*s", 2 * depth, "");
        if (instruction->op == LW_OP_LOOP) {
            fprintf(stream, "loop %s < %zu\n", program->loop_names[instruction->immediate],
                    program->trips[instruction->immediate]);
            depth++;
            continue;
        }
        if (instruction->result >= 0)
            fprintf(stream, "%s.%d %s ", program->labels[instruction->result], instruction->result,
                    instruction->assigns ? "<-" : "=");
        fprintf(stream, "%s", infos[instruction->op].name);
        for (int s = 0; s < 3; s++)
            if (instruction->source[s] >= 0)
                fprintf(stream, " %s.%d", program->labels[instruction->source[s]],
                        instruction->source[s]);
        if (instruction->immediate)
            fprintf(stream, " #%d", instruction->immediate);
        if (instruction->address.buffer)
            print_address(program, &instruction->address, stream);
        fprintf(stream, "\n");
    }
}
