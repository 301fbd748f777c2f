#include "cli/loaded.h"

#include "cli/cli.h"
#include "cli/prefix.h"
#include "gen/bundle.h"
#include "models/file.h"
#include "models/lwm.h"
#include "models/marian.h"
#include "models/temporary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

bool cli_is_folder(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

enum lw_status cli_parse_device(const char *name, const struct lw_device **device,
                                struct lw_error *error)
{
    bool host = !name || strcmp(name, "host") == 0;
    *device = host ? lw_device_of(lw_isa_host()) : lw_device_named(name);
    if (*device)
        return LW_OK;
    if (lw_sim_device_named(name))
        return lw_fail(error, LW_USAGE,
                       "device %s has an engine and no kernels; 'lutwidge inspect --stream' shows "
                       "what it reads",
                       name);
    return lw_fail(error, LW_USAGE, "unknown device '%s'; there are host, " LW_DEVICE_NAMES, name);
}

struct making {
    struct cli_progress progress;
    bool quiet;
};

static bool show_step(void *context, size_t done, size_t all)
{
    struct making *making = context;
    if (!making->quiet)
        cli_progress_step(&making->progress, done, all);
    return !cli_interrupted();
}

enum lw_status cli_make_bundle(const struct lw_model *model, const struct lw_device *device,
                               const struct lw_picks *picks, const char *folder, bool quiet,
                               struct lw_error *error)
{
    char label[64], made_by[64]; /* without paths, which need not be UTF-8 */
    snprintf(made_by, sizeof made_by, "lutwidge generate --device %s", device->name);
    struct making making = {.quiet = quiet};
    struct lw_watch watch = {show_step, &making};
    snprintf(label, sizeof label, "generating %s kernels", lw_isa_info(device->isa)->name);
    if (!quiet)
        cli_progress_start(&making.progress, label);
    cli_interrupt_hold();
    enum lw_status status =
        picks ? lw_bundle_make_picked(model, device, picks, folder, made_by, &watch, error)
              : lw_bundle_make(model, device, folder, made_by, &watch, error);
    cli_interrupt_release();
    if (!quiet)
        cli_progress_end(&making.progress);
    return status;
}

/* A prefix is translated with the model file of its own bundle: the nested planes are let go. */
static enum lw_status open_in_place(const char *folder, struct cli_loaded *loaded,
                                    struct lw_error *error)
{
    enum lw_status status = LW_OK;
    if (loaded->chunks) {
        lw_model_free(&loaded->model);
        char *file = lw_path_join(folder, "model.lwm");
        status = file ? lw_lwm_open(file, &loaded->model, error)
                      : lw_fail(error, LW_FAILED, "out of memory");
        free(file);
    }
    return status == LW_OK ? lw_bundle_open(folder, &loaded->model, &loaded->bundle, error)
                           : status;
}

static enum lw_status make_cached(const struct lw_model *model, const struct lw_device *device,
                                  const char *folder, bool quiet, struct lw_error *error)
{
    char *cache = strndup(folder, (size_t)(strrchr(folder, '/') - folder));
    if (!cache)
        return lw_fail(error, LW_FAILED, "out of memory");
    lw_bundle_collect(cache);
    free(cache);
    return cli_make_bundle(model, device, NULL, folder, quiet, error);
}

/* The bundle of an .lwm file: from the cache where it is whole, else made there. */
static enum lw_status open_cached(const char *path, const struct cli_request *request,
                                  const struct lw_nested *nested, struct cli_loaded *loaded,
                                  struct lw_error *error)
{
    const struct lw_device *device;
    char *folder = NULL;
    enum lw_status status = cli_parse_device(request->device, &device, error);
    if (status == LW_OK && !lw_isa_runs_here(device->isa))
        status = lw_fail(error, LW_FAILED, "%s kernels need a CPU with %s; this one has it not",
                         device->name, lw_isa_info(device->isa)->needs);
    if (status == LW_OK)
        status = lw_bundle_cache_path(path, loaded->chunks, device, &folder, error);
    if (status != LW_OK)
        return status;
    if (cli_is_folder(folder)) {
        status = open_in_place(folder, loaded, error);
        if (status == LW_OK) {
            free(folder);
            return LW_OK;
        }
        fprintf(stderr, "lutwidge: %s; it is made again\n", error->text);
        lw_folder_remove(folder);
    }
    if (loaded->chunks) {
        lw_model_free(&loaded->model);
        status = lw_nested_prefix(nested, loaded->chunks, &loaded->model, error);
    } else {
        status = LW_OK;
    }
    if (status == LW_OK)
        status = make_cached(&loaded->model, device, folder, request->quiet, error);
    if (status == LW_OK)
        status = open_in_place(folder, loaded, error);
    free(folder);
    return status;
}

/* Whether there are products of quantised classes, which are then the model's own. */
static bool is_quantised(const struct cli_request *request, const struct lw_model *model)
{
    bool asks_fp32 = request->arith &&
                     (strcmp(request->arith, "f32") == 0 || strcmp(request->arith, "blas") == 0);
    return lw_model_has_quantised_products(model) && !asks_fp32;
}

/* Whether the products run on a simulated engine. */
static bool is_simulated(const struct cli_request *request)
{
    enum lw_simulates by;
    return request->engine ? lw_simulates_parse(request->engine, &by)
                           : request->device && lw_sim_device_named(request->device);
}

/* Which engine runs on which device. */
static enum lw_status check_engine(const struct cli_request *request, struct lw_error *error)
{
    const char *engine = request->engine;
    if (!engine)
        return LW_OK;
    bool kernels = strcmp(engine, "kernels") == 0, reference = strcmp(engine, "reference") == 0;
    bool lut = request->device && lw_sim_device_named(request->device);
    if (!kernels && !reference && !is_simulated(request))
        return lw_fail(error, LW_USAGE,
                       "unknown engine '%s'; there are kernels, reference, model and rtl", engine);
    if (reference && request->device)
        return lw_fail(error, LW_USAGE, "--engine reference runs on no device");
    if (kernels && lut)
        return lw_fail(error, LW_USAGE, "device %s runs no kernels: --engine is model or rtl",
                       request->device);
    if (is_simulated(request) && request->device && !lut)
        return lw_fail(error, LW_USAGE,
                       "--engine %s simulates the devices " LW_SIM_DEVICE_NAMES ", not '%s'",
                       engine, request->device);
    return LW_OK;
}

/* What there is to ask for depends on what the model is. */
static enum lw_status check_request(const char *path, const struct cli_request *request,
                                    const struct lw_model *model, bool coded,
                                    struct lw_error *error)
{
    enum lw_arith arith = LW_ARITH_F32;
    char own[LW_ARITH_NAME_BYTES];
    enum lw_status status = check_engine(request, error);
    if (status != LW_OK)
        return status;
    lw_model_arith_name(model, own);
    bool is_own = request->arith && strcmp(request->arith, own) == 0;
    if (request->arith && strcmp(request->arith, "blas") != 0 && !is_own &&
        !lw_arith_parse(request->arith, &arith))
        return lw_fail(error, LW_USAGE, "unknown class '%s'; there are f32, a8, t8 and blas",
                       request->arith);
    if (arith != LW_ARITH_F32 && !coded)
        return lw_fail(error, LW_USAGE, "%s is not quantised: it runs in class f32 or by blas",
                       path);
    if (arith != LW_ARITH_F32)
        return lw_fail(
            error, LW_USAGE,
            "%s is of class %s; classes belong to a model: quantise with --arith %s (f32 "
            "and blas work with any model)",
            path, own, request->arith);
    if (!is_quantised(request, model) && (request->engine || request->device))
        return lw_fail(error, LW_USAGE,
                       "--engine and --device choose kernels of quantised products; "
                       "f32 and blas products have none");
    return LW_OK;
}

/* The products of a quantised class by generated kernels. */
static enum lw_status open_kernels(const char *path, const struct cli_request *request,
                                   const struct lw_nested *nested, struct cli_loaded *loaded,
                                   struct lw_error *error)
{
    enum lw_status status = lw_bundle_is(path)
                                ? lw_bundle_open(path, &loaded->model, &loaded->bundle, error)
                                : open_cached(path, request, nested, loaded, error);
    return status == LW_OK
               ? lw_backend_kernels(&loaded->model, &loaded->bundle, &loaded->backend, error)
               : status;
}

enum lw_status cli_open_simulator(const struct cli_request *request,
                                  const struct lw_sim_device **device,
                                  struct lw_simulator *simulator, struct lw_error *error)
{
    enum lw_simulates by = LW_SIMULATES_MODEL;
    struct lw_engine engine;
    enum lw_status status = check_engine(request, error);
    if (status != LW_OK)
        return status;
    *device = lw_sim_device_named(request->device ? request->device : "lut-mobile");
    if (!*device)
        return lw_fail(error, LW_USAGE,
                       "device '%s' is not simulated; there are " LW_SIM_DEVICE_NAMES,
                       request->device);
    if (request->engine && !lw_simulates_parse(request->engine, &by))
        return lw_fail(error, LW_USAGE, "engine '%s' does not simulate; there are model and rtl",
                       request->engine);
    status = lw_engine_parse(request->parameters ? request->parameters : (*device)->engine, &engine,
                             error);
    return status == LW_OK
               ? lw_simulator_open(by, &engine,
                                   request->memory ? request->memory : (*device)->memory,
                                   (uint64_t)request->seed, simulator, error)
               : status;
}

/* The products of class a8 on a simulated engine. */
static enum lw_status open_simulated(const char *path, const struct cli_request *request,
                                     struct cli_loaded *loaded, struct lw_error *error)
{
    enum lw_status status = cli_open_simulator(request, &loaded->device, &loaded->simulator, error);
    if (status != LW_OK)
        return status;
    status = lw_backend_engine(&loaded->model, &loaded->simulator, &loaded->work, &loaded->backend,
                               error);
    return status == LW_OK ? LW_OK : lw_fail(error, status, "%s: %s", path, error->text);
}

static enum lw_status open_backend(const char *path, const struct cli_request *request,
                                   const struct lw_nested *nested, bool kernels,
                                   struct cli_loaded *loaded, struct lw_error *error)
{
    const struct lw_model *model = &loaded->model;
    enum lw_status status;
    if (kernels)
        status = open_kernels(path, request, nested, loaded, error);
    else if (is_quantised(request, model) && is_simulated(request))
        status = open_simulated(path, request, loaded, error);
    else if (is_quantised(request, model))
        status = lw_backend_reference(model, &loaded->backend, error);
    else if (request->arith && strcmp(request->arith, "blas") == 0)
        status = lw_backend_blas(model, &loaded->backend, error);
    else
        status = lw_backend_f32(model, &loaded->backend, error);
    lw_model_arith_name(model, loaded->arith);
    if (request->arith)
        snprintf(loaded->arith, sizeof loaded->arith, "%s", request->arith);
    if (status == LW_OK)
        snprintf(loaded->kernels, sizeof loaded->kernels, "%s%s%s",
                 loaded->device ? loaded->device->name : "", loaded->device ? "/" : "",
                 loaded->bundle.library ? lw_isa_info(loaded->bundle.isa)->name
                                        : loaded->backend.name);
    return status;
}

/* Bits and bytes, for tables and the database. */
static enum lw_status measure(const char *model_file, bool coded, struct cli_loaded *loaded,
                              struct lw_error *error)
{
    const struct lw_model *model = &loaded->model;
    double weights = 0, planes = 0;
    for (size_t i = 0; i < model->matrix_count; i++) {
        double elements = (double)model->matrices[i].rows * (double)model->matrices[i].columns;
        weights += elements;
        planes += elements * lw_matrix_bits(&model->matrices[i]);
    }
    enum lw_status status = lw_file_hash(model_file, loaded->hash, error);
    if (!coded) {
        loaded->bits = loaded->real_bits = 32;
        loaded->size_bytes = 4 * (weights + (double)model->vector_count);
        return status;
    }
    struct lw_size size;
    if (status == LW_OK)
        status = lw_lwm_measure(model, model->made_by, &size, error);
    if (status != LW_OK)
        return status;
    loaded->bits = planes / weights;
    loaded->real_bits = 8 * (double)(size.code_bytes + size.scale_bytes) / weights;
    loaded->size_bytes = (double)(size.file_bytes - size.tokenizer_bytes);
    return LW_OK;
}

/* Opens an .lwm file: an ordinary model as loaded->model; of nested planes the prefix, unless
 * kernels are wanted, whose bundle will bring it. */
static enum lw_status open_file(const char *path, const char *file,
                                const struct cli_request *request, struct lw_nested *nested,
                                bool *kernels, struct cli_loaded *loaded, struct lw_error *error)
{
    size_t bytes;
    enum lw_status status = lw_lwm_open_nested(file, nested, error);
    if (status == LW_OK)
        status = check_request(path, request, &nested->model, true, error);
    if (status == LW_OK)
        status = cli_choose_prefix(path, nested, request->size, &loaded->chunks, &bytes, error);
    if (status != LW_OK)
        return status;
    *kernels = is_quantised(request, &nested->model) &&
               !(request->engine && strcmp(request->engine, "reference") == 0) &&
               !is_simulated(request);
    loaded->all_chunks = nested->chunk_count;
    if (!loaded->chunks) {
        loaded->model = nested->model;
        nested->model = (struct lw_model){0};
        return LW_OK;
    }
    if (!*kernels)
        return lw_nested_prefix(nested, loaded->chunks, &loaded->model, error);
    return LW_OK;
}

static enum lw_status open_folder(const char *path, const struct cli_request *request,
                                  struct cli_loaded *loaded, struct lw_error *error)
{
    if (request->size)
        return lw_fail(error, LW_USAGE,
                       "%s is not quantised: --max-model-size goes with .lwm files and bundles",
                       path);
    enum lw_status status = lw_marian_import(path, &loaded->model, error);
    return status == LW_OK ? check_request(path, request, &loaded->model, false, error) : status;
}

enum lw_status cli_load(const char *path, const struct cli_request *request,
                        struct cli_loaded *loaded, struct lw_error *error)
{
    *loaded = (struct cli_loaded){0};
    struct lw_nested nested = {0};
    bool is_bundle = lw_bundle_is(path), coded = is_bundle || !cli_is_folder(path), kernels = false;
    char *file = is_bundle             ? lw_path_join(path, "model.lwm")
                 : cli_is_folder(path) ? lw_path_join(path, "model.safetensors")
                                       : strdup(path);
    enum lw_status status = LW_OK;
    if (!file)
        return lw_fail(error, LW_FAILED, "out of memory");
    if (is_bundle && request->device)
        status =
            lw_fail(error, LW_USAGE, "a bundle is made for one device; --device goes with a model");
    else if (coded)
        status = open_file(path, file, request, &nested, &kernels, loaded, error);
    else
        status = open_folder(path, request, loaded, error);
    if (status == LW_OK)
        status = open_backend(path, request, &nested, kernels, loaded, error);
    lw_nested_free(&nested);
    if (status == LW_OK)
        status = measure(file, coded, loaded, error);
    free(file);
    if (status != LW_OK)
        cli_unload(loaded);
    return status;
}

void cli_unload(struct cli_loaded *loaded)
{
    lw_backend_close(&loaded->backend);
    lw_simulator_close(&loaded->simulator);
    lw_tally_free(&loaded->work);
    lw_bundle_close(&loaded->bundle);
    lw_model_free(&loaded->model);
    *loaded = (struct cli_loaded){0};
}
