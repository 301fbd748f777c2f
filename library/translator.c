#include "library/parts.h"

#include "models/checked.h"
#include "runtime/memory.h"
#include "runtime/rounding.h"

#include <math.h>
#include <pthreadpool.h>
#include <stdlib.h>
#include <string.h>

#pragma weak pthreadpool_get_threads_count /* see runtime/team.c */

static const struct lutwidge_options DEFAULTS = {
    .size = sizeof DEFAULTS,
    .length_penalty = (double)NAN,
    .n_best = 1,
    .batch = 1,
};

/* The struct as version 0.1 has it: nobody gives less. */
enum { FIRST_SIZE = offsetof(struct lutwidge_options, token_context) + sizeof(void *) };

void lutwidge_options_init(struct lutwidge_options *options, size_t size)
{
    if (!options || size < sizeof options->size)
        return;
    memset(options, 0, size);
    memcpy(options, &DEFAULTS, size < sizeof DEFAULTS ? size : sizeof DEFAULTS);
    options->size = size;
}

/* Fields that this version does not know must be at their default of zeros; those that an older
 * program does not know get theirs. */
static enum lw_status read_options(const struct lutwidge_options *given,
                                   struct lutwidge_options *options, struct lw_error *error)
{
    *options = DEFAULTS;
    if (!given)
        return LW_OK;
    if (given->size < FIRST_SIZE)
        return lw_fail(error, LW_USAGE,
                       "options of %zu bytes; lutwidge_options_init sets their size", given->size);
    for (size_t i = sizeof *options; i < given->size; i++)
        if (((const unsigned char *)given)[i])
            return lw_fail(error, LW_USAGE,
                           "an option that is newer than version " LUTWIDGE_VERSION);
    memcpy(options, given, given->size < sizeof *options ? given->size : sizeof *options);
    return LW_OK;
}

static enum lw_status choose_search(const struct lutwidge_options *options,
                                    const struct lw_config *config, struct lw_search *search,
                                    struct lw_error *error)
{
    *search = (struct lw_search){config->beams, config->max_length, config->length_penalty,
                                 config->early_stopping};
    if (options->beams)
        search->beams = options->beams;
    if (options->max_length)
        search->max_length = options->max_length;
    if (!isnan(options->length_penalty))
        search->length_penalty = (float)options->length_penalty;
    if (options->n_best < 1 || options->n_best > search->beams)
        return lw_fail(error, LW_USAGE, "n_best is %zu; with %zu beams it can be 1 to %zu",
                       options->n_best, search->beams, search->beams);
    return LW_OK;
}

static enum lw_status open_shortlist(struct lutwidge_translator *t, struct lw_error *error)
{
    const struct lutwidge_options *o = &t->options;
    if (!o->shortlist && (o->shortlist_best || o->shortlist_frequent))
        return lw_fail(error, LW_USAGE, "shortlist_best and _frequent go with a shortlist");
    if (!o->shortlist)
        return LW_OK;
    return lw_shortlist_open(&t->model->model, o->shortlist,
                             o->shortlist_best ? o->shortlist_best : LW_SHORTLIST_BEST,
                             o->shortlist_frequent ? o->shortlist_frequent : LW_SHORTLIST_FREQUENT,
                             &t->shortlist, error);
}

static enum lw_status check_memory(struct lutwidge_translator *t, struct lw_error *error)
{
    size_t bytes, most = t->options.max_memory_bytes;
    const struct lutwidge_model *m = t->model;
    enum lw_status status = lw_member_memory(&m->model, m->has_kernels ? &m->bundle : NULL,
                                             &t->search, t->options.batch, &bytes, error);
    if (status != LW_OK)
        return status;
    if (!lw_checked_mul(bytes, t->threads, &bytes) ||
        !lw_checked_add(bytes, m->memory_bytes, &bytes))
        bytes = SIZE_MAX;
    if (t->options.shortlist) {
        size_t lists = lw_shortlist_member_bytes(
            &t->shortlist, &m->model, m->has_kernels ? &m->bundle : NULL, t->options.batch);
        if (!lw_checked_mul(lists, t->threads, &lists) ||
            !lw_checked_add(lists, lw_shortlist_bytes(&t->shortlist), &lists) ||
            !lw_checked_add(bytes, lists, &bytes))
            bytes = SIZE_MAX;
    }
    t->memory_bytes = bytes;
    if (most && bytes > most)
        return lw_fail(error, LW_INFEASIBLE,
                       "up to %zu bytes may be needed (%zu of them for the model), more than "
                       "max_memory_bytes, %zu; a smaller batch, fewer beams, threads or words "
                       "take less",
                       bytes, m->memory_bytes, most);
    return LW_OK;
}

