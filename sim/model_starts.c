#include "sim/model_starts.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS = 1024 };

struct lw_start {
    struct lw_timing_key key;
    struct lw_core core;
};

static struct lw_start **entry_of(const struct lw_starts *starts, const struct lw_timing_key *key)
{
    return &starts->entries[key->halves[0] % SLOTS];
}

/* Takes the longest beginning that is known. */
static void resume(const struct lw_starts_run *run, struct lw_core *core)
{
    for (size_t i = run->count; i-- > 0;) {
        const struct lw_start *entry = *entry_of(run->starts, &run->keys[i]);
        if (!entry || memcmp(&entry->key, &run->keys[i], sizeof entry->key) != 0)
            continue;
        struct lw_sim_memory memory = core->memory;
        *core = entry->core;
        core->memory = memory;
        core->front.address =
            run->list + (uint32_t)(i + 1) * (uint32_t)lw_job_stride(&core->engine);
        core->front.state = i + 1 == run->count ? LW_DONE : LW_ASK;
        return;
    }
}

enum lw_status lw_starts_begin(struct lw_starts *starts, const struct lw_sim_run *list,
                               struct lw_core *core, struct lw_starts_run *run,
                               struct lw_error *error)
{
    *run = (struct lw_starts_run){.starts = starts, .list = list->list};
    size_t stride = lw_job_stride(&core->engine);
    const uint8_t *line = core->memory.data + list->list;
    for (run->count = 1; !lw_descriptor_is_last(line); line += stride)
        run->count++;
    if (!starts->entries)
        starts->entries = calloc(SLOTS, sizeof(struct lw_start *));
    run->keys = calloc(run->count, sizeof *run->keys);
    if (!starts->entries || !run->keys)
        return lw_fail(error, LW_FAILED, "out of memory for the beginnings of lists");
    lw_timing_keys(&core->engine, list, core->memory, run->keys, run->count);
    resume(run, core);
    return LW_OK;
}

void lw_starts_add(struct lw_starts_run *run, const struct lw_core *core)
{
    size_t read = (core->front.address - run->list) / lw_job_stride(&core->engine);
    struct lw_start **entry = entry_of(run->starts, &run->keys[read - 1]);
    if (!*entry && !(*entry = malloc(sizeof **entry)))
        return; /* then it is not known */
    (*entry)->key = run->keys[read - 1];
    (*entry)->core = *core;
}

void lw_starts_end(struct lw_starts_run *run)
{
    free(run->keys);
}

void lw_starts_free(struct lw_starts *starts)
{
    for (size_t i = 0; starts->entries && i < SLOTS; i++)
        free(starts->entries[i]);
    free(starts->entries);
    *starts = (struct lw_starts){0};
}
