/* lutwidge doctor: what is here of all that Lutwidge needs. */
#include "cli/cli.h"

#include "gen/device.h"
#include "profiles/database.h"
#include "profiles/doctor.h"
#include "profiles/machine.h"
#include "sim/simulator.h"

#include <inttypes.h>
#include <jansson.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INSTALL "apt-get install --no-install-recommends "

static const unsigned FOR_VERBS = 1U << LW_NEED_FOR_ALL | 1U << LW_NEED_FOR_SOME;
static const unsigned FOR_MORE = 1U << LW_NEED_FOR_MORE;
static const unsigned FOR_DEVELOPERS = 1U << LW_NEED_FOR_BUILD | 1U << LW_NEED_FOR_TESTS;

struct findings {
    struct lw_machine machine;
    struct lw_found *found;
    struct lw_doctor_cache cache;
    char *verbs, *developers, *more; /* missing packages */
    const char *path;                /* of the database */
    struct lw_error database;        /* why it cannot be read; "" where it can or is absent */
    bool has_database, works;
    struct lw_error reason; /* why it does not work */
};

static enum lw_status look(struct findings *f, struct lw_error *error)
{
    struct lw_database *database = NULL;
    enum lw_status status = LW_OK;
    f->found = calloc(lw_need_count, sizeof *f->found);
    if (!f->found)
        return lw_fail(error, LW_FAILED, "out of memory");
    lw_machine_detect(&f->machine);
    status = lw_doctor_look(f->found, error);
    if (status != LW_OK)
        return status;
    /* A cache that cannot be used is a finding. */
    f->works =
        lw_doctor_compile(&f->reason) == LW_OK && lw_doctor_cache(&f->cache, &f->reason) == LW_OK;
    f->has_database = access(f->path, F_OK) == 0;
    if (f->has_database)
        lw_database_open_read_only(f->path, &database, &f->database);
    lw_database_close(database);
    f->verbs = lw_doctor_packages(f->found, FOR_VERBS);
    f->developers = lw_doctor_packages(f->found, FOR_DEVELOPERS);
    f->more = lw_doctor_packages(f->found, FOR_MORE);
    return f->verbs && f->developers && f->more ? LW_OK
                                                : lw_fail(error, LW_FAILED, "out of memory");
}

static const char *presence_of(const struct lw_found *found)
{
    return found->presence == LW_ABSENT    ? "missing"
           : found->presence == LW_UNKNOWN ? "unknown"
           : found->version[0]             ? found->version
                                           : "found";
}

static void print_needs(const struct findings *f, const char *title, unsigned uses)
{
    printf("\n%-26s %-15s %s\n", title, "version", "needed by");
    for (size_t i = 0; i < lw_need_count; i++)
        if (uses >> lw_needs[i].use & 1)
            printf("%-26s %-15s %s\n", lw_needs[i].name, presence_of(&f->found[i]),
                   lw_needs[i].serves);
}

static const char *device_runs(const struct lw_device *device)
{
    return lw_isa_runs_here(device->isa) ? "run" : "are made, run elsewhere";
}

static void print_devices(void)
{
    const struct lw_device *device;
    const struct lw_sim_device *engine;
    puts("\ndevice                     kernels   here");
    for (size_t i = 0; (device = lw_device_at(i)); i++)
        printf("%-26s %-9s %s%s\n", device->name, lw_isa_info(device->isa)->name,
               device_runs(device),
               device == lw_device_of(lw_isa_host()) ? "; this is 'host'" : "");
    for (size_t i = 0; (engine = lw_sim_device_at(i)); i++)
        printf("%-26s %-9s simulated\n", engine->name, "engine");
    printf("\ninstruction sets of this CPU:");
    for (int isa = 0; isa < LW_ISA_COUNT; isa++)
        if (lw_isa_runs_here((enum lw_isa)isa))
            printf(" %s", lw_isa_info((enum lw_isa)isa)->name);
    putchar('\n');
    for (int isa = 0; isa < LW_ISA_COUNT; isa++)
        if (!lw_isa_runs_here((enum lw_isa)isa))
            printf("  not %s: it needs %s\n", lw_isa_info((enum lw_isa)isa)->name,
                   lw_isa_info((enum lw_isa)isa)->needs);
}

static void print_missing(const char *what, const char *packages)
{
    if (*packages)
        printf("missing %s:\n  " INSTALL "%s\n", what, packages);
}

static void print_text(const struct findings *f)
{
    const struct lw_machine *machine = &f->machine;
    printf("lutwidge %s on %s (%s), %d cores, Linux %s\n", LW_VERSION, machine->cpu, machine->arch,
           machine->cores, machine->kernel);
    print_needs(f, "for verbs", FOR_VERBS);
    print_needs(f, "for comparisons", FOR_MORE);
    print_needs(f, "for building and testing", FOR_DEVELOPERS);
    print_devices();
    if (f->cache.folder)
        printf("\ncache: %s, %.1f MB in %" PRIu64 " files\n", f->cache.folder,
               (double)f->cache.bytes / 1e6, f->cache.files);
    else
        puts("\ncache: none that can be used");
    printf("databases: version %d, SQLite %s; %s\n", lw_database_version(), sqlite3_libversion(),
           !f->has_database      ? "there is none here"
           : f->database.text[0] ? f->database.text
                                 : f->path);
    putchar('\n');
    print_missing("for verbs", f->verbs);
    print_missing("for building and testing", f->developers);
    print_missing("for comparisons, which are left out", f->more);
    if (f->works)
        puts("quantize, generate and translate can run: a kernel was compiled, loaded and called");
}

