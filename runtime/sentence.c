#include "runtime/sentence.h"

#include "runtime/text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool is_blank(const char *text, size_t bytes)
{
    lw_text_trim(&text, &bytes);
    return bytes == 0;
}

static enum lw_status give_blank(struct lw_translation *list, size_t *count, struct lw_error *error)
{
    list[0] = (struct lw_translation){strdup(""), 0};
    *count = list[0].text ? 1 : 0;
    return *count ? LW_OK : lw_fail(error, LW_FAILED, "out of memory for a translated line");
}

static enum lw_status decode_all(const struct lw_tokenizer *tokenizer,
                                 struct lw_translator *translator, size_t most,
                                 struct lw_translation *list, size_t *count, struct lw_error *error)
{
    size_t there = lw_translator_hypotheses(translator);
    enum lw_status status = LW_OK;
    for (size_t i = 0; i < there && i < most && status == LW_OK; i++) {
        struct lw_hypothesis hypothesis;
        lw_translator_hypothesis(translator, i, &hypothesis);
        list[i].score = hypothesis.score;
        status = lw_tokenizer_decode(tokenizer, hypothesis.words, hypothesis.count, &list[i].text,
                                     error);
        if (status == LW_OK)
            ++*count;
    }
    while (status != LW_OK && *count)
        free(list[--*count].text);
    return status;
}

enum lw_status lw_translate_text(const struct lw_tokenizer *tokenizer,
                                 struct lw_translator *translator, const char *text, size_t bytes,
                                 size_t most, struct lw_translation *list, size_t *count,
                                 struct lw_error *error)
{
    int32_t *ids = NULL;
    size_t words = 0;
    struct lw_hypothesis best;
    *count = 0;
    if (is_blank(text, bytes))
        return give_blank(list, count, error);
    enum lw_status status = lw_tokenizer_encode(tokenizer, text, bytes, &ids, &words, error);
    if (status == LW_OK)
        status = lw_translate(translator, ids, words, &best, error);
    free(ids);
    if (status == LW_USAGE) /* the text is too long for the model */
        status = LW_FAILED;
    return status == LW_OK ? decode_all(tokenizer, translator, most, list, count, error) : status;
}
