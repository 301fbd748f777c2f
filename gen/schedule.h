/* The decisions between what is computed (gen/ir.h) and instructions (gen/program.h): which unit
 * looks up, how rows and tables are tiled, what is unrolled. Printable; lowering follows it and
 * decides nothing.
 *
 * Packed keys follow from it, so every kernel of one matrix and instruction set must agree on them:
 * the tiling of rows and tables depends on the instruction set alone, never on N.
 *
 *   keys    [row block][plane][step][key bytes]: two keys of one row a byte, for the first half of
 *           the step's tables in the low nibble, for the second half in the high one
 *   scales  int16 [row block][group][plane][row of block]
 *   bias    f32 [padded rows]
 *   tables  [column][part][table][16 bytes]; part 0: an s8 entry (t8), or the low byte, part 1: the
 *           high byte of an s16 entry (a8)
 *
 * The family dot merges planes into digits: all planes of uniform scales into one,
 * each plane of free scales is one. A quad is the four columns that a 32-bit lane sums.
 *
 *   keys    [row block][step][digit][vector][key bytes]: a step is 8 quads, a row block as
 *           many rows as a register has 32-bit lanes; byte 4 r + j of a vector holds row r
 *           and column j of 8 / b quads, one behind the other from the low bits on. Of 3-bit
 *           digits vector v holds quads v and v + 3, and in its two high bits those of quad 6
 *           (v = 0) or 7 (v = 1), whose low bit is bit 6 or 7 of vector 2
 *   scales  int16 [row block][group][digit][row of block]
 *   tables  [column]: s8 activations, zeros up to a multiple of 64, then s32 sums of each
 *           group, zeros up to a multiple of 64 bytes
 */
#ifndef LW_GEN_SCHEDULE_H
#define LW_GEN_SCHEDULE_H

#include "gen/spec.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum lw_unit {
    LW_UNIT_LOAD,      /* one load a lookup */
    LW_UNIT_SHUFFLE16, /* byte shuffle in a 16-entry table, 16-bit sums, widened before they
                          overflow */
    LW_UNIT_TABLE16,   /* the same lookup, signed or unsigned bytes added to 16-bit sums */
    LW_UNIT_PERMUTE64, /* byte permutation over four tables, summed by fours into 32 bits by a dot
                          product with ones */
    LW_UNIT_DOT,       /* quads of a digit times a quad of activations, summed into 32 bits */
    LW_UNIT_PAIRS,     /* the same, each step summed as pairs of columns into 16 bits first */
    LW_UNIT_TILE, /* the same by tiles of 16 rows, 64 columns and up to 16 activation vectors */
};

enum { LW_QUADS = 8, LW_TILE = 1024 }; /* quads of a step; bytes of a tile */

struct lw_digit {
    unsigned first, bits; /* its planes, 1 to 4; it has as many key vectors a step */
};

/* Some bits of the digit of one quad. */
struct lw_digit_part {
    size_t vector;      /* of the digit's in the step */
    unsigned bit, bits; /* where they stand in each byte, and how many */
    unsigned of_digit;  /* the place of the lowest in the digit */
};

struct lw_schedule {
    struct lw_spec spec;
    enum lw_unit unit;
    size_t row_block;      /* rows of one key vector */
    size_t key_bytes;      /* bytes of one key vector; each holds two keys */
    size_t prefetch_bytes; /* how far ahead of a key vector the keys are fetched; 0: not */
    size_t step_tables;    /* tables a key vector covers */
    size_t tables;         /* tables with data: (K + 3) / 4 */
    size_t padded_tables;  /* a multiple of step_tables */
    size_t steps;          /* padded_tables / step_tables */
    size_t groups;         /* groups of columns with scales of their own; 1: row-wise */
    size_t group_steps;    /* of a group; the last one may have fewer */
    size_t flush_steps;    /* steps between widenings; group_steps where none is needed */
    size_t parts;          /* bytes a table entry: 1 (t8) or 2 (a8) */
    bool halves;           /* sums of 16 bits, widened before they overflow */
    bool biased;       /* signed entry bytes are stored + 128, for units that sum unsigned bytes */
    size_t row_blocks; /* of the matrix, the last one padded */
    size_t blocks_a_tile; /* row blocks computed together */
    bool planes_inside;   /* planes unrolled inside the loop over steps; else a loop around it */
    size_t planes;        /* sums that have a scale: B, or 1 where digits share it */
    size_t digit_count;   /* of the family dot */
    struct lw_digit digits[4];
    size_t quads;   /* of activations that one load takes */
    size_t classes; /* fields of a key vector that are summed where they stand, apart; the others
                       are shifted first */
    bool narrow; /* one scale a row, sums below 2^24: R is rounded once, as a product of floats */
    size_t scratch_bytes; /* that a kernel keeps on its stack */
};

/* Needs a valid spec; of a table kernel (rows == 0), too. */
void lw_schedule_build(const struct lw_spec *spec, struct lw_schedule *schedule);
void lw_schedule_print(const struct lw_schedule *schedule, FILE *stream);

/* Row and table that byte `byte` of a key vector stands for; `high` nibble or low. */
size_t lw_schedule_row(const struct lw_schedule *schedule, size_t byte);
size_t lw_schedule_table(const struct lw_schedule *schedule, size_t byte, bool high);

/* Where the digit of a quad of the step stands: in one field, or in two, of which the first holds
 * its high bits. Returns how many. */
size_t lw_schedule_parts(const struct lw_digit *digit, size_t quad, struct lw_digit_part fields[2]);

/* Of the family dot: bytes of activations of one column, before their sums. */
size_t lw_schedule_quantised_bytes(const struct lw_schedule *schedule);
/* Bytes of the tables, or quantised activations with their sums, of one column. */
size_t lw_schedule_table_bytes(const struct lw_schedule *schedule);

#endif
