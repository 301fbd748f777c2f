#include "models/words.h"

#include "models/file.h"
#include "models/words_table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum lw_status lw_frequencies_init(struct lw_frequencies *frequencies, size_t word_count,
                                   struct lw_error *error)
{
    *frequencies = (struct lw_frequencies){word_count, calloc(word_count, sizeof(uint64_t))};
    if (frequencies->counts)
        return LW_OK;
    return lw_fail(error, LW_FAILED, "out of memory for the frequencies of %zu words", word_count);
}

void lw_frequencies_free(struct lw_frequencies *frequencies)
{
    free(frequencies->counts);
    *frequencies = (struct lw_frequencies){0};
}

enum lw_status lw_frequencies_add(struct lw_frequencies *frequencies, const int32_t *ids, size_t n,
                                  struct lw_error *error)
{
    for (size_t i = 0; i < n; i++)
        if (ids[i] < 0 || (size_t)ids[i] >= frequencies->word_count)
            return lw_fail(error, LW_USAGE, "%d is no id of a vocabulary of %zu words", ids[i],
                           frequencies->word_count);
    for (size_t i = 0; i < n; i++)
        frequencies->counts[ids[i]]++;
    return LW_OK;
}

enum lw_status lw_frequencies_write(const char *path, const struct lw_frequencies *frequencies,
                                    const struct lw_word_list *pieces, struct lw_error *error)
{
    return words_table_write(path, "counts", pieces, frequencies->word_count, frequencies->counts,
                             error);
}

enum lw_status lw_frequencies_read(const char *path, const struct lw_word_list *pieces,
                                   size_t word_count, struct lw_frequencies *frequencies,
                                   struct lw_error *error)
{
    enum lw_status status = lw_frequencies_init(frequencies, word_count, error);
    if (status == LW_OK)
        status = words_table_read(path, "counts", pieces, word_count, 0, INT64_MAX,
                                  frequencies->counts, error);
    if (status != LW_OK)
        lw_frequencies_free(frequencies);
    return status;
}

struct ranked {
    uint64_t count;
    size_t id;
};

static int more_frequent_first(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return x->id < y->id ? -1 : 1;
}

static struct ranked *rank_words(const uint64_t *counts, size_t word_count)
{
    struct ranked *words = malloc(word_count * sizeof *words);
    if (!words)
        return NULL;
    for (size_t i = 0; i < word_count; i++)
        words[i] = (struct ranked){counts[i], i};
    qsort(words, word_count, sizeof *words, more_frequent_first);
    return words;
}

/* The steps of clusters: shares r^i / sum over k of r^k, the last one taking the rest. */
static struct lw_words_choice steps_of_clusters(const struct lw_words_choice *clusters)
{
    struct lw_words_choice steps = {.kind = LW_WORDS_THRESHOLDS, .step_count = clusters->clusters};
    double all = 0;
    for (unsigned i = 0; i < clusters->clusters; i++)
        all += pow(clusters->ratio, i);
    for (unsigned i = 0; i < clusters->clusters; i++) {
        bool last = i + 1 == clusters->clusters;
        steps.steps[i].share = last ? 0 : pow(clusters->ratio, i) / all;
        steps.steps[i].bits = clusters->clusters - i;
    }
    return steps;
}

static enum lw_status apply_steps(const char *source, const struct lw_words_choice *choice,
                                  const struct ranked *words, size_t word_count, uint8_t *bits,
                                  struct lw_error *error)
{
    double end = 0; /* exact: words are fewer than 2^31 */
    size_t from = 0;
    for (size_t i = 0; i < choice->step_count; i++) {
        const struct lw_words_step *step = &choice->steps[i];
        end += step->share > 0 ? step->share * (double)word_count : (double)step->count;
        double to = i + 1 == choice->step_count ? (double)word_count : nearbyint(end);
        if (to > (double)word_count)
            return lw_fail(error, LW_USAGE,
                           "%s: the first %zu thresholds take %.0f words of a vocabulary of %zu",
                           source, i + 1, to, word_count);
        for (; from < (size_t)to; from++)
            bits[words[from].id] = (uint8_t)step->bits;
    }
    return LW_OK;
}

static enum lw_status read_list(const char *folder, const char *list, size_t word_count,
                                uint8_t *bits, struct lw_error *error)
{
    char *path = folder && list[0] != '/' ? lw_path_join(folder, list) : strdup(list);
    uint64_t *values = malloc(word_count * sizeof *values);
    enum lw_status status = LW_OK;
    if (!path || !values)
        status = lw_fail(error, LW_FAILED, "%s: out of memory", list);
    else
        status = words_table_read(path, "bits", NULL, word_count, 1, LW_MAX_BITS, values, error);
    for (size_t i = 0; status == LW_OK && i < word_count; i++)
        bits[i] = (uint8_t)values[i];
    free(path);
    free(values);
    return status;
}

bool lw_words_need_counts(const struct lw_choice *choice)
{
    return choice->words.kind == LW_WORDS_CLUSTERS || choice->words.kind == LW_WORDS_THRESHOLDS;
}

enum lw_status lw_words_bits(const struct lw_plan *plan, const struct lw_choice *choice,
                             const uint64_t *counts, size_t word_count, uint8_t *bits,
                             struct lw_error *error)
{
    if (choice->words.kind == LW_WORDS_ALIKE) {
        memset(bits, (int)choice->bits, word_count);
        return LW_OK;
    }
    if (choice->words.kind == LW_WORDS_LIST)
        return read_list(plan->folder, choice->words.list, word_count, bits, error);
    if (!counts)
        return lw_fail(error, LW_USAGE,
                       "%s: bits by word frequency need the frequencies of the words",
                       plan->source);
    struct ranked *words = rank_words(counts, word_count);
    if (!words)
        return lw_fail(error, LW_FAILED, "out of memory for %zu words", word_count);
    struct lw_words_choice steps = choice->words;
    if (steps.kind == LW_WORDS_CLUSTERS)
        steps = steps_of_clusters(&choice->words);
    enum lw_status status = apply_steps(plan->source, &steps, words, word_count, bits, error);
    free(words);
    return status;
}
