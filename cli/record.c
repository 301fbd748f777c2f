#include "cli/cli.h"

#include "profiles/database.h"

enum lw_status cli_record(const char *path, const struct lw_run *run, struct lw_error *error)
{
    struct lw_database *database;
    enum lw_status status = lw_database_open(path, &database, error);
    if (status != LW_OK)
        return status;
    status = lw_database_add_run(database, run, error);
    lw_database_close(database);
    return status;
}
