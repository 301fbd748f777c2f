/* What the lookup-table engine reads: jobs (descriptors of 64 bytes), and the keys and scales of a
 * matrix in the order of use. docs/ACCELERATOR.md has the layouts.
 *
 * A matrix becomes parts: one for each code (rows of equal bits) and each range of columns that
 * shares scales and fits the engine. A part is a job; its results are exact partial sums R, and the
 * R of a row is the sum over the ranges. */
#ifndef LW_GEN_STREAM_H
#define LW_GEN_STREAM_H

#include "gen/engine.h"
#include "models/status.h"
#include "models/transformer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Operations: the exact sums R as int64; or activations of a class with static scales. */
enum { LW_JOB_BYTES = 64, LW_JOB_PRODUCT = 1, LW_JOB_STATIC = 2 };

/* Sizes are in the engine's units; addresses in bytes, multiples of a beat. */
struct lw_job {
    unsigned operation;
    bool last;      /* of the list */
    bool load_x;    /* else the activations of the job before are used again */
    bool free_x;    /* no later job uses these activations */
    bool wait;      /* loads them only when the results of all jobs before are written */
    bool relu;      /* of LW_JOB_STATIC, and */
    unsigned shift; /* 0..47 */
    unsigned planes, bias_words, mu;
    uint32_t tag;                      /* of the caller */
    uint32_t rows, columns;            /* M and K of the part, for people */
    uint32_t tiles, passes;            /* of T * mu columns; of at most `slots` blocks x planes */
    uint32_t pass_slots, last_slots;   /* blocks x planes of a pass, and of the last */
    uint32_t pass_blocks, last_blocks; /* of R rows */
    uint32_t x_address, key_address, scale_address, y_address;
    uint32_t x_beats, key_beats, scale_beats, y_beats;
};

/* The engine's memory from address 0 on. Zero-initialise; lw_image_free. */
struct lw_image {
    uint8_t *data;
    size_t bytes, capacity; /* used, a multiple of 4096 once lw_image_pad was called; allocated */
};

/* Reserves zeroed bytes on a boundary of `align` (a power of two) and gives their address.
 * LW_FAILED where there is no memory or the image outgrows 4 GB. */
enum lw_status lw_image_reserve(struct lw_image *image, size_t bytes, size_t align,
                                uint32_t *address, struct lw_error *error);
enum lw_status lw_image_pad(struct lw_image *image, struct lw_error *error);
void lw_image_free(struct lw_image *image);

/* Static scales (class s8, or s16 where activations have 16 bits): R + bias is shifted to the
 * right, rounded to nearest, ties to even; negative values become 0 where `relu`; then saturated.
 */
struct lw_static {
    const int64_t *bias; /* [M], |bias| < 2^46; in units of R */
    unsigned shift;      /* 0..47 */
    bool relu;
};
/* The definition: y of R + bias. */
int16_t lw_static_value(int64_t total, unsigned shift, bool relu, unsigned x_bits);
/* Whether that value is a bound because the rounded one is beyond it. */
bool lw_static_saturates(int64_t total, unsigned shift, bool relu, unsigned x_bits);

struct lw_stream_part {
    size_t code, first_row; /* code of the matrix, and its first stored row */
    size_t first, end;      /* columns */
    struct lw_job job;      /* x and y addresses and flags are set by lw_stream_list */
};

/* The weights of one matrix in an image. Owns `parts` only. */
struct lw_stream {
    struct lw_engine engine;
    const struct lw_matrix *matrix; /* borrowed */
    size_t count;
    struct lw_stream_part *parts; /* by ranges, and by codes in a range */
};

/* Adds the keys and scales of a coded matrix to the image; `fixed` is NULL for the sums R.
 * LW_USAGE, naming matrix and reason, where the engine cannot hold it, as it cannot with static
 * scales if it takes several ranges. */
enum lw_status lw_stream_make(const struct lw_engine *engine, const struct lw_matrix *matrix,
                              const struct lw_static *fixed, struct lw_image *image,
                              struct lw_stream *stream, struct lw_error *error);
void lw_stream_free(struct lw_stream *stream);

/* Bytes of x and of all results of a product. */
size_t lw_stream_x_bytes(const struct lw_stream *stream);
size_t lw_stream_y_bytes(const struct lw_stream *stream);
/* Whether two matrices read activations laid out alike: they may then have one x address. */
bool lw_stream_same_x(const struct lw_stream *stream, const struct lw_stream *other);
/* Writes the jobs of some products, one after the other, to the image: x[i] and y[i] are addresses
 * of lw_stream_x_bytes and lw_stream_y_bytes of streams[i]. Neighbours of one x address load it
 * once where it is one range. Where `dependent`, activations are loaded when all products before
 * are written. The last job ends the list. */
enum lw_status lw_stream_list(const struct lw_stream *const *streams, const uint32_t *x,
                              const uint32_t *y, size_t count, bool dependent,
                              struct lw_image *image, uint32_t *list, struct lw_error *error);
/* The same, to where there is room for all jobs. */
void lw_stream_put_list(const struct lw_stream *const *streams, const uint32_t *x,
                        const uint32_t *y, size_t count, bool dependent, uint8_t *line);
/* Writes quantised activations q[C][K] as the engine reads them. */
void lw_stream_put_x(const struct lw_stream *stream, const int16_t *q, struct lw_image *image,
                     uint32_t x);
/* Adds up results to R[C][M], rows of the matrix in their order. */
void lw_stream_get_y(const struct lw_stream *stream, const struct lw_image *image, uint32_t y,
                     int64_t *sums);

/* The same of a stream with static scales: values[C][M]. */
void lw_stream_get_values(const struct lw_stream *stream, const struct lw_image *image, uint32_t y,
                          int16_t *values);

/* gen/job.c */
void lw_job_encode(const struct lw_job *job, uint8_t line[LW_JOB_BYTES]);
/* LW_CORRUPT where the CRC is wrong or the operation is unknown. */
enum lw_status lw_job_decode(const uint8_t line[LW_JOB_BYTES], struct lw_job *job,
                             struct lw_error *error);
size_t lw_job_stride(const struct lw_engine *engine); /* bytes from one descriptor to the next */
/* Checks a list as the engine needs it: sizes that agree, streams inside of the image and aligned,
 * loads and frees in turn. LW_CORRUPT names the job and the reason. `count` may be NULL. */
enum lw_status lw_job_check_list(const struct lw_engine *engine, const struct lw_image *image,
                                 uint32_t list, size_t *count, struct lw_error *error);
/* One line a job. The list must have been checked. */
void lw_job_print_list(const struct lw_engine *engine, const struct lw_image *image, uint32_t list,
                       FILE *out);

#endif
