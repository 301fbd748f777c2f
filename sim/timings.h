/* What lists took, kept by what alone decides it: engine, memory, seed and the list's descriptors.
 * The counters of a list do not depend on weights or activations. */
#ifndef LW_SIM_TIMINGS_H
#define LW_SIM_TIMINGS_H

#include "gen/stream.h"
#include "sim/rtl.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zero-initialise; lw_timings_free. */
struct lw_timings {
    struct lw_timing *slots; /* a hash table of `capacity`, a power of two, or NULL */
    size_t count, capacity;
};
struct lw_timing_key {
    uint64_t halves[2]; /* both 0: no key */
};

/* The key of a checked list. Ideal memory has no rows, so that there an address counts only within
 * its 4 KB, which bursts do not cross, and that of a descriptor not at all. Elsewhere, where
 * weights share no row with anything else, they may lie any number of times all banks' rows further
 * on. */
struct lw_timing_key lw_timing_key(const struct lw_engine *engine, const struct lw_sim_run *run,
                                   struct lw_sim_memory memory);
/* Of the beginnings of a list: keys[i] is that of its first i + 1 descriptors, whether
 * these are the list or there are more. */
void lw_timing_keys(const struct lw_engine *engine, const struct lw_sim_run *run,
                    struct lw_sim_memory memory, struct lw_timing_key *keys, size_t count);
bool lw_descriptor_is_last(const uint8_t *line);
/* Of a descriptor: blanks what is for people, its CRC, and the parts of addresses that do not
 * matter under ideal memory. */
void lw_descriptor_shorten(const struct lw_engine *engine, uint32_t words[LW_JOB_BYTES / 4],
                           bool ideal);
/* What matters of where some beats lie: how bursts of 16 beats meet the end of 4 KB, where they
 * do. `at` and `page` are in beats. */
uint32_t lw_place_shorten(uint32_t at, uint32_t beats, uint32_t page);
uint32_t lw_address_shorten(const struct lw_engine *engine, uint32_t address, uint32_t beats);
bool lw_timings_find(const struct lw_timings *timings, struct lw_timing_key key,
                     struct lw_sim_counts *counts);
/* A key that is not there. LW_FAILED without memory. */
enum lw_status lw_timings_add(struct lw_timings *timings, struct lw_timing_key key,
                              const struct lw_sim_counts *counts, struct lw_error *error);
void lw_timings_free(struct lw_timings *timings);

#endif
