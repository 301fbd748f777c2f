#include "gen/bundle_place.h"

#include "gen/bundle.h"
#include "models/file.h"
#include "models/temporary.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

bool lw_bundle_is(const char *folder)
{
    char *path = lw_path_join(folder, "manifest.json");
    bool found = path && access(path, R_OK) == 0;
    free(path);
    return found;
}

/* Whether a folder may be replaced: other programs keep a manifest.json, too. */
static bool is_ours(const char *folder)
{
    char *path = lw_path_join(folder, "manifest.json");
    json_t *manifest = path ? json_load_file(path, 0, NULL) : NULL;
    bool ours = json_object_get(manifest, "lutwidge_bundle") != NULL;
    json_decref(manifest);
    free(path);
    return ours;
}

static enum lw_status check_place(const char *folder, struct lw_error *error)
{
    struct stat about;
    if (!*folder)
        return lw_fail(error, LW_USAGE, "the folder of the bundle has an empty name");
    if (lstat(folder, &about) || rmdir(folder) == 0 || is_ours(folder))
        return LW_OK;
    return lw_fail(error, LW_USAGE, "%s exists and is no bundle; it is left as it is", folder);
}

/* Without slashes at the end and, where a bundle is there already, behind symbolic links. */
static enum lw_status find_folder(const char *folder, char **found, struct lw_error *error)
{
    char *path = strdup(folder);
    if (!path)
        return lw_fail(error, LW_FAILED, "out of memory");
    for (size_t end = strlen(path); end > 1 && path[end - 1] == '/';)
        path[--end] = 0;
    enum lw_status status = check_place(path, error);
    char *real = status == LW_OK ? realpath(path, NULL) : NULL;
    *found = real ? real : path;
    if (real)
        free(path);
    return status;
}

/* The descriptor that holds the lock of a folder, or -1. What is locked may have been removed by
 * another collector meanwhile: it must still be what `path` names. */
static int take_lock(const char *path, int operation)
{
    struct stat held, named;
    int lock = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (lock >= 0 && TEMP_FAILURE_RETRY(flock(lock, operation)) == 0 && fstat(lock, &held) == 0 &&
        lstat(path, &named) == 0 && held.st_ino == named.st_ino && held.st_dev == named.st_dev)
        return lock;
    if (lock >= 0)
        close(lock);
    return -1;
}

static const char PARTIAL[] = ".partial-XXXXXX";

/* No name in the path begins with a - or an @, which the compiler would take for an option. */
static enum lw_status make_partial(struct lw_place *place, struct lw_error *error)
{
    const char *folder = place->folder;
    if (asprintf(&place->partial, "%s%s%s", *folder == '/' ? "" : "./", folder, PARTIAL) < 0) {
        place->partial = NULL;
        return lw_fail(error, LW_FAILED, "out of memory");
    }
    do { /* again where it is collected before it is locked */
        strcpy(place->partial + strlen(place->partial) - strlen(PARTIAL), PARTIAL);
        if (!mkdtemp(place->partial))
            return lw_fail(error, LW_FAILED, "cannot make %s: %s", place->partial, strerror(errno));
        place->lock = take_lock(place->partial, LOCK_EX);
        /* Where the file system has no locks, nobody can collect either. */
    } while (place->lock < 0 && access(place->partial, F_OK) != 0);
    mode_t mask = umask(0);
    umask(mask);
    chmod(place->partial, 0777 & ~mask); /* mkdtemp's own is 0700 */
    return LW_OK;
}

static void free_place(struct lw_place *place)
{
    if (place->lock >= 0)
        close(place->lock);
    free(place->folder);
    free(place->partial);
    *place = (struct lw_place){.lock = -1};
}

enum lw_status lw_place_open(const char *folder, struct lw_place *place, struct lw_error *error)
{
    *place = (struct lw_place){.lock = -1};
    enum lw_status status = find_folder(folder, &place->folder, error);
    if (status == LW_OK)
        status = make_partial(place, error);
    if (status != LW_OK)
        free_place(place);
    return status;
}

/* At once where the file system can do that, so that no reader finds a gap; else with a third name.
 * Returns 0, or errno with both folders as they were. */
static int exchange(const char *partial, const char *folder)
{
    char *old;
    if (renameat2(AT_FDCWD, partial, AT_FDCWD, folder, RENAME_EXCHANGE) == 0)
        return 0;
    if (asprintf(&old, "%s-old", partial) < 0)
        return ENOMEM;
    int failed = rename(folder, old) ? errno : 0;
    if (!failed && rename(partial, folder)) {
        failed = errno;
        rename(old, folder);
    } else if (!failed) {
        rename(old, partial);
    }
    free(old);
    return failed;
}

enum lw_status lw_place_commit(struct lw_place *place, struct lw_error *error)
{
    int failed = rename(place->partial, place->folder) ? errno : 0;
    if ((failed == ENOTEMPTY || failed == EEXIST) && is_ours(place->folder))
        failed = exchange(place->partial, place->folder);
    enum lw_status status = LW_OK;
    if (failed)
        status = lw_fail(error, LW_FAILED, "cannot put the bundle at %s: %s", place->folder,
                         strerror(failed));
    /* What is there now is the old bundle, or the new one that found no place. */
    lw_place_abort(place);
    return status;
}

void lw_place_abort(struct lw_place *place)
{
    lw_folder_remove(place->partial);
    free_place(place);
}

/* Whether only we give such names: 32 hexadecimal digits and the end of a partial folder. */
static bool is_of_cache(const char *name)
{
    size_t digits = strspn(name, "0123456789abcdef");
    return digits == 32 && strlen(name + digits) == strlen(PARTIAL) &&
           strncmp(name + digits, PARTIAL, strcspn(PARTIAL, "X")) == 0;
}

void lw_bundle_collect(const char *cache)
{
    DIR *entries = opendir(cache);
    for (struct dirent *entry; entries && (entry = readdir(entries));) {
        char *path = is_of_cache(entry->d_name) ? lw_path_join(cache, entry->d_name) : NULL;
        int lock = path ? take_lock(path, LOCK_EX | LOCK_NB) : -1;
        if (lock >= 0) {
            lw_folder_remove(path);
            close(lock);
        }
        free(path);
    }
    if (entries)
        closedir(entries);
}
