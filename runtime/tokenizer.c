/* The semantics are those of MarianTokenizer in Hugging Face Transformers, class
 * PreTrainedTokenizer included. */
#include "runtime/tokenizer.h"

#include "models/checked.h"
#include "runtime/pieces.h"
#include "runtime/text.h"
#include "runtime/vocabulary.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Written in a text these are words by themselves, and in a translation they are dropped. */
static const char *const specials[] = {"</s>", "<unk>", "<pad>"};
enum { END, UNKNOWN, SPECIALS = sizeof specials / sizeof *specials };

struct lw_tokenizer {
    struct lw_pieces *source_pieces, *target_pieces; /* the same where the models are */
    struct lw_vocabulary source, target;             /* likewise, then source owns */
    bool shared_vocabulary;
    size_t most_bytes;
    int32_t source_specials[SPECIALS], target_specials[SPECIALS]; /* -1 where absent */
};

static enum lw_status find_specials(const struct lw_vocabulary *vocabulary, int32_t *ids,
                                    struct lw_error *error)
{
    for (size_t i = 0; i < SPECIALS; i++) {
        ids[i] = lw_vocabulary_find(vocabulary, specials[i], strlen(specials[i]));
        if (ids[i] < 0 && (i == END || i == UNKNOWN))
            return lw_fail(error, LW_CORRUPT, "the vocabulary lacks the word %s", specials[i]);
    }
    return LW_OK;
}

static enum lw_status open_vocabularies(const struct lw_tokenizer_data *data,
                                        const struct lw_config *config, struct lw_tokenizer *t,
                                        struct lw_error *error)
{
    enum lw_status status = lw_vocabulary_open(data->source_words, data->source_words_bytes,
                                               config->source_words, &t->source, error);
    t->shared_vocabulary = data->source_words == data->target_words;
    if (status == LW_OK && t->shared_vocabulary)
        t->target = t->source;
    else if (status == LW_OK)
        status = lw_vocabulary_open(data->target_words, data->target_words_bytes,
                                    config->target_words, &t->target, error);
    if (status == LW_OK)
        status = find_specials(&t->source, t->source_specials, error);
    if (status == LW_OK)
        status = find_specials(&t->target, t->target_specials, error);
    return status;
}

static enum lw_status open_pieces(const struct lw_tokenizer_data *data, struct lw_tokenizer *t,
                                  struct lw_error *error)
{
    enum lw_status status =
        lw_pieces_open(data->source_spm, data->source_spm_bytes, &t->source_pieces, error);
    if (status != LW_OK)
        return status;
    if (data->source_spm != data->target_spm)
        return lw_pieces_open(data->target_spm, data->target_spm_bytes, &t->target_pieces, error);
    t->target_pieces = t->source_pieces;
    return LW_OK;
}

enum lw_status lw_tokenizer_open(const struct lw_tokenizer_data *data,
                                 const struct lw_config *config, struct lw_tokenizer **tokenizer,
                                 struct lw_error *error)
{
    struct lw_tokenizer *t = calloc(1, sizeof *t);
    if (!t)
        return lw_fail(error, LW_FAILED, "out of memory for the tokeniser");
    if (!lw_checked_mul(config->positions, LW_BYTES_A_POSITION, &t->most_bytes))
        t->most_bytes = SIZE_MAX;
    enum lw_status status = open_vocabularies(data, config, t, error);
    if (status == LW_OK)
        status = open_pieces(data, t, error);
    if (status == LW_OK)
        *tokenizer = t;
    else
        lw_tokenizer_close(t);
    return status;
}

void lw_tokenizer_close(struct lw_tokenizer *tokenizer)
{
    if (!tokenizer)
        return;
    if (tokenizer->target_pieces != tokenizer->source_pieces)
        lw_pieces_close(tokenizer->target_pieces);
    lw_pieces_close(tokenizer->source_pieces);
    if (!tokenizer->shared_vocabulary)
        lw_vocabulary_close(&tokenizer->target);
    lw_vocabulary_close(&tokenizer->source);
    free(tokenizer);
}

size_t lw_tokenizer_most_bytes(const struct lw_tokenizer *tokenizer)
{
    return tokenizer->most_bytes;
}

/* Ids being gathered. */
struct gathering {
    const struct lw_tokenizer *tokenizer;
    int32_t *ids;
    size_t count, room;
    size_t most; /* bytes of text */
    struct lw_error *error;
};

static enum lw_status take_id(struct gathering *g, int32_t id)
{
    if (g->count == g->room) {
        size_t room = g->room ? 2 * g->room : 64, bytes;
        int32_t *ids = NULL;
        if (lw_checked_mul(room, sizeof *ids, &bytes))
            ids = realloc(g->ids, bytes);
        if (!ids)
            return lw_fail(g->error, LW_FAILED, "out of memory for a line's words");
        g->ids = ids;
        g->room = room;
    }
    g->ids[g->count++] = id;
    return LW_OK;
}

