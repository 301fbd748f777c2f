#include "profiles/database_sensitivity.h"

#include "profiles/database_internal.h"

#include <math.h>

/* The key, in the order of the schema, from `index` on; *index moves behind it. */
static int bind_key(sqlite3_stmt *statement, int *index,
                    const struct lw_sensitivity_subject *subject,
                    const struct lw_sensitivity_point *point)
{
    const struct lw_choice *choice = &point->choice;
    int at = *index;
    int code = lw_database_bind_text(statement, at++, subject->model_hash);
    if (code == SQLITE_OK)
        code = lw_database_bind_text(statement, at++, subject->source_hash);
    if (code == SQLITE_OK)
        code = lw_database_bind_text(statement, at++, subject->reference_hash);
    if (code == SQLITE_OK)
        code = sqlite3_bind_int64(statement, at++, (sqlite3_int64)subject->lines);
    if (code == SQLITE_OK)
        code = lw_database_bind_text(statement, at++, point->target.name);
    if (code == SQLITE_OK)
        code = sqlite3_bind_int(statement, at++, (int)choice->bits);
    if (code == SQLITE_OK)
        code = lw_database_bind_text(statement, at++, lw_alpha_name(choice->alpha));
    if (code == SQLITE_OK)
        code = sqlite3_bind_int64(statement, at++, (sqlite3_int64)choice->group);
    if (code == SQLITE_OK)
        code = lw_database_bind_text(statement, at++, lw_fit_name(choice->fit));
    *index = at;
    return code;
}

enum lw_status lw_database_sensitivity_state(struct lw_database *database,
                                             const struct lw_sensitivity_subject *subject,
                                             const struct lw_sensitivity_point *point,
                                             enum lw_sensitivity_state *state,
                                             struct lw_error *error)
{
    static const char sql[] =
        "SELECT error IS NOT NULL, bleu IS NOT NULL FROM sensitivities WHERE model_hash = ? AND "
        "source_hash = ? AND reference_hash = ? AND lines = ? AND target = ? AND bits = ? AND "
        "alpha = ? AND group_columns = ? AND fit = ?";
    sqlite3_stmt *statement = NULL;
    int index = 1;
    int code = sqlite3_prepare_v2(database->handle, sql, -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = bind_key(statement, &index, subject, point);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    *state = LW_POINT_ABSENT;
    if (code == SQLITE_ROW)
        *state = sqlite3_column_int(statement, 0)   ? LW_POINT_FAILED
                 : sqlite3_column_int(statement, 1) ? LW_POINT_WHOLE
                                                    : LW_POINT_UNTRANSLATED;
    enum lw_status status =
        code == SQLITE_ROW || code == SQLITE_DONE ? LW_OK : lw_database_fail(database, error);
    sqlite3_finalize(statement);
    return status;
}

enum lw_status lw_database_end_run(struct lw_database *database, int64_t id, double seconds,
                                   double peak_memory_bytes, struct lw_error *error)
{
    static const char sql[] = "UPDATE runs SET seconds = ?, peak_memory_bytes = ? WHERE id = ?";
    sqlite3_stmt *statement = NULL;
    sqlite3_int64 none;
    int code = sqlite3_prepare_v2(database->handle, sql, -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = lw_database_bind_real(statement, 1, seconds);
    if (code == SQLITE_OK)
        code = lw_database_bind_real(statement, 2, peak_memory_bytes);
    if (code == SQLITE_OK)
        code = sqlite3_bind_int64(statement, 3, id);
    code = lw_database_finish(statement, code, &none);
    return code == SQLITE_OK ? LW_OK : lw_database_fail(database, error);
}

enum lw_status lw_database_add_sensitivity(struct lw_database *database, int64_t run,
                                           const struct lw_sensitivity_subject *subject,
                                           const struct lw_sensitivity_point *point,
                                           const char *products,
                                           const struct lw_sensitivity_figures *figures,
                                           const char *failure, struct lw_error *error)
{
    /* Columns of whole numbers take a double without a fraction as an integer. REPLACE drops the
     * row that a point had before. */
    static const char sql[] =
        "INSERT OR REPLACE INTO sensitivities (model_hash, source_hash, reference_hash, lines, "
        "target, bits, alpha, group_columns, fit, kind, time_utc, products, error, seconds, "
        "fp32_nats_a_word, fp32_bleu, matrices, weights, code_bytes, weight_error, output_error, "
        "nats_a_word, bleu, run_id, machine_id, model_id) "
        "SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
        "id, machine_id, model_id FROM runs WHERE id = ?";
    char now[32];
    lw_database_now(now);
    const char *const texts[] = {point->target.kind, now, products, failure};
    const struct lw_sensitivity_figures *f = figures;
    const double all[] = {f->seconds,          f->fp32.nats_a_word, f->fp32.bleu,
                          (double)f->matrices, (double)f->weights,  (double)f->code_bytes,
                          f->weight_error,     f->output_error,     f->coded.nats_a_word,
                          f->coded.bleu};
    enum { OF_FAILURES = 3 };
    sqlite3_stmt *statement = NULL;
    sqlite3_int64 none;
    int index = 1;
    int code = sqlite3_prepare_v2(database->handle, sql, -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = bind_key(statement, &index, subject, point);
    for (size_t i = 0; i < sizeof texts / sizeof *texts && code == SQLITE_OK; i++)
        code = lw_database_bind_text(statement, index++, texts[i]);
    for (size_t i = 0; i < sizeof all / sizeof *all && code == SQLITE_OK; i++)
        code =
            lw_database_bind_real(statement, index++, failure && i >= OF_FAILURES ? NAN : all[i]);
    if (code == SQLITE_OK)
        code = sqlite3_bind_int64(statement, index, run);
    code = lw_database_finish(statement, code, &none);
    return code == SQLITE_OK ? LW_OK : lw_database_fail(database, error);
}
