/* What a translation model is: its configuration, its matrices and its vectors, whoever read them.
 *
 * A model is an encoder-decoder Transformer of the Marian kind: layer norm after each sub-layer,
 * sinusoidal positions, an output product that usually shares the target embedding.
 *
 * Dimension letters, here and everywhere: M outputs (rows), K inputs (columns), N columns of
 * activations, B bits (planes). Matrices are row-major [M][K]; activations are [N][K] and [N][M].
 */
#ifndef LW_MODELS_TRANSFORMER_H
#define LW_MODELS_TRANSFORMER_H

#include "models/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum lw_activation { LW_SWISH, LW_RELU, LW_GELU };

struct lw_config {
    size_t d_model;
    size_t encoder_layers, encoder_heads, encoder_ffn;
    size_t decoder_layers, decoder_heads, decoder_ffn;
    size_t source_words, target_words; /* vocabulary sizes; equal when the embedding is shared */
    size_t positions;                  /* longest source or target, in pieces */
    enum lw_activation activation;
    bool scale_embedding;  /* embeddings are multiplied by sqrt(d_model) */
    bool shared_embedding; /* one embedding serves source and target */
    bool tied_output;      /* the output product uses the target embedding */

    /* Search: what the model asks for; a user may override the last four. */
    int32_t pad, eos, decoder_start; /* word ids */
    int32_t forced_eos;              /* word forced at max_length, or -1 */
    int32_t *bad_words;              /* words never generated; owned */
    size_t bad_word_count;
    bool renormalize_logits; /* probabilities are of the words left without the bad ones */
    size_t max_length;       /* longest target, its start word included; 2 to positions + 1 */
    size_t beams;
    float length_penalty;
    bool early_stopping;
};

enum lw_block { LW_BLOCK_WORDS, LW_BLOCK_ENCODER, LW_BLOCK_DECODER };
enum lw_sublayer { LW_SUBLAYER_NONE, LW_SUBLAYER_SELF, LW_SUBLAYER_CROSS, LW_SUBLAYER_FFN };

enum { LW_MAX_BITS = 8 };
/* Powers of two that a float's scales can need, with room on both sides. */
enum { LW_LEAST_EXPONENT = -200, LW_MOST_EXPONENT = 127 };

/* Binary codes of rows that have the same number of planes (docs/NUMBERS.md):
 *   W[r][c] ~ 2^exponent * sum over i < bits of alpha[r][c / group][i] * b[i][r][c],  b in {-1, +1}
 * where alpha[r][g][i] is scales[r][g][i], or scales[r][g] * 2^i where `uniform`.
 *
 *   planes: row 0:  plane 0 (plane_bytes) | plane 1 | ... | plane bits-1
 *           row 1:  ...
 * Bit c & 7 of byte c >> 3 of a plane is set where b = +1; padding bits are zero. */
struct lw_code {
    size_t rows;
    unsigned bits;         /* planes, 1..LW_MAX_BITS */
    bool uniform;          /* the planes of a group share one scale */
    size_t group;          /* columns that share scales: a multiple of 32, or K: row-wise */
    size_t groups;         /* (K + group - 1) / group */
    size_t plane_bytes;    /* (K + 7) / 8 */
    const uint8_t *planes; /* [rows][bits][plane_bytes] */
    const int16_t *scales; /* [rows][groups][bits], or [rows][groups]: mantissas */
    int exponent;          /* power of two, one a matrix */
};

/* alpha[row][group][plane] as a mantissa; it fits int16. */
static inline int lw_code_scale(const struct lw_code *code, size_t row, size_t group, size_t plane)
{
    size_t at = row * code->groups + group;
    return code->uniform ? code->scales[at] * (1 << plane) : code->scales[at * code->bits + plane];
}

/* Scales that a row stores. */
static inline size_t lw_code_row_scales(const struct lw_code *code)
{
    return code->uniform ? code->groups : code->groups * code->bits;
}

/* Arithmetic classes (docs/NUMBERS.md): within one class every kernel gives the same bits. */
enum lw_arith { LW_ARITH_F32, LW_ARITH_A8, LW_ARITH_T8, LW_ARITHS };
enum { LW_ARITH_NAME_BYTES = 16 }; /* of the longest name of a model's classes */

struct lw_matrix {
    char name[48]; /* "encoder.0.self.q", "decoder.2.ffn.fc1", "embedding", ... */
    enum lw_block block;
    enum lw_sublayer sublayer;
    size_t rows, columns; /* M, K */
    const float *dense;   /* [M][K], or NULL when coded */
    /* Coded rows are stored by falling number of planes, and in their own order among equals. */
    size_t code_count; /* 0: the matrix is not coded */
    struct lw_code codes[LW_MAX_BITS];
    const uint32_t *order; /* [M], row of each stored row; NULL: rows are stored in order */
    const uint32_t *place; /* [M], where a row is stored: the inverse; NULL as well */
    const float *bias;     /* [M], or NULL: a matrix that is only looked up */
    enum lw_arith arith;   /* class of its products; LW_ARITH_F32 where it is not quantised */
};

