/* The texts of a call, one after the other, on the threads of the translator: each takes the next
 * text that nobody has taken. What a text gives depends on nothing but the text. */
#include "library/parts.h"

#include <stdlib.h>
#include <string.h>

static bool is_cancelled(struct lutwidge_translator *t)
{
    return atomic_load(&t->cancelled) || atomic_load(&t->call.cancelled);
}

/* Gives the words so far to the caller's callback; false where it wants no more. */
static bool show(struct worker *worker, const int32_t *words, size_t count)
{
    struct lutwidge_translator *t = worker->owner;
    struct lw_error error;
    char *text;
    if (lw_tokenizer_decode(t->model->tokenizer, words, count, &text, &error) != LW_OK)
        return true; /* the call will meet the same at its end, and say so */
    pthread_mutex_lock(&t->token_lock);
    bool stop =
        is_cancelled(t) || t->options.token(t->options.token_context, worker->index, text) != 0;
    if (stop)
        atomic_store(&t->call.cancelled, true);
    pthread_mutex_unlock(&t->token_lock);
    free(text);
    return !stop;
}

static bool go_on(void *context, const int32_t *words, size_t count)
{
    struct worker *worker = context;
    worker->stopped = is_cancelled(worker->owner) ||
                      (count && worker->owner->options.token && !show(worker, words, count));
    return !worker->stopped;
}

static void translate_one(struct worker *worker)
{
    struct lutwidge_translator *t = worker->owner;
    struct call *call = &t->call;
    size_t i = worker->index;
    size_t bytes = call->bytes ? call->bytes[i] : LUTWIDGE_TO_NUL;
    struct lutwidge_result *result = call->results[i];
    struct lw_error error = {0};
    worker->stopped = false;
    enum lw_status status =
        lw_translate_text(t->model->tokenizer, worker->translator, call->texts[i],
                          bytes == LUTWIDGE_TO_NUL ? strlen(call->texts[i]) : bytes,
                          t->options.n_best, result->list, &result->count, &error);
    result->status = (enum lutwidge_status)status;
    if (worker->stopped && status != LW_OK)
        result->status = LUTWIDGE_CANCELLED;
    else if (status != LW_OK)
        result->error = strdup(error.text);
}

static void *work(void *context)
{
    struct worker *worker = context;
    struct call *call = &worker->owner->call;
    struct lw_token_watch watch = {go_on, worker};
    lw_translator_watch(worker->translator, &watch);
    while (!is_cancelled(worker->owner)) {
        worker->index = atomic_fetch_add(&call->next, 1);
        if (worker->index >= call->count)
            break;
        translate_one(worker);
    }
    return NULL;
}

/* More workers than texts would find nothing to do. */
static enum lw_status run_workers(struct lutwidge_translator *t, size_t workers,
                                  struct lw_error *error)
{
    size_t started = 1;
    enum lw_status status = LW_OK;
    for (; started < workers && status == LW_OK; started++) {
        int failed = pthread_create(&t->workers[started].thread, NULL, work, &t->workers[started]);
        if (failed) {
            status = lw_fail(error, LW_FAILED, "thread %zu of %zu cannot be started: %s",
                             started + 1, workers, strerror(failed));
            atomic_store(&t->call.cancelled, true);
            break;
        }
    }
    if (status == LW_OK)
        work(&t->workers[0]);
    for (size_t i = 1; i < started; i++)
        pthread_join(t->workers[i].thread, NULL);
    return status;
}

static enum lutwidge_status give_stopped(struct lw_error *error)
{
    lw_fail(error, LW_FAILED, "the translation was stopped");
    return LUTWIDGE_CANCELLED;
}

enum lutwidge_status run_call(struct lutwidge_translator *translator, bool all_workers,
                              struct lw_error *error)
{
    struct call *call = &translator->call;
    size_t workers = all_workers ? translator->options.threads : 1;
    enum lw_status status =
        run_workers(translator, workers < call->count ? workers : call->count, error);
    if (status != LW_OK)
        return (enum lutwidge_status)status;
    const struct lutwidge_result *failed = NULL;
    for (size_t i = 0; i < call->count; i++) {
        const struct lutwidge_result *result = call->results[i];
        if (result->status == LUTWIDGE_CANCELLED)
            return give_stopped(error);
        if (result->status == LUTWIDGE_OK || failed)
            continue;
        failed = result;
        if (call->count > 1)
            lw_fail(error, LW_FAILED, "text %zu: %s", i, lutwidge_result_error(result));
        else
            lw_fail(error, LW_FAILED, "%s", lutwidge_result_error(result));
    }
    return failed ? failed->status : LUTWIDGE_OK;
}
