#include "gen/standalone.h"

#include "gen/compile.h"
#include "gen/compiler.h"
#include "models/file.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_ARGUMENTS = 64 };

static enum lw_status out_of_memory(struct lw_error *error)
{
    return lw_fail(error, LW_FAILED, "out of memory while linking a program");
}

static const char *machine_of(const struct lw_device *device)
{
#if defined(__aarch64__)
    return device->isa == LW_ISA_NEON || device->isa == LW_ISA_C ? "aarch64" : "x86_64";
#else
    return device->isa == LW_ISA_NEON ? "aarch64" : "x86_64";
#endif
}

enum lw_status lw_standalone_object(const struct lw_device *device, char **object,
                                    struct lw_error *error)
{
    static const char *const places[] = {"", "../lib/lutwidge/"};
    char self[PATH_MAX];
    ssize_t bytes = readlink("/proc/self/exe", self, sizeof self - 1);
    if (bytes < 0)
        return lw_fail(error, LW_FAILED, "cannot read /proc/self/exe: %s", strerror(errno));
    self[bytes] = 0;
    int folder = (int)(strrchr(self, '/') - self);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        if (asprintf(object, "%.*s/%sstandalone-%s.o", folder, self, places[i],
                     machine_of(device)) < 0)
            return out_of_memory(error);
        if (access(*object, R_OK) == 0)
            return LW_OK;
        free(*object);
    }
    *object = NULL;
    return lw_fail(error, LW_FAILED,
                   "standalone-%s.o is neither in %.*s nor in %.*s/../lib/lutwidge: it is built by "
                   "'make', where the libraries of that machine are installed (docs/LIBRARY.md)",
                   machine_of(device), folder, self, folder, self);
}

/* A string of the assembler; paths may hold anything. */
static void print_string(FILE *stream, const char *text)
{
    fputc('"', stream);
    for (; *text; text++)
        fprintf(stream,
                *text == '"' || *text == '\\' || (unsigned char)*text < ' ' ? "\\%03o" : "%c",
                (unsigned char)*text);
    fputc('"', stream);
}

/* The files of the bundle as parts of the program; mapped with it, so only what is used is read. */
static enum lw_status write_parts(const char *folder, const char *made_by, const char *path,
                                  struct lw_error *error)
{
    static const char *const parts[][2] = {
        {"manifest", "manifest.json"}, {"model", "model.lwm"}, {"weights", "weights.bin"}};
    FILE *stream = fopen(path, "we");
    if (!stream)
        return lw_fail(error, LW_FAILED, "cannot write %s: %s", path, strerror(errno));
    fputs(".section .note.GNU-stack,\"\",%progbits\n"
          ".section .rodata.lutwidge,\"a\",%progbits\n",
          stream);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        char *file = lw_path_join(folder, parts[i][1]);
        fprintf(stream, ".balign 65536\n.globl lw_standalone_%s\nlw_standalone_%s:\n.incbin ",
                parts[i][0], parts[i][0]);
        print_string(stream, file ? file : "");
        fprintf(stream, "\n.globl lw_standalone_%s_end\nlw_standalone_%s_end:\n", parts[i][0],
                parts[i][0]);
        free(file);
    }
    fputs(".balign 65536\n.globl lw_standalone_about\nlw_standalone_about: .asciz ", stream);
    print_string(stream, made_by);
    fputc('\n', stream);
    if (fclose(stream) == 0)
        return LW_OK;
    return lw_fail(error, LW_FAILED, "cannot write %s: %s", path, strerror(errno));
}

static int is_source(const struct dirent *entry)
{
    size_t bytes = strlen(entry->d_name);
    return bytes > 2 && strcmp(entry->d_name + bytes - 2, ".c") == 0;
}

