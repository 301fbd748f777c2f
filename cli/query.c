/* lutwidge query: what the database holds. */
#include "cli/cli.h"

#include "profiles/database.h"

#include <stdio.h>

int cli_query(int argc, const char **argv)
{
    char *path = "lutwidge.db", *sql = NULL;
    int as_json = 0, as_csv = 0;
    struct poptOption options[] = {
        {"db", 0, POPT_ARG_STRING | POPT_ARGFLAG_SHOW_DEFAULT, &path, 0, "the database", "FILE"},
        {"sql", 0, POPT_ARG_STRING, &sql, 0, "a SELECT of your own instead of a named query",
         "SQL"},
        {"json", 0, POPT_ARG_NONE, &as_json, 0, "print an array of objects, every column", NULL},
        {"csv", 0, POPT_ARG_NONE, &as_csv, 0, "print CSV with a header, every column", NULL},
        POPT_TABLEEND};
    const char **rest;
    struct lw_error error = {0};
    enum lw_status status = cli_parse(cli_verb_named("query"), argc, argv, options, 0, 1, &rest);
    if (status != LW_OK)
        return (int)status;
    if (as_json && as_csv)
        status = lw_fail(&error, LW_USAGE, "--json and --csv exclude each other");
    else if (!rest[0] == !sql)
        status =
            lw_fail(&error, LW_USAGE,
                    "give either the name of a query (runs, translations, sensitivity, "
                    "kernels, static, simulations, engines, syntheses, parts, plans) or --sql");

    struct lw_database *database = NULL;
    enum lw_output output = as_json ? LW_OUTPUT_JSON : as_csv ? LW_OUTPUT_CSV : LW_OUTPUT_TABLE;
    if (status == LW_OK)
        status = lw_database_open_read_only(path, &database, &error);
    if (status == LW_OK)
        status = lw_database_query(database, rest[0], sql, output, stdout, &error);
    lw_database_close(database);
    return status == LW_OK ? LW_OK : cli_report("query", status, &error);
}
