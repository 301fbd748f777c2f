#include "gen/registry.h"

#include "gen/bundle.h"
#include "gen/picks.h"
#include "gen/schedule.h"
#include "gen/weights.h"
#include "models/lwm.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* One file of the bundle against its hash in the manifest. */
static enum lw_status check_file(const char *folder, const char *name, const json_t *hashes,
                                 struct lw_error *error)
{
    const char *expected = json_string_value(json_object_get(hashes, name));
    char hash[33];
    char *path = lw_path_join(folder, name);
    if (!path)
        return lw_fail(error, LW_FAILED, "out of memory");
    enum lw_status status = lw_file_hash(path, hash, error);
    if (status != LW_OK)
        status = LW_CORRUPT; /* the bundle lacks a file; the text says which */
    else if (!expected || strcmp(expected, hash) != 0)
        status = lw_fail(error, LW_CORRUPT, "%s does not match its hash in the manifest", path);
    free(path);
    return status;
}

/* The model by the checksum of its file's head, which its opening has held against all of that
 * file; one of another file, or of a bundle whose manifest has no such checksum, by the hash. */
static enum lw_status check_model(const char *folder, const json_t *manifest,
                                  const struct lw_model *model, struct lw_error *error)
{
    const char *expected = json_string_value(json_object_get(manifest, "model_head"));
    char head[17];
    snprintf(head, sizeof head, "%016" PRIx64, model->checksum);
    if (expected && strcmp(expected, head) == 0)
        return LW_OK;
    return check_file(folder, "model.lwm", json_object_get(manifest, "xxh3_128"), error);
}

/* What a pick may differ from what the model says: nothing but the family. */
static bool fits(const struct lw_spec *spec, const struct lw_spec *wanted, bool uniform)
{
    return (uniform || !spec->uniform) && spec->arith == wanted->arith &&
           spec->rows == wanted->rows && spec->columns == wanted->columns &&
           spec->bits == wanted->bits && spec->group == wanted->group &&
           spec->batch == wanted->batch && spec->isa == wanted->isa;
}

/* The family of each code. */
static enum lw_status read_picks(const json_t *picks, const char *path,
                                 const struct lw_model *model, struct lw_bundle *bundle,
                                 struct lw_error *error)
{
    size_t next = 0;
    bundle->matrices = calloc(model->matrix_count, sizeof *bundle->matrices);
    if (!bundle->matrices)
        return lw_fail(error, LW_FAILED, "out of memory");
    for (size_t i = 0; i < model->matrix_count; i++) {
        const struct lw_matrix *matrix = &model->matrices[i];
        size_t codes = lw_matrix_has_quantised_product(matrix) ? matrix->code_count : 0;
        for (size_t c = 0; c < codes; c++) {
            struct lw_spec *spec = &bundle->matrices[i].codes[c].spec;
            struct lw_spec wanted = lw_spec_of(matrix, c, 1, bundle->isa);
            const json_t *pick = json_array_get(picks, next++);
            const char *name = json_string_value(json_object_get(pick, "kernel"));
            if (!name || lw_spec_parse(name, spec, NULL) != LW_OK ||
                !fits(spec, &wanted, matrix->codes[c].uniform))
                return lw_fail(error, LW_CORRUPT, "%s: no kernel that fits is picked for matrix %s",
                               path, matrix->name);
        }
    }
    return LW_OK;
}

/* What a manifest says of itself and of the model. `path` names it. */
static enum lw_status check_manifest(const json_t *manifest, const char *path,
                                     const struct lw_model *model, struct lw_bundle *bundle,
                                     struct lw_error *error)
{
    int format = (int)json_integer_value(json_object_get(manifest, "lutwidge_bundle"));
    const char *isa = json_string_value(json_object_get(manifest, "isa"));
    const char *arith = json_string_value(json_object_get(manifest, "arith"));
    char own[LW_ARITH_NAME_BYTES];
    lw_model_arith_name(model, own);
    if (format < LW_BUNDLE_OLDEST || format > LW_BUNDLE_FORMAT)
        return lw_fail(error, format > LW_BUNDLE_FORMAT ? LW_FAILED : LW_CORRUPT,
                       "%s: bundle format %d; this version reads formats %d to %d", path, format,
                       LW_BUNDLE_OLDEST, LW_BUNDLE_FORMAT);
    bundle->format = format;
    if (!isa || !lw_isa_parse(isa, &bundle->isa) || !arith)
        return lw_fail(error, LW_CORRUPT, "%s: unknown instruction set or class", path);
    if (strcmp(arith, own) != 0)
        return lw_fail(error, LW_CORRUPT, "%s: class %s, but its model is of class %s", path, arith,
                       own);
    if (!lw_isa_runs_here(bundle->isa))
        return lw_fail(error, LW_FAILED, "%s: these kernels need a CPU with %s", path,
                       lw_isa_info(bundle->isa)->needs);
    const char *weights =
        json_string_value(json_object_get(json_object_get(manifest, "xxh3_128"), "weights.bin"));
    snprintf(bundle->weights_hash, sizeof bundle->weights_hash, "%s", weights ? weights : "");
    return LW_OK;
}

