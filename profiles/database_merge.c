/* One database into another. Tables are found in the schema, so that later ones are merged, too:
 * their unique keys are the content keys, their foreign keys are mapped. */
#include "profiles/database_tools.h"

#include "profiles/database_internal.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static enum lw_status run(struct lw_database *database, const char *sql, struct lw_error *error)
{
    return sqlite3_exec(database->handle, sql, NULL, NULL, NULL) == SQLITE_OK
               ? LW_OK
               : lw_database_fail(database, error);
}

/* Runs and frees the text of sqlite3_mprintf. */
static enum lw_status run_owned(struct lw_database *database, char *sql, struct lw_error *error)
{
    if (!sql)
        return lw_fail(error, LW_FAILED, "out of memory");
    enum lw_status status = run(database, sql, error);
    sqlite3_free(sql);
    return status;
}

/* The first column of the first row, '' where there is none. sqlite3_free */
static enum lw_status read_text(struct lw_database *database, const char *sql, const char *table,
                                char **text, struct lw_error *error)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(database->handle, sql, -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_bind_text(statement, 1, table, -1, SQLITE_STATIC);
    *text = NULL;
    if (code == SQLITE_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        const unsigned char *value = sqlite3_column_text(statement, 0);
        *text = sqlite3_mprintf("%s", value ? (const char *)value : "");
    }
    enum lw_status status = *text ? LW_OK : lw_database_fail(database, error);
    sqlite3_finalize(statement);
    return status;
}

/* merge_map: the id that a row of the other file has here. */
static const char maps[] =
    "CREATE TEMP TABLE merge_map (name TEXT, old INTEGER, new INTEGER, PRIMARY KEY (name, old)) "
    "WITHOUT ROWID";

/* Those that are there by content, then the rest. */
static const char identities[] =
    "INSERT INTO main.machines (cpu, arch, cores, kernel) SELECT cpu, arch, cores, kernel FROM "
    "other.machines WHERE 1 ORDER BY id ON CONFLICT DO NOTHING;"
    "INSERT INTO merge_map SELECT 'machines', o.id, m.id FROM other.machines AS o JOIN "
    "main.machines AS m USING (cpu, arch, cores, kernel);"
    "INSERT INTO main.models (name, hash) SELECT name, hash FROM other.models WHERE 1 ORDER BY id "
    "ON CONFLICT DO NOTHING;"
    "INSERT INTO merge_map SELECT 'models', o.id, m.id FROM other.models AS o JOIN main.models AS "
    "m ON m.name = o.name AND m.hash IS o.hash";

#define RUN_CIRCUMSTANCES                                                                          \
    "time_utc, verb, command, tool_version, compiler, machine_id, model_id, input_hash, arith, "   \
    "kernels"
#define RUN_FIGURES                                                                                \
    "bits, real_bits, size_bytes, beams, lines, seconds, lines_per_s, peak_memory_bytes, bleu, "   \
    "chrf"
#define RUN_COLUMNS RUN_CIRCUMSTANCES ", " RUN_FIGURES

/* The n-th of equal runs there is the n-th here: a batch of like runs within a second stays whole,
 * and comes once. Rows of values are compared by IS, for which NULLs are equal. */
static const char runs_here[] =
    "CREATE TEMP TABLE merge_runs AS SELECT id AS old, time_utc, verb, command, tool_version, "
    "compiler, (SELECT new FROM merge_map WHERE name = 'machines' AND old = machine_id) AS "
    "machine_id, (SELECT new FROM merge_map WHERE name = 'models' AND old = model_id) AS model_id, "
    "input_hash, arith, kernels, " RUN_FIGURES " FROM other.runs;"
    "CREATE TEMP TABLE merge_there AS SELECT *, row_number() OVER (PARTITION BY " RUN_COLUMNS
    " ORDER BY old) AS nth FROM merge_runs;"
    "CREATE TEMP TABLE merge_here AS SELECT *, row_number() OVER (PARTITION BY " RUN_COLUMNS
    " ORDER BY id) AS nth FROM main.runs WHERE time_utc IN (SELECT time_utc FROM merge_runs);"
    "CREATE INDEX temp.merge_here_by_time ON merge_here (time_utc, nth);"
    "INSERT INTO merge_map SELECT 'runs', o.old, m.id FROM merge_there AS o JOIN merge_here AS m "
    "ON m.time_utc = o.time_utc AND m.nth = o.nth AND (m.verb, m.command, m.tool_version, "
    "m.compiler, m.machine_id, m.model_id, m.input_hash, m.arith, m.kernels, m.bits, m.real_bits, "
    "m.size_bytes, m.beams, m.lines, m.seconds, m.lines_per_s, m.peak_memory_bytes, m.bleu, "
    "m.chrf) IS (o.verb, o.command, o.tool_version, o.compiler, o.machine_id, o.model_id, "
    "o.input_hash, o.arith, o.kernels, o.bits, o.real_bits, o.size_bytes, o.beams, o.lines, "
    "o.seconds, o.lines_per_s, o.peak_memory_bytes, o.bleu, o.chrf)";

