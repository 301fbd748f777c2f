#include "profiles/database_simulations.h"

#include "profiles/database_internal.h"

/* Beside them stand run_id, time_utc and, last, error. */
#define KEYS "model_hash, what, subject, layer, simulator, sources, engine, memory, seed, clock_mhz"
#define FIGURES                                                                                    \
    "mu, t, r, c, x_bits, bus_bits, slots, scale_lanes, x_words, calls, columns, products, "       \
    "bit_products, bound_cycles, busy, steps, weights, \"table\", x, bank, alpha, y, fetch, "      \
    "tail, key_beats, scale_beats, x_beats, y_beats, tables, elements, jobs"
/* Accesses on the chip follow from these; saturations are counted only with results. */
enum { KEPT_COUNTERS = LW_COUNT_JOBS + 1 };
enum { PARAMETERS = 9, PRODUCTS = 5, ALL_FIGURES = PARAMETERS + PRODUCTS + KEPT_COUNTERS };
_Static_assert(ALL_FIGURES == 31, "FIGURES names each counter in the order of enum lw_counter");

/* Binds the columns of KEYS from `index` on. */
static int bind_keys(sqlite3_stmt *statement, int index, const struct lw_simulated *s,
                     const char *layer)
{
    char engine[LW_ENGINE_NAME_BYTES];
    lw_engine_name(&s->engine, engine);
    const char *const texts[] = {
        s->model_hash, s->what, s->subject, layer, lw_simulates_name(s->by),
        LW_SIMULATOR,  engine,  s->memory};
    int code = SQLITE_OK;
    for (size_t i = 0; i < sizeof texts / sizeof *texts && code == SQLITE_OK; i++)
        code = lw_database_bind_text(statement, index++, texts[i]);
    if (code == SQLITE_OK)
        code = sqlite3_bind_int64(statement, index++, (sqlite3_int64)s->seed);
    return code == SQLITE_OK ? lw_database_bind_real(statement, index, s->clock_mhz) : code;
}

/* The row is NULL where it failed. */
static int add_row(sqlite3 *handle, int64_t run, const struct lw_simulated *s,
                   const struct lw_simulation_row *row, const char *failure)
{
    /* Columns of whole numbers take a double without a fraction as an integer. */
    static const char sql[] =
        "INSERT OR REPLACE INTO simulations (run_id, time_utc, error, " KEYS ", " FIGURES
        ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
        "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    const struct lw_engine *e = &s->engine;
    double figures[ALL_FIGURES] = {e->mu,       e->tables, e->rows,        e->columns, e->x_bits,
                                   e->bus_bits, e->slots,  e->scale_lanes, e->x_words};
    for (size_t i = PARAMETERS; i < ALL_FIGURES; i++)
        figures[i] = NAN;
    if (row) {
        const double products[PRODUCTS] = {(double)row->calls, (double)row->columns, row->products,
                                           row->bit_products, row->bound_cycles};
        for (size_t i = 0; i < PRODUCTS; i++)
            figures[PARAMETERS + i] = products[i];
        for (size_t i = 0; i < KEPT_COUNTERS; i++)
            figures[PARAMETERS + PRODUCTS + i] = (double)row->counts[i];
    }
    char now[32];
    sqlite3_stmt *statement = NULL;
    sqlite3_int64 none;
    lw_database_now(now);
    int code = sqlite3_prepare_v2(handle, sql, -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_bind_int64(statement, 1, run);
    if (code == SQLITE_OK)
        code = lw_database_bind_text(statement, 2, now);
    if (code == SQLITE_OK)
        code = lw_database_bind_text(statement, 3, failure);
    if (code == SQLITE_OK)
        code = bind_keys(statement, 4, s, row ? row->layer : "all");
    for (int i = 0; i < ALL_FIGURES && code == SQLITE_OK; i++)
        code = lw_database_bind_real(statement, 14 + i, figures[i]);
    return lw_database_finish(statement, code, &none);
}

enum lw_status lw_database_add_simulation(struct lw_database *database, int64_t run,
                                          const struct lw_simulated *simulated,
                                          const struct lw_simulation *simulation,
                                          struct lw_error *error)
{
    sqlite3 *handle = database->handle;
    int code = sqlite3_exec(handle, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    if (code != SQLITE_OK)
        return lw_database_fail(database, error);
    for (size_t i = 0; i < simulation->count && code == SQLITE_OK; i++)
        code = add_row(handle, run, simulated, &simulation->rows[i], NULL);
    if (code == SQLITE_OK)
        code = add_row(handle, run, simulated, &simulation->all, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_exec(handle, "COMMIT", NULL, NULL, NULL);
    if (code == SQLITE_OK)
        return LW_OK;
    enum lw_status status = lw_database_fail(database, error);
    sqlite3_exec(handle, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

enum lw_status lw_database_add_failed_simulation(struct lw_database *database, int64_t run,
                                                 const struct lw_simulated *simulated,
                                                 const char *failure, struct lw_error *error)
{
    return add_row(database->handle, run, simulated, NULL, failure) == SQLITE_OK
               ? LW_OK
               : lw_database_fail(database, error);
}

enum lw_status lw_database_has_simulation(struct lw_database *database,
                                          const struct lw_simulated *simulated, bool *there,
                                          bool *failed, struct lw_error *error)
{
    static const char sql[] = "SELECT error IS NOT NULL FROM simulations WHERE (" KEYS
                              ") = (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(database->handle, sql, -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = bind_keys(statement, 1, simulated, "all");
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    *there = code == SQLITE_ROW;
    *failed = *there && sqlite3_column_int(statement, 0);
    enum lw_status status =
        code == SQLITE_ROW || code == SQLITE_DONE ? LW_OK : lw_database_fail(database, error);
    sqlite3_finalize(statement);
    return status;
}
