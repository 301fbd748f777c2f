#include "profiles/doctor.h"

#include "gen/cache.h"
#include "gen/compile.h"
#include "models/file.h"
#include "models/temporary.h"

#include <ctype.h>
#include <dlfcn.h>
#include <errno.h>
#include <ftw.h>
#include <link.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Starts a program with both its streams going to a file without a name. */
static enum lw_status start(char *const *arguments, FILE *output, pid_t *child, bool *absent,
                            struct lw_error *error)
{
    posix_spawn_file_actions_t actions;
    if (posix_spawn_file_actions_init(&actions))
        return lw_fail(error, LW_FAILED, "out of memory");
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", 0, 0);
    posix_spawn_file_actions_adddup2(&actions, fileno(output), STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, fileno(output), STDERR_FILENO);
    *absent = posix_spawnp(child, arguments[0], &actions, NULL, arguments, environ) != 0;
    posix_spawn_file_actions_destroy(&actions);
    return LW_OK;
}

/* What a program prints, malloc'ed; NULL where it cannot be run or ends with another code than
 * `code` (-1: with any). */
static enum lw_status ask(char *const *arguments, int code, char **text, struct lw_error *error)
{
    enum { MOST_BYTES = 1 << 16 };
    FILE *output = tmpfile();
    pid_t child;
    bool absent;
    int state = 0;
    *text = NULL;
    if (!output)
        return lw_fail(error, LW_FAILED, "no temporary file: %s", strerror(errno));
    enum lw_status status = start(arguments, output, &child, &absent, error);
    if (status == LW_OK && !absent) {
        while (waitpid(child, &state, 0) < 0 && errno == EINTR)
            continue;
        bool ended = WIFEXITED(state) && (code < 0 || WEXITSTATUS(state) == code);
        rewind(output);
        if (ended && !(*text = calloc(1, MOST_BYTES + 1)))
            status = lw_fail(error, LW_FAILED, "out of memory");
        else if (ended)
            (*text)[fread(*text, 1, MOST_BYTES, output)] = 0;
    }
    fclose(output);
    return status;
}

/* The first number with a point in it: "Debian clang version 19.1.7 (3+b1)" has 19.1.7. */
static void find_version(const char *text, char *version, size_t size)
{
    version[0] = 0;
    for (const char *c = text; *c; c++) {
        if (!isdigit((unsigned char)*c))
            continue;
        size_t whole = strspn(c, "0123456789");
        if (c[whole] == '.' && isdigit((unsigned char)c[whole + 1])) {
            size_t length = strspn(c, "0123456789.");
            while (c[length - 1] == '.')
                length--;
            snprintf(version, size, "%.*s", (int)length, c);
            return;
        }
        c += whole - 1;
    }
}

static enum lw_status look_for_program(const struct lw_need *need, struct lw_found *found,
                                       struct lw_error *error)
{
    const char *given = need->variable ? getenv(need->variable) : NULL;
    char *text, *arguments[] = {(char *)(uintptr_t)(given && *given ? given : need->name),
                                (char *)(uintptr_t)(need->flag ? need->flag : "--version"), NULL};
    enum lw_status status = ask(arguments, 0, &text, error);
    found->presence = text ? LW_PRESENT : LW_ABSENT;
    find_version(text ? text : "", found->version, sizeof found->version);
    free(text);
    return status;
}

/* Versions are those in the name of the file behind the links. */
static void look_for_library(const struct lw_need *need, struct lw_found *found)
{
    struct link_map *map = NULL;
    void *handle = dlopen(need->name, RTLD_LAZY | RTLD_LOCAL);
    found->presence = handle ? LW_PRESENT : LW_ABSENT;
    if (!handle)
        return;
    if (dlinfo(handle, RTLD_DI_LINKMAP, &map) == 0) {
        char *path = realpath(map->l_name, NULL), *name = path ? strrchr(path, '/') : NULL;
        find_version(name ? name : "", found->version, sizeof found->version);
        free(path);
    }
    dlclose(handle);
}

/* One question for all packages: "NAME installed" is a line of the answer. */
static enum lw_status look_for_packages(struct lw_found *found, struct lw_error *error)
{
    char **arguments = calloc(lw_need_count + 5, sizeof *arguments), *answer;
    size_t count = 0;
    if (!arguments)
        return lw_fail(error, LW_FAILED, "out of memory");
    arguments[count++] = "dpkg-query";
    arguments[count++] = "-W";
    arguments[count++] = "-f";
    arguments[count++] = "\n${Package} ${db:Status-Status} ${Version}\n";
    for (size_t i = 0; i < lw_need_count; i++)
        if (lw_needs[i].kind == LW_NEED_PACKAGE)
            arguments[count++] = (char *)(uintptr_t)lw_needs[i].package;
    /* It ends with 1 where it does not know one of them. */
    enum lw_status status = ask(arguments, -1, &answer, error);
    free(arguments);
    for (size_t i = 0; status == LW_OK && i < lw_need_count; i++) {
        if (lw_needs[i].kind != LW_NEED_PACKAGE)
            continue;
        char line[96];
        snprintf(line, sizeof line, "\n%s installed ", lw_needs[i].package);
        const char *there = answer ? strstr(answer, line) : NULL;
        found[i].presence = !answer ? LW_UNKNOWN : there ? LW_PRESENT : LW_ABSENT;
        if (there) {
            const char *version = there + strlen(line);
            snprintf(line, sizeof line, "%.*s", (int)strcspn(version, "\n"), version);
            find_version(line, found[i].version, sizeof found[i].version);
        }
    }
    free(answer);
    return status;
}

