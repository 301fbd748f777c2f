/* Named queries and the user's own SQL. */
#include "profiles/database.h"

#include "profiles/database_internal.h"
#include "profiles/database_print.h"

#include <string.h>

struct named_query {
    const char *name;
    const char *digest; /* what fits a line of a terminal */
    const char *all;    /* for programs */
};

/* A whole number of bits is shown as one. */
#define BITS "iif(bits = round(bits), CAST(bits AS INTEGER), bits) AS bits"

/* One cell of the table of sensitivities: a figure at so many bits. */
#define AT(figure, bits_wanted, label)                                                             \
    ", max(iif(bits = " bits_wanted ", " figure ", NULL)) AS \"" label " " bits_wanted "\""
#define AT_BITS(figure, label)                                                                     \
    AT(figure, "1", label) AT(figure, "2", label) AT(figure, "3", label) AT(figure, "4", label)

/* A model of an engine's area in thousands of gates (two-input NANDs), and of its energy in uJ: see
 * docs/ACCELERATOR.md. Constants are of no process in particular: for comparing engines. */
#define ENTRY "(x_bits + 3)"                /* bits of a table's entry */
#define SUM "(x_bits + 16)"                 /* of a plane sum */
#define LOOKUPS "(t * r * c)"               /* in a step */
#define ENTRIES "(1 << (mu - 1))"           /* of a half table */
#define LOOKS_UP "engine NOT LIKE '%-w_'"   /* no baseline: these formulas are not theirs */
#define FIFO_BITS "((256 + 96) * bus_bits)" /* keys, and three of 32 beats */
#define AREA                                                                                       \
    "(2 * t * c * " ENTRIES " * " ENTRY " * 7 + " LOOKUPS " * (" ENTRIES " - 1) * " ENTRY          \
    " * 2.5 + " LOOKUPS " * " SUM " * 6 + scale_lanes * c * " SUM                                  \
    " * 16 * 6 + (2 * slots * r * c "                                                              \
    "* " SUM " + 2 * x_words * mu * c * x_bits + " FIFO_BITS ") * 1.5) / 1e3"
#define ENERGY                                                                                     \
    "(bytes * 8 * 4.0 + steps * " LOOKUPS " * " ENTRY " * 0.01 + steps * r * c * " SUM " * 0.2 + " \
    "tables * c * " ENTRIES " * " ENTRY " * 0.02 + elements * scale_lanes * c * 1.0) / 1e6"

static const struct named_query queries[] = {
    {"runs",
     "SELECT id, replace(substr(time_utc, 1, 16), 'T', ' ') AS \"time (UTC)\", verb, model, " BITS
     ", real_bits AS \"real bits\", size_bytes / 1e6 AS MB, arith, kernels, beams, lines, seconds, "
     "lines_per_s AS \"lines/s\", peak_memory_bytes / 1e6 AS \"peak MB\", bleu AS BLEU, "
     "chrf AS chrF FROM runs_view ORDER BY id",
     "SELECT * FROM runs_view ORDER BY id"},
    {"translations",
     "SELECT model, " BITS ", arith, kernels, beams, lines, bleu AS BLEU, chrf AS chrF, "
     "size_bytes / 1e6 AS MB, times_smaller AS \"times smaller\", lines_per_s AS \"lines/s\", "
     "times_faster AS \"times faster\", peak_memory_bytes / 1e6 AS \"peak MB\", "
     "times_less_memory AS \"times less MB\" FROM translations_view ORDER BY id",
     "SELECT * FROM translations_view ORDER BY id"},
    /* Kinds first; what a kind's bits cost, in nats a word and in BLEU. */
    {"sensitivity",
     "SELECT max(model) AS model, lines, alpha || '/' || "
     "iif(group_columns, group_columns, 'row') AS codes, target" AT_BITS("nats_a_word_change",
                                                                         "nats")
         AT_BITS("bleu_change", "BLEU") ", nullif(count(error), 0) AS failed "
                                        "FROM sensitivities_view GROUP BY model_hash, source_hash, "
                                        "reference_hash, lines, alpha, "
                                        "group_columns, fit, target ORDER BY model, source_hash, "
                                        "reference_hash, lines, "
                                        "target <> kind, alpha, group_columns, fit, min(id)",
     "SELECT * FROM sensitivities_view ORDER BY id"},
    {"kernels",
     "SELECT m || 'x' || k AS shape, bits, alpha || iif(group_columns, '/' || group_columns, '') "
     "AS alpha, arith AS class, isa, n AS N, mode, median_ns AS \"ns a call\", "
     "spread_percent AS \"spread %\", key_gb_per_s AS \"key GB/s\", "
     "times_openblas AS \"x OpenBLAS\", times_onednn_f32 AS \"x oneDNN f32\", "
     "times_onednn_int8 AS \"x oneDNN int8\" FROM kernels_view ORDER BY id",
     "SELECT * FROM kernels_view ORDER BY id"},
    {"static",
     "SELECT m || 'x' || k AS shape, bits, alpha || iif(group_columns, '/' || group_columns, '') "
     "AS alpha, arith AS class, device, n AS N, cycles AS \"static cycles\", instructions, "
     "cycles_per_product AS \"a product\" FROM static_view ORDER BY id",
     "SELECT * FROM static_view ORDER BY id"},
    {"simulations",
     "SELECT what, simulator AS \"by\", engine, memory, "
     "clock_mhz AS MHz, cycles, 100 * utilisation AS \"steps %\", 100 * bound_share AS "
     "\"bound %\", bytes / 1e6 AS MB, 1e3 * seconds AS ms, error FROM simulations_view "
     "WHERE layer = 'all' ORDER BY id",
     "SELECT * FROM simulations_view ORDER BY id"},
    {"engines",
     "SELECT what, engine, memory, clock_mhz AS MHz, cycles, 1e3 * seconds AS ms, bytes / 1e6 AS "
     "MB, " AREA " AS \"kgates (model)\", " ENERGY " AS \"uJ (model)\", 100 * utilisation AS "
     "\"steps %\" FROM simulations_view WHERE layer = 'all' AND error IS NULL AND " LOOKS_UP
     " ORDER BY what, subject, memory, cycles",
     "SELECT *, " AREA " AS kgates_model, " ENERGY " AS uj_model FROM simulations_view WHERE layer "
     "= 'all' AND error IS NULL AND " LOOKS_UP " ORDER BY what, subject, memory, cycles"},
    {"syntheses",
     "SELECT engine, flow, block, gates / 1e3 AS \"k gates\", flop_gates / 1e3 AS \"k in FFs\", "
     "luts AS LUTs, memory_luts AS \"memory LUTs\", flops AS FFs, memory_bits / 1e3 AS "
     "\"kbit apart\", rams AS RAMs, dsps AS DSPs, delay_ns AS ns, clock_mhz AS MHz FROM "
     "syntheses_view ORDER BY engine, flow, id",
     "SELECT * FROM syntheses_view ORDER BY engine, flow, id"},
    /* The divergence of each part alone, in the mode that is measured. */
    {"parts",
     "SELECT max(model) AS model, lines, part || iif(word_class < 0, '', ' #' || word_class) AS "
     "part" AT_BITS("divergence_nats", "nats") AT_BITS(
         "relative_error",
         "error") ", "
                  "nullif(count(error), 0) AS failed FROM part_losses_view WHERE alpha = 'free' "
                  "AND "
                  "group_columns = 0 GROUP BY model_hash, source_hash, reference_hash, lines, "
                  "calibration_lines, part_losses_view.part, word_class ORDER BY min(id)",
     "SELECT * FROM part_losses_view ORDER BY id"},
    {"plans",
     "SELECT plan_losses_view.model, purpose, size_bytes / 1e6 AS MB, divergence_nats AS "
     "divergence, nats_a_word_change AS \"nats change\", bleu AS BLEU, bleu_change AS \"BLEU "
     "change\", group_concat(device || ' ' || round(cost) || ' ' || unit, ', ') AS costs, "
     "plan_losses_view.error FROM plan_losses_view LEFT JOIN plan_costs_view USING (model_hash, "
     "plan) GROUP BY plan_losses_view.id ORDER BY plan_losses_view.id",
     "SELECT * FROM plan_losses_view ORDER BY id"},
};
enum { QUERIES = sizeof queries / sizeof *queries };

