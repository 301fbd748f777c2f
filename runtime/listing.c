/* A translator with a shortlist: each line has a list of words of its own, which follows from its
 * source alone, so that it gets the same bytes in any batch. */
#include "models/checked.h"
#include "runtime/network.h"
#include "runtime/shortlist.h"

#include <stdlib.h>
#include <string.h>

enum { BITS = 64 };

struct lw_listing {
    const struct lw_shortlist *shortlist;
    size_t lines, set_words;
    uint64_t *base, *set; /* sets of target words, a bit each */
    uint32_t *lists;      /* [lines][target_words] */
    struct lw_rows *rows; /* [lines] */
};

/* False where it was there. */
static bool put(uint64_t *set, size_t word)
{
    uint64_t bit = (uint64_t)1 << word % BITS;
    bool is_new = !(set[word / BITS] & bit);
    set[word / BITS] |= bit;
    return is_new;
}

/* What every list has: the frequent words, those that end a sentence, and as many words as the
 * beams need at their first step (lw_translator_open). */
static void fill_base(const struct lw_translator *t, struct lw_listing *l)
{
    const struct lw_config *config = &t->model->config;
    const struct lw_shortlist *s = l->shortlist;
    size_t count = 0, needed = config->bad_word_count + 2 * t->search.beams;
    for (size_t i = 0; i < s->always_count; i++)
        count += put(l->base, s->always[i]);
    count += put(l->base, (size_t)config->eos);
    if (config->forced_eos >= 0)
        count += put(l->base, (size_t)config->forced_eos);
    for (size_t word = 0; word < s->target_words && count < needed; word++)
        count += put(l->base, word);
}

static void fill_list(const struct lw_listing *l, const int32_t *source, size_t count,
                      struct lw_rows *rows, uint32_t *list)
{
    const struct lw_shortlist *s = l->shortlist;
    memcpy(l->set, l->base, l->set_words * sizeof *l->set);
    for (size_t i = 0; i < count; i++) {
        size_t word = (size_t)source[i];
        for (size_t b = s->starts[word]; b < s->starts[word + 1]; b++)
            put(l->set, s->best[b]);
        if (s->shared)
            put(l->set, word);
    }
    rows->count = 0;
    for (size_t w = 0; w < l->set_words; w++)
        for (uint64_t left = l->set[w]; left; left &= left - 1)
            list[rows->count++] = (uint32_t)(w * BITS + (size_t)__builtin_ctzll(left));
    rows->list = list;
}

enum lw_status lw_list_words(struct lw_translator *translator, struct lw_line *line,
                             const struct lw_request *job, struct lw_error *error)
{
    struct lw_translator *t = translator;
    if (!t->listing)
        return LW_OK;
    size_t at = (size_t)(line - t->lines);
    struct lw_rows *rows = &t->listing->rows[at];
    rows->matrix = t->model->output;
    fill_list(t->listing, job->source, job->count, rows,
              t->listing->lists + at * t->listing->shortlist->target_words);
    line->rows = rows;
    return t->backend->gather(t->backend->self, rows, error);
}

void lw_listing_close(struct lw_listing *listing)
{
    for (size_t i = 0; listing && listing->rows && i < listing->lines; i++)
        lw_rows_free(&listing->rows[i]);
    if (listing) {
        free(listing->base);
        free(listing->set);
        free(listing->lists);
        free(listing->rows);
    }
    free(listing);
}

enum lw_status lw_translator_restrict(struct lw_translator *translator,
                                      const struct lw_shortlist *shortlist, struct lw_error *error)
{
    struct lw_translator *t = translator;
    if (!t->backend->gather)
        return lw_fail(error, LW_USAGE, "products by %s take no shortlist%s", t->backend->name,
                       strcmp(t->backend->name, "kernels") == 0
                           ? ": the bundle is of an older version; make it again"
                           : "; kernels, f32 and blas do");
    struct lw_listing *l = calloc(1, sizeof *l);
    if (l) {
        *l = (struct lw_listing){.shortlist = shortlist,
                                 .lines = t->most_lines,
                                 .set_words = (shortlist->target_words + BITS - 1) / BITS};
        l->base = calloc(l->set_words, sizeof *l->base);
        l->set = calloc(l->set_words, sizeof *l->set);
        l->lists = calloc(l->lines, shortlist->target_words * sizeof *l->lists);
        l->rows = calloc(l->lines, sizeof *l->rows);
    }
    if (!l || !l->base || !l->set || !l->lists || !l->rows) {
        lw_listing_close(l);
        return lw_fail(error, LW_FAILED, "out of memory for the lists of %zu lines", t->most_lines);
    }
    fill_base(t, l);
    t->listing = l;
    return LW_OK;
}

size_t lw_shortlist_member_bytes(const struct lw_shortlist *shortlist, const struct lw_model *model,
                                 const struct lw_bundle *bundle, size_t together)
{
    const struct lw_matrix *output = &model->matrices[model->output];
    size_t words = shortlist->target_words, list, bytes;
    size_t rows = bundle ? lw_rows_kernels_bytes(model, bundle, model->output, words)
                         : lw_rows_f32_bytes(output, words);
    bool fits = lw_checked_mul(words, sizeof(uint32_t), &list) &&
                lw_checked_add(rows, list, &bytes) &&
                lw_checked_add(bytes, sizeof(struct lw_rows), &bytes) &&
                lw_checked_mul(bytes, together, &bytes) && lw_checked_add(bytes, list, &bytes);
    return fits ? bytes : SIZE_MAX;
}
