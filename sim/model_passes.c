/* Numbers that only count down to a far end are told apart only where it is near. */
#include "sim/model_passes.h"

#include "models/hash.h"

#include "sim/timings.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 16384, MOST = SLOTS / 2, FIELDS = 8, PASSES = 8, AHEAD = 2 };

struct lw_pass {
    uint64_t key[2];
    struct lw_core end;
    uint64_t counts[LW_COUNTERS]; /* what they grow by */
    uint32_t consumed[FIELDS];
    uint32_t descriptors; /* read */
    bool ended;           /* the list */
};

/* What counts down, and from where on it is far from its end. */
static void count_downs(struct lw_core *core, const struct lw_passes_run *run,
                        uint32_t *fields[FIELDS], uint32_t caps[FIELDS])
{
    uint32_t *const list[FIELDS] = {&core->keys.left,           &core->keys.jobs[0],
                                    &core->scales.left,         &core->scales.jobs[0],
                                    &core->writer.left,         &core->control.passes_left,
                                    &core->builder.passes_left, &core->drain.passes_left};
    static const unsigned char cap_of[FIELDS] = {0, 0, 1, 1, 2};
    for (size_t i = 0; i < FIELDS; i++) {
        fields[i] = list[i];
        caps[i] = i < 5 ? run->caps[cap_of[i]] : PASSES;
    }
}

/* What a key is made of */
struct text {
    uint8_t bytes[4096];
    size_t count;
};

static void add_bytes(struct text *text, const void *bytes, size_t count)
{
    memcpy(text->bytes + text->count, bytes, count);
    text->count += count;
}

/* The next descriptors that the front will read, without what does not matter. */
static void add_descriptors(const struct lw_core *core, struct text *text)
{
    const struct lw_front *f = &core->front;
    bool last = f->state == LW_DONE || (f->state != LW_ASK && f->job.last);
    const uint8_t *line = core->memory.data + f->address;
    for (size_t i = 0; i < AHEAD && !last; i++, line += lw_job_stride(&core->engine)) {
        uint32_t words[LW_JOB_BYTES / 4];
        last = line[0] >> 4 & 1;
        memcpy(words, line, sizeof words);
        lw_descriptor_shorten(&core->engine, words, true);
        add_bytes(text, words, sizeof words);
    }
}

static void add_dram(const struct lw_dram *dram, struct text *text)
{
    const uint32_t counts[5] = {dram->queues[0].count, dram->queues[1].count, dram->queues[2].count,
                                dram->answer_count, dram->buffered};
    add_bytes(text, counts, sizeof counts);
    add_bytes(text, dram->answers, dram->answer_count * sizeof *dram->answers);
    for (size_t q = 0; q < 3; q++)
        add_bytes(text, dram->queues[q].entries, counts[q] * sizeof *dram->queues[q].entries);
}

/* Of a canonical state */
static void make_key(struct lw_core *core, const struct lw_passes_run *run, uint64_t key[2])
{
    struct text text;
    uint32_t *fields[FIELDS], caps[FIELDS], values[FIELDS];
    uint32_t address = core->front.address;
    text.count = 0;
    add_descriptors(core, &text);
    count_downs(core, run, fields, caps);
    for (size_t i = 0; i < FIELDS; i++) {
        values[i] = *fields[i];
        if (values[i] > caps[i])
            *fields[i] = caps[i];
    }
    core->front.address = 0; /* no descriptor crosses 4 KB */
    add_bytes(&text, &core->engine, sizeof core->engine);
    add_bytes(&text, run->caps, sizeof run->caps);
    add_bytes(&text, &core->front, sizeof *core - offsetof(struct lw_core, front));
    add_dram(&core->dram, &text);
    for (size_t i = 0; i < FIELDS; i++)
        *fields[i] = values[i];
    core->front.address = address;
    XXH128_hash_t digest = XXH3_128bits(text.bytes, text.count);
    key[0] = digest.low64;
    key[1] = digest.high64;
}

/* The entry of a key, or the one where it belongs. */
static struct lw_pass **entry_of(const struct lw_passes *passes, const uint64_t key[2])
{
    for (size_t at = key[0] % SLOTS;; at = (at + 1) % SLOTS) {
        struct lw_pass *entry = passes->entries[at];
        if (!entry || (entry->key[0] == key[0] && entry->key[1] == key[1]))
            return &passes->entries[at];
    }
}