/* The kernels of the bundle as one object; their own objects are in the cache since it was made. */
static enum lw_status compile_kernels(const char *folder, const struct lw_device *device,
                                      const char *object, struct lw_error *error)
{
    struct dirent **entries = NULL;
    char *kernels = lw_path_join(folder, "kernels");
    int found = kernels ? scandir(kernels, &entries, is_source, alphasort) : -1;
    size_t count = found < 0 ? 0 : (size_t)found;
    const char **sources = calloc(count + 1, sizeof *sources);
    enum lw_status status = sources ? LW_OK : out_of_memory(error);
    if (found < 0)
        status = lw_fail(error, LW_FAILED, "cannot list %s/kernels: %s", folder, strerror(errno));
    for (size_t i = 0; i < count; i++) {
        if (sources && !(sources[i] = lw_path_join(kernels, entries[i]->d_name)))
            status = out_of_memory(error);
        free(entries[i]);
    }
    if (status == LW_OK)
        status = lw_compile_object(sources, count, device, object, error);
    for (size_t i = 0; sources && i < count; i++)
        free((void *)(uintptr_t)sources[i]);
    free(sources);
    free(entries);
    free(kernels);
    return status;
}

static enum lw_status link_program(const struct lw_device *device, const char *const *objects,
                                   const char *log, const char *path, struct lw_error *error)
{
    char flags[512];
    const char *arguments[MOST_ARGUMENTS] = {lw_compiler()};
    pid_t child;
    const char *const linking[] = {"-static", "-fuse-ld=lld", "-Wl,--gc-sections",
                                   "-Wl,-s",  "-o",           path};
    lw_compiler_flags(device, flags, sizeof flags);
    char **all = (char **)(uintptr_t)arguments; /* what is started changes none of them */
    size_t count = 1 + lw_compiler_split(flags, all + 1);
    for (size_t i = 0; i < sizeof linking / sizeof *linking; i++)
        arguments[count++] = linking[i];
    for (; *objects; objects++)
        arguments[count++] = *objects;
    arguments[count++] = "-lm";
    enum lw_status status = lw_compiler_start(all, log, &child, error);
    return status == LW_OK ? lw_compiler_finish(child, "linking a static program", log, error)
                           : status;
}

/* Puts the linked program in its place. The linker would map its output there, die where the disk
 * is full, and leave its file. */
static enum lw_status place_program(const char *linked, const char *path, struct lw_error *error)
{
    struct lw_mapping program;
    struct lw_writer writer;
    struct stat about;
    enum lw_status status = lw_map_file(linked, &program, error);
    if (status != LW_OK)
        return status;
    status = lw_writer_open(path, &writer, error);
    if (status == LW_OK) {
        fwrite(program.data, 1, program.size, writer.stream);
        if (stat(linked, &about) == 0 && fchmod(fileno(writer.stream), about.st_mode) == 0)
            status = lw_writer_commit(&writer, error);
        else {
            status = lw_fail(error, LW_FAILED, "cannot make a program of %s: %m", path);
            lw_writer_abort(&writer);
        }
    }
    lw_unmap_file(&program);
    return status;
}

enum lw_status lw_standalone_make(const char *folder, const struct lw_device *device,
                                  const char *path, const char *made_by, struct lw_error *error)
{
    char *object = NULL, *parts = lw_path_join(folder, "parts.s");
    char *kernels = lw_path_join(folder, "kernels.o"), *log = lw_path_join(folder, "log");
    char *linked = lw_path_join(folder, "program");
    enum lw_status status = parts && kernels && log && linked
                                ? lw_standalone_object(device, &object, error)
                                : out_of_memory(error);
    if (status == LW_OK)
        status = write_parts(folder, made_by, parts, error);
    if (status == LW_OK)
        status = compile_kernels(folder, device, kernels, error);
    const char *const objects[] = {kernels, parts, object, NULL};
    if (status == LW_OK)
        status = link_program(device, objects, log, linked, error);
    if (status == LW_OK)
        status = place_program(linked, path, error);
    free(object);
    free(parts);
    free(kernels);
    free(log);
    free(linked);
    return status;
}
