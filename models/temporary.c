#include "models/temporary.h"

#include "models/file.h"

#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Fixed storage, because a signal handler may read it while a path comes or goes: a stale path is
 * then removed in vain, and memory is never touched after it is freed. */
static struct {
    atomic_bool taken; /* by a path that comes, is there, or goes */
    atomic_bool live;  /* the path is complete */
    char path[PATH_MAX];
} remembered[LW_TEMPORARIES];

bool lw_temporary_remember(const char *path)
{
    if (strlen(path) >= PATH_MAX)
        return false;
    for (int i = 0; i < LW_TEMPORARIES; i++) {
        bool taken = false;
        if (!atomic_compare_exchange_strong(&remembered[i].taken, &taken, true))
            continue;
        memcpy(remembered[i].path, path, strlen(path) + 1);
        atomic_store(&remembered[i].live, true);
        return true;
    }
    return false;
}

void lw_temporary_forget(const char *path)
{
    for (int i = 0; i < LW_TEMPORARIES; i++) {
        if (!atomic_load(&remembered[i].live) || strcmp(remembered[i].path, path) != 0)
            continue;
        atomic_store(&remembered[i].live, false);
        atomic_store(&remembered[i].taken, false);
        return;
    }
}

const char *lw_temporary_at(size_t i)
{
    return atomic_load(&remembered[i].live) ? remembered[i].path : NULL;
}

/* No signal to this thread finds the folder made and not remembered. */
static enum lw_status make_remembered(char *path, struct lw_error *error)
{
    sigset_t all, before;
    enum lw_status status = LW_OK;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    if (!mkdtemp(path)) {
        status = lw_fail(error, LW_FAILED, "cannot make the folder %s: %m", path);
    } else if (!lw_temporary_remember(path)) {
        rmdir(path);
        status = lw_fail(error, LW_FAILED,
                         "%s: the path is too long, or too many are temporary at once", path);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return status;
}

enum lw_status lw_temporary_folder(const char *parent, const char *name, char **path,
                                   struct lw_error *error)
{
    const char *own = getenv("TMPDIR");
    if (!parent)
        parent = own && *own ? own : "/tmp";
    char *begin = lw_path_join(parent, name);
    if (!begin || asprintf(path, "%s-XXXXXX", begin) < 0)
        *path = NULL;
    free(begin);
    if (!*path)
        return lw_fail(error, LW_FAILED, "out of memory");
    enum lw_status status = make_remembered(*path, error);
    if (status != LW_OK) {
        free(*path);
        *path = NULL;
    }
    return status;
}

void lw_temporary_close(char *path)
{
    if (!path)
        return;
    lw_folder_remove(path);
    lw_temporary_forget(path);
    free(path);
}

static int remove_entry(const char *path, const struct stat *about, int type, struct FTW *walk)
{
    (void)about, (void)type, (void)walk;
    return remove(path);
}

void lw_folder_remove(const char *folder)
{
    nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}
