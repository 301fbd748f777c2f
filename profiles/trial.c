#include "profiles/trial.h"

#include "profiles/score.h"
#include "runtime/calibrate.h"
#include "runtime/translator.h"

#include <math.h>
#include <pthreadpool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The reference of each pair: the pairs stand in the order of the lines. */
static enum lw_status read_references(struct lw_trial *trial, const char *path,
                                      struct lw_error *error)
{
    FILE *stream = fopen(path, "re");
    if (!stream)
        return lw_fail(error, LW_FAILED, "cannot open %s: %m", path);
    enum lw_status status = LW_OK;
    char *line = NULL;
    size_t room = 0, next = 0;
    for (size_t i = 0; i < trial->pairs.count && status == LW_OK; i++) {
        ssize_t length = 0;
        for (; next <= trial->pairs.pairs[i].line && length >= 0; next++)
            length = getline(&line, &room, stream);
        if (length < 0) {
            status = lw_fail(error, LW_FAILED, "%s changed while it was read", path);
            break;
        }
        line[strcspn(line, "\n")] = 0;
        trial->references[i] = strdup(line);
        if (!trial->references[i])
            status = lw_fail(error, LW_FAILED, "%s: no memory for its lines", path);
    }
    free(line);
    fclose(stream);
    return status;
}

enum lw_status lw_trial_read(const struct lw_model *model, const char *source_path,
                             const char *reference_path, size_t most_lines, struct lw_trial *trial,
                             struct lw_error *error)
{
    *trial = (struct lw_trial){0};
    enum lw_status status =
        lw_pairs_read(model, source_path, reference_path, most_lines, &trial->pairs, error);
    if (status != LW_OK)
        return status;
    trial->references = calloc(trial->pairs.count, sizeof *trial->references);
    if (!trial->references)
        status = lw_fail(error, LW_FAILED, "%s: no memory for its lines", reference_path);
    if (status == LW_OK)
        status = lw_tokenizer_open(&model->tokenizer, &model->config, &trial->tokenizer, error);
    if (status == LW_OK)
        status = read_references(trial, reference_path, error);
    if (status != LW_OK)
        lw_trial_free(trial);
    return status;
}

void lw_trial_free(struct lw_trial *trial)
{
    for (size_t i = 0; trial->references && i < trial->pairs.count; i++)
        free(trial->references[i]);
    free(trial->references);
    lw_pairs_free(&trial->pairs);
    lw_tokenizer_close(trial->tokenizer);
    *trial = (struct lw_trial){0};
}

/* One thread's part: every `of`th pair. Its error is that of the first that failed. */
struct worker {
    struct lw_translator *forcing, *searching; /* the second only where lines are translated */
    enum lw_status status;
    struct lw_error error;
};

struct run {
    const struct lw_trial *trial;
    size_t worker_count;
    struct worker *workers;
    double *nats;        /* [pairs] */
    char **translations; /* [pairs]; NULL where none are made */
};

static void force_pairs(const struct run *run, struct worker *worker, size_t first)
{
    const struct lw_pairs *pairs = &run->trial->pairs;
    struct lw_error own;
    for (size_t i = first; i < pairs->count && worker->status == LW_OK; i += run->worker_count) {
        own.text[0] = 0;
        worker->status = lw_force(worker->forcing, &pairs->pairs[i], &run->nats[i], &own);
        if (worker->status == LW_OK && !isfinite(run->nats[i]))
            worker->status = lw_fail(&own, LW_FAILED, "the loss is not finite");
        if (worker->status != LW_OK)
            lw_fail(&worker->error, worker->status, "line %zu: %s", pairs->pairs[i].line + 1,
                    own.text);
    }
}

