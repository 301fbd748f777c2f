#include "profiles/score.h"

#include "profiles/ngram.h"
#include "profiles/points.h"
#include "runtime/text.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char lw_bleu_signature[] = "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp";
const char lw_chrf_signature[] = "nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no";

enum { BLEU_ORDERS = 4, CHRF_ORDERS = 6, SIDES = 2 };

/* Replaces the code points of a line by one number a word; equal words have equal numbers. */
static size_t number_words(struct lw_trie *trie, struct lw_points *line)
{
    size_t words = 0;
    for (size_t i = 0; i < line->count;) {
        uint32_t node = LW_TRIE_ROOT;
        for (; i < line->count && !lw_text_is_space(line->points[i]); i++)
            node = lw_trie_child(trie, node, line->points[i]);
        if (node != LW_TRIE_ROOT)
            line->points[words++] = node;
        else
            i++;
    }
    return words;
}

/* Sides here and below: 0 the hypothesis, 1 the reference. */
static bool add_bleu(struct lw_score_statistics *statistics, struct lw_points lines[SIDES])
{
    struct lw_trie trie;
    struct lw_ngrams ngrams;
    size_t words[SIDES];
    if (!lw_points_tokenize_13a(&lines[0]) || !lw_points_tokenize_13a(&lines[1]) ||
        !lw_trie_open(&trie, lines[0].count + lines[1].count))
        return false;
    for (size_t side = 0; side < SIDES; side++)
        words[side] = number_words(&trie, &lines[side]);
    lw_trie_close(&trie);
    if (!lw_ngrams_count((const uint32_t *const[]){lines[0].points, lines[1].points}, words,
                         BLEU_ORDERS, &ngrams))
        return false;
    for (size_t n = 0; n < BLEU_ORDERS; n++) {
        statistics->correct[n] += ngrams.matches[n];
        statistics->total[n] += ngrams.totals[0][n];
    }
    statistics->system_words += words[0];
    statistics->reference_words += words[1];
    return true;
}

static bool add_chrf(struct lw_score_statistics *statistics, struct lw_points lines[SIDES])
{
    struct lw_ngrams ngrams;
    lw_points_squeeze(&lines[0]);
    lw_points_squeeze(&lines[1]);
    if (!lw_ngrams_count((const uint32_t *const[]){lines[0].points, lines[1].points},
                         (size_t[]){lines[0].count, lines[1].count}, CHRF_ORDERS, &ngrams))
        return false;
    for (size_t n = 0; n < CHRF_ORDERS; n++) {
        /* What the hypothesis has counts only where the reference is long enough to have any. */
        statistics->chrf_hypothesis[n] += ngrams.totals[1][n] ? ngrams.totals[0][n] : 0;
        statistics->chrf_reference[n] += ngrams.totals[1][n];
        statistics->chrf_match[n] += ngrams.matches[n];
    }
    return true;
}

static enum lw_status add_line(struct lw_score_statistics *statistics,
                               const char *const texts[SIDES], const size_t bytes[SIDES],
                               struct lw_error *error)
{
    struct lw_points lines[SIDES] = {{0}, {0}};
    size_t offset;
    for (size_t side = 0; side < SIDES; side++)
        if (!lw_text_is_valid(texts[side], bytes[side], &offset))
            return lw_fail(error, LW_CORRUPT, "the %s is not UTF-8 at byte %zu of the line",
                           side ? "reference" : "hypothesis", offset + 1);
    bool done = true;
    for (size_t metric = 0; metric < 2 && done; metric++) {
        done = lw_points_decode(&lines[0], texts[0], bytes[0]) &&
               lw_points_decode(&lines[1], texts[1], bytes[1]) &&
               (metric ? add_chrf : add_bleu)(statistics, lines);
    }
    lw_points_free(&lines[0]);
    lw_points_free(&lines[1]);
    if (!done)
        return lw_fail(error, LW_FAILED, "no memory to score a line of %zu bytes",
                       bytes[0] > bytes[1] ? bytes[0] : bytes[1]);
    statistics->lines++;
    return LW_OK;
}

enum lw_status lw_score_line(struct lw_score_statistics *statistics, const char *hypothesis,
                             const char *reference, struct lw_error *error)
{
    return add_line(statistics, (const char *const[]){hypothesis, reference},
                    (size_t[]){strlen(hypothesis), strlen(reference)}, error);
}

