#include "gen/ir.h"

#include <string.h>

static const char *const op_names[] = {"input",      "signed_sum", "largest", "round",
                                       "lookup_sum", "dot_sum",    "weigh",   "rescale"};
static const char *const op_meanings[] = {
    "given",
    "(+-a[4j] +- a[4j+1]) + (+-a[4j+2] +- a[4j+3]), + where the bit of v is set, zeros beyond K",
    "largest |a|",
    "clamp(rint(a * (127 / t)), -127, 127), ties to even; 0 where 127 / t is not finite",
    "sum over the tables j of group g of a[n][j][key(r, i, j)]",
    "sum over the columns k of group g of a[n][k] * (bit(r, i, k) ? 1 : -1)",
    "sum over g, i of scale[r][g][i] * a",
    "f32(a) * ((t / 127) * 2^e) + bias[r]",
};

static int append(struct lw_ir *ir, enum lw_ir_op op, char name, const char *index,
                  const char *type, int source, int largest)
{
    const struct lw_spec *spec = &ir->spec;
    struct lw_ir_node *node = &ir->nodes[ir->count];
    *node = (struct lw_ir_node){
        .op = op, .name = name, .source = source, .largest = largest, .index = index, .type = type};
    for (size_t d = 0; d < 4; d++) {
        char letter = d < strlen(index) ? index[d] : 0;
        node->dims[d] = letter == 'n'   ? spec->batch
                        : letter == 'k' ? spec->columns
                        : letter == 'j' ? (spec->columns + 3) / 4
                        : letter == 'v' ? 16
                        : letter == 'r' ? spec->rows
                        : letter == 'g' ? lw_spec_groups(spec)
                        : letter == 'i' ? spec->bits
                                        : 1;
    }
    return (int)ir->count++;
}

void lw_ir_build(const struct lw_spec *spec, struct lw_ir *ir)
{
    *ir = (struct lw_ir){.spec = *spec};
    int x = append(ir, LW_IR_INPUT, 'x', "nk", "f32", -1, -1);
    int entries, largest;
    if (spec->arith == LW_ARITH_T8) {
        int sums = append(ir, LW_IR_SIGNED_SUM, 'e', "njv", "f32", x, -1);
        largest = append(ir, LW_IR_LARGEST, 't', "n", "f32", sums, -1);
        entries = append(ir, LW_IR_ROUND, 'q', "njv", "s8", sums, largest);
    } else {
        largest = append(ir, LW_IR_LARGEST, 't', "n", "f32", x, -1);
        int rounded = append(ir, LW_IR_ROUND, 'q', "nk", "s8", x, largest);
        entries = spec->family == LW_FAMILY_DOT
                      ? rounded
                      : append(ir, LW_IR_SIGNED_SUM, 'e', "njv", "s16", rounded, -1);
    }
    ir->table_nodes = ir->count;
    int sums = append(ir, spec->family == LW_FAMILY_DOT ? LW_IR_DOT_SUM : LW_IR_LOOKUP_SUM, 'p',
                      "nrgi", "s64", entries, -1);
    int weighted = append(ir, LW_IR_WEIGH, 'R', "nr", "s64", sums, -1);
    append(ir, LW_IR_RESCALE, 'y', "nr", "f32", weighted, largest);
}

void lw_ir_print(const struct lw_ir *ir, FILE *stream)
{
    fprintf(stream, "ir %s: M=%zu K=%zu B=%u N=%zu\n", lw_arith_name(ir->spec.arith), ir->spec.rows,
            ir->spec.columns, ir->spec.bits, ir->spec.batch);
    for (size_t i = 0; i < ir->count; i++) {
        const struct lw_ir_node *node = &ir->nodes[i];
        if (i == ir->table_nodes)
            fprintf(stream, "  -- the nodes above are shared by all products of one input --\n");
        int used = fprintf(stream, "  %c", node->name);
        for (size_t d = 0; d < strlen(node->index); d++)
            used += fprintf(stream, "[%c<%zu]", node->index[d], node->dims[d]);
        fprintf(stream, "%*s %-4s %s", used < 26 ? 26 - used : 0, "", node->type,
                op_names[node->op]);
        if (node->source >= 0)
            fprintf(stream, " a=%c", ir->nodes[node->source].name);
        if (node->largest >= 0)
            fprintf(stream, " t=%c", ir->nodes[node->largest].name);
        fprintf(stream, ": %s\n", op_meanings[node->op]);
    }
}