/* A run without seconds had not ended when its file was copied. */
#define SAME_BEGINNING                                                                             \
    "m.time_utc = o.time_utc AND (m.verb, m.command, m.tool_version, m.compiler, m.machine_id, "   \
    "m.model_id, m.input_hash) IS (o.verb, o.command, o.tool_version, o.compiler, o.machine_id, "  \
    "o.model_id, o.input_hash) AND (m.seconds IS NULL) <> (o.seconds IS NULL) AND m.id NOT IN "    \
    "(SELECT new FROM merge_map WHERE name = 'runs')"
static const char runs_ended[] =
    "INSERT OR IGNORE INTO merge_map SELECT 'runs', o.old, min(m.id) FROM merge_there AS o JOIN "
    "merge_here AS m ON " SAME_BEGINNING " WHERE o.old NOT IN (SELECT old FROM merge_map WHERE "
    "name = 'runs') GROUP BY o.old;"
    "UPDATE main.runs SET (arith, kernels, " RUN_FIGURES ") = (SELECT arith, kernels, " RUN_FIGURES
    " FROM merge_runs WHERE old = (SELECT max(old) FROM merge_map WHERE name = 'runs' AND new = "
    "main.runs.id)) WHERE seconds IS NULL AND id IN (SELECT new FROM merge_map JOIN merge_runs "
    "USING (old) WHERE name = 'runs' AND merge_runs.seconds IS NOT NULL)";

/* New ids go up in the order of the old ones, above all that are here. */
static const char runs_new[] =
    "INSERT INTO merge_map SELECT 'runs', old, (SELECT ifnull(max(id), 0) FROM main.runs) + "
    "row_number() OVER (ORDER BY old) FROM merge_runs WHERE old NOT IN (SELECT old FROM merge_map "
    "WHERE name = 'runs');"
    "INSERT INTO main.runs (id, " RUN_COLUMNS ") SELECT new, " RUN_COLUMNS
    " FROM merge_runs JOIN merge_map USING (old) WHERE name = 'runs' AND new NOT IN (SELECT id "
    "FROM main.runs) ORDER BY new;"
    "DROP TABLE merge_runs; DROP TABLE merge_there; DROP TABLE merge_here";

/* Columns of a table but for its id; as they are read from the other file; as they are replaced. */
static const char columns_of[] = "SELECT group_concat('\"' || name || '\"', ', ') FROM "
                                 "pragma_table_info(?) WHERE name <> 'id'";
static const char values_of[] =
    "SELECT group_concat(CASE WHEN k.\"table\" IS NULL THEN 'o.\"' || c.name || '\"' ELSE '(SELECT "
    "new FROM merge_map WHERE name = ''' || k.\"table\" || ''' AND old = o.\"' || c.name || '\")' "
    "END, ', ') FROM pragma_table_info(?1) AS c LEFT JOIN pragma_foreign_key_list(?1) AS k ON "
    "k.\"from\" = c.name WHERE c.name <> 'id'";
static const char updates_of[] =
    "SELECT group_concat('\"' || name || '\" = excluded.\"' || name || '\"', ', ') FROM "
    "pragma_table_info(?) WHERE name <> 'id'";
static const char fails_of[] = "SELECT count(*) FROM pragma_table_info(?) WHERE name = 'error'";

static enum lw_status count_table(struct lw_database *database, const char *table, size_t *rows,
                                  struct lw_error *error)
{
    char *text, *sql = sqlite3_mprintf("SELECT count(*) FROM main.\"%w\" WHERE ?1 = ?1", table);
    if (!sql)
        return lw_fail(error, LW_FAILED, "out of memory");
    enum lw_status status = read_text(database, sql, table, &text, error);
    sqlite3_free(sql);
    if (status == LW_OK)
        *rows = strtoull(text, NULL, 10);
    sqlite3_free(text);
    return status;
}

/* Of one table of measurements: rows of a new key, and better rows of a known one. */
static enum lw_status merge_table(struct lw_database *database, const char *table,
                                  struct lw_database_merge *merge, struct lw_error *error)
{
    char *columns = NULL, *values = NULL, *updates = NULL, *fails = NULL;
    size_t before, after;
    enum lw_status status = read_text(database, columns_of, table, &columns, error);
    if (status == LW_OK)
        status = read_text(database, values_of, table, &values, error);
    if (status == LW_OK)
        status = read_text(database, updates_of, table, &updates, error);
    if (status == LW_OK)
        status = read_text(database, fails_of, table, &fails, error);
    if (status == LW_OK)
        status = count_table(database, table, &before, error);
    if (status == LW_OK) {
        const char *better = strcmp(fails, "0") == 0
                                 ? "excluded.time_utc > time_utc"
                                 : "(excluded.error IS NULL, excluded.time_utc) > (error IS NULL, "
                                   "time_utc)";
        status = run_owned(database,
                           sqlite3_mprintf("INSERT INTO main.\"%w\" (%s) SELECT %s FROM "
                                           "other.\"%w\" AS o WHERE 1 ORDER BY o.id ON CONFLICT "
                                           "DO UPDATE SET %s WHERE %s",
                                           table, columns, values, table, updates, better),
                           error);
    }
    size_t changed = (size_t)sqlite3_changes64(database->handle);
    if (status == LW_OK)
        status = count_table(database, table, &after, error);
    if (status == LW_OK) {
        merge->added += after - before;
        merge->replaced += changed - (after - before);
    }
    sqlite3_free(columns);
    sqlite3_free(values);
    sqlite3_free(updates);
    sqlite3_free(fails);
    return status;
}

