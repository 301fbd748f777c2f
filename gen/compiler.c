#include "gen/compiler.h"

#include "gen/compile.h"
#include "models/needs.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static const struct lw_need *const clang = &lw_needs[LW_NEED_CLANG];

const char *lw_compiler(void)
{
    const char *given = getenv(clang->variable);
    return given && *given ? given : clang->name;
}

static enum lw_status missing(struct lw_error *error, int reason)
{
    return lw_fail(error, LW_FAILED,
                   "cannot run the compiler '%s': %s; kernels are compiled by clang 19: install it "
                   "with 'apt-get install %s', or name another clang in %s",
                   lw_compiler(), strerror(reason), clang->package, clang->variable);
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

enum lw_status lw_compiler_start(char *const *arguments, const char *log, pid_t *child,
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

enum lw_status lw_compiler_finish(pid_t child, const char *what, const char *log,
                                  struct lw_error *error)
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

size_t lw_compiler_split(char *flags, char **arguments)
{
    size_t count = 0;
    for (char *word = strtok(flags, " "); word; word = strtok(NULL, " "))
        arguments[count++] = word;
    return count;
}
