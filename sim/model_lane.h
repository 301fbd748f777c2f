/* Cycles in a row in which all wait but control, table builder and the reader of keys, and the
 * memory gives nothing but keys: most of a run. How long that lasts is found once; what changes in
 * each cycle stays in registers. */
#ifndef LW_SIM_MODEL_LANE_H
#define LW_SIM_MODEL_LANE_H

#include "sim/model_others.h"

#define LW_INLINE static inline __attribute__((always_inline))

struct lw_lane {
    uint64_t start, now, until; /* until: the last cycle that may be one of the lane */
    uint64_t from;              /* no beat is served before */
    uint32_t tokens, rate;      /* of a shared bus */
    bool ready, alone; /* the memory takes requests; gives nothing else while a burst lasts */
    bool last;         /* as fill, of the gearbox of keys */
    uint32_t fill;
    uint32_t level, free, job;        /* of the reader of keys; beats of the first job */
    uint32_t slot, slots;             /* of control: in a tile */
    bool bank_ok, built, building;    /* what a step needs beside keys; the builder acts */
    bool over, pass_done;             /* the others have something to do */
    enum lw_counter stall;            /* where no keys are missing, nor tables */
    uint64_t steps, unbuilt, beats;   /* counted */
};

LW_INLINE uint64_t lw_earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

LW_INLINE uint64_t lw_lane_first(const struct lw_dram *dram)
{
    const struct lw_dram_queue *queue = &dram->queues[0];
    if (queue->count == 0)
        return UINT64_MAX;
    uint64_t ready = queue->entries[queue->first].ready;
    return ready > dram->blocked_until ? ready : dram->blocked_until;
}

/* Until when the memory gives nothing but keys; false: not even in the next cycle. */
LW_INLINE bool lw_lane_open(const struct lw_dram *dram, struct lw_lane *lane)
{
    uint64_t next = dram->now + 1;
    *lane = (struct lw_lane){.start = dram->now, .now = dram->now};
    lane->tokens = dram->tokens;
    if (next < dram->stalled_until) {
        lane->until = dram->stalled_until - 1;
        lane->from = UINT64_MAX;
        return true;
    }
    lane->ready = true;
    lane->rate = dram->timing.rate;
    lane->from = lw_lane_first(dram);
    lane->until = dram->next_stall - 1;
    if (dram->timing.shared)
        lane->until = lw_earlier(lane->until, dram->next_refresh - 1);
    if (dram->answer_count)
        lane->until = lw_earlier(lane->until, dram->answers[dram->answer_first] - 1);
    bool other = dram->queues[2].count != 0 && dram->buffered != 0;
    if (dram->queues[1].count) {
        uint64_t ready = dram->queues[1].entries[dram->queues[1].first].ready;
        if (ready <= next)
            other = true;
        else
            lane->until = lw_earlier(lane->until, ready - 1);
    }
    if (other) {
        lane->alone = true;
        const struct lw_dram_queue *keys = &dram->queues[0];
        if (!dram->timing.shared || dram->preferred != 0 || keys->count == 0 ||
            keys->entries[keys->first].ready > next)
            return false;
    }
    return lane->until >= next;
}

/* A beat of keys or none */
LW_INLINE bool lw_lane_serve(struct lw_dram *dram, struct lw_lane *lane, bool shared, bool *last)
{
    struct lw_dram_queue *queue = &dram->queues[0];
    if (shared) {
        lane->tokens += lane->rate;
        if (lane->tokens > 2 * LW_DRAM_TOKEN)
            lane->tokens = 2 * LW_DRAM_TOKEN;
        if (lane->tokens < LW_DRAM_TOKEN)
            return false;
    }
    if (lane->now < lane->from)
        return false;
    struct lw_dram_request *request = &queue->entries[queue->first];
    if (shared) {
        uint32_t wait = lw_dram_turn(dram, request->address, false);
        dram->preferred = 0;
        dram->blocked_until = lane->now + wait;
        if (wait) {
            lane->from = dram->blocked_until;
            return false;
        }
        lane->tokens -= LW_DRAM_TOKEN;
    }
    request->address += dram->beat_bytes;
    if (--request->beats == 0) {
        queue->first = (queue->first + 1) % LW_DRAM_QUEUE;
        queue->count--;
        lane->from = lw_lane_first(dram);
        if (shared)
            dram->preferred = 1;
        if (lane->alone)
            lane->until = lane->now;
        *last = true;
    }
    return true;
}

/* What the lane keeps of control and of the reader of keys */
LW_INLINE void lw_lane_take(const struct lw_core *core, struct lw_lane *lane)
{
    const struct lw_control *c = &core->control;
    lane->fill = core->key_box.fill;
    lane->last = core->key_box.last;
    lane->level = core->keys.level;
    lane->free = core->keys.free;
    lane->job = core->keys.jobs[core->keys.first_job];
    lane->slot = c->slot;
    lane->slots = c->passes_left == 1 ? c->last_slots : c->pass_slots;
    lane->bank_ok = c->active && (c->tile != 0 || c->slot != 0 || !c->taken[c->bank]);
    lane->built = core->builder.ready != 0;
    lane->building = lw_builder_acts(core);
    if (lane->bank_ok)
        lane->stall = LW_COUNT_WEIGHTS;
    else if (c->active)
        lane->stall = lw_drain_waits(core) ? LW_COUNT_ALPHA : LW_COUNT_BANK;
    else
        lane->stall = core->front.state == LW_DONE ? LW_COUNT_TAIL : LW_COUNT_FETCH;
}

