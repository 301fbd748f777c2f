/* Costs on a simulated engine. */
#include "profiles/costs.h"

#include "profiles/energy.h"
#include "sim/tally.h"

#include <math.h>
#include <string.h>

const char *lw_costs_simulator(void)
{
    return LW_SIMULATOR;
}

static bool same_codes(const struct lw_matrix *a, const struct lw_matrix *b)
{
    bool same = a->rows == b->rows && a->columns == b->columns && a->code_count == b->code_count;
    for (size_t c = 0; c < a->code_count && same; c++)
        same = a->codes[c].rows == b->codes[c].rows && a->codes[c].bits == b->codes[c].bits &&
               a->codes[c].group == b->codes[c].group && a->codes[c].uniform == b->codes[c].uniform;
    return same;
}

/* A part before this one that takes the same, or NULL. */
static const struct lw_cost *find_same(const struct lw_costing *costing,
                                       const struct lw_model *outline, size_t part,
                                       const struct lw_cost *costs)
{
    const struct lw_part *own = &costing->parts[part];
    struct lw_part_calls calls = lw_part_calls(costing, own);
    for (size_t p = 0; p < part; p++) {
        const struct lw_part *other = &costing->parts[p];
        struct lw_part_calls others = lw_part_calls(costing, other);
        bool same = costs[p].known && other->count == own->count && others.calls == calls.calls &&
                    others.columns == calls.columns;
        for (size_t i = 0; i < own->count && same; i++)
            same = same_codes(&outline->matrices[own->matrices[i]],
                              &outline->matrices[other->matrices[i]]);
        if (same)
            return &costs[p];
    }
    return NULL;
}

/* Bytes of keys and scales in the engine's memory, without gaps between matrices. */
static enum lw_status measure_memory(const struct lw_model *outline,
                                     const struct lw_simulator *simulator,
                                     const struct lw_part *part, double *bytes,
                                     struct lw_error *error)
{
    struct lw_placed placed;
    enum lw_status status = lw_placed_open(outline, &simulator->engine, &placed, error);
    *bytes = 0;
    for (size_t i = 0; i < part->count && status == LW_OK; i++) {
        const struct lw_stream *stream = &placed.streams[part->matrices[i]];
        status = lw_placed_matrix(&placed, part->matrices[i], error);
        for (size_t p = 0; p < stream->count; p++)
            *bytes += (double)(stream->parts[p].job.key_beats + stream->parts[p].job.scale_beats) *
                      simulator->engine.bus_bits / 8;
    }
    lw_placed_close(&placed);
    return status;
}

static double energy_of(const struct lw_costing *costing, const struct lw_engine *engine,
                        const struct lw_sim_counts *counts)
{
    struct lw_simulation_row row = {0};
    struct lw_energy energy;
    if (!costing->asic)
        return NAN;
    for (size_t i = 0; i < LW_COUNTERS; i++)
        row.counts[i] = (int64_t)counts->values[i];
    lw_energy_estimate(engine, costing->asic, &row, &energy);
    return energy.memory_pj + energy.engine_pj;
}

static enum lw_status run_part(const struct lw_costing *costing, const struct lw_model *outline,
                               const struct lw_simulator *simulator, const struct lw_part *part,
                               struct lw_cost *cost, struct lw_error *error)
{
    static const struct lw_sim_counts none;
    struct lw_part_calls calls = lw_part_calls(costing, part);
    struct lw_tally work = {0}, done = {0};
    struct lw_call call = {.count = part->count, .columns = calls.columns};
    struct lw_sim_counts counts = {0};
    enum lw_status status = LW_OK;
    memcpy(call.matrices, part->matrices, part->count * sizeof *part->matrices);
    if (calls.calls) {
        status = lw_tally_add(&work, &call, calls.calls, &none, error);
        if (status == LW_OK)
            status = lw_tally_repeat(outline, &work, simulator, &done, error);
        if (status == LW_OK)
            lw_tally_sum(&done, &counts);
        if (status == LW_OK)
            status = measure_memory(outline, simulator, part, &cost->memory_bytes, error);
    }
    cost->known = true;
    cost->cost = (double)counts.values[LW_COUNT_BUSY];
    cost->energy_pj = energy_of(costing, &simulator->engine, &counts);
    lw_tally_free(&work);
    lw_tally_free(&done);
    return status;
}

enum lw_status lw_cost_gates(const struct lw_cost_device *device, const char *cache,
                             struct lw_synth *asic, struct lw_error *error)
{
    struct lw_engine engine;
    enum lw_status status = lw_engine_parse(device->engine->engine, &engine, error);
    return status == LW_OK ? lw_synth_run(&engine, LW_SYNTH_ASIC, cache, asic, error) : status;
}

enum lw_status lw_costs_of_engine(const struct lw_costing *costing, const struct lw_model *outline,
                                  const bool *wanted, struct lw_cost *costs, struct lw_error *error)
{
    const struct lw_sim_device *device = costing->device->engine;
    struct lw_engine engine;
    struct lw_simulator simulator;
    enum lw_status status = lw_engine_parse(device->engine, &engine, error);
    if (status == LW_OK)
        status =
            lw_simulator_open(LW_SIMULATES_MODEL, &engine, device->memory, 1, &simulator, error);
    if (status != LW_OK)
        return status;
    for (size_t p = 0; p < costing->part_count && status == LW_OK; p++) {
        if (wanted && !wanted[p])
            continue;
        const struct lw_cost *same = find_same(costing, outline, p, costs);
        if (same)
            costs[p] = *same;
        else
            status = run_part(costing, outline, &simulator, &costing->parts[p], &costs[p], error);
    }
    lw_simulator_close(&simulator);
    return status;
}
