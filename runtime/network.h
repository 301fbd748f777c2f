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

/* Letters: S source words, T steps (max_length - 1), beams, d (d_model). Everything below lies in
 * one arena, taken when the translator is opened; pages that no sentence reaches are never touched.
 */
struct lw_translator {
    const struct lw_model *model;
    const struct lw_backend *backend;
    const struct lw_vector *vector;
    struct lw_search search;
    size_t steps;                /* T */
    struct lw_token_watch watch; /* go_on may be NULL */
    void *arena;

    float *positions; /* [positions][d] */
    /* of the sub-layer at work, for all its columns */
    float *query, *key, *value, *mixed; /* [columns][d] */
    float *inner;                       /* [LW_FFN_COLUMNS][ffn] */
    float *weights;                     /* of one head's attention */
    const float **key_rows, **value_rows;

    float *encoded;      /* [S][d] */
    size_t source_count; /* S of the current sentence */
    /* Cache. The keys and values of one word at one step lie in a cell and never move; `cells` says
     * which cell holds them for a beam at each step. Beams that continue one beam share its cells,
     * and a cell that no running beam needs is taken again: a search touches little more memory
     * than its longest beam. */
    float *cross_keys, *cross_values; /* [decoder layer][positions][d] */
    float *self_keys, *self_values;   /* [decoder layer][cell < T x beams][d] */
    uint32_t *cells;                  /* [beam][T] */
    uint32_t *new_cells;              /* while beams are reordered */
    uint32_t *free_cells;             /* the cells given back, last first */
    uint32_t *needed;                 /* [cell], the reordering that last needed it */
    size_t free_count, used_count;    /* cells given back; cells ever taken */
    uint32_t reorderings;
    size_t running;              /* beams of the last step */
    float *hidden;               /* [beams][d] */
    float *logits;               /* [beams][target_words] */
    struct lw_product *products; /* a group */

    /* Search: what each running beam was made of after each step. */
    int32_t *words;                  /* [T][beam] */
    uint8_t *parents;                /* [T][beam], running beams before the step */
    float *scores;                   /* [beam], sums of log probabilities of the running beams */
    struct lw_candidate *candidates; /* [2 beams], best first */
    struct lw_finished *finished;    /* [beams], best first */
    size_t finished_count;           /* hypotheses of the last search; 0: none */
    int32_t *output;                 /* [T] */
};

/* runtime/translator.c */

/* LW_FAILED where the watch wants no more. */
enum lw_status lw_ask_watch(const struct lw_translator *translator, const int32_t *words,
                            size_t count, struct lw_error *error);

/* runtime/layers.c */

/* hidden[count][d] = embeddings of words, scaled, + positions from `position` on (the same position
 * for all where `together`). */
void lw_embed(const struct lw_translator *translator, unsigned matrix, const int32_t *words,
              size_t count, size_t position, bool together, float *hidden);
/* hidden = norm(hidden + o(mixed)) */
enum lw_status lw_attention_end(struct lw_translator *translator,
                                const struct lw_attention *attention, size_t count, float *hidden,
                                struct lw_error *error);
/* hidden = norm(hidden + fc2(activation(fc1(hidden)))) */
enum lw_status lw_feed_forward(struct lw_translator *translator, const struct lw_layer *layer,
                               size_t count, float *hidden, struct lw_error *error);
/* LW_USAGE where a word is outside a vocabulary of `limit` words. */
enum lw_status lw_check_words(const int32_t *words, size_t count, size_t limit,
                              struct lw_error *error);

/* runtime/decoder.c */

/* After a step: running beam b continues what was beam parents[b] at that step. Gives back the
 * cells that no beam needs any more. */
void lw_reorder(struct lw_translator *translator, const uint8_t *parents, size_t beams,
                size_t step);

/* runtime/search.c; after lw_encode */
enum lw_status lw_search_greedy(struct lw_translator *translator, struct lw_hypothesis *best,
                                struct lw_error *error);
enum lw_status lw_search_beams(struct lw_translator *translator, struct lw_hypothesis *best,
                               struct lw_error *error);

#endif
