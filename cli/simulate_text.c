#include "cli/simulate_text.h"

#include "cli/cli.h"
#include "models/file.h"
#include "models/lwm.h"
#include "runtime/text.h"
#include "runtime/tokenizer.h"
#include "runtime/translator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reader {
    struct lw_tokenizer *tokenizer;
    struct lw_translator *translator;
};

/* `of` is the file of the text, or what else it is. */
static enum lw_status translate_line(struct reader *reader, const char *line, const char *of,
                                     size_t number, struct lw_error *error)
{
    int32_t *ids = NULL;
    size_t count, bytes = strlen(line);
    struct lw_hypothesis best;
    struct lw_error own = {0};
    lw_text_trim(&line, &bytes);
    if (bytes == 0)
        return LW_OK;
    enum lw_status status =
        lw_tokenizer_encode(reader->tokenizer, line, bytes, SIZE_MAX, &ids, &count, &own);
    if (status == LW_OK)
        status = lw_translate(reader->translator, ids, count, &best, &own);
    free(ids);
    return status == LW_OK ? LW_OK
                           : lw_fail(error, status == LW_USAGE ? LW_FAILED : status,
                                     "%s, line %zu: %s", of, number, own.text);
}

static enum lw_status translate_file(struct reader *reader, const struct cli_simulated_text *text,
                                     size_t *lines, struct lw_error *error)
{
    FILE *stream = fopen(text->path, "re");
    if (!stream)
        return lw_fail(error, LW_FAILED, "cannot open %s: %m", text->path);
    struct cli_progress progress;
    char *line = NULL;
    size_t room = 0, all = text->lines > 0 ? (size_t)text->lines : 0;
    enum lw_status status = LW_OK;
    cli_progress_start(&progress, "simulating");
    while (status == LW_OK && (!all || *lines < all) && getline(&line, &room, stream) >= 0) {
        status = translate_line(reader, line, text->path, ++*lines, error);
        if (all && !text->quiet)
            cli_progress_step(&progress, *lines, all);
    }
    if (all && !text->quiet)
        cli_progress_end(&progress);
    if (status == LW_OK && (!all || *lines < all) && !lw_stream_ended(stream))
        status = lw_fail(error, LW_FAILED, "%s cannot be read: %m", text->path);
    free(line);
    fclose(stream);
    return status;
}

static enum lw_status name_subject(const struct cli_simulated_text *text, size_t lines,
                                   char **subject, struct lw_error *error)
{
    char hash[33];
    enum lw_status status = text->path ? lw_file_hash(text->path, hash, error) : LW_OK;
    if (status != LW_OK)
        return status;
    int length = text->path
                     ? asprintf(subject, "beam %d, %zu lines of %s", text->beams, lines, hash)
                     : asprintf(subject, "beam %d: %s", text->beams, text->text);
    return length < 0 ? lw_fail(error, LW_FAILED, "out of memory") : LW_OK;
}

enum lw_status cli_simulate_text(struct cli_loaded *loaded, const struct cli_simulated_text *text,
                                 char **subject, struct lw_error *error)
{
    const struct lw_config *config = &loaded->model.config;
    struct reader reader = {0};
    struct lw_search search = {(size_t)text->beams, config->max_length, config->length_penalty,
                               config->early_stopping};
    size_t lines = 0;
    if (text->beams < 1 || text->beams > 64)
        return lw_fail(error, LW_USAGE, "--beam takes 1 to 64, not %d", text->beams);
    enum lw_status status =
        lw_tokenizer_open(&loaded->model.tokenizer, config, &reader.tokenizer, error);
    if (status == LW_OK)
        status = lw_translator_open(&loaded->model, &loaded->backend, &search, &reader.translator,
                                    error);
    if (status == LW_OK)
        status = text->path ? translate_file(&reader, text, &lines, error)
                            : translate_line(&reader, text->text, "--text", 1, error);
    if (status == LW_OK && loaded->work.count == 0)
        status = lw_fail(error, LW_USAGE, "the text is blank");
    if (status == LW_OK)
        status = name_subject(text, lines, subject, error);
    lw_translator_close(reader.translator);
    lw_tokenizer_close(reader.tokenizer);
    return status;
}
