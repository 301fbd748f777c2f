#include "cli/text_run.h"

#include "runtime/text.h"

#include <stdlib.h>
#include <string.h>

/* Lines are read so many batches at a time, and sorted by length: lines of a batch that are of
 * unlike length leave it half empty. */
enum { WINDOW_BATCHES = 16 };

struct text_line {
    size_t number; /* in the text, from 1 */
    int32_t *ids;  /* NULL: blank, or refused */
    size_t count;
    char *german; /* NULL: refused */
    float score;
    enum lw_status status;
    struct lw_error error;
};

struct window {
    size_t count, room;
    struct text_line *lines;
    struct text_line **order; /* those to translate, shortest first */
    struct lw_request *jobs;  /* [batch] */
    char *text, *reference;   /* of getline */
    size_t text_room, reference_room;
    size_t read_bytes;
};

static enum lw_status open_window(size_t batch, struct window *w, struct lw_error *error)
{
    *w = (struct window){.room = batch == 1 ? 1 : batch * WINDOW_BATCHES};
    w->lines = calloc(w->room, sizeof *w->lines);
    w->order = calloc(w->room, sizeof *w->order);
    w->jobs = calloc(batch, sizeof *w->jobs);
    return w->lines && w->order && w->jobs
               ? LW_OK
               : lw_fail(error, LW_FAILED, "out of memory for %zu lines", w->room);
}

static void empty_window(struct window *w)
{
    for (size_t i = 0; i < w->count; i++) {
        free(w->lines[i].ids);
        free(w->lines[i].german);
    }
    w->count = 0;
}

static void close_window(struct window *w)
{
    empty_window(w);
    free(w->lines);
    free(w->order);
    free(w->jobs);
    free(w->text);
    free(w->reference);
}

static bool is_blank(const char *text, size_t bytes)
{
    lw_text_trim(&text, &bytes);
    return bytes == 0;
}

static void set_german(struct text_line *line, char *german)
{
    line->german = german;
    if (!german)
        line->status = lw_fail(&line->error, LW_FAILED, "out of memory");
}

/* Fills the window; false at the end of the text. */
static bool read_lines(struct cli_text_run *run, struct window *w)
{
    while (w->count < w->room && run->lines < run->most_lines) {
        ssize_t length = getline(&w->text, &w->text_room, run->input);
        if (length < 0)
            break;
        size_t bytes = (size_t)length - (length && w->text[length - 1] == '\n');
        struct text_line *line = &w->lines[w->count++];
        *line = (struct text_line){.number = ++run->lines};
        w->read_bytes += (size_t)length;
        double start = cli_now_s();
        if (is_blank(w->text, bytes))
            set_german(line, strdup(""));
        else
            line->status = lw_tokenizer_encode(run->tokenizer, w->text, bytes, &line->ids,
                                               &line->count, &line->error);
        run->seconds += cli_now_s() - start;
    }
    return w->count > 0;
}

static int compare_lengths(const void *a, const void *b)
{
    const struct text_line *x = *(struct text_line *const *)a, *y = *(struct text_line *const *)b;
    if (x->count != y->count)
        return x->count < y->count ? -1 : 1;
    return x->number < y->number ? -1 : 1;
}

static void take_result(struct cli_text_run *run, const struct lw_request *job,
                        struct text_line *line)
{
    line->status = job->status;
    line->error = job->error;
    if (job->status != LW_OK)
        return;
    line->score = job->best.score;
    run->words += job->best.count;
    line->status = lw_tokenizer_decode(run->tokenizer, job->best.words, job->best.count,
                                       &line->german, &line->error);
}

static void translate_window(struct cli_text_run *run, struct window *w)
{
    double start = cli_now_s();
    size_t count = 0;
    for (size_t i = 0; i < w->count; i++)
        if (w->lines[i].ids)
            w->order[count++] = &w->lines[i];
    qsort(w->order, count, sizeof(struct text_line *), compare_lengths);
    for (size_t done = 0; done < count;) {
        size_t now = count - done < run->batch ? count - done : run->batch;
        for (size_t i = 0; i < now; i++)
            w->jobs[i] = (struct lw_request){.source = w->order[done + i]->ids,
                                             .count = w->order[done + i]->count};
        lw_translate_batch(run->translator, w->jobs, now);
        for (size_t i = 0; i < now; i++)
            take_result(run, &w->jobs[i], w->order[done + i]);
        done += now;
    }
    run->seconds += cli_now_s() - start;
}

static void refuse(struct cli_text_run *run, const struct text_line *line)
{
    fprintf(stderr, "lutwidge translate: %s, line %zu: %s\n", run->input_name, line->number,
            line->error.text);
    /* Wrong usage of the library is a line that is too long for the model. */
    enum lw_status status = line->status == LW_USAGE ? LW_FAILED : line->status;
    run->refused++;
    if (status > run->worst)
        run->worst = status;
}

static enum lw_status add_reference(struct cli_text_run *run, struct window *w, const char *german,
                                    struct lw_error *error)
{
    ssize_t length = getline(&w->reference, &w->reference_room, run->references);
    if (length < 0)
        return lw_fail(error, LW_CORRUPT, "the reference has fewer lines than the input");
    w->reference[strcspn(w->reference, "\n")] = 0;
    return lw_score_line(&run->statistics, german, w->reference, error);
}

static enum lw_status write_lines(struct cli_text_run *run, struct window *w,
                                  struct lw_error *error)
{
    enum lw_status status = LW_OK;
    for (size_t i = 0; i < w->count && status == LW_OK; i++) {
        const struct text_line *line = &w->lines[i];
        const char *german = line->german ? line->german : "";
        if (line->status != LW_OK)
            refuse(run, line);
        if (run->scores)
            printf("%.6f\t", (double)line->score);
        puts(german);
        if (run->references)
            status = add_reference(run, w, german, error);
    }
    if (fflush(stdout) && status == LW_OK)
        status = lw_fail(error, LW_FAILED, "the translation cannot be written");
    return status;
}

enum lw_status cli_text_translate(struct cli_text_run *run, struct lw_error *error)
{
    struct window w;
    enum lw_status status = open_window(run->batch, &w, error);
    while (status == LW_OK && read_lines(run, &w)) {
        translate_window(run, &w);
        status = write_lines(run, &w, error);
        if (run->input_bytes && !run->quiet)
            cli_progress_step(&run->progress, w.read_bytes, run->input_bytes);
        empty_window(&w);
    }
    if (status == LW_OK && ferror(run->input))
        status = lw_fail(error, LW_FAILED, "%s cannot be read", run->input_name);
    close_window(&w);
    return status;
}
