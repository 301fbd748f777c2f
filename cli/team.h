/* A team of translators over what a verb has loaded: one a thread. */
#ifndef LW_CLI_TEAM_H
#define LW_CLI_TEAM_H

#include "cli/loaded.h"
#include "runtime/shortlist.h"
#include "runtime/team.h"

#include <stddef.h>

/* Zero-initialise; cli_team_close also after a failed opening. */
struct cli_team {
    struct lw_tokenizer *tokenizer;
    struct pthreadpool *pool;    /* NULL: one thread */
    struct lw_backend *backends; /* [threads]; the first is that of the loaded model */
    size_t threads;
    struct lw_team *team;
};

/* Borrows the loaded model, and the shortlist (NULL: none). LW_USAGE where its products take one
 * thread alone (blas, a simulated engine) or take no shortlist, or the search does not fit the
 * model. */
enum lw_status cli_team_open(const struct cli_loaded *loaded, const struct lw_search *search,
                             const struct lw_shortlist *shortlist, size_t threads, size_t together,
                             struct cli_team *team, struct lw_error *error);
void cli_team_close(struct cli_team *team);

/* Whether this process stays below `memory` (--max-memory) while such a team translates a text in
 * windows of `lines` lines of any words: what it has now, and what the team would take. Once the
 * model is loaded and before a team is opened. LW_INFEASIBLE where more may be needed; LW_USAGE
 * where nobody knows what the products take. */
enum lw_status cli_team_fits(const struct cli_loaded *loaded, const struct lw_search *search,
                             const struct lw_shortlist *shortlist, size_t threads, size_t together,
                             size_t lines, const char *memory, struct lw_error *error);

#endif
