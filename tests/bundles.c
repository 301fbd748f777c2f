#include "tests/bundles.h"

#include "gen/bundle.h"
#include "library/lutwidge.h"
#include "models/lwm.h"
#include "models/marian.h"
#include "models/quantize.h"
#include "tests/folder.h"

#include <criterion/criterion.h>
#include <criterion/hooks.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Tests are children of the program that runs them. */
static void name_folder(char name[64], pid_t runner)
{
    snprintf(name, 64, "/tmp/lutwidge-bundles-%d", (int)runner);
}

const char *bundles_folder(void)
{
    static char name[64];
    name_folder(name, getppid());
    cr_assert(mkdir(name, 0777) == 0 || access(name, W_OK) == 0);
    return name;
}

ReportHook(POST_ALL)(struct criterion_global_stats *stats)
{
    char name[64], command[96];
    (void)stats;
    name_folder(name, getpid());
    snprintf(command, sizeof command, "rm -rf %s", name);
    if (system(command))
        fprintf(stderr, "%s failed\n", command);
}

static void write_file(const struct lw_model *source, enum lw_arith arith, const char *path)
{
    struct lw_error error = {0};
    struct lw_model coded;
    struct lw_quantize_report report;
    cr_assert_eq(lw_quantize_alike(source, 2, LW_FIT_GREEDY, arith, 1, &coded, &report, &error),
                 LW_OK, "%s", error.text);
    cr_assert_eq(lw_lwm_write(path, &coded, "test", &error), LW_OK, "%s", error.text);
    lw_model_free(&coded);
}

static void make(int which, const char *bundle, const char *file, const char *f32_file)
{
    struct lw_error error = {0};
    struct lw_model model;
    struct folder_spec spec = folder_defaults();
    spec.config.encoder_ffn = spec.config.decoder_ffn = 8; /* few shapes, few kernels */
    spec.seed = (uint64_t)which + 1;
    struct folder *folder = folder_new(&spec);
    folder_write(folder);
    cr_assert_eq(lw_marian_import(folder->path, &model, &error), LW_OK, "%s", error.text);
    write_file(&model, LW_ARITH_F32, f32_file);
    write_file(&model, LW_ARITH_T8, file);
    lw_model_free(&model);
    folder_free(folder);
    cr_assert_eq(lw_lwm_open(file, &model, &error), LW_OK, "%s", error.text);
    cr_assert_eq(lw_bundle_make(&model, lw_device_of(lw_isa_host()), bundle, "test", NULL, &error),
                 LW_OK, "%s", error.text);
    lw_model_free(&model);
}

struct paths {
    char bundle[96], file[96], f32_file[96];
};

static const struct paths *find(int which)
{
    static struct paths paths;
    const char *folder = bundles_folder();
    snprintf(paths.bundle, sizeof paths.bundle, "%s/%d", folder, which);
    snprintf(paths.file, sizeof paths.file, "%s/%d.lwm", folder, which);
    snprintf(paths.f32_file, sizeof paths.f32_file, "%s/%d-f32.lwm", folder, which);
    int lock = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* against tests beside this one */
    cr_assert(lock >= 0 && flock(lock, LOCK_EX) == 0);
    if (!lw_bundle_is(paths.bundle))
        make(which, paths.bundle, paths.file, paths.f32_file);
    close(lock);
    return &paths;
}

const char *bundle_path(int which)
{
    static char path[96];
    snprintf(path, sizeof path, "%s", find(which)->bundle);
    return path;
}

const char *bundle_file(int which)
{
    static char path[96];
    snprintf(path, sizeof path, "%s", find(which)->file);
    return path;
}

const char *bundle_f32_file(int which)
{
    static char path[96];
    snprintf(path, sizeof path, "%s", find(which)->f32_file);
    return path;
}

struct lutwidge_model *bundle_open(const char *path)
{
    struct lutwidge_error error;
    struct lutwidge_model *model;
    cr_assert_eq(lutwidge_model_open(path, &model, &error), LUTWIDGE_OK, "%s", error.text);
    cr_assert_str_empty(error.text);
    return model;
}
