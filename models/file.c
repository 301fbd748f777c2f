#include "models/file.h"

#include "models/temporary.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static enum lw_status fail_on_path(struct lw_error *error, const char *verb, const char *path,
                                   const char *reason)
{
    return lw_fail(error, LW_FAILED, "cannot %s %s: %s", verb, path, reason);
}

enum lw_status lw_map_file(const char *path, struct lw_mapping *mapping, struct lw_error *error)
{
    *mapping = (struct lw_mapping){0};
    /* O_NONBLOCK: opening a pipe must be refused below, not wait for its writer. */
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0)
        return fail_on_path(error, "open", path, strerror(errno));
    struct stat about;
    const char *reason = NULL;
    if (fstat(file, &about) != 0) {
        reason = strerror(errno);
    } else if (!S_ISREG(about.st_mode)) {
        reason = S_ISDIR(about.st_mode) ? "is a directory" : "is not a regular file";
    } else if (about.st_size > 0) {
        size_t size = (size_t)about.st_size;
        void *data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, file, 0);
        if (data == MAP_FAILED)
            reason = strerror(errno);
        else
            *mapping = (struct lw_mapping){.data = data, .size = size};
    }
    close(file);
    return reason ? fail_on_path(error, "read", path, reason) : LW_OK;
}

void lw_unmap_file(struct lw_mapping *mapping)
{
    if (mapping->data && !mapping->borrowed)
        munmap((void *)(uintptr_t)mapping->data, mapping->size);
    *mapping = (struct lw_mapping){0};
}

/* Advice about all pages that hold the bytes: 0, or errno. */
static int advise(const uint8_t *data, size_t bytes, int advice)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), start = (uintptr_t)data & ~(page - 1);
    if (bytes == 0 || madvise((void *)start, (uintptr_t)data - start + bytes, advice) == 0)
        return 0;
    return errno;
}

bool lw_fetch_bytes(const uint8_t *data, size_t bytes)
{
#ifdef MADV_POPULATE_READ
    int failed = advise(data, bytes, MADV_POPULATE_READ);
    errno = failed == EFAULT ? EIO : failed;
    return !failed || failed == EINVAL || failed == ENOSYS; /* kernels before 5.14 */
#else
    (void)data;
    (void)bytes;
    return true;
#endif
}

void lw_want_large_pages(const struct lw_mapping *mapping)
{
    (void)advise(mapping->data, mapping->size, MADV_HUGEPAGE); /* some systems have none */
}

void lw_forget_bytes(const uint8_t *data, size_t bytes)
{
    (void)advise(data, bytes, MADV_DONTNEED); /* failing changes nothing but the memory used */
}

void lw_forget_mapped(const struct lw_mapping *mapping)
{
    lw_forget_bytes(mapping->data, mapping->size);
}

static void free_writer(struct lw_writer *writer)
{
    if (writer->temporary)
        lw_temporary_forget(writer->temporary);
    free(writer->path);
    free(writer->temporary);
    *writer = (struct lw_writer){0};
}

/* Where the file will be: behind symbolic links if the path is one, else the path itself.
 * malloc'ed. */
static char *final_path(const char *path)
{
    char *real = realpath(path, NULL);
    return real || errno == ENOMEM ? real : strdup(path);
}

/* Creates a file of a name that nobody has, remembered before it exists so that no signal finds it
 * unknown. */
static int create_temporary(struct lw_writer *writer, const char **reason)
{
    static atomic_uint serial;
    for (int tries = 0; tries < 1000; tries++) {
        free(writer->temporary);
        if (asprintf(&writer->temporary, "%s.%ld-%u.tmp", writer->path, (long)getpid(),
                     atomic_fetch_add(&serial, 1)) < 0) {
            writer->temporary = NULL;
            *reason = strerror(ENOMEM);
            return -1;
        }
        /* A name that is there already belongs to somebody else: it must not be remembered. */
        if (access(writer->temporary, F_OK) == 0)
            continue;
        if (!lw_temporary_remember(writer->temporary)) {
            *reason = "its path is too long, or too many files are being written at once";
            return -1;
        }
        int file = open(writer->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (file >= 0)
            return file;
        *reason = strerror(errno);
        lw_temporary_forget(writer->temporary);
        if (errno != EEXIST)
            return -1;
    }
    *reason = strerror(EEXIST);
    return -1;
}

enum lw_status lw_writer_open(const char *path, struct lw_writer *writer, struct lw_error *error)
{
    *writer = (struct lw_writer){0};
    struct stat about;
    if (stat(path, &about) == 0 && !S_ISREG(about.st_mode))
        return fail_on_path(error, "write", path,
                            S_ISDIR(about.st_mode) ? "is a directory" : "is not a regular file");
    const char *reason = strerror(ENOMEM);
    writer->path = final_path(path);
    int file = writer->path ? create_temporary(writer, &reason) : -1;
    if (file >= 0) {
        writer->stream = fdopen(file, "wb");
        if (writer->stream)
            return LW_OK;
        reason = strerror(errno);
        close(file);
        unlink(writer->temporary);
    }
    free_writer(writer);
    return fail_on_path(error, "write", path, reason);
}

/* Flushes to disk and closes; gives the reason of a failure, or NULL. */
static const char *close_stream(FILE *stream)
{
    const char *reason = NULL;
    bool failed_before = ferror(stream);
    if (fflush(stream) != 0 || fsync(fileno(stream)) != 0)
        reason = strerror(errno);
    else if (failed_before)
        reason = "a write failed (is the disk full?)"; /* stdio keeps a flag, not the reason */
    if (fclose(stream) != 0 && !reason)
        reason = strerror(errno);
    return reason;
}

enum lw_status lw_writer_commit(struct lw_writer *writer, struct lw_error *error)
{
    const char *reason = close_stream(writer->stream);
    if (!reason && rename(writer->temporary, writer->path) != 0)
        reason = strerror(errno);
    enum lw_status status = LW_OK;
    if (reason) {
        unlink(writer->temporary);
        status = fail_on_path(error, "write", writer->path, reason);
    }
    free_writer(writer);
    return status;
}

void lw_writer_abort(struct lw_writer *writer)
{
    if (!writer->stream)
        return;
    fclose(writer->stream);
    unlink(writer->temporary);
    free_writer(writer);
}

bool lw_stream_ended(FILE *stream)
{
    return feof(stream) && !ferror(stream);
}

char *lw_path_join(const char *folder, const char *name)
{
    size_t length = strlen(folder);
    const char *slash = length > 0 && folder[length - 1] == '/' ? "" : "/";
    char *path;
    return asprintf(&path, "%s%s%s", folder, slash, name) < 0 ? NULL : path;
}
