#include "sim/tally.h"

#include <stdlib.h>
#include <string.h>

static bool same_call(const struct lw_call *a, const struct lw_call *b)
{
    return a->columns == b->columns && a->count == b->count &&
           memcmp(a->matrices, b->matrices, a->count * sizeof *a->matrices) == 0;
}

static struct lw_tally_item *find(struct lw_tally *work, const struct lw_call *call)
{
    for (size_t i = 0; i < work->count; i++)
        if (same_call(&work->items[i].call, call))
            return &work->items[i];
    if (work->count == work->capacity) {
        size_t capacity = 2 * work->capacity + 64;
        struct lw_tally_item *items = realloc(work->items, capacity * sizeof *items);
        if (!items)
            return NULL;
        work->items = items;
        work->capacity = capacity;
    }
    struct lw_tally_item *item = &work->items[work->count++];
    *item = (struct lw_tally_item){.call = *call};
    return item;
}

enum lw_status lw_tally_add(struct lw_tally *work, const struct lw_call *call, size_t times,
                            const struct lw_sim_counts *counts, struct lw_error *error)
{
    struct lw_tally_item *item = find(work, call);
    if (!item)
        return lw_fail(error, LW_FAILED, "out of memory for the counters of an engine");
    item->times += times;
    for (size_t i = 0; i < LW_COUNTERS; i++)
        item->counts.values[i] += times * counts->values[i];
    return LW_OK;
}

static enum lw_status run_call(struct lw_placed *placed, const struct lw_call *call,
                               const struct lw_simulator *simulator, struct lw_sim_counts *counts,
                               struct lw_error *error)
{
    uint32_t list;
    lw_placed_clear(placed);
    enum lw_status status = lw_placed_add(placed, call, error);
    if (status == LW_OK)
        status = lw_placed_finish(placed, false, &list, error);
    if (status == LW_OK)
        status = lw_simulator_run(simulator, lw_placed_memory(placed), list, false, counts, error);
    return status;
}

enum lw_status lw_tally_repeat(const struct lw_model *model, const struct lw_tally *work,
                               const struct lw_simulator *simulator, struct lw_tally *done,
                               struct lw_error *error)
{
    struct lw_placed placed;
    enum lw_status status = lw_placed_open(model, &simulator->engine, &placed, error);
    for (size_t i = 0; i < work->count; i++)
        for (size_t p = 0; p < work->items[i].call.count && status == LW_OK; p++)
            status = lw_placed_matrix(&placed, work->items[i].call.matrices[p], error);
    for (size_t i = 0; i < work->count && status == LW_OK; i++) {
        const struct lw_tally_item *item = &work->items[i];
        struct lw_sim_counts counts;
        status = run_call(&placed, &item->call, simulator, &counts, error);
        if (status == LW_OK)
            status = lw_tally_add(done, &item->call, item->times, &counts, error);
    }
    lw_placed_close(&placed);
    return status;
}

size_t lw_tally_lists(const struct lw_tally *work)
{
    size_t lists = 0;
    for (size_t i = 0; i < work->count; i++)
        lists += work->items[i].times;
    return lists;
}

void lw_tally_sum(const struct lw_tally *work, struct lw_sim_counts *counts)
{
    *counts = (struct lw_sim_counts){0};
    for (size_t i = 0; i < work->count; i++)
        for (size_t c = 0; c < LW_COUNTERS; c++)
            counts->values[c] += work->items[i].counts.values[c];
}

void lw_tally_free(struct lw_tally *work)
{
    free(work->items);
    *work = (struct lw_tally){0};
}
