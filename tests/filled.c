#include "tests/filled.h"

#include "tests/databases.h"

#include <criterion/criterion.h>
#include <sqlite3.h>

/* tests/filling.sql */
static const char filling_sql[] = {
#include "tests/filling.sql.inc"
};

static void bind(sqlite3_stmt *statement, const char *name, size_t value)
{
    int index = sqlite3_bind_parameter_index(statement, name);
    if (index)
        cr_assert_eq(sqlite3_bind_int64(statement, index, (sqlite3_int64)value), SQLITE_OK);
}

/* Runs the first statement of the text and returns what is behind it; NULL: there was none. */
static const char *run(sqlite3 *handle, const char *sql, const struct filling *filling)
{
    sqlite3_stmt *statement;
    const char *rest;
    cr_assert_eq(sqlite3_prepare_v2(handle, sql, -1, &statement, &rest), SQLITE_OK, "%s: %s",
                 sqlite3_errmsg(handle), sql);
    if (!statement)
        return NULL;
    bind(statement, ":models", filling->models);
    bind(statement, ":layers", filling->layers);
    bind(statement, ":plans", filling->plans);
    bind(statement, ":scored", filling->scored);
    bind(statement, ":kernels", filling->kernels);
    bind(statement, ":simulations", filling->simulations);
    bind(statement, ":targets", filling->targets);
    cr_assert_eq(sqlite3_step(statement), SQLITE_DONE, "%s: %s", sqlite3_errmsg(handle), sql);
    sqlite3_finalize(statement);
    return rest;
}

void database_fill(const struct filling *filling)
{
    sqlite3 *handle;
    lw_database_close(database_open());
    cr_assert_eq(sqlite3_open(database_path, &handle), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(handle, "PRAGMA foreign_keys = ON; BEGIN", NULL, NULL, NULL),
                 SQLITE_OK);
    for (const char *sql = filling_sql; sql; sql = run(handle, sql, filling))
        ;
    cr_assert_eq(sqlite3_exec(handle, "COMMIT", NULL, NULL, NULL), SQLITE_OK, "%s",
                 sqlite3_errmsg(handle));
    sqlite3_close(handle);
}

size_t database_measurements(void)
{
    static const char sql[] =
        "SELECT (SELECT count(*) FROM part_losses) + (SELECT count(*) FROM part_costs) + (SELECT "
        "count(*) FROM plan_losses) + (SELECT count(*) FROM plan_costs) + (SELECT count(*) FROM "
        "kernel_measurements) + (SELECT count(*) FROM static_estimates) + (SELECT count(*) FROM "
        "simulations) + (SELECT count(*) FROM sensitivities)";
    sqlite3 *handle;
    sqlite3_stmt *statement;
    cr_assert_eq(sqlite3_open(database_path, &handle), SQLITE_OK);
    cr_assert_eq(sqlite3_prepare_v2(handle, sql, -1, &statement, NULL), SQLITE_OK);
    cr_assert_eq(sqlite3_step(statement), SQLITE_ROW);
    size_t rows = (size_t)sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(handle);
    return rows;
}
