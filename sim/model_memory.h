/* The memory of sim/dram.h for the C model: the same cycles, with what changes in each of them in
 * registers, and the rare ones left to lw_dram_cycle. */
#ifndef LW_SIM_MODEL_MEMORY_H
#define LW_SIM_MODEL_MEMORY_H

#include "sim/dram.h"

#define LW_INLINE static inline __attribute__((always_inline))

struct lw_bus {
    uint64_t now, rare; /* before cycle `rare` the memory only serves queues */
    uint64_t blocked;   /* until then */
    uint32_t tokens;
};

/* In this cycle, from the memory */
struct lw_given {
    bool keys, keys_last, port1, port1_last, answer;
    uint32_t id;
    bool ready, write_ready;
};

/* When the memory does anything but serve queues */
LW_INLINE uint64_t lw_bus_rare(const struct lw_dram *dram)
{
    uint64_t rare = dram->next_stall < dram->next_refresh ? dram->next_stall : dram->next_refresh;
    if (dram->now + 1 < dram->stalled_until)
        return dram->now + 1;
    if (dram->answer_count && dram->answers[dram->answer_first] < rare)
        return dram->answers[dram->answer_first];
    return rare;
}

LW_INLINE bool lw_bus_can(const struct lw_dram *dram, uint64_t now, uint32_t q)
{
    const struct lw_dram_queue *queue = &dram->queues[q];
    return queue->count != 0 && queue->entries[queue->first].ready <= now &&
           (q != 2 || dram->buffered != 0);
}

LW_INLINE bool lw_bus_serve(struct lw_dram *dram, struct lw_bus *bus, uint32_t q,
                            struct lw_given *given)
{
    struct lw_dram_queue *queue = &dram->queues[q];
    struct lw_dram_request *request = &queue->entries[queue->first];
    uint32_t id = request->id;
    bool last = --request->beats == 0;
    request->address += dram->beat_bytes;
    if (last) {
        queue->first = (queue->first + 1) % LW_DRAM_QUEUE;
        queue->count--;
    }
    if (q == 0) {
        given->keys = true;
        given->keys_last = last;
    } else if (q == 1) {
        given->port1 = true;
        given->port1_last = last;
        given->id = id;
    } else {
        dram->buffered--;
        if (last) {
            uint64_t at = bus->now + dram->timing.latency;
            dram->answers[(dram->answer_first + dram->answer_count++) % LW_DRAM_QUEUE] = at;
            bus->rare = at < bus->rare ? at : bus->rare;
        }
    }
    return last;
}

LW_INLINE void lw_bus_serve_shared(struct lw_dram *dram, struct lw_bus *bus, struct lw_given *given)
{
    bus->tokens += dram->timing.rate;
    if (bus->tokens > 2 * LW_DRAM_TOKEN)
        bus->tokens = 2 * LW_DRAM_TOKEN;
    if (bus->now < bus->blocked || bus->tokens < LW_DRAM_TOKEN)
        return;
    uint32_t q = dram->preferred, tried = 0;
    while (!lw_bus_can(dram, bus->now, q)) {
        if (++tried == 3)
            return;
        q = q == 2 ? 0 : q + 1;
    }
    const struct lw_dram_queue *queue = &dram->queues[q];
    uint32_t wait = lw_dram_turn(dram, queue->entries[queue->first].address, q == 2);
    dram->preferred = q;
    bus->blocked = bus->now + wait;
    if (wait)
        return;
    bus->tokens -= LW_DRAM_TOKEN;
    bool last = q == 0 ? lw_bus_serve(dram, bus, 0, given) : lw_bus_serve(dram, bus, q, given);
    if (last)
        dram->preferred = q == 2 ? 0 : q + 1;
}

/* As lw_dram_cycle, which has the rare cases */
LW_INLINE void lw_bus_cycle(struct lw_dram *dram, struct lw_bus *bus, bool shared,
                            struct lw_given *given)
{
    dram->now = bus->now++;
    if (bus->now >= bus->rare) {
        dram->tokens = bus->tokens;
        dram->blocked_until = bus->blocked;
        lw_dram_cycle(dram);
        bus->tokens = dram->tokens;
        bus->blocked = dram->blocked_until;
        bus->rare = lw_bus_rare(dram);
        given->keys = dram->r[0].valid;
        given->keys_last = dram->r[0].valid && dram->r[0].last;
        given->port1 = dram->r[1].valid;
        given->port1_last = dram->r[1].last;
        given->id = dram->r[1].id;
        given->answer = dram->b_valid;
        given->ready = dram->ready;
        given->write_ready = dram->w_ready;
        return;
    }
    dram->now = bus->now;
    given->keys = given->keys_last = given->port1 = given->port1_last = given->answer = false;
    given->id = 0;
    given->ready = true;
    if (shared)
        lw_bus_serve_shared(dram, bus, given);
    else
        for (uint32_t q = 0; q < 3; q++)
            if (lw_bus_can(dram, bus->now, q))
                lw_bus_serve(dram, bus, q, given);
    given->write_ready = dram->buffered < LW_DRAM_BUFFER;
}

/* From the state, and back into it */
LW_INLINE struct lw_bus lw_bus_take(const struct lw_dram *dram)
{
    return (struct lw_bus){dram->now, lw_bus_rare(dram), dram->blocked_until, dram->tokens};
}

LW_INLINE void lw_bus_give(struct lw_dram *dram, const struct lw_bus *bus)
{
    dram->now = bus->now;
    dram->blocked_until = bus->blocked;
    dram->tokens = bus->tokens;
}

#endif
