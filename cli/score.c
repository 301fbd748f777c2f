/* lutwidge score: BLEU and chrF of a translation against a reference. */
#include "cli/cli.h"

#include "models/lwm.h"
#include "profiles/database.h"
#include "profiles/score.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The lines of sacreBLEU, so that both programs' outputs can be laid side by side. */
static void print_text(const struct lw_score *score)
{
    const double *precisions = score->precisions;
    double ratio =
        score->reference_words ? (double)score->system_words / (double)score->reference_words : 0;
    printf("BLEU|%s = %.2f %.1f/%.1f/%.1f/%.1f (BP = %.3f ratio = %.3f hyp_len = %" PRIu64
           " ref_len = %" PRIu64 ")\n",
           lw_bleu_signature, score->bleu, precisions[0], precisions[1], precisions[2],
           precisions[3], score->brevity, ratio, score->system_words, score->reference_words);
    printf("chrF2|%s = %.2f\n", lw_chrf_signature, score->chrf);
}

static enum lw_status print_json(const struct lw_score *score, struct lw_error *error)
{
    json_t *json = json_pack(
        "{s:f, s:[f,f,f,f], s:f, s:I, s:I, s:s, s:f, s:s, s:I}", "bleu", score->bleu, "precisions",
        score->precisions[0], score->precisions[1], score->precisions[2], score->precisions[3],
        "brevity_penalty", score->brevity, "hypothesis_words", (json_int_t)score->system_words,
        "reference_words", (json_int_t)score->reference_words, "bleu_signature", lw_bleu_signature,
        "chrf", score->chrf, "chrf_signature", lw_chrf_signature, "lines",
        (json_int_t)score->lines);
    if (!json)
        return lw_fail(error, LW_FAILED, "out of memory");
    json_dumpf(json, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(json);
    return LW_OK;
}

static enum lw_status record(const char *path, int argc, const char **argv, const char *hypothesis,
                             const struct lw_score *score, double seconds, struct lw_error *error)
{
    char hash[33] = "", *command = cli_command_line(argc, argv);
    bool piped = strcmp(hypothesis, "-") == 0;
    enum lw_status status = command ? LW_OK : lw_fail(error, LW_FAILED, "out of memory");
    if (status == LW_OK && !piped)
        status = lw_file_hash(hypothesis, hash, error);
    if (status == LW_OK) {
        struct lw_run run = LW_RUN_UNKNOWN;
        run.verb = "score";
        run.command = command;
        run.input_hash = piped ? NULL : hash;
        run.lines = (double)score->lines;
        run.seconds = seconds;
        run.peak_memory_bytes = cli_peak_memory_bytes();
        run.bleu = score->bleu;
        run.chrf = score->chrf;
        status = cli_record(path, &run, error);
    }
    free(command);
    return status;
}

int cli_score(int argc, const char **argv)
{
    char *reference = NULL, *database = NULL;
    int as_json = 0;
    struct poptOption options[] = {
        {"ref", 'r', POPT_ARG_STRING, &reference, 0, "reference translation, one line a line",
         "FILE"},
        {"json", 0, POPT_ARG_NONE, &as_json, 0, "print one JSON object", NULL},
        {"db", 0, POPT_ARG_STRING, &database, 0, "add the figures of this run to a database",
         "FILE"},
        POPT_TABLEEND};
    const struct cli_verb *verb = cli_verb_named("score");
    const char **rest;
    struct lw_error error = {0};
    enum lw_status status = cli_parse(verb, argc, argv, options, 0, 1, &rest);
    if (status != LW_OK)
        return (int)status;
    if (!reference)
        return cli_report(
            "score", lw_fail(&error, LW_USAGE, "name the reference translation with --ref FILE"),
            &error);

    const char *hypothesis = rest[0] ? rest[0] : "-";
    double start = cli_now_s();
    struct lw_score score;
    if (database)
        status = cli_check_database(database, &error);
    if (status == LW_OK)
        status = lw_score_files(hypothesis, reference, &score, &error);
    double seconds = cli_now_s() - start;
    if (status == LW_OK && as_json)
        status = print_json(&score, &error);
    else if (status == LW_OK)
        print_text(&score);
    if (status == LW_OK && database)
        status = record(database, argc, argv, hypothesis, &score, seconds, &error);
    return status == LW_OK ? LW_OK : cli_report("score", status, &error);
}