static enum lw_status take_piece(void *context, const char *piece, size_t bytes)
{
    struct gathering *g = context;
    int32_t id = lw_vocabulary_find(&g->tokenizer->source, piece, bytes);
    return take_id(g, id < 0 ? g->tokenizer->source_specials[UNKNOWN] : id);
}

/* Text between special words: a language code >>xx<< at its start is one word, the rest goes to
 * SentencePiece. */
static enum lw_status encode_plain(struct gathering *g, const char *text, size_t bytes)
{
    const char *end = NULL;
    if (bytes >= 2 && memcmp(text, ">>", 2) == 0)
        end = memmem(text, bytes, "<<", 2);
    if (end) {
        size_t code_bytes = (size_t)(end - text) + 2;
        enum lw_status status = take_piece(g, text, code_bytes);
        if (status != LW_OK)
            return status;
        text += code_bytes;
        bytes -= code_bytes;
    }
    return lw_pieces_encode(g->tokenizer->source_pieces, text, bytes, g->most, take_piece, g,
                            g->error);
}

/* The first special word in the text, or NULL; *which is its number. */
static const char *find_special(const struct lw_tokenizer *t, const char *text, size_t bytes,
                                size_t *which)
{
    const char *first = NULL;
    for (size_t i = 0; i < SPECIALS; i++) {
        const char *at = t->source_specials[i] < 0
                             ? NULL
                             : memmem(text, bytes, specials[i], strlen(specials[i]));
        if (at && (!first || at < first)) {
            first = at;
            *which = i;
        }
    }
    return first;
}

static enum lw_status encode_line(struct gathering *g, const char *text, size_t bytes)
{
    enum lw_status status = LW_OK;
    while (bytes > 0 && status == LW_OK) {
        size_t which = 0;
        const char *special = find_special(g->tokenizer, text, bytes, &which);
        size_t plain = special ? (size_t)(special - text) : bytes;
        if (plain > 0)
            status = encode_plain(g, text, plain);
        if (special && status == LW_OK)
            status = take_id(g, g->tokenizer->source_specials[which]);
        size_t used = special ? plain + strlen(specials[which]) : bytes;
        text += used;
        bytes -= used;
    }
    return status == LW_OK ? take_id(g, g->tokenizer->source_specials[END]) : status;
}

enum lw_status lw_tokenizer_encode(const struct lw_tokenizer *tokenizer, const char *text,
                                   size_t bytes, size_t most, int32_t **ids, size_t *count,
                                   struct lw_error *error)
{
    const char *line = text;
    size_t line_bytes = bytes, offset;
    lw_text_trim(&line, &line_bytes);
    if (line_bytes > most)
        return lw_fail(error, LW_FAILED, "%zu bytes of text; the model takes at most %zu",
                       line_bytes, most);
    if (!lw_text_is_valid(text, bytes, &offset))
        return lw_fail(error, LW_CORRUPT, "invalid UTF-8 at byte %zu of the line", offset);
    struct gathering g = {.tokenizer = tokenizer, .most = most, .error = error};
    enum lw_status status = encode_line(&g, line, line_bytes);
    if (status != LW_OK) {
        free(g.ids);
        return status;
    }
    *ids = g.ids;
    *count = g.count;
    return LW_OK;
}

static bool is_special(const struct lw_tokenizer *t, int32_t id)
{
    for (size_t i = 0; i < SPECIALS; i++)
        if (t->target_specials[i] == id)
            return true;
    return false;
}

/* SentencePiece leaves its space symbol, U+2581, in pieces that it does not know. */
static void tidy(char *text)
{
    static const char symbol[] = "\xe2\x96\x81";
    for (char *at = text; (at = strstr(at, symbol)); at++) {
        *at = ' ';
        memmove(at + 1, at + 3, strlen(at + 3) + 1);
    }
    const char *start = text;
    size_t bytes = strlen(text);
    lw_text_trim(&start, &bytes);
    memmove(text, start, bytes);
    text[bytes] = '\0';
}

enum lw_status lw_tokenizer_decode(const struct lw_tokenizer *tokenizer, const int32_t *ids,
                                   size_t count, char **text, struct lw_error *error)
{
    const char **words = calloc(count ? count : 1, sizeof *words);
    if (!words)
        return lw_fail(error, LW_FAILED, "out of memory for a translated line");
    size_t kept = 0;
    enum lw_status status = LW_OK;
    for (size_t i = 0; i < count && status == LW_OK; i++) {
        if (ids[i] < 0 || (size_t)ids[i] >= tokenizer->target.count)
            status = lw_fail(error, LW_USAGE, "word %d is outside the vocabulary", (int)ids[i]);
        else if (!is_special(tokenizer, ids[i]))
            words[kept++] = lw_vocabulary_word(&tokenizer->target, (size_t)ids[i]);
    }
    if (status == LW_OK)
        status = lw_pieces_decode(tokenizer->target_pieces, words, kept, text, error);
    if (status == LW_OK)
        tidy(*text);
    free(words);
    return status;
}
