#include "profiles/database_parts.h"

#include "profiles/database_internal.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Prepares a statement and binds its values in order: t text, i a size, n an int, r a real (NAN:
 * NULL), R the run, S a struct lw_text_subject *, C a struct lw_cost_subject *, N the time. */
static int bind_subject(sqlite3_stmt *statement, int *at, const struct lw_text_subject *s)
{
    const char *const texts[] = {s->model_hash, s->source_hash, s->reference_hash};
    int code = SQLITE_OK;
    for (size_t i = 0; i < sizeof texts / sizeof *texts && code == SQLITE_OK; i++)
        code = lw_database_bind_text(statement, (*at)++, texts[i]);
    if (code == SQLITE_OK)
        code = sqlite3_bind_int64(statement, (*at)++, (sqlite3_int64)s->lines);
    if (code == SQLITE_OK)
        code = sqlite3_bind_int64(statement, (*at)++, (sqlite3_int64)s->calibration_lines);
    return code;
}

static int bind_costing(sqlite3_stmt *statement, int *at, const struct lw_cost_subject *s)
{
    const char *const texts[] = {s->model_hash, s->device->name, s->maker};
    int code = SQLITE_OK;
    for (size_t i = 0; i < sizeof texts / sizeof *texts && code == SQLITE_OK; i++)
        code = lw_database_bind_text(statement, (*at)++, texts[i]);
    if (code == SQLITE_OK)
        code = sqlite3_bind_int64(statement, (*at)++, (sqlite3_int64)s->source_words);
    if (code == SQLITE_OK)
        code = sqlite3_bind_int64(statement, (*at)++, (sqlite3_int64)s->target_words);
    return code;
}

static int bind(sqlite3_stmt *statement, int *at, char type, va_list *values)
{
    char now[32];
    switch (type) {
    case 't':
        return lw_database_bind_text(statement, (*at)++, va_arg(*values, const char *));
    case 'i':
        return sqlite3_bind_int64(statement, (*at)++, (sqlite3_int64)va_arg(*values, size_t));
    case 'n':
        return sqlite3_bind_int(statement, (*at)++, va_arg(*values, int));
    case 'r':
        return lw_database_bind_real(statement, (*at)++, va_arg(*values, double));
    case 'R':
        return sqlite3_bind_int64(statement, (*at)++, va_arg(*values, int64_t));
    case 'S':
        return bind_subject(statement, at, va_arg(*values, const struct lw_text_subject *));
    case 'C':
        return bind_costing(statement, at, va_arg(*values, const struct lw_cost_subject *));
    default:
        lw_database_now(now);
        return lw_database_bind_text(statement, (*at)++, now);
    }
}

static int prepare(struct lw_database *database, const char *sql, sqlite3_stmt **statement,
                   const char *types, va_list *values)
{
    int at = 1, code = sqlite3_prepare_v2(database->handle, sql, -1, statement, NULL);
    for (; *types && code == SQLITE_OK; types++)
        code = bind(*statement, &at, *types, values);
    return code;
}

/* Runs a statement that gives nothing. */
static enum lw_status execute(struct lw_database *database, struct lw_error *error, const char *sql,
                              const char *types, ...)
{
    sqlite3_stmt *statement = NULL;
    sqlite3_int64 none;
    va_list values;
    va_start(values, types);
    int code = prepare(database, sql, &statement, types, &values);
    va_end(values);
    return lw_database_finish(statement, code, &none) == SQLITE_OK
               ? LW_OK
               : lw_database_fail(database, error);
}

/* Calls `take` with each row. */
static enum lw_status each(struct lw_database *database, struct lw_error *error,
                           void (*take)(void *context, sqlite3_stmt *row), void *context,
                           const char *sql, const char *types, ...)
{
    sqlite3_stmt *statement = NULL;
    va_list values;
    va_start(values, types);
    int code = prepare(database, sql, &statement, types, &values);
    va_end(values);
    while (code == SQLITE_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        take(context, statement);
        code = SQLITE_OK;
    }
    enum lw_status status = code == SQLITE_DONE ? LW_OK : lw_database_fail(database, error);
    sqlite3_finalize(statement);
    return status;
}

