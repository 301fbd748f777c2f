/* A scheduled kernel: instructions over vector registers, loops with compile-time trip counts, and
 * addresses that are affine in the loop counters. The text (gen/print_c.c) and the interpreter
 * (gen/interpret.c) both follow it. */
#ifndef LW_GEN_PROGRAM_H
#define LW_GEN_PROGRAM_H

#include "gen/schedule.h"
#include "models/status.h"

#include <stdint.h>
#include <stdio.h>

enum lw_op {
#define LW_OP(name, ...) LW_OP_##name,
#include "gen/ops.def"
#undef LW_OP
    LW_OP_LOOP, /* immediate: loop number */
    LW_OP_END,
    LW_OP_COUNT
};

/* Register types: bytes, 16-bit and 32-bit integers, doubles, floats; SCALAR is one float. */
enum lw_type {
    LW_TYPE_NONE,
    LW_TYPE_B,
    LW_TYPE_H,
    LW_TYPE_W,
    LW_TYPE_D,
    LW_TYPE_F,
    LW_TYPE_SCALAR
};

enum lw_buffer {
    LW_BUFFER_NONE,
    LW_BUFFER_KEYS,
    LW_BUFFER_SCALES,
    LW_BUFFER_BIAS,
    LW_BUFFER_TABLES,
    LW_BUFFER_STEP,
    LW_BUFFER_UNIT,
    LW_BUFFER_X,
    LW_BUFFER_Y,
    LW_BUFFER_SCRATCH, /* of the kernel itself: schedule.scratch_bytes */
    LW_BUFFER_COUNT
};

enum { LW_ADDRESS_TERMS = 5, LW_PROGRAM_LOOPS = 24 };

/* buffer + offset + sum of stride * counter, all in bytes */
struct lw_address {
    enum lw_buffer buffer;
    size_t offset;
    size_t terms;
    struct {
        int loop;
        size_t stride;
    } term[LW_ADDRESS_TERMS];
};

struct lw_instruction {
    enum lw_op op;
    int result;    /* value number, or -1 */
    int source[3]; /* value numbers, or -1 */
    int immediate;
    bool assigns; /* the result exists already and is changed */
    struct lw_address address;
};

struct lw_program {
    struct lw_schedule schedule;
    size_t count, room;
    struct lw_instruction *instructions;
    int values;
    char (*labels)[20]; /* one a value */
    enum lw_type *types;
    int loops;
    size_t trips[LW_PROGRAM_LOOPS];
    char loop_names[LW_PROGRAM_LOOPS][8];
    bool failed; /* out of memory or too many loops while building */
};

/* What an instruction is, from gen/ops.def. */
struct lw_op_info {
    const char *name;
    enum lw_type type;
    const char *spelling[LW_ISA_COUNT];
};
const struct lw_op_info *lw_op_info(enum lw_op op);

/* Lowers a schedule: rows == 0 gives the kernel that builds the tables. LW_FAILED when out of
 * memory. */
enum lw_status lw_program_build(const struct lw_schedule *schedule, struct lw_program *program,
                                struct lw_error *error);
void lw_program_free(struct lw_program *program);
void lw_program_print(const struct lw_program *program, FILE *stream);
/* Times that each operation is executed in one call. */
void lw_program_counts(const struct lw_program *program, size_t counts[LW_OP_COUNT]);

/* Runs a program on buffers (index: enum lw_buffer; LW_BUFFER_UNIT points to one float). Returns
 * what the kernel would: 0, or 1 for activations that are not finite. */
int lw_program_interpret(const struct lw_program *program, void *const buffers[LW_BUFFER_COUNT]);

/* Prints the C function of a kernel. Deterministic. */
void lw_program_print_c(const struct lw_program *program, FILE *stream);

/* For lowering: each appends one instruction and returns its result. */
int lw_emit(struct lw_program *program, enum lw_op op, const char *label, int a, int b, int c);
int lw_emit_immediate(struct lw_program *program, enum lw_op op, const char *label, int a, int b,
                      int immediate);
int lw_emit_load(struct lw_program *program, enum lw_op op, const char *label, int a,
                 struct lw_address address);
void lw_emit_store(struct lw_program *program, enum lw_op op, int a, int immediate,
                   struct lw_address address);
/* result = op(result, a, b): changes an existing value. */
void lw_emit_update(struct lw_program *program, enum lw_op op, int result, int a, int b);
/* The same with an immediate. */
void lw_emit_update_immediate(struct lw_program *program, enum lw_op op, int result, int a, int b,
                              int immediate);
int lw_emit_loop(struct lw_program *program, const char *name, size_t trips);
void lw_emit_end(struct lw_program *program);

/* address + stride * counter of loop (no term where loop < 0) */
struct lw_address lw_address_add(struct lw_address address, int loop, size_t stride);

/* Lowering by family: tables or quantised activations of one column, products by vectors or tiles.
 */
void lw_lower_tables(struct lw_program *program);
void lw_lower_quantised(struct lw_program *program);
void lw_lower_product(struct lw_program *program);
void lw_lower_tiles(struct lw_program *program);

#endif
