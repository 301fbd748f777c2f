/* The units that do something in most cycles: control, table builder, reader of keys. In a header
 * so that the loop over cycles has them inline. */
#ifndef LW_SIM_MODEL_STEPS_H
#define LW_SIM_MODEL_STEPS_H

#include "sim/model_units.h"

/* What happens in a cycle; the names are those of rtl/lw_engine.sv */
struct lw_events {
    bool issue, load, x_free, loading;
    bool read, last_table, x_done, begin_half, finish_half;
    bool tile_done, element, result, drained, scale_clear, y_wait;
    bool word, word_last, narrow, y_beat, scale_beat, x_beat, collect, x_word, x_last;
    bool w_sent, y_done;
    bool drain_bank, x_half; /* whose bank is drained, whose activations are done with */
};

static inline bool lw_queued(const struct lw_core *core, unsigned unit)
{
    return core->issued != core->taken[unit];
}

static inline const struct lw_issued *lw_take(struct lw_core *core, unsigned unit)
{
    return &core->jobs[core->taken[unit]++ % LW_MODEL_JOBS];
}

static inline bool lw_builder_has_room(const struct lw_builder *b)
{
    return b->table != 0 || (b->begun != 2 && b->gap == 0);
}

static inline bool lw_builder_waits_for_x(const struct lw_core *core)
{
    const struct lw_builder *b = &core->builder;
    return !b->active || (lw_builder_has_room(b) && b->address >= core->loader.level[b->x_half]);
}

/* Whether the builder does anything before a tile is done or activations come */
static inline bool lw_builder_acts(const struct lw_core *core)
{
    const struct lw_builder *b = &core->builder;
    if (b->write || b->written != 0 || b->gap != 0)
        return true;
    return b->active ? lw_builder_has_room(b) && b->address < core->loader.level[b->x_half]
                     : lw_queued(core, LW_UNIT_BUILD);
}

static inline void lw_builder_events(const struct lw_core *core, struct lw_events *e)
{
    const struct lw_builder *b = &core->builder;
    e->finish_half = b->written >> b->delay & 1;
    e->x_half = b->x_half;
    if (!b->active)
        return;
    e->read = lw_builder_has_room(b) && b->address < core->loader.level[b->x_half];
    e->last_table = b->table + 1 == core->engine.tables;
    e->begin_half = e->read && b->table == 0;
    e->x_done =
        e->read && e->last_table && b->tile + 1 == b->tiles && b->passes_left == 1 && b->x_free;
}

static inline void lw_builder_step(struct lw_core *core, const struct lw_events *e)
{
    struct lw_builder *b = &core->builder;
    b->begun += e->begin_half;
    b->begun -= e->tile_done;
    b->ready += e->finish_half;
    b->ready -= e->tile_done;
    b->write = e->read;
    b->written = (b->written << 1 | (e->read && e->last_table)) & ((2u << b->delay) - 1);
    if (e->read && e->last_table && b->delay > core->engine.tables)
        b->gap = b->delay - core->engine.tables;
    else
        b->gap -= b->gap != 0;
    if (!b->active && lw_queued(core, LW_UNIT_BUILD)) {
        const struct lw_issued *issued = lw_take(core, LW_UNIT_BUILD);
        b->active = true;
        b->tiles = issued->job.tiles;
        b->passes_left = issued->job.passes;
        b->x_half = issued->half;
        b->x_free = issued->job.free_x;
        b->tile = b->table = b->address = 0;
    } else if (e->read) {
        b->address++;
        b->table++;
        if (e->last_table) {
            b->table = 0;
            if (++b->tile == b->tiles) {
                b->tile = b->address = 0;
                b->active = --b->passes_left != 0;
            }
        }
    }
}

static inline void lw_take_stream(struct lw_core *core, struct lw_reader *reader, unsigned unit,
                                  bool free)
{
    if (!free || !lw_queued(core, unit))
        return;
    const struct lw_job *job = &lw_take(core, unit)->job;
    if (unit == LW_UNIT_KEYS)
        lw_reader_take_job(reader, job->key_address / core->dram.beat_bytes, job->key_beats);
    else
        lw_reader_take_job(reader, job->scale_address / core->dram.beat_bytes, job->scale_beats);
}

#endif