static json_t *needs_json(const struct findings *f)
{
    static const char *const uses[] = {[LW_NEED_FOR_ALL] = "generate and translate",
                                       [LW_NEED_FOR_SOME] = "verbs",
                                       [LW_NEED_FOR_MORE] = "comparisons",
                                       [LW_NEED_FOR_TESTS] = "tests",
                                       [LW_NEED_FOR_BUILD] = "building"};
    static const char *const states[] = {
        [LW_ABSENT] = "missing", [LW_PRESENT] = "found", [LW_UNKNOWN] = "unknown"};
    static const char *const kinds[] = {[LW_NEED_PROGRAM] = "program",
                                        [LW_NEED_LIBRARY] = "library",
                                        [LW_NEED_PACKAGE] = "package"};
    json_t *needs = json_array();
    for (size_t i = 0; i < lw_need_count; i++) {
        const struct lw_need *need = &lw_needs[i];
        const char *version = f->found[i].version;
        json_array_append_new(needs, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s*}", "name",
                                               need->name, "kind", kinds[need->kind], "package",
                                               need->package, "for", uses[need->use], "needed_by",
                                               need->serves, "state", states[f->found[i].presence],
                                               "version", *version ? version : NULL));
    }
    return needs;
}

static json_t *devices_json(void)
{
    json_t *devices = json_array();
    const struct lw_device *device;
    const struct lw_sim_device *engine;
    for (size_t i = 0; (device = lw_device_at(i)); i++)
        json_array_append_new(devices, json_pack("{s:s, s:s, s:b, s:b}", "name", device->name,
                                                 "isa", lw_isa_info(device->isa)->name, "runs_here",
                                                 (int)lw_isa_runs_here(device->isa), "host",
                                                 device == lw_device_of(lw_isa_host())));
    for (size_t i = 0; (engine = lw_sim_device_at(i)); i++)
        json_array_append_new(
            devices, json_pack("{s:s, s:s}", "name", engine->name, "engine", engine->engine));
    return devices;
}

static json_t *isas_json(void)
{
    json_t *isas = json_array();
    for (int isa = 0; isa < LW_ISA_COUNT; isa++)
        if (lw_isa_runs_here((enum lw_isa)isa))
            json_array_append_new(isas, json_string(lw_isa_info((enum lw_isa)isa)->name));
    return isas;
}

static enum lw_status print_json(const struct findings *f, struct lw_error *error)
{
    const struct lw_machine *machine = &f->machine;
    json_t *root = json_pack(
        "{s:b, s:s*, s:s, s:{s:s, s:s, s:s, s:i}, s:o, s:o, s:o, s:{s:s*, s:I, s:I},"
        " s:{s:i, s:s, s:s*, s:s*}, s:{s:s, s:s, s:s}}",
        "works", (int)f->works, "reason", f->works ? NULL : f->reason.text, "version", LW_VERSION,
        "machine", "cpu", machine->cpu, "arch", machine->arch, "kernel", machine->kernel, "cores",
        machine->cores, "needs", needs_json(f), "isas", isas_json(), "devices", devices_json(),
        "cache", "folder", f->cache.folder, "bytes", (json_int_t)f->cache.bytes, "files",
        (json_int_t)f->cache.files, "database", "version", lw_database_version(), "sqlite",
        sqlite3_libversion(), "file", f->has_database ? f->path : NULL, "error",
        f->database.text[0] ? f->database.text : NULL, "missing", "verbs", f->verbs, "developers",
        f->developers, "comparisons", f->more);
    if (!root)
        return lw_fail(error, LW_FAILED, "no JSON: a path is not UTF-8, or no memory is left");
    json_dumpf(root, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(root);
    return LW_OK;
}

int cli_doctor(int argc, const char **argv)
{
    struct findings f = {.path = "lutwidge.db"};
    struct lw_error error = {0};
    int as_json = 0;
    struct poptOption options[] = {
        {"json", 0, POPT_ARG_NONE, &as_json, 0, "print one JSON object", NULL},
        {"db", 0, POPT_ARG_STRING | POPT_ARGFLAG_SHOW_DEFAULT, &f.path, 0,
         "the database to look at", "FILE"},
        POPT_TABLEEND};
    const char **rest;
    enum lw_status status = cli_parse(cli_verb_named("doctor"), argc, argv, options, 0, 0, &rest);
    if (status != LW_OK)
        return (int)status;
    status = look(&f, &error);
    if (status == LW_OK && as_json)
        status = print_json(&f, &error);
    else if (status == LW_OK)
        print_text(&f);
    if (status == LW_OK && !f.works)
        status = lw_fail(&error, LW_FAILED, "generate and translate cannot run: %s", f.reason.text);
    free(f.found);
    free(f.cache.folder);
    free(f.verbs);
    free(f.developers);
    free(f.more);
    return status == LW_OK ? LW_OK : cli_report("doctor", status, &error);
}
