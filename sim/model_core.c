/* Cycles of the engine: first what every unit does, from the state before; then the new states. */
#include "sim/model_front.h"
#include "sim/model_lane.h"
#include "sim/model_others.h"
#include "sim/model_passes.h"
#include "sim/model_starts.h"

#include <string.h>

void lw_core_reset(struct lw_core *core, const struct lw_engine *engine,
                   const struct lw_dram_timing *timing, uint64_t seed, uint32_t list)
{
    uint32_t beat = engine->bus_bits / 8, page = 4096 / beat;
    struct lw_sim_memory memory = core->memory;
    memset(core, 0, sizeof *core);
    core->engine = *engine;
    core->memory = memory;
    lw_dram_reset(&core->dram, timing, beat, seed);
    for (int i = 0; i < 3; i++) /* the cycles that write the registers */
        lw_dram_cycle(&core->dram);
    core->front.state = LW_ASK;
    core->front.address = list;
    core->front.beats = beat > LW_JOB_BYTES ? 1 : LW_JOB_BYTES / beat;
    core->keys = (struct lw_reader){.free = LW_ENGINE_KEY_DEPTH, .page = page};
    core->scales = core->x = (struct lw_reader){.free = LW_DEPTH, .page = page};
    core->key_box = (struct lw_gearbox){.in = engine->bus_bits, .out = lw_engine_step_bits(engine)};
    core->scale_box = (struct lw_gearbox){.in = engine->bus_bits, .out = engine->scale_lanes * 16};
    core->x_box = (struct lw_gearbox){.in = engine->bus_bits,
                                      .out = engine->columns * engine->mu * engine->x_bits};
    core->y_boxes[0] = (struct lw_gearbox){
        .in = engine->scale_lanes * engine->columns * 64, .out = engine->bus_bits, .flush = true};
    core->y_boxes[1] = core->y_boxes[0];
    core->y_boxes[1].in = engine->scale_lanes * engine->columns * engine->x_bits;
    core->builder.delay = lw_engine_table_delay(engine);
    core->drain.credits = LW_CREDITS;
    core->writer.page = page;
}

static bool reader_acts(const struct lw_reader *r)
{
    return r->ar_valid || (r->left != 0 && r->free >= lw_reader_beats(r) && r->flight != 8);
}

static bool drain_acts(const struct lw_core *core)
{
    const struct lw_drain *d = &core->drain;
    if (d->term || d->result || d->words != 0)
        return true;
    return d->active ? core->control.full[d->bank] && lw_gearbox_valid(&core->scale_box)
                     : lw_queued(core, LW_UNIT_DRAIN);
}

static bool writer_acts(const struct lw_core *core)
{
    const struct lw_beat_writer *w = &core->writer;
    if (lw_gearbox_valid(&core->y_boxes[0]) || lw_gearbox_valid(&core->y_boxes[1]))
        return true;
    if (w->state == LW_WRITER_IDLE)
        return lw_queued(core, LW_UNIT_Y);
    if (w->state != LW_WRITER_GATHER)
        return true;
    return w->left == 0 ? w->flight == 0 : w->level >= lw_writer_beats(w) && w->flight != 8;
}

/* And the load of activations. Waits for beats for them, for room in the queues of jobs, for
 * activations to be done with, or for all jobs. */
static bool front_acts(const struct lw_core *core)
{
    const struct lw_front *f = &core->front;
    if (reader_acts(&core->x))
        return true;
    if (core->loader.loading && (lw_gearbox_valid(&core->x_box) || core->x.level != 0))
        return true;
    switch (f->state) {
    case LW_ASK:
        return core->x.left == 0;
    case LW_COLLECT:
        return core->x.level != 0;
    case LW_ISSUE:
        return (!f->job.load_x || !f->busy[!f->half]) && lw_units_ready(core);
    case LW_FILL:
        return f->asking && (!f->job.wait || core->unfinished == 1) ? core->x.left == 0
                                                                    : !core->loader.loading;
    case LW_DONE:
        return core->unfinished == 0;
    case LW_CHECK:
    case LW_IDLE:
        break;
    }
    return true;
}

/* The reader of scales and its gearbox */
static bool scales_act(const struct lw_core *core)
{
    if (reader_acts(&core->scales))
        return true;
    if (core->scales.level != 0 && lw_gearbox_ready(&core->scale_box))
        return true;
    return core->scales.left == 0 && lw_queued(core, LW_UNIT_SCALES);
}

