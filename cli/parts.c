#include "cli/parts.h"

#include "cli/planning.h"

#include "models/file.h"
#include "models/lwm.h"
#include "models/marian.h"
#include "models/words.h"

#include <stdlib.h>
#include <string.h>

enum lw_status cli_parts_open(const char *folder, struct cli_parts *parts, struct lw_error *error)
{
    *parts = (struct cli_parts){0};
    if (lw_lwm_is(folder))
        return lw_fail(error, LW_USAGE, "%s is quantised already: give the folder it was made from",
                       folder);
    char *weights = lw_path_join(folder, "model.safetensors");
    enum lw_status status = weights ? lw_marian_import(folder, &parts->model, error)
                                    : lw_fail(error, LW_FAILED, "out of memory");
    if (status == LW_OK)
        status = lw_file_hash(weights, parts->text.model_hash, error);
    if (status == LW_OK)
        status = lw_parts_list(&parts->model, &parts->parts, &parts->count, error);
    free(weights);
    if (status != LW_OK)
        cli_parts_close(parts);
    return status;
}

/* The classes of the words of each matrix that has some, by their frequencies in the text or in a
 * table. */
static enum lw_status read_classes(struct cli_parts *parts, const struct cli_plan_request *from,
                                   struct lw_error *error)
{
    const struct lw_model *model = &parts->model;
    enum lw_status status = LW_OK;
    parts->class_of = calloc(model->matrix_count, sizeof *parts->class_of);
    if (!parts->class_of)
        return lw_fail(error, LW_FAILED, "out of memory for classes of words");
    for (size_t p = 0; p < parts->count && status == LW_OK; p++) {
        unsigned index = parts->parts[p].matrices[0];
        size_t rows = model->matrices[index].rows;
        bool target = index == model->target_embedding || index == model->output;
        struct lw_frequencies counts = {0};
        if (!parts->parts[p].words)
            continue;
        status = cli_count_words(from, model, target, &counts, error);
        parts->class_of[index] = malloc(rows);
        if (status == LW_OK && !parts->class_of[index])
            status = lw_fail(error, LW_FAILED, "out of memory for classes of words");
        if (status == LW_OK)
            status = lw_word_classes(counts.counts, rows, parts->class_of[index], error);
        lw_frequencies_free(&counts);
    }
    return status;
}

/* The words of the mean pair. */
static void measure_sentence(struct cli_parts *parts)
{
    const struct lw_pairs *pairs = &parts->trial.pairs;
    size_t source = 0, target = 0;
    for (size_t i = 0; i < pairs->count; i++) {
        source += pairs->pairs[i].source_count;
        target += pairs->pairs[i].target_count;
    }
    parts->source_words = (source + pairs->count / 2) / pairs->count;
    parts->target_words = (target + pairs->count / 2) / pairs->count;
}

/* Classes by a table make other figures, so the hash of the text tells both. */
static enum lw_status add_counts_hash(const char *counts, char hash[33], struct lw_error *error)
{
    char both[65];
    memcpy(both, hash, 32);
    enum lw_status status = lw_file_hash(counts, both + 32, error);
    if (status == LW_OK)
        lw_text_hash(both, hash);
    return status;
}

/* Fits are calibrated on the lines behind those that losses are measured on, or these would be told
 * too small; of a text that ends too soon, on all of its first ones. */
static enum lw_status read_calibration(struct cli_parts *parts, const char *source,
                                       const char *reference, size_t lines, struct lw_error *error)
{
    const struct lw_pairs *read = &parts->read;
    size_t skipped = 0;
    enum lw_status status = lw_pairs_read(&parts->model, source, reference,
                                          lines + CLI_CALIBRATION_LINES, &parts->read, error);
    if (status != LW_OK)
        return status;
    while (skipped < read->count && read->pairs[skipped].line < lines)
        skipped++;
    if (read->count - skipped < lines)
        skipped = 0;
    parts->calibration =
        (struct lw_pairs){.count = read->count - skipped, .pairs = read->pairs + skipped};
    if (parts->calibration.count > CLI_CALIBRATION_LINES)
        parts->calibration.count = CLI_CALIBRATION_LINES;
    return LW_OK;
}

enum lw_status cli_parts_read(struct cli_parts *parts, const char *source, const char *reference,
                              const char *counts, size_t lines, bool translated,
                              struct lw_error *error)
{
    const struct lw_model *model = &parts->model;
    const struct cli_plan_request words = {
        .source_text = source, .target_text = reference, .counts = counts};
    enum lw_status status = lw_file_hash(source, parts->text.source_hash, error);
    if (status == LW_OK && counts)
        status = add_counts_hash(counts, parts->text.source_hash, error);
    if (status == LW_OK)
        status = lw_file_hash(reference, parts->text.reference_hash, error);
    if (status == LW_OK)
        status = lw_trial_read(model, source, reference, lines, &parts->trial, error);
    if (status == LW_OK && translated)
        status = lw_trial_read(model, source, reference, CLI_BLEU_LINES, &parts->translated, error);
    if (status == LW_OK)
        status = read_calibration(parts, source, reference, lines, error);
    if (status == LW_OK)
        status = read_classes(parts, &words, error);
    if (status != LW_OK)
        return status;
    parts->text.lines = parts->trial.pairs.count;
    parts->text.calibration_lines = parts->calibration.count;
    measure_sentence(parts);
    return LW_OK;
}

void cli_parts_close(struct cli_parts *parts)
{
    for (size_t i = 0; parts->class_of && i < parts->model.matrix_count; i++)
        free(parts->class_of[i]);
    free(parts->class_of);
    free(parts->parts);
    lw_pairs_free(&parts->read);
    lw_trial_free(&parts->translated);
    lw_trial_free(&parts->trial);
    lw_model_free(&parts->model);
    *parts = (struct cli_parts){0};
}
