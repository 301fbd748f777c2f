/* The file that a verb is to write, looked at before work that may take hours. */
#include "cli/cli.h"

#include "models/file.h"
#include "models/lwm.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum lw_status cli_check_output(const char *path, const char *const *inputs, size_t count,
                                struct lw_error *error)
{
    struct stat output, input;
    struct lw_writer writer;
    bool exists = stat(path, &output) == 0;
    for (size_t i = 0; exists && i < count; i++)
        if (inputs[i] && stat(inputs[i], &input) == 0 && input.st_dev == output.st_dev &&
            input.st_ino == output.st_ino)
            return lw_fail(error, LW_USAGE,
                           "%s is read by this command, too, and left as it is; name another file "
                           "to write",
                           path);
    enum lw_status status = lw_writer_open(path, &writer, error);
    if (status == LW_OK)
        lw_writer_abort(&writer);
    return status;
}

enum lw_status cli_check_model_output(const char *path, struct lw_error *error)
{
    struct stat output;
    if (stat(path, &output) == 0 && S_ISREG(output.st_mode) && output.st_size > 0 &&
        !lw_lwm_is(path))
        return lw_fail(error, LW_USAGE, "%s exists and is no .lwm model; it is left as it is",
                       path);
    return cli_check_output(path, NULL, 0, error);
}

enum lw_status cli_check_database(const char *path, struct lw_error *error)
{
    static const char magic[16] = "SQLite format 3"; /* of the format's first 100 bytes */
    char head[sizeof magic];
    int file = open(path, O_RDWR | O_CLOEXEC);
    if (file < 0 && errno == ENOENT)
        return cli_check_output(path, NULL, 0, error);
    if (file < 0)
        return lw_fail(error, LW_FAILED, "cannot open the database %s: %m", path);
    ssize_t bytes = read(file, head, sizeof head);
    close(file);
    if (bytes == 0 || (bytes == sizeof head && memcmp(head, magic, sizeof head) == 0))
        return LW_OK;
    return lw_fail(error, LW_CORRUPT, "%s: not a Lutwidge database", path);
}
