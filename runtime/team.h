/* Translators of one model that divide sentences among themselves, each on a thread of the caller's
 * pool. What a sentence gives depends on nothing but the sentence. */
#ifndef LW_RUNTIME_TEAM_H
#define LW_RUNTIME_TEAM_H

#include "models/status.h"
#include "runtime/sentence.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pthreadpool;

/* All that is pointed to is borrowed and must outlive the team. */
struct lw_team_setup {
    const struct lw_model *model;
    const struct lw_tokenizer *tokenizer;
    const struct lw_backend *backends; /* [members], one for each */
    size_t members;                    /* at least 1 */
    struct pthreadpool *pool; /* one call at a time; NULL: the first member alone, on the caller's
                                 thread */
    struct lw_search search;
    const struct lw_shortlist *shortlist; /* NULL: none */
    size_t together;                      /* sentences that a member translates together */
    size_t most;                          /* translations of a sentence, at most */
};

struct lw_team;

/* Takes all memory for the members. Fails as lw_translator_open_batch does. */
enum lw_status lw_team_open(const struct lw_team_setup *setup, struct lw_team **team,
                            struct lw_error *error);
void lw_team_close(struct lw_team *team);

/* Asked by each member on its thread, as struct lw_token_watch says: with no words, or with those
 * of a sentence. Once it gives false it has to for all that are asked after. */
struct lw_team_watch {
    bool (*go_on)(void *context, size_t sentence, const int32_t *words, size_t count);
    void *context;
};
/* Copies the watch. Not during a call. */
void lw_team_watch(struct lw_team *team, const struct lw_team_watch *watch);

/* Translates those of sentences[count] that have words. Sentences that go together are of like
 * length, the longest first; where each goes alone they are begun in their order. LW_FAILED when
 * out of memory, as all of these then have; else what happens to a sentence it says itself. */
enum lw_status lw_team_translate(struct lw_team *team, struct lw_sentence *sentences, size_t count,
                                 struct lw_error *error);

#endif
