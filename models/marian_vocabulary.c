/* vocab.json: a table from pieces to word ids, turned into the list of pieces by id. */
#include "models/marian_parts.h"

#include <stdlib.h>
#include <string.h>

/* Pieces by id, views into the JSON; false when an id is missing, out of range or given twice. */
static bool order_pieces(const char *path, json_t *json, const char **pieces, size_t count,
                         struct lw_refusal *refusal)
{
    const char *piece;
    json_t *id;
    bool ordered = true;
    json_object_foreach(json, piece, id)
    {
        const char *reason = NULL;
        if (!json_is_integer(id) || json_integer_value(id) < 0 ||
            (uint64_t)json_integer_value(id) >= count)
            reason = "is not an id below the number of pieces";
        else if (pieces[json_integer_value(id)])
            reason = "is the id of another piece too";
        else
            pieces[json_integer_value(id)] = piece;
        if (!reason)
            continue;
        lw_refuse(refusal, LW_CORRUPT, "%s: the value of piece \"%.80s\" %s", path, piece, reason);
        ordered = false;
    }
    /* As many pieces as ids: without duplicates there are no holes. */
    return ordered;
}

static void join_pieces(const char *path, const char **pieces, size_t count, struct lw_words *words,
                        struct lw_refusal *refusal)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += strlen(pieces[i]) + 1;
    words->text = malloc(bytes);
    if (!words->text) {
        lw_refuse(refusal, LW_FAILED, "%s: out of memory", path);
        return;
    }
    char *at = words->text;
    for (size_t i = 0; i < count; i++)
        at = stpcpy(at, pieces[i]) + 1;
    words->bytes = bytes;
    words->count = count;
}

static void require_piece(const char *path, json_t *json, const char *piece,
                          struct lw_refusal *refusal)
{
    if (!json_object_get(json, piece))
        lw_refuse(refusal, LW_CORRUPT, "%s: has no piece \"%s\"", path, piece);
}

void lw_marian_read_words(const char *path, struct lw_words *words, struct lw_refusal *refusal)
{
    *words = (struct lw_words){0};
    json_t *json = lw_marian_json(path, refusal);
    if (!json)
        return;
    require_piece(path, json, "</s>", refusal);
    require_piece(path, json, "<unk>", refusal);
    size_t count = json_object_size(json);
    const char **pieces = calloc(count + 1, sizeof *pieces);
    if (!pieces)
        lw_refuse(refusal, LW_FAILED, "%s: out of memory", path);
    else if (order_pieces(path, json, pieces, count, refusal))
        join_pieces(path, pieces, count, words, refusal);
    free(pieces);
    json_decref(json);
}
