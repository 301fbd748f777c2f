/* One cycle of the engine: first what every unit does, from the state before; then the new states.
 */
#include "sim/model_units.h"

#include <string.h>

enum { CREDITS = 4, DEPTH = 32, BURST = 16 };

/* What happens in a cycle; the names are those of rtl/lw_engine.sv */
struct events {
    bool issue, load, x_free, loading;
    bool read, last_table, x_done, begin_half, finish_half;
    bool step, tile_done, job_done, bank_wait, table_wait;
    bool element, result, drained, scale_clear, alpha_wait, y_wait;
    bool word, y_beat, key_beat, scale_beat, x_beat, collect, x_word, x_last;
    bool w_sent, y_done;
    bool drain_bank, x_half;
};

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
    core->scales = core->x = (struct lw_reader){.free = DEPTH, .page = page};
    core->key_box = (struct lw_gearbox){.in = engine->bus_bits,
                                        .out = engine->rows * engine->tables * engine->mu};
    core->scale_box = (struct lw_gearbox){.in = engine->bus_bits, .out = engine->scale_lanes * 16};
    core->x_box = (struct lw_gearbox){.in = engine->bus_bits,
                                      .out = engine->columns * engine->mu * engine->x_bits};
    core->y_box = (struct lw_gearbox){
        .in = engine->scale_lanes * engine->columns * 64, .out = engine->bus_bits, .flush = true};
    core->drain.credits = CREDITS;
    core->writer.page = page;
}

static bool queued(const struct lw_core *core, unsigned unit)
{
    return core->issued != core->taken[unit];
}

static const struct lw_issued *take(struct lw_core *core, unsigned unit)
{
    return &core->jobs[core->taken[unit]++ % LW_MODEL_JOBS];
}

static bool units_ready(const struct lw_core *core)
{
    for (unsigned unit = 0; unit < LW_UNITS; unit++)
        if (core->issued - core->taken[unit] == 4)
            return false;
    return true;
}

/* Everything that the old state decides. */
static void drain_events(const struct lw_core *core, struct events *e)
{
    const struct lw_drain *d = &core->drain;
    if (!d->active || !core->control.full[d->bank])
        return;
    bool last_plane = !d->bias && d->plane + 1 == d->planes;
    bool room = !last_plane || d->credits != 0, valid = lw_gearbox_valid(&core->scale_box);
    e->element = valid && room;
    e->result = e->element && last_plane;
    bool last_pass = d->passes_left == 1;
    uint32_t blocks = last_pass ? d->last_blocks : d->pass_blocks;
    e->drained = e->result && (d->group + 1) * core->engine.scale_lanes == core->engine.rows &&
                 d->block + 1 == blocks;
    e->scale_clear = e->drained && last_pass;
    e->alpha_wait = !valid;
    e->y_wait = valid && !room;
    e->drain_bank = d->bank;
}

static void control_events(const struct lw_core *core, struct events *e)
{
    const struct lw_control *c = &core->control;
    if (!c->active)
        return;
    bool bank_ok = c->tile != 0 || c->slot != 0 || !c->taken[c->bank];
    bool ready = core->builder.ready != 0, last_pass = c->passes_left == 1;
    e->bank_wait = !bank_ok;
    e->table_wait = bank_ok && !ready;
    e->step = bank_ok && ready && lw_gearbox_valid(&core->key_box);
    e->tile_done = e->step && c->slot + 1 == (last_pass ? c->last_slots : c->pass_slots);
    e->job_done = e->tile_done && c->tile + 1 == c->tiles && last_pass;
}

static bool builder_x_wait(const struct lw_core *core)
{
    const struct lw_builder *b = &core->builder;
    return !b->active ||
           ((b->table != 0 || b->begun != 2) && b->address >= core->loader.level[b->x_half]);
}

static void builder_events(const struct lw_core *core, struct events *e)
{
    const struct lw_builder *b = &core->builder;
    e->finish_half = b->write_last;
    e->x_half = b->x_half;
    if (!b->active)
        return;
    e->read = (b->table != 0 || b->begun != 2) && b->address < core->loader.level[b->x_half];
    e->last_table = b->table + 1 == core->engine.tables;
    e->begin_half = e->read && b->table == 0;
    e->x_done =
        e->read && e->last_table && b->tile + 1 == b->tiles && b->passes_left == 1 && b->x_free;
}

