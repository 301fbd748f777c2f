#include "runtime/shortlist.h"

#include "models/file.h"
#include "runtime/vocabulary.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_LINES = 1 << 25, MOST_LINE_BYTES = 4096, FIELDS = 3 };

/* A line whose pieces the model has. The source NULL is number source_words. */
struct entry {
    uint32_t source, target, line;
    float probability;
};

struct reading {
    const char *path;
    struct lw_vocabulary source, target;
    locale_t plain; /* in which numbers have a point, whatever the process has chosen */
    struct entry *entries;
    size_t count, room, line;
    size_t unknown;
};

static enum lw_status fail_line(const struct reading *r, const char *reason, struct lw_error *error)
{
    return lw_fail(error, LW_CORRUPT, "%s, line %zu: %s", r->path, r->line, reason);
}

static enum lw_status keep(struct reading *r, const struct entry *entry, struct lw_error *error)
{
    if (r->count == r->room) {
        size_t room = r->room ? 2 * r->room : 1024;
        struct entry *larger = realloc(r->entries, room * sizeof *larger);
        if (!larger)
            return lw_fail(error, LW_FAILED, "out of memory for the shortlist %s", r->path);
        r->entries = larger;
        r->room = room;
    }
    r->entries[r->count++] = *entry;
    return LW_OK;
}

static bool read_probability(const struct reading *r, const char *text, float *probability)
{
    char *end;
    bool plain = strspn(text, "0123456789.eE+-") == strlen(text);
    double value = plain ? strtod_l(text, &end, r->plain) : -1;
    *probability = (float)value;
    return plain && *end == 0 && end > text && value >= 0 && value <= 1;
}

/* A NUL-terminated line without its newline, which is taken apart. */
static enum lw_status read_line(struct reading *r, char *text, struct lw_error *error)
{
    char *fields[FIELDS + 1], *rest = NULL;
    size_t count = 0;
    for (char *f = strtok_r(text, " \t", &rest); f && count <= FIELDS;
         f = strtok_r(NULL, " \t", &rest))
        fields[count++] = f;
    struct entry entry = {.line = (uint32_t)r->line};
    if (count != FIELDS)
        return fail_line(r, "is not 'target source probability'", error);
    if (!read_probability(r, fields[2], &entry.probability))
        return fail_line(r, "the probability is no number from 0 to 1", error);
    if (strcmp(fields[0], "NULL") == 0)
        return LW_OK;
    bool null = strcmp(fields[1], "NULL") == 0;
    int32_t target = lw_vocabulary_find(&r->target, fields[0], strlen(fields[0]));
    int32_t source = null ? (int32_t)r->source.count
                          : lw_vocabulary_find(&r->source, fields[1], strlen(fields[1]));
    entry.target = (uint32_t)target;
    entry.source = (uint32_t)source;
    if (target >= 0 && source >= 0)
        return keep(r, &entry, error);
    r->unknown++;
    return LW_OK;
}

static enum lw_status read_file(struct reading *r, struct lw_error *error)
{
    FILE *file = fopen(r->path, "re");
    char *text = NULL;
    size_t room = 0;
    enum lw_status status = LW_OK;
    if (!file)
        return lw_fail(error, LW_FAILED, "cannot open %s: %m", r->path);
    while (status == LW_OK) {
        ssize_t length = getline(&text, &room, file);
        if (length < 0)
            break;
        size_t bytes = (size_t)length - (text[length - 1] == '\n');
        text[bytes] = 0;
        if (++r->line == 1 && bytes > 1 && memcmp(text, "\x1f\x8b", 2) == 0)
            status = lw_fail(error, LW_CORRUPT, "%s is compressed; gunzip it first", r->path);
        else if (r->line > MOST_LINES)
            status =
                fail_line(r, "there are more lines than 2^25; keep the best of each source", error);
        else if (bytes > MOST_LINE_BYTES || strlen(text) != bytes)
            status = fail_line(r, "is longer than 4096 bytes, or has a zero byte", error);
        else
            status = read_line(r, text, error);
    }
    if (status == LW_OK && !lw_stream_ended(file))
        status = lw_fail(error, LW_FAILED, "%s cannot be read: %m", r->path);
    free(text);
    fclose(file);
    return status;
}

/* By source, the most probable first, and of equals the lower target. */
static int compare(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->source != y->source)
        return x->source < y->source ? -1 : 1;
    if (x->probability != y->probability)
        return x->probability > y->probability ? -1 : 1;
    return x->target < y->target ? -1 : x->target > y->target;
}

