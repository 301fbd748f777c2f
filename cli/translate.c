/* lutwidge translate: lines of text in, lines of text out. */
#include "cli/cli.h"
#include "cli/loaded.h"
#include "cli/prefix.h"
#include "cli/team.h"
#include "cli/text_run.h"

#include "models/lwm.h"
#include "profiles/database.h"
#include "profiles/score.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_BATCH = 1024, MOST_THREADS = 1024 };

struct translate_options {
    struct cli_request request;
    const char *reference, *database, *memory, *shortlist;
    int beams, max_length, lines, batch, threads, best, frequent;
    double length_penalty;
    int scores, quiet;
};

static enum lw_status record(const char *command, const char *path, const struct cli_loaded *loaded,
                             const struct cli_text_run *run, const struct lw_search *search,
                             const struct lw_score *score, const char *database,
                             struct lw_error *error)
{
    char input_hash[33] = "";
    bool named = run->input != stdin; /* what came through a pipe cannot be read again */
    enum lw_status status = named ? lw_file_hash(run->input_name, input_hash, error) : LW_OK;
    if (status != LW_OK)
        return status;
    struct lw_run row = LW_RUN_UNKNOWN;
    row.verb = "translate";
    row.command = command;
    row.model = path;
    row.model_hash = loaded->hash;
    row.input_hash = named ? input_hash : NULL;
    row.arith = loaded->arith;
    row.kernels = loaded->kernels;
    row.bits = loaded->bits;
    row.real_bits = loaded->real_bits;
    row.size_bytes = loaded->size_bytes;
    row.beams = (double)search->beams;
    row.lines = (double)run->lines;
    row.seconds = run->seconds;
    row.peak_memory_bytes = cli_peak_memory_bytes();
    if (run->seconds > 0)
        row.lines_per_s = (double)run->lines / run->seconds;
    if (run->references) {
        row.bleu = score->bleu;
        row.chrf = score->chrf;
    }
    return cli_record(database, &row, error);
}

static void print_engine(const struct cli_loaded *loaded)
{
    struct lw_sim_counts counts;
    lw_tally_sum(&loaded->work, &counts);
    double cycles = (double)counts.values[LW_COUNT_BUSY],
           clock_hz = loaded->device->clock_mhz * 1e6;
    fprintf(stderr, "engine: %.0f cycles in %zu lists, %.4f s at the %g MHz of %s", cycles,
            lw_tally_lists(&loaded->work), cycles / clock_hz, clock_hz / 1e6, loaded->device->name);
    fprintf(stderr, "; %.2f M cycles simulated a second of CPU time\n",
            cycles / loaded->simulator.effort->seconds / 1e6);
}

static void print_summary(const struct cli_text_run *run, const struct cli_loaded *loaded,
                          const struct lw_search *search, const struct lw_score *score)
{
    fprintf(stderr,
            "%zu lines in %.2f s (%.1f lines/s), beam %zu, class %s by %s, peak memory %.1f MB",
            run->lines, run->seconds, run->seconds > 0 ? (double)run->lines / run->seconds : 0.0,
            search->beams, loaded->arith, loaded->kernels, cli_peak_memory_bytes() / 1e6);
    if (run->references)
        fprintf(stderr, ", BLEU %.2f, chrF %.2f", score->bleu, score->chrf);
    if (run->lists)
        fprintf(stderr, ", shortlists of %.0f words a line (of %zu; results may differ)",
                (double)run->listed / (double)run->lists, loaded->model.config.target_words);
    if (run->refused)
        fprintf(stderr, "; %zu lines refused", run->refused);
    fputc('\n', stderr);
    if (loaded->device)
        print_engine(loaded);
}

static enum lw_status choose_search(const struct translate_options *options,
                                    const struct lw_config *config, struct lw_search *search,
                                    struct lw_error *error)
{
    *search = (struct lw_search){config->beams, config->max_length, config->length_penalty,
                                 config->early_stopping};
    if (options->beams != CLI_NO_NUMBER && (options->beams < 1 || options->beams > 64))
        return lw_fail(error, LW_USAGE, "--beam takes 1 to 64, not %d", options->beams);
    if (options->lines < 0 && options->lines != CLI_NO_NUMBER)
        return lw_fail(error, LW_USAGE, "--lines takes 0 or more, not %d", options->lines);
    if (options->max_length < 2 && options->max_length != CLI_NO_NUMBER)
        return lw_fail(error, LW_USAGE, "--max-length takes 2 or more, not %d",
                       options->max_length);
    if (options->beams != CLI_NO_NUMBER)
        search->beams = (size_t)options->beams;
    if (options->max_length != CLI_NO_NUMBER)
        search->max_length = (size_t)options->max_length;
    if (options->length_penalty != CLI_NO_REAL)
        search->length_penalty = (float)options->length_penalty;
    return LW_OK;
}