enum lw_status lw_passes_begin(struct lw_passes *passes, const struct lw_core *core,
                               struct lw_passes_run *run, struct lw_error *error)
{
    struct lw_job job = {0};
    const struct lw_engine *e = &core->engine;
    *run = (struct lw_passes_run){.passes = passes};
    if (!passes->entries)
        passes->entries = calloc(SLOTS, sizeof(struct lw_pass *));
    if (!passes->entries)
        return lw_fail(error, LW_FAILED, "out of memory for the passes of an engine");
    uint32_t most[3] = {0}; /* beats of a pass */
    for (uint32_t at = core->front.address; !job.last; at += (uint32_t)lw_job_stride(e)) {
        lw_job_decode(core->memory.data + at, &job, NULL); /* the list was checked */
        const uint32_t beats[3] = {job.key_beats, job.scale_beats, job.y_beats};
        uint32_t passes_less = job.passes > 1 ? job.passes - 1 : 1;
        for (size_t i = 0; i < 3; i++)
            if (beats[i] / passes_less + 1 > most[i])
                most[i] = beats[i] / passes_less + 1;
    }
    for (size_t i = 0; i < 3; i++)
        run->caps[i] = 4 * most[i] + 2 * LW_ENGINE_KEY_DEPTH;
    return LW_OK;
}

static void begin_record(struct lw_passes_run *run, struct lw_core *core)
{
    uint32_t *fields[FIELDS], caps[FIELDS];
    count_downs(core, run, fields, caps);
    for (size_t i = 0; i < FIELDS; i++)
        run->starts[i] = *fields[i];
    memcpy(run->counts, core->counts, sizeof run->counts);
    run->address = core->front.address;
    run->records = true;
}

/* Whether what came after a key was so little that the key decides it: beats asked for or taken at
 * most are those that came, and what a FIFO and 8 bursts hold. */
static bool is_decided(const struct lw_passes_run *run, const struct lw_core *core,
                       uint32_t descriptors)
{
    static const enum lw_counter beats[3] = {LW_COUNT_KEY_BEATS, LW_COUNT_SCALE_BEATS,
                                             LW_COUNT_Y_BEATS};
    bool decided = descriptors <= AHEAD;
    for (size_t i = 0; i < 3; i++) {
        uint64_t came = core->counts[beats[i]] - run->counts[beats[i]];
        decided &= came + LW_ENGINE_KEY_DEPTH + 10 * LW_BURST < run->caps[i];
    }
    return decided;
}

/* Keeps what came after run->key. */
static void end_record(struct lw_passes_run *run, struct lw_core *core, bool ended)
{
    uint32_t *fields[FIELDS], caps[FIELDS];
    uint32_t stride = (uint32_t)lw_job_stride(&core->engine);
    uint32_t descriptors = (core->front.address - run->address) / stride;
    struct lw_pass *pass;
    run->records = false;
    if (!is_decided(run, core, descriptors) || !(pass = malloc(sizeof *pass)))
        return; /* then it is not known */
    memcpy(pass->key, run->key, sizeof pass->key);
    pass->end = *core;
    pass->descriptors = descriptors;
    pass->ended = ended;
    count_downs(core, run, fields, caps);
    for (size_t i = 0; i < LW_COUNTERS; i++)
        pass->counts[i] = core->counts[i] - run->counts[i];
    for (size_t i = 0; i < FIELDS; i++)
        pass->consumed[i] = run->starts[i] - *fields[i];
    *entry_of(run->passes, run->key) = pass;
    run->passes->count++;
}

static void jump(const struct lw_passes_run *run, struct lw_core *core, const struct lw_pass *pass)
{
    uint32_t *fields[FIELDS], caps[FIELDS], values[FIELDS];
    uint64_t counts[LW_COUNTERS];
    struct lw_sim_memory memory = core->memory;
    uint32_t address =
        core->front.address + pass->descriptors * (uint32_t)lw_job_stride(&core->engine);
    count_downs(core, run, fields, caps);
    for (size_t i = 0; i < FIELDS; i++)
        values[i] = *fields[i];
    for (size_t i = 0; i < LW_COUNTERS; i++)
        counts[i] = core->counts[i] + pass->counts[i];
    *core = pass->end;
    for (size_t i = 0; i < FIELDS; i++)
        if (values[i] >= caps[i])
            *fields[i] = values[i] - pass->consumed[i];
    core->memory = memory;
    core->front.address = address;
    memcpy(core->counts, counts, sizeof counts);
}

bool lw_passes_go_on(struct lw_passes_run *run, struct lw_core *core, bool ended)
{
    lw_core_make_canonical(core);
    if (run->records)
        end_record(run, core, ended);
    while (!ended) {
        make_key(core, run, run->key);
        const struct lw_pass *pass = *entry_of(run->passes, run->key);
        if (!pass) {
            if (run->passes->count < MOST)
                begin_record(run, core);
            break;
        }
        jump(run, core, pass);
        ended = pass->ended;
    }
    return ended;
}

void lw_passes_free(struct lw_passes *passes)
{
    for (size_t i = 0; passes->entries && i < SLOTS; i++)
        free(passes->entries[i]);
    free(passes->entries);
    *passes = (struct lw_passes){0};
}
