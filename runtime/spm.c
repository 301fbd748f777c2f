#include "runtime/spm.h"

#include "runtime/text.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

/* A message of protocol buffers being read. */
struct message {
    const uint8_t *at, *end;
    bool broken;
};

struct field {
    uint32_t number;
    unsigned wire; /* 0: value is a number; 5: value holds 4 bytes; 2: bytes from `data` on */
    uint64_t value;
    const uint8_t *data;
    size_t bytes;
};

static uint64_t read_varint(struct message *m)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && m->at < m->end; shift += 7) {
        uint8_t byte = *m->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return value;
    }
    m->broken = true;
    return 0;
}

static const uint8_t *take(struct message *m, uint64_t bytes)
{
    const uint8_t *data = m->at;
    if (bytes > (size_t)(m->end - m->at))
        m->broken = true;
    else
        m->at += bytes;
    return data;
}

/* False at the end, or where the message is broken. */
static bool next_field(struct message *m, struct field *field)
{
    if (m->at == m->end || m->broken)
        return false;
    uint64_t tag = read_varint(m);
    *field = (struct field){.number = (uint32_t)(tag >> 3), .wire = (unsigned)(tag & 7)};
    if (tag >> 35 || field->number == 0)
        m->broken = true;
    switch (field->wire) {
    case 0:
        field->value = read_varint(m);
        break;
    case 1:
        take(m, 8);
        break;
    case 2:
        field->bytes = read_varint(m);
        field->data = take(m, field->bytes);
        break;
    case 5:
        field->data = take(m, 4);
        for (unsigned i = 0; i < 4 && !m->broken; i++)
            field->value |= (uint64_t)field->data[i] << 8 * i;
        break;
    default:
        m->broken = true;
    }
    return !m->broken;
}

static struct message message_of(const struct field *field)
{
    return (struct message){field->data, field->data + field->bytes, false};
}

static bool is(const struct field *field, uint32_t number, unsigned wire)
{
    return field->number == number && field->wire == wire;
}

/* What is read besides the pieces. */
struct reading {
    struct lw_spm *spm;
    uint64_t model_type;
    bool byte_fallback, denormaliser;
    const uint8_t *map;
    size_t map_bytes;
};

static bool read_piece(const struct field *from, struct lw_spm *spm)
{
    struct message m = message_of(from);
    struct field field;
    struct lw_piece *piece = &spm->pieces[spm->count++];
    uint32_t score = 0;
    uint64_t type = LW_PIECE_NORMAL, bytes = 0;
    const uint8_t *text = NULL;
    size_t invalid;
    while (next_field(&m, &field)) {
        if (is(&field, 1, 2)) {
            text = field.data;
            bytes = field.bytes;
        } else if (is(&field, 2, 5)) {
            score = (uint32_t)field.value;
        } else if (is(&field, 3, 0)) {
            type = field.value;
        }
    }
    if (m.broken || bytes == 0 || bytes > UINT16_MAX || type < LW_PIECE_NORMAL ||
        type > LW_PIECE_BYTE || memchr(text, 0, bytes) ||
        !lw_text_is_valid((const char *)text, bytes, &invalid))
        return false;
    *piece = (struct lw_piece){
        .start = (uint32_t)(text - spm->file), .bytes = (uint16_t)bytes, .type = (uint8_t)type};
    memcpy(&piece->score, &score, sizeof score);
    return true;
}

static bool read_trainer(const struct field *from, struct reading *r)
{
    struct message m = message_of(from);
    struct field field;
    while (next_field(&m, &field)) {
        if (is(&field, 3, 0))
            r->model_type = field.value;
        else if (is(&field, 24, 0))
            r->spm->rules.space_as_suffix = field.value;
        else if (is(&field, 35, 0))
            r->byte_fallback = field.value;
        else if (is(&field, 44, 2)) {
            r->spm->unknown_surface = field.data;
            r->spm->unknown_bytes = field.bytes;
        }
    }
    return !m.broken;
}

static bool read_normaliser(const struct field *from, struct reading *r)
{
    struct message m = message_of(from);
    struct field field;
    while (next_field(&m, &field)) {
        if (is(&field, 2, 2)) {
            r->map = field.data;
            r->map_bytes = field.bytes;
        } else if (is(&field, 3, 0))
            r->spm->rules.dummy_prefix = field.value;
        else if (is(&field, 4, 0))
            r->spm->rules.remove_extra = field.value;
        else if (is(&field, 5, 0))
            r->spm->rules.escape = field.value;
    }
    return !m.broken;
}

static bool read_denormaliser(const struct field *from, struct reading *r)
{
    struct message m = message_of(from);
    struct field field;
    while (next_field(&m, &field))
        r->denormaliser = r->denormaliser || (is(&field, 2, 2) && field.bytes > 0);
    return !m.broken;
}

static enum lw_status read_file(struct message m, struct reading *r, struct lw_error *error)
{
    struct message again = m;
    struct field field;
    size_t count = 0;
    bool fine = true;
    while (next_field(&m, &field))
        count += is(&field, 1, 2);
    r->spm->pieces = count ? calloc(count, sizeof *r->spm->pieces) : NULL;
    if (count && !r->spm->pieces)
        return lw_fail(error, LW_FAILED, "out of memory for a SentencePiece model");
    while (fine && next_field(&again, &field)) {
        if (is(&field, 1, 2))
            fine = read_piece(&field, r->spm);
        else if (is(&field, 2, 2))
            fine = read_trainer(&field, r);
        else if (is(&field, 3, 2))
            fine = read_normaliser(&field, r);
        else if (is(&field, 5, 2))
            fine = read_denormaliser(&field, r);
    }
    if (!fine || again.broken || m.broken || count == 0)
        return lw_fail(error, LW_CORRUPT, "the SentencePiece model is damaged");
    return LW_OK;
}

