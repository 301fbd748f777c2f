/* What the lowerings of products share: a tile of row blocks, from its sums to its outputs. */
#ifndef LW_GEN_LOWER_H
#define LW_GEN_LOWER_H

#include "gen/program.h"

/* One accumulator: what a plane of a row block sums up to in one column, for one byte of the
 * entries. Sums of 16 bits are kept in two registers and widened into `wide`: SHUFFLE16 sums all
 * bytes as pairs, and the odd ones alone; TABLE16 the first eight bytes, and the last eight. */
struct sums {
    int half[2]; /* of 16 bits, where the schedule has them */
    int wide[4]; /* 32-bit sums, row_block / words of them */
};

/* One tile of row blocks while it is lowered. */
struct tile {
    struct lw_program *p;
    const struct lw_schedule *s;
    struct lw_lanes lanes;
    int loop;           /* loop over tiles, or -1 */
    size_t first_block; /* of the tile (of the first one, in a loop) */
    size_t blocks;
    size_t planes;             /* accumulated together: all, or 1 inside a loop over planes */
    size_t columns;            /* computed together */
    size_t first_column;       /* of them */
    int column_loop;           /* or -1 */
    int plane_loop;            /* or -1 */
    int group_loop;            /* or -1 */
    size_t first_group, steps; /* of the groups being lowered */
    struct sums *sums;         /* [block][plane][column][part] */
    int *totals;               /* R: [block][column][row_block / doubles], doubles */
};

/* Of the tile; part 0 but for tables of two bytes. */
struct sums *lw_lower_sums_of(struct tile *t, size_t block, size_t plane, size_t n, size_t part);
/* Address of row block `block` of the tile in a buffer with `stride` bytes a row block. */
struct lw_address lw_lower_block_address(const struct tile *t, enum lw_buffer buffer, size_t block,
                                         size_t stride);

/* A key vector, and the fetch of the one that will be read later. */
int lw_lower_load_keys(struct tile *t, enum lw_op load, struct lw_address address);

/* Walks over x, stores t / 127 and ends the kernel where x is not finite; 127 / t in all lanes. */
int lw_lower_inverse(struct lw_program *p);

/* The plane sums of the tile and group by dot products: sums[].wide. */
void lw_lower_dot_sums(struct tile *t);
/* The key vectors of one digit in one step while its quads are lowered, one after the other. */
struct digit_keys {
    const struct lw_digit *digit;
    struct lw_address address; /* of the first */
    int loaded[4];             /* -1: not yet */
    int shifted[4], shift[4];  /* as it was last shifted, and how far to the right; 0: not yet */
};
struct digit_keys lw_lower_keys(const struct lw_digit *digit, struct lw_address address);
/* One quad of the digit: bytes of small integers. The first `classes` fields of a vector stay where
 * they stand; *class says which of them this one is, 0 where it stands at bit 0. */
int lw_lower_digit(struct tile *t, struct digit_keys *keys, size_t quad, size_t classes,
                   size_t *class);
/* The sum of (2 u - most) x from that of u x and that of x, `total`: what lw_lower_weigh reads. */
int lw_lower_centred(struct tile *t, int sum, int total);

void lw_lower_zero_totals(struct tile *t);
/* R += scale * plane sum, for every row, column and plane of the tile. */
void lw_lower_weigh(struct tile *t);
/* y from R, the scales of its columns (value numbers) and the bias. */
void lw_lower_outputs(struct tile *t, const int *scales);

#endif
