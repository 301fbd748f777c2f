#include "profiles/plan_trial.h"

#include "gen/bundle.h"
#include "gen/picks.h"
#include "models/file.h"
#include "models/lwm.h"
#include "models/temporary.h"
#include "profiles/picks_measured.h"
#include "runtime/calibrate.h"
#include "runtime/translator.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LATENCY_ROUNDS = 5 };

static double thread_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return 1e9 * (double)now.tv_sec + (double)now.tv_nsec;
}

static enum lw_status make_bundle(const struct lw_plan_trial *t, const struct lw_model *model,
                                  const char *bundle, const char *made_by, struct lw_error *error)
{
    char compiler[256];
    struct lw_picks picks;
    struct lw_measuring measuring = {.database = t->database, .run = t->run, .seconds = t->seconds};
    enum lw_status status = lw_compiler_version(compiler, sizeof compiler, error);
    const struct lw_kernel_maker maker = {lw_bench_generator(), compiler};
    measuring.maker = &maker;
    if (status == LW_OK)
        status = lw_picks_list(model, t->device, &picks, error);
    if (status != LW_OK)
        return status;
    status = lw_picks_measure(&picks, &measuring, error);
    if (status == LW_OK) {
        lw_picks_decide(&picks, LW_BASIS_MEASURED);
        status = lw_bundle_make_picked(model, t->device, &picks, bundle, made_by, NULL, error);
    }
    lw_picks_free(&picks);
    return status;
}

/* The least of some rounds: whatever else runs on the machine only adds. */
static enum lw_status time_pairs(const struct lw_pairs *pairs, const struct lw_model *model,
                                 const struct lw_backend *backend, double *ns,
                                 struct lw_error *error)
{
    const struct lw_search search = {.beams = 1, .max_length = model->config.positions + 1};
    struct lw_translator *translator;
    enum lw_status status = lw_translator_open(model, backend, &search, &translator, error);
    if (status != LW_OK)
        return status;
    *ns = INFINITY;
    for (int round = 0; round < LATENCY_ROUNDS && status == LW_OK; round++) {
        double start = thread_ns(), nats;
        for (size_t i = 0; i < pairs->count && status == LW_OK; i++)
            status = lw_force(translator, &pairs->pairs[i], &nats, error);
        *ns = fmin(*ns, (thread_ns() - start) / (double)pairs->count);
    }
    lw_translator_close(translator);
    return status;
}

static enum lw_status run_bundle(const struct lw_plan_trial *t, const char *folder,
                                 struct lw_plan_figures *figures, struct lw_error *error)
{
    struct lw_model model = {0};
    struct lw_bundle bundle = {0};
    struct lw_backend backend = {0};
    char *file = lw_path_join(folder, "model.lwm");
    enum lw_status status =
        file ? lw_lwm_open(file, &model, error) : lw_fail(error, LW_FAILED, "out of memory");
    free(file);
    if (status == LW_OK)
        status = lw_bundle_open(folder, &model, &bundle, error);
    if (status == LW_OK)
        status = lw_backend_kernels(&model, &bundle, &backend, error);
    if (status == LW_OK) {
        figures->memory_bytes = (double)bundle.weights.size;
        status = time_pairs(t->pairs, &model, &backend, &figures->latency_ns, error);
    }
    struct lw_trial_result result;
    if (status == LW_OK && t->trial) {
        /* Kernels of one backend share room for tables: one thread. */
        status = lw_trial_run(t->trial, &model, &backend, true, 1, &result, error);
        figures->bleu = result.bleu;
    }
    lw_backend_close(&backend);
    lw_bundle_close(&bundle);
    lw_model_free(&model);
    return status;
}

static enum lw_status deploy(const struct lw_plan_trial *t, const struct lw_model *model,
                             const char *made_by, const char *file, const char *bundle,
                             struct lw_plan_figures *figures, struct lw_error *error)
{
    struct lw_model written = {0};
    struct lw_size size;
    enum lw_status status = lw_lwm_write(file, model, made_by, error);
    if (status == LW_OK)
        status = lw_lwm_size(file, &size, error);
    if (status == LW_OK)
        status = lw_lwm_open(file, &written, error);
    if (status == LW_OK) {
        figures->size_bytes = (double)(size.file_bytes - size.tokenizer_bytes);
        status = make_bundle(t, &written, bundle, made_by, error);
    }
    lw_model_free(&written);
    return status == LW_OK ? run_bundle(t, bundle, figures, error) : status;
}

enum lw_status lw_plan_trial_run(const struct lw_plan_trial *trial, const struct lw_model *model,
                                 const char *made_by, struct lw_plan_figures *figures,
                                 struct lw_error *error)
{
    char *folder;
    *figures = (struct lw_plan_figures){.bleu = NAN, .peak_memory_bytes = NAN};
    enum lw_status status = lw_temporary_folder(NULL, "lutwidge-plan", &folder, error);
    if (status != LW_OK)
        return status;
    char *file = lw_path_join(folder, "model.lwm"), *bundle = lw_path_join(folder, "bundle");
    status = file && bundle ? deploy(trial, model, made_by, file, bundle, figures, error)
                            : lw_fail(error, LW_FAILED, "out of memory");
    if (status == LW_OK && trial->peak.program)
        status = lw_peak_measure(&trial->peak, bundle, folder, &figures->peak_memory_bytes, error);
    lw_temporary_close(folder);
    free(file);
    free(bundle);
    return status;
}
