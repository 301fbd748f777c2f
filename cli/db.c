/* lutwidge db: check, merge and export databases. */
#include "cli/cli.h"

#include "profiles/database_tools.h"

#include <stdio.h>
#include <string.h>

static enum lw_status check(const char *path, int as_json, struct lw_error *error)
{
    struct lw_database_check found;
    enum lw_status status = lw_database_check(path, &found, error);
    if (status == LW_OK && as_json)
        printf("{\"version\": %d, \"rows\": %zu}\n", found.version, found.rows);
    else if (status == LW_OK)
        printf("%s: version %d, %zu rows, sound\n", path, found.version, found.rows);
    return status;
}

static enum lw_status merge(const char *path, const char *const *others, int as_json,
                            struct lw_error *error)
{
    struct lw_database *database;
    struct lw_database_merge sum = {0};
    enum lw_status status = lw_database_open(path, &database, error);
    for (; status == LW_OK && *others; others++) {
        struct lw_database_merge one;
        status = lw_database_merge(database, *others, &one, error);
        if (status != LW_OK)
            continue;
        sum.added += one.added;
        sum.replaced += one.replaced;
        if (!as_json)
            printf("%s into %s: %zu rows added, %zu replaced\n", *others, path, one.added,
                   one.replaced);
    }
    lw_database_close(database);
    if (status == LW_OK && as_json)
        printf("{\"added\": %zu, \"replaced\": %zu}\n", sum.added, sum.replaced);
    return status;
}

static enum lw_status export_tables(const char *path, const char *table, int as_csv,
                                    struct lw_error *error)
{
    struct lw_database *database;
    if (as_csv && !table)
        return lw_fail(error, LW_USAGE, "--csv is of one table: lutwidge db export TABLE --csv");
    enum lw_status status = lw_database_open_read_only(path, &database, error);
    if (status == LW_OK)
        status = lw_database_export(database, table, as_csv ? LW_OUTPUT_CSV : LW_OUTPUT_LINES,
                                    stdout, error);
    lw_database_close(database);
    return status;
}

int cli_db(int argc, const char **argv)
{
    char *path = "lutwidge.db";
    int as_json = 0, as_csv = 0;
    struct poptOption options[] = {
        {"db", 0, POPT_ARG_STRING | POPT_ARGFLAG_SHOW_DEFAULT, &path, 0,
         "the database: what is checked, merged into or exported", "FILE"},
        {"json", 0, POPT_ARG_NONE, &as_json, 0,
         "check, merge: print an object; export prints JSON lines in any case", NULL},
        {"csv", 0, POPT_ARG_NONE, &as_csv, 0, "export: CSV of one table", NULL},
        POPT_TABLEEND};
    const char **rest;
    struct lw_error error = {0};
    enum lw_status status = cli_parse(cli_verb_named("db"), argc, argv, options, 1, 1000, &rest);
    if (status != LW_OK)
        return (int)status;
    bool is_export = strcmp(rest[0], "export") == 0;
    if (as_csv && (!is_export || as_json))
        status = lw_fail(&error, LW_USAGE, "--csv is for export, and excludes --json");
    else if (strcmp(rest[0], "check") == 0 && !rest[1])
        status = check(path, as_json, &error);
    else if (strcmp(rest[0], "merge") == 0 && rest[1])
        status = merge(path, rest + 1, as_json, &error);
    else if (is_export && (!rest[1] || !rest[2]))
        status = export_tables(path, rest[1], as_csv, &error);
    else
        status = lw_fail(&error, LW_USAGE, "give check, merge OTHER.db..., or export [TABLE]");
    return status == LW_OK ? LW_OK : cli_report("db", status, &error);
}
