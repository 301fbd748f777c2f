/* The meaning of the intermediate representation, one small function a node. Tensors of fp32 and of
 * integers are both kept in doubles: every value of the chain is exact there (integers below 2^53;
 * f32 sums are formed in float). */
#include "gen/ir.h"

#include <math.h>
#include <stdlib.h>

struct tensors {
    const struct lw_ir *ir;
    double *values[LW_IR_MAX_NODES];
};

static size_t elements(const struct lw_ir_node *node)
{
    return node->dims[0] * node->dims[1] * node->dims[2] * node->dims[3];
}

/* Element k of column n of a tensor [n][k], zero beyond K. */
static float padded(const struct tensors *t, int source, size_t n, size_t k)
{
    size_t columns = t->ir->spec.columns;
    return k < columns ? (float)t->values[source][n * columns + k] : 0.0f;
}

static void signed_sum(struct tensors *t, const struct lw_ir_node *node, double *out)
{
    for (size_t n = 0; n < node->dims[0]; n++)
        for (size_t j = 0; j < node->dims[1]; j++)
            for (size_t v = 0; v < 16; v++) {
                float a[4];
                for (size_t b = 0; b < 4; b++) {
                    float value = padded(t, node->source, n, 4 * j + b);
                    a[b] = v >> b & 1 ? value : -value;
                }
                *out++ = (double)((a[0] + a[1]) + (a[2] + a[3]));
            }
}

static void largest(struct tensors *t, const struct lw_ir_node *node, double *out)
{
    size_t each = elements(&t->ir->nodes[node->source]) / node->dims[0];
    for (size_t n = 0; n < node->dims[0]; n++) {
        const double *a = t->values[node->source] + n * each;
        out[n] = 0;
        for (size_t i = 0; i < each && !isnan(out[n]); i++)
            if (!(fabs(a[i]) <= out[n])) /* true for NaN, too */
                out[n] = fabs(a[i]);
    }
}

/* 127 / t as the classes use it: 0 where it is not finite. */
static float inverse(float t)
{
    float inv = 127.0f / t;
    return isfinite(inv) ? inv : 0.0f;
}

static void round_by(struct tensors *t, const struct lw_ir_node *node, double *out)
{
    size_t each = elements(node) / node->dims[0];
    for (size_t i = 0; i < elements(node); i++) {
        float inv = inverse((float)t->values[node->largest][i / each]);
        float scaled = (float)t->values[node->source][i] * inv;
        out[i] = rint(fmin(fmax((double)scaled, -127), 127));
    }
}

static unsigned key(const struct lw_code *code, size_t columns, size_t row, size_t plane, size_t j)
{
    const uint8_t *bits = code->planes + (row * code->bits + plane) * code->plane_bytes;
    unsigned found = 0;
    for (size_t b = 0; b < 4 && 4 * j + b < columns; b++)
        found |= (unsigned)(bits[(4 * j + b) >> 3] >> ((4 * j + b) & 7) & 1) << b;
    return found;
}

static void lookup_sum(struct tensors *t, const struct lw_ir_node *node, const struct lw_code *code,
                       double *out)
{
    size_t tables = (t->ir->spec.columns + 3) / 4, each = code->group / 4;
    if (node->dims[2] == 1)
        each = tables;
    for (size_t n = 0; n < node->dims[0]; n++)
        for (size_t r = 0; r < node->dims[1]; r++)
            for (size_t g = 0; g < node->dims[2]; g++)
                for (size_t i = 0; i < node->dims[3]; i++) {
                    double sum = 0;
                    for (size_t j = g * each; j < (g + 1) * each && j < tables; j++)
                        sum += t->values[node->source][(n * tables + j) * 16 +
                                                       key(code, t->ir->spec.columns, r, i, j)];
                    *out++ = sum;
                }
}

