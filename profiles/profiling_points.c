/* Which points there are, and which of them the database lacks. */
#include "profiles/profiling.h"

#include "profiles/database_synth.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *lw_point_kind_name(enum lw_point_kind kind)
{
    static const char *const names[] = {
        [LW_POINT_ERRORS] = "errors of codes",    [LW_POINT_LOSS] = "losses of parts",
        [LW_POINT_GATES] = "gates of engines",    [LW_POINT_COSTS] = "costs on devices",
        [LW_POINT_WORD_COSTS] = "costs of words", [LW_POINT_PLAN] = "whole plans"};
    return names[kind];
}

struct listing {
    const struct lw_profiling *profiling;
    struct lw_point *points;
    size_t count, there, failed;
};

/* Cells in all of which the same code stands. */
static void fill_alike(size_t part_count, unsigned bits, size_t mode, struct lw_cell *cells)
{
    for (size_t p = 0; p < part_count; p++) {
        memset(cells[p].bits, (int)bits, sizeof cells[p].bits);
        cells[p].mode = mode;
    }
}

/* How the rows of a point stand: the worst of them. */
static enum lw_status add_state(enum lw_row_state *worst, enum lw_row_state state,
                                enum lw_status status)
{
    if (state < *worst)
        *worst = state;
    return status;
}

static enum lw_status loss_state(const struct lw_profiling *p, size_t part, int word_class,
                                 unsigned bits, size_t mode, enum lw_row_state *state,
                                 struct lw_error *error)
{
    struct lw_part_loss loss = {.word_class = word_class, .bits = bits, .mode = mode};
    memcpy(loss.part, p->parts[part].name, sizeof loss.part);
    return lw_database_part_loss_state(p->database, &p->text, &loss, state, error);
}

static enum lw_status errors_state(const struct lw_profiling *p, const struct lw_point *point,
                                   enum lw_row_state *worst, struct lw_error *error)
{
    enum lw_status status = LW_OK;
    for (size_t part = 0; part < p->part_count; part++) {
        int classes = p->parts[part].words ? LW_WORD_CLASSES : 0;
        for (int c = classes ? 0 : -1; c < (classes ? classes : 0) && status == LW_OK; c++) {
            enum lw_row_state state;
            status = loss_state(p, part, c, point->bits, point->mode, &state, error);
            status = add_state(worst, state, status);
        }
    }
    return status;
}

/* What is partial and cannot be made more on this machine is whole. */
static enum lw_row_state state_of(const struct lw_profiling *p, size_t device,
                                  enum lw_row_state state)
{
    bool engine = p->devices[device].kind == LW_COST_SIMULATED;
    bool more = engine ? p->syntheses != NULL : p->peak.program != NULL;
    return state == LW_ROW_PARTIAL && !more ? LW_ROW_WHOLE : state;
}

static enum lw_status cost_state(const struct lw_profiling *p, const struct lw_point *point,
                                 size_t part, const struct lw_cell *cell, enum lw_row_state *worst,
                                 struct lw_error *error)
{
    struct lw_part_cost cost = {.mode = cell->mode};
    enum lw_row_state state;
    if (!lw_cost_takes(&p->devices[point->device], &p->parts[part], cell))
        return LW_OK;
    memcpy(cost.part, p->parts[part].name, sizeof cost.part);
    lw_cell_bits_name(&p->parts[part], cell, cost.bits);
    enum lw_status status =
        lw_database_part_cost_state(p->database, &p->costs[point->device], &cost, &state, error);
    return add_state(worst, state_of(p, point->device, state), status);
}

static enum lw_status costs_state(const struct lw_profiling *p, const struct lw_point *point,
                                  enum lw_row_state *worst, struct lw_error *error)
{
    struct lw_cell cells[LW_MOST_CELLS];
    enum lw_status status = LW_OK;
    for (size_t part = 0; part < p->part_count && status == LW_OK; part++) {
        if (point->kind == LW_POINT_COSTS) {
            fill_alike(1, point->bits, point->mode, cells);
            status = cost_state(p, point, part, cells, worst, error);
            continue;
        }
        size_t count =
            p->parts[part].words ? lw_cells_list(&p->parts[part], cells, LW_MOST_CELLS) : 0;
        for (size_t c = 0; c < count && status == LW_OK; c++)
            if (cells[c].mode == point->mode && !lw_cell_is_alike(&p->parts[part], &cells[c]))
                status = cost_state(p, point, part, &cells[c], worst, error);
    }
    return status;
}

/* On a device: a text's row. */
static enum lw_status plan_cost_state(const struct lw_profiling *p, size_t device,
                                      const struct lw_cell *plan, enum lw_row_state *worst,
                                      struct lw_error *error)
{
    struct lw_cell *cells = calloc(p->part_count, sizeof *cells);
    enum lw_row_state state = LW_ROW_ABSENT;
    char *text = NULL;
    if (cells) {
        lw_profiling_plan_on(&p->devices[device], p->parts, p->part_count, plan, cells);
        text = lw_cells_text(p->parts, cells, p->part_count);
    }
    enum lw_status status =
        text ? lw_database_plan_cost_state(p->database, &p->costs[device], text, &state, error)
             : lw_fail(error, LW_FAILED, "out of memory for a plan");
    free(text);
    free(cells);
    return add_state(worst, state_of(p, device, state), status);
}