LW_INLINE void lw_lane_give(struct lw_core *core, const struct lw_lane *lane, uint32_t bank)
{
    struct lw_dram *dram = &core->dram;
    struct lw_control *c = &core->control;
    uint64_t cycles = lane->now - lane->start;
    c->add = cycles > 1 ? bank : c->look;
    c->look = bank | (lane->pass_done ? LW_STAGE_LAST : 0);
    if (lane->steps)
        c->taken[bank != 0] = true;
    c->slot = lane->slot;
    core->key_box.fill = lane->fill;
    core->key_box.last = lane->last;
    core->keys.level = lane->level;
    core->keys.free = lane->free;
    core->keys.jobs[core->keys.first_job] = lane->job;
    core->counts[LW_COUNT_BUSY] += cycles;
    core->counts[LW_COUNT_STEPS] += lane->steps;
    core->counts[LW_COUNT_KEY_BEATS] += lane->beats;
    core->counts[lane->stall] += cycles - lane->steps - lane->unbuilt;
    dram->now = lane->now;
    dram->tokens = lane->tokens;
}

/* The last beat of a job is taken from the FIFO. */
LW_INLINE void lw_lane_end_job(struct lw_core *core, struct lw_lane *lane)
{
    struct lw_reader *r = &core->keys;
    r->jobs[r->first_job] = 0;
    r->first_job = (r->first_job + 1) % 8;
    r->job_count--;
    lane->job = r->jobs[r->first_job];
    lane->last = true;
}

/* The reader of keys: its request is taken, or it makes one. */
LW_INLINE void lw_lane_ask(struct lw_core *core, struct lw_lane *lane)
{
    struct lw_reader *r = &core->keys;
    struct lw_dram *dram = &core->dram;
    if (r->ar_valid) {
        if (!lane->ready)
            return;
        dram->now = lane->now;
        lw_dram_read(dram, 0, r->ar_at * dram->beat_bytes, r->ar_beats, 0);
        r->ar_valid = false;
        lane->from = lw_lane_first(dram);
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
    if (r->left == 0 && lw_queued(core, LW_UNIT_KEYS))
        lane->until = lane->now; /* it takes the next job */
}

/* A tile is done, or the builder does something. */
LW_INLINE void lw_lane_build(struct lw_core *core, struct lw_lane *lane, bool tile_done)
{
    uint32_t taken = core->taken[LW_UNIT_BUILD];
    struct lw_events e = {.tile_done = tile_done};
    lw_builder_events(core, &e);
    core->counts[LW_COUNT_TABLES] += core->builder.write;
    lw_builder_step(core, &e);
    lane->built = core->builder.ready != 0;
    lane->building = lw_builder_acts(core);
    if (e.x_done)
        core->front.busy[e.x_half] = false;
    lane->over |= e.x_done || taken != core->taken[LW_UNIT_BUILD];
}

/* Control after the last step of a tile */
LW_INLINE void lw_lane_end_tile(struct lw_core *core, struct lw_lane *lane)
{
    struct lw_control *c = &core->control;
    lane->slot = 0;
    if (++c->tile != c->tiles)
        return;
    c->tile = 0;
    c->bank = !c->bank;
    c->active = --c->passes_left != 0;
    lane->over = lane->pass_done = true;
}

LW_INLINE void lw_lane_cycle(struct lw_core *core, struct lw_lane *lane, bool shared)
{
    struct lw_reader *r = &core->keys;
    const struct lw_gearbox *box = &core->key_box;
    bool burst_done = false;
    lane->now++;
    bool beat = lw_lane_serve(&core->dram, lane, shared, &burst_done);
    bool step = lane->bank_ok && lane->built && lane->fill >= box->out;
    bool pop = lane->level != 0 && !lane->last && lane->fill <= 2 * box->out;
    if (lane->bank_ok && !lane->built) {
        core->counts[lw_builder_waits_for_x(core) ? LW_COUNT_X : LW_COUNT_TABLE]++;
        lane->unbuilt++;
    }
    if (r->ar_valid || (r->left != 0 && r->flight != 8))
        lw_lane_ask(core, lane);
    r->flight -= burst_done;
    lane->beats += beat;
    lane->steps += step;
    lane->level += beat;
    lane->slot += step;
    if (step)
        lane->fill -= box->out;
    bool tile_done = step && lane->slot == lane->slots;
    if (tile_done)
        lw_lane_end_tile(core, lane);
    if (tile_done && !core->control.active) { /* what fills up the last beat is dropped */
        lane->fill = 0;
        lane->last = false;
    }
    if (pop) {
        lane->fill += box->in;
        lane->level--;
        lane->free++;
        if (--lane->job == 0)
            lw_lane_end_job(core, lane);
    }
    if (tile_done || lane->building)
        lw_lane_build(core, lane, tile_done);
}

/* At least one cycle */
LW_INLINE void lw_lane_run(struct lw_core *core, struct lw_lane *lane, bool shared)
{
    uint32_t bank = core->control.bank ? LW_STAGE_BANK : 0;
    do
        lw_lane_cycle(core, lane, shared);
    while (!lane->over && lane->now < lane->until);
    lw_lane_give(core, lane, bank);
}

#endif
