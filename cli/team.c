#include "cli/team.h"

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
                             size_t threads, size_t together, struct cli_team *team,
                             struct lw_error *error)
{
    const struct lw_model *model = &loaded->model;
    enum lw_status status =
        lw_tokenizer_open(&model->tokenizer, &model->config, &team->tokenizer, error);
    if (status == LW_OK)
        status = open_threads(loaded, threads, team, error);
    const struct lw_team_setup setup = {
        .model = model,
        .tokenizer = team->tokenizer,
        .backends = team->backends,
        .members = threads,
        .pool = team->pool,
        .search = *search,
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
