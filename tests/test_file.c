#include "models/file.h"
#include "models/temporary.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/lutwidge-test-XXXXXX";
static char path[64];

static size_t count_files(void)
{
    size_t count = 0;
    DIR *directory = opendir(folder);
    cr_assert(directory);
    for (const struct dirent *entry; (entry = readdir(directory));)
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count;
}

static void check_contents(const char *expected)
{
    struct lw_mapping mapping;
    struct lw_error error = {0};
    cr_assert_eq(lw_map_file(path, &mapping, &error), LW_OK, "%s", error.text);
    cr_assert_eq(mapping.size, strlen(expected));
    cr_assert(mapping.size == 0 || memcmp(mapping.data, expected, mapping.size) == 0);
    lw_forget_mapped(&mapping);
    cr_assert(mapping.size == 0 || memcmp(mapping.data, expected, mapping.size) == 0);
    lw_unmap_file(&mapping);
}

static enum lw_status write_text(const char *text, struct lw_error *error)
{
    struct lw_writer writer;
    enum lw_status status = lw_writer_open(path, &writer, error);
    if (status != LW_OK)
        return status;
    fputs(text, writer.stream);
    return lw_writer_commit(&writer, error);
}

static void setup(void)
{
    cr_assert(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/file", folder);
    struct lw_error error = {0};
    cr_assert_eq(write_text("old", &error), LW_OK, "%s", error.text);
}

static void teardown(void)
{
    unlink(path);
    rmdir(folder);
}

TestSuite(file, .init = setup, .fini = teardown);

Test(file, writes_whole_or_not_at_all)
{
    struct lw_writer writer;
    cr_assert_eq(lw_writer_open(path, &writer, NULL), LW_OK);
    fputs("new", writer.stream);
    fflush(writer.stream);
    check_contents("old");
    cr_assert_eq(lw_writer_commit(&writer, NULL), LW_OK);
    check_contents("new");
    cr_assert_eq(lw_writer_open(path, &writer, NULL), LW_OK);
    fputs("newer", writer.stream);
    lw_writer_abort(&writer);
    lw_writer_abort(&writer); /* does nothing */
    check_contents("new");
    cr_assert_eq(count_files(), 1);
    cr_assert_eq(write_text("", NULL), LW_OK);
    check_contents("");
}

Test(file, follows_links_and_keeps_them)
{
    char link[80];
    struct stat about;
    snprintf(link, sizeof link, "%s/link", folder);
    cr_assert_eq(symlink(path, link), 0);
    struct lw_writer writer;
    cr_assert_eq(lw_writer_open(link, &writer, NULL), LW_OK);
    fputs("through", writer.stream);
    cr_assert_eq(lw_writer_commit(&writer, NULL), LW_OK);
    cr_assert_eq(lstat(link, &about), 0);
    cr_assert(S_ISLNK(about.st_mode));
    check_contents("through");
    unlink(link);
}

/* /dev/full in place of the temporary file gives what a full disk gives. */
Test(file, full_disk_leaves_the_old_file)
{
    struct lw_error error = {0};
    struct lw_writer writer;
    for (size_t bytes = 1; bytes <= 1 << 20; bytes <<= 20) { /* less and more than stdio's buffer */
        cr_assert_eq(lw_writer_open(path, &writer, &error), LW_OK);
        cr_assert(freopen("/dev/full", "w", writer.stream));
        for (size_t i = 0; i < bytes; i++)
            fputc('x', writer.stream);
        cr_assert_eq(lw_writer_commit(&writer, &error), LW_FAILED);
        cr_assert(strstr(error.text, path), "%s", error.text);
        cr_assert(strstr(error.text, "No space left on device"), "%s", error.text);
        check_contents("old");
        cr_assert_eq(count_files(), 1);
    }
}

Test(file, limit_on_size_leaves_the_old_file)
{
    struct lw_error error = {0};
    struct lw_writer writer;
    const struct rlimit limit = {4096, RLIM_INFINITY};
    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(lw_writer_open(path, &writer, &error), LW_OK);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    for (int i = 0; i < 8192; i++)
        fputc('x', writer.stream);
    cr_assert_eq(lw_writer_commit(&writer, &error), LW_FAILED);
    cr_assert(strstr(error.text, "File too large"), "%s", error.text);
    check_contents("old");
    cr_assert_eq(count_files(), 1);
}

Test(file, a_signal_removes_what_is_temporary)
{
    struct lw_writer writers[3];
    char *left, *closed, inner[256];
    cr_assert_eq(lw_temporary_folder(folder, "left", &left, NULL), LW_OK);
    snprintf(inner, sizeof inner, "mkdir -p %s/a/b && echo x > %s/a/b/c", left, left);
    cr_assert_eq(system(inner), 0);
    cr_assert_eq(lw_temporary_folder(folder, "closed", &closed, NULL), LW_OK);
    lw_temporary_close(closed);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(lw_writer_open(path, &writers[i], NULL), LW_OK);
    cr_assert_eq(count_files(), 5);
    lw_writer_abort(&writers[1]);
    lw_temporary_remove_all();
    cr_assert_eq(count_files(), 1);
    struct lw_error error = {0}; /* what is gone cannot be put in place */
    cr_assert_eq(lw_writer_commit(&writers[0], &error), LW_FAILED);
    lw_writer_abort(&writers[2]);
    lw_temporary_close(left);
    check_contents("old");
}

Test(file, as_many_writers_as_there_is_room_for)
{
    struct lw_writer writers[64];
    struct lw_error error = {0};
    int open = 0;
    while (open < 64 && lw_writer_open(path, &writers[open], &error) == LW_OK)
        open++;
    cr_assert_eq(open, 16);
    cr_assert(strstr(error.text, "too many files"), "%s", error.text);
    cr_assert_eq(count_files(), 17);
    while (open-- > 0)
        lw_writer_abort(&writers[open]);
    cr_assert_eq(write_text("again", &error), LW_OK);
}

Test(file, refuses_what_is_no_file)
{
    struct lw_error error = {0};
    struct lw_mapping mapping;
    struct lw_writer writer;
    cr_assert_eq(lw_map_file(folder, &mapping, &error), LW_FAILED);
    cr_assert(strstr(error.text, "is a directory"));
    cr_assert_eq(lw_map_file("/dev/null", &mapping, &error), LW_FAILED);
    cr_assert(strstr(error.text, "is not a regular file"));
    cr_assert_eq(lw_writer_open(folder, &writer, &error), LW_FAILED);
    cr_assert(strstr(error.text, "is a directory"));
    cr_assert_eq(lw_writer_open("/dev/full", &writer, &error), LW_FAILED);
    cr_assert_eq(lw_writer_open("/nonexistent/file", &writer, &error), LW_FAILED);
    cr_assert_str_eq(error.text, "cannot write /nonexistent/file: No such file or directory");
    lw_writer_abort(&writer); /* does nothing */
}

Test(file, joins_paths)
{
    static const char *const cases[][3] = {{"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"/", "b", "/b"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *joined = lw_path_join(cases[i][0], cases[i][1]);
        cr_assert_str_eq(joined, cases[i][2]);
        free(joined);
    }
}
