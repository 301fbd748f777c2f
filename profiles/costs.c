#include "profiles/costs.h"

#include "gen/compiler.h"
#include "gen/cost.h"
#include "gen/registry.h"
#include "models/quantize.h"
#include "profiles/bench.h"
#include "profiles/machine.h"
#include "profiles/static.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct lw_device *host_device(void)
{
    return lw_device_of(lw_isa_host());
}

enum lw_status lw_cost_device_named(const char *name, struct lw_cost_device *device,
                                    struct lw_error *error)
{
    *device = (struct lw_cost_device){0};
    snprintf(device->name, sizeof device->name, "%s", name);
    device->engine = lw_sim_device_named(name);
    if (device->engine) {
        device->kind = LW_COST_SIMULATED;
        return LW_OK;
    }
    bool host = strcmp(name, "host") == 0;
    device->cpu = host ? host_device() : lw_device_named(name);
    if (!device->cpu)
        return lw_fail(error, LW_USAGE,
                       "there is no device '%s'; there are host, " LW_DEVICE_NAMES
                       "; " LW_SIM_DEVICE_NAMES,
                       name);
    device->kind = host ? LW_COST_MEASURED : LW_COST_STATIC;
    if (!host && device->cpu->isa != LW_ISA_NEON)
        return lw_fail(error, LW_USAGE,
                       "%s can neither be measured by that name (host is this machine) nor be "
                       "estimated: static cycles are for the Arm devices",
                       name);
    return LW_OK;
}

const char *lw_cost_unit(enum lw_cost_kind kind)
{
    static const char *const units[] = {[LW_COST_MEASURED] = "ns",
                                        [LW_COST_STATIC] = "static cycles",
                                        [LW_COST_SIMULATED] = "cycles"};
    return units[kind];
}

double lw_cost_ns(const struct lw_cost_device *device)
{
    switch (device->kind) {
    case LW_COST_MEASURED:
        return 1;
    case LW_COST_STATIC:
        return 1 / lw_core_of(device->cpu)->ghz;
    case LW_COST_SIMULATED:
        return 1e3 / device->engine->clock_mhz;
    }
    return 0;
}

enum lw_arith lw_cost_arith(const struct lw_cost_device *device)
{
    return device->kind == LW_COST_SIMULATED ? LW_ARITH_A8 : LW_ARITH_T8;
}

unsigned lw_cost_multiplier_bits(const struct lw_cost_device *device)
{
    struct lw_engine engine;
    if (device->kind != LW_COST_SIMULATED ||
        lw_engine_parse(device->engine->engine, &engine, NULL) != LW_OK)
        return 0;
    return engine.weight_bits > 1 ? engine.weight_bits : 0;
}

bool lw_cost_takes(const struct lw_cost_device *device, const struct lw_part *part,
                   const struct lw_cell *cell)
{
    unsigned most = lw_cost_multiplier_bits(device);
    bool takes = true;
    for (size_t c = 0; c < (part->words ? LW_WORD_CLASSES : 1) && most; c++)
        takes = takes && cell->bits[c] <= most &&
                (cell->bits[c] == 1 || lw_cell_modes[cell->mode].alpha == LW_ALPHA_UNIFORM);
    return takes;
}

enum lw_status lw_cost_maker(const struct lw_cost_device *device, char **maker,
                             struct lw_error *error)
{
    char compiler[256] = "", analyser[256] = "";
    struct lw_machine machine;
    int length = -1;
    *maker = NULL;
    enum lw_status status = LW_OK;
    if (device->kind != LW_COST_SIMULATED)
        status = lw_compiler_version(compiler, sizeof compiler, error);
    if (status == LW_OK && device->kind == LW_COST_STATIC)
        status = lw_static_version(analyser, sizeof analyser, error);
    if (status != LW_OK)
        return status;
    if (device->kind == LW_COST_SIMULATED)
        length = asprintf(maker, "%s, %s memory, simulator %s", device->engine->engine,
                          device->engine->memory, lw_costs_simulator());
    if (device->kind == LW_COST_STATIC)
        length = asprintf(maker, "generator %s, %s, %s", lw_bench_generator(), compiler, analyser);
    if (device->kind == LW_COST_MEASURED) {
        lw_machine_detect(&machine);
        length = asprintf(maker, "%s, %s, generator %s, %s", machine.cpu, device->cpu->name,
                          lw_bench_generator(), compiler);
    }
    if (length >= 0)
        return LW_OK;
    *maker = NULL;
    return lw_fail(error, LW_FAILED, "out of memory");
}