static enum lw_status open_team(struct lutwidge_translator *t, struct lw_error *error)
{
    const struct lutwidge_model *m = t->model;
    enum lw_status status = LW_OK;
    t->backends = calloc(t->threads, sizeof *t->backends);
    if (!t->backends)
        return lw_fail(error, LW_FAILED, "out of memory for %zu threads", t->threads);
    for (size_t i = 0; i < t->threads && status == LW_OK; i++)
        status = m->has_kernels ? lw_backend_kernels(&m->model, &m->bundle, &t->backends[i], error)
                                : lw_backend_f32(&m->model, &t->backends[i], error);
    const struct lw_team_setup setup = {
        .model = &m->model,
        .tokenizer = m->tokenizer,
        .backends = t->backends,
        .members = t->threads,
        .pool = t->options.pool,
        .search = t->search,
        .shortlist = t->options.shortlist ? &t->shortlist : NULL,
        .together = t->options.batch,
        .most = t->options.n_best,
    };
    if (status == LW_OK)
        status = lw_team_open(&setup, &t->team, error);
    if (status == LW_OK) {
        const struct lw_team_watch watch = call_watch(t);
        lw_team_watch(t->team, &watch);
    }
    return status;
}

enum lutwidge_status lutwidge_translator_open(struct lutwidge_model *model,
                                              const struct lutwidge_options *options,
                                              struct lutwidge_translator **translator,
                                              struct lutwidge_error *error)
{
    struct lw_error own = {0};
    clear_error(error);
    if (translator)
        *translator = NULL;
    if (!model || !translator)
        return give_error(error, lw_fail(&own, LW_USAGE, "a model or a place is NULL"), &own);
    fenv_t callers;
    struct lutwidge_translator *t = calloc(1, sizeof *t);
    if (!t)
        return give_error(error, lw_fail(&own, LW_FAILED, "out of memory"), &own);
    hold_model(model);
    t->model = model;
    pthread_mutex_init(&t->token_lock, NULL);
    lw_rounding_begin(&callers);
    enum lw_status status = read_options(options, &t->options, &own);
    t->threads = t->options.pool ? pthreadpool_get_threads_count(t->options.pool) : 1;
    if (status == LW_OK)
        status = choose_search(&t->options, &model->model.config, &t->search, &own);
    if (status == LW_OK)
        status = open_shortlist(t, &own);
    if (status == LW_OK)
        status = check_memory(t, &own);
    if (status == LW_OK)
        status = open_team(t, &own);
    lw_rounding_end(&callers);
    if (status != LW_OK) {
        lutwidge_translator_close(t);
        return give_error(error, status, &own);
    }
    *translator = t;
    return LUTWIDGE_OK;
}

void lutwidge_translator_close(struct lutwidge_translator *translator)
{
    if (!translator)
        return;
    lw_team_close(translator->team);
    for (size_t i = 0; translator->backends && i < translator->threads; i++)
        lw_backend_close(&translator->backends[i]);
    free(translator->backends);
    lw_shortlist_close(&translator->shortlist);
    pthread_mutex_destroy(&translator->token_lock);
    drop_model(translator->model);
    free(translator);
}

size_t lutwidge_translator_memory(const struct lutwidge_translator *translator)
{
    return translator ? translator->memory_bytes : 0;
}

void lutwidge_cancel(struct lutwidge_translator *translator)
{
    if (translator)
        atomic_store(&translator->cancelled, true);
}

void lutwidge_resume(struct lutwidge_translator *translator)
{
    if (translator)
        atomic_store(&translator->cancelled, false);
}