/* A file opened read-only still lets VACUUM INTO and ATTACH reach others, and PRAGMA settings. */
static int allow_reading(void *context, int action, const char *a, const char *b, const char *c,
                         const char *d)
{
    (void)context, (void)a, (void)b, (void)c, (void)d;
    return action == SQLITE_SELECT || action == SQLITE_READ || action == SQLITE_FUNCTION ||
                   action == SQLITE_RECURSIVE
               ? SQLITE_OK
               : SQLITE_DENY;
}

static enum lw_status find_query(const char *name, enum lw_output output, const char **sql,
                                 struct lw_error *error)
{
    for (size_t i = 0; i < QUERIES; i++)
        if (strcmp(name, queries[i].name) == 0) {
            *sql = output == LW_OUTPUT_TABLE ? queries[i].digest : queries[i].all;
            return LW_OK;
        }
    lw_fail(error, LW_USAGE, "there is no query '%s'; there are:", name);
    for (size_t i = 0; i < QUERIES; i++)
        lw_error_add(error, "%s", queries[i].name);
    return LW_USAGE;
}

static enum lw_status prepare(struct lw_database *database, const char *sql,
                              sqlite3_stmt **statement, struct lw_error *error)
{
    const char *rest = "";
    sqlite3_set_authorizer(database->handle, allow_reading, NULL);
    int code = sqlite3_prepare_v2(database->handle, sql, -1, statement, &rest);
    sqlite3_set_authorizer(database->handle, NULL, NULL);
    if (code == SQLITE_AUTH)
        return lw_fail(error, LW_USAGE, "only SELECT is allowed here: %s", sql);
    if (code == SQLITE_ERROR)
        return lw_fail(error, LW_USAGE, "%s: %s", sqlite3_errmsg(database->handle), sql);
    if (code != SQLITE_OK)
        return lw_database_fail(database, error);
    if (!*statement)
        return lw_fail(error, LW_USAGE, "the SQL holds no statement");
    if (rest[strspn(rest, " \t\r\n;")] != 0)
        return lw_fail(error, LW_USAGE, "one statement at a time; this is one too many: %s", rest);
    if (!sqlite3_stmt_readonly(*statement))
        return lw_fail(error, LW_USAGE, "only SELECT is allowed here: %s", sql);
    return LW_OK;
}

enum lw_status lw_database_query(struct lw_database *database, const char *name_or_null,
                                 const char *sql_or_null, enum lw_output output, FILE *stream,
                                 struct lw_error *error)
{
    const char *sql = sql_or_null;
    sqlite3_stmt *statement = NULL;
    int code = SQLITE_DONE;
    enum lw_status status = LW_OK;
    if (name_or_null)
        status = find_query(name_or_null, output, &sql, error);
    if (status == LW_OK)
        status = prepare(database, sql, &statement, error);
    if (status == LW_OK)
        status = lw_print_rows(statement, output, stream, &code, error);
    if (status == LW_OK && code != SQLITE_DONE)
        status = lw_database_fail(database, error);
    sqlite3_finalize(statement);
    return status;
}