static enum lw_status read_manifest(const char *folder, const struct lw_model *model,
                                    struct lw_bundle *bundle, struct lw_error *error)
{
    json_error_t where;
    char *path = lw_path_join(folder, "manifest.json");
    json_t *manifest = path ? json_load_file(path, JSON_REJECT_DUPLICATES, &where) : NULL;
    enum lw_status status = LW_OK;
    if (!path)
        status = lw_fail(error, LW_FAILED, "out of memory");
    else if (!manifest)
        status = lw_fail(error, LW_CORRUPT, "%s: %s", path, where.text);
    else
        status = check_manifest(manifest, path, model, bundle, error);
    if (status == LW_OK)
        status = check_model(folder, manifest, model, error);
    if (status == LW_OK)
        status = check_file(folder, "kernels.so", json_object_get(manifest, "xxh3_128"), error);
    if (status == LW_OK)
        status = read_picks(json_object_get(manifest, "picks"), path, model, bundle, error);
    json_decref(manifest);
    free(path);
    return status;
}

static enum lw_status map_weights(const char *folder, const struct lw_model *model,
                                  struct lw_bundle *bundle, struct lw_error *error)
{
    char *path = lw_path_join(folder, "weights.bin");
    if (!path)
        return lw_fail(error, LW_FAILED, "out of memory");
    enum lw_status status = lw_map_file(path, &bundle->weights, error);
    if (status != LW_OK)
        status = LW_CORRUPT; /* the bundle lacks a file; the text says which */
    else
        status = lw_weights_place(path, model, bundle, error);
    free(path);
    return status;
}

struct lw_kernel lw_kernel_of(const struct lw_spec *spec)
{
    struct lw_schedule schedule;
    lw_schedule_build(spec, &schedule);
    return (struct lw_kernel){.spec = *spec,
                              .table_bytes = lw_schedule_table_bytes(&schedule),
                              .tiles = schedule.unit == LW_UNIT_TILE};
}

/* `name` has them. */
static enum lw_status list_kernels(const struct lw_kernel_entry *entries, const char *name,
                                   struct lw_bundle *bundle, struct lw_error *error)
{
    size_t count = 0;
    while (entries && entries[count].spec)
        count++;
    bundle->kernels = calloc(count ? count : 1, sizeof *bundle->kernels);
    if (!bundle->kernels)
        return lw_fail(error, LW_FAILED, "out of memory");
    for (size_t i = 0; i < count; i++) {
        struct lw_kernel *kernel = &bundle->kernels[bundle->kernel_count++];
        struct lw_spec spec;
        struct lw_error own = {0};
        if (lw_spec_parse(entries[i].spec, &spec, &own) != LW_OK)
            return lw_fail(error, LW_CORRUPT, "%s: %s", name, own.text);
        *kernel = lw_kernel_of(&spec);
        kernel->tables = entries[i].tables;
        kernel->product = entries[i].product;
    }
    return LW_OK;
}

/* dlopen takes a path that it knows for the library that it has open, although a new bundle may lie
 * there by now. So the path says which file it is: each bit of its device and inode is a / or a /.
 * before the name. NULL when out of memory. */
static char *path_of_file(const char *absolute, const struct stat *file)
{
    const uint64_t numbers[] = {file->st_dev, file->st_ino};
    const char *name = strrchr(absolute, '/');
    char steps[2 * 2 * 64 + 1], *end = steps, *path;
    for (size_t bit = 0; bit < 2 * 64; bit++)
        end = stpcpy(end, numbers[bit / 64] >> bit % 64 & 1 ? "/." : "/");
    int length = asprintf(&path, "%.*s%s%s", (int)(name - absolute), absolute, steps, name);
    return length < 0 ? NULL : path;
}

static enum lw_status open_library(const char *path, struct lw_bundle *bundle,
                                   struct lw_error *error)
{
    struct stat file;
    char *absolute = realpath(path, NULL);
    if (!absolute || stat(absolute, &file)) {
        free(absolute);
        return lw_fail(error, LW_CORRUPT, "%s cannot be loaded: %m", path);
    }
    char *own = path_of_file(absolute, &file);
    free(absolute);
    if (!own)
        return lw_fail(error, LW_FAILED, "out of memory");
    bundle->library = dlopen(own, RTLD_NOW | RTLD_LOCAL);
    free(own);
    return bundle->library ? LW_OK
                           : lw_fail(error, LW_CORRUPT, "%s cannot be loaded: %s", path, dlerror());
}

static enum lw_status load_kernels(const char *folder, struct lw_bundle *bundle,
                                   struct lw_error *error)
{
    char *path = lw_path_join(folder, "kernels.so");
    enum lw_status status =
        path ? open_library(path, bundle, error) : lw_fail(error, LW_FAILED, "out of memory");
    if (status == LW_OK)
        status = list_kernels(dlsym(bundle->library, "lw_kernel_entries"), path, bundle, error);
    free(path);
    return status;
}

