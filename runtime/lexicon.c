#include "runtime/lexicon.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_CELLS = 1 << 28 };

struct counting {
    struct lw_lexicon *lexicon;
    uint32_t *table; /* open addressing: cell + 1, or 0 where empty */
    size_t mask;
    double *counts; /* [cells room], what each cell gets in a round */
    double *totals; /* [source_words + 1]; the last is the empty word's */
    size_t source_words;
    uint32_t *found; /* cells of one target word with each source word of its line */
    size_t found_room;
};

static size_t slot_of(const struct counting *c, uint32_t source, uint32_t target)
{
    uint64_t key = (uint64_t)source << 32 | target;
    size_t at = (size_t)((key * 0x9e3779b97f4a7c15u) >> 20) & c->mask;
    const struct lw_lexicon_cell *cells = c->lexicon->cells;
    for (; c->table[at]; at = (at + 1) & c->mask) {
        const struct lw_lexicon_cell *cell = &cells[c->table[at] - 1];
        if (cell->source == source && cell->target == target)
            break;
    }
    return at;
}

/* Twice the cells, and a table that is at most half full. */
static bool grow(struct counting *c)
{
    struct lw_lexicon *l = c->lexicon;
    size_t room = l->room ? 2 * l->room : 1 << 16;
    if (room > MOST_CELLS)
        return false;
    void *cells = realloc(l->cells, room * sizeof *l->cells);
    if (cells)
        l->cells = cells;
    free(c->table);
    c->table = calloc(2 * room, sizeof *c->table);
    if (!cells || !c->table)
        return false;
    l->room = room;
    c->mask = 2 * room - 1;
    for (size_t i = 0; i < l->count; i++)
        c->table[slot_of(c, l->cells[i].source, l->cells[i].target)] = (uint32_t)i + 1;
    return true;
}

static bool add_cell(struct counting *c, uint32_t source, uint32_t target)
{
    struct lw_lexicon *l = c->lexicon;
    if (l->count == l->room && !grow(c))
        return false;
    size_t at = slot_of(c, source, target);
    if (!c->table[at]) {
        l->cells[l->count++] = (struct lw_lexicon_cell){source, target, 1.0f};
        c->table[at] = (uint32_t)l->count;
    }
    return true;
}

/* The source word i of a pair; the empty word comes first. */
static uint32_t source_word(const struct counting *c, const struct lw_pair *pair, size_t i)
{
    return i ? (uint32_t)pair->source[i - 1] : (uint32_t)c->source_words;
}

static bool list_cells(struct counting *c, const struct lw_pairs *pairs)
{
    for (size_t p = 0; p < pairs->count; p++) {
        const struct lw_pair *pair = &pairs->pairs[p];
        for (size_t t = 0; t + 1 < pair->target_count; t++)
            for (size_t i = 0; i < pair->source_count; i++)
                if (!add_cell(c, source_word(c, pair, i), (uint32_t)pair->target[t]))
                    return false;
        c->found_room = pair->source_count > c->found_room ? pair->source_count : c->found_room;
    }
    c->counts = calloc(c->lexicon->count + 1, sizeof *c->counts);
    c->found = calloc(c->found_room + 1, sizeof *c->found);
    c->totals = calloc(c->source_words + 1, sizeof *c->totals);
    return c->counts && c->found && c->totals;
}

/* Each target word of a pair is shared out among the source words, as probable as they make it. */
static void share_out(struct counting *c, const struct lw_pair *pair)
{
    const struct lw_lexicon_cell *cells = c->lexicon->cells;
    for (size_t t = 0; t + 1 < pair->target_count; t++) {
        double sum = 0;
        for (size_t i = 0; i < pair->source_count; i++) {
            size_t at = slot_of(c, source_word(c, pair, i), (uint32_t)pair->target[t]);
            c->found[i] = c->table[at] - 1;
            sum += (double)cells[c->found[i]].probability;
        }
        for (size_t i = 0; i < pair->source_count && sum > 0; i++) {
            double part = (double)cells[c->found[i]].probability / sum;
            c->counts[c->found[i]] += part;
            c->totals[cells[c->found[i]].source] += part;
        }
    }
}

static void run_round(struct counting *c, const struct lw_pairs *pairs)
{
    memset(c->counts, 0, c->lexicon->count * sizeof *c->counts);
    memset(c->totals, 0, (c->source_words + 1) * sizeof *c->totals);
    for (size_t p = 0; p < pairs->count; p++)
        share_out(c, &pairs->pairs[p]);
    for (size_t i = 0; i < c->lexicon->count; i++) {
        struct lw_lexicon_cell *cell = &c->lexicon->cells[i];
        double total = c->totals[cell->source];
        cell->probability = total > 0 ? (float)(c->counts[i] / total) : 0.0f;
    }
}

static bool count_words(const struct lw_pairs *pairs, size_t words, double **frequencies)
{
    double all = 0;
    *frequencies = calloc(words, sizeof **frequencies);
    if (!*frequencies)
        return false;
    for (size_t p = 0; p < pairs->count; p++)
        for (size_t t = 0; t + 1 < pairs->pairs[p].target_count; t++, all++)
            (*frequencies)[pairs->pairs[p].target[t]]++;
    for (size_t word = 0; word < words && all > 0; word++)
        (*frequencies)[word] /= all;
    return true;
}

static int compare(const void *a, const void *b)
{
    const struct lw_lexicon_cell *x = a, *y = b;
    if (x->source != y->source)
        return x->source < y->source ? -1 : 1;
    if (x->probability != y->probability)
        return x->probability > y->probability ? -1 : 1;
    return x->target < y->target ? -1 : x->target > y->target;
}

enum lw_status lw_lexicon_make(const struct lw_pairs *pairs, size_t source_words,
                               size_t target_words, size_t rounds, struct lw_lexicon *lexicon,
                               struct lw_error *error)
{
    *lexicon = (struct lw_lexicon){0};
    struct counting c = {.lexicon = lexicon, .source_words = source_words};
    enum lw_status status = LW_OK;
    if (!count_words(pairs, target_words, &lexicon->frequencies) || !list_cells(&c, pairs))
        status = lw_fail(error, LW_FAILED,
                         "no memory for the words of %zu pairs of lines, or more than %d pairs of "
                         "words; take fewer lines",
                         pairs->count, MOST_CELLS);
    for (size_t round = 0; round < rounds && status == LW_OK; round++)
        run_round(&c, pairs);
    free(c.table);
    free(c.counts);
    free(c.totals);
    free(c.found);
    if (status != LW_OK)
        lw_lexicon_free(lexicon);
    else
        qsort(lexicon->cells, lexicon->count, sizeof *lexicon->cells, compare);
    return status;
}

void lw_lexicon_free(struct lw_lexicon *lexicon)
{
    free(lexicon->cells);
    free(lexicon->frequencies);
    *lexicon = (struct lw_lexicon){0};
}
