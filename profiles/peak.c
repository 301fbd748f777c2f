#include "profiles/peak.h"

#include "models/file.h"
#include "profiles/database.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Lines that the program refuses are in its messages, and its figures hold all the same. */
static bool run(const struct lw_peak_text *text, const char *model, const char *figures,
                const char *log)
{
    char lines[32];
    snprintf(lines, sizeof lines, "%zu", text->lines);
    const char *arguments[] = {"lutwidge", "translate", "-q",    "--beam", "1",          "--lines",
                               lines,      "--db",      figures, model,    text->source, NULL};
    posix_spawn_file_actions_t actions;
    pid_t child;
    int state;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, log, O_WRONLY | O_CREAT | O_TRUNC,
                                     0600);
    bool started =
        posix_spawn(&child, text->program, &actions, NULL, (char *const *)arguments, environ) == 0;
    posix_spawn_file_actions_destroy(&actions);
    while (started && waitpid(child, &state, 0) < 0 && errno == EINTR)
        continue;
    return started;
}

static void read_message(const char *log, char *message, size_t size)
{
    FILE *stream = fopen(log, "r");
    message[0] = 0;
    if (!stream)
        return;
    message[fread(message, 1, size - 1, stream)] = 0;
    fclose(stream);
}

static enum lw_status read_figures(const char *path, double *bytes, struct lw_error *error)
{
    struct lw_database *database;
    enum lw_status status = lw_database_open_read_only(path, &database, error);
    if (status == LW_OK)
        status = lw_database_last_peak(database, bytes, error);
    lw_database_close(database);
    return status;
}

enum lw_status lw_peak_measure(const struct lw_peak_text *text, const char *model,
                               const char *folder, double *bytes, struct lw_error *error)
{
    char *figures = lw_path_join(folder, "peak.db"), *log = lw_path_join(folder, "peak.log");
    enum lw_status status =
        figures && log ? LW_OK : lw_fail(error, LW_FAILED, "out of memory for a process");
    if (status == LW_OK && !run(text, model, figures, log))
        status = lw_fail(error, LW_FAILED, "%s cannot be run", text->program);
    if (status == LW_OK && read_figures(figures, bytes, error) != LW_OK) {
        char message[1024];
        read_message(log, message, sizeof message);
        status = lw_fail(error, LW_FAILED, "a translation for its peak memory failed: %s", message);
    }
    free(figures);
    free(log);
    return status;
}