/* Those of one product, falling N, ended by NULL; how many. */
static size_t list_products(const struct lw_bundle *bundle, const struct lw_spec *spec, size_t most,
                            const struct lw_kernel **products)
{
    size_t count = 0;
    for (size_t i = 0; i < bundle->kernel_count && count < most; i++)
        if (lw_same_product(&bundle->kernels[i].spec, spec))
            products[count++] = &bundle->kernels[i];
    products[count] = NULL;
    return count;
}

/* Those of chosen rows: bundles of older versions have none. */
static void find_parts(const struct lw_bundle *bundle, struct lw_packed_code *code)
{
    const struct lw_kernel *all[LW_BUNDLE_BATCHES + 1];
    struct lw_spec spec = code->spec;
    size_t count = 0;
    spec.rows = LW_PART_ROWS;
    list_products(bundle, &spec, LW_BUNDLE_BATCHES, all);
    for (size_t i = 0; all[i]; i++)
        if (all[i]->spec.batch == 4 || all[i]->spec.batch == 1)
            code->parts[count++] = all[i];
    code->parts[count] = NULL;
}

/* Those of one code; false unless its input and one column have kernels. */
static bool find_kernels(const struct lw_bundle *bundle, struct lw_packed_code *code)
{
    struct lw_spec input = lw_spec_of_input(&code->spec);
    size_t count = list_products(bundle, &code->spec, LW_BUNDLE_BATCHES, code->products);
    for (size_t i = 0; i < bundle->kernel_count; i++)
        if (lw_same_product(&bundle->kernels[i].spec, &input))
            code->input = &bundle->kernels[i];
    find_parts(bundle, code);
    return code->input && count && code->products[count - 1]->spec.batch == 1;
}

const struct lw_kernel *lw_packed_product(const struct lw_packed_code *code, size_t columns)
{
    const struct lw_kernel *const *kernel = code->products, *above = NULL;
    for (; (*kernel)->spec.batch > columns; kernel++)
        above = *kernel;
    bool one_pass = above && above->tiles && above->spec.batch <= 16;
    return one_pass && (*kernel)->spec.batch < columns ? above : *kernel;
}

enum lw_status lw_bundle_resolve(struct lw_bundle *bundle, const struct lw_model *model,
                                 struct lw_error *error)
{
    for (size_t i = 0; i < model->matrix_count; i++) {
        const struct lw_matrix *matrix = &model->matrices[i];
        struct lw_packed_matrix *packed = &bundle->matrices[i];
        if (!lw_matrix_has_quantised_product(matrix))
            continue;
        bool found = true;
        for (size_t c = 0; c < matrix->code_count && found; c++)
            found = find_kernels(bundle, &packed->codes[c]);
        if (!found)
            return lw_fail(error, LW_CORRUPT, "there is no kernel for matrix %s", matrix->name);
    }
    return LW_OK;
}

enum lw_status lw_bundle_open_parts(const struct lw_bundle_parts *parts,
                                    const struct lw_model *model, struct lw_bundle *bundle,
                                    struct lw_error *error)
{
    json_error_t where;
    json_t *manifest = json_loadb((const char *)parts->manifest.data, parts->manifest.size,
                                  JSON_REJECT_DUPLICATES, &where);
    *bundle = (struct lw_bundle){.weights = parts->weights};
    enum lw_status status =
        manifest ? check_manifest(manifest, parts->name, model, bundle, error)
                 : lw_fail(error, LW_CORRUPT, "%s: its manifest: %s", parts->name, where.text);
    if (status == LW_OK)
        status = read_picks(json_object_get(manifest, "picks"), parts->name, model, bundle, error);
    if (status == LW_OK)
        status = lw_weights_place(parts->name, model, bundle, error);
    if (status == LW_OK)
        status = list_kernels(parts->kernels, parts->name, bundle, error);
    if (status == LW_OK)
        status = lw_bundle_resolve(bundle, model, error);
    json_decref(manifest);
    if (status != LW_OK)
        lw_bundle_close(bundle);
    return status;
}

enum lw_status lw_bundle_open(const char *folder, const struct lw_model *model,
                              struct lw_bundle *bundle, struct lw_error *error)
{
    *bundle = (struct lw_bundle){0};
    enum lw_status status = read_manifest(folder, model, bundle, error);
    if (status == LW_OK)
        status = map_weights(folder, model, bundle, error);
    if (status == LW_OK)
        status = load_kernels(folder, bundle, error);
    if (status == LW_OK) {
        struct lw_error own;
        status = lw_bundle_resolve(bundle, model, &own);
        if (status != LW_OK)
            lw_fail(error, status, "%s/kernels.so: %s", folder, own.text);
    }
    if (status != LW_OK)
        lw_bundle_close(bundle);
    return status;
}

void lw_bundle_close(struct lw_bundle *bundle)
{
    if (bundle->library)
        dlclose(bundle->library);
    lw_unmap_file(&bundle->weights);
    free(bundle->readers);
    free(bundle->matrices);
    free(bundle->kernels);
    *bundle = (struct lw_bundle){0};
}
