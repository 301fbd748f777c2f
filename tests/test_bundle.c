/* Bundles: made whole or not at all, checked when opened, and equal to the definition. */
#include "gen/bundle.h"
#include "gen/registry.h"
#include "models/file.h"
#include "tests/places.h"
#include "tests/random_model.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static size_t entries_in(const char *folder)
{
    size_t count = 0;
    DIR *listing = opendir(folder);
    cr_assert(listing != NULL);
    for (struct dirent *entry; (entry = readdir(listing));)
        count += entry->d_name[0] != '.';
    closedir(listing);
    return count;
}

static enum lw_status make(struct place *place, enum lw_isa isa, const struct lw_watch *watch,
                           struct lw_error *error)
{
    return lw_bundle_make(place->file, &place->model, isa, place->bundle, "test", watch, error);
}

Test(bundle, replaces_a_bundle_and_nothing_else)
{
    struct place place;
    struct lw_error error = {0};
    struct lw_bundle bundle;
    place_make(&place, LW_ARITH_T8);
    cr_assert_eq(make(&place, LW_ISA_C, NULL, &error), LW_OK, "%s", error.text);
    cr_assert_eq(make(&place, LW_ISA_C, NULL, &error), LW_OK, "%s", error.text);
    cr_assert_eq(lw_bundle_open(place.bundle, &place.model, &bundle, &error), LW_OK, "%s",
                 error.text);
    lw_bundle_close(&bundle);
    cr_assert_eq(entries_in(place.folder), 2);
    cr_assert_eq(
        lw_bundle_make(place.file, &place.model, LW_ISA_C, place.folder, "test", NULL, &error),
        LW_USAGE);
    cr_assert_eq(
        lw_bundle_make(place.file, &place.model, LW_ISA_C, place.file, "test", NULL, &error),
        LW_USAGE);
    cr_assert_eq(lw_bundle_make(place.file, &place.model, LW_ISA_C, "", "test", NULL, &error),
                 LW_USAGE);
    cr_assert_eq(entries_in(place.folder), 2);
    place_free(&place);
}

Test(bundle, leaves_folders_of_others_that_hold_a_manifest)
{
    struct place place;
    struct lw_error error = {0};
    char path[160];
    place_make(&place, LW_ARITH_T8);
    cr_assert_eq(mkdir(place.bundle, 0777), 0);
    snprintf(path, sizeof path, "%s/manifest.json", place.bundle);
    FILE *stream = fopen(path, "w");
    cr_assert(stream != NULL);
    fputs("{\"name\": \"my pages\"}\n", stream);
    cr_assert_eq(fclose(stream), 0);
    cr_assert_eq(make(&place, LW_ISA_C, NULL, &error), LW_USAGE);
    cr_assert(strstr(error.text, "no bundle") != NULL, "%s", error.text);
    cr_assert_eq(access(path, F_OK), 0);
    place_free(&place);
}

Test(bundle, goes_to_odd_names_and_behind_links)
{
    static const char *const names[] = {"-x", "@x", "link/", "link", "a 'b' \"$c\" %s\xff/"};
    struct place place;
    struct lw_bundle bundle;
    struct lw_error error = {0};
    place_make(&place, LW_ARITH_T8);
    cr_assert_eq(make(&place, LW_ISA_C, NULL, &error), LW_OK, "%s", error.text);
    cr_assert_eq(chdir(place.folder), 0);
    cr_assert_eq(symlink("bundle", "link"), 0);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        cr_assert_eq(
            lw_bundle_make(place.file, &place.model, LW_ISA_C, names[i], "test", NULL, &error),
            LW_OK, "%s", error.text);
        cr_assert_eq(lw_bundle_open(names[i], &place.model, &bundle, &error), LW_OK, "%s",
                     error.text);
        lw_bundle_close(&bundle);
    }
    char target[16] = "";
    cr_assert_eq(readlink("link", target, sizeof target), 6);
    cr_assert_eq(entries_in("."), 6);
    place_free(&place);
}

Test(bundle, without_compiler_says_so_and_leaves_nothing)
{
    struct place place;
    struct lw_error error = {0};
    place_make(&place, LW_ARITH_T8);
    setenv("LUTWIDGE_CLANG", "/nonexistent/clang", 1);
    cr_assert_eq(make(&place, LW_ISA_C, NULL, &error), LW_FAILED);
    cr_assert(strstr(error.text, "/nonexistent/clang") &&
              strstr(error.text, "apt-get install clang-19"));
    cr_assert_eq(entries_in(place.folder), 1);
    setenv("LUTWIDGE_CLANG", "false", 1);
    cr_assert_eq(make(&place, LW_ISA_C, NULL, &error), LW_FAILED);
    cr_assert(strstr(error.text, "'false'") != NULL, "%s", error.text);
    cr_assert_eq(entries_in(place.folder), 1);
    place_free(&place);
}

