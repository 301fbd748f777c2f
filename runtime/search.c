/* Greedy and beam search with the semantics of generate() in Hugging Face Transformers (_sample and
 * _beam_search in generation/utils.py, version 5): 2 x beams candidates a step, those ended among
 * the first `beams` of them become hypotheses, equal scores go to the lower index. A step makes the
 * word at index step + 1, the start word being index 0. */
#include "runtime/network.h"

#include <math.h>

static bool is_last_step(const struct lw_translator *t, size_t step)
{
    return step + 1 == t->steps;
}

/* Words that must not come become -inf; at the last step all but the forced word, which becomes 0.
 */
static void constrain(const struct lw_translator *t, size_t step, float *x)
{
    const struct lw_config *config = &t->model->config;
    for (size_t i = 0; i < config->bad_word_count; i++)
        if (config->bad_words[i] != config->eos)
            x[config->bad_words[i]] = -INFINITY;
    if (config->forced_eos < 0 || !is_last_step(t, step))
        return;
    for (size_t i = 0; i < config->target_words; i++)
        x[i] = -INFINITY;
    x[config->forced_eos] = 0.0f;
}

/* A log softmax over anything that is not finite has no number in it. */
static enum lw_status check_finite(const float *log_probabilities, size_t step,
                                   struct lw_error *error)
{
    if (!isnan(log_probabilities[0]))
        return LW_OK;
    return lw_fail(error, LW_FAILED, "the logits of step %zu are not finite", step);
}

enum lw_status lw_search_greedy(struct lw_translator *translator, struct lw_hypothesis *best,
                                struct lw_error *error)
{
    struct lw_translator *t = translator;
    const struct lw_config *config = &t->model->config;
    int32_t word = config->decoder_start;
    *best = (struct lw_hypothesis){.words = t->output};
    do {
        const float *logits;
        enum lw_status status = lw_decode_step(t, &word, 1, best->count, &logits, error);
        if (status != LW_OK)
            return status;
        constrain(t, best->count, t->logits);
        word = (int32_t)t->vector->argmax(t->logits, config->target_words);
        t->vector->log_softmax(t->logits, config->target_words);
        status = check_finite(t->logits, best->count, error);
        if (status != LW_OK)
            return status;
        best->score += t->logits[word];
        t->output[best->count++] = word;
        status = lw_ask_watch(t, t->output, best->count, error);
        if (status != LW_OK)
            return status;
    } while (word != config->eos && best->count < t->steps);
    t->finished[0] = (struct lw_finished){best->score, best->count - 1, 0, word};
    t->finished_count = 1;
    return LW_OK;
}

static void insert_candidate(struct lw_candidate *list, size_t *count, size_t room,
                             struct lw_candidate candidate)
{
    size_t at = *count < room ? (*count)++ : room - 1;
    for (; at > 0 && list[at - 1].score < candidate.score; at--)
        list[at] = list[at - 1];
    list[at] = candidate;
}

/* The best 2 x beams continuations of n running beams, from their log probabilities; returns how
 * many there are. */
static size_t find_candidates(struct lw_translator *t, size_t n)
{
    size_t words = t->model->config.target_words, room = 2 * t->search.beams, count = 0;
    float threshold = -INFINITY;
    for (size_t b = 0; b < n; b++) {
        const float *x = t->logits + b * words;
        float shift = t->scores[b];
        size_t i = t->vector->above(x, shift, threshold, 0, words);
        while (i < words) {
            insert_candidate(t->candidates, &count, room,
                             (struct lw_candidate){x[i] + shift, b, (int32_t)i});
            if (count == room)
                threshold = t->candidates[room - 1].score;
            i = t->vector->above(x, shift, threshold, i + 1, words);
        }
    }
    return count;
}

static float penalised(const struct lw_translator *t, float score, size_t length)
{
    return score / (float)pow((double)length, (double)t->search.length_penalty);
}

static void insert_finished(struct lw_translator *t, size_t *count, struct lw_finished finished)
{
    size_t at = *count < t->search.beams ? (*count)++ : t->search.beams;
    for (; at > 0 && t->finished[at - 1].score < finished.score; at--)
        if (at < t->search.beams)
            t->finished[at] = t->finished[at - 1];
    if (at < t->search.beams)
        t->finished[at] = finished;
}