static void stream_events(const struct lw_core *core, struct events *e)
{
    const struct lw_front *f = &core->front;
    e->x_free = core->x.left == 0;
    e->loading = core->loader.loading;
    e->issue = f->state == LW_ISSUE && units_ready(core) && (!f->job.load_x || !f->busy[!f->half]);
    e->load = e->issue && f->job.load_x;
    e->key_beat = core->keys.level != 0 && lw_gearbox_ready(&core->key_box);
    e->scale_beat = core->scales.level != 0 && lw_gearbox_ready(&core->scale_box);
    e->x_beat = core->loader.loading && core->x.level != 0 && lw_gearbox_ready(&core->x_box);
    e->collect = f->state == LW_COLLECT && core->x.level != 0;
    e->x_word = core->loader.loading && lw_gearbox_valid(&core->x_box);
    e->x_last = e->x_word && core->loader.left == 1;
    e->word = core->drain.words != 0 && lw_gearbox_ready(&core->y_box);
    e->y_beat = lw_gearbox_valid(&core->y_box) && core->writer.level != DEPTH;
    e->w_sent = core->writer.state == LW_WRITER_SEND && core->dram.w_ready;
    e->y_done = core->writer.state == LW_WRITER_GATHER && core->writer.left == 0 &&
                core->writer.flight == 0;
}

static void count(struct lw_core *core, const struct events *e)
{
    const struct lw_dram *dram = &core->dram;
    uint64_t *n = core->counts;
    n[LW_COUNT_BUSY]++;
    if (e->step)
        n[LW_COUNT_STEPS]++;
    else if (e->bank_wait)
        n[e->alpha_wait ? LW_COUNT_ALPHA : e->y_wait ? LW_COUNT_Y : LW_COUNT_BANK]++;
    else if (e->table_wait)
        n[builder_x_wait(core) ? LW_COUNT_X : LW_COUNT_TABLE]++;
    else if (core->control.active)
        n[LW_COUNT_WEIGHTS]++;
    else if (!queued(core, LW_UNIT_STEPS) && core->front.state == LW_DONE)
        n[LW_COUNT_TAIL]++;
    else
        n[LW_COUNT_FETCH]++;
    n[LW_COUNT_KEY_BEATS] += dram->r[0].valid;
    n[LW_COUNT_SCALE_BEATS] += dram->r[1].valid && dram->r[1].id == 1;
    n[LW_COUNT_X_BEATS] += dram->r[1].valid && dram->r[1].id == 0;
    n[LW_COUNT_Y_BEATS] += e->w_sent;
    n[LW_COUNT_TABLES] += core->builder.write;
    n[LW_COUNT_ELEMENTS] += e->element;
    n[LW_COUNT_JOBS] += e->y_done;
}

static void step_control(struct lw_core *core, const struct events *e)
{
    struct lw_control *c = &core->control;
    if (e->drained)
        c->taken[e->drain_bank] = c->full[e->drain_bank] = false;
    if (c->add.valid && c->add.last)
        c->full[c->add.bank] = true;
    c->add = c->look;
    c->look = (struct lw_stage){e->step, e->tile_done && c->tile + 1 == c->tiles, c->bank};
    if (!c->active && queued(core, LW_UNIT_STEPS)) {
        const struct lw_job *job = &take(core, LW_UNIT_STEPS)->job;
        c->active = true;
        c->tiles = job->tiles;
        c->passes_left = job->passes;
        c->pass_slots = job->pass_slots;
        c->last_slots = job->last_slots;
        c->tile = c->slot = 0;
    } else if (e->step) {
        c->taken[c->bank] = true;
        c->slot++;
        if (e->tile_done) {
            c->slot = 0;
            if (++c->tile == c->tiles) {
                c->tile = 0;
                c->bank = !c->bank;
                c->active = --c->passes_left != 0;
            }
        }
    }
}