/* Says on stderr how much of the file is not of this model. */
static enum lw_status open_shortlist(const struct translate_options *options,
                                     const struct lw_model *model, struct lw_shortlist *shortlist,
                                     struct lw_error *error)
{
    enum lw_status status = lw_shortlist_open(model, options->shortlist, (size_t)options->best,
                                              (size_t)options->frequent, shortlist, error);
    if (status == LW_OK && shortlist->unknown && !options->quiet)
        fprintf(stderr, "%s: %zu of %zu lines have pieces that the model has not\n",
                options->shortlist, shortlist->unknown, shortlist->lines);
    return status;
}

static enum lw_status check_numbers(const struct translate_options *options, struct lw_error *error)
{
    if (options->batch < 1 || options->batch > MOST_BATCH)
        return lw_fail(error, LW_USAGE, "--batch takes 1 to %d, not %d", MOST_BATCH,
                       options->batch);
    if (options->threads < 1 || options->threads > MOST_THREADS)
        return lw_fail(error, LW_USAGE, "--threads takes 1 to %d, not %d", MOST_THREADS,
                       options->threads);
    if (options->best < 1 || options->frequent < 0)
        return lw_fail(error, LW_USAGE,
                       "--shortlist-best takes 1 or more and --shortlist-frequent 0 or more, not "
                       "%d and %d",
                       options->best, options->frequent);
    return LW_OK;
}

static enum lw_status translate(const char *command, const char *path, const char *input,
                                const struct translate_options *options, enum lw_status *worst,
                                struct lw_error *error)
{
    struct cli_loaded loaded = {0};
    struct lw_search search;
    struct lw_score score = {0};
    struct cli_team team = {0};
    struct lw_shortlist shortlist = {0}, *list = options->shortlist ? &shortlist : NULL;
    struct cli_text_run run = {.scores = options->scores, .quiet = options->quiet};
    size_t batch = (size_t)options->batch, threads = (size_t)options->threads;
    enum lw_status status = check_numbers(options, error);
    if (status == LW_OK)
        status = cli_text_open(input, options->reference, &run, error);
    if (status == LW_OK && options->database)
        status = cli_check_database(options->database, error);
    if (status == LW_OK)
        status = cli_load(path, &options->request, &loaded, error);
    if (status == LW_OK && loaded.chunks && !options->quiet)
        cli_print_prefix(path, &loaded.model, loaded.chunks, loaded.all_chunks,
                         (size_t)loaded.size_bytes);
    if (status == LW_OK)
        status = choose_search(options, &loaded.model.config, &search, error);
    if (status == LW_OK && list)
        status = open_shortlist(options, &loaded.model, list, error);
    if (status == LW_OK && options->memory)
        status = cli_team_fits(&loaded, &search, list, threads, batch,
                               cli_text_window(batch * threads), options->memory, error);
    if (status == LW_OK)
        status = cli_team_open(&loaded, &search, list, threads, batch, &team, error);
    if (status == LW_OK) {
        run.most_lines = options->lines >= 0 ? (size_t)options->lines : SIZE_MAX;
        run.at_once = batch * threads;
        run.tokenizer = team.tokenizer;
        run.team = team.team;
        cli_progress_start(&run.progress, "translating");
        status = cli_text_translate(&run, error);
        if (run.input_bytes && !run.quiet)
            cli_progress_end(&run.progress);
    }
    if (status == LW_OK && run.references)
        lw_score_finish(&run.statistics, &score);
    if (status == LW_OK && !run.quiet)
        print_summary(&run, &loaded, &search, &score);
    if (status == LW_OK && options->database)
        status = record(command, path, &loaded, &run, &search, &score, options->database, error);
    *worst = run.worst;
    cli_team_close(&team);
    lw_shortlist_close(&shortlist);
    cli_unload(&loaded);
    cli_text_close(&run);
    return status;
}

