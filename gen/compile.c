#include "gen/compile.h"

#include "gen/cache.h"
#include "gen/compiler.h"
#include "models/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_JOBS = 64, PRELUDE_PAYS = 3 };

/* One source on its way into the library. */
struct unit {
    const char *source;
    char *object, *log; /* beside the source */
    char key[LW_OBJECT_KEY_BYTES];
    bool kept; /* its object came from the cache */
    pid_t child;
};

struct work {
    struct unit *units;
    size_t count, missing; /* missing: not from the cache */
    const struct lw_device *device;
    char flags[512];
    const char *library;
    bool as_object;         /* the library is one object to be linked */
    char *header, *prelude; /* the headers of the sources, and these compiled */
    bool has_prelude;
    const struct lw_watch *watch;
    size_t done;
};

static enum lw_status out_of_memory(struct lw_error *error)
{
    return lw_fail(error, LW_FAILED, "out of memory while compiling");
}

/* "dir/x.c" with another ending; malloc'ed. */
static char *with_ending(const char *source, const char *ending)
{
    char *path = NULL;
    int stem = (int)strlen(source) - 2;
    return asprintf(&path, "%.*s%s", stem, source, ending) < 0 ? NULL : path;
}

static enum lw_status step(struct work *w, struct lw_error *error)
{
    w->done++;
    if (w->watch && w->watch->step && !w->watch->step(w->watch->context, w->done, w->count + 1))
        return lw_fail(error, LW_FAILED, "stopped");
    return LW_OK;
}

/* Takes the objects that the cache has. */
static enum lw_status look_up(struct work *w, const char *const *sources, struct lw_error *error)
{
    char version[256];
    enum lw_status status = lw_compiler_version(version, sizeof version, error);
    for (size_t i = 0; i < w->count && status == LW_OK; i++) {
        struct unit *unit = &w->units[i];
        struct lw_mapping text;
        unit->source = sources[i];
        unit->object = with_ending(sources[i], ".o");
        unit->log = with_ending(sources[i], ".log");
        if (!unit->object || !unit->log)
            return out_of_memory(error);
        status = lw_map_file(sources[i], &text, error);
        if (status != LW_OK)
            break;
        lw_object_key(text.data, text.size, version, w->flags, unit->key);
        lw_unmap_file(&text);
        unit->kept = lw_object_take(unit->key, unit->object);
        w->missing += !unit->kept;
        if (unit->kept)
            status = step(w, error);
    }
    return status;
}

/* Copies the lines of a source that include headers of the compiler. */
static bool write_header(const char *source, const char *header)
{
    char line[256];
    FILE *from = fopen(source, "re"), *to = fopen(header, "we");
    bool found = false;
    while (from && to && fgets(line, sizeof line, from))
        if (strncmp(line, "#include <", 10) == 0) {
            found = true;
            fputs(line, to);
        }
    if (from)
        fclose(from);
    return to && fclose(to) == 0 && found;
}

/* Starts the compiler with the flags of the device and these arguments, ended by NULL. */
static enum lw_status start(const struct work *w, const char *const *arguments, const char *log,
                            pid_t *child, struct lw_error *error)
{
    char flags[sizeof w->flags];
    char *all[96] = {(char *)(uintptr_t)lw_compiler()};
    memcpy(flags, w->flags, sizeof flags);
    size_t count = 1 + lw_compiler_split(flags, all + 1);
    for (; *arguments; arguments++)
        all[count++] = (char *)(uintptr_t)*arguments;
    return lw_compiler_start(all, log, child, error);
}

/* Reading the headers takes most of the time of a kernel: they are compiled once for many. Where
 * that fails the kernels read them themselves, and say what is wrong, if anything is. */
static enum lw_status compile_prelude(struct work *w, struct lw_error *error)
{
    size_t first = 0;
    pid_t child;
    while (w->units[first].kept)
        first++;
    if (asprintf(&w->header, "%s.h", w->library) < 0)
        w->header = NULL;
    if (asprintf(&w->prelude, "%s.pch", w->library) < 0)
        w->prelude = NULL;
    if (!w->header || !w->prelude)
        return out_of_memory(error);
    if (!write_header(w->units[first].source, w->header))
        return LW_OK;
    const char *log = w->units[first].log;
    enum lw_status status =
        start(w, (const char *[]){"-x", "c-header", w->header, "-o", w->prelude, NULL}, log, &child,
              error);
    if (status == LW_OK)
        w->has_prelude = lw_compiler_finish(child, w->header, log, NULL) == LW_OK;
    return status;
}

