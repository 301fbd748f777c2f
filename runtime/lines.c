#include "runtime/lines.h"

#include "models/file.h"
#include "runtime/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>

/* The same tokeniser with its sides exchanged: it encodes target text. */
static struct lw_tokenizer_data exchanged(const struct lw_tokenizer_data *t)
{
    return (struct lw_tokenizer_data){
        t->target_spm,   t->source_spm,   t->target_spm_bytes,   t->source_spm_bytes,
        t->target_words, t->source_words, t->target_words_bytes, t->source_words_bytes,
    };
}

static enum lw_status open_side(const struct lw_model *model, bool target,
                                struct lw_tokenizer **tokenizer, struct lw_error *error)
{
    struct lw_config config = model->config;
    struct lw_tokenizer_data data = model->tokenizer;
    if (target) {
        data = exchanged(&data);
        config.source_words = model->config.target_words;
        config.target_words = model->config.source_words;
    }
    return lw_tokenizer_open(&data, &config, tokenizer, error);
}

static enum lw_status encode_stream(const struct lw_tokenizer *tokenizer, const char *path,
                                    FILE *text, size_t most_lines, lw_take_line *take,
                                    void *context, struct lw_error *error)
{
    char *line = NULL;
    size_t room = 0;
    enum lw_status status = LW_OK;
    for (size_t number = 1; status == LW_OK && number <= most_lines; number++) {
        ssize_t length = getline(&line, &room, text);
        if (length < 0) {
            if (!lw_stream_ended(text))
                status = lw_fail(error, LW_FAILED, "%s cannot be read: %m", path);
            break;
        }
        int32_t *ids = NULL;
        size_t count = 0, bytes = (size_t)length - (length && line[length - 1] == '\n');
        struct lw_error own = {0};
        status = lw_tokenizer_encode(tokenizer, line, bytes, SIZE_MAX, &ids, &count, &own);
        if (status == LW_OK)
            status = take(context, ids, count, &own);
        if (status != LW_OK)
            lw_fail(error, status, "%s, line %zu: %s", path, number, own.text);
        free(ids);
    }
    free(line);
    return status;
}

enum lw_status lw_lines_encode(const struct lw_model *model, bool target, const char *path,
                               size_t most_lines, lw_take_line *take, void *context,
                               struct lw_error *error)
{
    struct lw_tokenizer *tokenizer = NULL;
    FILE *text = fopen(path, "re");
    if (!text)
        return lw_fail(error, LW_FAILED, "cannot open %s: %m", path);
    enum lw_status status = open_side(model, target, &tokenizer, error);
    if (status == LW_OK)
        status = encode_stream(tokenizer, path, text, most_lines, take, context, error);
    lw_tokenizer_close(tokenizer);
    fclose(text);
    return status;
}
