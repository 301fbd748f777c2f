/* Adding one run to the database. */
#include "profiles/database.h"

#include "profiles/database_internal.h"
#include "profiles/database_sensitivity.h"
#include "profiles/machine.h"
#include "runtime/text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Paths may hold any bytes, the database holds text. */
int lw_database_bind_text(sqlite3_stmt *statement, int index, const char *text)
{
    size_t bytes, offset;
    if (!text)
        return sqlite3_bind_null(statement, index);
    bytes = strlen(text);
    char *copy = malloc(bytes + 1);
    if (!copy)
        return SQLITE_NOMEM;
    memcpy(copy, text, bytes + 1);
    for (size_t start = 0; !lw_text_is_valid(copy + start, bytes - start, &offset); start += offset)
        copy[start + offset] = '?';
    return sqlite3_bind_text64(statement, index, copy, bytes, free, SQLITE_UTF8);
}

int lw_database_bind_real(sqlite3_stmt *statement, int index, double value)
{
    return isnan(value) ? sqlite3_bind_null(statement, index)
                        : sqlite3_bind_double(statement, index, value);
}

int lw_database_finish(sqlite3_stmt *statement, int code, sqlite3_int64 *id)
{
    while (code == SQLITE_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        *id = sqlite3_column_int64(statement, 0);
        code = SQLITE_OK;
    }
    int finalized = sqlite3_finalize(statement);
    return code != SQLITE_OK && code != SQLITE_DONE ? code : finalized;
}

void lw_database_now(char now[32])
{
    time_t seconds = time(NULL);
    struct tm utc;
    strftime(now, 32, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &utc));
}

static int add_machine(sqlite3 *handle, sqlite3_int64 *id)
{
    /* The update changes nothing; without it RETURNING would give no row for a known machine. */
    static const char sql[] = "INSERT INTO machines (cpu, arch, cores, kernel) VALUES (?, ?, ?, ?) "
                              "ON CONFLICT DO UPDATE SET cpu = cpu RETURNING id";
    struct lw_machine machine;
    sqlite3_stmt *statement = NULL;
    lw_machine_detect(&machine);
    int code = sqlite3_prepare_v2(handle, sql, -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = lw_database_bind_text(statement, 1, machine.cpu);
    if (code == SQLITE_OK)
        code = lw_database_bind_text(statement, 2, machine.arch);
    if (code == SQLITE_OK)
        code = sqlite3_bind_int(statement, 3, machine.cores);
    if (code == SQLITE_OK)
        code = lw_database_bind_text(statement, 4, machine.kernel);
    return lw_database_finish(statement, code, id);
}

static int add_model(sqlite3 *handle, const struct lw_run *run, sqlite3_int64 *id)
{
    static const char sql[] = "INSERT INTO models (name, hash) VALUES (?, ?) "
                              "ON CONFLICT DO UPDATE SET name = name RETURNING id";
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(handle, sql, -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = lw_database_bind_text(statement, 1, run->model);
    if (code == SQLITE_OK)
        code = lw_database_bind_text(statement, 2, run->model_hash);
    return lw_database_finish(statement, code, id);
}

static int add_row(sqlite3 *handle, const struct lw_run *run, sqlite3_int64 machine,
                   sqlite3_int64 model)
{
    /* Columns of whole numbers take a double without a fraction as an integer. */
    static const char sql[] =
        "INSERT INTO runs (time_utc, verb, command, tool_version, compiler, input_hash, arith, "
        "kernels, bits, real_bits, size_bytes, beams, lines, seconds, lines_per_s, "
        "peak_memory_bytes, bleu, chrf, machine_id, model_id) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, nullif(?, 0))";
    char now[32];
    lw_database_now(now);
    const char *const texts[] = {now,         run->verb,       run->command, LW_VERSION,
                                 __VERSION__, run->input_hash, run->arith,   run->kernels};
    const double figures[] = {run->bits,  run->real_bits, run->size_bytes,  run->beams,
                              run->lines, run->seconds,   run->lines_per_s, run->peak_memory_bytes,
                              run->bleu,  run->chrf};
    sqlite3_stmt *statement = NULL;
    int index = 1;
    int code = sqlite3_prepare_v2(handle, sql, -1, &statement, NULL);
    for (size_t i = 0; i < sizeof texts / sizeof *texts && code == SQLITE_OK; i++)
        code = lw_database_bind_text(statement, index++, texts[i]);
    for (size_t i = 0; i < sizeof figures / sizeof *figures && code == SQLITE_OK; i++)
        code = lw_database_bind_real(statement, index++, figures[i]);
    if (code == SQLITE_OK)
        code = sqlite3_bind_int64(statement, index++, machine);
    if (code == SQLITE_OK)
        code = sqlite3_bind_int64(statement, index, model);
    return lw_database_finish(statement, code, &machine);
}

enum lw_status lw_database_add_run(struct lw_database *database, const struct lw_run *run,
                                   struct lw_error *error)
{
    int64_t id;
    return lw_database_start_run(database, run, &id, error);
}

enum lw_status lw_database_start_run(struct lw_database *database, const struct lw_run *run,
                                     int64_t *id, struct lw_error *error)
{
    sqlite3 *handle = database->handle;
    sqlite3_int64 machine = 0, model = 0;
    int code = sqlite3_exec(handle, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    if (code != SQLITE_OK)
        return lw_database_fail(database, error);
    code = add_machine(handle, &machine);
    if (code == SQLITE_OK && run->model)
        code = add_model(handle, run, &model);
    if (code == SQLITE_OK)
        code = add_row(handle, run, machine, model);
    *id = sqlite3_last_insert_rowid(handle);
    if (code == SQLITE_OK)
        code = sqlite3_exec(handle, "COMMIT", NULL, NULL, NULL);
    if (code == SQLITE_OK)
        return LW_OK;
    enum lw_status status = lw_database_fail(database, error);
    sqlite3_exec(handle, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

enum lw_status lw_database_last_peak(struct lw_database *database, double *bytes,
                                     struct lw_error *error)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(database->handle,
                                  "SELECT peak_memory_bytes FROM runs WHERE peak_memory_bytes IS "
                                  "NOT NULL ORDER BY id DESC LIMIT 1",
                                  -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    enum lw_status status = LW_OK;
    if (code == SQLITE_ROW)
        *bytes = sqlite3_column_double(statement, 0);
    else if (code == SQLITE_DONE)
        status = lw_fail(error, LW_FAILED, "%s has no run with its peak memory", database->path);
    else
        status = lw_database_fail(database, error);
    sqlite3_finalize(statement);
    return status;
}
