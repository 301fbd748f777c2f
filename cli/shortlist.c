/* lutwidge shortlist: from a parallel text to the words that translate each word. */
#include "cli/cli.h"
#include "cli/loaded.h"

#include "gen/bundle.h"
#include "models/file.h"
#include "models/lwm.h"
#include "models/marian.h"
#include "runtime/lexicon.h"
#include "runtime/shortlist.h"
#include "runtime/vocabulary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 5 };

struct shortlist_options {
    const char *path, *source, *target, *output;
    int lines, rounds, best;
};

/* What is written, and by which pieces. */
struct writing {
    const struct lw_lexicon *lexicon;
    struct lw_vocabulary source, target;
    size_t best, lines;
};

static enum lw_status open_model(const char *path, struct lw_model *model, struct lw_error *error)
{
    bool is_bundle = lw_bundle_is(path);
    if (!is_bundle && cli_is_folder(path))
        return lw_marian_import(path, model, error);
    char *file = is_bundle ? lw_path_join(path, "model.lwm") : strdup(path);
    enum lw_status status =
        file ? lw_lwm_open(file, model, error) : lw_fail(error, LW_FAILED, "out of memory");
    free(file);
    return status;
}

/* NULL means no word at all, and spaces stand between fields. */
static bool can_be_written(const char *piece)
{
    return *piece && !strpbrk(piece, " \t\n") && strcmp(piece, "NULL") != 0;
}

static void write_line(struct writing *w, size_t target, const char *source, double probability,
                       FILE *stream)
{
    const char *piece = lw_vocabulary_word(&w->target, target);
    if (probability <= 0 || !can_be_written(piece))
        return;
    fprintf(stream, "%s %s %.7g\n", piece, source, probability);
    w->lines++;
}

static void write_words(struct writing *w, FILE *stream)
{
    const struct lw_lexicon *l = w->lexicon;
    for (size_t i = 0, taken = 0; i < l->count; i++) {
        const struct lw_lexicon_cell *cell = &l->cells[i];
        taken = i && l->cells[i - 1].source == cell->source ? taken + 1 : 0;
        if (cell->source == w->source.count)
            break; /* the empty word: frequencies stand in its place */
        const char *source = lw_vocabulary_word(&w->source, cell->source);
        if (taken < w->best && can_be_written(source))
            write_line(w, cell->target, source, (double)cell->probability, stream);
    }
    for (size_t word = 0; word < w->target.count; word++)
        write_line(w, word, "NULL", l->frequencies[word], stream);
}

static enum lw_status write_lexicon(const struct lw_model *model, const struct lw_lexicon *lexicon,
                                    const struct shortlist_options *o, size_t *lines,
                                    struct lw_error *error)
{
    const struct lw_tokenizer_data *data = &model->tokenizer;
    struct writing w = {.lexicon = lexicon, .best = (size_t)o->best};
    struct lw_writer writer;
    enum lw_status status = lw_vocabulary_open(data->source_words, data->source_words_bytes,
                                               model->config.source_words, &w.source, error);
    if (status == LW_OK)
        status = lw_vocabulary_open(data->target_words, data->target_words_bytes,
                                    model->config.target_words, &w.target, error);
    if (status == LW_OK)
        status = lw_writer_open(o->output, &writer, error);
    if (status == LW_OK) {
        write_words(&w, writer.stream);
        status = lw_writer_commit(&writer, error);
    }
    *lines = w.lines;
    lw_vocabulary_close(&w.source);
    lw_vocabulary_close(&w.target);
    return status;
}

static enum lw_status check_options(const struct shortlist_options *o, struct lw_error *error)
{
    if (!o->source || !o->target || !o->output)
        return lw_fail(error, LW_USAGE, "--source-text, --target-text and -o are needed");
    if (o->lines < 1 || o->rounds < 1 || o->rounds > 100 || o->best < 1)
        return lw_fail(error, LW_USAGE,
                       "--lines and --best take 1 or more and --rounds 1 to 100, not %d, %d and %d",
                       o->lines, o->best, o->rounds);
    return LW_OK;
}

static enum lw_status make(const struct shortlist_options *o, struct lw_error *error)
{
    struct lw_model model = {0};
    struct lw_pairs pairs = {0};
    struct lw_lexicon lexicon = {0};
    size_t lines = 0;
    double start = cli_now_s();
    const char *const inputs[] = {o->path, o->source, o->target};
    enum lw_status status = check_options(o, error);
    if (status == LW_OK)
        status = cli_check_output(o->output, inputs, sizeof inputs / sizeof *inputs, error);
    if (status == LW_OK)
        status = open_model(o->path, &model, error);
    if (status == LW_OK)
        status = lw_pairs_read(&model, o->source, o->target, (size_t)o->lines, &pairs, error);
    if (status == LW_OK)
        status = lw_lexicon_make(&pairs, model.config.source_words, model.config.target_words,
                                 (size_t)o->rounds, &lexicon, error);
    if (status == LW_OK)
        status = write_lexicon(&model, &lexicon, o, &lines, error);
    if (status == LW_OK)
        fprintf(stderr, "%s: %zu lines from %zu pairs of lines (%zu left out) in %.1f s\n",
                o->output, lines, pairs.count, pairs.skipped, cli_now_s() - start);
    lw_lexicon_free(&lexicon);
    lw_pairs_free(&pairs);
    lw_model_free(&model);
    return status;
}

int cli_shortlist(int argc, const char **argv)
{
    struct shortlist_options o = {.lines = 1000000, .rounds = ROUNDS, .best = LW_SHORTLIST_BEST};
    const char **rest = NULL;
    struct poptOption options[] = {
        {"source-text", 0, POPT_ARG_STRING, &o.source, 0, "text of the source side", "FILE"},
        {"target-text", 0, POPT_ARG_STRING, &o.target, 0, "its translation, line by line", "FILE"},
        {"output", 'o', POPT_ARG_STRING, &o.output, 0, "write the lexicon here", "FILE"},
        {"lines", 'n', POPT_ARG_INT, &o.lines, 0,
         "read the first N lines (default: 1000000); memory grows with them", "N"},
        {"rounds", 0, POPT_ARG_INT, &o.rounds, 0, "of expectation maximisation (default: 5)", "N"},
        {"best", 0, POPT_ARG_INT, &o.best, 0,
         "write at most N target pieces for each of the source (default: 100)", "N"},
        POPT_TABLEEND,
    };
    enum lw_status status =
        cli_parse(cli_verb_named("shortlist"), argc, argv, options, 1, 1, &rest);
    if (status != LW_OK)
        return (int)status;
    struct lw_error error = {0};
    o.path = rest[0];
    status = make(&o, &error);
    return status == LW_OK ? LW_OK : cli_report("shortlist", status, &error);
}