static void finish_bleu(const struct lw_score_statistics *statistics, struct lw_score *score)
{
    double system = (double)statistics->system_words;
    double reference = (double)statistics->reference_words;
    score->brevity = system >= reference ? 1 : system > 0 ? exp(1 - reference / system) : 0;

    double logarithms = 0, smooth = 1;
    bool any = false;
    for (size_t n = 0; n < BLEU_ORDERS; n++)
        any = any || statistics->correct[n] > 0;
    for (size_t n = 0; n < BLEU_ORDERS && any; n++) {
        double total = (double)statistics->total[n], correct = (double)statistics->correct[n];
        if (statistics->total[n] == 0)
            any = false; /* no line is so long: the score is 0, the precisions stay */
        else if (statistics->correct[n] == 0)
            score->precisions[n] = 100 / ((smooth *= 2) * total);
        else
            score->precisions[n] = 100 * correct / total;
        logarithms += any ? log(score->precisions[n]) : 0;
    }
    score->bleu = any ? score->brevity * exp(logarithms / (double)BLEU_ORDERS) : 0;
}

static void finish_chrf(const struct lw_score_statistics *statistics, struct lw_score *score)
{
    const double beta2 = 2 * 2;
    double precision = 0, recall = 0, orders = 0;
    for (size_t n = 0; n < CHRF_ORDERS; n++) {
        if (statistics->chrf_hypothesis[n] == 0 || statistics->chrf_reference[n] == 0)
            continue;
        double match = (double)statistics->chrf_match[n];
        precision += match / (double)statistics->chrf_hypothesis[n];
        recall += match / (double)statistics->chrf_reference[n];
        orders++;
    }
    if (precision + recall > 0) {
        precision /= orders;
        recall /= orders;
        score->chrf = 100 * ((1 + beta2) * precision * recall / (beta2 * precision + recall));
    }
}

void lw_score_finish(const struct lw_score_statistics *statistics, struct lw_score *score)
{
    *score = (struct lw_score){
        .system_words = statistics->system_words,
        .reference_words = statistics->reference_words,
        .lines = statistics->lines,
    };
    finish_bleu(statistics, score);
    finish_chrf(statistics, score);
}

/* One of the two files, read line by line. */
struct input {
    const char *path;
    FILE *stream;
    char *line;
    size_t capacity;
    ssize_t bytes; /* of the line, without its newline; -1 at the end */
};

static enum lw_status open_input(struct input *input, struct lw_error *error)
{
    input->stream = strcmp(input->path, "-") == 0 ? stdin : fopen(input->path, "re");
    if (!input->stream)
        return lw_fail(error, LW_FAILED, "%s: %s", input->path, strerror(errno));
    return LW_OK;
}

static void close_input(struct input *input)
{
    if (input->stream && input->stream != stdin)
        fclose(input->stream);
    free(input->line);
}

static enum lw_status next_line(struct input *input, struct lw_error *error)
{
    errno = 0;
    input->bytes = getline(&input->line, &input->capacity, input->stream);
    if (input->bytes < 0 && !feof(input->stream))
        return lw_fail(error, LW_FAILED, "%s: %s", input->path, strerror(errno));
    if (input->bytes > 0 && input->line[input->bytes - 1] == '\n')
        input->bytes--;
    return LW_OK;
}

static enum lw_status score_inputs(struct input inputs[SIDES],
                                   struct lw_score_statistics *statistics, struct lw_error *error)
{
    for (;;) {
        enum lw_status status = LW_OK;
        for (size_t side = 0; side < SIDES && status == LW_OK; side++)
            status = next_line(&inputs[side], error);
        if (status != LW_OK)
            return status;
        bool ended[SIDES] = {inputs[0].bytes < 0, inputs[1].bytes < 0};
        if (ended[0] != ended[1])
            return lw_fail(error, LW_CORRUPT, "%s ends after %zu lines, %s has more",
                           inputs[ended[1]].path, statistics->lines, inputs[ended[0]].path);
        if (ended[0] && statistics->lines == 0)
            return lw_fail(error, LW_CORRUPT, "%s and %s hold no lines", inputs[0].path,
                           inputs[1].path);
        if (ended[0])
            return LW_OK;
        status = add_line(statistics, (const char *const[]){inputs[0].line, inputs[1].line},
                          (size_t[]){(size_t)inputs[0].bytes, (size_t)inputs[1].bytes}, error);
        if (status != LW_OK && error)
            return lw_fail(error, status, "%s and %s, line %zu: %s", inputs[0].path, inputs[1].path,
                           statistics->lines + 1, error->text);
        if (status != LW_OK)
            return status;
    }
}

enum lw_status lw_score_files(const char *hypothesis_path, const char *reference_path,
                              struct lw_score *score, struct lw_error *error)
{
    struct input inputs[SIDES] = {{.path = hypothesis_path}, {.path = reference_path}};
    struct lw_score_statistics statistics = {0};
    enum lw_status status = LW_OK;
    for (size_t side = 0; side < SIDES && status == LW_OK; side++)
        status = open_input(&inputs[side], error);
    if (status == LW_OK)
        status = score_inputs(inputs, &statistics, error);
    close_input(&inputs[0]);
    close_input(&inputs[1]);
    if (status == LW_OK)
        lw_score_finish(&statistics, score);
    return status;
}
