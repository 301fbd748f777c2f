/* The units of the engine as the C model steps them; each mirrors one module of rtl/. */
#ifndef LW_SIM_MODEL_UNITS_H
#define LW_SIM_MODEL_UNITS_H

#include "gen/stream.h"
#include "sim/dram.h"
#include "sim/rtl.h"

#include <stdbool.h>
#include <stdint.h>

enum { LW_CREDITS = 4, LW_DEPTH = 32, LW_BURST = 16 }; /* results, beats, beats */

/* lw_gearbox: bits held */
struct lw_gearbox {
    uint32_t in, out, fill;
    bool flush, last; /* a gearbox is empty where fill is 0 */
};

static inline bool lw_gearbox_valid(const struct lw_gearbox *g)
{
    return g->fill >= g->out || (g->flush && g->last);
}

static inline bool lw_gearbox_ready(const struct lw_gearbox *g)
{
    return !g->last && g->fill <= 2 * g->out;
}

static inline void lw_gearbox_step(struct lw_gearbox *g, bool push, bool last, bool pop, bool clear)
{
    bool done = pop && (clear || (g->flush && g->last && g->fill <= g->out));
    if (done)
        g->fill = 0;
    else if (pop)
        g->fill -= g->out;
    if (push) {
        g->fill += g->in;
        g->last = last;
    } else if (done) {
        g->last = false;
    }
}

/* lw_reader: `at` counts beats. The FIFO's beats are those of the jobs in `jobs`, in order. */
struct lw_reader {
    uint32_t at, left, free, level, flight, page; /* page: beats in 4 KB */
    bool ar_valid;
    uint32_t ar_at, ar_beats;
    uint32_t jobs[8], first_job, job_count; /* beats that the consumer has yet to take */
};

static inline void lw_reader_take_job(struct lw_reader *r, uint32_t at, uint32_t beats)
{
    r->at = at;
    r->left = beats;
    r->jobs[(r->first_job + r->job_count++) % 8] = beats;
}

static inline bool lw_reader_last(const struct lw_reader *r)
{
    return r->jobs[r->first_job] == 1;
}

/* Beats of its next burst */
static inline uint32_t lw_reader_beats(const struct lw_reader *r)
{
    uint32_t to_page = r->page - (r->at & (r->page - 1));
    uint32_t beats = to_page < LW_BURST ? to_page : LW_BURST;
    return r->left < beats ? r->left : beats;
}

static inline void lw_reader_step(struct lw_reader *r, bool ar_taken, bool beat, bool beat_last,
                                  bool pop)
{
    if (!r->ar_valid && r->left == 0 && !beat && !pop)
        return;
    bool may_ask = !r->ar_valid && r->left != 0 && r->flight != 8 && r->free != 0;
    uint32_t beats = may_ask ? lw_reader_beats(r) : 0;
    if (ar_taken)
        r->ar_valid = false;
    if (may_ask && r->free >= beats) {
        r->ar_valid = true;
        r->ar_at = r->at;
        r->ar_beats = beats;
        r->at += beats;
        r->left -= beats;
        r->free -= beats;
        r->flight++;
    }
    r->flight -= beat && beat_last;
    r->level += beat;
    if (pop) {
        r->level--;
        r->free++;
        if (--r->jobs[r->first_job] == 0) {
            r->first_job = (r->first_job + 1) % 8;
            r->job_count--;
        }
    }
}

/* lw_front */
enum lw_front_state { LW_IDLE, LW_ASK, LW_COLLECT, LW_CHECK, LW_ISSUE, LW_FILL, LW_DONE };
struct lw_front {
    enum lw_front_state state;
    uint32_t address, beats, collected, word; /* beats of a descriptor */
    struct lw_job job;                        /* collected last */
    bool half, busy[2], asking;
};

/* lw_activations and lw_builder */
struct lw_loader {
    bool loading, half;
    uint32_t left, level[2]; /* words */
};
struct lw_builder {
    bool active, x_half, x_free, write;
    uint32_t tiles, passes_left, tile, table, address;
    uint32_t begun, ready;
    uint32_t delay, gap; /* of tables in LUTRAM; cycles in which nothing is read yet */
    uint32_t written;    /* last writes of tiles: bit i was i cycles ago */
};

/* lw_control */
enum { LW_STAGE_LAST = 1, LW_STAGE_BANK = 2 }; /* the last step of a pass; into bank 1 */
struct lw_control {
    bool active, bank;
    uint32_t tiles, passes_left, pass_slots, last_slots, tile, slot;
    bool taken[2], full[2];
    uint32_t look, add; /* of the steps in these stages */
};

/* lw_drain, with the results' FIFO */
struct lw_drain {
    bool active, bank, bias;
    uint32_t planes, plane, bias_words, bias_word;
    uint32_t passes_left, pass_blocks, last_blocks, block, group, credits;
    bool term, term_end, term_last, result, result_last;
    uint32_t words, first_word; /* results in the FIFO */
    bool narrow, term_narrow, result_narrow;
    bool last_words[LW_CREDITS], narrow_words[LW_CREDITS];
};

/* lw_writer */
enum lw_writer_state { LW_WRITER_IDLE, LW_WRITER_GATHER, LW_WRITER_ASK, LW_WRITER_SEND };
struct lw_beat_writer {
    enum lw_writer_state state;
    uint32_t at, left, burst, flight, level, page;
};

/* A job on its way: every unit takes the jobs in turn from a queue of at most 4. */
enum {
    LW_UNIT_KEYS,
    LW_UNIT_SCALES,
    LW_UNIT_BUILD,
    LW_UNIT_STEPS,
    LW_UNIT_DRAIN,
    LW_UNIT_Y,
    LW_UNITS
};
enum { LW_MODEL_JOBS = 8 };
struct lw_issued {
    struct lw_job job;
    bool half;
};

struct lw_core {
    struct lw_engine engine;
    struct lw_dram dram;
    struct lw_sim_memory memory;
    uint64_t counts[LW_COUNTERS];

    /* from here on, with the queues of dram, all that matters for what comes next */
    struct lw_front front;
    struct lw_issued jobs[LW_MODEL_JOBS];
    uint32_t issued, taken[LW_UNITS], unfinished;
    struct lw_reader keys, scales, x;
    struct lw_gearbox key_box, scale_box, x_box, y_boxes[2]; /* y: wide, narrow */
    bool scales_held;                                        /* lw_arbiter */
    struct lw_loader loader;
    struct lw_builder builder;
    struct lw_control control;
    struct lw_drain drain;
    struct lw_beat_writer writer;
};

void lw_core_reset(struct lw_core *core, const struct lw_engine *engine,
                   const struct lw_dram_timing *timing, uint64_t seed, uint32_t list);
/* Runs the list to its end. With passes (sim/model_passes.h), those that are known are not run;
 * starts (sim/model_starts.h) are added to; NULL: without. */
struct lw_passes_run;
struct lw_starts_run;
void lw_core_run(struct lw_core *core, struct lw_passes_run *passes, struct lw_starts_run *starts);

#endif