static void step_builder(struct lw_core *core, const struct events *e)
{
    struct lw_builder *b = &core->builder;
    b->begun += e->begin_half;
    b->begun -= e->tile_done;
    b->ready += e->finish_half;
    b->ready -= e->tile_done;
    b->write = e->read;
    b->write_last = e->read && e->last_table;
    if (!b->active && queued(core, LW_UNIT_BUILD)) {
        const struct lw_issued *issued = take(core, LW_UNIT_BUILD);
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

static void step_drain_state(struct lw_core *core, const struct events *e)
{
    struct lw_drain *d = &core->drain;
    if (!d->active && queued(core, LW_UNIT_DRAIN)) {
        const struct lw_job *job = &take(core, LW_UNIT_DRAIN)->job;
        d->active = d->bias = true;
        d->planes = job->planes;
        d->bias_words = job->bias_words;
        d->passes_left = job->passes;
        d->pass_blocks = job->pass_blocks;
        d->last_blocks = job->last_blocks;
        d->bias_word = d->plane = d->group = d->block = 0;
    } else if (e->element && d->bias) {
        if (++d->bias_word == d->bias_words)
            d->bias_word = d->bias = 0;
    } else if (e->element && !e->result) {
        d->plane++;
    } else if (e->result) {
        d->plane = 0;
        d->bias = true;
        if (++d->group * core->engine.scale_lanes == core->engine.rows) {
            d->group = 0;
            d->block++;
        }
        if (e->drained) {
            d->block = 0;
            d->bank = !d->bank;
            d->active = --d->passes_left != 0;
        }
    }
}

static void step_drain(struct lw_core *core, const struct events *e)
{
    struct lw_drain *d = &core->drain;
    bool word_last = d->last_words[d->first_word];
    if (d->result)
        d->last_words[(d->first_word + d->words) % CREDITS] = d->result_last;
    d->words += d->result;
    if (e->word) {
        d->first_word = (d->first_word + 1) % CREDITS;
        d->words--;
    }
    d->credits -= e->result;
    d->credits += e->word;
    d->result = d->term && d->term_end;
    d->result_last = d->term_last;
    d->term = e->element;
    d->term_end = e->result;
    d->term_last = e->scale_clear;
    step_drain_state(core, e);
    if (e->word || e->y_beat)
        lw_gearbox_step(&core->y_box, e->word, word_last, e->y_beat, false);
}

/* Beats of the writer's next burst */
static uint32_t writer_beats(const struct lw_beat_writer *w)
{
    uint32_t to_page = w->page - w->at % w->page, beats = to_page < BURST ? to_page : BURST;
    return w->left < beats ? w->left : beats;
}

static void step_writer(struct lw_core *core, const struct events *e)
{
    struct lw_beat_writer *w = &core->writer;
    const struct lw_dram *dram = &core->dram;
    uint32_t beats = writer_beats(w);
    bool asked = w->state == LW_WRITER_ASK && dram->ready;
    bool gathered = w->left != 0 && w->level >= beats && w->flight != 8;
    w->level += e->y_beat;
    w->level -= e->w_sent;
    w->flight -= dram->b_valid;
    if (w->state == LW_WRITER_IDLE && queued(core, LW_UNIT_Y)) {
        const struct lw_job *job = &take(core, LW_UNIT_Y)->job;
        w->state = LW_WRITER_GATHER;
        w->at = job->y_address / dram->beat_bytes;
        w->left = job->y_beats;
    } else if (e->y_done) {
        w->state = LW_WRITER_IDLE;
    } else if (w->state == LW_WRITER_GATHER && gathered) {
        w->state = LW_WRITER_ASK;
    } else if (asked) {
        lw_dram_write(&core->dram, w->at * dram->beat_bytes, beats);
        w->state = LW_WRITER_SEND;
        w->burst = beats;
        w->at += beats;
        w->left -= beats;
        w->flight++;
    } else if (e->w_sent && --w->burst == 0) {
        w->state = LW_WRITER_GATHER;
    }
    if (e->w_sent)
        lw_dram_write_beat(&core->dram);
}

static void step_front(struct lw_core *core, const struct events *e)
{
    struct lw_front *f = &core->front;
    const struct lw_engine *engine = &core->engine;
    uint32_t beats = engine->bus_bits > 512 ? 1 : 512 / engine->bus_bits;
    if (e->x_done)
        f->busy[e->x_half] = false;
    switch (f->state) {
    case LW_ASK:
        if (!e->x_free)
            break;
        lw_reader_take_job(&core->x, f->address / core->dram.beat_bytes, beats);
        /* the list was checked */
        lw_job_decode(core->memory.data + f->address, &f->job, NULL);
        f->address += (uint32_t)lw_job_stride(engine);
        f->collected = f->word = 0;
        f->state = LW_COLLECT;
        break;
    case LW_COLLECT:
        if (e->collect && ++f->collected == beats)
            f->state = LW_CHECK;
        break;
    case LW_CHECK:
        if (++f->word == 16)
            f->state = LW_ISSUE;
        break;
    case LW_ISSUE:
        if (!e->issue)
            break;
        f->state = LW_FILL;
        if (e->load) {
            f->half = !f->half;
            f->busy[f->half] = true;
            f->x_address[f->half] = f->job.x_address;
            f->asking = true;
        }
        core->jobs[core->issued++ % LW_MODEL_JOBS] = (struct lw_issued){f->job, f->half};
        break;
    case LW_FILL:
        if (f->asking && (!f->job.wait || core->unfinished == 1)) {
            if (e->x_free) {
                lw_reader_take_job(&core->x, f->job.x_address / core->dram.beat_bytes,
                                   f->job.x_beats);
                f->asking = false;
            }
        } else if (!e->loading)
            f->state = f->job.last ? LW_DONE : LW_ASK;
        break;
    case LW_IDLE:
    case LW_DONE:
        break;
    }
}

static void step_loader(struct lw_core *core, const struct events *e)
{
    struct lw_loader *l = &core->loader;
    if (e->x_word) {
        l->level[l->half]++;
        l->loading = --l->left != 0;
    }
    if (e->load) {
        l->loading = true;
        l->half = !core->front.half;
        l->left = core->front.job.tiles * core->engine.tables;
        l->level[l->half] = 0;
    }
}

static void take_stream(struct lw_core *core, struct lw_reader *reader, unsigned unit, bool free)
{
    if (!free || !queued(core, unit))
        return;
    const struct lw_job *job = &take(core, unit)->job;
    if (unit == LW_UNIT_KEYS)
        lw_reader_take_job(reader, job->key_address / core->dram.beat_bytes, job->key_beats);
    else
        lw_reader_take_job(reader, job->scale_address / core->dram.beat_bytes, job->scale_beats);
}

static void step_streams(struct lw_core *core, const struct events *e)
{
    struct lw_dram *dram = &core->dram;
    bool keys_taken = core->keys.ar_valid && dram->ready;
    bool second = core->scales_held || !core->x.ar_valid;
    bool x_taken = core->x.ar_valid && dram->ready && !second;
    bool scales_taken = core->scales.ar_valid && dram->ready && second;
    core->scales_held = core->scales.ar_valid && second && !dram->ready;
    uint32_t beat = dram->beat_bytes;
    if (keys_taken)
        lw_dram_read(dram, 0, core->keys.ar_at * beat, core->keys.ar_beats, 0);
    if (x_taken)
        lw_dram_read(dram, 1, core->x.ar_at * beat, core->x.ar_beats, 0);
    if (scales_taken)
        lw_dram_read(dram, 1, core->scales.ar_at * beat, core->scales.ar_beats, 1);

    bool keys_free = core->keys.left == 0, scales_free = core->scales.left == 0;
    bool to_scales = dram->r[1].valid && dram->r[1].id == 1;
    bool to_x = dram->r[1].valid && dram->r[1].id == 0;
    if (e->key_beat || e->step)
        lw_gearbox_step(&core->key_box, e->key_beat, e->key_beat && lw_reader_last(&core->keys),
                        e->step, e->job_done);
    if (e->scale_beat || e->element)
        lw_gearbox_step(&core->scale_box, e->scale_beat,
                        e->scale_beat && lw_reader_last(&core->scales), e->element, e->scale_clear);
    if (e->x_beat || e->x_word)
        lw_gearbox_step(&core->x_box, e->x_beat, e->x_beat && lw_reader_last(&core->x), e->x_word,
                        e->x_last);
    lw_reader_step(&core->keys, keys_taken, dram->r[0].valid, dram->r[0].last, e->key_beat);
    lw_reader_step(&core->scales, scales_taken, to_scales, dram->r[1].last, e->scale_beat);
    lw_reader_step(&core->x, x_taken, to_x, dram->r[1].last, e->x_beat || e->collect);
    take_stream(core, &core->keys, LW_UNIT_KEYS, keys_free);
    take_stream(core, &core->scales, LW_UNIT_SCALES, scales_free);
}

/* A reader that neither asks for beats nor has any on the way or to hand over */
static bool reader_rests(const struct lw_reader *r, const struct lw_gearbox *box)
{
    uint32_t to_page = r->page - r->at % r->page, beats = to_page < BURST ? to_page : BURST;
    if (r->left < beats)
        beats = r->left;
    return !r->ar_valid && r->flight == 0 && (r->left == 0 || r->free < beats) &&
           (r->level == 0 || !lw_gearbox_ready(box));
}

/* Whether every unit but control and the reader of keys waits for something that these two cannot
 * bring about before the tile ends. */
static bool others_rest(const struct lw_core *core)
{
    const struct lw_builder *b = &core->builder;
    const struct lw_control *c = &core->control;
    const struct lw_drain *d = &core->drain;
    const struct lw_beat_writer *w = &core->writer;
    const struct lw_front *f = &core->front;
    const struct lw_dram *dram = &core->dram;
    if (b->write || (b->active ? b->table != 0 || b->begun != 2 : queued(core, LW_UNIT_BUILD)))
        return false;
    if (!c->active || b->ready == 0 || (c->tile == 0 && c->slot == 0) || c->look.last ||
        c->add.last)
        return false;
    if (f->state != LW_DONE && !(f->state == LW_ISSUE && f->job.load_x && f->busy[!f->half]))
        return false;
    if (d->term || d->result || d->words != 0 || lw_gearbox_valid(&core->y_box) ||
        (d->active ? c->full[d->bank] : queued(core, LW_UNIT_DRAIN)))
        return false;
    if (w->state == LW_WRITER_IDLE
            ? queued(core, LW_UNIT_Y)
            : w->state != LW_WRITER_GATHER || w->left == 0 || w->level >= writer_beats(w))
        return false;
    return dram->queues[1].count == 0 && dram->queues[2].count == 0 && dram->answer_count == 0 &&
           !core->loader.loading && reader_rests(&core->x, &core->x_box) &&
           reader_rests(&core->scales, &core->scale_box) &&
           (core->scales.left != 0 || !queued(core, LW_UNIT_SCALES));
}

void lw_core_stream_keys(struct lw_core *core)
{
    struct lw_control *c = &core->control;
    struct lw_dram *dram = &core->dram;
    if (!others_rest(core))
        return;
    uint32_t slots = c->passes_left == 1 ? c->last_slots : c->pass_slots;
    uint64_t *n = core->counts, before = dram->now;
    uint32_t first = c->slot;
    while (c->slot + 1 < slots) {
        lw_dram_cycle(dram);
        bool step = lw_gearbox_valid(&core->key_box);
        bool beat = core->keys.level != 0 && lw_gearbox_ready(&core->key_box);
        bool taken = core->keys.ar_valid && dram->ready, free = core->keys.left == 0;
        if (taken)
            lw_dram_read(dram, 0, core->keys.ar_at * dram->beat_bytes, core->keys.ar_beats, 0);
        if (beat || step)
            lw_gearbox_step(&core->key_box, beat, beat && lw_reader_last(&core->keys), step, false);
        n[LW_COUNT_KEY_BEATS] += dram->r[0].valid;
        lw_reader_step(&core->keys, taken, dram->r[0].valid, dram->r[0].last, beat);
        take_stream(core, &core->keys, LW_UNIT_KEYS, free);
        c->slot += step;
    }
    if (dram->now == before)
        return;
    uint64_t steps = c->slot - first, cycles = dram->now - before;
    n[LW_COUNT_BUSY] += cycles;
    n[LW_COUNT_STEPS] += steps;
    n[LW_COUNT_WEIGHTS] += cycles - steps;
    c->look = c->add = (struct lw_stage){0}; /* none of these steps ends a pass */
}

void lw_core_cycle(struct lw_core *core, bool *issued)
{
    struct events e = {0};
    lw_dram_cycle(&core->dram);
    drain_events(core, &e);
    control_events(core, &e);
    builder_events(core, &e);
    stream_events(core, &e);
    count(core, &e);

    step_control(core, &e);
    step_builder(core, &e);
    step_drain(core, &e);
    step_writer(core, &e);
    step_streams(core, &e);
    step_loader(core, &e);
    step_front(core, &e); /* last: the units see a job from the next cycle on */
    core->unfinished += e.issue;
    core->unfinished -= e.y_done;
    *issued = e.issue;
}
