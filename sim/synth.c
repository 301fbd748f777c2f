/* Synthesis, with what it gave kept in a cache. */
#include "sim/synth.h"

#include "models/file.h"
#include "models/needs.h"
#include "models/temporary.h"
#include "sim/sources.h"

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

#define LIBERTY "/usr/share/qflow/tech/osu018/osu018_stdcells.lib"
enum { REPORT_BYTES = 1 << 20 };

static const char *const flows[] = {"asic", "xc7", "ice40"};

const char *lw_synth_flow_name(enum lw_synth_flow flow)
{
    return flows[flow];
}

bool lw_synth_flow_parse(const char *name, enum lw_synth_flow *flow)
{
    for (size_t i = 0; i < LW_SYNTH_FLOWS; i++)
        if (strcmp(name, flows[i]) == 0) {
            *flow = (enum lw_synth_flow)i;
            return true;
        }
    return false;
}

/* The first line that a command says, without its end. */
static bool first_line(const char *command, char *line, size_t size)
{
    FILE *stream = popen(command, "r");
    bool got = stream && fgets(line, (int)size, stream);
    if (stream)
        pclose(stream);
    if (got)
        line[strcspn(line, "\n")] = 0;
    return got && line[0];
}

static enum lw_status missing(enum lw_need_row need, struct lw_error *error)
{
    return lw_fail(error, LW_FAILED, "%s is missing; install it with 'apt-get install %s'",
                   need == LW_NEED_CELLS ? "the Liberty file " LIBERTY : lw_needs[need].name,
                   lw_needs[need].package);
}

static enum lw_status name_tools(enum lw_synth_flow flow, char tools[LW_SYNTH_TOOLS_BYTES],
                                 struct lw_error *error)
{
    char yosys[96], other[96] = "";
    if (!first_line("yosys -V 2>/dev/null", yosys, sizeof yosys))
        return missing(LW_NEED_YOSYS, error);
    char *build = strstr(yosys, " (");
    if (build)
        *build = 0;
    if (flow == LW_SYNTH_ASIC && access(LIBERTY, R_OK))
        return missing(LW_NEED_CELLS, error);
    if (flow == LW_SYNTH_ASIC &&
        !first_line("dpkg-query -W -f '${Package} ${Version}\\n' qflow-tech-osu018 2>/dev/null",
                    other, sizeof other))
        snprintf(other, sizeof other, "osu018");
    if (flow == LW_SYNTH_ICE40 &&
        !first_line(
            "nextpnr-ice40 --version 2>&1 | sed -n 's/.*(Version \\(.*\\)).*/nextpnr \\1/p'", other,
            sizeof other))
        return missing(LW_NEED_NEXTPNR, error);
    snprintf(tools, LW_SYNTH_TOOLS_BYTES, "%s%s%s", yosys, other[0] ? ", " : "", other);
    return LW_OK;
}

/* Runs sim/synthesise in a folder; puts the head of its messages into the error. */
static enum lw_status synthesise(const char *folder, const char *report, enum lw_synth_flow flow,
                                 char parameters[LW_PARAMETERS][LW_PARAMETER_BYTES],
                                 struct lw_error *error)
{
    char *script = lw_path_join(folder, "synthesise"), *log = lw_path_join(folder, "log");
    char *arguments[6 + LW_PARAMETERS] = {"sh", script, (char *)folder, (char *)flows[flow],
                                          (char *)report};
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
        status = lw_fail(error, LW_FAILED, "the RTL cannot be synthesised:\n%s", messages);
    }
    free(script);
    free(log);
    return status;
}

/* Works beside the place and renames, so that two of the same at a time do no harm. */
static enum lw_status make(const char *cache, const char *place, enum lw_synth_flow flow,
                           char parameters[LW_PARAMETERS][LW_PARAMETER_BYTES],
                           struct lw_error *error)
{
    char *folder;
    enum lw_status status = lw_temporary_folder(cache, "building", &folder, error);
    if (status != LW_OK)
        return status;
    char *report = lw_path_join(folder, "report");
    status = lw_sources_write(folder, error);
    if (status == LW_OK)
        status = report ? synthesise(folder, report, flow, parameters, error)
                        : lw_fail(error, LW_FAILED, "out of memory");
    if (status == LW_OK && rename(report, place))
        status = lw_fail(error, LW_FAILED, "cannot write %s: %s", place, strerror(errno));
    lw_temporary_close(folder);
    free(report);
    return status;
}

static enum lw_status read_place(const char *place, struct lw_synth *synth, struct lw_error *error)
{
    char *text = calloc(1, REPORT_BYTES);
    FILE *stream = fopen(place, "r");
    enum lw_status status;
    if (!text || !stream) {
        status = lw_fail(error, LW_FAILED, "cannot read %s: %s", place, strerror(errno));
    } else {
        text[fread(text, 1, REPORT_BYTES - 1, stream)] = 0;
        status = lw_synth_read(text, synth, error);
    }
    if (stream)
        fclose(stream);
    free(text);
    return status;
}

static enum lw_status name_synth(const struct lw_engine *engine, enum lw_synth_flow flow,
                                 char parameters[LW_PARAMETERS][LW_PARAMETER_BYTES],
                                 struct lw_synth *synth, struct lw_error *error)
{
    char more[LW_SYNTH_TOOLS_BYTES + 16];
    *synth = (struct lw_synth){.flow = flow};
    enum lw_status status = lw_engine_check(engine, error);
    if (status == LW_OK)
        status = name_tools(flow, synth->tools, error);
    if (status != LW_OK)
        return status;
    lw_sources_parameters(engine, parameters);
    snprintf(more, sizeof more, "%s: %s", flows[flow], synth->tools);
    return lw_sources_hash(LW_BUILD_NETLIST, parameters, more, synth->hash, error);
}

enum lw_status lw_synth_name(const struct lw_engine *engine, enum lw_synth_flow flow,
                             struct lw_synth *synth, struct lw_error *error)
{
    char parameters[LW_PARAMETERS][LW_PARAMETER_BYTES];
    return name_synth(engine, flow, parameters, synth, error);
}

enum lw_status lw_synth_run(const struct lw_engine *engine, enum lw_synth_flow flow,
                            const char *cache, struct lw_synth *synth, struct lw_error *error)
{
    char parameters[LW_PARAMETERS][LW_PARAMETER_BYTES];
    enum lw_status status = name_synth(engine, flow, parameters, synth, error);
    if (status != LW_OK)
        return status;
    if (mkdir(cache, 0777) && errno != EEXIST)
        return lw_fail(error, LW_FAILED, "cannot make %s: %s", cache, strerror(errno));
    char *place = lw_path_join(cache, synth->hash);
    if (!place)
        return lw_fail(error, LW_FAILED, "out of memory");
    if (access(place, R_OK))
        status = make(cache, place, flow, parameters, error);
    if (status == LW_OK)
        status = read_place(place, synth, error);
    free(place);
    return status;
}