struct lw_part_calls lw_part_calls(const struct lw_costing *costing, const struct lw_part *part)
{
    const struct lw_matrix *matrix = &costing->model->matrices[part->matrices[0]];
    const char *dot = strrchr(matrix->name, '.');
    bool of_source = matrix->block == LW_BLOCK_ENCODER ||
                     (matrix->sublayer == LW_SUBLAYER_CROSS && dot && dot[1] == 'k');
    if (!matrix->bias)
        return (struct lw_part_calls){0, 0};
    return of_source ? (struct lw_part_calls){1, costing->source_words}
                     : (struct lw_part_calls){costing->target_words, 1};
}

enum lw_status lw_costs_outline(const struct lw_costing *costing, const struct lw_cell *cells,
                                struct lw_model *outline, struct lw_error *error)
{
    const struct lw_model *model = costing->model;
    enum lw_arith arith = lw_cost_arith(costing->device);
    struct lw_choice *choices = calloc(model->matrix_count, sizeof *choices);
    uint8_t **row_bits = calloc(model->matrix_count, sizeof *row_bits);
    bool whole = choices && row_bits;
    for (size_t p = 0; p < costing->part_count && whole; p++)
        for (size_t i = 0; i < costing->parts[p].count && whole; i++) {
            unsigned index = costing->parts[p].matrices[i];
            size_t rows = model->matrices[index].rows, class_rows[LW_WORD_CLASSES], at = 0;
            choices[index] = lw_cell_choice(&costing->parts[p], &cells[p], arith);
            choices[index].weighting = LW_WEIGHTING_NONE;
            if (lw_cell_is_alike(&costing->parts[p], &cells[p]))
                continue;
            whole = (row_bits[index] = malloc(rows));
            lw_word_class_rows(rows, class_rows);
            for (size_t c = 0; c < LW_WORD_CLASSES && whole; at += class_rows[c++])
                memset(row_bits[index] + at, cells[p].bits[c], class_rows[c]);
        }
    const struct lw_quantize request = {
        .choices = choices, .row_bits = (const uint8_t *const *)row_bits, .threads = 1};
    enum lw_status status = whole ? lw_quantize_outline(model, &request, outline, error)
                                  : lw_fail(error, LW_FAILED, "out of memory for a plan");
    for (size_t i = 0; row_bits && i < model->matrix_count; i++)
        free(row_bits[i]);
    free(row_bits);
    free(choices);
    return status;
}

enum lw_status lw_costs_of(const struct lw_costing *costing, const struct lw_cell *cells,
                           const bool *wanted, struct lw_cost *costs, struct lw_error *error)
{
    struct lw_model outline;
    memset(costs, 0, costing->part_count * sizeof *costs);
    enum lw_status status = lw_costs_outline(costing, cells, &outline, error);
    if (status != LW_OK)
        return status;
    status = costing->device->kind == LW_COST_SIMULATED
                 ? lw_costs_of_engine(costing, &outline, wanted, costs, error)
                 : lw_costs_of_cpu(costing, &outline, wanted, costs, error);
    lw_model_free(&outline);
    return status;
}

enum lw_status lw_costs_of_plan(const struct lw_costing *costing, const struct lw_cell *cells,
                                struct lw_cost *sum, struct lw_error *error)
{
    struct lw_cost *costs = calloc(costing->part_count, sizeof *costs);
    *sum = (struct lw_cost){.known = true};
    enum lw_status status = costs ? lw_costs_of(costing, cells, NULL, costs, error)
                                  : lw_fail(error, LW_FAILED, "out of memory for costs");
    for (size_t p = 0; p < costing->part_count && status == LW_OK; p++) {
        sum->cost += costs[p].cost;
        sum->memory_bytes += costs[p].memory_bytes;
        sum->energy_pj += costs[p].energy_pj;
    }
    free(costs);
    return status;
}
