/* lutwidge generate: kernels and packed weights of a model, or the stages of one kernel. */
#include "cli/cli.h"
#include "cli/loaded.h"
#include "cli/plan_kernels.h"
#include "cli/prefix.h"

#include "gen/bundle.h"
#include "gen/ir.h"
#include "gen/program.h"
#include "gen/standalone.h"
#include "models/file.h"
#include "models/lwm.h"
#include "models/temporary.h"
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

struct request {
    const char *path, *size, *device, *folder, *plan, *database, *command;
    bool standalone; /* `folder` is a program to write */
};

/* What is known of this run before its work; `hash` and `arith` hold its texts. */
static enum lw_status describe_run(const struct request *r, const struct lw_model *model,
                                   const struct lw_device *device, char hash[33],
                                   char arith[LW_ARITH_NAME_BYTES], struct lw_run *row,
                                   struct lw_error *error)
{
    *row = LW_RUN_UNKNOWN;
    row->verb = "generate";
    row->command = r->command;
    row->model = r->path;
    row->model_hash = hash;
    row->arith = arith;
    row->kernels = lw_isa_info(device->isa)->name;
    lw_model_arith_name(model, arith);
    return lw_file_hash(r->path, hash, error);
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

/* The bundle, or a program with a bundle that is made for it and removed. */
static enum lw_status make_output(const struct request *r, const struct lw_model *model,
                                  const struct lw_device *device, const struct lw_picks *picks,
                                  struct lw_error *error)
{
    if (!r->standalone)
        return cli_make_bundle(model, device, picks, r->folder, false, error);
    char *folder;
    cli_interrupt_hold();
    enum lw_status status = lw_temporary_folder(NULL, "lutwidge-standalone", &folder, error);
    if (status == LW_OK) {
        char *bundle = lw_path_join(folder, "bundle");
        status = bundle ? cli_make_bundle(model, device, picks, bundle, false, error)
                        : lw_fail(error, LW_FAILED, "out of memory");
        if (status == LW_OK && !cli_interrupted())
            status = lw_standalone_make(bundle, device, r->folder, r->command, error);
        free(bundle);
    }
    lw_temporary_close(folder);
    cli_interrupt_release();
    return status;
}

static enum lw_status make_bundle(const struct request *r, const struct lw_model *model,
                                  const struct lw_device *device, struct lw_error *error)
{
    struct lw_run row;
    struct lw_picks picks;
    char hash[33], arith[LW_ARITH_NAME_BYTES];
    size_t count = 0;
    struct lw_spec *specs = NULL;
    double start_s = cli_now_s();
    bool measured = r->plan && strcmp(r->plan, "measure") == 0;
    const char *database = r->database ? r->database : "lutwidge.db";
    enum lw_status status = describe_run(r, model, device, hash, arith, &row, error);
    if (status == LW_OK)
        status = cli_plan_kernels(model, device, r->plan, database, &row, &picks, error);
    if (status != LW_OK)
        return status;
    status = lw_picks_specs(&picks, &specs, &count, error);
    free(specs);
    if (status == LW_OK)
        status = make_output(r, model, device, &picks, error);
    lw_picks_free(&picks);
    if (status == LW_OK)
        printf("%s: %zu kernels of class %s for %s, %.1f s\n", r->folder, count, arith,
               device->name, cli_now_s() - start_s);
    if (status != LW_OK || measured || !r->database)
        return status; /* the row of a measured plan is there already */
    row.seconds = cli_now_s() - start_s;
    row.peak_memory_bytes = cli_peak_memory_bytes();
    return cli_record(r->database, &row, error);
}

/* What would stop the making of a program, before its kernels are made. */
static enum lw_status check_program(const struct request *r, const struct lw_device *device,
                                    struct lw_error *error)
{
    char *object;
    if (cli_is_folder(r->folder))
        return lw_fail(error, LW_USAGE, "%s is a folder; --standalone writes a program", r->folder);
    enum lw_status status =
        cli_check_output(r->folder, (const char *const[]){r->path, r->database}, 2, error);
    if (status != LW_OK)
        return status;
    status = lw_standalone_object(device, &object, error);
    free(object);
    return status;
}

static enum lw_status make(const struct request *r, struct lw_error *error)
{
    const struct lw_device *device;
    struct lw_model model;
    enum lw_status status = cli_parse_device(r->device, &device, error);
    if (status == LW_OK && r->standalone)
        status = check_program(r, device, error);
    if (status == LW_OK)
        status = open_model(r->path, r->size, &model, error);
    if (status != LW_OK)
        return status;
    status = make_bundle(r, &model, device, error);
    lw_model_free(&model);
    return status;
}

int cli_generate(int argc, const char **argv)
{
    const char *device = NULL, *folder = NULL, *spec = NULL, *stage = NULL, *database = NULL;
    const char *size = NULL, *plan = NULL;
    const char **rest = NULL;
    int standalone = 0;
    struct poptOption options[] = {
        {"output", 'o', POPT_ARG_STRING, &folder, 0, "the bundle to write", "FOLDER"},
        {"standalone", 0, POPT_ARG_NONE, &standalone, 0,
         "write a program of one file instead, which has the bundle within and translates standard "
         "input",
         NULL},
        {"device", 'd', POPT_ARG_STRING, &device, 0, "host (default), " LW_DEVICE_NAMES, "DEVICE"},
        {"max-model-size", 0, POPT_ARG_STRING, &size, 0,
         "of nested planes, take the best prefix of at most this size (2MB), tokeniser aside; "
         "refuse any other .lwm file that is larger",
         "SIZE"},
        {"plan", 'p', POPT_ARG_STRING, &plan, 0,
         "how families of kernels are chosen: estimate (default), or measure: time them here, or "
         "take the times from the database",
         "PLAN"},
        {"spec", 0, POPT_ARG_STRING, &spec, 0, "print one kernel instead of making a bundle",
         "SPEC"},
        {"stage", 0, POPT_ARG_STRING, &stage, 0,
         "with --spec: ir, schedule, program or c (default)", "STAGE"},
        {"db", 0, POPT_ARG_STRING, &database, 0,
         "add the figures of this run to a database; with --plan measure, read and add times "
         "(default: lutwidge.db)",
         "FILE"},
        POPT_TABLEEND,
    };
    struct lw_error error = {0};
    enum lw_status status = cli_parse(cli_verb_named("generate"), argc, argv, options, 0, 1, &rest);
    if (status != LW_OK)
        return (int)status;
    char *command = cli_command_line(argc, argv);
    if (spec && !folder && !device && !size && !plan && !database && !standalone && !rest[0])
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
        status = make(
            &(struct request){rest[0], size, device, folder, plan, database, command, standalone},
            &error);
    free(command);
    return status == LW_OK ? LW_OK : cli_report("generate", status, &error);
}
