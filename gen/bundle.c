#include "gen/bundle.h"

#include "gen/bundle_place.h"
#include "gen/picks_json.h"
#include "gen/program.h"
#include "gen/weights.h"
#include "models/file.h"
#include "models/lwm.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What is being made. */
struct making {
    const struct lw_model *model;
    const struct lw_device *device;
    const struct lw_picks *picks;
    const char *folder; /* the partial one */
    struct lw_spec *specs;
    size_t count;
    const char **sources; /* kernels/SPEC.c of each spec, then kernels/registry.c */
    char model_head[17];  /* of the model.lwm that was written */
};

static enum lw_status out_of_memory(struct lw_error *error)
{
    return lw_fail(error, LW_FAILED, "out of memory while making a bundle");
}

enum lw_status lw_bundle_write_kernel(const struct lw_spec *spec, const char *path,
                                      struct lw_error *error)
{
    struct lw_schedule schedule;
    struct lw_program program;
    struct lw_writer writer;
    lw_schedule_build(spec, &schedule);
    enum lw_status status = lw_program_build(&schedule, &program, error);
    if (status != LW_OK)
        return status;
    status = lw_writer_open(path, &writer, error);
    if (status == LW_OK) {
        lw_program_print_c(&program, writer.stream);
        status = lw_writer_commit(&writer, error);
    }
    lw_program_free(&program);
    return status;
}

/* kernels/registry.c: the table that gen/registry.h describes. */
static enum lw_status write_registry(const struct making *m, const char *path,
                                     struct lw_error *error)
{
    struct lw_writer writer;
    enum lw_status status = lw_writer_open(path, &writer, error);
    if (status != LW_OK)
        return status;
    fprintf(writer.stream,
            "/* Made by lutwidge " LW_VERSION ": the kernels of this bundle by spec. */\n"
            "#include <stddef.h>\n#include <stdint.h>\n\n"
            "typedef int tables_function(const uint8_t *, uint8_t *, uint8_t *);\n"
            "typedef void product_function(const uint8_t *, const uint8_t *, const uint8_t *,\n"
            "                              const uint8_t *, const uint8_t *, const uint8_t *,\n"
            "                              uint8_t *);\n");
    char name[LW_SPEC_NAME_BYTES];
    for (size_t i = 0; i < m->count; i++) {
        lw_spec_name(&m->specs[i], name);
        fprintf(writer.stream, "%s lw_%s;\n",
                m->specs[i].rows ? "product_function" : "tables_function", name);
    }
    fprintf(writer.stream, "\nstruct entry {\n    const char *spec;\n    tables_function *tables;\n"
                           "    product_function *product;\n};\n"
                           "extern const struct entry lw_kernel_entries[];\n"
                           "const struct entry lw_kernel_entries[] = {\n");
    for (size_t i = 0; i < m->count; i++) {
        lw_spec_name(&m->specs[i], name);
        fprintf(writer.stream, "    {\"%s\", %s%s, %s%s},\n", name, m->specs[i].rows ? "" : "lw_",
                m->specs[i].rows ? "NULL" : name, m->specs[i].rows ? "lw_" : "",
                m->specs[i].rows ? name : "NULL");
    }
    fprintf(writer.stream, "    {NULL, NULL, NULL},\n};\n");
    return lw_writer_commit(&writer, error);
}

static enum lw_status write_sources(struct making *m, struct lw_error *error)
{
    m->sources = calloc(m->count + 1, sizeof *m->sources);
    enum lw_status status = m->sources ? LW_OK : out_of_memory(error);
    for (size_t i = 0; i <= m->count && status == LW_OK; i++) {
        char name[LW_SPEC_NAME_BYTES] = "registry";
        char *path = NULL;
        if (i < m->count)
            lw_spec_name(&m->specs[i], name);
        if (asprintf(&path, "%s/kernels/%s.c", m->folder, name) < 0)
            return out_of_memory(error);
        m->sources[i] = path;
        status = i < m->count ? lw_bundle_write_kernel(&m->specs[i], path, error)
                              : write_registry(m, path, error);
    }
    return status;
}

static enum lw_status write_weights(const struct making *m, const char *path,
                                    struct lw_error *error)
{
    struct lw_writer writer;
    enum lw_status status = lw_writer_open(path, &writer, error);
    if (status != LW_OK)
        return status;
    status = lw_weights_write(m->model, m->picks, writer.stream, error);
    if (status == LW_OK)
        return lw_writer_commit(&writer, error);
    lw_writer_abort(&writer);
    return status;
}

