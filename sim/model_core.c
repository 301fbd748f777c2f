/* Cycles of the engine: first what every unit does, from the state before; then the new states. */
#include "sim/model_steps.h"

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
    core->keys = (struct lw_reader){.free = LW_ENGINE_KEY_DEPTH, .page = page};
    core->scales = core->x = (struct lw_reader){.free = LW_DEPTH, .page = page};
    core->key_box = (struct lw_gearbox){.in = engine->bus_bits,
                                        .out = engine->rows * engine->tables * engine->mu};
    core->scale_box = (struct lw_gearbox){.in = engine->bus_bits, .out = engine->scale_lanes * 16};
    core->x_box = (struct lw_gearbox){.in = engine->bus_bits,
                                      .out = engine->columns * engine->mu * engine->x_bits};
    core->y_boxes[0] = (struct lw_gearbox){
        .in = engine->scale_lanes * engine->columns * 64, .out = engine->bus_bits, .flush = true};
    core->y_boxes[1] = core->y_boxes[0];
    core->y_boxes[1].in = engine->scale_lanes * engine->columns * engine->x_bits;
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

/* A reader that neither asks for beats nor has any on the way or to hand over */
static bool reader_rests(const struct lw_reader *r, const struct lw_gearbox *box)
{
    uint32_t to_page = r->page - r->at % r->page, beats = to_page < LW_BURST ? to_page : LW_BURST;
    if (r->left < beats)
        beats = r->left;
    return !r->ar_valid && r->flight == 0 && (r->left == 0 || r->free < beats) &&
           (r->level == 0 || !lw_gearbox_ready(box));
}

/* Whether every unit but control, builder and the reader of keys waits for something that these do
 * not bring about before a pass ends or activations are done with. */
static bool others_rest(const struct lw_core *core)
{
    const struct lw_control *c = &core->control;
    const struct lw_drain *d = &core->drain;
    const struct lw_beat_writer *w = &core->writer;
    const struct lw_front *f = &core->front;
    const struct lw_dram *dram = &core->dram;
    if (!c->active || c->look.last || c->add.last)
        return false;
    if (d->term || d->result || d->words != 0 || lw_gearbox_valid(&core->y_boxes[0]) ||
        lw_gearbox_valid(&core->y_boxes[1]) ||
        (d->active ? c->full[d->bank] : lw_queued(core, LW_UNIT_DRAIN)))
        return false;
    if (f->state != LW_DONE && !(f->state == LW_ISSUE && f->job.load_x && f->busy[!f->half]))
        return false;
    if (w->state == LW_WRITER_IDLE
            ? lw_queued(core, LW_UNIT_Y)
            : w->state != LW_WRITER_GATHER || w->left == 0 || w->level >= lw_writer_beats(w))
        return false;
    return dram->queues[1].count == 0 && dram->queues[2].count == 0 && dram->answer_count == 0 &&
           !core->loader.loading && reader_rests(&core->x, &core->x_box) &&
           reader_rests(&core->scales, &core->scale_box) &&
           (core->scales.left != 0 || !lw_queued(core, LW_UNIT_SCALES));
}

static void stream_keys(struct lw_core *core)
{
    struct lw_control *c = &core->control;
    if (!others_rest(core))
        return;
    for (bool rest = true; rest && c->active;) {
        struct lw_events e = {0};
        lw_dram_cycle(&core->dram);
        lw_control_events(core, &e);
        lw_builder_events(core, &e);
        e.key_beat = core->keys.level != 0 && lw_gearbox_ready(&core->key_box);
        count_step(core, &e);
        core->counts[LW_COUNT_KEY_BEATS] += core->dram.r[0].valid;
        core->counts[LW_COUNT_TABLES] += core->builder.write;
        lw_control_step(core, &e);
        lw_builder_step(core, &e);
        lw_keys_step(core, &e);
        if (e.x_done)
            core->front.busy[e.x_half] = false;
        rest = !c->look.last && !e.x_done;
    }
}

static void core_cycle(struct lw_core *core)
{
    struct lw_events e = {0};
    lw_dram_cycle(&core->dram);
    lw_drain_events(core, &e);
    lw_control_events(core, &e);
    lw_builder_events(core, &e);
    lw_stream_events(core, &e);
    count(core, &e);

    lw_control_step(core, &e);
    lw_builder_step(core, &e);
    lw_drain_step(core, &e);
    lw_writer_step(core, &e);
    lw_streams_step(core, &e);
    lw_loader_step(core, &e);
    lw_front_step(core, &e); /* last: the units see a job from the next cycle on */
    core->unfinished += e.issue;
    core->unfinished -= e.y_done;
}

void lw_core_run(struct lw_core *core)
{
    for (bool ended = false; !ended;) {
        ended = core->front.state == LW_DONE && core->unfinished == 0;
        stream_keys(core);
        core_cycle(core);
    }
}