static void dot_sum(struct tensors *t, const struct lw_ir_node *node, const struct lw_code *code,
                    double *out)
{
    size_t columns = t->ir->spec.columns, each = node->dims[2] == 1 ? columns : code->group;
    for (size_t n = 0; n < node->dims[0]; n++)
        for (size_t r = 0; r < node->dims[1]; r++)
            for (size_t g = 0; g < node->dims[2]; g++)
                for (size_t i = 0; i < node->dims[3]; i++) {
                    double sum = 0;
                    for (size_t k = g * each; k < (g + 1) * each && k < columns; k++) {
                        double a = t->values[node->source][n * columns + k];
                        sum += key(code, columns, r, i, k / 4) >> k % 4 & 1 ? a : -a;
                    }
                    *out++ = sum;
                }
}

static void weigh(struct tensors *t, const struct lw_ir_node *node, const struct lw_code *code,
                  double *out)
{
    const double *sums = t->values[node->source];
    for (size_t n = 0; n < node->dims[0]; n++)
        for (size_t r = 0; r < node->dims[1]; r++) {
            int64_t total = 0;
            for (size_t g = 0; g < code->groups; g++)
                for (size_t i = 0; i < code->bits; i++)
                    total += lw_code_scale(code, r, g, i) * (int64_t)*sums++;
            *out++ = (double)total;
        }
}

static void rescale(struct tensors *t, const struct lw_ir_node *node, const struct lw_code *code,
                    const float *bias, double *out)
{
    for (size_t n = 0; n < node->dims[0]; n++) {
        float step = (float)t->values[node->largest][n];
        step = inverse(step) != 0 ? step / 127.0f : 0.0f;
        float scale = ldexpf(step, code->exponent);
        for (size_t r = 0; r < node->dims[1]; r++) {
            float product = (float)t->values[node->source][n * node->dims[1] + r] * scale;
            *out++ = (double)(product + bias[r]);
        }
    }
}

static enum lw_status run_node(struct tensors *t, size_t index, const struct lw_code *code,
                               const float *bias, const float *x, struct lw_error *error)
{
    const struct lw_ir_node *node = &t->ir->nodes[index];
    double *out = calloc(elements(node), sizeof *out);
    if (!out)
        return lw_fail(error, LW_FAILED, "out of memory for node %c", node->name);
    t->values[index] = out;
    switch (node->op) {
    case LW_IR_INPUT:
        for (size_t i = 0; i < elements(node); i++)
            out[i] = (double)x[i];
        break;
    case LW_IR_SIGNED_SUM:
        signed_sum(t, node, out);
        break;
    case LW_IR_LARGEST:
        largest(t, node, out);
        for (size_t n = 0; n < node->dims[0]; n++)
            if (!isfinite(out[n]))
                return lw_fail(error, LW_FAILED, "column %zu of the activations is not finite", n);
        break;
    case LW_IR_ROUND:
        round_by(t, node, out);
        break;
    case LW_IR_LOOKUP_SUM:
        lookup_sum(t, node, code, out);
        break;
    case LW_IR_DOT_SUM:
        dot_sum(t, node, code, out);
        break;
    case LW_IR_WEIGH:
        weigh(t, node, code, out);
        break;
    case LW_IR_RESCALE:
        rescale(t, node, code, bias, out);
        break;
    }
    return LW_OK;
}

enum lw_status lw_ir_interpret(const struct lw_ir *ir, const struct lw_code *code,
                               const float *bias, const float *x, float *y, struct lw_error *error)
{
    struct tensors t = {.ir = ir};
    enum lw_status status = LW_OK;
    for (size_t i = 0; i < ir->count && status == LW_OK; i++)
        status = run_node(&t, i, code, bias, x, error);
    const double *last = t.values[ir->count - 1];
    for (size_t i = 0; status == LW_OK && i < elements(&ir->nodes[ir->count - 1]); i++)
        y[i] = (float)last[i];
    for (size_t i = 0; i < ir->count; i++)
        free(t.values[i]);
    return status;
}
