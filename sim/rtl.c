/* The verilated engine: built once for a set of parameters, kept in a cache, loaded as a library.
 */
#include "sim/rtl.h"

#include "models/file.h"
#include "models/hash.h"
#include "models/needs.h"
#include "models/temporary.h"
#include "sim/dram.h"
#include "sim/sources.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

struct lw_rtl {
    void *library, *harness;
    int (*run)(void *self, const struct lw_dram_timing *timing, uint64_t seed, uint8_t *memory,
               size_t memory_bytes, uint32_t list, uint64_t most_cycles, const char *trace,
               uint64_t trace_from, uint64_t trace_cycles, uint64_t *counters, char *text,
               size_t text_bytes);
    void (*delete)(void *self);
    bool trace;
};

static enum lw_status tool_version(char *version, size_t size, struct lw_error *error)
{
    FILE *stream = popen("verilator --version 2>/dev/null", "r");
    bool got = stream && fgets(version, (int)size, stream);
    if (stream)
        pclose(stream);
    if (!got)
        return lw_fail(error, LW_FAILED,
                       "verilator is missing; install it with 'apt-get install %s'",
                       lw_needs[LW_NEED_VERILATOR].package);
    return LW_OK;
}

static enum lw_status hash_of(char parameters[LW_PARAMETERS][LW_PARAMETER_BYTES], bool trace,
                              char hash[33], struct lw_error *error)
{
    char version[256] = "", more[300];
    enum lw_status status = tool_version(version, sizeof version, error);
    if (status != LW_OK)
        return status;
    snprintf(more, sizeof more, "%d %s", trace, version);
    return lw_sources_hash(LW_BUILD_SIMULATOR, parameters, more, hash, error);
}

/* Runs sim/verilate in the folder; puts the head of its messages into the error. */
static enum lw_status verilate(const char *folder, const char *output,
                               char parameters[LW_PARAMETERS][LW_PARAMETER_BYTES], bool trace,
                               struct lw_error *error)
{
    char *script = lw_path_join(folder, "verilate"), *log = lw_path_join(folder, "log");
    char *arguments[6 + LW_PARAMETERS] = {"sh", script, (char *)folder, (char *)output,
                                          trace ? "1" : "0"};
    for (size_t i = 0; i < LW_PARAMETERS; i++)
        arguments[5 + i] = parameters[i];
    pid_t child;
    int state = -1;
    bool started = false;
    if (script && log) {
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log, O_WRONLY | O_CREAT | O_TRUNC,
                                         0600);
        posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
        started = posix_spawnp(&child, "sh", &actions, NULL, arguments, environ) == 0;
        posix_spawn_file_actions_destroy(&actions);
    }
    while (started && waitpid(child, &state, 0) < 0 && errno == EINTR)
        continue;
    enum lw_status status = LW_OK;
    if (!started || !WIFEXITED(state) || WEXITSTATUS(state) != 0) {
        char messages[2048] = "";
        FILE *stream = log ? fopen(log, "r") : NULL;
        if (stream) {
            messages[fread(messages, 1, sizeof messages - 1, stream)] = 0;
            fclose(stream);
        }
        status = lw_fail(error, LW_FAILED, "the RTL cannot be verilated:\n%s", messages);
    }
    free(script);
    free(log);
    return status;
}

/* Builds beside the place and renames, so that builds of the same engine at a time do no harm. */
static enum lw_status build(const char *cache, const char *library,
                            char parameters[LW_PARAMETERS][LW_PARAMETER_BYTES], bool trace,
                            struct lw_error *error)
{
    char *folder;
    enum lw_status status = lw_temporary_folder(cache, "building", &folder, error);
    if (status != LW_OK)
        return status;
    char *output = lw_path_join(folder, "engine.so");
    status = lw_sources_write(folder, error);
    if (status == LW_OK)
        status = output ? verilate(folder, output, parameters, trace, error)
                        : lw_fail(error, LW_FAILED, "out of memory");
    if (status == LW_OK && rename(output, library))
        status = lw_fail(error, LW_FAILED, "cannot write %s: %s", library, strerror(errno));
    lw_temporary_close(folder);
    free(output);
    return status;
}

