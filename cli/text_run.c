#include "cli/text_run.h"

#include "models/file.h"

#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Lines are read so many times as many as the team takes at once, and sorted by length: lines of a
 * batch that are of unlike length leave it half empty. */
enum { WINDOW_TIMES = 16 };

struct window {
    size_t count, room;
    size_t first; /* number of its first line in the text, from 1 */
    struct lw_sentence *lines;
    char *text, *reference; /* of getline */
    size_t text_room, reference_room;
    size_t read_bytes;
    bool broken; /* the next line cannot be read: nothing is, from there on */
};

enum lw_status cli_text_open(const char *input, const char *reference, struct cli_text_run *run,
                             struct lw_error *error)
{
    struct stat about;
    run->input = stdin;
    run->input_name = "standard input";
    if (input && strcmp(input, "-") != 0) {
        run->input = fopen(input, "re");
        run->input_name = input;
    }
    if (!run->input)
        return lw_fail(error, LW_FAILED, "cannot open %s: %m", input);
    if (fstat(fileno(run->input), &about) == 0 && S_ISREG(about.st_mode))
        run->input_bytes = (size_t)about.st_size;
    if (reference && !(run->references = fopen(reference, "re")))
        return lw_fail(error, LW_FAILED, "cannot open %s: %m", reference);
    return LW_OK;
}

void cli_text_close(struct cli_text_run *run)
{
    if (run->references)
        fclose(run->references);
    if (run->input && run->input != stdin)
        fclose(run->input);
}

size_t cli_text_window(size_t at_once)
{
    return at_once == 1 ? 1 : at_once * WINDOW_TIMES;
}

static enum lw_status open_window(size_t at_once, struct window *w, struct lw_error *error)
{
    *w = (struct window){.room = cli_text_window(at_once)};
    w->lines = calloc(w->room, sizeof *w->lines);
    return w->lines ? LW_OK : lw_fail(error, LW_FAILED, "out of memory for %zu lines", w->room);
}

static void empty_window(struct window *w)
{
    for (size_t i = 0; i < w->count; i++)
        lw_sentence_clear(&w->lines[i]);
    w->count = 0;
}

static void close_window(struct window *w)
{
    empty_window(w);
    free(w->lines);
    free(w->text);
    free(w->reference);
}

/* Fills the window; false at the end of the text, or where it is broken. */
static bool read_lines(struct cli_text_run *run, struct window *w)
{
    w->first = run->lines + 1;
    while (!w->broken && w->count < w->room && run->lines < run->most_lines) {
        ssize_t length = getline(&w->text, &w->text_room, run->input);
        if (length < 0) {
            w->broken = !lw_stream_ended(run->input);
            break;
        }
        size_t bytes = (size_t)length - (length && w->text[length - 1] == '\n');
        run->lines++;
        w->read_bytes += (size_t)length;
        double start = cli_now_s();
        lw_sentence_read(&w->lines[w->count++], run->tokenizer, w->text, bytes);
        run->seconds += cli_now_s() - start;
    }
    return w->count > 0;
}

static enum lw_status translate_window(struct cli_text_run *run, struct window *w,
                                       struct lw_error *error)
{
    double start = cli_now_s();
    enum lw_status status = lw_team_translate(run->team, w->lines, w->count, error);
    run->seconds += cli_now_s() - start;
    return status;
}

static void refuse(struct cli_text_run *run, const struct lw_sentence *line, size_t number)
{
    fprintf(stderr, "lutwidge translate: %s, line %zu: %s\n", run->input_name, number,
            lw_sentence_error(line));
    run->refused++;
    if (line->status > run->worst)
        run->worst = line->status;
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
        const struct lw_sentence *line = &w->lines[i];
        const struct lw_translation none = {"", 0}, *german = line->list ? line->list : &none;
        if (line->status != LW_OK)
            refuse(run, line, w->first + i);
        run->words += line->words;
        run->listed += line->listed;
        run->lists += line->listed > 0;
        if (run->scores)
            printf("%.6f\t", (double)german->score);
        puts(german->text);
        if (run->references)
            status = add_reference(run, w, german->text, error);
    }
    if (fflush(stdout) && status == LW_OK) {
        status = lw_fail(error, LW_FAILED, "the translation cannot be written: %m");
        __fpurge(stdout); /* or the end of the program tries once more, and says so */
        clearerr(stdout);
    }
    return status;
}

enum lw_status cli_text_translate(struct cli_text_run *run, struct lw_error *error)
{
    struct window w;
    enum lw_status status = open_window(run->at_once, &w, error);
    while (status == LW_OK && read_lines(run, &w)) {
        status = translate_window(run, &w, error);
        if (status == LW_OK)
            status = write_lines(run, &w, error);
        if (run->input_bytes && !run->quiet)
            cli_progress_step(&run->progress, w.read_bytes, run->input_bytes);
        empty_window(&w);
    }
    if (status == LW_OK && w.broken)
        status = lw_fail(error, LW_FAILED, "%s, line %zu cannot be read, or is too long",
                         run->input_name, run->lines + 1);
    close_window(&w);
    return status;
}
