/* lutwidge report: one page for a browser. */
#include "cli/cli.h"

#include "models/file.h"
#include "profiles/report.h"

#include <stdio.h>
#include <string.h>

static enum lw_status write_file(struct lw_database *database, const char *path, const char *output,
                                 long *bytes, struct lw_error *error)
{
    struct lw_writer writer;
    enum lw_status status = lw_writer_open(output, &writer, error);
    if (status != LW_OK)
        return status;
    status = lw_report_write(database, path, writer.stream, error);
    *bytes = ftell(writer.stream);
    if (status == LW_OK)
        return lw_writer_commit(&writer, error);
    lw_writer_abort(&writer);
    return status;
}

int cli_report_page(int argc, const char **argv)
{
    char *path = "lutwidge.db", *output = NULL;
    struct poptOption options[] = {
        {"output", 'o', POPT_ARG_STRING, &output, 0, "the page; - is standard output",
         "report.html"},
        {"db", 0, POPT_ARG_STRING | POPT_ARGFLAG_SHOW_DEFAULT, &path, 0, "the database", "FILE"},
        POPT_TABLEEND};
    const char **rest;
    struct lw_error error = {0};
    struct lw_database *database = NULL;
    long bytes = 0;
    enum lw_status status = cli_parse(cli_verb_named("report"), argc, argv, options, 0, 0, &rest);
    if (status != LW_OK)
        return (int)status;
    if (!output)
        status = lw_fail(&error, LW_USAGE, "where to? Name the page with -o report.html");
    if (status == LW_OK)
        status = lw_database_open_read_only(path, &database, &error);
    bool to_stdout = output && strcmp(output, "-") == 0;
    if (status == LW_OK && !to_stdout)
        status = cli_check_output(output, (const char *const[]){path}, 1, &error);
    if (status == LW_OK)
        status = to_stdout ? lw_report_write(database, path, stdout, &error)
                           : write_file(database, path, output, &bytes, &error);
    lw_database_close(database);
    if (status != LW_OK)
        return cli_report("report", status, &error);
    if (!to_stdout)
        fprintf(stderr, "lutwidge report: %s, %.2f MB\n", output, (double)bytes / 1e6);
    return LW_OK;
}
