/* What nearly every cycle has: control, the reader of keys and its gearbox, the table builder. What
 * these change in each cycle stays in registers while a list runs. */
#ifndef LW_SIM_MODEL_LANE_H
#define LW_SIM_MODEL_LANE_H

#include "sim/model_memory.h"
#include "sim/model_others.h"

struct lw_lane {
    struct lw_bus bus;
    uint32_t fill;                     /* of the gearbox of keys */
    uint32_t level, free;              /* of the reader of keys */
    uint32_t slot, slots;              /* of control: in a tile */
    bool last;                         /* of the gearbox */
    bool active, bank_ok;              /* of control */
    bool built, building;              /* of the builder: tables are there; it acts */
    bool drain, writer, scales, front; /* act in the next cycle */
    uint64_t busy, steps, beats;
};

/* From the state, and back into it */
LW_INLINE void lw_lane_take_control(const struct lw_core *core, struct lw_lane *lane)
{
    const struct lw_control *c = &core->control;
    lane->active = c->active;
    lane->slots = c->passes_left == 1 ? c->last_slots : c->pass_slots;
    lane->bank_ok = c->active && (c->tile != 0 || lane->slot != 0 || !c->taken[c->bank]);
}

LW_INLINE void lw_lane_take(const struct lw_core *core, struct lw_lane *lane)
{
    *lane = (struct lw_lane){.bus = lw_bus_take(&core->dram),
                             .fill = core->key_box.fill,
                             .last = core->key_box.last,
                             .level = core->keys.level,
                             .free = core->keys.free,
                             .slot = core->control.slot,
                             .built = core->builder.ready != 0,
                             .building = true,
                             .drain = true,
                             .writer = true,
                             .scales = true,
                             .front = true};
    lw_lane_take_control(core, lane);
}

LW_INLINE void lw_lane_give(struct lw_core *core, const struct lw_lane *lane)
{
    lw_bus_give(&core->dram, &lane->bus);
    core->key_box.fill = lane->fill;
    core->key_box.last = lane->last;
    core->keys.level = lane->level;
    core->keys.free = lane->free;
    core->control.slot = lane->slot;
    core->counts[LW_COUNT_BUSY] += lane->busy;
    core->counts[LW_COUNT_STEPS] += lane->steps;
    core->counts[LW_COUNT_KEY_BEATS] += lane->beats;
}

/* Why there is no step; control is active where bank_ok. */
LW_INLINE enum lw_counter lw_lane_stall(const struct lw_core *core, const struct lw_lane *lane,
                                        const struct lw_events *e)
{
    if (lane->bank_ok)
        return lane->built                    ? LW_COUNT_WEIGHTS
               : lw_builder_waits_for_x(core) ? LW_COUNT_X
                                              : LW_COUNT_TABLE;
    if (lane->active)
        return lw_drain_waits(core) ? LW_COUNT_ALPHA : e->y_wait ? LW_COUNT_Y : LW_COUNT_BANK;
    return !lw_queued(core, LW_UNIT_STEPS) && core->front.state == LW_DONE ? LW_COUNT_TAIL
                                                                           : LW_COUNT_FETCH;
}

/* The reader's request is taken, or it makes one. */
LW_INLINE void lw_lane_ask(struct lw_core *core, struct lw_lane *lane, bool ready)
{
    struct lw_reader *r = &core->keys;
    struct lw_dram *dram = &core->dram;
    if (r->ar_valid) {
        if (!ready)
            return;
        lw_dram_read(dram, 0, r->ar_at * dram->beat_bytes, r->ar_beats, 0);
        r->ar_valid = false;
        return;
    }
    uint32_t beats = lw_reader_beats(r);
    if (lane->free < beats)
        return;
    r->ar_valid = true;
    r->ar_at = r->at;
    r->ar_beats = beats;
    r->at += beats;
    r->left -= beats;
    r->flight++;
    lane->free -= beats;
}

