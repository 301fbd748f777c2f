/* The C text of a program. Follows it instruction by instruction and decides nothing. */
#include "gen/program.h"
#include "gen/prologue.h"

#include <string.h>

static const char *const buffer_names[] = {"",     "keys", "scales", "bias", "tables",
                                           "step", "unit", "x",      "y",    "scratch"};

static void print_dot_layout(const struct lw_schedule *s, FILE *stream)
{
    if (s->spec.rows) {
        unsigned bits = s->digits[0].bits;
        fprintf(stream,
                " *\n"
                " *   keys    [row block %zu][step %zu][digit %zu][vector %u][%zu bytes]   byte 4 "
                "r + j: row r,\n"
                " *           column j of %s quads of columns, digits of %u bit%s from the low "
                "bits on\n",
                s->row_blocks, s->steps, s->digit_count, bits, s->key_bytes,
                bits == 1   ? "eight"
                : bits == 2 ? "four"
                            : "two",
                bits, bits > 1 ? "s" : "");
        if (bits == 3)
            fprintf(stream, " *           (quads v and v + 3 of vector v), quads 6 and 7 in the "
                            "bits left over\n");
        fprintf(stream,
                " *   scales  int16 [row block][group %zu][digit][%zu rows]     bias  f32 [%zu]\n",
                s->groups, s->row_block, s->row_blocks * s->row_block);
    }
    fprintf(stream,
            " *   tables  [column] s8 [%zu], then the s32 sum of each group [%zu]\n *\n *  ",
            lw_schedule_quantised_bytes(s), s->groups);
}

static void print_header(const struct lw_program *program, const char *name, FILE *stream)
{
    const struct lw_schedule *s = &program->schedule;
    fprintf(stream, "/* Made by lutwidge " LW_VERSION ": lutwidge generate --spec %s\n *\n", name);
    if (s->spec.rows)
        fprintf(stream, " * y[%zu][%zu] = x[%zu][%zu] W^T + bias, W in %u bit plane%s, class %s.\n",
                s->spec.batch, s->spec.rows, s->spec.batch, s->spec.columns, s->spec.bits,
                s->spec.bits > 1 ? "s" : "", lw_arith_name(s->spec.arith));
    else
        fprintf(stream, " * %s of one column x[%zu], class %s.\n",
                s->spec.family == LW_FAMILY_DOT ? "Quantised activations" : "Lookup tables",
                s->spec.columns, lw_arith_name(s->spec.arith));
    if (s->spec.family == LW_FAMILY_DOT)
        print_dot_layout(s, stream);
    else if (s->spec.rows)
        fprintf(stream,
                " *\n"
                " *   keys    [row block %zu][plane %u][step %zu][%zu bytes]   low nibble: first "
                "half of the\n"
                " *           step's %zu tables, high nibble: second half\n"
                " *   scales  int16 [row block][group %zu][plane][%zu rows]     bias  f32 [%zu]\n",
                s->row_blocks, s->spec.bits, s->steps, s->key_bytes, s->step_tables, s->groups,
                s->row_block, s->row_blocks * s->row_block);
    if (s->spec.family == LW_FAMILY_TABLES)
        fprintf(stream, " *   tables  [column][part %zu][table %zu][16 entries]%s\n *\n *  ",
                s->parts, s->padded_tables, s->biased ? ", signed bytes + 128" : "");
    size_t counts[LW_OP_COUNT];
    lw_program_counts(program, counts);
    size_t column = 4;
    for (int op = 0; op < LW_OP_COUNT; op++) {
        if (!counts[op])
            continue;
        char item[48];
        size_t length = (size_t)snprintf(item, sizeof item, " %s %zu",
                                         lw_op_info((enum lw_op)op)->name, counts[op]);
        if (column + length > 96) {
            fprintf(stream, "\n *  ");
            column = 4;
        }
        fputs(item, stream);
        column += length;
    }
    fprintf(stream, "\n */\n");
}

static void print_value(const struct lw_program *program, int value, FILE *stream)
{
    fprintf(stream, "%s_%d", program->labels[value], value);
}

static void print_pointer(const struct lw_program *program, const struct lw_address *address,
                          FILE *stream)
{
    fprintf(stream, "%s", buffer_names[address->buffer]);
    if (address->offset)
        fprintf(stream, " + %zu", address->offset);
    for (size_t t = 0; t < address->terms; t++)
        fprintf(stream, " + %zu * %s", address->term[t].stride,
                program->loop_names[address->term[t].loop]);
}

