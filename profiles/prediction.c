#include "profiles/prediction.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CLASSES = LW_WORD_CLASSES + 1 }; /* all rows, and each class */

/* Rows of the database by part, class, bits and mode; NAN where there is none. */
struct tables {
    const struct lw_prediction_setup *setup;
    struct loss {
        double error, divergence;
    } (*losses)[CLASSES][LW_CELL_BITS + 1][LW_CELL_MODES];
    struct cost {
        double cost, memory, energy;
    } (*costs)[LW_CELL_BITS + 1][LW_CELL_MODES];
    struct mixed {
        size_t part, mode;
        uint8_t bits[LW_WORD_CLASSES];
        struct cost cost;
    } *mixed; /* of words whose classes differ */
    size_t mixed_count, mixed_room;
    bool out_of_memory;
};

static bool find_part(const struct tables *t, const char *name, size_t *part)
{
    const struct lw_part *found = lw_part_named(t->setup->parts, t->setup->part_count, name);
    *part = found ? (size_t)(found - t->setup->parts) : 0;
    return found;
}

static void take_loss(void *context, const struct lw_part_loss *row)
{
    struct tables *t = context;
    size_t part;
    if (!find_part(t, row->part, &part) || row->bits > LW_CELL_BITS ||
        row->word_class >= LW_WORD_CLASSES)
        return;
    t->losses[part][row->word_class + 1][row->bits][row->mode] =
        (struct loss){row->relative_error, row->divergence};
}

static void take_cost(void *context, const struct lw_part_cost *row)
{
    struct tables *t = context;
    size_t part;
    if (!find_part(t, row->part, &part))
        return;
    struct mixed own = {.part = part,
                        .mode = row->mode,
                        .cost = {row->cost.cost, row->cost.memory_bytes, row->cost.energy_pj}};
    size_t classes = 0;
    for (const char *at = row->bits; classes < LW_WORD_CLASSES; at++) {
        own.bits[classes++] = (uint8_t)strtoul(at, (char **)&at, 10);
        if (*at != ',')
            break;
    }
    if (own.bits[0] == 0 || own.bits[0] > LW_CELL_BITS)
        return;
    if (classes == 1) {
        t->costs[part][own.bits[0]][row->mode] = own.cost;
        return;
    }
    if (t->mixed_count == t->mixed_room) {
        size_t room = 2 * t->mixed_room + 512;
        struct mixed *more = realloc(t->mixed, room * sizeof *more);
        t->out_of_memory = !more;
        if (!more)
            return;
        t->mixed = more;
        t->mixed_room = room;
    }
    t->mixed[t->mixed_count++] = own;
}

static enum lw_status open_tables(const struct lw_prediction_setup *setup, struct tables *t,
                                  struct lw_error *error)
{
    *t = (struct tables){.setup = setup};
    t->losses = calloc(setup->part_count, sizeof *t->losses);
    t->costs = calloc(setup->part_count, sizeof *t->costs);
    if (!t->losses || !t->costs)
        return lw_fail(error, LW_FAILED, "out of memory for a prediction");
    for (size_t p = 0; p < setup->part_count; p++)
        for (size_t b = 0; b <= LW_CELL_BITS; b++)
            for (size_t m = 0; m < LW_CELL_MODES; m++) {
                t->costs[p][b][m] = (struct cost){NAN, NAN, NAN};
                for (size_t c = 0; c < CLASSES; c++)
                    t->losses[p][c][b][m] = (struct loss){NAN, NAN};
            }
    enum lw_status status =
        lw_database_each_part_loss(setup->database, setup->text, take_loss, t, error);
    if (status == LW_OK && setup->costs)
        status = lw_database_each_part_cost(setup->database, setup->costs, take_cost, t, error);
    if (status == LW_OK && t->out_of_memory)
        status = lw_fail(error, LW_FAILED, "out of memory for a prediction");
    return status;
}

static void close_tables(struct tables *t)
{
    free(t->losses);
    free(t->costs);
    free(t->mixed);
}

/* The divergence with these rows alone in a code. What was not tried with so many bits, or in
 * another mode, is scaled by errors: to first order the divergence goes with the square of the
 * error of the outputs. */
