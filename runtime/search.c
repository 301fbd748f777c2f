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

/* Sets the logit of a word, where the line has it. */
static void set_logit(const struct lw_line *line, float *x, int32_t word, float to)
{
    size_t low = 0, high = line->rows ? line->rows->count : 0;
    if (!line->rows)
        x[word] = to;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int32_t there = lw_line_word(line, middle);
        if (there == word)
            x[middle] = to;
        low = there < word ? middle + 1 : low;
        high = there < word ? high : middle;
    }
}

/* Words that must not come become -inf; at the last step all but the forced word, which becomes 0.
 */
static void constrain(const struct lw_translator *t, const struct lw_line *line, size_t step,
                      float *x)
{
    const struct lw_config *config = &t->model->config;
    for (size_t i = 0; i < config->bad_word_count; i++)
        if (config->bad_words[i] != config->eos)
            set_logit(line, x, config->bad_words[i], -INFINITY);
    if (config->forced_eos < 0 || !is_last_step(t, step))
        return;
    for (size_t i = 0; i < lw_line_words(t, line); i++)
        x[i] = -INFINITY;
    set_logit(line, x, config->forced_eos, 0.0f);
}

static const struct lw_normaliser as_it_is = {0.0f, 0.0f};

/* The logits of a column as log probabilities, which are never stored: x is constrained, `by` says
 * the rest. A log softmax over anything that is not finite has no number in it. */
static enum lw_status normalise(const struct lw_translator *t, const struct lw_line *line,
                                size_t step, float *x, struct lw_normaliser by[2],
                                struct lw_error *error)
{
    const struct lw_config *config = &t->model->config;
    size_t words = lw_line_words(t, line);
    by[0] = t->vector->normalise(x, as_it_is, words);
    by[1] = as_it_is;
    if (isnan(lw_log_probability(x[0], by)))
        return lw_fail(error, LW_FAILED, "the logits of step %zu are not finite", step);
    constrain(t, line, step, x);
    if (config->forced_eos >= 0 && is_last_step(t, step))
        by[0] = as_it_is;
    if (config->renormalize_logits)
        by[1] = t->vector->normalise(x, by[0], words);
    return LW_OK;
}

/* The words of a beam that runs after `steps` steps, as the line's output. */
static void trace_back(const struct lw_translator *t, struct lw_line *line, size_t beam,
                       size_t steps)
{
    if (t->search.beams == 1)
        return; /* greedy search leaves its words there */
    for (size_t i = steps; i-- > 0;) {
        line->output[i] = line->words[i * t->search.beams + beam];
        beam = line->parents[i * t->search.beams + beam];
    }
}

static void take_hypothesis(const struct lw_translator *t, struct lw_line *line, size_t i,
                            struct lw_hypothesis *hypothesis)
{
    const struct lw_finished *from = &line->finished[i];
    *hypothesis = (struct lw_hypothesis){line->output, from->step + 1, from->score};
    trace_back(t, line, from->beam, from->step);
    line->output[from->step] = from->word;
}