/* What the registers Shape and Memory say (rtl/registers.def). */
static uint32_t shape_of(const struct lw_engine *e)
{
    return e->mu | e->tables << 4 | e->rows << 10 | e->columns << 16 | e->scale_lanes << 19 |
           (uint32_t)(e->x_bits == 16) << 25 | e->weight_bits << 26;
}

static uint32_t sizes_of(const struct lw_engine *e)
{
    return e->bus_bits | e->slots << 12;
}

static enum lw_status load(const char *library, const struct lw_engine *engine, bool trace,
                           struct lw_rtl **rtl, struct lw_error *error)
{
    struct lw_rtl *made = calloc(1, sizeof *made);
    if (!made)
        return lw_fail(error, LW_FAILED, "out of memory");
    made->trace = trace;
    made->library = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    void *(*create)(uint32_t shape, uint32_t sizes) = NULL;
    if (made->library) {
        *(void **)&create = dlsym(made->library, "lw_harness_new");
        *(void **)&made->run = dlsym(made->library, "lw_harness_run");
        *(void **)&made->delete = dlsym(made->library, "lw_harness_delete");
    }
    if (!create || !made->run || !made->delete) {
        enum lw_status status = lw_fail(error, LW_FAILED, "cannot load %s: %s", library, dlerror());
        if (made->library)
            dlclose(made->library);
        free(made);
        return status;
    }
    made->harness = create(shape_of(engine), sizes_of(engine));
    *rtl = made;
    return LW_OK;
}

enum lw_status lw_rtl_open(const struct lw_engine *engine, const char *cache, bool trace,
                           struct lw_rtl **rtl, struct lw_error *error)
{
    char parameters[LW_PARAMETERS][LW_PARAMETER_BYTES] = {0}, hash[40];
    enum lw_status status = lw_engine_check(engine, error);
    if (status != LW_OK)
        return status;
    lw_sources_parameters(engine, parameters);
    status = hash_of(parameters, trace, hash, error);
    if (status != LW_OK)
        return status;
    memcpy(hash + 32, ".so", 4);
    if (mkdir(cache, 0777) && errno != EEXIST)
        return lw_fail(error, LW_FAILED, "cannot make %s: %s", cache, strerror(errno));
    char *library = lw_path_join(cache, hash);
    if (!library)
        return lw_fail(error, LW_FAILED, "out of memory");
    if (access(library, R_OK))
        status = build(cache, library, parameters, trace, error);
    if (status == LW_OK)
        status = load(library, engine, trace, rtl, error);
    free(library);
    return status;
}

enum lw_status lw_rtl_run(struct lw_rtl *rtl, const struct lw_sim_run *run,
                          struct lw_sim_memory memory, struct lw_sim_counts *counts,
                          struct lw_error *error)
{
    struct lw_dram_timing timing;
    char text[256] = "";
    *counts = (struct lw_sim_counts){0};
    if (!lw_dram_timing_named(run->memory, &timing))
        return lw_fail(error, LW_USAGE, "memory '%s' is none of ideal, typical, poor", run->memory);
    if (run->trace && !rtl->trace)
        return lw_fail(error, LW_USAGE, "this RTL was not opened for a trace");
    int failed = rtl->run(rtl->harness, &timing, run->seed, memory.data, memory.bytes, run->list,
                          run->most_cycles, run->trace, run->trace_from, run->trace_cycles,
                          counts->values, text, sizeof text);
    return failed ? lw_fail(error, failed == 2 ? LW_FAILED : LW_MISMATCH, "the RTL: %s", text)
                  : LW_OK;
}

void lw_rtl_close(struct lw_rtl *rtl)
{
    if (!rtl)
        return;
    rtl->delete(rtl->harness);
    dlclose(rtl->library);
    free(rtl);
}
