#include "cli/inspect_picks.h"

#include "gen/picks.h"
#include "models/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum lw_status read_manifest(const char *folder, json_t **manifest, struct lw_error *error)
{
    char *path = lw_path_join(folder, "manifest.json");
    if (!path)
        return lw_fail(error, LW_FAILED, "out of memory");
    json_error_t where;
    enum lw_status status = LW_OK;
    *manifest = json_load_file(path, JSON_REJECT_DUPLICATES, &where);
    if (!*manifest)
        status = lw_fail(error, LW_CORRUPT, "%s: %s", path, where.text);
    else if (!json_is_object(json_object_get(*manifest, "plan")) ||
             !json_is_array(json_object_get(*manifest, "picks")))
        status = lw_fail(error, LW_CORRUPT,
                         "%s has no plan of its kernels: made by a version "
                         "before 2 of the format?",
                         path);
    free(path);
    return status;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "?";
}

/* Microseconds of a call, for each N. */
static void print_times(const json_t *option)
{
    for (size_t b = LW_PICK_COLUMNS; b-- > 0;) {
        char columns[24];
        snprintf(columns, sizeof columns, "%zu", lw_pick_columns[b]);
        const json_t *ns = json_object_get(json_object_get(option, "ns"), columns);
        printf("  %8.2f", 1e-3 * json_number_value(ns));
    }
}

static void print_pick(const json_t *pick, int name_width)
{
    const json_t *other = json_object_get(pick, "runner_up");
    printf("%-*s  %4lld  %7lld  %-12s", name_width, text_of(pick, "matrix"),
           (long long)json_integer_value(json_object_get(pick, "bits")),
           (long long)json_integer_value(json_object_get(pick, "rows")), text_of(pick, "family"));
    print_times(pick);
    printf("  %-5s", json_is_true(json_object_get(pick, "many_columns")) ? "many" : "few");
    printf("  %s", text_of(pick, "why"));
    if (json_is_object(other))
        printf(": %.2f us a column, %s %.2f",
               1e-3 * json_number_value(json_object_get(pick, "column_ns")),
               text_of(other, "family"),
               1e-3 * json_number_value(json_object_get(other, "column_ns")));
    putchar('\n');
}

static void print_table(const json_t *manifest)
{
    const json_t *plan = json_object_get(manifest, "plan"),
                 *picks = json_object_get(manifest, "picks");
    int name_width = 12;
    for (size_t i = 0; i < json_array_size(picks); i++) {
        int length = (int)strlen(text_of(json_array_get(picks, i), "matrix"));
        name_width = length > name_width ? length : name_width;
    }
    printf("\nkernels for %s (%s), planned by %s; %.0f bytes of keys, %s\n",
           text_of(manifest, "device"), text_of(manifest, "compiler"), text_of(plan, "basis"),
           json_number_value(json_object_get(plan, "key_bytes")),
           json_is_true(json_object_get(plan, "resident"))
               ? "more than the second cache level holds: times are of resident kernels"
               : "which the second cache level holds: times are of hot kernels");
    printf("%-*s  %4s  %7s  %-12s", name_width, "matrix", "bits", "rows", "family");
    for (size_t b = LW_PICK_COLUMNS; b-- > 0;) {
        char title[24];
        snprintf(title, sizeof title, "us N=%zu", lw_pick_columns[b]);
        printf("  %8s", title);
    }
    printf("  %-5s  %s\n", "N", "why");
    for (size_t i = 0; i < json_array_size(picks); i++)
        print_pick(json_array_get(picks, i), name_width);
}

enum lw_status cli_inspect_picks(const char *folder, struct lw_error *error)
{
    json_t *manifest;
    enum lw_status status = read_manifest(folder, &manifest, error);
    if (status == LW_OK)
        print_table(manifest);
    json_decref(manifest);
    return status;
}

enum lw_status cli_inspect_picks_json(const char *folder, json_t **kernels, struct lw_error *error)
{
    static const char *const keys[] = {"device", "flags", "compiler", "generator", "plan", "picks"};
    json_t *manifest;
    enum lw_status status = read_manifest(folder, &manifest, error);
    *kernels = json_object();
    for (size_t i = 0; i < sizeof keys / sizeof *keys && status == LW_OK; i++)
        json_object_set(*kernels, keys[i], json_object_get(manifest, keys[i]));
    json_decref(manifest);
    return status;
}
