/* lutwidge generate: kernels and packed weights of a model, or the stages of one kernel. */
#include "cli/cli.h"
#include "cli/loaded.h"
#include "cli/prefix.h"

#include "gen/bundle.h"
#include "gen/ir.h"
#include "gen/program.h"
#include "models/lwm.h"
#include "profiles/database.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Prints one stage of one kernel: what a reader of generated code asks for. */
static enum lw_status print_stage(const char *name, const char *stage, struct lw_error *error)
{
    struct lw_spec spec;
    struct lw_schedule schedule;
    struct lw_program program;
    enum lw_status status = lw_spec_parse(name, &spec, error);
    if (status != LW_OK)
        return status;
    lw_schedule_build(&spec, &schedule);
    if (strcmp(stage, "ir") == 0) {
        struct lw_ir ir;
        if (spec.rows == 0)
            return lw_fail(error, LW_USAGE, "%s builds tables; the IR is that of a product spec",
                           name);
        lw_ir_build(&spec, &ir);
        lw_ir_print(&ir, stdout);
        return LW_OK;
    }
    if (strcmp(stage, "schedule") == 0) {
        lw_schedule_print(&schedule, stdout);
        return LW_OK;
    }
    if (strcmp(stage, "program") != 0 && strcmp(stage, "c") != 0)
        return lw_fail(error, LW_USAGE, "unknown stage '%s'; there are ir, schedule, program and c",
                       stage);
    status = lw_program_build(&schedule, &program, error);
    if (status != LW_OK)
        return status;
    if (strcmp(stage, "c") == 0)
        lw_program_print_c(&program, stdout);
    else
        lw_program_print(&program, stdout);
    lw_program_free(&program);
    return LW_OK;
}

static enum lw_status record(const char *path, const struct lw_model *model, enum lw_isa isa,
                             double seconds, const char *command, const char *database,
                             struct lw_error *error)
{
    char hash[33], arith[LW_ARITH_NAME_BYTES];
    enum lw_status status = lw_file_hash(path, hash, error);
    lw_model_arith_name(model, arith);
    struct lw_run row = LW_RUN_UNKNOWN;
    row.verb = "generate";
    row.command = command;
    row.model = path;
    row.model_hash = hash;
    row.arith = arith;
    row.kernels = lw_isa_info(isa)->name;
    row.seconds = seconds;
    row.peak_memory_bytes = cli_peak_memory_bytes();
    return status == LW_OK ? cli_record(database, &row, error) : status;
}

/* Of nested planes, the prefix that fits; what was chosen is said on stderr. */
static enum lw_status open_model(const char *path, const char *size, struct lw_model *model,
                                 struct lw_error *error)
{
    struct lw_nested nested;
    size_t chunks, bytes;
    if (lw_bundle_is(path))
        return lw_fail(error, LW_USAGE, "%s is a bundle already: give the .lwm file", path);
    if (cli_is_folder(path))
        return lw_fail(error, LW_USAGE,
                       "%s is not quantised: run 'lutwidge quantize' on it first and give the .lwm "
                       "file",
                       path);
    enum lw_status status = lw_lwm_open_nested(path, &nested, error);
    if (status != LW_OK)
        return status;
    status = cli_choose_prefix(path, &nested, size, &chunks, &bytes, error);
    if (status == LW_OK && chunks) {
        status = lw_nested_prefix(&nested, chunks, model, error);
        if (status == LW_OK)
            cli_print_prefix(path, model, chunks, nested.chunk_count, bytes);
    } else if (status == LW_OK) {
        *model = nested.model;
        nested.model = (struct lw_model){0};
    }
    lw_nested_free(&nested);
    return status;
}

static enum lw_status make(const char *path, const char *size, const char *device_name,
                           const char *folder, const char *command, const char *database,
                           struct lw_error *error)
{
    const struct lw_device *device;
    struct lw_model model;
    double start = cli_now_s();
    enum lw_status status = cli_parse_device(device_name, &device, error);
    if (status == LW_OK)
        status = open_model(path, size, &model, error);
    if (status != LW_OK)
        return status;
    size_t count = 0;
    struct lw_spec *specs = NULL;
    char arith[LW_ARITH_NAME_BYTES];
    lw_model_arith_name(&model, arith);
    status = lw_bundle_specs(&model, device->isa, &specs, &count, error);
    free(specs);
    if (status == LW_OK)
        status = cli_make_bundle(&model, device, folder, false, error);
    if (status == LW_OK)
        printf("%s: %zu kernels of class %s for %s, %.1f s\n", folder, count, arith, device->name,
               cli_now_s() - start);
    if (status == LW_OK && database)
        status = record(path, &model, device->isa, cli_now_s() - start, command, database, error);
    lw_model_free(&model);
    return status;
}

int cli_generate(int argc, const char **argv)
{
    const char *device = NULL, *folder = NULL, *spec = NULL, *stage = NULL, *database = NULL;
    const char *size = NULL;
    const char **rest = NULL;
    struct poptOption options[] = {
        {"output", 'o', POPT_ARG_STRING, &folder, 0, "the bundle to write", "FOLDER"},
        {"device", 'd', POPT_ARG_STRING, &device, 0, "host (default), " LW_DEVICE_NAMES, "DEVICE"},
        {"max-model-size", 0, POPT_ARG_STRING, &size, 0,
         "of nested planes, take the best prefix of at most this size (2MB), tokeniser aside; "
         "refuse any other .lwm file that is larger",
         "SIZE"},
        {"spec", 0, POPT_ARG_STRING, &spec, 0, "print one kernel instead of making a bundle",
         "SPEC"},
        {"stage", 0, POPT_ARG_STRING, &stage, 0,
         "with --spec: ir, schedule, program or c (default)", "STAGE"},
        {"db", 0, POPT_ARG_STRING, &database, 0, "add the figures of this run to a database",
         "FILE"},
        POPT_TABLEEND,
    };
    struct lw_error error = {0};
    enum lw_status status = cli_parse(cli_verb_named("generate"), argc, argv, options, 0, 1, &rest);
    if (status != LW_OK)
        return (int)status;
    char *command = cli_command_line(argc, argv);
    if (spec && !folder && !device && !size && !database && !rest[0])
        status = print_stage(spec, stage ? stage : "c", &error);
    else if (spec)
        status = lw_fail(&error, LW_USAGE,
                         "--spec prints one kernel: no model goes with it, nor any option but "
                         "--stage");
    else if (stage)
        status = lw_fail(&error, LW_USAGE, "--stage goes with --spec");
    else if (!rest[0] || !folder)
        status = lw_fail(&error, LW_USAGE, "name a model and, with -o, the bundle to write");
    else
        status = make(rest[0], size, device, folder, command, database, &error);
    free(command);
    return status == LW_OK ? LW_OK : cli_report("generate", status, &error);
}
