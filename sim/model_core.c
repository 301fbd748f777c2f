/* Cycles of the engine: first what every unit does, from the state before; then the new states. */
#include "sim/model_front.h"
#include "sim/model_lane.h"
#include "sim/model_others.h"
#include "sim/model_passes.h"

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

/* A step or one stall */
static void count_step(struct lw_core *core, const struct lw_events *e)
{
    uint64_t *n = core->counts;
    n[LW_COUNT_BUSY]++;
    if (e->step)
        n[LW_COUNT_STEPS]++;
    else if (e->bank_wait)
        n[e->alpha_wait ? LW_COUNT_ALPHA : e->y_wait ? LW_COUNT_Y : LW_COUNT_BANK]++;
    else if (e->table_wait)
        n[lw_builder_waits_for_x(core) ? LW_COUNT_X : LW_COUNT_TABLE]++;
    else if (core->control.active)
        n[LW_COUNT_WEIGHTS]++;
    else if (!lw_queued(core, LW_UNIT_STEPS) && core->front.state == LW_DONE)
        n[LW_COUNT_TAIL]++;
    else
        n[LW_COUNT_FETCH]++;
}

static void count(struct lw_core *core, const struct lw_events *e)
{
    const struct lw_dram *dram = &core->dram;
    uint64_t *n = core->counts;
    count_step(core, e);
    n[LW_COUNT_KEY_BEATS] += dram->r[0].valid;
    n[LW_COUNT_SCALE_BEATS] += dram->r[1].valid && dram->r[1].id == 1;
    n[LW_COUNT_X_BEATS] += dram->r[1].valid && dram->r[1].id == 0;
    n[LW_COUNT_Y_BEATS] += e->w_sent;
    n[LW_COUNT_TABLES] += core->builder.write;
    n[LW_COUNT_ELEMENTS] += e->element;
    n[LW_COUNT_JOBS] += e->y_done;
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

/* Whether every unit but control, builder, the reader of keys and the front waits until the memory
 * gives a beat on port 1 or an answer, or a pass ends. */
static bool others_wait(const struct lw_core *core)
{
    const struct lw_control *c = &core->control;
    if (((c->look | c->add) & LW_STAGE_LAST) || drain_acts(core) || writer_acts(core) ||
        reader_acts(&core->scales))
        return false;
    if (core->scales.level != 0 && lw_gearbox_ready(&core->scale_box))
        return false;
    return core->scales.left != 0 || !lw_queued(core, LW_UNIT_SCALES);
}

/* Goes on to where more than control, builder and the reader of keys act, as far as the memory gives
 * nothing but keys; false: not a cycle. */
static bool run_lane(struct lw_core *core, bool *over)
{
    struct lw_lane lane;
    if ((!core->control.active && lw_queued(core, LW_UNIT_STEPS)) ||
        (core->keys.left == 0 && lw_queued(core, LW_UNIT_KEYS)) ||
        !lw_lane_open(&core->dram, &lane))
        return false;
    lw_lane_take(core, &lane);
    if (core->dram.timing.shared)
        lw_lane_run(core, &lane, true);
    else
        lw_lane_run(core, &lane, false);
    *over = lane.over;
    return true;
}

/* A cycle of all units, or without the front where that waits. */
static inline __attribute__((always_inline)) void full_cycle(struct lw_core *core, bool front)
{
    struct lw_events e = {0};
    lw_drain_events(core, &e);
    lw_control_events(core, &e);
    lw_builder_events(core, &e);
    lw_stream_events(core, &e);
    if (front)
        lw_front_events(core, &e);
    count(core, &e);

    lw_control_step(core, &e);
    lw_builder_step(core, &e);
    lw_drain_step(core, &e);
    lw_writer_step(core, &e);
    lw_keys_step(core, &e);
    lw_streams_step(core, &e, front);
    if (front) {
        lw_loader_step(core, &e);
        lw_front_step(core, &e); /* last: the units see a job from the next cycle on */
    } else if (e.x_done) {
        core->front.busy[e.x_half] = false;
    }
    core->unfinished += e.issue;
    core->unfinished -= e.y_done;
}

enum lw_status lw_core_run(struct lw_core *core, struct lw_passes *passes, struct lw_error *error)
{
    const struct lw_dram *dram = &core->dram;
    struct lw_passes_run run;
    enum lw_status status = passes ? lw_passes_begin(passes, core, &run, error) : LW_OK;
    bool front_waits = false, others = false; /* wait, too */
    for (bool ended = false; !ended && status == LW_OK;) {
        ended = core->front.state == LW_DONE && core->unfinished == 0;
        bool over;
        if (front_waits && others && run_lane(core, &over)) {
            front_waits = others = !over;
        } else {
            lw_dram_cycle(&core->dram);
            if (front_waits && !(dram->r[1].valid && dram->r[1].id == 0))
                full_cycle(core, false);
            else
                full_cycle(core, true);
            front_waits = !front_acts(core);
            others = others_wait(core);
        }
        if (passes && (ended || (core->control.look & LW_STAGE_LAST)))
            ended = lw_passes_go_on(&run, core, ended);
    }
    return status;
}
