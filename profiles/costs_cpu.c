/* Costs on a CPU: measured where it is this one, else cycles of llvm-mca's model of it. */
#include "profiles/costs.h"

#include "gen/compiler.h"
#include "gen/pack.h"
#include "gen/picks.h"
#include "profiles/picks_measured.h"
#include "profiles/static.h"

#include <math.h>
#include <stdlib.h>

/* The N of static cells: a step, and what kernels of many columns take at a time. */
enum { STATIC_COLUMNS = 2, STATIC_MANY = 8 };

/* A call with so many columns, made of calls with 16, 8, 4, 2 and 1 as cheaply as can be; a call
 * may have fewer columns than it is for. */
static double call_ns(const struct lw_option *option, size_t columns)
{
    size_t whole = columns / lw_pick_columns[0], rest = columns % lw_pick_columns[0];
    double best[17] = {0}; /* of so many of the rest */
    for (size_t n = 1; n <= rest; n++) {
        best[n] = INFINITY;
        for (size_t b = 0; b < LW_PICK_COLUMNS; b++) {
            size_t left = lw_pick_columns[b] < n ? n - lw_pick_columns[b] : 0;
            best[n] = fmin(best[n], option->ns[b] + best[left]);
        }
    }
    return (double)whole * option->ns[0] + best[rest];
}

static double packed_bytes(const struct lw_spec *spec)
{
    struct lw_schedule schedule;
    struct lw_pack_layout layout;
    lw_schedule_build(spec, &schedule);
    lw_pack_layout(&schedule, &layout);
    return (double)layout.bytes;
}

/* The part that a matrix belongs to. */
static size_t part_of(const struct lw_costing *costing, size_t matrix)
{
    size_t p = 0;
    for (;; p++)
        for (size_t i = 0; i < costing->parts[p].count; i++)
            if (costing->parts[p].matrices[i] == matrix)
                return p;
}

static void begin(const struct lw_costing *costing, const bool *wanted, struct lw_cost *costs)
{
    for (size_t p = 0; p < costing->part_count; p++) {
        costs[p].known = !wanted || wanted[p];
        costs[p].energy_pj = NAN;
    }
}

/* Leaves the picks of the parts that are wanted. */
static void keep_wanted(const struct lw_costing *costing, const bool *wanted,
                        struct lw_picks *picks)
{
    size_t kept = 0;
    for (size_t i = 0; i < picks->count; i++)
        if (!wanted || wanted[part_of(costing, picks->picks[i].matrix)])
            picks->picks[kept++] = picks->picks[i];
    picks->count = kept;
}

static enum lw_status measure(const struct lw_costing *costing, struct lw_picks *picks,
                              struct lw_error *error)
{
    char compiler[256];
    struct lw_measuring measuring = {
        .database = costing->database, .run = costing->run, .seconds = costing->seconds};
    enum lw_status status = lw_compiler_version(compiler, sizeof compiler, error);
    const struct lw_kernel_maker maker = {lw_bench_generator(), compiler};
    measuring.maker = &maker;
    /* A model of these parts is larger than what stays in a core's own caches, whatever part of
     * it is asked for here. */
    picks->resident = true;
    return status == LW_OK ? lw_picks_measure(picks, &measuring, error) : status;
}

static enum lw_status add_measured(const struct lw_costing *costing, struct lw_picks *picks,
                                   struct lw_cost *costs, struct lw_error *error)
{
    enum lw_status status = measure(costing, picks, error);
    if (status != LW_OK)
        return status;
    lw_picks_decide(picks, LW_BASIS_MEASURED);
    for (size_t i = 0; i < picks->count; i++) {
        const struct lw_pick *pick = &picks->picks[i];
        size_t p = part_of(costing, pick->matrix);
        struct lw_part_calls calls = lw_part_calls(costing, &costing->parts[p]);
        costs[p].cost += (double)calls.calls * call_ns(&pick->options[0], calls.columns);
    }
    return LW_OK;
}

static enum lw_status take_static(void *context, const struct lw_static_row *row,
                                  struct lw_error *error)
{
    (void)error;
    double *cycles = context;
    cycles[row->spec.batch == 1 ? 0 : 1] = row->sum.cycles;
    return LW_OK;
}

/* Cycles of calls with 1 and with STATIC_MANY columns. */
static enum lw_status run_static(const struct lw_costing *costing, const struct lw_pick *pick,
                                 double cycles[STATIC_COLUMNS], struct lw_error *error)
{
    static const size_t columns[STATIC_COLUMNS] = {1, STATIC_MANY};
    const struct lw_bench_case one = {pick->options[0].spec, pick->alpha};
    const struct lw_device *const devices[] = {costing->device->cpu};
    const struct lw_static_setup setup = {.cases = &one,
                                          .case_count = 1,
                                          .columns = pick->many ? columns + 1 : columns,
                                          .column_count = 1,
                                          .devices = devices,
                                          .device_count = 1,
                                          .row = take_static,
                                          .context = cycles};
    return lw_static_run(&setup, error);
}

static enum lw_status add_static(const struct lw_costing *costing, struct lw_picks *picks,
                                 struct lw_cost *costs, struct lw_error *error)
{
    double(*cycles)[STATIC_COLUMNS] = calloc(picks->count, sizeof *cycles);
    enum lw_status status = cycles ? lw_picks_estimate(picks, costing->device->cpu, error)
                                   : lw_fail(error, LW_FAILED, "out of memory for static cycles");
    if (status == LW_OK)
        lw_picks_decide(picks, LW_BASIS_ESTIMATE);
    for (size_t i = 0; i < picks->count && status == LW_OK; i++) {
        const struct lw_pick *pick = &picks->picks[i];
        size_t same = 0, p = part_of(costing, pick->matrix);
        struct lw_part_calls calls = lw_part_calls(costing, &costing->parts[p]);
        while (!(picks->picks[same].many == pick->many &&
                 lw_same_product(&picks->picks[same].options[0].spec, &pick->options[0].spec) &&
                 picks->picks[same].alpha == pick->alpha))
            same++;
        if (same < i)
            for (size_t c = 0; c < STATIC_COLUMNS; c++)
                cycles[i][c] = cycles[same][c];
        else
            status = run_static(costing, pick, cycles[i], error);
        double column = pick->many ? cycles[i][1] / (double)STATIC_MANY : cycles[i][0];
        costs[p].cost += (double)(calls.calls * calls.columns) * column;
    }
    free(cycles);
    return status;
}

enum lw_status lw_costs_of_cpu(const struct lw_costing *costing, const struct lw_model *outline,
                               const bool *wanted, struct lw_cost *costs, struct lw_error *error)
{
    struct lw_picks picks;
    begin(costing, wanted, costs);
    enum lw_status status = lw_picks_list(outline, costing->device->cpu, &picks, error);
    if (status != LW_OK)
        return status;
    keep_wanted(costing, wanted, &picks);
    status = costing->device->kind == LW_COST_MEASURED ? add_measured(costing, &picks, costs, error)
                                                       : add_static(costing, &picks, costs, error);
    for (size_t i = 0; i < picks.count; i++)
        costs[part_of(costing, picks.picks[i].matrix)].memory_bytes +=
            packed_bytes(&picks.picks[i].options[0].spec);
    lw_picks_free(&picks);
    return status;
}
