#include "runtime/sentence.h"

#include "runtime/text.h"

#include <stdlib.h>
#include <string.h>

static bool is_blank(const char *text, size_t bytes)
{
    lw_text_trim(&text, &bytes);
    return bytes == 0;
}

/* Wrong usage of what lies below is a text that is too long for the model. */
static void refuse(struct lw_sentence *s, enum lw_status status, const struct lw_error *error)
{
    s->status = status == LW_USAGE ? LW_FAILED : status;
    s->error = strdup(error->text);
}

static void refuse_for_memory(struct lw_sentence *s)
{
    s->status = LW_FAILED;
}

static bool make_room(struct lw_sentence *s, size_t most)
{
    s->list = calloc(most, sizeof *s->list);
    if (!s->list)
        refuse_for_memory(s);
    return s->list;
}

static void give_blank(struct lw_sentence *s)
{
    if (!make_room(s, 1))
        return;
    s->list[0].text = strdup("");
    if (s->list[0].text)
        s->translations = 1;
    else
        refuse_for_memory(s);
}

void lw_sentence_read(struct lw_sentence *sentence, const struct lw_tokenizer *tokenizer,
                      const char *text, size_t bytes)
{
    struct lw_error error;
    if (is_blank(text, bytes)) {
        give_blank(sentence);
        return;
    }
    error.text[0] = 0;
    enum lw_status status =
        lw_tokenizer_encode(tokenizer, text, bytes, lw_tokenizer_most_bytes(tokenizer),
                            &sentence->ids, &sentence->count, &error);
    if (status != LW_OK)
        refuse(sentence, status, &error);
}

static void drop_translations(struct lw_sentence *s)
{
    for (size_t i = 0; i < s->translations; i++)
        free(s->list[i].text);
    free(s->list);
    s->list = NULL;
    s->translations = 0;
}

static enum lw_status decode(struct lw_sentence *s, const struct lw_tokenizer *tokenizer,
                             const struct lw_hypothesis *hypothesis, struct lw_error *error)
{
    struct lw_translation *to = &s->list[s->translations];
    enum lw_status status =
        lw_tokenizer_decode(tokenizer, hypothesis->words, hypothesis->count, &to->text, error);
    to->score = hypothesis->score;
    if (status == LW_OK && s->translations++ == 0)
        s->words = hypothesis->count;
    return status;
}

void lw_sentence_take(struct lw_sentence *sentence, const struct lw_tokenizer *tokenizer,
                      struct lw_translator *translator, size_t i, const struct lw_request *request,
                      size_t most)
{
    struct lw_sentence *s = sentence;
    if (request->status != LW_OK) {
        refuse(s, request->status, &request->error);
        return;
    }
    struct lw_error error;
    s->listed = request->listed;
    size_t there = lw_translator_hypotheses(translator, i);
    size_t count = there < most ? there : most;
    enum lw_status status = LW_OK;
    if (!make_room(s, count))
        return;
    error.text[0] = 0;
    for (size_t h = 0; h < count && status == LW_OK; h++) {
        struct lw_hypothesis hypothesis;
        lw_translator_hypothesis(translator, i, h, &hypothesis);
        status = decode(s, tokenizer, &hypothesis, &error);
    }
    if (status != LW_OK) {
        drop_translations(s);
        refuse(s, status, &error);
    }
}

void lw_sentence_clear(struct lw_sentence *sentence)
{
    drop_translations(sentence);
    free(sentence->ids);
    free(sentence->error);
    *sentence = (struct lw_sentence){0};
}

const char *lw_sentence_error(const struct lw_sentence *sentence)
{
    if (sentence->stopped)
        return "the translation was stopped";
    if (sentence->status == LW_OK)
        return "";
    return sentence->error ? sentence->error : "out of memory";
}