static void translate_pairs(const struct run *run, struct worker *worker, size_t first)
{
    const struct lw_trial *trial = run->trial;
    struct lw_error own;
    for (size_t i = first; i < trial->pairs.count && worker->status == LW_OK;
         i += run->worker_count) {
        const struct lw_pair *pair = &trial->pairs.pairs[i];
        struct lw_hypothesis best = {0};
        own.text[0] = 0;
        worker->status =
            lw_translate(worker->searching, pair->source, pair->source_count, &best, &own);
        if (worker->status == LW_OK)
            worker->status = lw_tokenizer_decode(trial->tokenizer, best.words, best.count,
                                                 &run->translations[i], &own);
        if (worker->status != LW_OK)
            lw_fail(&worker->error, worker->status, "line %zu: %s", pair->line + 1, own.text);
    }
}

static void work(void *context, size_t index)
{
    const struct run *run = context;
    struct worker *worker = &run->workers[index];
    force_pairs(run, worker, index);
    if (run->translations)
        translate_pairs(run, worker, index);
}

static enum lw_status open_workers(const struct run *run, const struct lw_model *model,
                                   const struct lw_backend *backend, struct lw_error *error)
{
    const struct lw_search forcing = {.beams = 1, .max_length = model->config.positions + 1};
    const struct lw_search searching = {.beams = 1, .max_length = model->config.max_length};
    enum lw_status status = LW_OK;
    for (size_t i = 0; i < run->worker_count && status == LW_OK; i++) {
        struct worker *worker = &run->workers[i];
        status = lw_translator_open(model, backend, &forcing, &worker->forcing, error);
        if (status == LW_OK && run->translations)
            status = lw_translator_open(model, backend, &searching, &worker->searching, error);
    }
    return status;
}

/* Sums in the order of the text. */
static enum lw_status sum_up(const struct run *run, struct lw_trial_result *result,
                             struct lw_error *error)
{
    const struct lw_trial *trial = run->trial;
    struct lw_score_statistics statistics = {0};
    struct lw_score score;
    double nats = 0, words = 0;
    enum lw_status status = LW_OK;
    for (size_t i = 0; i < run->worker_count; i++)
        if (run->workers[i].status != LW_OK)
            return lw_fail(error, run->workers[i].status, "%s", run->workers[i].error.text);
    for (size_t i = 0; i < trial->pairs.count; i++) {
        nats += run->nats[i];
        words += (double)trial->pairs.pairs[i].target_count;
    }
    *result = (struct lw_trial_result){.nats_a_word = nats / words, .bleu = NAN};
    if (!run->translations)
        return LW_OK;
    for (size_t i = 0; i < trial->pairs.count && status == LW_OK; i++)
        status = lw_score_line(&statistics, run->translations[i], trial->references[i], error);
    if (status == LW_OK) {
        lw_score_finish(&statistics, &score);
        result->bleu = score.bleu;
    }
    return status;
}

static void free_run(struct run *run)
{
    for (size_t i = 0; run->workers && i < run->worker_count; i++) {
        lw_translator_close(run->workers[i].forcing);
        lw_translator_close(run->workers[i].searching);
    }
    for (size_t i = 0; run->translations && i < run->trial->pairs.count; i++)
        free(run->translations[i]);
    free(run->workers);
    free(run->nats);
    free(run->translations);
}

enum lw_status lw_trial_run(const struct lw_trial *trial, const struct lw_model *model,
                            const struct lw_backend *backend, bool translates, size_t threads,
                            struct lw_trial_result *result, struct lw_error *error)
{
    struct run run = {.trial = trial, .worker_count = threads};
    run.workers = calloc(threads, sizeof *run.workers);
    run.nats = calloc(trial->pairs.count, sizeof *run.nats);
    run.translations = translates ? calloc(trial->pairs.count, sizeof *run.translations) : NULL;
    pthreadpool_t pool = pthreadpool_create(threads);
    enum lw_status status = LW_OK;
    if (!pool || !run.workers || !run.nats || (translates && !run.translations))
        status = lw_fail(error, LW_FAILED, "out of memory or threads for a trial");
    if (status == LW_OK)
        status = open_workers(&run, model, backend, error);
    if (status == LW_OK) {
        pthreadpool_parallelize_1d(pool, work, &run, threads, 0);
        status = sum_up(&run, result, error);
    }
    if (pool)
        pthreadpool_destroy(pool);
    free_run(&run);
    return status;
}
