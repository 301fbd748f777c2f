/* The units of the engine that work now and then: drain, writer and the streams of port 1. In a
 * header for the reason of sim/model_steps.h. */
#ifndef LW_SIM_MODEL_OTHERS_H
#define LW_SIM_MODEL_OTHERS_H

#include "sim/model_steps.h"

/* Beats of the writer's next burst */
static inline uint32_t lw_writer_beats(const struct lw_beat_writer *w)
{
    uint32_t to_page = w->page - (w->at & (w->page - 1)),
             beats = to_page < LW_BURST ? to_page : LW_BURST;
    return w->left < beats ? w->left : beats;
}

/* For scales, a bank being full */
static inline bool lw_drain_waits(const struct lw_core *core)
{
    const struct lw_drain *d = &core->drain;
    return d->active && core->control.full[d->bank] && !lw_gearbox_valid(&core->scale_box);
}

/* Everything that the old state decides. */
static inline void lw_drain_events(const struct lw_core *core, struct lw_events *e)
{
    const struct lw_drain *d = &core->drain;
    const struct lw_gearbox *boxes = core->y_boxes;
    e->narrow = d->narrow_words[d->first_word];
    e->word_last = d->last_words[d->first_word];
    e->word = d->words != 0 && lw_gearbox_ready(&boxes[e->narrow]) && boxes[!e->narrow].fill == 0;
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
    e->y_wait = valid && !room;
    e->drain_bank = d->bank;
}

static inline void lw_writer_events(const struct lw_core *core, struct lw_events *e)
{
    const struct lw_gearbox *boxes = core->y_boxes;
    e->y_beat = (lw_gearbox_valid(&boxes[0]) || lw_gearbox_valid(&boxes[1])) &&
                core->writer.level != LW_DEPTH;
    e->w_sent = core->writer.state == LW_WRITER_SEND && core->dram.w_ready;
    e->y_done = core->writer.state == LW_WRITER_GATHER && core->writer.left == 0 &&
                core->writer.flight == 0;
}

static inline void step_drain_state(struct lw_core *core, const struct lw_events *e)
{
    struct lw_drain *d = &core->drain;
    if (!d->active && lw_queued(core, LW_UNIT_DRAIN)) {
        const struct lw_job *job = &lw_take(core, LW_UNIT_DRAIN)->job;
        d->active = d->bias = true;
        d->planes = job->planes;
        d->bias_words = job->bias_words;
        d->narrow = job->operation == LW_JOB_STATIC;
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

static inline void lw_drain_step(struct lw_core *core, const struct lw_events *e)
{
    struct lw_drain *d = &core->drain;
    if (d->result) {
        uint32_t at = (d->first_word + d->words) % LW_CREDITS;
        d->last_words[at] = d->result_last;
        d->narrow_words[at] = d->result_narrow;
    }
    d->words += d->result;
    if (e->word) {
        d->first_word = (d->first_word + 1) % LW_CREDITS;
        d->words--;
    }
    d->credits -= e->result;
    d->credits += e->word;
    d->result = d->term && d->term_end;
    d->result_last = d->term_last;
    d->result_narrow = d->term_narrow;
    d->term_narrow = d->narrow;
    d->term = e->element;
    d->term_end = e->result;
    d->term_last = e->scale_clear;
    step_drain_state(core, e);
}

static inline void lw_y_boxes_step(struct lw_core *core, const struct lw_events *e)
{
    for (unsigned i = 0; i < 2; i++) {
        bool push = e->word && e->narrow == i,
             pop = e->y_beat && lw_gearbox_valid(&core->y_boxes[i]);
        if (push || pop)
            lw_gearbox_step(&core->y_boxes[i], push, e->word_last, pop, false);
    }
}

static inline void lw_writer_step(struct lw_core *core, const struct lw_events *e)
{
    struct lw_beat_writer *w = &core->writer;
    const struct lw_dram *dram = &core->dram;
    bool asked = w->state == LW_WRITER_ASK && dram->ready;
    bool gathered = w->state == LW_WRITER_GATHER && w->left != 0 && w->flight != 8 &&
                    w->level >= lw_writer_beats(w);
    w->level += e->y_beat;
    w->level -= e->w_sent;
    w->flight -= dram->b_valid;
    if (w->state == LW_WRITER_IDLE && lw_queued(core, LW_UNIT_Y)) {
        const struct lw_job *job = &lw_take(core, LW_UNIT_Y)->job;
        w->state = LW_WRITER_GATHER;
        w->at = job->y_address / dram->beat_bytes;
        w->left = job->y_beats;
    } else if (e->y_done) {
        w->state = LW_WRITER_IDLE;
    } else if (gathered) {
        w->state = LW_WRITER_ASK;
    } else if (asked) {
        uint32_t beats = lw_writer_beats(w);
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

/* Port 1; x_acts: the reader of activations and descriptors may do something. */
static inline void lw_streams_step(struct lw_core *core, const struct lw_events *e, bool x_acts)
{
    struct lw_dram *dram = &core->dram;
    bool second = core->scales_held || !core->x.ar_valid;
    bool x_taken = core->x.ar_valid && dram->ready && !second;
    bool scales_taken = core->scales.ar_valid && dram->ready && second;
    core->scales_held = core->scales.ar_valid && second && !dram->ready;
    uint32_t beat = dram->beat_bytes;
    if (x_taken)
        lw_dram_read(dram, 1, core->x.ar_at * beat, core->x.ar_beats, 0);
    if (scales_taken)
        lw_dram_read(dram, 1, core->scales.ar_at * beat, core->scales.ar_beats, 1);

    bool scales_free = core->scales.left == 0;
    bool to_scales = dram->r[1].valid && dram->r[1].id == 1;
    bool to_x = dram->r[1].valid && dram->r[1].id == 0;
    if (e->scale_beat || e->element)
        lw_gearbox_step(&core->scale_box, e->scale_beat,
                        e->scale_beat && lw_reader_last(&core->scales), e->element, e->scale_clear);
    if (e->x_beat || e->x_word)
        lw_gearbox_step(&core->x_box, e->x_beat, e->x_beat && lw_reader_last(&core->x), e->x_word,
                        e->x_last);
    lw_reader_step(&core->scales, scales_taken, to_scales, dram->r[1].last, e->scale_beat);
    if (x_acts)
        lw_reader_step(&core->x, x_taken, to_x, dram->r[1].last, e->x_beat || e->collect);
    lw_take_stream(core, &core->scales, LW_UNIT_SCALES, scales_free);
}

#endif
