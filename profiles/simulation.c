#include "profiles/simulation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "decoder.0.self.q+k+v": the first matrix, and the last components of those beside it. */
static void name_call(const struct lw_model *model, const struct lw_call *call,
                      char name[LW_LAYER_NAME_BYTES])
{
    const char *first = model->matrices[call->matrices[0]].name, *dot = strrchr(first, '.');
    size_t stem = dot ? (size_t)(dot - first) + 1 : 0, others = 0;
    int length = snprintf(name, LW_LAYER_NAME_BYTES, "%s", first);
    for (size_t i = 1; i < call->count; i++) {
        const char *next = model->matrices[call->matrices[i]].name;
        if (stem && strncmp(first, next, stem) == 0 && !others)
            length +=
                snprintf(name + length, LW_LAYER_NAME_BYTES - (size_t)length, "+%.6s", next + stem);
        else
            others++;
    }
    if (others)
        snprintf(name + length, LW_LAYER_NAME_BYTES - (size_t)length, " and %zu", others);
}

static void add_products(const struct lw_model *model, const struct lw_engine *engine,
                         const struct lw_call *call, size_t times, struct lw_simulation_row *row)
{
    double runs = (double)((call->columns + engine->columns - 1) / engine->columns * times);
    double columns = (double)(call->columns * times);
    double step_bits = lw_engine_step_bits(engine);
    double narrow = step_bits < engine->bus_bits ? step_bits : engine->bus_bits;
    for (size_t i = 0; i < call->count; i++) {
        const struct lw_matrix *matrix = &model->matrices[call->matrices[i]];
        double weights = (double)matrix->rows * (double)matrix->columns;
        double bits = lw_matrix_bits(matrix), key_bits = weights * bits;
        if (engine->weight_bits > 1)
            key_bits = weights * engine->weight_bits;
        row->products += weights * columns;
        row->bit_products += weights * bits * columns;
        row->bound_cycles += key_bits * runs / narrow;
    }
    row->calls += times;
    row->columns += call->columns * times;
}

static void add_row(struct lw_simulation_row *all, const struct lw_simulation_row *row)
{
    all->calls += row->calls;
    all->columns += row->columns;
    all->products += row->products;
    all->bit_products += row->bit_products;
    all->bound_cycles += row->bound_cycles;
    for (size_t i = 0; i < LW_COUNTERS; i++)
        all->counts[i] += row->counts[i];
}

/* The row of a layer, which is added where it is new. */
static struct lw_simulation_row *row_of(struct lw_simulation *simulation, const char *layer)
{
    for (size_t i = 0; i < simulation->count; i++)
        if (strcmp(simulation->rows[i].layer, layer) == 0)
            return &simulation->rows[i];
    struct lw_simulation_row *row = &simulation->rows[simulation->count++];
    strcpy(row->layer, layer);
    return row;
}

static enum lw_status take_rows(const struct lw_tally *work, struct lw_simulation *simulation,
                                struct lw_error *error)
{
    *simulation = (struct lw_simulation){0};
    strcpy(simulation->all.layer, "all");
    simulation->rows = calloc(work->count, sizeof *simulation->rows);
    return simulation->rows || !work->count
               ? LW_OK
               : lw_fail(error, LW_FAILED, "out of memory for the layers of a simulation");
}

enum lw_status lw_simulation_of_work(const struct lw_model *model, const struct lw_engine *engine,
                                     const struct lw_tally *work, struct lw_simulation *simulation,
                                     struct lw_error *error)
{
    enum lw_status status = take_rows(work, simulation, error);
    for (size_t i = 0; i < work->count && status == LW_OK; i++) {
        const struct lw_tally_item *item = &work->items[i];
        char name[LW_LAYER_NAME_BYTES];
        name_call(model, &item->call, name);
        struct lw_simulation_row *row = row_of(simulation, name);
        add_products(model, engine, &item->call, item->times, row);
        for (size_t c = 0; c < LW_COUNTERS; c++)
            row->counts[c] += (int64_t)item->counts.values[c];
    }
    for (size_t i = 0; i < simulation->count; i++)
        add_row(&simulation->all, &simulation->rows[i]);
    return status;
}

