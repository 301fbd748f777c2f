/* A SentencePiece model as it stands in its file (sentencepiece_model.proto), indexed by text. */
#ifndef LW_RUNTIME_SPM_H
#define LW_RUNTIME_SPM_H

#include "models/status.h"
#include "runtime/normaliser.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As in the file. */
enum lw_piece_type {
    LW_PIECE_NORMAL = 1,
    LW_PIECE_UNKNOWN,
    LW_PIECE_CONTROL,
    LW_PIECE_USER,
    LW_PIECE_UNUSED,
    LW_PIECE_BYTE,
};

struct lw_piece {
    float score;
    uint32_t start; /* of its text, in the file */
    uint16_t bytes;
    uint8_t type;
};

struct lw_spm {
    const uint8_t *file; /* not owned */
    struct lw_piece *pieces;
    size_t count;
    uint32_t *table; /* numbers of pieces + 1, by the hash of their text; 0: free */
    size_t mask;
    size_t longest;    /* bytes of a piece */
    float least, most; /* scores of normal pieces */
    uint32_t unknown;  /* the number of <unk> */
    bool has_user;
    const uint8_t *unknown_surface; /* what <unk> becomes in a text */
    size_t unknown_bytes;
    struct lw_text_rules rules;
};

/* The file must outlive the model. LW_CORRUPT: it is damaged; LW_FAILED: it is of a kind that is
 * not read (anything but unigram without bytes and without a denormaliser). */
enum lw_status lw_spm_open(const uint8_t *file, size_t bytes, struct lw_spm *spm,
                           struct lw_error *error);
void lw_spm_close(struct lw_spm *spm);

/* The hash of a text of no bytes, and that of one byte more. */
#define LW_SPM_HASH UINT64_C(0xcbf29ce484222325)
static inline uint64_t lw_spm_hash_byte(uint64_t hash, uint8_t byte)
{
    return (hash ^ byte) * UINT64_C(0x100000001b3);
}

enum { LW_NO_PIECE = -1 };

/* The piece of this text among those that a text is cut into (normal, user-defined, unused) or,
 * where `reserved`, among the others. LW_NO_PIECE: there is none. */
int64_t lw_spm_find(const struct lw_spm *spm, const char *text, size_t bytes, uint64_t hash,
                    bool reserved);

#endif
