/* The semantics are those of SentencePiece's unigram models (EncodeOptimized in
 * src/unigram_model.cc, PopulateSentencePieceText and Decode in src/sentencepiece_processor.cc,
 * 0.1.97 to 0.2.1). */
#include "runtime/pieces.h"

#include "models/checked.h"
#include "runtime/spm.h"

#include <stdlib.h>
#include <string.h>

struct lw_pieces {
    struct lw_spm spm;
};

enum { SYMBOL_BYTES = 3 };

static const float UNKNOWN_PENALTY = 10;

enum lw_status lw_pieces_open(const uint8_t *model, size_t bytes, struct lw_pieces **pieces,
                              struct lw_error *error)
{
    struct lw_pieces *opened = calloc(1, sizeof *opened);
    if (!opened)
        return lw_fail(error, LW_FAILED, "out of memory for a SentencePiece model");
    enum lw_status status = lw_spm_open(model, bytes, &opened->spm, error);
    if (status == LW_OK)
        *pieces = opened;
    else
        free(opened);
    return status;
}

void lw_pieces_close(struct lw_pieces *pieces)
{
    if (!pieces)
        return;
    lw_spm_close(&pieces->spm);
    free(pieces);
}

/* Bytes of a character, by its first one; no more than there are. */
static size_t character_bytes(const char *text, size_t bytes)
{
    static const uint8_t lengths[16] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 3, 4};
    size_t length = lengths[(uint8_t)*text >> 4];
    return length < bytes ? length : bytes;
}

/* The longest user-defined piece at the start of a text. */
static size_t take_user(const void *context, const char *text, size_t bytes)
{
    const struct lw_spm *spm = context;
    size_t longest = 0, most = bytes < spm->longest ? bytes : spm->longest;
    uint64_t hash = LW_SPM_HASH;
    for (size_t i = 0; i < most; i++) {
        hash = lw_spm_hash_byte(hash, (uint8_t)text[i]);
        int64_t piece = lw_spm_find(spm, text, i + 1, hash, false);
        if (piece != LW_NO_PIECE && spm->pieces[piece].type == LW_PIECE_USER)
            longest = i + 1;
    }
    return longest;
}

/* The best way to a place in the text, by its last piece. */
struct place {
    float score;
    uint32_t length; /* of the last piece; 0: no way leads here */
    uint32_t piece;
};

/* Compared before the sum is rounded, as SentencePiece does. */
static void offer(struct place *to, double score, size_t length, uint32_t piece)
{
    if (to->length == 0 || score > (double)to->score)
        *to = (struct place){(float)score, (uint32_t)length, piece};
}

/* Offers all pieces that begin at the start of the text; *from is that place. */
static void offer_pieces(const struct lw_spm *spm, const char *text, size_t bytes,
                         struct place *from)
{
    size_t first = character_bytes(text, bytes);
    size_t most = bytes < spm->longest ? bytes : spm->longest;
    uint64_t hash = LW_SPM_HASH;
    bool single = false;
    for (size_t end = 0, next = first; next <= most;) {
        for (; end < next; end++)
            hash = lw_spm_hash_byte(hash, (uint8_t)text[end]);
        int64_t found = lw_spm_find(spm, text, end, hash, false);
        const struct lw_piece *piece = found == LW_NO_PIECE ? NULL : &spm->pieces[found];
        if (piece && piece->type != LW_PIECE_UNUSED) {
            double score = piece->type == LW_PIECE_USER ? (double)((float)end * spm->most) - 0.1
                                                        : (double)piece->score;
            offer(from + end, score + (double)from->score, end, (uint32_t)found);
            single = single || end == first;
        }
        if (end == bytes)
            break;
        next = end + character_bytes(text + end, bytes - end);
    }
    if (!single)
        offer(from + first, (double)(spm->least - UNKNOWN_PENALTY + from->score), first,
              spm->unknown);
}

/* Unknown pieces in a row are one. */
static enum lw_status give_pieces(const struct lw_spm *spm, const char *text, size_t bytes,
                                  const struct place *places, lw_take_piece *take, void *context)
{
    enum lw_status status = LW_OK;
    for (size_t at = 0, end; at < bytes && status == LW_OK; at = end) {
        end = at + places[at].length;
        while (places[at].piece == spm->unknown && end < bytes && places[end].piece == spm->unknown)
            end += places[end].length;
        status = take(context, text + at, end - at);
    }
    return status;
}

/* Moves each piece of the best way from the place where it ends to that where it begins. */
static void turn(struct place *places, size_t bytes)
{
    struct place piece = places[bytes];
    for (size_t end = bytes; end > 0;) {
        size_t begin = end - piece.length;
        struct place before = places[begin];
        places[begin] = piece;
        piece = before;
        end = begin;
    }
}

