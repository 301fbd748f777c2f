/* Measuring points of costs on devices. */
#include "profiles/profiling_internal.h"

#include "profiles/database_synth.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What makes an engine's energies, from the cache once its point was measured. */
static enum lw_status open_gates(struct lw_profiling *p, size_t device, struct lw_error *error)
{
    bool engine = p->devices[device].kind == LW_COST_SIMULATED;
    if (!engine || !p->syntheses || (p->asic && p->asic[device].count))
        return LW_OK;
    if (!p->asic)
        p->asic = calloc(p->device_count, sizeof *p->asic);
    if (!p->asic)
        return lw_fail(error, LW_FAILED, "out of memory for the gates of engines");
    enum lw_status status =
        lw_cost_gates(&p->devices[device], p->syntheses, &p->asic[device], error);
    if (status != LW_OK)
        p->asic[device] = (struct lw_synth){0};
    return status;
}

enum lw_status lw_profiling_gates(struct lw_profiling *p, const struct lw_point *point,
                                  struct lw_error *own, struct lw_error *error)
{
    struct lw_engine engine;
    if (open_gates(p, point->device, own) != LW_OK)
        return LW_OK;
    enum lw_status status =
        lw_engine_parse(p->devices[point->device].engine->engine, &engine, error);
    return status == LW_OK
               ? lw_database_add_synth(p->database, p->run, &engine, &p->asic[point->device], error)
               : status;
}

/* Without gates, whose own point has failed then, energies stay unknown. */
static struct lw_costing costing_of(struct lw_profiling *p, size_t device)
{
    struct lw_error ignored = {0};
    bool known = open_gates(p, device, &ignored) == LW_OK && p->asic && p->asic[device].count;
    return (struct lw_costing){.device = &p->devices[device],
                               .model = p->model,
                               .parts = p->parts,
                               .part_count = p->part_count,
                               .source_words = p->costs[device].source_words,
                               .target_words = p->costs[device].target_words,
                               .database = p->database,
                               .run = p->run,
                               .seconds = p->kernel_seconds,
                               .asic = known ? &p->asic[device] : NULL};
}

/* Costs to keep. */
struct cost_rows {
    struct cost_row {
        struct lw_part_cost cost;
        char *failure; /* NULL: it did not fail */
    } *rows;
    size_t count, room;
};

static enum lw_status add_cost(struct cost_rows *rows, const struct lw_part *part,
                               const struct lw_cell *cell, const struct lw_cost *cost,
                               const char *failure, struct lw_error *error)
{
    if (rows->count == rows->room) {
        size_t room = 2 * rows->room + 64;
        struct cost_row *more = realloc(rows->rows, room * sizeof *more);
        if (!more)
            return lw_fail(error, LW_FAILED, "out of memory for costs");
        rows->rows = more;
        rows->room = room;
    }
    struct cost_row *row = &rows->rows[rows->count++];
    *row = (struct cost_row){{.mode = cell->mode, .cost = *cost}, failure ? strdup(failure) : NULL};
    memcpy(row->cost.part, part->name, sizeof row->cost.part);
    lw_cell_bits_name(part, cell, row->cost.bits);
    return LW_OK;
}

/* Costs of the wanted parts with these cells. Where they fail together, each is tried alone, so
 * that one that a device cannot hold does not take the others with it. */
static enum lw_status run_cells(struct lw_profiling *p, size_t device, const struct lw_cell *cells,
                                const bool *wanted, struct cost_rows *rows, struct lw_error *own,
                                struct lw_error *error)
{
    const struct lw_costing costing = costing_of(p, device);
    struct lw_cost *costs = calloc(p->part_count, sizeof *costs);
    bool *alone = calloc(p->part_count, sizeof *alone);
    enum lw_status status = LW_OK;
    if (!costs || !alone)
        status = lw_fail(error, LW_FAILED, "out of memory for costs");
    bool together = status == LW_OK && lw_costs_of(&costing, cells, wanted, costs, own) == LW_OK;
    for (size_t part = 0; part < p->part_count && status == LW_OK; part++) {
        struct lw_error why = {0};
        bool failed = false;
        if (!wanted[part])
            continue;
        alone[part] = true;
        if (!together)
            failed = lw_costs_of(&costing, cells, alone, costs, &why) != LW_OK;
        alone[part] = false;
        status = add_cost(rows, &p->parts[part], &cells[part], &costs[part],
                          failed ? why.text : NULL, error);
    }
    free(alone);
    free(costs);
    return status;
}

