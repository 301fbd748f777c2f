#include "cli/planning.h"

#include "models/file.h"
#include "models/lwm.h"
#include "models/quantize.h"
#include "profiles/cells.h"
#include "profiles/database_deployment.h"
#include "runtime/lines.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum lw_status parse_fit(const char *name, enum lw_fit *fit, struct lw_error *error)
{
    *fit = LW_FIT_ALTERNATING;
    if (!name || lw_fit_parse(name, fit))
        return LW_OK;
    return lw_fail(error, LW_USAGE,
                   "--fit is alternating, alternating-from-greedy, greedy or uniform, not '%s'",
                   name);
}

/* The codes of a deployment as a plan for the model that they were measured on. */
static enum lw_status plan_of_cells(const struct cli_plan_request *request,
                                    const struct lw_model *model, const char *text,
                                    struct lw_plan *plan, struct lw_error *error)
{
    struct lw_part *parts = NULL;
    size_t count = 0;
    enum lw_status status = lw_parts_list(model, &parts, &count, error);
    struct lw_cell *cells = status == LW_OK ? calloc(count, sizeof *cells) : NULL;
    if (status == LW_OK && !cells)
        status = lw_fail(error, LW_FAILED, "out of memory for a plan");
    if (status == LW_OK && !lw_cells_parse(parts, text, cells, count))
        status = lw_fail(error, LW_CORRUPT, "%s: the plan of %s has not the parts of %s",
                         request->database, request->deployment, request->folder);
    if (status == LW_OK)
        status =
            lw_cells_plan(parts, cells, count, LW_ARITH_T8, request->deployment, "", plan, error);
    free(cells);
    free(parts);
    return status;
}

static enum lw_status deployed_plan(const struct cli_plan_request *request,
                                    const struct lw_model *model, struct lw_plan *plan,
                                    struct lw_error *error)
{
    char measured[33], own[33], *text = NULL;
    struct lw_database *database = NULL;
    if (!request->database)
        return lw_fail(error, LW_USAGE, "--deployment %s is of which database? Name it with --db",
                       request->deployment);
    enum lw_status status = lw_database_open_read_only(request->database, &database, error);
    if (status == LW_OK)
        status = lw_database_deployed_plan(database, request->deployment, measured, &text, error);
    lw_database_close(database);
    char *weights = lw_path_join(request->folder, "model.safetensors");
    if (status == LW_OK)
        status = weights ? lw_file_hash(weights, own, error)
                         : lw_fail(error, LW_FAILED, "out of memory");
    if (status == LW_OK && strcmp(own, measured) != 0)
        status = lw_fail(error, LW_USAGE, "%s is a plan of another model than %s",
                         request->deployment, request->folder);
    if (status == LW_OK)
        status = plan_of_cells(request, model, text, plan, error);
    free(weights);
    free(text);
    return status;
}

static enum lw_status read_plan(const struct cli_plan_request *request,
                                const struct lw_model *model, struct lw_plan *plan,
                                struct lw_error *error)
{
    enum lw_fit fit;
    if (request->plan && request->deployment)
        return lw_fail(error, LW_USAGE, "--plan and --deployment are two plans; leave out one");
    if ((request->plan || request->deployment) &&
        (request->bits || request->fit || request->weighting))
        return lw_fail(error, LW_USAGE,
                       "--%s says bits and fit itself; leave out --bits, --fit and --weighting",
                       request->plan ? "plan" : "deployment");
    if (request->plan)
        return lw_plan_read(request->plan, plan, error);
    if (request->deployment)
        return deployed_plan(request, model, plan, error);
    if (request->bits < 1 || request->bits > LW_MAX_BITS)
        return lw_fail(error, LW_USAGE, "give --plan, or --bits from 1 to %d", LW_MAX_BITS);
    enum lw_weighting weighting = LW_WEIGHTING_NONE;
    enum lw_status status = parse_fit(request->fit, &fit, error);
    if (status == LW_OK && request->weighting &&
        !lw_weighting_parse(request->weighting, &weighting))
        status =
            lw_fail(error, LW_USAGE, "--weighting is none, activations, gram or sequence, not '%s'",
                    request->weighting);
    if (status == LW_OK)
        status = lw_plan_uniform((unsigned)request->bits, fit, plan, error);
    if (status != LW_OK)
        return status;
    plan->rules[0].gives[LW_FIELD_WEIGHTING] = request->weighting;
    plan->rules[0].choice.weighting = weighting;
    return LW_OK;
}

static enum lw_status count_line(void *context, const int32_t *ids, size_t count,
                                 struct lw_error *error)
{
    return lw_frequencies_add(context, ids, count, error);
}