static enum lw_status cut(const struct lw_spm *spm, const char *text, size_t bytes,
                          lw_take_piece *take, void *context, struct lw_error *error)
{
    size_t count;
    struct place *places = NULL;
    if (lw_checked_add(bytes, 1, &count) && bytes < UINT32_MAX)
        places = calloc(count, sizeof *places);
    if (!places)
        return lw_fail(error, LW_FAILED, "out of memory for a line's pieces");
    for (size_t at = 0; at < bytes; at += character_bytes(text + at, bytes - at))
        offer_pieces(spm, text + at, bytes - at, places + at);
    turn(places, bytes);
    enum lw_status status = give_pieces(spm, text, bytes, places, take, context);
    free(places);
    return status;
}

enum lw_status lw_pieces_encode(const struct lw_pieces *pieces, const char *text, size_t bytes,
                                size_t most, lw_take_piece *take, void *context,
                                struct lw_error *error)
{
    const struct lw_spm *spm = &pieces->spm;
    struct lw_buffer normal = {0};
    lw_normalise(&spm->rules, spm->has_user ? take_user : NULL, spm, text, bytes, &normal);
    enum lw_status status =
        normal.failed ? lw_fail(error, LW_FAILED, "out of memory for a line's pieces") : LW_OK;
    if (status == LW_OK && normal.count > most)
        status =
            lw_fail(error, LW_FAILED, "%zu bytes of normalised text; the model takes at most %zu",
                    normal.count, most);
    if (status == LW_OK && normal.count)
        status = cut(spm, normal.bytes, normal.count, take, context, error);
    free(normal.bytes);
    return status;
}

static uint32_t number_of(const struct lw_spm *spm, const char *text, size_t bytes)
{
    uint64_t hash = LW_SPM_HASH;
    for (size_t i = 0; i < bytes; i++)
        hash = lw_spm_hash_byte(hash, (uint8_t)text[i]);
    int64_t number = lw_spm_find(spm, text, bytes, hash, true);
    if (number == LW_NO_PIECE)
        number = lw_spm_find(spm, text, bytes, hash, false);
    return number == LW_NO_PIECE ? spm->unknown : (uint32_t)number;
}

/* Appends a piece with its symbols as spaces. */
static void append_spaced(struct lw_buffer *text, const char *piece, size_t bytes)
{
    const char *end = piece + bytes, *symbol;
    while ((symbol = memmem(piece, (size_t)(end - piece), lw_space_symbol, SYMBOL_BYTES))) {
        lw_buffer_append(text, piece, (size_t)(symbol - piece));
        lw_buffer_append(text, " ", 1);
        piece = symbol + SYMBOL_BYTES;
    }
    lw_buffer_append(text, piece, (size_t)(end - piece));
}

/* Appends one piece; `first`: nothing came before but what is not seen. True where it began with a
 * space that was dropped and counts as the first. */
static bool append_piece(const struct lw_spm *spm, const char *piece, bool first,
                         struct lw_buffer *text)
{
    size_t bytes = strlen(piece);
    const struct lw_piece *found = &spm->pieces[number_of(spm, piece, bytes)];
    if (found->type == LW_PIECE_CONTROL)
        return false;
    if (found->type == LW_PIECE_UNKNOWN) {
        bool itself = found->bytes == bytes && memcmp(spm->file + found->start, piece, bytes) == 0;
        lw_buffer_append(text, itself ? (const char *)spm->unknown_surface : piece,
                         itself ? spm->unknown_bytes : bytes);
        return false;
    }
    const struct lw_text_rules *rules = &spm->rules;
    bool dropped = first && (rules->dummy_prefix || rules->remove_extra) && bytes >= SYMBOL_BYTES &&
                   memcmp(piece, lw_space_symbol, SYMBOL_BYTES) == 0;
    append_spaced(text, piece + (dropped ? SYMBOL_BYTES : 0), bytes - (dropped ? SYMBOL_BYTES : 0));
    return dropped && !rules->remove_extra;
}

enum lw_status lw_pieces_decode(const struct lw_pieces *pieces, const char *const *list,
                                size_t count, char **text, struct lw_error *error)
{
    struct lw_buffer joined = {0};
    bool first = true, dropped = false;
    for (size_t i = 0; i < count; i++) {
        if (dropped || joined.count)
            first = false;
        dropped = append_piece(&pieces->spm, list[i], first, &joined);
    }
    lw_buffer_append(&joined, "", 1);
    if (joined.failed) {
        free(joined.bytes);
        return lw_fail(error, LW_FAILED, "out of memory for a translated line");
    }
    *text = joined.bytes;
    return LW_OK;
}
