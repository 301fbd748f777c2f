/* Generating, compiling and loading the kernels of a bench. */
#include "profiles/bench_internal.h"

#include "gen/bundle.h"
#include "gen/program.h"
#include "models/file.h"
#include "models/temporary.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *lw_bench_generator(void)
{
    return LW_GENERATOR;
}

static enum lw_status out_of_memory(struct lw_error *error)
{
    return lw_fail(error, LW_FAILED, "out of memory for the kernels of the bench");
}

enum lw_status lw_bench_specs(const struct lw_bench_case *cases, size_t count, enum lw_isa isa,
                              struct lw_spec **specs, size_t *spec_count, struct lw_error *error)
{
    struct lw_picks picks = {.isa = isa, .picks = calloc(count ? count : 1, sizeof *picks.picks)};
    enum lw_status status = picks.picks ? LW_OK : out_of_memory(error);
    *specs = NULL;
    *spec_count = 0;
    for (size_t i = 0; i < count && status == LW_OK; i++) {
        if (cases[i].spec.isa != isa)
            continue;
        struct lw_option *option = &picks.picks[picks.count++].options[0];
        option->spec = cases[i].spec;
        option->spec.batch = 1;
        status = lw_spec_check(&option->spec, error);
    }
    if (status == LW_OK && picks.count)
        status = lw_picks_specs(&picks, specs, spec_count, error);
    lw_picks_free(&picks);
    return status;
}

static enum lw_status find_kernels(void *library, const struct lw_spec *specs, size_t count,
                                   struct lw_bundle *bundle, struct lw_error *error)
{
    bundle->kernels = calloc(count, sizeof *bundle->kernels);
    if (!bundle->kernels)
        return out_of_memory(error);
    for (size_t i = 0; i < count; i++) {
        char name[LW_SPEC_NAME_BYTES], symbol[LW_SPEC_NAME_BYTES + 4];
        struct lw_kernel *kernel = &bundle->kernels[bundle->kernel_count++];
        *kernel = lw_kernel_of(&specs[i]);
        lw_spec_name(&specs[i], name);
        snprintf(symbol, sizeof symbol, "lw_%s", name);
        void *found = dlsym(library, symbol);
        if (!found)
            return lw_fail(error, LW_FAILED, "kernel %s is not in its library", name);
        /* POSIX lets an object pointer from dlsym stand for a function. */
        if (specs[i].rows)
            *(void **)&kernel->product = found;
        else
            *(void **)&kernel->tables = found;
    }
    return LW_OK;
}

/* Sources, library and loading, in a folder that is there already. */
static enum lw_status compile_in(const char *folder, enum lw_isa isa, const struct lw_spec *specs,
                                 size_t count, const struct lw_watch *watch,
                                 struct lw_bundle *bundle, struct lw_error *error)
{
    char name[LW_SPEC_NAME_BYTES], *library = lw_path_join(folder, "kernels.so");
    char **sources = calloc(count, sizeof *sources);
    enum lw_status status = sources && library ? LW_OK : out_of_memory(error);
    for (size_t i = 0; i < count && status == LW_OK; i++) {
        lw_spec_name(&specs[i], name);
        if (asprintf(&sources[i], "%s/%s.c", folder, name) < 0) {
            sources[i] = NULL;
            status = out_of_memory(error);
        } else {
            status = lw_bundle_write_kernel(&specs[i], sources[i], error);
        }
    }
    if (status == LW_OK)
        status = lw_compile((const char *const *)sources, count, lw_device_of(isa), library, watch,
                            error);
    if (status == LW_OK) {
        bundle->library = dlopen(library, RTLD_NOW | RTLD_LOCAL);
        status = bundle->library
                     ? find_kernels(bundle->library, specs, count, bundle, error)
                     : lw_fail(error, LW_FAILED, "%s cannot be loaded: %s", library, dlerror());
    }
    for (size_t i = 0; sources && i < count; i++)
        free(sources[i]);
    free(sources);
    free(library);
    return status;
}

static enum lw_status compile_isa(const struct lw_bench_case *cases, size_t case_count,
                                  enum lw_isa isa, const struct lw_watch *watch,
                                  struct lw_bundle *bundle, struct lw_error *error)
{
    struct lw_spec *specs;
    size_t count;
    char *folder = NULL;
    bundle->isa = isa;
    enum lw_status status = lw_bench_specs(cases, case_count, isa, &specs, &count, error);
    if (status != LW_OK || count == 0)
        return status;
    if (!lw_isa_runs_here(isa))
        status = lw_fail(error, LW_FAILED, "%s kernels need a CPU with %s; this one has it not",
                         lw_isa_info(isa)->name, lw_isa_info(isa)->needs);
    else
        status = lw_temporary_folder(NULL, "lutwidge-bench", &folder, error);
    if (status == LW_OK)
        status = compile_in(folder, isa, specs, count, watch, bundle, error);
    lw_temporary_close(folder);
    free(specs);
    return status;
}

enum lw_status lw_bench_compile(const struct lw_bench_case *cases, size_t count,
                                const struct lw_watch *watch, struct lw_bench_kernels **kernels,
                                struct lw_error *error)
{
    enum lw_status status = LW_OK;
    *kernels = calloc(1, sizeof **kernels);
    if (!*kernels)
        return out_of_memory(error);
    for (int isa = 0; isa < LW_ISA_COUNT && status == LW_OK; isa++)
        status =
            compile_isa(cases, count, (enum lw_isa)isa, watch, &(*kernels)->bundles[isa], error);
    if (status != LW_OK) {
        lw_bench_kernels_free(*kernels);
        *kernels = NULL;
    }
    return status;
}

void lw_bench_kernels_free(struct lw_bench_kernels *kernels)
{
    for (int isa = 0; kernels && isa < LW_ISA_COUNT; isa++)
        lw_bundle_close(&kernels->bundles[isa]);
    free(kernels);
}