/* Words whose classes differ, all in one mode. */
static enum lw_status run_words(struct lw_profiling *p, const struct lw_point *point,
                                struct lw_cell *cells, bool *wanted, struct cost_rows *rows,
                                struct lw_error *own, struct lw_error *error)
{
    struct lw_cell words[LW_MOST_CELLS];
    enum lw_status status = LW_OK;
    for (size_t part = 0; part < p->part_count; part++) {
        size_t count =
            p->parts[part].words ? lw_cells_list(&p->parts[part], words, LW_MOST_CELLS) : 0;
        wanted[part] = true;
        for (size_t c = 0; c < count && status == LW_OK; c++) {
            if (words[c].mode != point->mode || lw_cell_is_alike(&p->parts[part], &words[c]) ||
                !lw_cost_takes(&p->devices[point->device], &p->parts[part], &words[c]))
                continue;
            cells[part] = words[c];
            status = run_cells(p, point->device, cells, wanted, rows, own, error);
        }
        wanted[part] = false;
    }
    return status;
}

static enum lw_status keep_costs(struct lw_profiling *p, size_t device,
                                 const struct cost_rows *rows, struct lw_error *error)
{
    enum lw_status status = lw_database_begin(p->database, error);
    for (size_t i = 0; i < rows->count && status == LW_OK; i++)
        status = lw_database_add_part_cost(p->database, p->run, &p->costs[device],
                                           &rows->rows[i].cost, rows->rows[i].failure, error);
    return lw_database_commit(p->database, status, error);
}

enum lw_status lw_profiling_costs(struct lw_profiling *p, const struct lw_point *point,
                                  struct lw_error *own, struct lw_error *error)
{
    struct lw_cell *cells = calloc(p->part_count, sizeof *cells);
    bool *wanted = calloc(p->part_count, sizeof *wanted);
    struct cost_rows rows = {0};
    enum lw_status status = LW_OK;
    if (!cells || !wanted)
        status = lw_fail(error, LW_FAILED, "out of memory for costs");
    for (size_t part = 0; part < p->part_count && status == LW_OK; part++) {
        memset(cells[part].bits, point->bits ? (int)point->bits : 1, sizeof cells[part].bits);
        cells[part].mode = point->bits ? point->mode : 0;
        wanted[part] = point->kind == LW_POINT_COSTS &&
                       lw_cost_takes(&p->devices[point->device], &p->parts[part], &cells[part]);
    }
    if (status == LW_OK)
        status = point->kind == LW_POINT_COSTS
                     ? run_cells(p, point->device, cells, wanted, &rows, own, error)
                     : run_words(p, point, cells, wanted, &rows, own, error);
    if (status == LW_OK)
        status = keep_costs(p, point->device, &rows, error);
    for (size_t i = 0; i < rows.count; i++)
        free(rows.rows[i].failure);
    free(rows.rows);
    free(wanted);
    free(cells);
    return status;
}

/* The row of a plan on a device; on this machine it has `figures`, or `failed`. */
enum lw_status lw_profiling_plan_cost(struct lw_profiling *p, size_t device,
                                      const struct lw_cell *plan,
                                      const struct lw_plan_figures *figures, const char *failed,
                                      struct lw_error *error)
{
    struct lw_plan_cost row = {.cost = {true, figures->latency_ns, figures->memory_bytes, NAN},
                               .peak_memory_bytes = figures->peak_memory_bytes};
    struct lw_error own = {0};
    double start_s = lw_profiling_now_s();
    struct lw_cell *cells = calloc(p->part_count, sizeof *cells);
    if (!cells)
        return lw_fail(error, LW_FAILED, "out of memory for a plan");
    lw_profiling_plan_on(&p->devices[device], p->parts, p->part_count, plan, cells);
    if (p->devices[device].kind == LW_COST_SIMULATED) {
        const struct lw_costing costing = costing_of(p, device);
        failed = lw_costs_of_plan(&costing, cells, &row.cost, &own) == LW_OK ? NULL : own.text;
        row.peak_memory_bytes = NAN;
    }
    char *text = lw_cells_text(p->parts, cells, p->part_count);
    free(cells);
    row.plan = text;
    row.seconds = lw_profiling_now_s() - start_s;
    enum lw_status status = text ? lw_database_add_plan_cost(p->database, p->run, &p->costs[device],
                                                             &row, failed, error)
                                 : lw_fail(error, LW_FAILED, "out of memory for a plan");
    free(text);
    return status;
}