enum lw_status cli_count_words(const struct cli_plan_request *request, const struct lw_model *model,
                               bool target, struct lw_frequencies *counts, struct lw_error *error)
{
    const struct lw_tokenizer_data *t = &model->tokenizer;
    bool shared = t->source_words == t->target_words;
    size_t words = target ? model->config.target_words : model->config.source_words;
    if (request->counts && !shared)
        return lw_fail(error, LW_USAGE,
                       "a table of counts serves models with one vocabulary; count "
                       "the words of this one with --source-text and --target-text");
    if (request->counts) {
        struct lw_word_list pieces = {t->source_words, t->source_words_bytes};
        return lw_frequencies_read(request->counts, &pieces, words, counts, error);
    }
    const char *source = shared || !target ? request->source_text : NULL;
    const char *wanted = shared || target ? request->target_text : NULL;
    if (!source && !wanted)
        return lw_fail(error, LW_USAGE,
                       "the plan gives bits by frequency: name a text to count %s words "
                       "in (--source-text, --target-text), or --counts",
                       shared   ? "its"
                       : target ? "the target's"
                                : "the source's");
    enum lw_status status = lw_frequencies_init(counts, words, error);
    if (status == LW_OK && source)
        status = lw_lines_encode(model, false, source, SIZE_MAX, count_line, counts, error);
    if (status == LW_OK && wanted)
        status = lw_lines_encode(model, true, wanted, SIZE_MAX, count_line, counts, error);
    if (status == LW_OK && request->save_counts)
        status = lw_frequencies_write(
            request->save_counts, counts,
            &(struct lw_word_list){t->source_words, t->source_words_bytes}, error);
    return status;
}

static enum lw_status find_row_bits(const struct cli_plan_request *request,
                                    const struct lw_model *model, struct cli_planning *planning,
                                    size_t matrix, struct lw_error *error)
{
    const struct lw_choice *choice = &planning->choices[matrix];
    struct lw_frequencies counts = {0};
    size_t rows = model->matrices[matrix].rows;
    bool target = matrix == model->target_embedding || matrix == model->output;
    enum lw_status status = LW_OK;
    if (choice->words.kind == LW_WORDS_ALIKE)
        return LW_OK;
    if (lw_words_need_counts(choice))
        status = cli_count_words(request, model, target, &counts, error);
    planning->row_bits[matrix] = malloc(rows);
    if (status == LW_OK && !planning->row_bits[matrix])
        status = lw_fail(error, LW_FAILED, "out of memory for the plan");
    if (status == LW_OK)
        status = lw_words_bits(&planning->plan, choice, counts.counts, rows,
                               planning->row_bits[matrix], error);
    lw_frequencies_free(&counts);
    return status;
}

/* LW_USAGE where an option has nothing to do: who gives it believes that it changes the model. */
static enum lw_status check_uses(const struct cli_plan_request *request,
                                 const struct cli_planning *planning, struct lw_error *error)
{
    bool counts = false;
    bool moments = lw_quantize_needs_moments(planning->choices, planning->matrix_count);
    for (size_t i = 0; i < planning->matrix_count; i++)
        counts |= lw_words_need_counts(&planning->choices[i]);
    if (!counts && (request->counts || request->save_counts))
        return lw_fail(error, LW_USAGE,
                       "the plan gives no bits by frequency: leave out --counts and --save-counts");
    if (request->counts && request->save_counts)
        return lw_fail(error, LW_USAGE,
                       "--save-counts keeps what is counted in texts; leave out --counts");
    if (!moments && request->calibration_lines)
        return lw_fail(error, LW_USAGE,
                       "nothing is weighted, so nothing is calibrated: leave out "
                       "--calibration-lines, or ask for a weighting");
    if (!moments && (!counts || request->counts) && (request->source_text || request->target_text))
        return lw_fail(error, LW_USAGE,
                       "no words are counted and nothing is calibrated: leave out --source-text "
                       "and --target-text, or ask for a weighting");
    return LW_OK;
}

enum lw_status cli_plan(const struct cli_plan_request *request, const struct lw_model *model,
                        struct cli_planning *planning, struct lw_error *error)
{
    *planning = (struct cli_planning){.matrix_count = model->matrix_count};
    enum lw_status status = read_plan(request, model, &planning->plan, error);
    planning->choices = calloc(model->matrix_count, sizeof *planning->choices);
    planning->whys = calloc(model->matrix_count, sizeof *planning->whys);
    planning->row_bits = calloc(model->matrix_count, sizeof *planning->row_bits);
    if (status == LW_OK && !(planning->choices && planning->whys && planning->row_bits))
        status = lw_fail(error, LW_FAILED, "out of memory for the plan");
    if (status == LW_OK)
        status = lw_plan_resolve(&planning->plan, model, planning->choices, planning->whys, error);
    if (status == LW_OK)
        status = check_uses(request, planning, error);
    for (size_t i = 0; i < model->matrix_count && status == LW_OK; i++)
        status = find_row_bits(request, model, planning, i, error);
    if (status != LW_OK)
        cli_plan_free(planning);
    return status;
}

void cli_plan_free(struct cli_planning *planning)
{
    for (size_t i = 0; planning->row_bits && i < planning->matrix_count; i++)
        free(planning->row_bits[i]);
    free(planning->row_bits);
    free(planning->choices);
    free(planning->whys);
    lw_plan_free(&planning->plan);
    *planning = (struct cli_planning){0};
}

void cli_made_by_plan(const char *name, bool nested, const char *arith,
                      char made_by[CLI_MADE_BY_BYTES])
{
    snprintf(made_by, CLI_MADE_BY_BYTES, "lutwidge %s quantize --plan %.64s%s%s%s", LW_VERSION,
             name ? name : "(unnamed)", nested ? " --nested" : "", arith ? " --arith " : "",
             arith ? arith : "");
}
