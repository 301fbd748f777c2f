/* The parameters of the lookup-table engine (rtl/lw_engine.sv) and of the baselines that have
 * multipliers in the place of its lookups (rtl/baselines/). */
#ifndef LW_GEN_ENGINE_H
#define LW_GEN_ENGINE_H

#include "models/status.h"

#include <stddef.h>

struct lw_engine {
    unsigned mu;       /* activations a table, 2..5 */
    unsigned tables;   /* T: tables a step, 2..32 */
    unsigned rows;     /* R: rows a step, 2..32 */
    unsigned columns;  /* C: columns of activations that share the keys, 1..4 */
    unsigned x_bits;   /* of an activation, 8 or 16 */
    unsigned bus_bits; /* 128, 256, 512 or 1024 */
    unsigned slots; /* planes of a block of R rows that a pass can hold, 16..256, a power of two */
    unsigned scale_lanes; /* SL: rows whose scales are applied at a time; divides R */
    unsigned x_words;     /* activations of a column / mu that fit; a power of two >= T */
    unsigned weight_bits; /* 0: lookups; of a multiplier's weight, 1 (bit-serial), 4 or 8 */
    unsigned lutram;      /* 1: tables in memories of one write port; 0: in flip-flops */
};

enum { LW_ENGINE_NAME_BYTES = 72, LW_ENGINE_KEY_DEPTH = 256 /* beats of keys held */ };

/* mu 4, T 16, R 8, C 1, 8 bits, a bus of 512 bits, 64 slots, SL 8, 512 words */
struct lw_engine lw_engine_default(void);
/* LW_USAGE naming the parameter that is out of its range. */
enum lw_status lw_engine_check(const struct lw_engine *engine, struct lw_error *error);
/* "mu4-t16-r8-c1-x8-bus512-slots64-sl8-words512", and "-w4" or "-lutram1" behind it
 * where weights have 4 bits or tables are in LUTRAM */
void lw_engine_name(const struct lw_engine *engine, char name[LW_ENGINE_NAME_BYTES]);
/* Bits of a key for one activation, and of all keys of a step. */
unsigned lw_engine_key_bits(const struct lw_engine *engine);
unsigned lw_engine_step_bits(const struct lw_engine *engine);
/* Cycles that a table takes longer to be written than one in flip-flops. */
unsigned lw_engine_table_delay(const struct lw_engine *engine);
/* Slots of a block of R rows: one a plane; of multipliers of several bits one. */
unsigned lw_engine_slots(const struct lw_engine *engine, unsigned planes);
/* Parameters that are not named have their default; LW_USAGE for a wrong name or value. */
enum lw_status lw_engine_parse(const char *name, struct lw_engine *engine, struct lw_error *error);

#endif
