/* A DRAM behind two AXI read ports and one write port, to the cycle; the RTL's harness and the C
 * model share it. It keeps times, not bytes.
 *
 * In each cycle: lw_dram_cycle() says what the memory offers in this cycle; then the caller tells
 * what the engine hands over at the end of the cycle. Data returns in the order of its requests, a
 * port at a time; the engine never holds returned beats up. */
#ifndef LW_SIM_DRAM_H
#define LW_SIM_DRAM_H

#include <stdbool.h>
#include <stdint.h>

/* All in engine cycles. */
struct lw_dram_timing {
    char name[16];
    bool shared;          /* ports share one bus of `rate`; else each gets a beat a cycle */
    uint32_t latency;     /* from a request to its first beat */
    uint32_t rate;        /* shared: beats in 256 cycles, at most 256 */
    uint32_t row;         /* opening another row of a bank (8 banks of 2 KB rows) */
    uint32_t turn;        /* from reading to writing or back */
    uint32_t refresh;     /* between refreshes; 0: none */
    uint32_t refresh_for; /* what a refresh takes */
    uint32_t stall;       /* mean cycles between random stalls; 0: none */
    uint32_t stall_most;  /* longest random stall */
};

enum {
    LW_DRAM_QUEUE = 16,
    LW_DRAM_BANKS = 8,
    LW_DRAM_ROW_BYTES = 2048,
    LW_DRAM_BUFFER = 32,
    LW_DRAM_TOKEN = 256 /* what a beat costs of a shared bus */
};

struct lw_dram_request {
    uint64_t ready; /* first cycle in which it can be served */
    uint32_t address, beats, id;
};

struct lw_dram_queue {
    struct lw_dram_request entries[LW_DRAM_QUEUE];
    uint32_t first, count;
};

struct lw_dram {
    struct lw_dram_timing timing;
    uint32_t beat_bytes;
    uint64_t now, random;

    /* What the memory offers in this cycle */
    bool ready;   /* takes a request of each kind */
    bool w_ready; /* takes a beat to write */
    bool b_valid; /* a written burst is answered */
    struct {
        bool valid, last;
        uint32_t address, id;
    } r[2];

    struct lw_dram_queue queues[3]; /* reads of port 0 and 1, writes */
    uint32_t buffered;              /* beats taken and not yet written */
    uint64_t answers[LW_DRAM_QUEUE];
    uint32_t answer_first, answer_count;
    uint32_t preferred, tokens; /* the queue that has the bus, or is asked first */
    bool writing;
    uint64_t blocked_until, next_refresh, next_stall, stalled_until;
    uint32_t rows[LW_DRAM_BANKS];
};

/* "ideal", "typical" (0.8 of the bus) or "poor" (0.5, with random stalls); false where there is
 * none of this name. */
bool lw_dram_timing_named(const char *name, struct lw_dram_timing *timing);

void lw_dram_reset(struct lw_dram *dram, const struct lw_dram_timing *timing, uint32_t beat_bytes,
                   uint64_t seed);
void lw_dram_cycle(struct lw_dram *dram);
void lw_dram_read(struct lw_dram *dram, uint32_t port, uint32_t address, uint32_t beats,
                  uint32_t id);
void lw_dram_write(struct lw_dram *dram, uint32_t address, uint32_t beats);
void lw_dram_write_beat(struct lw_dram *dram);

/* Turns the shared bus to a request's row; gives the cycles that this takes. */
static inline uint32_t lw_dram_turn(struct lw_dram *dram, uint32_t address, bool write)
{
    uint32_t row = address / LW_DRAM_ROW_BYTES, wait = 0;
    uint32_t *open = &dram->rows[row % LW_DRAM_BANKS];
    if (write != dram->writing)
        wait += dram->timing.turn;
    if (*open != row)
        wait += dram->timing.row;
    *open = row;
    dram->writing = write;
    return wait;
}

#endif