/* No pair may be there twice: which probability would count? `seen` has the line of each target. */
static enum lw_status check_pairs(const struct reading *r, uint32_t *seen, struct lw_error *error)
{
    size_t first = 0;
    for (size_t i = 0; i < r->count; i++) {
        const struct entry *e = &r->entries[i];
        if (e->source != r->entries[first].source) {
            for (; first < i; first++)
                seen[r->entries[first].target] = 0;
        }
        uint32_t other = seen[e->target];
        if (other)
            return lw_fail(error, LW_CORRUPT, "%s, line %u: its two pieces are in line %u already",
                           r->path, other > e->line ? other : e->line,
                           other < e->line ? other : e->line);
        seen[e->target] = e->line;
    }
    return LW_OK;
}

/* The sorted entries as lists. `marks` are zeros. */
static void fill(const struct reading *r, size_t best, size_t frequent, uint32_t *marks,
                 struct lw_shortlist *s)
{
    size_t i = 0;
    for (uint32_t word = 0; word <= s->source_words; word++) {
        bool null = word == s->source_words;
        size_t most = null ? frequent : best;
        s->starts[word] = (uint32_t)s->best_count;
        for (size_t taken = 0; i < r->count && r->entries[i].source == word; i++, taken++) {
            if (taken >= most)
                continue;
            if (null)
                s->always[s->always_count++] = r->entries[i].target;
            else
                s->best[s->best_count++] = r->entries[i].target;
        }
    }
    for (size_t a = 0; a < s->always_count; a++)
        marks[s->always[a]] = 1;
    for (uint32_t word = 0; word < s->target_words && s->always_count < frequent; word++)
        if (!marks[word])
            s->always[s->always_count++] = word;
}

static enum lw_status make_lists(struct reading *r, size_t best, size_t frequent,
                                 struct lw_shortlist *s, struct lw_error *error)
{
    qsort(r->entries, r->count, sizeof *r->entries, compare);
    uint32_t *seen = calloc(s->target_words, sizeof *seen),
             *marks = calloc(s->target_words, sizeof *marks);
    s->starts = calloc(s->source_words + 1, sizeof *s->starts);
    s->best = calloc(r->count + 1, sizeof *s->best);
    s->always = calloc(s->target_words, sizeof *s->always);
    enum lw_status status =
        seen && marks && s->starts && s->best && s->always
            ? check_pairs(r, seen, error)
            : lw_fail(error, LW_FAILED, "out of memory for the shortlist %s", r->path);
    if (status == LW_OK) {
        fill(r, best, frequent, marks, s);
        uint32_t *fitting = realloc(s->best, (s->best_count + 1) * sizeof *fitting);
        s->best = fitting ? fitting : s->best;
    }
    free(seen);
    free(marks);
    return status;
}

static enum lw_status read_entries(const struct lw_model *model, struct reading *r,
                                   struct lw_error *error)
{
    const struct lw_tokenizer_data *data = &model->tokenizer;
    r->plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!r->plain)
        return lw_fail(error, LW_FAILED, "out of memory for the shortlist %s", r->path);
    enum lw_status status = lw_vocabulary_open(data->source_words, data->source_words_bytes,
                                               model->config.source_words, &r->source, error);
    if (status == LW_OK)
        status = lw_vocabulary_open(data->target_words, data->target_words_bytes,
                                    model->config.target_words, &r->target, error);
    if (status == LW_OK)
        status = read_file(r, error);
    if (status == LW_OK && r->count == 0)
        status = lw_fail(error, LW_CORRUPT, "%s: none of its %zu lines is of pieces of this model",
                         r->path, r->line);
    return status;
}

enum lw_status lw_shortlist_open(const struct lw_model *model, const char *path, size_t best,
                                 size_t frequent, struct lw_shortlist *shortlist,
                                 struct lw_error *error)
{
    const struct lw_config *config = &model->config;
    struct reading r = {.path = path};
    *shortlist = (struct lw_shortlist){.source_words = config->source_words,
                                       .target_words = config->target_words,
                                       .shared = config->shared_embedding};
    if (best == 0)
        return lw_fail(error, LW_USAGE, "a shortlist of no word for each source word");
    if (frequent > config->target_words)
        frequent = config->target_words;
    enum lw_status status = read_entries(model, &r, error);
    if (status == LW_OK)
        status = make_lists(&r, best, frequent, shortlist, error);
    shortlist->lines = r.line;
    shortlist->unknown = r.unknown;
    free(r.entries);
    lw_vocabulary_close(&r.source);
    lw_vocabulary_close(&r.target);
    if (r.plain)
        freelocale(r.plain);
    if (status != LW_OK)
        lw_shortlist_close(shortlist);
    return status;
}

void lw_shortlist_close(struct lw_shortlist *shortlist)
{
    free(shortlist->starts);
    free(shortlist->best);
    free(shortlist->always);
    *shortlist = (struct lw_shortlist){0};
}

size_t lw_shortlist_bytes(const struct lw_shortlist *shortlist)
{
    return (shortlist->source_words + shortlist->best_count + shortlist->target_words + 2) *
           sizeof(uint32_t);
}