static double real_of(sqlite3_stmt *row, int column)
{
    return sqlite3_column_type(row, column) == SQLITE_NULL ? NAN
                                                           : sqlite3_column_double(row, column);
}

static void copy_text(sqlite3_stmt *row, int column, char *text, size_t size)
{
    snprintf(text, size, "%s", (const char *)sqlite3_column_text(row, column));
}

static size_t mode_of(sqlite3_stmt *row, int alpha, int group)
{
    const char *name = (const char *)sqlite3_column_text(row, alpha);
    size_t columns = (size_t)sqlite3_column_int64(row, group), mode = 0;
    while (mode + 1 < LW_CELL_MODES && (strcmp(lw_alpha_name(lw_cell_modes[mode].alpha), name) ||
                                        lw_cell_modes[mode].group != columns))
        mode++;
    return mode;
}

/* A first row says 0: whole, 1: partial, 2: failed. */
static void take_state(void *context, sqlite3_stmt *row)
{
    static const enum lw_row_state states[] = {LW_ROW_WHOLE, LW_ROW_PARTIAL, LW_ROW_FAILED};
    *(enum lw_row_state *)context = states[sqlite3_column_int(row, 0)];
}

enum lw_status lw_database_begin(struct lw_database *database, struct lw_error *error)
{
    return sqlite3_exec(database->handle, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK
               ? LW_OK
               : lw_database_fail(database, error);
}

enum lw_status lw_database_commit(struct lw_database *database, enum lw_status status,
                                  struct lw_error *error)
{
    if (status == LW_OK && sqlite3_exec(database->handle, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
        status = lw_database_fail(database, error);
    if (status != LW_OK)
        sqlite3_exec(database->handle, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

#define TEXT_KEYS "model_hash, source_hash, reference_hash, lines, calibration_lines"
#define OF_TEXT "(" TEXT_KEYS ") = (?, ?, ?, ?, ?)"
#define COST_KEYS "model_hash, device, maker, source_words, target_words"
#define OF_COST "(" COST_KEYS ") = (?, ?, ?, ?, ?)"
#define MODE(mode) lw_alpha_name(lw_cell_modes[mode].alpha), lw_cell_modes[mode].group

enum lw_status lw_database_add_part_loss(struct lw_database *database, int64_t run,
                                         const struct lw_text_subject *subject,
                                         const struct lw_part_loss *l, const char *failure,
                                         struct lw_error *error)
{
    return execute(database, error,
                   "INSERT OR REPLACE INTO part_losses (run_id, time_utc, " TEXT_KEYS
                   ", part, word_class, bits, alpha, group_columns, relative_error, "
                   "divergence_nats, nats_a_word, fp32_nats_a_word, seconds, error) VALUES "
                   "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                   "RNStnntirrrrrt", run, subject, l->part, l->word_class, (int)l->bits,
                   MODE(l->mode), failure ? NAN : l->relative_error, failure ? NAN : l->divergence,
                   failure ? NAN : l->nats_a_word, l->fp32_nats_a_word, l->seconds, failure);
}

enum lw_status lw_database_part_loss_state(struct lw_database *database,
                                           const struct lw_text_subject *subject,
                                           const struct lw_part_loss *l, enum lw_row_state *state,
                                           struct lw_error *error)
{
    *state = LW_ROW_ABSENT;
    return each(database, error, take_state, state,
                "SELECT iif(error IS NOT NULL, 2, divergence_nats IS NULL) FROM part_losses "
                "WHERE " OF_TEXT " AND part = ? AND word_class = ? AND bits = ? AND alpha = ? "
                "AND group_columns = ?",
                "Stnnti", subject, l->part, l->word_class, (int)l->bits, MODE(l->mode));
}

struct part_losses {
    void (*row)(void *context, const struct lw_part_loss *loss);
    void *context;
};

static void take_part_loss(void *context, sqlite3_stmt *row)
{
    const struct part_losses *p = context;
    struct lw_part_loss l = {.word_class = sqlite3_column_int(row, 1),
                             .bits = (unsigned)sqlite3_column_int(row, 2),
                             .mode = mode_of(row, 3, 4),
                             .relative_error = real_of(row, 5),
                             .divergence = real_of(row, 6),
                             .nats_a_word = real_of(row, 7),
                             .fp32_nats_a_word = real_of(row, 8),
                             .seconds = real_of(row, 9)};
    copy_text(row, 0, l.part, sizeof l.part);
    p->row(p->context, &l);
}

enum lw_status
lw_database_each_part_loss(struct lw_database *database, const struct lw_text_subject *subject,
                           void (*row)(void *context, const struct lw_part_loss *loss),
                           void *context, struct lw_error *error)
{
    struct part_losses p = {row, context};
    return each(database, error, take_part_loss, &p,
                "SELECT part, word_class, bits, alpha, group_columns, relative_error, "
                "divergence_nats, nats_a_word, fp32_nats_a_word, seconds FROM part_losses "
                "WHERE " OF_TEXT " AND error IS NULL ORDER BY id",
                "S", subject);
}

static void take_text(void *context, sqlite3_stmt *row)
{
    struct lw_text_subject *s = context;
    copy_text(row, 0, s->source_hash, sizeof s->source_hash);
    copy_text(row, 1, s->reference_hash, sizeof s->reference_hash);
    s->lines = (size_t)sqlite3_column_int64(row, 2);
    s->calibration_lines = (size_t)sqlite3_column_int64(row, 3);
}

enum lw_status lw_database_last_text(struct lw_database *database, const char *model_hash,
                                     struct lw_text_subject *subject, struct lw_error *error)
{
    *subject = (struct lw_text_subject){0};
    snprintf(subject->model_hash, sizeof subject->model_hash, "%s", model_hash);
    enum lw_status status =
        each(database, error, take_text, subject,
             "SELECT source_hash, reference_hash, lines, calibration_lines FROM part_losses "
             "WHERE model_hash = ? ORDER BY id DESC LIMIT 1",
             "t", model_hash);
    if (status == LW_OK && subject->lines == 0)
        return lw_fail(error, LW_FAILED,
                       "%s has no losses of the parts of this model: run 'lutwidge profile' on it",
                       database->path);
    return status;
}

enum lw_status lw_database_add_part_cost(struct lw_database *database, int64_t run,
                                         const struct lw_cost_subject *subject,
                                         const struct lw_part_cost *c, const char *failure,
                                         struct lw_error *error)
{
    return execute(database, error,
                   "INSERT OR REPLACE INTO part_costs (run_id, time_utc, " COST_KEYS
                   ", part, bits, alpha, group_columns, cost, unit, memory_bytes, energy_pj, "
                   "error) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                   "RNCtttirtrrt", run, subject, c->part, c->bits, MODE(c->mode),
                   failure ? NAN : c->cost.cost, lw_cost_unit(subject->device->kind),
                   failure ? NAN : c->cost.memory_bytes, failure ? NAN : c->cost.energy_pj,
                   failure);
}

enum lw_status lw_database_part_cost_state(struct lw_database *database,
                                           const struct lw_cost_subject *subject,
                                           const struct lw_part_cost *c, enum lw_row_state *state,
                                           struct lw_error *error)
{
    *state = LW_ROW_ABSENT;
    return each(database, error, take_state, state,
                "SELECT iif(error IS NOT NULL, 2, unit = 'cycles' AND energy_pj IS NULL) FROM "
                "part_costs WHERE " OF_COST
                " AND part = ? AND bits = ? AND alpha = ? AND group_columns = ?",
                "Cttti", subject, c->part, c->bits, MODE(c->mode));
}

struct part_costs {
    void (*row)(void *context, const struct lw_part_cost *cost);
    void *context;
};

static void take_part_cost(void *context, sqlite3_stmt *row)
{
    const struct part_costs *p = context;
    struct lw_part_cost c = {.mode = mode_of(row, 2, 3),
                             .cost = {true, real_of(row, 4), real_of(row, 5), real_of(row, 6)}};
    copy_text(row, 0, c.part, sizeof c.part);
    copy_text(row, 1, c.bits, sizeof c.bits);
    p->row(p->context, &c);
}

enum lw_status
lw_database_each_part_cost(struct lw_database *database, const struct lw_cost_subject *subject,
                           void (*row)(void *context, const struct lw_part_cost *cost),
                           void *context, struct lw_error *error)
{
    struct part_costs p = {row, context};
    return each(database, error, take_part_cost, &p,
                "SELECT part, bits, alpha, group_columns, cost, memory_bytes, energy_pj FROM "
                "part_costs WHERE " OF_COST " AND error IS NULL ORDER BY id",
                "C", subject);
}

static void take_sentence(void *context, sqlite3_stmt *row)
{
    struct lw_cost_subject *s = context;
    s->source_words = (size_t)sqlite3_column_int64(row, 0);
    s->target_words = (size_t)sqlite3_column_int64(row, 1);
}

enum lw_status lw_database_last_sentence(struct lw_database *database, struct lw_cost_subject *s,
                                         struct lw_error *error)
{
    s->source_words = s->target_words = 0;
    enum lw_status status =
        each(database, error, take_sentence, s,
             "SELECT source_words, target_words FROM part_costs WHERE model_hash = ? AND "
             "device = ? AND maker = ? ORDER BY id DESC LIMIT 1",
             "ttt", s->model_hash, s->device->name, s->maker);
    if (status == LW_OK && s->source_words == 0)
        return lw_fail(error, LW_FAILED,
                       "%s has no costs of this model on %s by the generator, compiler and tools "
                       "of now: run 'lutwidge profile' with --device %s",
                       database->path, s->device->name, s->device->name);
    return status;
}

enum lw_status lw_database_add_plan_loss(struct lw_database *database, int64_t run,
                                         const struct lw_text_subject *subject,
                                         const struct lw_plan_loss *l, const char *failure,
                                         struct lw_error *error)
{
    /* The row keeps its id, for deployments are named by it. */
    return execute(database, error,
                   "INSERT INTO plan_losses (run_id, time_utc, " TEXT_KEYS
                   ", plan, purpose, size_bytes, divergence_nats, nats_a_word, fp32_nats_a_word, "
                   "bleu, fp32_bleu, seconds, error) VALUES "
                   "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (" TEXT_KEYS
                   ", plan) DO UPDATE SET run_id = excluded.run_id, time_utc = excluded.time_utc, "
                   "purpose = excluded.purpose, size_bytes = excluded.size_bytes, "
                   "divergence_nats = excluded.divergence_nats, "
                   "nats_a_word = excluded.nats_a_word, "
                   "fp32_nats_a_word = excluded.fp32_nats_a_word, bleu = excluded.bleu, "
                   "fp32_bleu = excluded.fp32_bleu, seconds = excluded.seconds, "
                   "error = excluded.error",
                   "RNSttrrrrrrrt", run, subject, l->plan, l->purpose,
                   failure ? NAN : l->size_bytes, failure ? NAN : l->divergence,
                   failure ? NAN : l->nats_a_word, l->fp32_nats_a_word, failure ? NAN : l->bleu,
                   l->fp32_bleu, l->seconds, failure);
}

struct plan_losses {
    void (*row)(void *context, const struct lw_plan_loss *loss);
    void *context;
};

static void take_plan_loss(void *context, sqlite3_stmt *row)
{
    const struct plan_losses *p = context;
    const struct lw_plan_loss l = {.plan = (const char *)sqlite3_column_text(row, 0),
                                   .purpose = (const char *)sqlite3_column_text(row, 1),
                                   .size_bytes = real_of(row, 2),
                                   .divergence = real_of(row, 3),
                                   .nats_a_word = real_of(row, 4),
                                   .fp32_nats_a_word = real_of(row, 5),
                                   .bleu = real_of(row, 6),
                                   .fp32_bleu = real_of(row, 7),
                                   .seconds = real_of(row, 8)};
    p->row(p->context, &l);
}

enum lw_status
lw_database_each_plan_loss(struct lw_database *database, const struct lw_text_subject *subject,
                           void (*row)(void *context, const struct lw_plan_loss *loss),
                           void *context, struct lw_error *error)
{
    struct plan_losses p = {row, context};
    return each(database, error, take_plan_loss, &p,
                "SELECT plan, purpose, size_bytes, divergence_nats, nats_a_word, "
                "fp32_nats_a_word, bleu, fp32_bleu, seconds FROM plan_losses WHERE " OF_TEXT
                " AND error IS NULL ORDER BY id",
                "S", subject);
}

enum lw_status lw_database_add_plan_cost(struct lw_database *database, int64_t run,
                                         const struct lw_cost_subject *subject,
                                         const struct lw_plan_cost *c, const char *failure,
                                         struct lw_error *error)
{
    return execute(
        database, error,
        "INSERT OR REPLACE INTO plan_costs (run_id, time_utc, " COST_KEYS
        ", plan, cost, unit, memory_bytes, energy_pj, peak_memory_bytes, seconds, error) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        "RNCtrtrrrrt", run, subject, c->plan, failure ? NAN : c->cost.cost,
        lw_cost_unit(subject->device->kind), failure ? NAN : c->cost.memory_bytes,
        failure ? NAN : c->cost.energy_pj, failure ? NAN : c->peak_memory_bytes, c->seconds,
        failure);
}

struct plan_costs {
    void (*row)(void *context, const struct lw_plan_cost *cost);
    void *context;
};

static void take_plan_cost(void *context, sqlite3_stmt *row)
{
    const struct plan_costs *p = context;
    const struct lw_plan_cost c = {
        .plan = (const char *)sqlite3_column_text(row, 0),
        .cost = {true, real_of(row, 1), real_of(row, 2), real_of(row, 3)},
        .peak_memory_bytes = real_of(row, 4),
        .seconds = real_of(row, 5)};
    p->row(p->context, &c);
}

enum lw_status
lw_database_each_plan_cost(struct lw_database *database, const struct lw_cost_subject *subject,
                           void (*row)(void *context, const struct lw_plan_cost *cost),
                           void *context, struct lw_error *error)
{
    struct plan_costs p = {row, context};
    return each(database, error, take_plan_cost, &p,
                "SELECT plan, cost, memory_bytes, energy_pj, peak_memory_bytes, seconds FROM "
                "plan_costs WHERE " OF_COST " AND error IS NULL ORDER BY id",
                "C", subject);
}

static void take_there(void *context, sqlite3_stmt *row)
{
    *(bool *)context = sqlite3_column_int(row, 0);
}

enum lw_status lw_database_has_plan_loss(struct lw_database *database,
                                         const struct lw_text_subject *subject, const char *plan,
                                         bool *there, struct lw_error *error)
{
    *there = false;
    return each(database, error, take_there, there,
                "SELECT 1 FROM plan_losses WHERE " OF_TEXT " AND plan = ?", "St", subject, plan);
}

enum lw_status lw_database_plan_cost_state(struct lw_database *database,
                                           const struct lw_cost_subject *subject, const char *plan,
                                           enum lw_row_state *state, struct lw_error *error)
{
    *state = LW_ROW_ABSENT;
    return each(database, error, take_state, state,
                "SELECT iif(error IS NOT NULL, 2, iif(unit = 'cycles', energy_pj, "
                "peak_memory_bytes) IS NULL) FROM plan_costs WHERE " OF_COST " AND plan = ?",
                "Ct", subject, plan);
}