/* Divides the candidates of a step into hypotheses that ended and beams that run on; returns the
 * running beams. */
static size_t advance(struct lw_translator *t, size_t candidates, size_t step, size_t *finished)
{
    size_t beams = t->search.beams, running = 0;
    for (size_t i = 0; i < candidates; i++) {
        const struct lw_candidate *c = &t->candidates[i];
        if (c->word == t->model->config.eos || is_last_step(t, step)) {
            if (i < beams)
                insert_finished(
                    t, finished,
                    (struct lw_finished){penalised(t, c->score, step + 1), step, c->beam, c->word});
        } else if (running < beams) {
            t->words[step * beams + running] = c->word;
            t->parents[step * beams + running] = (uint8_t)c->beam;
            t->scores[running++] = c->score;
        }
    }
    return running;
}

/* Whether the best running beam may still beat the worst hypothesis, by the length that it has now.
 */
static bool may_improve(const struct lw_translator *t, size_t finished, size_t step)
{
    if (finished < t->search.beams)
        return true;
    return !t->search.early_stopping &&
           penalised(t, t->scores[0], step + 1) > t->finished[finished - 1].score;
}

/* The words of a beam that runs after `steps` steps. */
static void trace_back(struct lw_translator *t, size_t beam, size_t steps)
{
    for (size_t i = steps; i-- > 0;) {
        t->output[i] = t->words[i * t->search.beams + beam];
        beam = t->parents[i * t->search.beams + beam];
    }
}

size_t lw_translator_hypotheses(const struct lw_translator *translator)
{
    return translator->finished_count;
}

void lw_translator_hypothesis(struct lw_translator *translator, size_t i,
                              struct lw_hypothesis *hypothesis)
{
    struct lw_translator *t = translator;
    const struct lw_finished *from = &t->finished[i];
    *hypothesis = (struct lw_hypothesis){t->output, from->step + 1, from->score};
    if (t->search.beams == 1)
        return; /* greedy search leaves its words there */
    trace_back(t, from->beam, from->step);
    t->output[from->step] = from->word;
}

/* Log probabilities of the next words of n running beams, constrained. */
static enum lw_status run_step(struct lw_translator *t, const int32_t *words, size_t n, size_t step,
                               struct lw_error *error)
{
    size_t target_words = t->model->config.target_words;
    const float *logits;
    enum lw_status status = lw_decode_step(t, words, n, step, &logits, error);
    for (size_t b = 0; b < n && status == LW_OK; b++) {
        float *x = t->logits + b * target_words;
        t->vector->log_softmax(x, target_words);
        status = check_finite(x, step, error);
        constrain(t, step, x);
        if (t->model->config.renormalize_logits)
            t->vector->log_softmax(x, target_words);
    }
    return status;
}

/* All beams are equal at first, so the first step runs one: it has candidates enough
 * (lw_translator_open). */
enum lw_status lw_search_beams(struct lw_translator *translator, struct lw_hypothesis *best,
                               struct lw_error *error)
{
    struct lw_translator *t = translator;
    const int32_t *words = &t->model->config.decoder_start;
    size_t running = 1;
    t->scores[0] = 0.0f;
    for (size_t step = 0, finished = 0;; step++) {
        enum lw_status status = run_step(t, words, running, step, error);
        if (status != LW_OK)
            return status;
        size_t candidates = find_candidates(t, running);
        if (candidates == 0)
            return lw_fail(error, LW_FAILED, "no word is possible at step %zu", step);
        running = advance(t, candidates, step, &finished);
        if (running == 0 || !may_improve(t, finished, step)) {
            t->finished_count = finished;
            break;
        }
        if (t->watch.go_on) {
            trace_back(t, 0, step + 1);
            status = lw_ask_watch(t, t->output, step + 1, error);
            if (status != LW_OK)
                return status;
        }
        words = t->words + step * t->search.beams;
        lw_reorder(t, t->parents + step * t->search.beams, running, step);
    }
    lw_translator_hypothesis(t, 0, best);
    return LW_OK;
}
