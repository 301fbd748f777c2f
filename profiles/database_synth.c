#include "profiles/database_synth.h"

#include "profiles/database_internal.h"

#include <math.h>
#include <stdio.h>

static int add_block(sqlite3 *handle, int64_t run, const char *engine, const struct lw_synth *synth,
                     const struct lw_synth_block *block)
{
    /* Columns of whole numbers take a double without a fraction as an integer. */
    static const char sql[] =
        "INSERT OR REPLACE INTO syntheses (run_id, time_utc, hash, engine, flow, tools, block, "
        "flops, gates, flop_gates, memory_bits, delay_ns, luts, memory_luts, rams, dsps, "
        "clock_mhz) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    bool asic = synth->flow == LW_SYNTH_ASIC, clocked = synth->clock_mhz > 0;
    char now[32];
    lw_database_now(now);
    const char *const texts[] = {now,          synth->hash, engine, lw_synth_flow_name(synth->flow),
                                 synth->tools, block->name};
    const double figures[] = {block->flops,
                              asic ? block->gates : NAN,
                              asic ? block->flop_gates : NAN,
                              asic ? block->memory_bits : NAN,
                              asic ? block->delay_ns : NAN,
                              asic ? NAN : block->luts,
                              asic ? NAN : block->memory_luts,
                              asic ? NAN : block->rams,
                              asic ? NAN : block->dsps,
                              clocked ? synth->clock_mhz : NAN};
    sqlite3_stmt *statement = NULL;
    sqlite3_int64 none;
    int index = 1, code = sqlite3_prepare_v2(handle, sql, -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_bind_int64(statement, index++, run);
    for (size_t i = 0; i < sizeof texts / sizeof *texts && code == SQLITE_OK; i++)
        code = lw_database_bind_text(statement, index++, texts[i]);
    for (size_t i = 0; i < sizeof figures / sizeof *figures && code == SQLITE_OK; i++)
        code = lw_database_bind_real(statement, index++, figures[i]);
    return lw_database_finish(statement, code, &none);
}

enum lw_status lw_database_add_synth(struct lw_database *database, int64_t run,
                                     const struct lw_engine *engine, const struct lw_synth *synth,
                                     struct lw_error *error)
{
    char name[LW_ENGINE_NAME_BYTES];
    sqlite3 *handle = database->handle;
    lw_engine_name(engine, name);
    int code = sqlite3_exec(handle, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    if (code != SQLITE_OK)
        return lw_database_fail(database, error);
    for (size_t i = 0; i < synth->count && code == SQLITE_OK; i++)
        code = add_block(handle, run, name, synth, &synth->blocks[i]);
    if (code == SQLITE_OK)
        code = add_block(handle, run, name, synth, &synth->all);
    if (code == SQLITE_OK)
        code = sqlite3_exec(handle, "COMMIT", NULL, NULL, NULL);
    if (code == SQLITE_OK)
        return LW_OK;
    enum lw_status status = lw_database_fail(database, error);
    sqlite3_exec(handle, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

/* The first row of a statement with one text, or none: *row NULL then. sqlite3_finalize */
static enum lw_status read_row(struct lw_database *database, const char *sql, const char *text,
                               sqlite3_stmt **row, struct lw_error *error)
{
    int code = sqlite3_prepare_v2(database->handle, sql, -1, row, NULL);
    if (code == SQLITE_OK)
        code = lw_database_bind_text(*row, 1, text);
    if (code == SQLITE_OK)
        code = sqlite3_step(*row);
    if (code == SQLITE_ROW)
        return LW_OK;
    enum lw_status status = code == SQLITE_DONE ? LW_OK : lw_database_fail(database, error);
    sqlite3_finalize(*row);
    *row = NULL;
    return status;
}

enum lw_status lw_database_has_synth(struct lw_database *database, const char *hash, bool *there,
                                     struct lw_error *error)
{
    sqlite3_stmt *row;
    enum lw_status status = read_row(
        database, "SELECT 1 FROM syntheses WHERE hash = ? AND block = 'all'", hash, &row, error);
    *there = row;
    sqlite3_finalize(row);
    return status;
}

enum lw_status lw_database_area(struct lw_database *database, const struct lw_engine *engine,
                                struct lw_area *area, struct lw_error *error)
{
    char name[LW_ENGINE_NAME_BYTES];
    sqlite3_stmt *row;
    *area = (struct lw_area){.gates = NAN, .memory_bits = NAN};
    lw_engine_name(engine, name);
    enum lw_status status =
        read_row(database,
                 "SELECT gates, memory_bits, tools FROM syntheses WHERE engine = ? AND flow = "
                 "'asic' AND block = 'all' ORDER BY time_utc DESC, id DESC LIMIT 1",
                 name, &row, error);
    if (row) {
        area->gates = sqlite3_column_double(row, 0);
        area->memory_bits = sqlite3_column_double(row, 1);
        snprintf(area->tools, sizeof area->tools, "%s", (const char *)sqlite3_column_text(row, 2));
    }
    sqlite3_finalize(row);
    return status;
}
