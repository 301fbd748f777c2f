/* A lexical shortlist: the target words that a sentence may be translated with, by its source
 * words. */
#ifndef LW_RUNTIME_SHORTLIST_H
#define LW_RUNTIME_SHORTLIST_H

#include "gen/registry.h"
#include "models/status.h"
#include "models/transformer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LW_SHORTLIST_BEST = 100, LW_SHORTLIST_FREQUENT = 100 }; /* where nothing else is asked */

/* Read only once it is open: shared by translators and threads. */
struct lw_shortlist {
    size_t source_words, target_words; /* of the model */
    bool shared;                       /* one vocabulary: the words of the source may be copied */
    uint32_t *starts;                  /* [source_words + 1], into `best` */
    uint32_t *best; /* target words of each source word, the most probable first */
    size_t best_count;
    uint32_t *always; /* words that every list has */
    size_t always_count;
    size_t lines, unknown; /* of the file, and those of them with a piece that the model has not */
};

/* Reads lines of `target source probability`, as Marian reads them: for each source word its `best`
 * most probable target words count, and every list has the `frequent` most probable ones of the
 * source word NULL and, where it has fewer, the first words of the vocabulary. A target NULL counts
 * for nothing. LW_FAILED where the file cannot be read, LW_CORRUPT where it is malformed or no line
 * is of this model, LW_USAGE where `best` is 0; all name the file, and the line at fault. */
enum lw_status lw_shortlist_open(const struct lw_model *model, const char *path, size_t best,
                                 size_t frequent, struct lw_shortlist *shortlist,
                                 struct lw_error *error);
/* Safe on a zeroed one. */
void lw_shortlist_close(struct lw_shortlist *shortlist);

/* Bytes that it takes, and the most that a translator takes for the lists of `together` lines, by
 * the kernels of a bundle or in fp32 (NULL). SIZE_MAX where they overflow. */
size_t lw_shortlist_bytes(const struct lw_shortlist *shortlist);
size_t lw_shortlist_member_bytes(const struct lw_shortlist *shortlist, const struct lw_model *model,
                                 const struct lw_bundle *bundle, size_t together);

#endif
