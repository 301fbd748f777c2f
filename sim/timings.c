#include "sim/timings.h"

#include "models/hash.h"
#include "sim/dram.h"

#include <stdlib.h>
#include <string.h>

enum {
    LAST = 16, /* of a descriptor's first word */
    BANKS = LW_DRAM_BANKS * LW_DRAM_ROW_BYTES
};

struct lw_timing {
    struct lw_timing_key key;
    struct lw_sim_counts counts;
};

uint32_t lw_place_shorten(uint32_t at, uint32_t beats, uint32_t page)
{
    return at % 16 == 0 || at % page + beats <= page ? 0 : at % page;
}

uint32_t lw_address_shorten(const struct lw_engine *engine, uint32_t address, uint32_t beats)
{
    uint32_t bytes = engine->bus_bits / 8;
    return bytes * lw_place_shorten(address / bytes, beats, 4096 / bytes);
}

void lw_descriptor_shorten(const struct lw_engine *engine, uint32_t words[LW_JOB_BYTES / 4],
                           bool ideal)
{
    static const unsigned char beats[4] = {13, 11, 12, 14}; /* words of x, keys, scales, y */
    words[1] = words[2] = words[3] = words[15] = 0;
    for (size_t i = 0; ideal && i < 4; i++)
        words[7 + i] = lw_address_shorten(engine, words[7 + i], words[beats[i]] & 0xffffff);
}

bool lw_descriptor_is_last(const uint8_t *line)
{
    return line[0] & LAST;
}

/* All but the descriptors */
static void hash_run(const struct lw_engine *engine, const struct lw_sim_run *run, bool ideal,
                     XXH3_state_t *state)
{
    uint32_t list = ideal ? 0 : run->list;
    XXH3_INITSTATE(state);
    XXH3_128bits_reset(state);
    XXH3_128bits_update(state, engine, sizeof *engine);
    XXH3_128bits_update(state, run->memory, strlen(run->memory));
    XXH3_128bits_update(state, &run->seed, sizeof run->seed);
    XXH3_128bits_update(state, &list, sizeof list);
}

/* Without what is masked of its first word; weights from an address on */
static void hash_descriptor(const struct lw_engine *engine, const uint8_t *line, uint32_t mask,
                            uint32_t base, bool ideal, XXH3_state_t *state)
{
    uint32_t words[LW_JOB_BYTES / 4];
    memcpy(words, line, sizeof words);
    words[0] &= ~mask;
    words[8] -= base;
    words[9] -= base;
    lw_descriptor_shorten(engine, words, ideal);
    XXH3_128bits_update(state, words, sizeof words);
}

static struct lw_timing_key key_of(const XXH3_state_t *state)
{
    XXH128_hash_t digest = XXH3_128bits_digest(state);
    return (struct lw_timing_key){{digest.low64, digest.high64}};
}

/* Whether all keys and scales lie in rows of the memory below those of the list, its x and y. */
static bool weights_apart(const struct lw_engine *engine, const struct lw_sim_run *run,
                          struct lw_sim_memory memory)
{
    uint64_t first = run->list / LW_DRAM_ROW_BYTES * LW_DRAM_ROW_BYTES, beat = engine->bus_bits / 8;
    struct lw_job job = {.last = false};
    for (size_t at = run->list; !job.last; at += lw_job_stride(engine)) {
        lw_job_decode(memory.data + at, &job, NULL); /* the list was checked */
        if (job.key_address + beat * job.key_beats > first ||
            job.scale_address + beat * job.scale_beats > first || job.y_address < first ||
            (job.load_x && job.x_address < first))
            return false;
    }
    return true;
}

struct lw_timing_key lw_timing_key(const struct lw_engine *engine, const struct lw_sim_run *run,
                                   struct lw_sim_memory memory)
{
    XXH3_state_t state;
    bool last = false, ideal = strcmp(run->memory, "ideal") == 0;
    bool apart = !ideal && weights_apart(engine, run, memory);
    const uint8_t *line = memory.data + run->list;
    struct lw_job job;
    lw_job_decode(line, &job, NULL); /* the list was checked */
    uint32_t base = apart ? job.key_address / BANKS * BANKS : 0;
    hash_run(engine, run, ideal, &state);
    XXH3_128bits_update(&state, &apart, sizeof apart);
    for (; !last; line += lw_job_stride(engine)) {
        last = lw_descriptor_is_last(line);
        hash_descriptor(engine, line, 0, base, ideal, &state);
    }
    return key_of(&state);
}

void lw_timing_keys(const struct lw_engine *engine, const struct lw_sim_run *run,
                    struct lw_sim_memory memory, struct lw_timing_key *keys, size_t count)
{
    XXH3_state_t state;
    bool ideal = strcmp(run->memory, "ideal") == 0;
    const uint8_t *line = memory.data + run->list;
    hash_run(engine, run, ideal, &state);
    for (size_t i = 0; i < count; i++, line += lw_job_stride(engine)) {
        hash_descriptor(engine, line, LAST, 0, ideal, &state);
        keys[i] = key_of(&state);
    }
}

/* The slot of a key, or the one where it belongs. */
static struct lw_timing *slot_of(const struct lw_timings *timings, struct lw_timing_key key)
{
    size_t at = key.halves[0] & (timings->capacity - 1);
    for (;; at = (at + 1) & (timings->capacity - 1)) {
        struct lw_timing *slot = &timings->slots[at];
        if (memcmp(&slot->key, &key, sizeof key) == 0 ||
            (slot->key.halves[0] == 0 && slot->key.halves[1] == 0))
            return slot;
    }
}

bool lw_timings_find(const struct lw_timings *timings, struct lw_timing_key key,
                     struct lw_sim_counts *counts)
{
    const struct lw_timing *slot = timings->slots ? slot_of(timings, key) : NULL;
    if (!slot || (slot->key.halves[0] == 0 && slot->key.halves[1] == 0))
        return false;
    *counts = slot->counts;
    return true;
}

static enum lw_status grow(struct lw_timings *timings, struct lw_error *error)
{
    struct lw_timings larger = {.count = timings->count, .capacity = 2 * timings->capacity};
    if (larger.capacity == 0)
        larger.capacity = 16;
    larger.slots = calloc(larger.capacity, sizeof *larger.slots);
    if (!larger.slots)
        return lw_fail(error, LW_FAILED, "out of memory for what lists took");
    for (size_t i = 0; i < timings->capacity; i++) {
        const struct lw_timing *old = &timings->slots[i];
        if (old->key.halves[0] || old->key.halves[1])
            *slot_of(&larger, old->key) = *old;
    }
    free(timings->slots);
    *timings = larger;
    return LW_OK;
}

enum lw_status lw_timings_add(struct lw_timings *timings, struct lw_timing_key key,
                              const struct lw_sim_counts *counts, struct lw_error *error)
{
    if (2 * timings->count >= timings->capacity) {
        enum lw_status status = grow(timings, error);
        if (status != LW_OK)
            return status;
    }
    *slot_of(timings, key) = (struct lw_timing){key, *counts};
    timings->count++;
    return LW_OK;
}

void lw_timings_free(struct lw_timings *timings)
{
    free(timings->slots);
    *timings = (struct lw_timings){0};
}
