/* One call: texts to words, the team at work on them, callbacks and cancelling meanwhile. */
#include "library/parts.h"
#include "runtime/rounding.h"

#include <stdlib.h>
#include <string.h>

static bool is_stopped(struct lutwidge_translator *t)
{
    return atomic_load(&t->cancelled) || atomic_load(&t->stopped);
}

/* Gives the words so far to the caller's callback; false where it wants no more. */
static bool show(struct lutwidge_translator *t, size_t index, const int32_t *words, size_t count)
{
    struct lw_error error;
    char *text;
    if (lw_tokenizer_decode(t->model->tokenizer, words, count, &text, &error) != LW_OK)
        return true; /* the call will meet the same at its end, and say so */
    pthread_mutex_lock(&t->token_lock);
    bool stop = is_stopped(t) || t->options.token(t->options.token_context, index, text) != 0;
    if (stop)
        atomic_store(&t->stopped, true);
    pthread_mutex_unlock(&t->token_lock);
    free(text);
    return !stop;
}

static bool go_on(void *context, size_t sentence, const int32_t *words, size_t count)
{
    struct lutwidge_translator *t = context;
    if (is_stopped(t))
        return false;
    return count == 0 || !t->options.token || show(t, sentence, words, count);
}

struct lw_team_watch call_watch(struct lutwidge_translator *translator)
{
    return (struct lw_team_watch){go_on, translator};
}

static enum lutwidge_status status_of(const struct lw_sentence *sentence)
{
    return sentence->stopped ? LUTWIDGE_CANCELLED : (enum lutwidge_status)sentence->status;
}

enum lutwidge_status lutwidge_result_status(const struct lutwidge_result *result)
{
    return result ? status_of(&result->sentence) : LUTWIDGE_USAGE;
}

/* Cancelled where any text is, else the status of the first that failed. */
static enum lutwidge_status sum_up(const struct lw_sentence *sentences, size_t count,
                                   struct lw_error *error)
{
    const struct lw_sentence *failed = NULL;
    for (size_t i = 0; i < count; i++) {
        enum lutwidge_status status = status_of(&sentences[i]);
        if (status != LUTWIDGE_OK && (!failed || status == LUTWIDGE_CANCELLED))
            failed = &sentences[i];
        if (status == LUTWIDGE_CANCELLED)
            break;
    }
    if (!failed)
        return LUTWIDGE_OK;
    if (count > 1 && !failed->stopped)
        lw_fail(error, LW_FAILED, "text %zu: %s", (size_t)(failed - sentences),
                lw_sentence_error(failed));
    else
        lw_fail(error, LW_FAILED, "%s", lw_sentence_error(failed));
    return status_of(failed);
}

/* Translates the texts into sentences[count] of zeros. The status of the first text without a
 * translation, and why; LUTWIDGE_CANCELLED where any was stopped. */
static enum lutwidge_status run_call(struct lutwidge_translator *translator,
                                     const char *const *texts, const size_t *bytes, size_t count,
                                     struct lw_sentence *sentences, struct lw_error *error)
{
    struct lutwidge_translator *t = translator;
    atomic_store(&t->stopped, false);
    for (size_t i = 0; i < count; i++) {
        size_t length = bytes ? bytes[i] : LUTWIDGE_TO_NUL;
        sentences[i].stopped = is_stopped(t);
        if (!sentences[i].stopped)
            lw_sentence_read(&sentences[i], t->model->tokenizer, texts[i],
                             length == LUTWIDGE_TO_NUL ? strlen(texts[i]) : length);
    }
    enum lutwidge_status status =
        (enum lutwidge_status)lw_team_translate(t->team, sentences, count, error);
    return status == LUTWIDGE_OK ? sum_up(sentences, count, error) : status;
}

/* Makes what a call works on and gives, all or nothing; false when out of memory. */
static bool make_results(size_t count, struct lutwidge_result **results,
                         struct lw_sentence **sentences)
{
    *sentences = calloc(count, sizeof **sentences);
    bool fine = *sentences;
    for (size_t i = 0; i < count && fine; i++)
        fine = results[i] = calloc(1, sizeof *results[i]);
    if (fine)
        return true;
    for (size_t i = 0; i < count; i++) {
        lutwidge_result_free(results[i]);
        results[i] = NULL;
    }
    free(*sentences);
    return false;
}

static enum lutwidge_status make_call(struct lutwidge_translator *t, const char *const *texts,
                                      const size_t *bytes, size_t count,
                                      struct lutwidge_result **results, struct lw_error *error)
{
    struct lw_sentence *sentences;
    fenv_t callers;
    for (size_t i = 0; i < count; i++)
        if (!texts[i])
            return (enum lutwidge_status)lw_fail(error, LW_USAGE, "text %zu is NULL", i);
    if (!make_results(count, results, &sentences))
        return (enum lutwidge_status)lw_fail(error, LW_FAILED, "out of memory for %zu texts",
                                             count);
    lw_rounding_begin(&callers);
    enum lutwidge_status status = run_call(t, texts, bytes, count, sentences, error);
    lw_rounding_end(&callers);
    for (size_t i = 0; i < count; i++)
        results[i]->sentence = sentences[i];
    free(sentences);
    return status;
}

enum lutwidge_status lutwidge_translate_batch(struct lutwidge_translator *translator,
                                              const char *const *texts, const size_t *bytes,
                                              size_t count, struct lutwidge_result **results,
                                              struct lutwidge_error *error)
{
    struct lw_error own = {0};
    clear_error(error);
    for (size_t i = 0; results && i < count; i++)
        results[i] = NULL;
    if (!translator || (count && (!texts || !results)))
        return give_error(error, lw_fail(&own, LW_USAGE, "a translator or an array is NULL"), &own);
    if (atomic_exchange(&translator->busy, true))
        return give_error(error,
                          lw_fail(&own, LW_USAGE,
                                  "the translator is in another call; one at a "
                                  "time, or a translator a thread"),
                          &own);
    enum lutwidge_status status =
        count ? make_call(translator, texts, bytes, count, results, &own) : LUTWIDGE_OK;
    atomic_store(&translator->busy, false);
    if (status != LUTWIDGE_OK)
        give_error(error, LW_FAILED, &own);
    return status;
}

enum lutwidge_status lutwidge_translate(struct lutwidge_translator *translator, const char *text,
                                        size_t bytes, struct lutwidge_result **result,
                                        struct lutwidge_error *error)
{
    enum lutwidge_status status =
        lutwidge_translate_batch(translator, &text, &bytes, 1, result, error);
    if (status != LUTWIDGE_OK && result) {
        lutwidge_result_free(*result);
        *result = NULL;
    }
    return status;
}
