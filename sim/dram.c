/* The timing of the memory. */
#include "sim/dram.h"

#include <assert.h>
#include <string.h>

enum { TOKEN = LW_DRAM_TOKEN, NO_ROW = UINT32_MAX, WRITES = 2 };

bool lw_dram_timing_named(const char *name, struct lw_dram_timing *timing)
{
    static const struct lw_dram_timing timings[] = {
        {.name = "ideal", .latency = 20},
        {.name = "typical",
         .shared = true,
         .latency = 40,
         .rate = 205,
         .row = 2,
         .turn = 4,
         .refresh = 3900,
         .refresh_for = 100},
        {.name = "poor",
         .shared = true,
         .latency = 80,
         .rate = 128,
         .row = 6,
         .turn = 8,
         .refresh = 1950,
         .refresh_for = 100,
         .stall = 60,
         .stall_most = 12},
    };
    for (size_t i = 0; i < sizeof timings / sizeof *timings; i++)
        if (strcmp(name, timings[i].name) == 0) {
            *timing = timings[i];
            return true;
        }
    return false;
}

static uint32_t draw(struct lw_dram *dram, uint32_t below)
{
    dram->random = dram->random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((dram->random >> 33) % below);
}

void lw_dram_reset(struct lw_dram *dram, const struct lw_dram_timing *timing, uint32_t beat_bytes,
                   uint64_t seed)
{
    memset(dram, 0, sizeof *dram);
    dram->timing = *timing;
    dram->beat_bytes = beat_bytes;
    dram->random = seed * 0x9e3779b97f4a7c15u + 1;
    dram->next_refresh = timing->refresh ? timing->refresh : UINT64_MAX;
    dram->next_stall = timing->stall ? 1 + draw(dram, 2 * timing->stall) : UINT64_MAX;
    for (uint32_t bank = 0; bank < LW_DRAM_BANKS; bank++)
        dram->rows[bank] = NO_ROW;
}

static struct lw_dram_request *head(struct lw_dram_queue *queue)
{
    return &queue->entries[queue->first];
}

static void push(struct lw_dram_queue *queue, struct lw_dram_request request)
{
    assert(queue->count < LW_DRAM_QUEUE);
    queue->entries[(queue->first + queue->count++) % LW_DRAM_QUEUE] = request;
}

/* Takes one beat from the queue's first request; true where it was the last. */
static bool take_beat(struct lw_dram *dram, struct lw_dram_queue *queue)
{
    struct lw_dram_request *request = head(queue);
    request->address += dram->beat_bytes;
    if (--request->beats > 0)
        return false;
    queue->first = (queue->first + 1) % LW_DRAM_QUEUE;
    queue->count--;
    return true;
}

static bool can_serve(struct lw_dram *dram, uint32_t q)
{
    struct lw_dram_queue *queue = &dram->queues[q];
    return queue->count > 0 && head(queue)->ready <= dram->now &&
           (q != WRITES || dram->buffered > 0);
}

static void serve(struct lw_dram *dram, uint32_t q)
{
    struct lw_dram_queue *queue = &dram->queues[q];
    if (q == WRITES) {
        dram->buffered--;
        if (take_beat(dram, queue)) {
            uint32_t at = (dram->answer_first + dram->answer_count++) % LW_DRAM_QUEUE;
            dram->answers[at] = dram->now + dram->timing.latency;
        }
        return;
    }
    dram->r[q].valid = true;
    dram->r[q].address = head(queue)->address;
    dram->r[q].id = head(queue)->id;
    dram->r[q].last = take_beat(dram, queue);
}

/* The bus stays with a queue until its burst is over; then the next queue that has work gets it. */
static bool choose(struct lw_dram *dram, uint32_t *chosen)
{
    for (uint32_t i = 0; i < 3; i++) {
        uint32_t q = (dram->preferred + i) % 3;
        if (can_serve(dram, q)) {
            *chosen = q;
            return true;
        }
    }
    return false;
}

/* Whether the bus must wait before the next beat of q, and begins to. */
static bool must_wait(struct lw_dram *dram, uint32_t q)
{
    uint32_t wait = lw_dram_turn(dram, head(&dram->queues[q])->address, q == WRITES);
    dram->preferred = q;
    dram->blocked_until = dram->now + wait;
    return wait > 0;
}

static void serve_shared(struct lw_dram *dram)
{
    uint32_t q;
    dram->tokens += dram->timing.rate;
    if (dram->tokens > 2 * TOKEN)
        dram->tokens = 2 * TOKEN;
    if (dram->now >= dram->next_refresh) {
        dram->next_refresh += dram->timing.refresh;
        dram->blocked_until = dram->now + dram->timing.refresh_for;
        for (uint32_t bank = 0; bank < LW_DRAM_BANKS; bank++)
            dram->rows[bank] = NO_ROW;
    }
    if (dram->now < dram->blocked_until || dram->tokens < TOKEN || !choose(dram, &q) ||
        must_wait(dram, q))
        return;
    uint32_t count = dram->queues[q].count;
    dram->tokens -= TOKEN;
    serve(dram, q);
    if (dram->queues[q].count < count)
        dram->preferred = (q + 1) % 3;
}

static bool stalled(struct lw_dram *dram)
{
    if (dram->now >= dram->next_stall) {
        dram->stalled_until = dram->now + 1 + draw(dram, dram->timing.stall_most);
        dram->next_stall = dram->stalled_until + 1 + draw(dram, 2 * dram->timing.stall);
    }
    return dram->now < dram->stalled_until;
}

void lw_dram_cycle(struct lw_dram *dram)
{
    dram->now++;
    dram->r[0].valid = dram->r[1].valid = dram->b_valid = false;
    dram->ready = dram->w_ready = false;
    if (stalled(dram))
        return;
    if (dram->answer_count > 0 && dram->answers[dram->answer_first] <= dram->now) {
        dram->answer_first = (dram->answer_first + 1) % LW_DRAM_QUEUE;
        dram->answer_count--;
        dram->b_valid = true;
    }
    if (dram->timing.shared)
        serve_shared(dram);
    else
        for (uint32_t q = 0; q < 3; q++)
            if (can_serve(dram, q))
                serve(dram, q);
    dram->ready = true;
    dram->w_ready = dram->buffered < LW_DRAM_BUFFER;
}

void lw_dram_read(struct lw_dram *dram, uint32_t port, uint32_t address, uint32_t beats,
                  uint32_t id)
{
    push(&dram->queues[port],
         (struct lw_dram_request){dram->now + dram->timing.latency, address, beats, id});
}

void lw_dram_write(struct lw_dram *dram, uint32_t address, uint32_t beats)
{
    push(&dram->queues[WRITES], (struct lw_dram_request){dram->now, address, beats, 0});
}

void lw_dram_write_beat(struct lw_dram *dram)
{
    dram->buffered++;
}
