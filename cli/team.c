#include "cli/team.h"

#include "cli/prefix.h"
#include "runtime/expand.h"
#include "runtime/memory.h"

#include <math.h>
#include <pthreadpool.h>
#include <stdlib.h>
#include <string.h>

/* One more backend of the same kind. */
static enum lw_status open_backend(const struct cli_loaded *loaded, struct lw_backend *backend,
                                   struct lw_error *error)
{
    const char *name = loaded->backend.name;
    if (loaded->bundle.library)
        return lw_backend_kernels(&loaded->model, &loaded->bundle, backend, error);
    if (strcmp(name, "f32") == 0)
        return lw_backend_f32(&loaded->model, backend, error);
    if (strcmp(name, "reference") == 0)
        return lw_backend_reference(&loaded->model, backend, error);
    return lw_fail(error, LW_USAGE, "products by %s take one thread; leave out --threads",
                   loaded->kernels);
}

static enum lw_status open_threads(const struct cli_loaded *loaded, size_t threads,
                                   struct cli_team *team, struct lw_error *error)
{
    team->backends = calloc(threads, sizeof *team->backends);
    if (!team->backends)
        return lw_fail(error, LW_FAILED, "out of memory for %zu threads", threads);
    team->threads = threads;
    team->backends[0] = loaded->backend;
    enum lw_status status = LW_OK;
    for (size_t i = 1; i < threads && status == LW_OK; i++)
        status = open_backend(loaded, &team->backends[i], error);
    if (status == LW_OK && threads > 1 && !(team->pool = pthreadpool_create(threads)))
        status = lw_fail(error, LW_FAILED, "%zu threads cannot be started", threads);
    return status;
}

enum lw_status cli_team_open(const struct cli_loaded *loaded, const struct lw_search *search,
                             const struct lw_shortlist *shortlist, size_t threads, size_t together,
                             struct cli_team *team, struct lw_error *error)
{
    const struct lw_model *model = &loaded->model;
    enum lw_status status = open_threads(loaded, threads, team, error);
    if (status == LW_OK)
        status = lw_tokenizer_open(&model->tokenizer, &model->config, &team->tokenizer, error);
    const struct lw_team_setup setup = {
        .model = model,
        .tokenizer = team->tokenizer,
        .backends = team->backends,
        .members = threads,
        .pool = team->pool,
        .search = *search,
        .shortlist = shortlist,
        .together = together,
        .most = 1,
    };
    return status == LW_OK ? lw_team_open(&setup, &team->team, error) : status;
}

void cli_team_close(struct cli_team *team)
{
    lw_team_close(team->team);
    for (size_t i = 1; i < team->threads; i++)
        lw_backend_close(&team->backends[i]);
    free(team->backends);
    if (team->pool)
        pthreadpool_destroy(team->pool);
    lw_tokenizer_close(team->tokenizer);
}

/* The most bytes that may be resident. */
static enum lw_status measure(const struct cli_loaded *loaded, const struct lw_search *search,
                              const struct lw_shortlist *shortlist, size_t threads, size_t together,
                              size_t lines, double *bytes, struct lw_error *error)
{
    enum { WORD_BYTES = 32 }; /* of a line: source and target, as numbers and as text */
    const struct lw_model *model = &loaded->model;
    const struct lw_bundle *bundle = loaded->bundle.library ? &loaded->bundle : NULL;
    bool fp32 = strcmp(loaded->backend.name, "f32") == 0;
    size_t member;
    if (!bundle && !fp32)
        return lw_fail(error, LW_USAGE,
                       "what products by %s take is not known; leave out --max-memory",
                       loaded->kernels);
    enum lw_status status = lw_member_memory(model, bundle, search, together, &member, error);
    if (status != LW_OK)
        return status;
    double lists =
        shortlist ? (double)lw_shortlist_member_bytes(shortlist, model, bundle, together) : 0;
    /* The backend that is open holds what it expanded already. */
    double open = (double)lw_expand_bytes(model, fp32 ? LW_EXPAND_ALL : LW_EXPAND_F32);
    double line = (double)(sizeof(struct lw_sentence) + WORD_BYTES * model->config.positions);
    double to_come = bundle ? (double)lw_bundle_to_come(bundle, threads) : 0;
    *bytes = to_come + lw_resident_bytes() + (double)lw_model_memory(model, 0) +
             (double)threads * ((double)member + lists) - open + (double)lines * line;
    return LW_OK;
}

enum lw_status cli_team_fits(const struct cli_loaded *loaded, const struct lw_search *search,
                             const struct lw_shortlist *shortlist, size_t threads, size_t together,
                             size_t lines, const char *memory, struct lw_error *error)
{
    const double mb = 1e6, spread = 0.5; /* of what is resident, from run to run */
    size_t most;
    double bytes, peak = lw_peak_memory_bytes();
    enum lw_status status = cli_parse_bytes("--max-memory", memory, &most, error);
    if (status == LW_OK)
        status = measure(loaded, search, shortlist, threads, together, lines, &bytes, error);
    if (status != LW_OK)
        return status;
    if (bytes > (double)most)
        return lw_fail(error, LW_INFEASIBLE,
                       "up to %.0f MB may be needed, more than --max-memory %s; fewer beams or "
                       "threads, a smaller batch or a lower --max-length take less",
                       ceil(bytes / mb + spread), memory);
    if (peak > (double)most)
        return lw_fail(error, LW_INFEASIBLE,
                       "loading took %.0f MB, more than --max-memory %s; where it made kernels, it "
                       "takes less the next time",
                       ceil(peak / mb + spread), memory);
    return LW_OK;
}
