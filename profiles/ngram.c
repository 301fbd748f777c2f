#include "profiles/ngram.h"

#include "models/checked.h"

#include <stdlib.h>

bool lw_trie_open(struct lw_trie *trie, size_t nodes)
{
    if (nodes > (size_t)1 << 30)
        return false;
    size_t slots = 16;
    while (slots < 2 * nodes)
        slots *= 2;
    trie->mask = slots - 1;
    trie->nodes = calloc(slots, sizeof *trie->nodes);
    return trie->nodes != NULL;
}

void lw_trie_close(struct lw_trie *trie)
{
    free(trie->nodes);
    *trie = (struct lw_trie){0};
}

uint32_t lw_trie_child(struct lw_trie *trie, uint32_t parent, uint32_t symbol)
{
    uint64_t key = (uint64_t)parent << 32 | symbol;
    /* Multiplicative hashing (Knuth, volume 3, section 6.4); the upper bits are the mixed ones. */
    size_t slot = (key * 0x9e3779b97f4a7c15u) >> 32 & trie->mask;
    while (trie->nodes[slot].key && trie->nodes[slot].key != key)
        slot = (slot + 1) & trie->mask;
    trie->nodes[slot].key = key;
    return (uint32_t)slot + 2;
}

bool lw_ngrams_count(const uint32_t *const symbols[2], const size_t counts[2], size_t orders,
                     struct lw_ngrams *ngrams)
{
    struct lw_trie trie;
    size_t nodes;
    *ngrams = (struct lw_ngrams){0};
    if (!lw_checked_add(counts[0], counts[1], &nodes) || !lw_checked_mul(nodes, orders, &nodes) ||
        !lw_trie_open(&trie, nodes))
        return false;
    for (size_t side = 0; side < 2; side++)
        for (size_t i = 0; i < counts[side]; i++) {
            uint32_t node = LW_TRIE_ROOT;
            for (size_t n = 0; n < orders && i + n < counts[side]; n++) {
                node = lw_trie_child(&trie, node, symbols[side][i + n]);
                uint32_t *seen = trie.nodes[node - 2].counts;
                ngrams->totals[side][n]++;
                /* The smaller of both counts grows with each new one that the other side has spare.
                 */
                ngrams->matches[n] += side == 1 && seen[1] < seen[0];
                seen[side]++;
            }
        }
    lw_trie_close(&trie);
    return true;
}
