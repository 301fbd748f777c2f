/* The front, which reads descriptors, and the load of activations. In a header for the reason of
 * sim/model_steps.h. */
#ifndef LW_SIM_MODEL_FRONT_H
#define LW_SIM_MODEL_FRONT_H

#include "sim/model_steps.h"

static inline bool lw_units_ready(const struct lw_core *core)
{
    for (unsigned unit = 0; unit < LW_UNITS; unit++)
        if (core->issued - core->taken[unit] == 4)
            return false;
    return true;
}

static inline void lw_front_events(const struct lw_core *core, struct lw_events *e)
{
    const struct lw_front *f = &core->front;
    e->x_free = core->x.left == 0;
    e->loading = core->loader.loading;
    e->issue =
        f->state == LW_ISSUE && (!f->job.load_x || !f->busy[!f->half]) && lw_units_ready(core);
    e->load = e->issue && f->job.load_x;
    e->x_beat = core->loader.loading && core->x.level != 0 && lw_gearbox_ready(&core->x_box);
    e->collect = f->state == LW_COLLECT && core->x.level != 0;
    e->x_word = core->loader.loading && lw_gearbox_valid(&core->x_box);
    e->x_last = e->x_word && core->loader.left == 1;
}

static inline void lw_front_step(struct lw_core *core, const struct lw_events *e)
{
    struct lw_front *f = &core->front;
    if (e->x_done)
        f->busy[e->x_half] = false;
    switch (f->state) {
    case LW_ASK:
        if (!e->x_free)
            break;
        lw_reader_take_job(&core->x, f->address / core->dram.beat_bytes, f->beats);
        /* the list was checked */
        lw_job_decode(core->memory.data + f->address, &f->job, NULL);
        f->address += (uint32_t)lw_job_stride(&core->engine);
        f->collected = f->word = 0;
        f->state = LW_COLLECT;
        break;
    case LW_COLLECT:
        if (e->collect && ++f->collected == f->beats)
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

static inline void lw_loader_step(struct lw_core *core, const struct lw_events *e)
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

#endif