static void print_spelling(const struct lw_program *program,
                           const struct lw_instruction *instruction, FILE *stream)
{
    const char *text = lw_op_info(instruction->op)->spelling[program->schedule.spec.isa];
    for (; *text; text++) {
        if (*text != '$') {
            fputc(*text, stream);
            continue;
        }
        text++;
        if (*text == 'a')
            print_pointer(program, &instruction->address, stream);
        else if (*text == 'i')
            fprintf(stream, "%d", instruction->immediate);
        else if (*text == 't') /* tiles: the low digits of the immediate, four bits each */
            fprintf(stream, "%d", instruction->immediate >> 4 * (*++text - '0') & 15);
        else if (*text == 's') /* and what is above them */
            fprintf(stream, "%d", instruction->immediate >> 12);
        else
            print_value(program, instruction->source[*text - '0'], stream);
    }
}

static bool is_assigned_later(const struct lw_program *program, size_t index)
{
    for (size_t i = index + 1; i < program->count; i++)
        if (program->instructions[i].assigns &&
            program->instructions[i].result == program->instructions[index].result)
            return true;
    return false;
}

static void print_instruction(const struct lw_program *program, size_t index, int depth,
                              FILE *stream)
{
    const struct lw_instruction *instruction = &program->instructions[index];
    fprintf(stream, "%*s", 4 * depth, "");
    if (instruction->op == LW_OP_LOOP) {
        const char *name = program->loop_names[instruction->immediate];
        fprintf(stream, "for (size_t %s = 0; %s < %zu; %s++) {\n", name, name,
                program->trips[instruction->immediate], name);
        return;
    }
    if (instruction->result >= 0) {
        if (!instruction->assigns)
            fprintf(stream, "%s%s ", is_assigned_later(program, index) ? "" : "const ",
                    lw_type_name(program->types[instruction->result], program->schedule.spec.isa));
        print_value(program, instruction->result, stream);
        fprintf(stream, " = ");
    }
    print_spelling(program, instruction, stream);
    fprintf(stream, ";\n");
}

void lw_program_print_c(const struct lw_program *program, FILE *stream)
{
    const struct lw_schedule *s = &program->schedule;
    char name[LW_SPEC_NAME_BYTES];
    lw_spec_name(&s->spec, name);
    print_header(program, name, stream);
    fprintf(stream, "#include <stddef.h>\n%s\n", lw_prologue(s->spec.isa));
    if (!s->spec.rows)
        fprintf(stream, "%s\n", lw_table_prologue(s->spec.isa));
    if (s->spec.family == LW_FAMILY_DOT)
        fputs(lw_dot_prologue(s->spec.isa, s->spec.rows), stream);
    if (s->unit == LW_UNIT_TILE)
        fprintf(stream, "%s\n", lw_tile_prologue());
    if (s->spec.rows)
        fprintf(
            stream,
            "void lw_%s(const uint8_t *keys, const uint8_t *scales, const uint8_t *bias,\n"
            "    const uint8_t *tables, const uint8_t *step, const uint8_t *unit, uint8_t *y);\n"
            "void lw_%s(const uint8_t *keys, const uint8_t *scales, const uint8_t *bias,\n"
            "    const uint8_t *tables, const uint8_t *step, const uint8_t *unit, uint8_t *y)\n{\n",
            name, name);
    else
        fprintf(stream,
                "int lw_%s(const uint8_t *x, uint8_t *tables, uint8_t *step);\n"
                "int lw_%s(const uint8_t *x, uint8_t *tables, uint8_t *step)\n{\n",
                name, name);
    if (s->spec.rows && s->scratch_bytes)
        fprintf(stream, "    _Alignas(64) uint8_t scratch[%zu];\n", s->scratch_bytes);
    int depth = 1;
    for (size_t i = 0; i < program->count; i++) {
        if (program->instructions[i].op == LW_OP_END) {
            depth--;
            fprintf(stream, "%*s}\n", 4 * depth, "");
            continue;
        }
        print_instruction(program, i, depth, stream);
        if (program->instructions[i].op == LW_OP_LOOP)
            depth++;
    }
    fprintf(stream, s->spec.rows ? "}\n" : "    return 0;\n}\n");
}