static bool is_reserved(const struct lw_piece *piece)
{
    return piece->type == LW_PIECE_UNKNOWN || piece->type == LW_PIECE_CONTROL ||
           piece->type == LW_PIECE_BYTE;
}

/* Where a piece is, or where it would be put. */
static uint32_t *slot(const struct lw_spm *spm, const char *text, size_t bytes, uint64_t hash,
                      bool reserved)
{
    size_t at = (hash ^ hash >> 32) & spm->mask;
    for (; spm->table[at]; at = (at + 1) & spm->mask) {
        const struct lw_piece *piece = &spm->pieces[spm->table[at] - 1];
        if (piece->bytes == bytes && memcmp(spm->file + piece->start, text, bytes) == 0 &&
            is_reserved(piece) == reserved)
            break;
    }
    return &spm->table[at];
}

int64_t lw_spm_find(const struct lw_spm *spm, const char *text, size_t bytes, uint64_t hash,
                    bool reserved)
{
    return (int64_t)*slot(spm, text, bytes, hash, reserved) - 1;
}

/* Enters one piece; false where it is there already, or is a second <unk>. */
static bool enter(struct lw_spm *spm, uint32_t number, bool *has_unknown)
{
    const struct lw_piece *piece = &spm->pieces[number];
    const char *text = (const char *)spm->file + piece->start;
    uint64_t hash = LW_SPM_HASH;
    for (size_t i = 0; i < piece->bytes; i++)
        hash = lw_spm_hash_byte(hash, (uint8_t)text[i]);
    uint32_t *free_slot = slot(spm, text, piece->bytes, hash, is_reserved(piece));
    if (*free_slot || (piece->type == LW_PIECE_UNKNOWN && *has_unknown))
        return false;
    *free_slot = number + 1;
    if (piece->bytes > spm->longest)
        spm->longest = piece->bytes;
    spm->has_user = spm->has_user || piece->type == LW_PIECE_USER;
    if (piece->type == LW_PIECE_UNKNOWN) {
        *has_unknown = true;
        spm->unknown = number;
    }
    if (piece->type == LW_PIECE_NORMAL) {
        spm->least = piece->score < spm->least ? piece->score : spm->least;
        spm->most = piece->score > spm->most ? piece->score : spm->most;
    }
    return true;
}

static enum lw_status index_pieces(struct lw_spm *spm, struct lw_error *error)
{
    size_t room = 16;
    bool has_unknown = false;
    while (room < 2 * spm->count)
        room *= 2;
    spm->table = calloc(room, sizeof *spm->table);
    if (!spm->table)
        return lw_fail(error, LW_FAILED, "out of memory for a SentencePiece model");
    spm->mask = room - 1;
    spm->least = FLT_MAX;
    spm->most = FLT_MIN; /* as SentencePiece has it */
    for (size_t i = 0; i < spm->count; i++)
        if (!enter(spm, (uint32_t)i, &has_unknown))
            return lw_fail(error, LW_CORRUPT,
                           "the SentencePiece model: piece %zu is there a second time", i);
    if (!has_unknown)
        return lw_fail(error, LW_CORRUPT, "the SentencePiece model has no <unk>");
    return LW_OK;
}

static enum lw_status check_kind(const struct reading *r, struct lw_error *error)
{
    static const char *const types[] = {"of no type", "", "of type BPE", "of type word",
                                        "of type char"};
    const char *kind = NULL;
    if (r->model_type != 1)
        kind = r->model_type < sizeof types / sizeof *types ? types[r->model_type]
                                                            : "of an unknown type";
    else if (r->byte_fallback)
        kind = "with bytes for unknown characters";
    else if (r->denormaliser)
        kind = "with a denormaliser";
    return kind
               ? lw_fail(error, LW_FAILED,
                         "the SentencePiece model is %s; only those of type unigram are read", kind)
               : LW_OK;
}

enum lw_status lw_spm_open(const uint8_t *file, size_t bytes, struct lw_spm *spm,
                           struct lw_error *error)
{
    static const uint8_t surface[] = " \xe2\x81\x87 ";
    *spm = (struct lw_spm){
        .file = file,
        .unknown_surface = surface,
        .unknown_bytes = sizeof surface - 1,
        .rules = {.dummy_prefix = true, .remove_extra = true, .escape = true},
    };
    struct reading r = {.spm = spm, .model_type = 1};
    struct lw_error own = {0};
    enum lw_status status = bytes > UINT32_MAX
                                ? lw_fail(error, LW_CORRUPT, "the SentencePiece model is too large")
                                : read_file((struct message){file, file + bytes, false}, &r, error);
    if (status == LW_OK)
        status = check_kind(&r, error);
    if (status == LW_OK)
        status = index_pieces(spm, error);
    if (status == LW_OK && lw_normaliser_read(r.map, r.map_bytes, &spm->rules, &own) != LW_OK)
        status = lw_fail(error, LW_CORRUPT, "the SentencePiece model: %s", own.text);
    if (status != LW_OK)
        lw_spm_close(spm);
    return status;
}

void lw_spm_close(struct lw_spm *spm)
{
    free(spm->pieces);
    free(spm->table);
    *spm = (struct lw_spm){0};
}