static enum lw_status greedy_step(struct lw_translator *t, struct lw_line *line, float *x,
                                  size_t step, struct lw_error *error)
{
    const struct lw_config *config = &t->model->config;
    size_t words = lw_line_words(t, line);
    constrain(t, line, step, x);
    size_t best = t->vector->argmax(x, words);
    int32_t word = lw_line_word(line, best);
    const struct lw_normaliser by[2] = {t->vector->normalise(x, as_it_is, words), as_it_is};
    if (isnan(lw_log_probability(x[0], by)))
        return lw_fail(error, LW_FAILED, "the logits of step %zu are not finite", step);
    line->scores[0] += lw_log_probability(x[best], by);
    line->words[step] = line->output[step] = word;
    line->running = word != config->eos && !is_last_step(t, step);
    if (!line->running) {
        line->finished[line->finished_count++] =
            (struct lw_finished){line->scores[0], step, 0, word};
        take_hypothesis(t, line, 0, &line->best);
    }
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

/* Adds the continuations of a beam to the best 2 x beams of its line, *count of which there are. */
static void find_candidates(struct lw_translator *t, const struct lw_line *line, const float *x,
                            const struct lw_normaliser by[2], size_t beam, size_t *count)
{
    size_t words = lw_line_words(t, line), room = 2 * t->search.beams, i = 0;
    float shift = line->scores[beam];
    for (;; i++) {
        float threshold = *count == room ? t->candidates[room - 1].score : -INFINITY;
        i = t->vector->above(x, by, shift, threshold, i, words);
        if (i == words)
            return;
        insert_candidate(t->candidates, count, room,
                         (struct lw_candidate){lw_log_probability(x[i], by) + shift, beam,
                                               lw_line_word(line, i)});
    }
}

static float penalised(const struct lw_translator *t, float score, size_t length)
{
    return score / (float)pow((double)length, (double)t->search.length_penalty);
}

static void insert_finished(const struct lw_translator *t, struct lw_line *line,
                            struct lw_finished finished)
{
    size_t beams = t->search.beams;
    size_t at = line->finished_count < beams ? line->finished_count++ : beams;
    for (; at > 0 && line->finished[at - 1].score < finished.score; at--)
        if (at < beams)
            line->finished[at] = line->finished[at - 1];
    if (at < beams)
        line->finished[at] = finished;
}

/* Divides the candidates of a step into hypotheses that ended and beams that run on. */
static void advance(struct lw_translator *t, struct lw_line *line, size_t candidates, size_t step)
{
    size_t beams = t->search.beams;
    line->running = 0;
    for (size_t i = 0; i < candidates; i++) {
        const struct lw_candidate *c = &t->candidates[i];
        if (c->word == t->model->config.eos || is_last_step(t, step)) {
            if (i < beams)
                insert_finished(
                    t, line,
                    (struct lw_finished){penalised(t, c->score, step + 1), step, c->beam, c->word});
        } else if (line->running < beams) {
            line->words[step * beams + line->running] = c->word;
            line->parents[step * beams + line->running] = (uint8_t)c->beam;
            line->scores[line->running++] = c->score;
        }
    }
}

/* Whether the best running beam may still beat the worst hypothesis, by the length that it has now.
 */
static bool may_improve(const struct lw_translator *t, const struct lw_line *line, size_t step)
{
    if (line->finished_count < t->search.beams)
        return true;
    return !t->search.early_stopping &&
           penalised(t, line->scores[0], step + 1) > line->finished[line->finished_count - 1].score;
}

static enum lw_status beam_step(struct lw_translator *t, struct lw_line *line, float *logits,
                                size_t step, struct lw_error *error)
{
    size_t words = lw_line_words(t, line), candidates = 0;
    for (size_t b = 0; b < line->running; b++) {
        struct lw_normaliser by[2];
        enum lw_status status = normalise(t, line, step, logits + b * words, by, error);
        if (status != LW_OK)
            return status;
        find_candidates(t, line, logits + b * words, by, b, &candidates);
    }
    if (candidates == 0)
        return lw_fail(error, LW_FAILED, "no word is possible at step %zu", step);
    advance(t, line, candidates, step);
    if (line->running == 0 || !may_improve(t, line, step)) {
        line->running = 0;
        take_hypothesis(t, line, 0, &line->best);
    }
    lw_reorder(t, line, line->parents + step * t->search.beams, line->running, step);
    return LW_OK;
}

/* All beams are equal at first, so the first step runs one: it has candidates enough
 * (lw_translator_open). */
void lw_search_begin(struct lw_line *line)
{
    line->running = 1;
    line->finished_count = 0;
    line->scores[0] = 0.0f;
}

enum lw_status lw_search_step(struct lw_translator *translator, struct lw_line *line, float *logits,
                              size_t step, struct lw_error *error)
{
    return translator->search.beams == 1 ? greedy_step(translator, line, logits, step, error)
                                         : beam_step(translator, line, logits, step, error);
}

enum lw_status lw_search_show(struct lw_translator *translator, struct lw_line *line, size_t step,
                              struct lw_error *error)
{
    struct lw_translator *t = translator;
    if (!t->watch.go_on)
        return LW_OK;
    if (line->running)
        trace_back(t, line, 0, step + 1);
    return lw_ask_watch(t, (size_t)(line - t->lines), line->output,
                        line->running ? step + 1 : line->best.count, error);
}

size_t lw_translator_hypotheses(const struct lw_translator *translator, size_t request)
{
    return translator->lines[request].finished_count;
}

void lw_translator_hypothesis(struct lw_translator *translator, size_t request, size_t i,
                              struct lw_hypothesis *hypothesis)
{
    take_hypothesis(translator, &translator->lines[request], i, hypothesis);
}