/* Control after the last step of a tile */
LW_INLINE void lw_lane_end_tile(struct lw_core *core, struct lw_lane *lane)
{
    struct lw_control *c = &core->control;
    c->taken[c->bank] = true;
    lane->slot = 0;
    if (++c->tile == c->tiles) {
        c->look |= LW_STAGE_LAST;
        c->tile = 0;
        c->bank = !c->bank;
        c->active = --c->passes_left != 0;
        if (!c->active) { /* what fills up the last beat is dropped */
            lane->fill = 0;
            lane->last = false;
        }
    }
    lw_lane_take_control(core, lane);
}

/* The keys' FIFO gives a beat to their gearbox. */
LW_INLINE void lw_lane_pop(struct lw_core *core, struct lw_lane *lane)
{
    struct lw_reader *r = &core->keys;
    lane->fill += core->key_box.in;
    lane->level--;
    lane->free++;
    lane->last = --r->jobs[r->first_job] == 0;
    if (lane->last) {
        r->first_job = (r->first_job + 1) % 8;
        r->job_count--;
    }
}

/* Where a tile is done, or the builder acts */
LW_INLINE void lw_lane_build(struct lw_core *core, struct lw_lane *lane, bool tile_done)
{
    struct lw_events e = {.tile_done = tile_done};
    lw_builder_events(core, &e);
    core->counts[LW_COUNT_TABLES] += core->builder.write;
    uint32_t taken = core->taken[LW_UNIT_BUILD];
    lw_builder_step(core, &e);
    lane->built = core->builder.ready != 0;
    lane->building = lw_builder_acts(core);
    if (e.x_done)
        core->front.busy[e.x_half] = false;
    lane->front |= e.x_done || taken != core->taken[LW_UNIT_BUILD];
}

/* Takes a job where it is idle */
LW_INLINE void lw_lane_take_steps(struct lw_core *core, struct lw_lane *lane)
{
    struct lw_control *c = &core->control;
    const struct lw_job *job = &lw_take(core, LW_UNIT_STEPS)->job;
    c->active = true;
    c->tiles = job->tiles;
    c->passes_left = job->passes;
    c->pass_slots = job->pass_slots;
    c->last_slots = job->last_slots;
    c->tile = lane->slot = 0;
    lane->front = true;
    lw_lane_take_control(core, lane);
}

/* Control, builder and keys; e: what the others do. True with the last step of a pass. */
LW_INLINE bool lw_lane_cycle(struct lw_core *core, struct lw_lane *lane,
                             const struct lw_given *given, const struct lw_events *e)
{
    struct lw_control *c = &core->control;
    struct lw_reader *r = &core->keys;
    uint32_t out = core->key_box.out;
    bool step = lane->bank_ok && lane->built && lane->fill >= out;
    bool pop = lane->level != 0 && !lane->last && lane->fill <= 2 * out;
    bool take = r->left == 0 && lw_queued(core, LW_UNIT_KEYS);
    bool idle = !lane->active;
    lane->busy++;
    if (!step)
        core->counts[lw_lane_stall(core, lane, e)]++;
    if (e->drained)
        c->taken[e->drain_bank] = c->full[e->drain_bank] = false;
    if (c->add & LW_STAGE_LAST) {
        c->full[(c->add & LW_STAGE_BANK) != 0] = true;
        lane->drain = true;
    }
    c->add = c->look;
    c->look = c->bank ? LW_STAGE_BANK : 0;
    if (r->ar_valid || (r->left != 0 && r->flight != 8))
        lw_lane_ask(core, lane, given->ready);
    r->flight -= given->keys_last;
    lane->beats += given->keys;
    lane->steps += step;
    lane->level += given->keys;
    lane->slot += step;
    if (step)
        lane->fill -= out;
    bool tile_done = step && lane->slot == lane->slots;
    if (tile_done)
        lw_lane_end_tile(core, lane);
    else if (e->drained)
        lw_lane_take_control(core, lane);
    if (idle && lw_queued(core, LW_UNIT_STEPS))
        lw_lane_take_steps(core, lane);
    if (pop)
        lw_lane_pop(core, lane);
    if (tile_done || lane->building)
        lw_lane_build(core, lane, tile_done);
    if (take) {
        lw_take_stream(core, r, LW_UNIT_KEYS, true);
        lane->front = true;
    }
    return (c->look & LW_STAGE_LAST) != 0;
}

#endif