static double loss_of(const struct tables *t, size_t part, size_t class, unsigned bits, size_t mode)
{
    enum { TRIED = 0 }; /* the mode that is measured */
    mode = lw_cell_mode_of(bits, mode);
    const struct loss *own = &t->losses[part][class][bits][mode];
    for (unsigned tried = bits; tried > 0; tried--) {
        const struct loss *known = &t->losses[part][class][tried][TRIED];
        if (isnan(known->divergence))
            continue;
        double divergence = fmax(known->divergence, 0);
        return known->error > 0 ? divergence * own->error / known->error : divergence;
    }
    return NAN;
}

static double cell_loss(const struct tables *t, size_t part, const struct lw_cell *cell)
{
    double sum = 0;
    if (!t->setup->parts[part].words)
        return loss_of(t, part, 0, cell->bits[0], cell->mode);
    for (size_t c = 0; c < LW_WORD_CLASSES; c++)
        sum += loss_of(t, part, c + 1, cell->bits[c], cell->mode);
    return sum;
}

/* Words whose classes differ take what was measured so, or on CPUs, where rows cost alike, their
 * shares of what all rows take. */
static struct cost cell_cost(const struct tables *t, size_t part, const struct lw_cell *cell)
{
    const struct lw_part *own = &t->setup->parts[part];
    size_t rows = t->setup->model->matrices[own->matrices[0]].rows, class_rows[LW_WORD_CLASSES];
    struct cost sum = {0, 0, 0};
    if (!t->setup->costs)
        return sum;
    if (lw_cell_is_alike(own, cell))
        return t->costs[part][cell->bits[0]][cell->mode];
    for (size_t i = 0; i < t->mixed_count; i++)
        if (t->mixed[i].part == part && t->mixed[i].mode == cell->mode &&
            memcmp(t->mixed[i].bits, cell->bits, sizeof cell->bits) == 0)
            return t->mixed[i].cost;
    if (t->setup->costs->device->kind == LW_COST_SIMULATED)
        return (struct cost){NAN, NAN, NAN};
    lw_word_class_rows(rows, class_rows);
    for (size_t c = 0; c < LW_WORD_CLASSES; c++) {
        const struct cost *all =
            &t->costs[part][cell->bits[c]][lw_cell_mode_of(cell->bits[c], cell->mode)];
        double share = (double)class_rows[c] / (double)rows;
        sum.cost += share * all->cost;
        sum.memory += share * all->memory;
        sum.energy += share * all->energy;
    }
    return sum;
}

size_t lw_cell_bytes(const struct lw_model *model, const struct lw_part *part,
                     const struct lw_cell *cell)
{
    const struct lw_cell_mode *mode = &lw_cell_modes[cell->mode];
    size_t bytes = 0;
    bool alike = lw_cell_is_alike(part, cell);
    for (size_t i = 0; i < part->count; i++) {
        struct lw_matrix matrix = model->matrices[part->matrices[i]];
        size_t class_rows[LW_WORD_CLASSES];
        size_t group = mode->group && mode->group < matrix.columns ? mode->group : matrix.columns;
        lw_word_class_rows(matrix.rows, class_rows);
        matrix.code_count = 0;
        for (size_t c = 0; c < LW_WORD_CLASSES && (c == 0 || !alike); c++)
            matrix.codes[matrix.code_count++] = (struct lw_code){
                .rows = alike ? matrix.rows : class_rows[c], .bits = cell->bits[c]};
        lw_matrix_set_scales(&matrix, group, mode->alpha == LW_ALPHA_UNIFORM, 0);
        for (size_t c = 0; c < matrix.code_count; c++)
            bytes += lw_code_plane_bytes(&matrix.codes[c]) + lw_code_scale_bytes(&matrix.codes[c]);
        bytes += alike ? 0 : (matrix.rows + 1) / 2;
    }
    return bytes;
}