/* What only the units beside control, builder and keys count */
static inline void count_others(struct lw_core *core, const struct lw_given *given,
                                const struct lw_events *e)
{
    uint64_t *n = core->counts;
    n[LW_COUNT_SCALE_BEATS] += given->port1 && given->id == 1;
    n[LW_COUNT_X_BEATS] += given->port1 && given->id == 0;
    n[LW_COUNT_Y_BEATS] += e->w_sent;
    n[LW_COUNT_ELEMENTS] += e->element;
    n[LW_COUNT_JOBS] += e->y_done;
}

/* For units that look at what the memory offers */
static inline void offer(struct lw_dram *dram, const struct lw_given *given)
{
    dram->ready = given->ready;
    dram->w_ready = given->write_ready;
    dram->b_valid = given->answer;
    dram->r[1].valid = given->port1;
    dram->r[1].last = given->port1_last;
    dram->r[1].id = given->id;
}

/* Jobs that the units beside control, builder and keys have taken */
static inline uint32_t taken_by_others(const struct lw_core *core)
{
    return core->taken[LW_UNIT_SCALES] + core->taken[LW_UNIT_DRAIN] + core->taken[LW_UNIT_Y];
}

/* A cycle in which more than control, builder and keys act; true with the last step of a pass. */
LW_INLINE bool full_cycle(struct lw_core *core, struct lw_lane *lane, const struct lw_given *given)
{
    struct lw_events e = {0};
    bool front = lane->front || (given->port1 && given->id == 0);
    bool drain = lane->drain, writer = lane->writer || given->answer;
    uint32_t taken = taken_by_others(core);
    offer(&core->dram, given);
    if (drain)
        lw_drain_events(core, &e);
    if (writer)
        lw_writer_events(core, &e);
    if (front)
        lw_front_events(core, &e);
    e.scale_beat = core->scales.level != 0 && lw_gearbox_ready(&core->scale_box);
    count_others(core, given, &e);
    bool pass_done = lw_lane_cycle(core, lane, given, &e);
    if (drain)
        lw_drain_step(core, &e);
    if (e.word || e.y_beat)
        lw_y_boxes_step(core, &e);
    if (writer)
        lw_writer_step(core, &e);
    if (front || lane->scales || given->port1 || e.element)
        lw_streams_step(core, &e, front);
    if (front) {
        lw_loader_step(core, &e);
        lw_front_step(core, &e); /* last: the units see a job from the next cycle on */
        lane->building = true;
    }
    core->unfinished += e.issue;
    core->unfinished -= e.y_done;
    if (front || lane->front || e.y_done || taken != taken_by_others(core))
        lane->front = front_acts(core);
    lane->drain = drain_acts(core);
    lane->writer = writer_acts(core);
    lane->scales = scales_act(core);
    return pass_done;
}

static bool is_done(const struct lw_core *core)
{
    return core->front.state == LW_DONE && core->unfinished == 0;
}

/* Where a run is interrupted, after a cycle */
struct stop {
    bool pass_done, read, ended; /* read: the front has done with a descriptor */
};

LW_INLINE struct stop run_part(struct lw_core *core, bool shared)
{
    static const struct lw_events nothing;
    struct lw_lane lane;
    struct stop stop = {0};
    lw_lane_take(core, &lane);
    for (bool done = is_done(core); !stop.pass_done && !stop.read && !stop.ended;) {
        struct lw_given given;
        stop.ended = done;
        lw_bus_cycle(&core->dram, &lane.bus, shared, &given);
        if (lane.front || lane.drain || lane.writer || lane.scales || given.port1 || given.answer) {
            bool filled = core->front.state == LW_FILL;
            stop.pass_done = full_cycle(core, &lane, &given);
            stop.read = filled && core->front.state != LW_FILL;
            done = is_done(core);
        } else {
            stop.pass_done = lw_lane_cycle(core, &lane, &given, &nothing);
        }
    }
    lw_lane_give(core, &lane);
    return stop;
}

void lw_core_run(struct lw_core *core, struct lw_passes_run *passes, struct lw_starts_run *starts)
{
    for (bool ended = false; !ended;) {
        struct stop stop = core->dram.timing.shared ? run_part(core, true) : run_part(core, false);
        ended = stop.ended;
        if (starts && stop.read)
            lw_starts_add(starts, core);
        if (passes && (stop.pass_done || ended))
            ended = lw_passes_go_on(passes, core, ended);
    }
}
