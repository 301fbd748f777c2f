/* Bundles: made whole or not at all, checked when opened, and equal to the definition. */
#include "gen/bundle.h"
#include "gen/bundle_place.h"
#include "gen/registry.h"
#include "models/file.h"
#include "models/lwm.h"
#include "models/quantize.h"
#include "runtime/backend.h"
#include "tests/places.h"
#include "tests/random_model.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
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
    return lw_bundle_make(&place->model, lw_device_of(isa), place->bundle, "test", watch, error);
}

/* Every matrix, 1 to 11 columns, kernels against the definition. */
static void check_products(const struct place *place, const struct lw_bundle *bundle)
{
    struct lw_backend kernels, reference;
    struct lw_error error = {0};
    cr_assert_eq(lw_backend_kernels(&place->model, bundle, &kernels, &error), LW_OK);
    cr_assert_eq(lw_backend_reference(&place->model, &reference, &error), LW_OK);
    uint64_t seed = 9;
    for (size_t i = 0; i < place->model.matrix_count; i++)
        for (size_t n = 1; n < 12; n++) {
            const struct lw_matrix *matrix = &place->model.matrices[i];
            if (!matrix->bias)
                continue;
            float *x = calloc(n * matrix->columns, sizeof *x);
            float *y = calloc(2 * n * matrix->rows, sizeof *y), *z = y + n * matrix->rows;
            for (size_t k = 0; k < n * matrix->columns; k++)
                x[k] = test_normal(&seed);
            struct lw_product a = {(unsigned)i, y}, b = {(unsigned)i, z};
            cr_assert_eq(kernels.multiply(kernels.self, &a, 1, n, x, &error), LW_OK, "%s",
                         error.text);
            cr_assert_eq(reference.multiply(reference.self, &b, 1, n, x, &error), LW_OK);
            cr_assert_eq(memcmp(y, z, n * matrix->rows * sizeof *y), 0, "%s, N = %zu", matrix->name,
                         n);
            x[0] = 1.0f / 0.0f;
            cr_assert_eq(kernels.multiply(kernels.self, &a, 1, n, x, &error), LW_FAILED);
            cr_assert(strstr(error.text, matrix->name) != NULL, "%s", error.text);
            free(x);
            free(y);
        }
    lw_backend_close(&kernels);
    lw_backend_close(&reference);
}

/* Whether the bundle's model holds the bytes of the file that the model came from. */
static bool holds_the_file(const struct place *place)
{
    char path[160];
    struct lw_mapping a, b;
    struct lw_error error = {0};
    snprintf(path, sizeof path, "%s/model.lwm", place->bundle);
    cr_assert_eq(lw_map_file(place->file, &a, &error), LW_OK, "%s", error.text);
    cr_assert_eq(lw_map_file(path, &b, &error), LW_OK, "%s", error.text);
    bool same = a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
    lw_unmap_file(&a);
    lw_unmap_file(&b);
    return same;
}

/* Scales of prefixes are neither sorted nor always positive, and codes of one matrix merge. */
Test(bundle, prefixes_of_nested_planes_equal_the_definition)
{
    struct place place;
    struct lw_nested nested;
    struct lw_nested_report report;
    struct lw_bundle bundle;
    struct lw_error error = {0};
    static const uint8_t mixed[] = {3, 1, 2, 2, 1, 3, 3, 1, 2};
    const uint8_t *row_bits[64] = {mixed};
    struct lw_choice choices[64];
    place_make(&place, LW_ARITH_T8);
    for (size_t i = 0; i < place.source.matrix_count; i++)
        choices[i] = (struct lw_choice){.bits = 3, .group = i % 3 ? 0 : 32, .arith = LW_ARITH_T8};
    struct lw_quantize request = {.choices = choices, .row_bits = row_bits, .threads = 1};
    cr_assert_eq(lw_quantize_nested(&place.source, &request, &nested, &report, &error), LW_OK, "%s",
                 error.text);
    nested.model.made_by = strdup("test");
    size_t all = nested.chunk_count, some[] = {nested.smallest, (nested.smallest + all) / 2, all};
    for (size_t i = 0; i < 3; i++) {
        lw_model_free(&place.model);
        cr_assert_eq(lw_nested_prefix(&nested, some[i], &place.model, &error), LW_OK);
        cr_assert_eq(lw_lwm_write(place.file, &place.model, place.model.made_by, &error), LW_OK);
        cr_assert_eq(make(&place, lw_isa_host(), NULL, &error), LW_OK, "%s", error.text);
        cr_assert(holds_the_file(&place));
        cr_assert_eq(lw_bundle_open(place.bundle, &place.model, &bundle, &error), LW_OK, "%s",
                     error.text);
        check_products(&place, &bundle);
        lw_bundle_close(&bundle);
    }
    lw_nested_free(&nested);
    place_free(&place);
}