static enum lw_status write_manifest(const struct making *m, const char *made_by,
                                     struct lw_error *error)
{
    static const char *const names[] = {"model.lwm", "weights.bin", "kernels.so"};
    char version[256] = "", flags[256], hash[33], arith[LW_ARITH_NAME_BYTES];
    enum lw_status status = lw_compiler_version(version, sizeof version, error);
    lw_compiler_flags(m->device, flags, sizeof flags);
    lw_model_arith_name(m->model, arith);
    json_t *files = json_object(), *kernels = json_array();
    for (size_t i = 0; i < 3 && status == LW_OK; i++) {
        char *path = lw_path_join(m->folder, names[i]);
        status = path ? lw_file_hash(path, hash, error) : out_of_memory(error);
        free(path);
        if (status == LW_OK && json_object_set_new(files, names[i], json_string(hash)))
            status = out_of_memory(error);
    }
    for (size_t i = 0; i < m->count && status == LW_OK; i++) {
        char name[LW_SPEC_NAME_BYTES];
        lw_spec_name(&m->specs[i], name);
        if (json_array_append_new(kernels, json_string(name)))
            status = out_of_memory(error);
    }
    json_t *manifest =
        json_pack("{s:i s:s s:s s:s s:s s:s s:s s:s s:s s:o s:o s:o s:o s:s}", "lutwidge_bundle",
                  LW_BUNDLE_FORMAT, "version", LW_VERSION, "generator", LW_GENERATOR, "made_by",
                  made_by, "compiler", version, "flags", flags, "device", m->device->name, "isa",
                  lw_isa_info(m->device->isa)->name, "arith", arith, "xxh3_128", files, "plan",
                  lw_plan_json(m->picks), "kernels", kernels, "picks",
                  lw_picks_json(m->picks, m->model), "model_head", m->model_head);
    char *text = manifest ? json_dumps(manifest, JSON_INDENT(2)) : NULL;
    char *path = lw_path_join(m->folder, "manifest.json");
    struct lw_writer writer;
    if (status == LW_OK && (!text || !path))
        status = out_of_memory(error);
    if (status == LW_OK)
        status = lw_writer_open(path, &writer, error);
    if (status == LW_OK) {
        fprintf(writer.stream, "%s\n", text);
        status = lw_writer_commit(&writer, error);
    }
    json_decref(manifest);
    free(text);
    free(path);
    return status;
}

/* The checksum by which the bundle knows its model. */
static enum lw_status read_head(struct making *m, const char *path, struct lw_error *error)
{
    struct lw_model written;
    enum lw_status status = lw_lwm_open(path, &written, error);
    if (status != LW_OK)
        return status;
    snprintf(m->model_head, sizeof m->model_head, "%016" PRIx64, written.checksum);
    lw_model_free(&written);
    return LW_OK;
}

/* Fills the partial folder. */
static enum lw_status fill(struct making *m, const char *made_by, const struct lw_watch *watch,
                           struct lw_error *error)
{
    char *kernels = lw_path_join(m->folder, "kernels"),
         *library = lw_path_join(m->folder, "kernels.so");
    char *weights = lw_path_join(m->folder, "weights.bin"),
         *model = lw_path_join(m->folder, "model.lwm");
    enum lw_status status = LW_OK;
    if (!kernels || !library || !weights || !model)
        status = out_of_memory(error);
    else if (mkdir(kernels, 0777))
        status = lw_fail(error, LW_FAILED, "cannot make %s: %s", kernels, strerror(errno));
    if (status == LW_OK)
        status = write_sources(m, error);
    if (status == LW_OK)
        status = lw_compile(m->sources, m->count + 1, m->device, library, watch, error);
    if (status == LW_OK)
        status = write_weights(m, weights, error);
    if (status == LW_OK)
        status = lw_lwm_write(model, m->model, m->model->made_by, error);
    if (status == LW_OK)
        status = read_head(m, model, error);
    if (status == LW_OK)
        status = write_manifest(m, made_by, error);
    free(kernels);
    free(library);
    free(weights);
    free(model);
    return status;
}

enum lw_status lw_bundle_make_picked(const struct lw_model *model, const struct lw_device *device,
                                     const struct lw_picks *picks, const char *folder,
                                     const char *made_by, const struct lw_watch *watch,
                                     struct lw_error *error)
{
    struct making m = {.model = model, .device = device, .picks = picks};
    struct lw_place place;
    enum lw_status status = lw_picks_specs(picks, &m.specs, &m.count, error);
    if (status == LW_OK)
        status = lw_place_open(folder, &place, error);
    if (status == LW_OK) {
        m.folder = place.partial;
        status = fill(&m, made_by, watch, error);
        if (status == LW_OK)
            status = lw_place_commit(&place, error);
        else
            lw_place_abort(&place);
    }
    for (size_t i = 0; m.sources && i <= m.count; i++)
        free((void *)(uintptr_t)m.sources[i]);
    free(m.sources);
    free(m.specs);
    return status;
}

enum lw_status lw_bundle_make(const struct lw_model *model, const struct lw_device *device,
                              const char *folder, const char *made_by, const struct lw_watch *watch,
                              struct lw_error *error)
{
    struct lw_picks picks;
    enum lw_status status = lw_picks_list(model, device, &picks, error);
    if (status != LW_OK)
        return status;
    status = lw_picks_estimate(&picks, device, error);
    lw_picks_decide(&picks, LW_BASIS_ESTIMATE);
    if (status == LW_OK)
        status = lw_bundle_make_picked(model, device, &picks, folder, made_by, watch, error);
    lw_picks_free(&picks);
    return status;
}
