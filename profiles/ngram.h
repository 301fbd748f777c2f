/* Counts of n-grams in a pair of lines, exact: a trie whose edges lie in one hash table. */
#ifndef LW_PROFILES_NGRAM_H
#define LW_PROFILES_NGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LW_TRIE_ROOT = 1 };

struct lw_trie_node {
    uint64_t key; /* parent << 32 | symbol; 0: free */
    uint32_t counts[2];
};

struct lw_trie {
    struct lw_trie_node *nodes; /* a node's number is its index + 2 */
    size_t mask;
};

/* Room for `nodes` nodes; false when out of memory or beyond 2^30. */
bool lw_trie_open(struct lw_trie *trie, size_t nodes);
void lw_trie_close(struct lw_trie *trie);
/* The child of `parent` (LW_TRIE_ROOT or a node) for a symbol, made where absent. */
uint32_t lw_trie_child(struct lw_trie *trie, uint32_t parent, uint32_t symbol);

/* n-grams of orders 1..orders of two sequences: how many each has and how many they share. */
struct lw_ngrams {
    uint64_t totals[2][6], matches[6];
};
bool lw_ngrams_count(const uint32_t *const symbols[2], const size_t counts[2], size_t orders,
                     struct lw_ngrams *ngrams);

#endif
