#include "cli/cli.h"

#include "profiles/database.h"

enum lw_status cli_record(const char *path, const struct lw_run *run, struct lw_error *error)
{
    struct lw_database *database;
    struct lw_error own = {0};
    enum lw_status status = lw_database_open(path, &database, &own);
    if (status == LW_OK) {
        status = lw_database_add_run(database, run, &own);
        lw_database_close(database);
    }
    return status == LW_OK
               ? LW_OK
               : lw_fail(error, status, "the work is done, its figures are not kept: %s", own.text);
}
