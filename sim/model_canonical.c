/* The canonical form of a state under ideal memory. */
#include "sim/model_passes.h"
#include "sim/timings.h"

#include <string.h>

static void rotate_queue(struct lw_dram_queue *queue, uint64_t now)
{
    struct lw_dram_queue old = *queue;
    memset(queue, 0, sizeof *queue);
    for (uint32_t i = 0; i < old.count; i++) {
        struct lw_dram_request request = old.entries[(old.first + i) % LW_DRAM_QUEUE];
        request.ready = request.ready > now ? request.ready - now : 0;
        request.address = 0; /* ideal memory does not look at it */
        queue->entries[queue->count++] = request;
    }
}

static void rotate_dram(struct lw_dram *dram)
{
    uint64_t answers[LW_DRAM_QUEUE] = {0};
    for (uint32_t i = 0; i < dram->answer_count; i++) {
        uint64_t at = dram->answers[(dram->answer_first + i) % LW_DRAM_QUEUE];
        answers[i] = at > dram->now ? at - dram->now : 0;
    }
    memcpy(dram->answers, answers, sizeof answers);
    dram->answer_first = 0;
    for (size_t q = 0; q < 3; q++)
        rotate_queue(&dram->queues[q], dram->now);
    memset(dram->r, 0, sizeof dram->r);
    dram->ready = dram->w_ready = dram->b_valid = false;
    dram->now = 0;
}

static void rotate_reader(struct lw_reader *r)
{
    uint32_t jobs[8] = {0};
    for (uint32_t i = 0; i < r->job_count; i++)
        jobs[i] = r->jobs[(r->first_job + i) % 8];
    memcpy(r->jobs, jobs, sizeof jobs);
    r->first_job = 0;
    r->at = lw_place_shorten(r->at, r->left, r->page);
    r->ar_at = 0;
    r->ar_beats = r->ar_valid ? r->ar_beats : 0;
}

static void shorten_job(const struct lw_engine *e, struct lw_job *job)
{
    job->tag = job->rows = job->columns = 0;
    job->x_address = lw_address_shorten(e, job->x_address, job->x_beats);
    job->key_address = lw_address_shorten(e, job->key_address, job->key_beats);
    job->scale_address = lw_address_shorten(e, job->scale_address, job->scale_beats);
    job->y_address = lw_address_shorten(e, job->y_address, job->y_beats);
}

static void rotate_jobs(struct lw_core *core)
{
    struct lw_issued jobs[LW_MODEL_JOBS];
    uint32_t first = core->issued;
    for (size_t unit = 0; unit < LW_UNITS; unit++)
        if (core->taken[unit] < first)
            first = core->taken[unit];
    memset(jobs, 0, sizeof jobs);
    for (uint32_t i = first; i < core->issued; i++) {
        jobs[i - first] = core->jobs[i % LW_MODEL_JOBS];
        shorten_job(&core->engine, &jobs[i - first].job);
        jobs[i - first].job.last = false; /* only the front looks at it */
    }
    memcpy(core->jobs, jobs, sizeof jobs);
    core->issued -= first;
    for (size_t unit = 0; unit < LW_UNITS; unit++)
        core->taken[unit] -= first;
}

void lw_core_make_canonical(struct lw_core *core)
{
    struct lw_drain *d = &core->drain;
    bool last[LW_CREDITS] = {false}, narrow[LW_CREDITS] = {false};
    for (uint32_t i = 0; i < d->words; i++) {
        last[i] = d->last_words[(d->first_word + i) % LW_CREDITS];
        narrow[i] = d->narrow_words[(d->first_word + i) % LW_CREDITS];
    }
    memcpy(d->last_words, last, sizeof last);
    memcpy(d->narrow_words, narrow, sizeof narrow);
    d->first_word = 0;
    rotate_dram(&core->dram);
    rotate_reader(&core->keys);
    rotate_reader(&core->scales);
    rotate_reader(&core->x);
    rotate_jobs(core);
    core->writer.at = lw_place_shorten(core->writer.at, core->writer.left, core->writer.page);
    if (core->front.state == LW_DONE || core->front.state == LW_ASK)
        memset(&core->front.job, 0, sizeof core->front.job);
    else
        shorten_job(&core->engine, &core->front.job);
}
