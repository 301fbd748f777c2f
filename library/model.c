#include "library/parts.h"
#include "models/file.h"
#include "models/lwm.h"
#include "runtime/memory.h"
#include "runtime/rounding.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static_assert((int)LUTWIDGE_FAILED == (int)LW_FAILED && (int)LUTWIDGE_USAGE == (int)LW_USAGE &&
                  (int)LUTWIDGE_INFEASIBLE == (int)LW_INFEASIBLE &&
                  (int)LUTWIDGE_MISMATCH == (int)LW_MISMATCH &&
                  (int)LUTWIDGE_CORRUPT == (int)LW_CORRUPT,
              "the statuses of the library are those inside");

const char *lutwidge_version(void)
{
    return LUTWIDGE_VERSION;
}

size_t lutwidge_peak_memory(void)
{
    double bytes = lw_peak_memory_bytes();
    return isnan(bytes) ? 0 : (size_t)bytes;
}

void clear_error(struct lutwidge_error *given)
{
    if (given)
        given->text[0] = 0;
}

enum lutwidge_status give_error(struct lutwidge_error *given, enum lw_status status,
                                const struct lw_error *error)
{
    static const char more[] = "...";
    if (!given)
        return (enum lutwidge_status)status;
    size_t length = strlen(error->text), most = sizeof given->text - 1;
    size_t kept = length <= most ? length : most - (sizeof more - 1);
    while (kept < length && kept > 0 && ((unsigned char)error->text[kept] & 0xc0) == 0x80)
        kept--; /* not within a character */
    memcpy(given->text, error->text, kept);
    memcpy(given->text + kept, kept < length ? more : "", kept < length ? sizeof more : 1);
    return (enum lutwidge_status)status;
}

static size_t file_size(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 ? (size_t)about.st_size : 0;
}

static enum lw_status open_bundle(const char *folder, struct lutwidge_model *m, size_t *file_bytes,
                                  struct lw_error *error)
{
    static const char *const names[] = {"manifest.json", "model.lwm", "weights.bin", "kernels.so"};
    enum { FILES = sizeof names / sizeof *names };
    char *paths[FILES] = {NULL};
    enum lw_status status = LW_OK;
    for (size_t i = 0; i < FILES && status == LW_OK; i++) {
        paths[i] = lw_path_join(folder, names[i]);
        if (!paths[i])
            status = lw_fail(error, LW_FAILED, "out of memory");
        else
            *file_bytes += file_size(paths[i]);
    }
    if (status == LW_OK && access(paths[0], F_OK) && errno == ENOENT)
        status = lw_fail(
            error, LW_USAGE,
            "%s is no bundle: it has no manifest.json; lutwidge generate makes bundles", folder);
    if (status == LW_OK)
        status = lw_lwm_open(paths[1], &m->model, error);
    if (status == LW_OK)
        status = lw_bundle_open(folder, &m->model, &m->bundle, error);
    m->has_kernels = status == LW_OK;
    for (size_t i = 0; i < FILES; i++)
        free(paths[i]);
    return status;
}

static enum lw_status open_file(const char *path, struct lutwidge_model *m, size_t *file_bytes,
                                struct lw_error *error)
{
    *file_bytes = file_size(path);
    if (!lw_lwm_is(path))
        return lw_fail(error, LW_CORRUPT, "%s is neither a bundle nor an .lwm file", path);
    enum lw_status status = lw_lwm_open(path, &m->model, error);
    if (status == LW_OK && lw_model_has_quantised_products(&m->model))
        status =
            lw_fail(error, LW_USAGE,
                    "%s has no kernels; lutwidge generate %s -o FOLDER makes the bundle to open",
                    path, path);
    return status;
}

static enum lw_status open_path(const char *path, struct lutwidge_model *m, size_t *file_bytes,
                                struct lw_error *error)
{
    struct stat about;
    if (stat(path, &about))
        return lw_fail(error, LW_FAILED, "cannot open %s: %s", path, strerror(errno));
    return S_ISDIR(about.st_mode) ? open_bundle(path, m, file_bytes, error)
                                  : open_file(path, m, file_bytes, error);
}

static enum lw_status open_parts(const struct lw_bundle_parts *parts, struct lutwidge_model *m,
                                 size_t *file_bytes, struct lw_error *error)
{
    *file_bytes = parts->manifest.size + parts->model.size + parts->weights.size;
    enum lw_status status = lw_lwm_open_bytes(parts->name, &parts->model, &m->model, error);
    if (status == LW_OK)
        status = lw_bundle_open_parts(parts, &m->model, &m->bundle, error);
    m->has_kernels = status == LW_OK;
    return status;
}

/* From a path or, where there are such, from parts. */
static enum lutwidge_status open_model(const char *path, const struct lw_bundle_parts *parts,
                                       struct lutwidge_model **model, struct lutwidge_error *error)
{
    struct lw_error own = {0};
    size_t file_bytes = 0;
    fenv_t callers;
    struct lutwidge_model *m = calloc(1, sizeof *m);
    if (!m)
        return give_error(error, lw_fail(&own, LW_FAILED, "out of memory"), &own);
    atomic_init(&m->holders, 1);
    lw_rounding_begin(&callers);
    enum lw_status status =
        parts ? open_parts(parts, m, &file_bytes, &own) : open_path(path, m, &file_bytes, &own);
    if (status == LW_OK)
        status = lw_tokenizer_open(&m->model.tokenizer, &m->model.config, &m->tokenizer, &own);
    lw_rounding_end(&callers);
    if (status != LW_OK) {
        drop_model(m);
        return give_error(error, status, &own);
    }
    m->memory_bytes = lw_model_memory(&m->model, file_bytes);
    *model = m;
    return LUTWIDGE_OK;
}

enum lutwidge_status lutwidge_model_open(const char *path, struct lutwidge_model **model,
                                         struct lutwidge_error *error)
{
    struct lw_error own = {0};
    clear_error(error);
    if (model)
        *model = NULL;
    if (!path || !model)
        return give_error(error, lw_fail(&own, LW_USAGE, "a path or a place is NULL"), &own);
    return open_model(path, NULL, model, error);
}

enum lutwidge_status open_model_parts(const struct lw_bundle_parts *parts,
                                      struct lutwidge_model **model, struct lutwidge_error *error)
{
    return open_model(NULL, parts, model, error);
}

void hold_model(struct lutwidge_model *model)
{
    atomic_fetch_add(&model->holders, 1);
}

void drop_model(struct lutwidge_model *model)
{
    if (atomic_fetch_sub(&model->holders, 1) > 1)
        return;
    lw_tokenizer_close(model->tokenizer);
    if (model->has_kernels)
        lw_bundle_close(&model->bundle);
    lw_model_free(&model->model);
    free(model);
}

void lutwidge_model_close(struct lutwidge_model *model)
{
    if (model)
        drop_model(model);
}