int cli_translate(int argc, const char **argv)
{
    struct translate_options o = {.beams = CLI_NO_NUMBER,
                                  .max_length = CLI_NO_NUMBER,
                                  .length_penalty = CLI_NO_REAL,
                                  .lines = CLI_NO_NUMBER,
                                  .batch = 1,
                                  .threads = 1,
                                  .best = LW_SHORTLIST_BEST,
                                  .frequent = LW_SHORTLIST_FREQUENT};
    const char **rest = NULL;
    struct poptOption options[] = {
        {"beam", 'b', POPT_ARG_INT, &o.beams, 0, "beams; 1 is greedy (default: the model's)", "N"},
        {"batch", 0, POPT_ARG_INT, &o.batch, 0,
         "translate N lines of like length together (default: 1): faster, more memory, same bytes; "
         "lines are read and written 16 N at a time",
         "N"},
        {"threads", 0, POPT_ARG_INT, &o.threads, 0,
         "translate on N threads (default: 1): same bytes; lines are read and written 16 N times "
         "the batch at a time",
         "N"},
        {"max-length", 0, POPT_ARG_INT, &o.max_length, 0,
         "longest translation in words, its start word included (default: the model's)", "N"},
        {"length-penalty", 0, POPT_ARG_DOUBLE, &o.length_penalty, 0,
         "exponent of the length that scores are divided by (default: the model's)", "P"},
        {"shortlist", 0, POPT_ARG_STRING, &o.shortlist, 0,
         "translate each line with the words that FILE gives for its own: lines of 'target source "
         "probability', as shortlist or Marian's tools write them; faster, results may differ",
         "FILE"},
        {"shortlist-best", 0, POPT_ARG_INT, &o.best, 0,
         "of a shortlist, so many words for each of the source (default: 100)", "N"},
        {"shortlist-frequent", 0, POPT_ARG_INT, &o.frequent, 0,
         "and so many frequent ones for every line (default: 100)", "N"},
        {"device", 'd', POPT_ARG_STRING, &o.request.device, 0,
         "kernels for host (default), " LW_DEVICE_NAMES
         "; or a simulated engine: " LW_SIM_DEVICE_NAMES,
         "DEVICE"},
        {"arith", 'a', POPT_ARG_STRING, &o.request.arith, 0,
         "class of the products: the model's own, f32 (fixed order), or blas (OpenBLAS)", "CLASS"},
        {"engine", 0, POPT_ARG_STRING, &o.request.engine, 0,
         "kernels (default); reference: the definition of the class, slow; model or rtl: the "
         "lookup-table engine, simulated (default device: lut-mobile)",
         "ENGINE"},
        {"max-model-size", 0, POPT_ARG_STRING, &o.request.size, 0,
         "of nested planes, load the best prefix of at most this size (2MB), tokeniser aside; "
         "refuse any other .lwm file or bundle that is larger, and fp32 folders",
         "SIZE"},
        {"max-memory", 0, POPT_ARG_STRING, &o.memory, 0,
         "refuse to begin where more might be resident (64MB), with lines as long as the model "
         "takes",
         "SIZE"},
        {"scores", 's', POPT_ARG_NONE, &o.scores, 0, "print each line's score and a tab before it",
         NULL},
        {"lines", 'n', POPT_ARG_INT, &o.lines, 0, "stop after N lines", "N"},
        {"ref", 'r', POPT_ARG_STRING, &o.reference, 0, "score against these references, too",
         "FILE"},
        {"db", 0, POPT_ARG_STRING, &o.database, 0, "add the figures of this run to a database",
         "FILE"},
        {"quiet", 'q', POPT_ARG_NONE, &o.quiet, 0, "no progress and no summary", NULL},
        POPT_TABLEEND,
    };
    enum lw_status status =
        cli_parse(cli_verb_named("translate"), argc, argv, options, 1, 2, &rest);
    if (status != LW_OK)
        return (int)status;
    struct lw_error error = {0};
    enum lw_status worst = LW_OK;
    char *command = cli_command_line(argc, argv);
    o.request.quiet = o.quiet;
    status = translate(command, rest[0], rest[1], &o, &worst, &error);
    free(command);
    return status == LW_OK ? (int)worst : cli_report("translate", status, &error);
}