static enum lw_status plan_state(const struct lw_profiling *p, const struct lw_point *point,
                                 enum lw_row_state *worst, struct lw_error *error)
{
    struct lw_cell *cells = calloc(p->part_count, sizeof *cells);
    if (!cells)
        return lw_fail(error, LW_FAILED, "out of memory for a plan");
    lw_profiling_plan(p->parts, p->part_count, point->plan, p->plan_count, cells);
    char *text = lw_cells_text(p->parts, cells, p->part_count);
    bool there = false;
    enum lw_status status =
        text ? lw_database_has_plan_loss(p->database, &p->text, text, &there, error)
             : lw_fail(error, LW_FAILED, "out of memory for a plan");
    for (size_t d = 0; d < p->device_count && status == LW_OK && there; d++)
        if (p->devices[d].kind != LW_COST_STATIC)
            status = plan_cost_state(p, d, cells, worst, error);
    free(text);
    free(cells);
    if (!there)
        *worst = LW_ROW_ABSENT;
    return status;
}

static enum lw_status gates_state(const struct lw_profiling *p, const struct lw_point *point,
                                  enum lw_row_state *state, struct lw_error *error)
{
    struct lw_engine engine;
    struct lw_synth synth;
    bool there = false;
    enum lw_status status =
        lw_engine_parse(p->devices[point->device].engine->engine, &engine, error);
    if (status == LW_OK)
        status = lw_synth_name(&engine, LW_SYNTH_ASIC, &synth, error);
    if (status == LW_OK)
        status = lw_database_has_synth(p->database, synth.hash, &there, error);
    *state = there ? LW_ROW_WHOLE : LW_ROW_ABSENT;
    return status;
}

static enum lw_status add(struct listing *l, const struct lw_point *point, struct lw_error *error)
{
    const struct lw_profiling *p = l->profiling;
    enum lw_row_state state = LW_ROW_WHOLE;
    enum lw_status status;
    switch (point->kind) {
    case LW_POINT_ERRORS:
        status = errors_state(p, point, &state, error);
        break;
    case LW_POINT_LOSS:
        status =
            loss_state(p, point->part, point->word_class, point->bits, point->mode, &state, error);
        break;
    case LW_POINT_PLAN:
        status = plan_state(p, point, &state, error);
        break;
    case LW_POINT_GATES:
        status = gates_state(p, point, &state, error);
        break;
    default:
        status = costs_state(p, point, &state, error);
    }
    bool wanted = state == LW_ROW_ABSENT ||
                  (state == LW_ROW_PARTIAL && point->kind != LW_POINT_ERRORS) ||
                  (state == LW_ROW_FAILED && p->retry);
    l->there += !wanted;
    l->failed += !wanted && state == LW_ROW_FAILED;
    if (wanted)
        l->points[l->count++] = *point;
    return status;
}

/* Errors and losses of one code, which share its fit. */
static enum lw_status add_code(struct listing *l, unsigned bits, size_t mode, double fit,
                               double loss, struct lw_error *error)
{
    const struct lw_profiling *p = l->profiling;
    struct lw_point point = {LW_POINT_ERRORS, bits, mode, 0, -1, 0, 0, fit};
    enum lw_status status = add(l, &point, error);
    point.kind = LW_POINT_LOSS;
    point.seconds = loss;
    for (size_t part = 0; part < p->part_count && mode == LW_LOSS_MODE && bits <= LW_LOSS_BITS;
         part++) {
        point.part = part;
        int end = p->parts[part].words ? LW_WORD_CLASSES : 0;
        for (point.word_class = end ? 0 : -1; point.word_class < end && status == LW_OK;
             point.word_class++)
            status = add(l, &point, error);
    }
    return status;
}

static enum lw_status add_device(struct listing *l, size_t device, unsigned bits, size_t mode,
                                 struct lw_error *error)
{
    static const double seconds[] = {
        [LW_COST_MEASURED] = 5, [LW_COST_STATIC] = 5, [LW_COST_SIMULATED] = 0.2};
    struct lw_cell cell;
    bool takes = false;
    fill_alike(1, bits, mode, &cell);
    for (size_t part = 0; part < l->profiling->part_count; part++)
        takes = takes ||
                lw_cost_takes(&l->profiling->devices[device], &l->profiling->parts[part], &cell);
    if (!takes)
        return LW_OK;
    const struct lw_point point = {
        LW_POINT_COSTS, bits, mode, 0, -1, device, 0, seconds[l->profiling->devices[device].kind]};
    return add(l, &point, error);
}

