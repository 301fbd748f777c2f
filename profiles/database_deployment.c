#include "profiles/database_deployment.h"

#include "profiles/database_internal.h"

#include <stdio.h>
#include <string.h>

static enum lw_status read_row(struct lw_database *database, sqlite3_stmt *row,
                               const char *deployment, char model_hash[33], char **plan,
                               struct lw_error *error)
{
    int code = sqlite3_step(row);
    if (code == SQLITE_DONE)
        return lw_fail(error, LW_USAGE,
                       "%s has no plan '%s'; 'lutwidge query plans' names what it has",
                       database->path, deployment);
    if (code != SQLITE_ROW)
        return lw_database_fail(database, error);
    snprintf(model_hash, 33, "%s", (const char *)sqlite3_column_text(row, 0));
    *plan = strdup((const char *)sqlite3_column_text(row, 1));
    return *plan ? LW_OK : lw_fail(error, LW_FAILED, "out of memory for a plan");
}

enum lw_status lw_database_deployed_plan(struct lw_database *database, const char *deployment,
                                         char model_hash[33], char **plan, struct lw_error *error)
{
    sqlite3_stmt *row = NULL;
    *plan = NULL;
    int code = sqlite3_prepare_v2(database->handle,
                                  "SELECT model_hash, plan FROM plan_losses WHERE 'p' || id = ?",
                                  -1, &row, NULL);
    if (code == SQLITE_OK)
        code = lw_database_bind_text(row, 1, deployment);
    enum lw_status status = code == SQLITE_OK
                                ? read_row(database, row, deployment, model_hash, plan, error)
                                : lw_database_fail(database, error);
    sqlite3_finalize(row);
    return status;
}