/* The list of the first `count` calls. */
static enum lw_status run_first(struct lw_placed *placed, const struct lw_simulator *simulator,
                                const struct lw_tally *work, size_t count, bool waiting,
                                struct lw_sim_counts *counts, struct lw_error *error)
{
    enum lw_status status = LW_OK;
    uint32_t list;
    lw_placed_clear(placed);
    for (size_t i = 0; i < count && status == LW_OK; i++)
        status = lw_placed_add(placed, &work->items[i].call, error);
    if (status == LW_OK)
        status = lw_placed_finish(placed, waiting, &list, error);
    return status == LW_OK
               ? lw_simulator_run(simulator, lw_placed_memory(placed), list, false, counts, error)
               : status;
}

enum lw_status lw_simulate_list(const struct lw_model *model, const struct lw_simulator *simulator,
                                const struct lw_tally *work, bool waiting,
                                struct lw_simulation *simulation, struct lw_error *error)
{
    struct lw_placed placed;
    struct lw_sim_counts before = {0};
    enum lw_status status = take_rows(work, simulation, error);
    if (status != LW_OK)
        return status;
    status = lw_placed_open(model, &simulator->engine, &placed, error);
    for (size_t i = 0; i < work->count; i++)
        for (size_t p = 0; p < work->items[i].call.count && status == LW_OK; p++)
            status = lw_placed_matrix(&placed, work->items[i].call.matrices[p], error);
    for (size_t i = 0; i < work->count && status == LW_OK; i++) {
        struct lw_sim_counts counts;
        struct lw_simulation_row *row = &simulation->rows[simulation->count++];
        name_call(model, &work->items[i].call, row->layer);
        add_products(model, &simulator->engine, &work->items[i].call, 1, row);
        status = run_first(&placed, simulator, work, i + 1, waiting, &counts, error);
        for (size_t c = 0; c < LW_COUNTERS && status == LW_OK; c++)
            row->counts[c] = (int64_t)(counts.values[c] - before.values[c]);
        before = counts;
        add_row(&simulation->all, row);
    }
    lw_placed_close(&placed);
    return status;
}

void lw_simulation_free(struct lw_simulation *simulation)
{
    free(simulation->rows);
    *simulation = (struct lw_simulation){0};
}

/* A call with those of the matrices that the engine has. */
static enum lw_status add_call(const struct lw_model *model, const unsigned *matrices, size_t count,
                               size_t columns, struct lw_tally *work, struct lw_error *error)
{
    static const struct lw_sim_counts none;
    struct lw_call call = {.columns = columns};
    for (size_t i = 0; i < count; i++)
        if (model->matrices[matrices[i]].arith != LW_ARITH_F32)
            call.matrices[call.count++] = matrices[i];
    return call.count ? lw_tally_add(work, &call, 1, &none, error) : LW_OK;
}

enum lw_status lw_tally_of_step(const struct lw_model *model, size_t columns, struct lw_tally *work,
                                struct lw_error *error)
{
    enum lw_status status = LW_OK;
    for (size_t i = 0; i < model->config.decoder_layers && status == LW_OK; i++) {
        const struct lw_layer *layer = &model->decoder[i];
        const unsigned qkv[] = {layer->self.q, layer->self.k, layer->self.v};
        const unsigned others[] = {layer->self.o, layer->cross.q, layer->cross.o, layer->fc1,
                                   layer->fc2};
        status = add_call(model, qkv, 3, columns, work, error);
        for (size_t m = 0; m < sizeof others / sizeof *others && status == LW_OK; m++)
            status = add_call(model, &others[m], 1, columns, work, error);
    }
    return status == LW_OK ? add_call(model, &model->output, 1, columns, work, error) : status;
}

enum lw_status lw_tally_of_layer(const struct lw_model *model, const char *name, size_t columns,
                                 struct lw_tally *work, struct lw_error *error)
{
    for (unsigned i = 0; i < model->matrix_count; i++)
        if (strcmp(model->matrices[i].name, name) == 0 &&
            lw_matrix_has_quantised_product(&model->matrices[i]))
            return add_call(model, &i, 1, columns, work, error);
    return lw_fail(
        error, LW_USAGE,
        "no matrix '%s' has products of a quantised class; 'lutwidge inspect' lists them", name);
}

double lw_simulation_bytes(const struct lw_engine *engine, const struct lw_simulation_row *row,
                           enum lw_counter beats)
{
    return (double)row->counts[beats] * engine->bus_bits / 8;
}

double lw_engine_peak(const struct lw_engine *engine)
{
    return (double)(engine->tables * engine->rows * engine->mu * engine->columns);
}