static enum lw_status start_unit(const struct work *w, struct unit *unit, struct lw_error *error)
{
    const char *arguments[] = {"-c", "-o", unit->object, unit->source, NULL, NULL, NULL};
    if (w->has_prelude) {
        arguments[4] = "-include-pch";
        arguments[5] = w->prelude;
    }
    return start(w, arguments, unit->log, &unit->child, error);
}

/* Those that the cache had not, on all CPUs; children end in the order in which they began. */
static enum lw_status compile_missing(struct work *w, struct lw_error *error)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    size_t limit = cpus < 1 ? 1 : cpus > MAX_JOBS ? MAX_JOBS : (size_t)cpus;
    struct unit *running[MAX_JOBS];
    enum lw_status status = LW_OK;
    size_t next = 0, started = 0, finished = 0;
    while (finished < started || (status == LW_OK && next < w->count)) {
        if (status == LW_OK && next < w->count && started - finished < limit) {
            struct unit *unit = &w->units[next++];
            if (unit->kept)
                continue;
            status = start_unit(w, unit, error);
            if (status == LW_OK)
                running[started++ % limit] = unit;
            continue;
        }
        struct unit *unit = running[finished++ % limit];
        struct lw_error own = {0};
        enum lw_status ended = lw_compiler_finish(unit->child, unit->source, unit->log, &own);
        if (ended == LW_OK)
            lw_object_keep(unit->key, unit->object);
        else if (status == LW_OK)
            status = lw_fail(error, ended, "%s", own.text);
        if (status == LW_OK)
            status = step(w, error);
    }
    return status;
}

static enum lw_status link_library(const struct work *w, struct lw_error *error)
{
    char flags[512];
    const char **arguments = calloc(w->count + sizeof flags / 2 + 8, sizeof *arguments);
    char *log = NULL;
    size_t used = 0;
    pid_t child;
    if (!arguments || asprintf(&log, "%s.log", w->library) < 0) {
        free(arguments);
        return out_of_memory(error);
    }
    arguments[used++] = lw_compiler();
    arguments[used++] = w->as_object ? "-r" : "-shared";
    if (w->as_object) {
        arguments[used++] = "-nostdlib";
        arguments[used++] = "-fuse-ld=lld";
    }
    arguments[used++] = "-o";
    arguments[used++] = w->library;
    for (size_t i = 0; i < w->count; i++)
        arguments[used++] = w->units[i].object;
    snprintf(flags, sizeof flags, "%s", w->as_object ? w->device->flags : w->device->link_flags);
    char **all = (char **)(uintptr_t)arguments; /* what is started changes none of them */
    lw_compiler_split(flags, all + used);
    enum lw_status status = lw_compiler_start(all, log, &child, error);
    if (status == LW_OK)
        status = lw_compiler_finish(child, w->library, log, error);
    free(arguments);
    free(log);
    return status;
}

/* Removes all but sources and library. */
static void clean(struct work *w)
{
    for (size_t i = 0; w->units && i < w->count; i++) {
        if (w->units[i].object)
            unlink(w->units[i].object);
        free(w->units[i].object);
        free(w->units[i].log);
    }
    if (w->header)
        unlink(w->header);
    if (w->prelude)
        unlink(w->prelude);
    free(w->header);
    free(w->prelude);
    free(w->units);
}

static enum lw_status compile(struct work w, const char *const *sources, struct lw_error *error)
{
    w.units = calloc(w.count, sizeof *w.units);
    lw_compiler_flags(w.device, w.flags, sizeof w.flags);
    enum lw_status status = w.units ? look_up(&w, sources, error) : out_of_memory(error);
    if (status == LW_OK && w.missing >= PRELUDE_PAYS)
        status = compile_prelude(&w, error);
    if (status == LW_OK)
        status = compile_missing(&w, error);
    if (status == LW_OK)
        status = link_library(&w, error);
    if (status == LW_OK)
        status = step(&w, error);
    clean(&w);
    return status;
}

enum lw_status lw_compile(const char *const *sources, size_t count, const struct lw_device *device,
                          const char *library, const struct lw_watch *watch, struct lw_error *error)
{
    return compile(
        (struct work){.count = count, .device = device, .library = library, .watch = watch},
        sources, error);
}

enum lw_status lw_compile_object(const char *const *sources, size_t count,
                                 const struct lw_device *device, const char *object,
                                 struct lw_error *error)
{
    return compile(
        (struct work){.count = count, .device = device, .library = object, .as_object = true},
        sources, error);
}