/* machines, models and runs: their rows have no key that one statement could go by. */
static enum lw_status merge_identities(struct lw_database *database,
                                       struct lw_database_merge *merge, struct lw_error *error)
{
    static const char *const names[] = {"machines", "models", "runs"};
    size_t before[3], after[3];
    enum lw_status status = LW_OK;
    for (size_t i = 0; i < 3 && status == LW_OK; i++)
        status = count_table(database, names[i], &before[i], error);
    if (status == LW_OK)
        status = run(database, maps, error);
    if (status == LW_OK)
        status = run(database, identities, error);
    if (status == LW_OK)
        status = run(database, runs_here, error);
    if (status == LW_OK)
        status = run(database, runs_ended, error);
    size_t ended = (size_t)sqlite3_changes64(database->handle);
    if (status == LW_OK)
        status = run(database, runs_new, error);
    for (size_t i = 0; i < 3 && status == LW_OK; i++)
        status = count_table(database, names[i], &after[i], error);
    for (size_t i = 0; i < 3 && status == LW_OK; i++)
        merge->added += after[i] - before[i];
    merge->replaced += ended;
    return status;
}

static enum lw_status merge_measurements(struct lw_database *database,
                                         struct lw_database_merge *merge, struct lw_error *error)
{
    sqlite3_stmt *tables = NULL;
    int code = sqlite3_prepare_v2(database->handle,
                                  "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND "
                                  "name NOT IN ('machines', 'models', 'runs') AND name NOT LIKE "
                                  "'sqlite%' ORDER BY rowid",
                                  -1, &tables, NULL);
    enum lw_status status = code == SQLITE_OK ? LW_OK : lw_database_fail(database, error);
    while (status == LW_OK && (code = sqlite3_step(tables)) == SQLITE_ROW)
        status = merge_table(database, (const char *)sqlite3_column_text(tables, 0), merge, error);
    if (status == LW_OK && code != SQLITE_DONE)
        status = lw_database_fail(database, error);
    sqlite3_finalize(tables);
    return status;
}

static enum lw_status attach(struct lw_database *database, const char *path, struct lw_error *error)
{
    struct lw_database *other;
    /* Refuses what is absent, foreign, newer or older before anything is touched. */
    enum lw_status status = lw_database_open_read_only(path, &other, error);
    lw_database_close(other);
    if (status != LW_OK)
        return status;
    struct stat here, there;
    if (stat(database->path, &here) == 0 && stat(path, &there) == 0 &&
        here.st_dev == there.st_dev && here.st_ino == there.st_ino)
        return lw_fail(error, LW_USAGE, "%s cannot be merged into itself", path);
    sqlite3_stmt *statement = NULL;
    sqlite3_int64 none;
    char *file = sqlite3_mprintf("%s%s", path[0] == '/' ? "" : "./", path);
    int code = file
                   ? sqlite3_prepare_v2(database->handle, "ATTACH ? AS other", -1, &statement, NULL)
                   : SQLITE_NOMEM;
    if (code == SQLITE_OK)
        code = sqlite3_bind_text(statement, 1, file, -1, SQLITE_TRANSIENT);
    code = lw_database_finish(statement, code, &none);
    sqlite3_free(file);
    return code == SQLITE_OK ? LW_OK : lw_database_fail(database, error);
}

enum lw_status lw_database_merge(struct lw_database *database, const char *other,
                                 struct lw_database_merge *merge, struct lw_error *error)
{
    *merge = (struct lw_database_merge){0};
    enum lw_status status = attach(database, other, error);
    if (status != LW_OK)
        return status;
    status = run(database, "BEGIN IMMEDIATE", error);
    if (status == LW_OK) {
        status = merge_identities(database, merge, error);
        if (status == LW_OK)
            status = merge_measurements(database, merge, error);
        if (status == LW_OK)
            status = run(database, "DROP TABLE merge_map; COMMIT", error);
        if (status != LW_OK)
            sqlite3_exec(database->handle, "ROLLBACK", NULL, NULL, NULL);
    }
    sqlite3_exec(database->handle, "DETACH other", NULL, NULL, NULL);
    return status;
}
