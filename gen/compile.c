#include "gen/compile.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { MAX_JOBS = 64 };

const char *lw_compiler(void)
{
    const char *given = getenv("LUTWIDGE_CLANG");
    return given && *given ? given : "clang-19";
}

static enum lw_status missing(struct lw_error *error, int reason)
{
    return lw_fail(error, LW_FAILED,
                   "cannot run the compiler '%s': %s; kernels are compiled by clang 19: install it "
                   "with 'apt-get install clang-19', or name another clang in LUTWIDGE_CLANG",
                   lw_compiler(), strerror(reason));
}

enum lw_status lw_compiler_version(char *version, size_t size, struct lw_error *error)
{
    int ends[2];
    if (pipe(ends))
        return lw_fail(error, LW_FAILED, "pipe: %s", strerror(errno));
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    char *arguments[] = {(char *)lw_compiler(), "--version", NULL};
    pid_t child;
    int failed = posix_spawnp(&child, arguments[0], &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    FILE *stream = fdopen(ends[0], "r");
    bool got = !failed && stream && fgets(version, (int)size, stream);
    while (stream && fgetc(stream) != EOF) /* a closed pipe would kill who still writes to it */
        continue;
    if (stream)
        fclose(stream);
    int state = 0;
    if (failed)
        return missing(error, failed);
    waitpid(child, &state, 0);
    if (!got || !WIFEXITED(state) || WEXITSTATUS(state) != 0)
        return lw_fail(error, LW_FAILED, "'%s --version' fails; is it a compiler?", lw_compiler());
    version[strcspn(version, "\n")] = 0;
    return LW_OK;
}

void lw_compiler_flags(const struct lw_device *device, char *flags, size_t size)
{
    snprintf(flags, size, "-std=c11 -O2 -fPIC -ffp-contract=off -fno-math-errno -Wall -Werror %s",
             device->flags);
}

/* Starts the compiler with its messages going to the file `log`. */
static enum lw_status start(char *const *arguments, const char *log, pid_t *child,
                            struct lw_error *error)
{
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, log, O_WRONLY | O_CREAT | O_TRUNC,
                                     0600);
    int failed = posix_spawnp(child, arguments[0], &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    return failed ? missing(error, failed) : LW_OK;
}

/* Waits for a child; on failure puts the head of its messages into the error. */
static enum lw_status finish(pid_t child, const char *what, const char *log, struct lw_error *error)
{
    int state;
    while (waitpid(child, &state, 0) < 0)
        if (errno != EINTR)
            return lw_fail(error, LW_FAILED, "waiting for the compiler: %s", strerror(errno));
    char messages[2048] = "";
    FILE *stream = fopen(log, "r");
    if (stream) {
        messages[fread(messages, 1, sizeof messages - 1, stream)] = 0;
        fclose(stream);
        unlink(log);
    }
    if (WIFEXITED(state) && WEXITSTATUS(state) == 0)
        return LW_OK;
    if (WIFSIGNALED(state))
        return lw_fail(error, LW_FAILED, "%s: the compiler was stopped by signal %d", what,
                       WTERMSIG(state));
    return lw_fail(error, LW_FAILED, "'%s' fails at %s:\n%s", lw_compiler(), what, messages);
}

/* "dir/x.c" with another ending; malloc'ed. */
static char *with_ending(const char *source, const char *ending)
{
    char *path = NULL;
    int stem = (int)strlen(source) - 2;
    return asprintf(&path, "%.*s%s", stem, source, ending) < 0 ? NULL : path;
}

/* Splits flags at spaces (in place) into arguments; returns how many. */
static size_t split(char *flags, char **arguments)
{
    size_t count = 0;
    for (char *word = strtok(flags, " "); word; word = strtok(NULL, " "))
        arguments[count++] = word;
    return count;
}

struct job {
    pid_t child;
    const char *source;
    char *log;
};

static enum lw_status start_source(const char *source, const struct lw_device *device,
                                   struct job *job, struct lw_error *error)
{
    char flags[512];
    char *arguments[64] = {(char *)lw_compiler()};
    lw_compiler_flags(device, flags, sizeof flags);
    size_t count = 1 + split(flags, arguments + 1);
    char *object = with_ending(source, ".o");
    *job = (struct job){.source = source, .log = with_ending(source, ".log")};
    if (!object || !job->log) {
        free(object);
        return lw_fail(error, LW_FAILED, "out of memory");
    }
    arguments[count++] = "-c";
    arguments[count++] = "-o";
    arguments[count++] = object;
    arguments[count] = (char *)source;
    enum lw_status status = start(arguments, job->log, &job->child, error);
    free(object);
    if (status != LW_OK)
        free(job->log);
    return status;
}

static enum lw_status compile_sources(const char *const *sources, size_t count,
                                      const struct lw_device *device, const struct lw_watch *watch,
                                      struct lw_error *error)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    size_t limit = cpus < 1 ? 1 : cpus > MAX_JOBS ? MAX_JOBS : (size_t)cpus;
    struct job jobs[MAX_JOBS];
    enum lw_status status = LW_OK;
    size_t started = 0, finished = 0;
    while (finished < started || (status == LW_OK && started < count)) {
        if (status == LW_OK && started < count && started - finished < limit) {
            status = start_source(sources[started], device, &jobs[started % limit], error);
            started += status == LW_OK;
            continue;
        }
        struct job *job = &jobs[finished++ % limit];
        struct lw_error own = {0};
        enum lw_status ended = finish(job->child, job->source, job->log, &own);
        free(job->log);
        if (ended != LW_OK && status == LW_OK)
            status = lw_fail(error, ended, "%s", own.text);
        if (status == LW_OK && watch && watch->step &&
            !watch->step(watch->context, finished, count + 1))
            status = lw_fail(error, LW_FAILED, "stopped");
    }
    return status;
}

static enum lw_status link_library(const char *const *sources, size_t count,
                                   const struct lw_device *device, const char *library,
                                   struct lw_error *error)
{
    char flags[256];
    char **arguments = calloc(count + 16, sizeof *arguments);
    char *log = NULL;
    enum lw_status status = LW_FAILED;
    size_t used = 0;
    pid_t child;
    if (!arguments || asprintf(&log, "%s.log", library) < 0) {
        free(arguments);
        return lw_fail(error, LW_FAILED, "out of memory");
    }
    arguments[used++] = (char *)lw_compiler();
    arguments[used++] = "-shared";
    arguments[used++] = "-o";
    arguments[used++] = (char *)library;
    size_t first = used;
    for (size_t i = 0; i < count; i++)
        arguments[used++] = with_ending(sources[i], ".o");
    snprintf(flags, sizeof flags, "%s", device->link_flags);
    split(flags, arguments + used);
    status = start(arguments, log, &child, error);
    if (status == LW_OK)
        status = finish(child, library, log, error);
    for (size_t i = 0; i < count; i++) {
        if (arguments[first + i])
            unlink(arguments[first + i]);
        free(arguments[first + i]);
    }
    free(arguments);
    free(log);
    return status;
}

enum lw_status lw_compile(const char *const *sources, size_t count, const struct lw_device *device,
                          const char *library, const struct lw_watch *watch, struct lw_error *error)
{
    enum lw_status status = compile_sources(sources, count, device, watch, error);
    if (status == LW_OK)
        status = link_library(sources, count, device, library, error);
    if (status == LW_OK && watch && watch->step &&
        !watch->step(watch->context, count + 1, count + 1))
        status = lw_fail(error, LW_FAILED, "stopped");
    return status;
}
