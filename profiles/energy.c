#include "profiles/energy.h"

#include <stdarg.h>
#include <stdio.h>

/* M. Horowitz, "Computing's energy problem (and what we can do about it)", ISSCC 2014: figures for
 * 45 nm and 0.9 V. */
#define HOROWITZ "Horowitz, ISSCC 2014, 45 nm: "
static const double dram_pj_bit = 1300.0 / 64, sram_pj_bit = 10.0 / 64, add8_pj = 0.03,
                    multiply32_pj = 3.1;

static double bits_of(double count)
{
    double bits = 0;
    for (double reach = 1; reach < count; reach *= 2)
        bits++;
    return bits;
}

static void put(struct lw_energy_part *part, const char *event, double count, double pj,
                const char *format, ...)
{
    va_list values;
    *part = (struct lw_energy_part){.event = event, .count = count, .pj = pj};
    va_start(values, format);
    vsnprintf(part->source, sizeof part->source, format, values);
    va_end(values);
}

/* Gates of the lanes that switch in a step: no flip-flops, and not what makes entries. */
static double step_gates(const struct lw_synth *asic)
{
    const struct lw_synth_block *lanes = lw_synth_lanes(asic),
                                *entries = lw_synth_block(asic, "lanes.entries");
    return lanes->gates - lanes->flop_gates - (entries ? entries->gates : 0);
}

static double entry_gates(const struct lw_synth *asic, const struct lw_engine *engine)
{
    const struct lw_synth_block *entries = lw_synth_block(asic, "lanes.entries");
    return entries ? entries->gates / (engine->tables * engine->columns) : 0;
}

void lw_energy_estimate(const struct lw_engine *e, const struct lw_synth *asic,
                        const struct lw_simulation_row *row, struct lw_energy *energy)
{
    const int64_t *n = row->counts;
    double beats = (double)(n[LW_COUNT_KEY_BEATS] + n[LW_COUNT_SCALE_BEATS] + n[LW_COUNT_X_BEATS] +
                            n[LW_COUNT_Y_BEATS]);
    double columns = e->columns, steps = (double)n[LW_COUNT_STEPS];
    double tables = (double)n[LW_COUNT_TABLES], elements = (double)n[LW_COUNT_ELEMENTS];
    double sum_bits =
        e->x_bits + bits_of((double)e->x_words * e->mu) + (e->weight_bits > 1 ? e->weight_bits : 1);
    double x_bits = columns * e->mu * e->x_bits;
    double word_bits = columns * e->rows * sum_bits, gate_pj = add8_pj / asic->adder_gates;
    struct lw_energy_part *parts = energy->parts;
    put(&parts[0], "beat of the memory", beats, e->bus_bits * dram_pj_bit,
        HOROWITZ "1.3 nJ for 64 bits of DRAM, the lower end");
    put(&parts[1], "beat in and out of a FIFO", beats, 2 * e->bus_bits * sram_pj_bit,
        HOROWITZ "10 pJ for 64 bits of an 8 KB SRAM");
    put(&parts[2], "step: lookups or products, and trees", steps, step_gates(asic) * gate_pj,
        "%.0f gates by synthesis, each as a gate of an 8-bit adder (%.0f gates); " HOROWITZ
        "0.03 pJ for that",
        step_gates(asic), asic->adder_gates);
    put(&parts[3], "slot of plane sums read or written",
        steps + (double)n[LW_COUNT_SUM_READS] + (double)n[LW_COUNT_DRAIN_READS],
        word_bits * sram_pj_bit, "%.0f bits; as a FIFO", word_bits);
    put(&parts[4], "word of activations read or written", tables + (double)n[LW_COUNT_X_WRITES],
        x_bits * sram_pj_bit, "%.0f bits; as a FIFO", x_bits);
    put(&parts[5], "scales of SL rows multiplied", elements,
        e->scale_lanes * columns * multiply32_pj * 16 * sum_bits / (32 * 32),
        HOROWITZ "3.1 pJ for 32 x 32 bits, by area 16 x %.0f", sum_bits);
    put(&parts[6], "table built", tables, columns * entry_gates(asic, e) * gate_pj,
        "%.0f gates; as a step", entry_gates(asic, e));
    energy->memory_pj = parts[0].count * parts[0].pj;
    energy->engine_pj = 0;
    for (int i = 1; i < LW_ENERGY_PARTS; i++)
        energy->engine_pj += parts[i].count * parts[i].pj;
}