enum lw_status lw_doctor_look(struct lw_found *found, struct lw_error *error)
{
    enum lw_status status = look_for_packages(found, error);
    for (size_t i = 0; i < lw_need_count && status == LW_OK; i++) {
        if (lw_needs[i].kind == LW_NEED_PROGRAM)
            status = look_for_program(&lw_needs[i], &found[i], error);
        else if (lw_needs[i].kind == LW_NEED_LIBRARY)
            look_for_library(&lw_needs[i], &found[i]);
    }
    return status;
}

/* Whether an earlier row that is counted has the same package. */
static bool is_repeated(const struct lw_found *found, unsigned uses, size_t row)
{
    for (size_t i = 0; i < row; i++)
        if (found[i].presence == LW_ABSENT && (uses >> lw_needs[i].use & 1) &&
            strcmp(lw_needs[i].package, lw_needs[row].package) == 0)
            return true;
    return false;
}

char *lw_doctor_packages(const struct lw_found *found, unsigned uses)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    if (!stream)
        return NULL;
    const char *between = "";
    for (size_t i = 0; i < lw_need_count; i++) {
        if (found[i].presence != LW_ABSENT || !(uses >> lw_needs[i].use & 1) ||
            is_repeated(found, uses, i))
            continue;
        fprintf(stream, "%s%s", between, lw_needs[i].package);
        between = " ";
    }
    if (fclose(stream) == 0)
        return text;
    free(text);
    return NULL;
}

static enum lw_status write_source(const char *path, struct lw_error *error)
{
    FILE *stream = fopen(path, "we");
    bool written = stream && fputs("#include <math.h>\n#include <stdint.h>\n#include <string.h>\n"
                                   "int32_t lw_doctor(void)\n{\n    return 7;\n}\n",
                                   stream) >= 0;
    if (stream && fclose(stream))
        written = false;
    return written ? LW_OK
                   : lw_fail(error, LW_FAILED, "cannot write %s: %s", path, strerror(errno));
}

static enum lw_status call(const char *library, struct lw_error *error)
{
    int32_t (*function)(void) = NULL;
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        return lw_fail(error, LW_FAILED, "what is compiled cannot be loaded: %s", dlerror());
    /* POSIX lets an object pointer from dlsym stand for a function. */
    *(void **)&function = dlsym(handle, "lw_doctor");
    bool right = function && function() == 7;
    dlclose(handle);
    return right ? LW_OK : lw_fail(error, LW_FAILED, "%s does not do what it should", library);
}

static enum lw_status compile_in(const char *folder, struct lw_error *error)
{
    char *source = lw_path_join(folder, "doctor.c"), *library = lw_path_join(folder, "kernels.so");
    enum lw_status status = source && library ? LW_OK : lw_fail(error, LW_FAILED, "out of memory");
    if (status == LW_OK)
        status = write_source(source, error);
    if (status == LW_OK)
        status = lw_compile((const char *const[]){source}, 1, lw_device_of(lw_isa_host()), library,
                            NULL, error);
    if (status == LW_OK)
        status = call(library, error);
    free(source);
    free(library);
    return status;
}

enum lw_status lw_doctor_compile(struct lw_error *error)
{
    char *cache, *folder = NULL;
    enum lw_status status = lw_cache_path("", &cache, error);
    if (status != LW_OK)
        return status;
    status = lw_temporary_folder(cache, "doctor", &folder, error);
    if (status == LW_OK)
        status = compile_in(folder, error);
    lw_temporary_close(folder);
    free(cache);
    return status;
}

/* nftw has no context. */
static struct lw_doctor_cache counted;

static int count_file(const char *path, const struct stat *about, int kind, struct FTW *place)
{
    (void)path;
    (void)place;
    if (kind == FTW_F) {
        counted.bytes += (uint64_t)about->st_size;
        counted.files++;
    }
    return 0;
}

enum lw_status lw_doctor_cache(struct lw_doctor_cache *cache, struct lw_error *error)
{
    enum { DESCRIPTORS = 16 };
    char *folder;
    enum lw_status status = lw_cache_path("", &folder, error);
    if (status != LW_OK)
        return status;
    folder[strlen(folder) - 1] = 0; /* its '/' */
    counted = (struct lw_doctor_cache){.folder = folder};
    if (nftw(folder, count_file, DESCRIPTORS, FTW_PHYS) != 0) {
        free(folder);
        return lw_fail(error, LW_FAILED, "cannot read the cache: %s", strerror(errno));
    }
    *cache = counted;
    return LW_OK;
}
