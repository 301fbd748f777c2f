/* The inside of a translator: its memory and the parts that encoder, decoder and search share. */
#ifndef LW_RUNTIME_NETWORK_H
#define LW_RUNTIME_NETWORK_H

#include "runtime/translator.h"
#include "runtime/vector.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Columns that the feed-forward takes at once: its inner layer is the widest, and this bounds its
 * memory. */
enum { LW_FFN_COLUMNS = 32 };

/* Logits are computed for so many columns at once, or for the beams of one line where these are
 * more. */
enum { LW_OUTPUT_COLUMNS = 16 };

/* So many rows of an embedding may be read before their pages are let go. */
enum { LW_ROWS_KEPT = 16 };

/* A running beam's continuation by one word. */
struct lw_candidate {
    float score; /* sum of log probabilities */
    size_t beam; /* that it continues */
    int32_t word;
};

/* A hypothesis that has ended: the running beam that it continues, its last word, and the step of
 * that word. */
struct lw_finished {
    float score; /* sum of log probabilities / length ^ length_penalty */
    size_t step, beam;
    int32_t word;
};

/* One line being translated. Letters: T steps (max_length - 1), beams. */
struct lw_line {
    size_t source_first, source_count; /* its rows of cross_keys and cross_values */
    size_t running;                    /* beams that go on; 0: the line is done */
    size_t decoded;                    /* beams of the last step, which hold cells */
    size_t finished_count;
    uint32_t *cells;     /* [beam][T], see the cache below */
    uint32_t *new_cells; /* while beams are reordered */
    /* What each running beam was made of after each step. */
    int32_t *words;               /* [T][beam] */
    uint8_t *parents;             /* [T][beam], running beams before the step */
    float *scores;                /* [beam], sums of log probabilities of the running beams */
    struct lw_finished *finished; /* [beams], best first */
    int32_t *output;              /* [T] */
    struct lw_hypothesis best;    /* once the line is done */
    const struct lw_rows *rows;   /* words that it may have, which logits are of; NULL: all */
};

/* One column of a decoder step. */
struct lw_column {
    const struct lw_line *line;
    size_t beam;
};

/* Letters: d (d_model), R rows of sources. Everything below lies in one arena, taken when the
 * translator is opened; pages that no sentence reaches are never touched. */
struct lw_translator {
    const struct lw_model *model;
    const struct lw_backend *backend;
    size_t rows_read; /* of embeddings, since their pages were let go */
    const struct lw_vector *vector;
    struct lw_search search;
    size_t steps;                /* T */
    size_t most_lines;           /* together */
    size_t most_columns;         /* that are encoded together */
    size_t most_rows;            /* R */
    size_t output_columns;       /* whose logits there is room for */
    struct lw_token_watch watch; /* go_on may be NULL */
    bool stopped;                /* by the watch, in this call */
    struct lw_listing *listing;  /* of a shortlist; NULL: there is none */
    void *arena;
    char *shared; /* of the arena: what encoding and decoding use in turn */

    float *positions;        /* [positions][d], filled as sentences reach them */
    size_t filled_positions; /* rows of them */
    double *rates;           /* [d], what a position's angle is divided by */
    /* Of the sub-layer at work, for all its columns. Shared: see lw_begin_encoding. */
    float *query, *key, *value, *mixed; /* [columns][d] */
    float *inner;                       /* [columns, at most LW_FFN_COLUMNS][ffn] */
    float *weights;                     /* of the attention of one query, [heads][keys] */
    const float **key_rows, **value_rows;

    float *encoded; /* [columns][d], of the lines that are encoded together; shared */
    /* Cache. The keys and values of one word at one step lie in a cell and never move; the `cells`
     * of a line say which cell holds them for a beam at each step. Beams that continue one beam
     * share its cells, and a cell that no running beam needs is taken again, by any line: a search
     * touches little more memory than its longest beams. */
    float *cross_keys, *cross_values; /* [decoder layer][R][d] */
    float *self_keys, *self_values;   /* [decoder layer][cell < T x beams x lines][d]; shared */
    uint32_t *free_cells;             /* the cells given back, last first */
    uint32_t *needed;                 /* [cell], the reordering that last needed it */
    size_t free_count, used_count;    /* cells given back; cells ever taken */
    uint32_t reorderings;
    float *hidden;               /* [lines x beams][d]; shared */
    float *logits;               /* [output_columns][target_words]; shared */
    struct lw_product *products; /* a group */

    struct lw_line *lines;           /* [most_lines] */
    struct lw_line **active;         /* [most_lines], those that still run */
    struct lw_column *columns;       /* [lines x beams], of the step at work */
    int32_t *column_words;           /* [lines x beams], their inputs */
    struct lw_candidate *candidates; /* [2 beams], best first, of the line at work */
    /* What the lines have of their own, one line after the other. */
    uint32_t *cells;
    int32_t *words, *output;
    uint8_t *parents;
    float *scores;
    struct lw_finished *finished;
};

