#include "profiles/static.h"

#include "gen/compile.h"
#include "models/needs.h"
#include "models/temporary.h"

#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { ITERATIONS = 100, PATH_BYTES = PATH_MAX + 16 };

/* One kernel under analysis. */
struct analysis {
    const struct lw_spec *spec;
    const struct lw_device *device;
    char *folder; /* temporary */
    struct lw_program program;
    char **lines; /* of the function */
    size_t count;
    struct lw_asm_region regions[LW_ASM_REGIONS];
    double times[LW_ASM_REGIONS]; /* that each is executed in a call */
    size_t region_count;
};

static enum lw_status out_of_memory(struct lw_error *error)
{
    return lw_fail(error, LW_FAILED, "out of memory for static cycles");
}

static const struct lw_need *const mca = &lw_needs[LW_NEED_MCA];

const char *lw_static_analyser(void)
{
    const char *given = getenv(mca->variable);
    return given && *given ? given : mca->name;
}

static void path_in(const struct analysis *a, const char *name, char path[PATH_BYTES])
{
    snprintf(path, PATH_BYTES, "%s/%s", a->folder, name);
}

/* Runs a tool with standard output and messages going to files; whether it ended with 0. */
static bool run(const char *const *arguments, const char *output, const char *messages)
{
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output, O_WRONLY | O_CREAT | O_TRUNC,
                                     0600);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, messages,
                                     O_WRONLY | O_CREAT | O_TRUNC, 0600);
    pid_t child;
    int state = -1, failed = posix_spawnp(&child, arguments[0], &actions, NULL,
                                          (char *const *)(uintptr_t)arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    return !failed && waitpid(child, &state, 0) == child && WIFEXITED(state) &&
           WEXITSTATUS(state) == 0;
}

/* The head of a file of messages. */
static enum lw_status tool_failed(const char *tool, const char *messages, struct lw_error *error)
{
    char text[1024] = "";
    FILE *stream = fopen(messages, "re");
    if (stream) {
        text[fread(text, 1, sizeof text - 1, stream)] = 0;
        fclose(stream);
    }
    return lw_fail(error, LW_FAILED, "'%s' fails:\n%s", tool, text);
}

enum lw_status lw_static_version(char *version, size_t size, struct lw_error *error)
{
    struct analysis a = {0};
    char output[PATH_BYTES], messages[PATH_BYTES], line[256];
    enum lw_status status = lw_temporary_folder(NULL, "lutwidge-static", &a.folder, error);
    if (status != LW_OK)
        return status;
    path_in(&a, "version", output);
    path_in(&a, "messages", messages);
    const char *arguments[] = {lw_static_analyser(), "--version", NULL};
    bool found = false;
    FILE *stream = run(arguments, output, messages) ? fopen(output, "re") : NULL;
    while (stream && !found && fgets(line, sizeof line, stream))
        found = strstr(line, "version") != NULL;
    if (stream)
        fclose(stream);
    lw_temporary_close(a.folder);
    if (!found)
        return lw_fail(error, LW_FAILED,
                       "'%s' does not run; static cycles come from llvm-mca: install it with "
                       "'apt-get install %s', or name another one in %s",
                       lw_static_analyser(), mca->package, mca->variable);
    line[strcspn(line, "\n")] = 0;
    snprintf(version, size, "%s", line + strspn(line, " "));
    return LW_OK;
}

/* C text to assembly, by the flags of the device's kernels but without unrolling, so that its loops
 * are those of the program. */
static enum lw_status compile(struct analysis *a, struct lw_error *error)
{
    char source[PATH_BYTES], text[PATH_BYTES], messages[PATH_BYTES], output[PATH_BYTES];
    char flags[512];
    const char *arguments[80] = {lw_compiler()};
    size_t count = 1;
    path_in(a, "kernel.c", source);
    path_in(a, "kernel.s", text);
    path_in(a, "messages", messages);
    path_in(a, "output", output);
    FILE *stream = fopen(source, "we");
    if (!stream)
        return lw_fail(error, LW_FAILED, "cannot write %s", source);
    lw_program_print_c(&a->program, stream);
    if (fclose(stream) != 0)
        return lw_fail(error, LW_FAILED, "cannot write %s", source);
    lw_compiler_flags(a->device, flags, sizeof flags);
    for (char *word = strtok(flags, " "); word; word = strtok(NULL, " "))
        arguments[count++] = word;
    const char *const rest[] = {"-fno-unroll-loops", "-S", "-o", text, source};
    memcpy(arguments + count, rest, sizeof rest);
    return run(arguments, output, messages) ? LW_OK : tool_failed(lw_compiler(), messages, error);
}