struct lw_norm {
    const float *gain, *bias; /* [d_model] */
};

/* One attention: indices into lw_model.matrices, and the norm after it. */
struct lw_attention {
    unsigned q, k, v, o;
    struct lw_norm norm;
};

struct lw_layer {
    struct lw_attention self;
    struct lw_attention cross; /* decoder only */
    unsigned fc1, fc2;
    struct lw_norm norm; /* after the feed-forward */
};

/* The tokeniser as the model's maker shipped it. Unowned views; see lw_model.release. */
struct lw_tokenizer_data {
    const uint8_t *source_spm,
        *target_spm; /* SentencePiece models; the same pointer where identical */
    size_t source_spm_bytes, target_spm_bytes;
    const uint8_t *source_words, *target_words; /* pieces by word id, each ended by a NUL byte; the
                                                   same pointer where one vocabulary serves both */
    size_t source_words_bytes, target_words_bytes;
};

struct lw_model {
    struct lw_config config;

    size_t matrix_count;
    struct lw_matrix *matrices; /* in canonical order: embedding(s), encoder, decoder, output */
    struct lw_layer *encoder, *decoder;
    unsigned source_embedding, target_embedding, output; /* indices; equal where shared or tied */

    size_t vector_count; /* floats: all biases in the order of the matrices, then all norms */
    const float *vectors;

    struct lw_tokenizer_data tokenizer;

    char *made_by;     /* the command kept in the model's file; owned; NULL where it has none */
    uint64_t checksum; /* of its file's head, and with it of all the file; 0: of no file */

    /* Where its file is mapped, if it is; views may point elsewhere. */
    const uint8_t *mapped;
    size_t mapped_bytes;

    void *storage; /* whatever the views above point into */
    void (*release)(void *storage);
};

/* Copies a configuration with its list of words; false when out of memory. */
bool lw_config_copy(const struct lw_config *source, struct lw_config *target);
/* Gives every matrix its name and shape and every layer its indices, from model->config. Vectors
 * are laid out but left NULL until lw_model_set_vectors. Fails with LW_FAILED (memory) or
 * LW_CORRUPT (sizes that overflow). */
enum lw_status lw_model_layout(struct lw_model *model, struct lw_error *error);
/* Points all biases and norms into `vectors` (model->vector_count floats, not copied). */
void lw_model_set_vectors(struct lw_model *model, const float *vectors);
/* Frees everything that lw_model_layout and `release` own. Safe on a zeroed model. */
void lw_model_free(struct lw_model *model);

/* Divides the rows of a matrix into codes by their planes, row_bits[M] each 1..LW_MAX_BITS: sets
 * the rows and bits of its codes and, where there are several, fills order[M] and place[M] and
 * points to them. */
void lw_matrix_set_rows(struct lw_matrix *matrix, const uint8_t *row_bits, uint32_t *order,
                        uint32_t *place);
/* Sets what all codes of a matrix have in common; group is a multiple of 32 or K. */
void lw_matrix_set_scales(struct lw_matrix *matrix, size_t group, bool uniform, int exponent);
/* Bytes that a code stores. */
size_t lw_code_plane_bytes(const struct lw_code *code);
size_t lw_code_scale_bytes(const struct lw_code *code);
/* Planes of a row of a coded matrix. */
unsigned lw_matrix_row_bits(const struct lw_matrix *matrix, size_t row);
/* Average planes a weight; 32 where the matrix is dense. */
double lw_matrix_bits(const struct lw_matrix *matrix);
/* Decodes row r of a matrix, dense or coded, into out[K]. */
void lw_matrix_row(const struct lw_matrix *matrix, size_t row, float *out);

const char *lw_arith_name(enum lw_arith arith);
/* False when the name is none of f32, a8, t8. */
bool lw_arith_parse(const char *name, enum lw_arith *arith);

/* Whether products with the matrix are of a quantised class, a8 or t8. */
bool lw_matrix_has_quantised_product(const struct lw_matrix *matrix);
/* Whether it is read while a source is encoded, with a column for each of its words, and not while
 * decoding: those of the encoder, and the keys and values of cross attention. */
bool lw_matrix_reads_source(const struct lw_matrix *matrix);
/* Whether any matrix of the model has such products. */
bool lw_model_has_quantised_products(const struct lw_model *model);
/* The class of a model's products for people: its name where all have the same, else the names
 * joined in the order of enum lw_arith, as in "f32+t8". */
void lw_model_arith_name(const struct lw_model *model, char name[LW_ARITH_NAME_BYTES]);

#endif
