#include "runtime/team.h"

#include "runtime/rounding.h"

#include <pthreadpool.h>
#include <stdatomic.h>
#include <stdlib.h>

/* Whoever makes a pool links the library of pools; without one it is not needed. */
#pragma weak pthreadpool_parallelize_1d

struct member {
    struct lw_team *team;
    struct lw_translator *translator;
    struct lw_request *requests;    /* [together] */
    struct lw_sentence *const *now; /* those that it translates together */
    bool stopped;                   /* by the watch, in this call */
};

struct lw_team {
    struct lw_team_setup setup;
    struct lw_team_watch watch;
    struct member *members;
    /* The call at work. */
    struct lw_sentence *sentences;
    struct lw_sentence **order; /* [count], those that have words */
    size_t count;
    size_t together;    /* that a member takes at once: few sentences go to all members */
    atomic_size_t next; /* of order, that nobody has taken */
};

static bool go_on(void *context, size_t request, const int32_t *words, size_t count)
{
    struct member *member = context;
    const struct lw_team *team = member->team;
    size_t sentence = (size_t)(member->now[request] - team->sentences);
    member->stopped = !team->watch.go_on(team->watch.context, sentence, words, count);
    return !member->stopped;
}

static void translate(struct member *member, size_t count)
{
    const struct lw_team_setup *setup = &member->team->setup;
    for (size_t i = 0; i < count; i++)
        member->requests[i] =
            (struct lw_request){.source = member->now[i]->ids, .count = member->now[i]->count};
    lw_translate_batch(member->translator, member->requests, count);
    for (size_t i = 0; i < count; i++) {
        if (member->requests[i].status != LW_OK && member->stopped)
            continue;
        member->now[i]->stopped = false;
        lw_sentence_take(member->now[i], setup->tokenizer, member->translator, i,
                         &member->requests[i], setup->most);
    }
}

static void work(void *context, size_t number)
{
    struct lw_team *team = context;
    struct member *member = &team->members[number];
    size_t together = team->together;
    fenv_t callers; /* of a thread of the pool */
    lw_rounding_begin(&callers);
    member->stopped = false;
    while (!member->stopped) {
        size_t first = atomic_fetch_add(&team->next, together);
        if (first >= team->count)
            break;
        member->now = team->order + first;
        translate(member, team->count - first < together ? team->count - first : together);
    }
    lw_rounding_end(&callers);
}

static int compare_lengths(const void *a, const void *b)
{
    const struct lw_sentence *x = *(struct lw_sentence *const *)a,
                             *y = *(struct lw_sentence *const *)b;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return x < y ? -1 : 1;
}

enum lw_status lw_team_translate(struct lw_team *team, struct lw_sentence *sentences, size_t count,
                                 struct lw_error *error)
{
    const struct lw_team_setup *setup = &team->setup;
    team->sentences = sentences;
    team->order = calloc(count ? count : 1, sizeof(struct lw_sentence *));
    team->count = 0;
    for (size_t i = 0; i < count; i++)
        if (sentences[i].ids && team->order) {
            sentences[i].stopped = true;
            team->order[team->count++] = &sentences[i];
        } else if (sentences[i].ids) {
            sentences[i].status = LW_FAILED;
        }
    if (!team->order)
        return lw_fail(error, LW_FAILED, "out of memory for %zu sentences", count);
    if (setup->together > 1)
        qsort(team->order, team->count, sizeof(struct lw_sentence *), compare_lengths);
    atomic_store(&team->next, 0);
    size_t members = setup->pool ? setup->members : 1;
    size_t share = (team->count + members - 1) / members;
    team->together = share && share < setup->together ? share : setup->together;
    size_t batches = (team->count + team->together - 1) / team->together;
    if (!setup->pool)
        work(team, 0);
    else /* its threads sleep between calls */
        pthreadpool_parallelize_1d(setup->pool, work, team, batches < members ? batches : members,
                                   PTHREADPOOL_FLAG_YIELD_WORKERS);
    free(team->order);
    team->order = NULL;
    return LW_OK;
}

void lw_team_watch(struct lw_team *team, const struct lw_team_watch *watch)
{
    team->watch = *watch;
    for (size_t i = 0; i < team->setup.members; i++) {
        struct lw_token_watch own = {go_on, &team->members[i]};
        lw_translator_watch(team->members[i].translator, &own);
    }
}

static enum lw_status open_member(const struct lw_team_setup *setup, size_t number,
                                  struct member *member, struct lw_error *error)
{
    member->requests = calloc(setup->together, sizeof *member->requests);
    if (!member->requests)
        return lw_fail(error, LW_FAILED, "out of memory for %zu lines together", setup->together);
    enum lw_status status =
        lw_translator_open_batch(setup->model, &setup->backends[number], &setup->search,
                                 setup->together, &member->translator, error);
    return status == LW_OK && setup->shortlist
               ? lw_translator_restrict(member->translator, setup->shortlist, error)
               : status;
}

enum lw_status lw_team_open(const struct lw_team_setup *setup, struct lw_team **team,
                            struct lw_error *error)
{
    struct lw_team *t = calloc(1, sizeof *t);
    if (t)
        t->members = calloc(setup->members, sizeof *t->members);
    if (!t || !t->members) {
        free(t);
        return lw_fail(error, LW_FAILED, "out of memory for %zu translators", setup->members);
    }
    t->setup = *setup;
    enum lw_status status = LW_OK;
    for (size_t i = 0; i < setup->members && status == LW_OK; i++) {
        t->members[i].team = t;
        status = open_member(setup, i, &t->members[i], error);
    }
    if (status != LW_OK) {
        lw_team_close(t);
        return status;
    }
    *team = t;
    return LW_OK;
}

void lw_team_close(struct lw_team *team)
{
    if (!team)
        return;
    for (size_t i = 0; i < team->setup.members; i++) {
        lw_translator_close(team->members[i].translator);
        free(team->members[i].requests);
    }
    free(team->members);
    free(team);
}