/* The lines of the kernel's function; helpers of the prologue are inlined. */
static enum lw_status read_function(struct analysis *a, struct lw_error *error)
{
    char path[PATH_BYTES], label[LW_SPEC_NAME_BYTES + 8], name[LW_SPEC_NAME_BYTES], *line = NULL;
    size_t room = 0;
    bool inside = false;
    lw_spec_name(a->spec, name);
    snprintf(label, sizeof label, "lw_%s:", name);
    path_in(a, "kernel.s", path);
    FILE *stream = fopen(path, "re");
    enum lw_status status = stream ? LW_OK : lw_fail(error, LW_FAILED, "cannot read %s", path);
    while (status == LW_OK && getline(&line, &room, stream) > 0) {
        inside = inside || strncmp(line, label, strlen(label)) == 0;
        if (inside && strncmp(line, ".Lfunc_end", 10) == 0)
            break;
        char **more = inside ? realloc(a->lines, (a->count + 1) * sizeof *more) : a->lines;
        if (inside && !more)
            status = out_of_memory(error);
        else if (inside) {
            a->lines = more;
            a->lines[a->count++] = line;
            line = NULL;
            room = 0;
        }
    }
    free(line);
    if (stream)
        fclose(stream);
    return status;
}

/* The loops of the program that go round more than once: depth among these, and times that a body
 * is executed. In the order of the text. */
static size_t program_loops(const struct lw_program *p, size_t depths[LW_ASM_REGIONS],
                            double times[LW_ASM_REGIONS])
{
    double outer[LW_PROGRAM_LOOPS + 1] = {1};
    size_t real[LW_PROGRAM_LOOPS + 1] = {0}, depth = 0, count = 1;
    depths[0] = 0;
    times[0] = 1;
    for (size_t i = 0; i < p->count; i++) {
        if (p->instructions[i].op == LW_OP_END)
            depth--;
        if (p->instructions[i].op != LW_OP_LOOP)
            continue;
        size_t trips = p->trips[p->instructions[i].immediate];
        outer[depth + 1] = outer[depth] * (double)trips;
        real[depth + 1] = real[depth] + (trips > 1);
        depth++;
        if (trips > 1) {
            depths[count] = real[depth];
            times[count++] = outer[depth];
        }
    }
    return count;
}

static enum lw_status match_loops(struct analysis *a, struct lw_error *error)
{
    size_t depths[LW_ASM_REGIONS];
    char name[LW_SPEC_NAME_BYTES];
    size_t count = program_loops(&a->program, depths, a->times);
    a->region_count = lw_asm_regions((const char *const *)a->lines, a->count, a->regions);
    bool same = count == a->region_count;
    for (size_t i = 1; i < count && same; i++) {
        size_t depth = 0;
        for (int r = (int)i; a->regions[r].parent >= 0; r = a->regions[r].parent)
            depth++;
        same = depth == depths[i];
    }
    lw_spec_name(a->spec, name);
    return same ? LW_OK
                : lw_fail(error, LW_FAILED,
                          "%s on %s: the compiler's %zu loops are not the %zu of the program", name,
                          a->device->name, a->region_count ? a->region_count - 1 : 0, count - 1);
}

/* The region that a line belongs to: the innermost. */
static size_t region_of(const struct analysis *a, size_t line)
{
    size_t found = 0;
    for (size_t r = 1; r < a->region_count; r++)
        if (a->regions[r].first <= line && line <= a->regions[r].last)
            found = r;
    return found;
}

