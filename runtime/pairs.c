#include "runtime/pairs.h"

#include "models/checked.h"
#include "runtime/lines.h"

#include <stdlib.h>
#include <string.h>

/* Lines of both files, the sources first. */
struct gathered {
    int32_t *ids;
    size_t count, room; /* of ids */
    size_t *ends;       /* [lines], where the ids of each line end */
    size_t lines, line_room;
};

/* Makes room for `more` elements behind `count`; doubles, so that many calls stay cheap. */
static bool grow(void **block, size_t element_bytes, size_t count, size_t more, size_t *room)
{
    size_t wanted, bytes;
    if (!lw_checked_add(count, more, &wanted))
        return false;
    if (wanted <= *room)
        return true;
    if (!lw_checked_mul(wanted, 2, &wanted) || !lw_checked_mul(wanted, element_bytes, &bytes))
        return false;
    void *larger = realloc(*block, bytes);
    if (!larger)
        return false;
    *block = larger;
    *room = wanted;
    return true;
}

static enum lw_status take_line(void *context, const int32_t *ids, size_t count,
                                struct lw_error *error)
{
    struct gathered *g = context;
    void *all_ids = g->ids, *ends = g->ends;
    bool grown = grow(&all_ids, sizeof *g->ids, g->count, count, &g->room);
    g->ids = all_ids;
    grown = grown && grow(&ends, sizeof *g->ends, g->lines, 1, &g->line_room);
    g->ends = ends;
    if (!grown)
        return lw_fail(error, LW_FAILED, "out of memory for the text");
    memcpy(g->ids + g->count, ids, count * sizeof *ids);
    g->count += count;
    g->ends[g->lines++] = g->count;
    return LW_OK;
}

static size_t line_begin(const struct gathered *g, size_t line)
{
    return line ? g->ends[line - 1] : 0;
}

/* Pairs of the lines i and lines / 2 + i. */
static void pair_lines(const struct gathered *g, size_t positions, struct lw_pairs *pairs)
{
    size_t half = g->lines / 2;
    for (size_t i = 0; i < half; i++) {
        size_t source = line_begin(g, i), target = line_begin(g, half + i);
        struct lw_pair pair = {g->ids + source, g->ids + target, g->ends[i] - source,
                               g->ends[half + i] - target, i};
        bool blank = pair.source_count < 2 || pair.target_count < 2;
        if (blank || pair.source_count > positions || pair.target_count > positions)
            pairs->skipped++;
        else
            pairs->pairs[pairs->count++] = pair;
    }
}

enum lw_status lw_pairs_read(const struct lw_model *model, const char *source_path,
                             const char *target_path, size_t most_lines, struct lw_pairs *pairs,
                             struct lw_error *error)
{
    struct gathered g = {0};
    *pairs = (struct lw_pairs){0};
    enum lw_status status =
        lw_lines_encode(model, false, source_path, most_lines, take_line, &g, error);
    size_t sources = g.lines;
    if (status == LW_OK)
        status = lw_lines_encode(model, true, target_path, most_lines, take_line, &g, error);
    if (status == LW_OK && g.lines - sources != sources)
        status = lw_fail(error, LW_CORRUPT, "%s has %s lines than %s: no parallel text",
                         source_path, sources < g.lines - sources ? "fewer" : "more", target_path);
    if (status == LW_OK) {
        pairs->pairs = calloc(sources ? sources : 1, sizeof *pairs->pairs);
        if (pairs->pairs)
            pair_lines(&g, model->config.positions, pairs);
        else
            status = lw_fail(error, LW_FAILED, "out of memory for the text");
    }
    if (status == LW_OK && pairs->count == 0)
        status =
            lw_fail(error, LW_CORRUPT, "%s and %s hold no pair of lines that the model can take",
                    source_path, target_path);
    pairs->ids = g.ids;
    free(g.ends);
    if (status != LW_OK)
        lw_pairs_free(pairs);
    return status;
}

void lw_pairs_free(struct lw_pairs *pairs)
{
    free(pairs->pairs);
    free(pairs->ids);
    *pairs = (struct lw_pairs){0};
}