/* The cells of a part of which everything is known. */
static enum lw_status list_options(const struct tables *t, size_t part, struct lw_prediction *p,
                                   struct lw_error *error)
{
    const struct lw_part *own = &t->setup->parts[part];
    struct lw_cell all[LW_MOST_CELLS];
    size_t count = lw_cells_list(own, all, LW_MOST_CELLS), kept = 0;
    p->cells[part] = calloc(count, sizeof **p->cells);
    p->options[part] = calloc(count, sizeof **p->options);
    if (!p->cells[part] || !p->options[part])
        return lw_fail(error, LW_FAILED, "out of memory for a prediction");
    for (size_t c = 0; c < count; c++) {
        struct cost cost = cell_cost(t, part, &all[c]);
        double loss = cell_loss(t, part, &all[c]);
        p->lacks_costs = p->lacks_costs || (!isnan(loss) && isnan(cost.cost));
        if (isnan(loss) || isnan(cost.cost))
            continue;
        p->cells[part][kept] = all[c];
        p->options[part][kept++] = (struct lw_allocation_option){
            {[LW_FIGURE_LOSS] = loss,
             [LW_FIGURE_SIZE] = (double)lw_cell_bytes(t->setup->model, own, &all[c]),
             [LW_FIGURE_LATENCY] = cost.cost,
             [LW_FIGURE_MEMORY] = cost.memory,
             [LW_FIGURE_ENERGY] = isnan(cost.energy) ? 0 : cost.energy}};
        p->has_energy = p->has_energy && !isnan(cost.energy);
    }
    p->items[part] = (struct lw_allocation_item){kept, p->options[part]};
    return kept ? LW_OK
                : lw_fail(error, LW_FAILED,
                          "the database has no code of %s with its loss%s: run 'lutwidge profile' "
                          "to its end",
                          own->name, t->setup->costs ? " and costs" : "");
}

enum lw_status lw_prediction_make(const struct lw_prediction_setup *setup,
                                  struct lw_prediction *prediction, struct lw_error *error)
{
    struct tables t;
    *prediction = (struct lw_prediction){.parts = setup->parts,
                                         .part_count = setup->part_count,
                                         .has_costs = setup->costs,
                                         .has_energy = setup->costs,
                                         .factor = 1,
                                         .power = 1,
                                         .share = 1,
                                         .memory_share = 1,
                                         .bleu_slope = NAN,
                                         .fp32_bleu = NAN};
    prediction->cells = calloc(setup->part_count, sizeof *prediction->cells);
    prediction->options = calloc(setup->part_count, sizeof *prediction->options);
    prediction->items = calloc(setup->part_count, sizeof *prediction->items);
    enum lw_status status = open_tables(setup, &t, error);
    if (!prediction->cells || !prediction->options || !prediction->items)
        status = lw_fail(error, LW_FAILED, "out of memory for a prediction");
    for (size_t p = 0; p < setup->part_count && status == LW_OK; p++)
        status = list_options(&t, p, prediction, error);
    close_tables(&t);
    if (status == LW_OK)
        status = lw_prediction_calibrate(setup, prediction, error);
    if (status != LW_OK)
        lw_prediction_free(prediction);
    return status;
}

void lw_prediction_free(struct lw_prediction *prediction)
{
    for (size_t p = 0; p < prediction->part_count; p++) {
        if (prediction->cells)
            free(prediction->cells[p]);
        if (prediction->options)
            free(prediction->options[p]);
    }
    free(prediction->cells);
    free(prediction->options);
    free(prediction->items);
    *prediction = (struct lw_prediction){0};
}

double lw_predict_divergence(const struct lw_prediction *prediction, double parts_loss)
{
    return prediction->factor * pow(parts_loss, prediction->power);
}

double lw_predict_parts_loss(const struct lw_prediction *prediction, double divergence)
{
    return pow(divergence / prediction->factor, 1 / prediction->power);
}

bool lw_prediction_find(const struct lw_prediction *prediction, size_t part,
                        const struct lw_cell *cell, size_t *option)
{
    size_t classes = prediction->parts[part].words ? LW_WORD_CLASSES : 1;
    for (size_t o = 0; o < prediction->items[part].option_count; o++) {
        const struct lw_cell *own = &prediction->cells[part][o];
        if (own->mode == cell->mode && memcmp(own->bits, cell->bits, classes) == 0) {
            *option = o;
            return true;
        }
    }
    return false;
}