/* Each region by itself, between the marks that llvm-mca looks for. */
static enum lw_status write_regions(const struct analysis *a, const char *path,
                                    struct lw_error *error)
{
    FILE *stream = fopen(path, "we");
    if (!stream)
        return lw_fail(error, LW_FAILED, "cannot write %s", path);
    for (size_t r = 0; r < a->region_count; r++) {
        fprintf(stream, "# LLVM-MCA-BEGIN r%zu\n", r);
        for (size_t i = 0; i < a->count; i++)
            if (region_of(a, i) == r && a->lines[i][0] == '\t' && a->lines[i][1] != '.')
                fputs(a->lines[i], stream);
        fprintf(stream, "# LLVM-MCA-END r%zu\n", r);
    }
    return fclose(stream) == 0 ? LW_OK : lw_fail(error, LW_FAILED, "cannot write %s", path);
}

static enum lw_status add_up(const struct analysis *a, const char *path,
                             struct lw_static_cycles *result, struct lw_error *error)
{
    json_t *root = json_load_file(path, JSON_ALLOW_NUL, NULL); /* llvm-mca writes some in names */
    const json_t *regions = json_object_get(root, "CodeRegions");
    bool ok = json_is_array(regions);
    *result = (struct lw_static_cycles){0};
    for (size_t i = 0; i < json_array_size(regions); i++) {
        const json_t *region = json_array_get(regions, i);
        const json_t *summary = json_object_get(region, "SummaryView");
        const char *name = json_string_value(json_object_get(region, "Name"));
        size_t r = name ? strtoul(name + 1, NULL, 10) : a->region_count;
        double iterations = json_number_value(json_object_get(summary, "Iterations"));
        ok = ok && r < a->region_count && iterations > 0;
        if (!ok)
            break;
        double times = a->times[r] / iterations;
        result->cycles += times * json_number_value(json_object_get(summary, "TotalCycles"));
        result->instructions += times * json_number_value(json_object_get(summary, "Instructions"));
        result->uops += times * json_number_value(json_object_get(summary, "TotaluOps"));
    }
    json_decref(root);
    return ok && result->cycles > 0 && result->instructions > 0
               ? LW_OK
               : lw_fail(error, LW_FAILED, "'%s' answers what this program cannot read",
                         lw_static_analyser());
}

static enum lw_status simulate(struct analysis *a, struct lw_static_cycles *result,
                               struct lw_error *error)
{
    char marked[PATH_BYTES], answer[PATH_BYTES], messages[PATH_BYTES], cpu[64], iterations[32];
    const char *named = strstr(a->device->flags, "-mcpu=");
    if (!named || a->device->isa != LW_ISA_NEON)
        return lw_fail(error, LW_USAGE,
                       "%s names no CPU model; static cycles are for the Arm "
                       "devices",
                       a->device->name);
    snprintf(cpu, sizeof cpu, "%.*s", (int)strcspn(named, " "), named);
    snprintf(iterations, sizeof iterations, "-iterations=%d", ITERATIONS);
    path_in(a, "regions.s", marked);
    path_in(a, "answer.json", answer);
    path_in(a, "messages", messages);
    enum lw_status status = write_regions(a, marked, error);
    const char *arguments[] = {lw_static_analyser(),
                               "-mtriple=aarch64-linux-gnu",
                               cpu,
                               iterations,
                               "--json",
                               marked,
                               NULL};
    if (status == LW_OK && !run(arguments, answer, messages))
        status = tool_failed(lw_static_analyser(), messages, error);
    return status == LW_OK ? add_up(a, answer, result, error) : status;
}

enum lw_status lw_static_kernel(const struct lw_spec *spec, const struct lw_device *device,
                                struct lw_static_cycles *result, struct lw_error *error)
{
    struct analysis a = {.spec = spec, .device = device};
    struct lw_schedule schedule;
    lw_schedule_build(spec, &schedule);
    enum lw_status status = lw_program_build(&schedule, &a.program, error);
    if (status != LW_OK)
        return status;
    status = lw_temporary_folder(NULL, "lutwidge-static", &a.folder, error);
    if (status == LW_OK)
        status = compile(&a, error);
    if (status == LW_OK)
        status = read_function(&a, error);
    if (status == LW_OK)
        status = match_loops(&a, error);
    if (status == LW_OK)
        status = simulate(&a, result, error);
    lw_temporary_close(a.folder);
    for (size_t i = 0; i < a.count; i++)
        free(a.lines[i]);
    free(a.lines);
    lw_program_free(&a.program);
    return status;
}