/* What is picked changes nothing but times: the pick of each code is turned round. */
Test(bundle, every_family_equals_the_definition)
{
    struct place place;
    struct lw_picks picks;
    struct lw_bundle bundle;
    struct lw_error error = {0};
    const struct lw_device *device = lw_device_of(lw_isa_host());
    place_make(&place, LW_ARITH_A8);
    for (size_t turn = 0; turn < 3; turn++) {
        cr_assert_eq(lw_picks_list(&place.model, device, &picks, &error), LW_OK, "%s", error.text);
        for (size_t i = 0; i < picks.count; i++) {
            struct lw_pick *pick = &picks.picks[i];
            bool swap = turn == 1 || (turn == 2 && i % 2);
            for (size_t o = 0; o < pick->option_count; o++)
                for (size_t b = 0; b < LW_PICK_COLUMNS; b++)
                    pick->options[o].ns[b] = swap ? (double)(9 - o) : (double)(o + 1);
        }
        lw_picks_decide(&picks, LW_BASIS_MEASURED);
        cr_assert_eq(
            lw_bundle_make_picked(&place.model, device, &picks, place.bundle, "test", NULL, &error),
            LW_OK, "%s", error.text);
        cr_assert_eq(lw_bundle_open(place.bundle, &place.model, &bundle, &error), LW_OK, "%s",
                     error.text);
        for (size_t i = 0; i < picks.count; i++)
            cr_expect_eq(
                bundle.matrices[picks.picks[i].matrix].codes[picks.picks[i].code].spec.family,
                picks.picks[i].options[0].spec.family);
        check_products(&place, &bundle);
        lw_bundle_close(&bundle);
        lw_picks_free(&picks);
    }
    place_free(&place);
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
    cr_assert(holds_the_file(&place));
    cr_assert_eq(entries_in(place.folder), 2);
    cr_assert_eq(
        lw_bundle_make(&place.model, lw_device_of(LW_ISA_C), place.folder, "test", NULL, &error),
        LW_USAGE);
    cr_assert_eq(
        lw_bundle_make(&place.model, lw_device_of(LW_ISA_C), place.file, "test", NULL, &error),
        LW_USAGE);
    cr_assert_eq(lw_bundle_make(&place.model, lw_device_of(LW_ISA_C), "", "test", NULL, &error),
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
            lw_bundle_make(&place.model, lw_device_of(LW_ISA_C), names[i], "test", NULL, &error),
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

/* Makes FOLDER/NAME with a file in it. */
static void make_entry(const struct place *place, const char *name)
{
    char path[160];
    snprintf(path, sizeof path, "%s/%s", place->folder, name);
    cr_assert_eq(mkdir(path, 0777), 0);
    strcat(path, "/file");
    FILE *stream = fopen(path, "w");
    cr_assert(stream != NULL);
    fclose(stream);
}

Test(bundle, what_the_killed_left_in_the_cache_is_collected)
{
    static const char *const kept[] = {
        "0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdef.partial-abcdef-old",
        "0123456789abcdef0123456789abcdef.partial-abcde", "mine.partial-abcdef",
        "0123456789abcdef0123456789abcdef.kept----abcdef"};
    enum { KEPT = sizeof kept / sizeof *kept };
    struct place place;
    struct lw_place held;
    struct lw_error error = {0};
    char entry[160];
    int code;
    place_make(&place, LW_ARITH_T8);
    for (size_t i = 0; i < KEPT; i++)
        make_entry(&place, kept[i]);
    make_entry(&place, "0123456789abcdef0123456789abcdef.partial-abcdef");
    snprintf(entry, sizeof entry, "%s/fedcba9876543210fedcba9876543210", place.folder);
    cr_assert_eq(lw_place_open(entry, &held, &error), LW_OK, "%s", error.text);
    pid_t killed = fork();
    if (killed == 0) {
        struct lw_place left;
        enum lw_status status = lw_place_open(entry, &left, NULL);
        raise(status == LW_OK ? SIGKILL : SIGTERM);
    }
    cr_assert_eq(waitpid(killed, &code, 0), killed);
    cr_assert(WIFSIGNALED(code) && WTERMSIG(code) == SIGKILL);
    cr_assert_eq(entries_in(place.folder), 1 + KEPT + 3); /* m.lwm, and the partial ones */
    lw_bundle_collect(place.folder);
    cr_expect_eq(entries_in(place.folder), 1 + KEPT + 1);
    cr_expect_eq(access(held.partial, F_OK), 0, "its process lives");
    for (size_t i = 0; i < KEPT; i++) {
        snprintf(entry, sizeof entry, "%s/%s/file", place.folder, kept[i]);
        cr_expect_eq(access(entry, F_OK), 0, "%s", kept[i]);
    }
    lw_place_abort(&held);
    cr_expect_eq(entries_in(place.folder), 1 + KEPT);
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
    cr_assert(strstr(error.text, "'false") != NULL, "%s", error.text);
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

/* Opens the model of a bundle and the bundle, neither of which stays open. */
static enum lw_status open_all(const char *folder, struct lw_bundle *bundle, struct lw_error *error)
{
    struct lw_model model;
    char path[160];
    snprintf(path, sizeof path, "%s/model.lwm", folder);
    enum lw_status status = lw_lwm_open(path, &model, error);
    if (status != LW_OK)
        return status;
    status = lw_bundle_open(folder, &model, bundle, error);
    if (status == LW_OK)
        lw_bundle_close(bundle);
    lw_model_free(&model);
    return status;
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
        cr_assert_eq(open_all(place.bundle, &bundle, &error), LW_CORRUPT, "%s", files[i]);
        cr_assert(strstr(error.text, files[i]) != NULL, "%s", error.text);
        snprintf(path, sizeof path, "%s/%s", place.bundle, files[i]);
        unlink(path);
        cr_assert_neq(open_all(place.bundle, &bundle, &error), LW_OK, "%s", files[i]);
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
    struct lw_picks picks;
    struct lw_error error = {0};
    struct lw_config config = test_small_config();
    test_random_model(&config, 1, &model);
    cr_assert_eq(lw_picks_list(&model, lw_device_of(LW_ISA_C), &picks, &error), LW_USAGE);
    lw_model_free(&model);
}