/* Makes a shell script the compiler. */
static void set_compiler(const struct place *place, const char *text)
{
    char path[96];
    snprintf(path, sizeof path, "%s/compiler", place->folder);
    FILE *stream = fopen(path, "w");
    cr_assert(stream != NULL);
    fputs(text, stream);
    cr_assert_eq(fclose(stream), 0);
    cr_assert_eq(chmod(path, 0755), 0);
    setenv("LUTWIDGE_CLANG", path, 1);
}

Test(bundle, takes_compilers_behind_scripts)
{
    struct place place;
    struct lw_error error = {0};
    place_make(&place, LW_ARITH_T8);
    set_compiler(&place, "#!/bin/sh\n"
                         "[ $1 = --version ] && echo one && sleep 0.1 && echo two && exit\n"
                         "exec clang-19 \"$@\"\n");
    cr_assert_eq(make(&place, LW_ISA_C, NULL, &error), LW_OK, "%s", error.text);
    set_compiler(&place, "#!/bin/sh\n"
                         "[ $1 = --version ] && exit 3\n"
                         "exec clang-19 \"$@\"\n");
    cr_assert_eq(make(&place, LW_ISA_C, NULL, &error), LW_FAILED);
    cr_assert(strstr(error.text, "--version' fails") != NULL, "%s", error.text);
    cr_assert_eq(entries_in(place.folder), 3);
    place_free(&place);
}

static bool stop_at_two(void *context, size_t done, size_t all)
{
    (void)context, (void)all;
    return done < 2;
}

Test(bundle, stopped_leaves_nothing)
{
    struct place place;
    struct lw_error error = {0};
    struct lw_watch watch = {stop_at_two, NULL};
    place_make(&place, LW_ARITH_T8);
    cr_assert_eq(make(&place, LW_ISA_C, &watch, &error), LW_FAILED);
    cr_assert_eq(entries_in(place.folder), 1);
    place_free(&place);
}

/* Changes one byte in the middle of a file of the bundle. */
static void damage(const struct place *place, const char *name)
{
    char path[160], byte;
    snprintf(path, sizeof path, "%s/%s", place->bundle, name);
    int file = open(path, O_RDWR);
    off_t middle = lseek(file, 0, SEEK_END) / 2;
    cr_assert_eq(pread(file, &byte, 1, middle), 1);
    byte ^= 4;
    cr_assert_eq(pwrite(file, &byte, 1, middle), 1);
    close(file);
}

Test(bundle, refuses_what_is_damaged_or_foreign)
{
    static const char *const files[] = {"model.lwm", "weights.bin", "kernels.so", "manifest.json"};
    struct place place, other;
    struct lw_error error = {0};
    struct lw_bundle bundle;
    place_make(&place, LW_ARITH_T8);
    place_make(&other, LW_ARITH_A8);
    cr_assert_eq(make(&place, LW_ISA_C, NULL, &error), LW_OK, "%s", error.text);
    cr_assert_eq(lw_bundle_open(place.bundle, &other.model, &bundle, &error), LW_CORRUPT);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char path[160];
        cr_assert_eq(make(&place, LW_ISA_C, NULL, &error), LW_OK, "%s", error.text);
        if (i < 3)
            damage(&place, files[i]);
        else
            cr_assert_eq(
                truncate((snprintf(path, sizeof path, "%s/%s", place.bundle, files[i]), path), 40),
                0);
        cr_assert_eq(lw_bundle_open(place.bundle, &place.model, &bundle, &error), LW_CORRUPT, "%s",
                     files[i]);
        cr_assert(strstr(error.text, files[i]) != NULL, "%s", error.text);
        snprintf(path, sizeof path, "%s/%s", place.bundle, files[i]);
        unlink(path);
        cr_assert_eq(lw_bundle_open(place.bundle, &place.model, &bundle, &error), LW_CORRUPT, "%s",
                     files[i]);
        cr_assert_eq(mkdir(place.bundle, 0777), -1);
        char command[160];
        snprintf(command, sizeof command, "rm -rf %s", place.bundle);
        cr_assert_eq(system(command), 0);
    }
    place_free(&place);
    place_free(&other);
}

Test(bundle, is_not_made_of_unquantised_models)
{
    struct lw_model model;
    struct lw_spec *specs;
    size_t count;
    struct lw_error error = {0};
    struct lw_config config = test_small_config();
    test_random_model(&config, 1, &model);
    cr_assert_eq(lw_bundle_specs(&model, LW_ISA_C, &specs, &count, &error), LW_USAGE);
    lw_model_free(&model);
}