static enum lw_status add_all(struct listing *l, struct lw_error *error)
{
    const struct lw_profiling *p = l->profiling;
    enum lw_status status = LW_OK;
    double weights = 0;
    for (size_t i = 0; i < p->model->matrix_count; i++)
        weights += (double)p->model->matrices[i].rows * (double)p->model->matrices[i].columns;
    /* Measured at 4.6 million weights on two cores. */
    double fit = 7 * weights / 4.6e6, loss = 0.02 * (double)p->text.lines * weights / 4.6e6;
    for (size_t d = 0; d < p->device_count && status == LW_OK && p->syntheses; d++) {
        const struct lw_point point = {LW_POINT_GATES, 0, 0, 0, -1, d, 0, 40};
        if (p->devices[d].kind == LW_COST_SIMULATED)
            status = add(l, &point, error);
    }
    for (size_t mode = 0; mode < LW_CELL_MODES; mode++)
        for (unsigned bits = 1; bits <= LW_CELL_BITS; bits++) {
            if (bits == 1 && lw_cell_modes[mode].alpha == LW_ALPHA_UNIFORM)
                continue;
            status = status == LW_OK ? add_code(l, bits, mode, fit, loss, error) : status;
            for (size_t d = 0; d < p->device_count && status == LW_OK; d++)
                status = add_device(l, d, bits, mode, error);
        }
    for (size_t d = 0; d < p->device_count; d++)
        for (size_t mode = 0; mode < LW_CELL_MODES && p->devices[d].kind == LW_COST_SIMULATED;
             mode++) {
            const struct lw_point point = {LW_POINT_WORD_COSTS, 0, mode, 0, -1, d, 0, 2};
            bool takes = !lw_cost_multiplier_bits(&p->devices[d]) ||
                         lw_cell_modes[mode].alpha == LW_ALPHA_UNIFORM;
            status = status == LW_OK && takes ? add(l, &point, error) : status;
        }
    for (size_t plan = 0; plan < p->plan_count && status == LW_OK; plan++) {
        const struct lw_point point = {LW_POINT_PLAN, 0, 0, 0, -1, 0, plan, 3 * fit};
        status = add(l, &point, error);
    }
    return status;
}

enum lw_status lw_profiling_points(const struct lw_profiling *profiling, struct lw_point **points,
                                   size_t *count, size_t *there, size_t *failed,
                                   struct lw_error *error)
{
    size_t codes = LW_CELL_MODES * LW_CELL_BITS;
    size_t most = codes * (1 + profiling->part_count * LW_WORD_CLASSES + profiling->device_count) +
                  (LW_CELL_MODES + 1) * profiling->device_count + profiling->plan_count;
    struct listing l = {.profiling = profiling, .points = calloc(most, sizeof *l.points)};
    *points = NULL;
    *count = 0;
    if (!l.points)
        return lw_fail(error, LW_FAILED, "out of memory for the points");
    enum lw_status status = add_all(&l, error);
    if (status != LW_OK) {
        free(l.points);
        return status;
    }
    *points = l.points;
    *count = l.count;
    *there = l.there;
    *failed = l.failed;
    return LW_OK;
}

/* 0 <= result < 1, the same everywhere. */
static double draw(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(*state >> 40) / (double)(1 << 24);
}

static uint8_t draw_bits(uint64_t *state, double mean)
{
    double bits = floor(mean + 2 * draw(state) - 0.5);
    return (uint8_t)fmin(fmax(bits, 1), LW_CELL_BITS);
}

void lw_profiling_plan(const struct lw_part *parts, size_t part_count, size_t plan, size_t plans,
                       struct lw_cell *cells)
{
    uint64_t state = 1 + plan;
    double mean = 1.6 + 2.1 * ((double)plan + 0.5) / (double)plans;
    draw(&state);
    for (size_t p = 0; p < part_count; p++) {
        for (size_t c = 0; c < LW_WORD_CLASSES; c++) {
            uint8_t bits = !c || parts[p].words ? draw_bits(&state, mean) : 0;
            size_t at = c; /* sorted, most first */
            for (; at > 0 && cells[p].bits[at - 1] < bits; at--)
                cells[p].bits[at] = cells[p].bits[at - 1];
            cells[p].bits[at] = bits;
        }
        cells[p].mode = (size_t)(draw(&state) * (double)LW_CELL_MODES);
        if (cells[p].bits[0] == 1) /* both kinds of scales are the same */
            cells[p].mode %= LW_CELL_MODES / 2;
    }
}

void lw_profiling_plan_on(const struct lw_cost_device *device, const struct lw_part *parts,
                          size_t part_count, const struct lw_cell *plan, struct lw_cell *cells)
{
    memcpy(cells, plan, part_count * sizeof *cells);
    for (size_t p = 0; p < part_count; p++)
        for (size_t mode = 0; mode < LW_CELL_MODES && !lw_cost_takes(device, &parts[p], &cells[p]);
             mode++)
            if (lw_cell_modes[mode].group == lw_cell_modes[plan[p].mode].group)
                cells[p].mode = mode;
}
