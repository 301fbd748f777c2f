/* Lines that are translated together: their beams are the columns of one decoder step, and a line
 * that is done leaves. Columns do not see each other, so each line gets the bytes that it gets
 * alone. */
#include "models/file.h"
#include "runtime/network.h"

#include <string.h>

/* Where the weights are let go, all of the model's file is: decoding reads no more than rows of it.
 */
static void let_go(const struct lw_translator *t)
{
    if (lw_backend_let_go(t->backend))
        lw_forget_bytes(t->model->mapped, t->model->mapped_bytes);
}

/* The columns of the running beams of lines[0..count). */
static size_t gather_columns(struct lw_translator *t, struct lw_line *const *lines, size_t count,
                             size_t step)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        lines[i]->decoded = lines[i]->running;
        for (size_t b = 0; b < lines[i]->running; b++, n++) {
            t->columns[n] = (struct lw_column){lines[i], b};
            t->column_words[n] = step ? lines[i]->words[(step - 1) * t->search.beams + b]
                                      : t->model->config.decoder_start;
        }
    }
    return n;
}

static enum lw_status search_line(struct lw_translator *t, struct lw_line *line, float *logits,
                                  size_t step, struct lw_error *error)
{
    enum lw_status status = lw_search_step(t, line, logits, step, error);
    return status == LW_OK ? lw_search_show(t, line, step, error) : status;
}

/* Logits and search of as many lines at once as there is room for logits; of one that has a list of
 * words of its own. */
static enum lw_status search_lines(struct lw_translator *t, struct lw_line *const *lines,
                                   size_t count, size_t step, struct lw_error *error)
{
    size_t column = 0;
    enum lw_status status = LW_OK;
    for (size_t i = 0; i < count && status == LW_OK;) {
        size_t end = i, n = 0;
        const struct lw_rows *rows = lines[i]->rows;
        while (end < count && n + lines[end]->decoded <= t->output_columns && !(rows && n))
            n += lines[end++]->decoded;
        status = lw_decode_logits(t, rows, column, n, error);
        column += n;
        for (float *x = t->logits; i < end && status == LW_OK; i++) {
            status = search_line(t, lines[i], x, step, error);
            x += lines[i]->decoded * lw_line_words(t, lines[i]);
        }
    }
    return status;
}

static enum lw_status translate_lines(struct lw_translator *t, struct lw_line **lines,
                                      const struct lw_request *jobs, size_t count,
                                      struct lw_error *error)
{
    enum lw_status status = lw_encode_lines(t, lines, jobs, count, error);
    let_go(t);
    for (size_t i = 0; i < count; i++)
        lw_search_begin(lines[i]);
    for (size_t i = 0; i < count && status == LW_OK; i++)
        status = lw_list_words(t, lines[i], &jobs[i], error);
    for (size_t step = 0; count && status == LW_OK; step++) {
        size_t n = gather_columns(t, lines, count, step), running = 0;
        status = lw_decode_columns(t, n, step, error);
        if (status == LW_OK)
            status = search_lines(t, lines, count, step, error);
        for (size_t i = 0; i < count; i++)
            if (lines[i]->running)
                lines[running++] = lines[i];
        count = running;
    }
    let_go(t);
    return status;
}

/* Jobs [first, end) together; where that fails, none of them has a result. */
static enum lw_status translate_jobs(struct lw_translator *t, struct lw_request *jobs, size_t first,
                                     size_t end, struct lw_error *error)
{
    for (size_t i = first; i < end; i++)
        t->active[i - first] = &t->lines[i];
    enum lw_status status = translate_lines(t, t->active, jobs + first, end - first, error);
    for (size_t i = first; i < end && status == LW_OK; i++) {
        jobs[i].best = t->lines[i].best;
        jobs[i].listed = t->lines[i].rows ? t->lines[i].rows->count : 0;
    }
    return status;
}

/* The jobs from `first` on that go together: usable ones whose words fit. One that is not usable
 * stands alone. */
static size_t end_of_group(const struct lw_translator *t, const struct lw_request *jobs,
                           size_t first, size_t count)
{
    size_t end = first, rows = 0;
    while (end < count && jobs[end].status == LW_OK && rows + jobs[end].count <= t->most_rows)
        rows += jobs[end++].count;
    return end > first ? end : first + 1;
}

/* Jobs [first, end) together. A step fails for all of its lines; one by one each gets its own
 * result or error. */
static void translate_group(struct lw_translator *t, struct lw_request *jobs, size_t first,
                            size_t end)
{
    struct lw_error together = {0};
    bool several = end - first > 1;
    if (several && translate_jobs(t, jobs, first, end, &together) == LW_OK)
        return;
    for (size_t i = first; i < end; i++)
        jobs[i].status = translate_jobs(t, jobs, i, i + 1, &jobs[i].error);
}

void lw_translate_batch(struct lw_translator *translator, struct lw_request *jobs, size_t count)
{
    translator->stopped = false;
    for (size_t i = 0; i < count; i++)
        jobs[i].status =
            lw_check_source(translator->model, jobs[i].source, jobs[i].count, &jobs[i].error);
    for (size_t first = 0, end; first < count; first = end) {
        end = end_of_group(translator, jobs, first, count);
        if (jobs[first].status == LW_OK)
            translate_group(translator, jobs, first, end);
    }
}

enum lw_status lw_translate(struct lw_translator *translator, const int32_t *source, size_t count,
                            struct lw_hypothesis *best, struct lw_error *error)
{
    enum lw_status status = lw_check_source(translator->model, source, count, error);
    struct lw_request job = {.source = source, .count = count};
    translator->stopped = false;
    if (status == LW_OK)
        status = translate_jobs(translator, &job, 0, 1, error);
    if (status == LW_OK)
        *best = job.best;
    return status;
}