/* runtime/arena.c */

/* The bytes of the arena of a translator whose limits are set; false where they overflow. */
bool lw_arena_measure(struct lw_translator *translator, size_t *bytes);
/* Takes it, to be freed; false without memory for it. */
bool lw_arena_take(struct lw_translator *translator);
/* Encoding and decoding use the same memory in turn: sets the shared arrays, for so many columns,
 * or for the cache and all beams. What the other has left there is lost. */
void lw_begin_encoding(struct lw_translator *translator, size_t columns);
void lw_begin_decoding(struct lw_translator *translator);

/* runtime/translator.c */

/* LW_FAILED where the watch wants no more. */
enum lw_status lw_ask_watch(struct lw_translator *translator, size_t request, const int32_t *words,
                            size_t count, struct lw_error *error);

/* Fills the first `count` rows of positions, where they are not filled yet. */
void lw_fill_positions(struct lw_translator *translator, size_t count);

/* runtime/listing.c */

/* Sets line->rows for the source of a job and has them gathered, where there is a shortlist. */
enum lw_status lw_list_words(struct lw_translator *translator, struct lw_line *line,
                             const struct lw_request *job, struct lw_error *error);
void lw_listing_close(struct lw_listing *listing);

/* Logits of a column of a line, and the word that logit i is of. */
static inline size_t lw_line_words(const struct lw_translator *t, const struct lw_line *line)
{
    return line->rows ? line->rows->count : t->model->config.target_words;
}
static inline int32_t lw_line_word(const struct lw_line *line, size_t i)
{
    return (int32_t)(line->rows ? line->rows->list[i] : i);
}

/* runtime/layers.c */

/* hidden[count][d] = embeddings of words, scaled, + positions from `position` on (the same position
 * for all where `together`). */
void lw_embed(struct lw_translator *translator, unsigned matrix, const int32_t *words, size_t count,
              size_t position, bool together, float *hidden);
/* hidden = norm(hidden + o(mixed)) */
enum lw_status lw_attention_end(struct lw_translator *translator,
                                const struct lw_attention *attention, size_t count, float *hidden,
                                struct lw_error *error);
/* hidden = norm(hidden + fc2(activation(fc1(hidden)))) */
enum lw_status lw_feed_forward(struct lw_translator *translator, const struct lw_layer *layer,
                               size_t count, float *hidden, struct lw_error *error);
/* x = activation(x) */
void lw_activate(const struct lw_vector *vector, enum lw_activation activation, float *x,
                 size_t count);
/* LW_USAGE where a word is outside a vocabulary of `limit` words. */
enum lw_status lw_check_words(const int32_t *words, size_t count, size_t limit,
                              struct lw_error *error);

/* runtime/encoder.c */

/* Encodes `count` lines whose words are checked and fit into R rows, and prepares their keys and
 * values. */
enum lw_status lw_encode_lines(struct lw_translator *translator, struct lw_line *const *lines,
                               const struct lw_request *jobs, size_t count, struct lw_error *error);
/* LW_USAGE where a source has no words, too many, or such as the model has not. */
enum lw_status lw_check_source(const struct lw_model *model, const int32_t *source, size_t count,
                               struct lw_error *error);

/* runtime/decoder.c */

/* One step of the first n of translator->columns, with their words, up to the last layer: hidden.
 */
enum lw_status lw_decode_columns(struct lw_translator *translator, size_t n, size_t step,
                                 struct lw_error *error);
/* The logits of `n` columns from `first` on, of all words or of chosen ones. */
enum lw_status lw_decode_logits(struct lw_translator *translator, const struct lw_rows *rows,
                                size_t first, size_t n, struct lw_error *error);
/* After a step: running beam b of a line continues what was beam parents[b] at that step. Gives
 * back the cells that none of them needs any more: all where there are no beams. */
void lw_reorder(struct lw_translator *translator, struct lw_line *line, const uint8_t *parents,
                size_t beams, size_t step);

/* runtime/search.c */

/* A line before its first step. */
void lw_search_begin(struct lw_line *line);
/* Takes a line on by the logits of its running beams: sets what runs on, or ends it with its best
 * hypothesis. */
enum lw_status lw_search_step(struct lw_translator *translator, struct lw_line *line, float *logits,
                              size_t step, struct lw_error *error);
/* After the step: shows the line to the watch. */
enum lw_status lw_search_show(struct lw_translator *translator, struct lw_line *line, size_t step,
                              struct lw_error *error);

#endif
