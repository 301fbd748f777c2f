#include "profiles/database_kernels.h"

#include "profiles/database_internal.h"
#include "profiles/machine.h"

/* Texts, figures and the run, in the order of the statement's parameters. Columns of whole numbers
 * take a double without a fraction as an integer. */
static enum lw_status insert(struct lw_database *database, const char *sql,
                             const char *const *texts, size_t text_count, const double *figures,
                             size_t figure_count, int64_t run, struct lw_error *error)
{
    sqlite3_stmt *statement = NULL;
    sqlite3_int64 none;
    int index = 1;
    int code = sqlite3_prepare_v2(database->handle, sql, -1, &statement, NULL);
    for (size_t i = 0; i < text_count && code == SQLITE_OK; i++)
        code = lw_database_bind_text(statement, index++, texts[i]);
    for (size_t i = 0; i < figure_count && code == SQLITE_OK; i++)
        code = lw_database_bind_real(statement, index++, figures[i]);
    if (code == SQLITE_OK)
        code = sqlite3_bind_int64(statement, index, run);
    code = lw_database_finish(statement, code, &none);
    return code == SQLITE_OK ? LW_OK : lw_database_fail(database, error);
}

enum lw_status lw_database_add_kernel(struct lw_database *database, int64_t run,
                                      const struct lw_kernel_maker *maker,
                                      const struct lw_bench_row *row, struct lw_error *error)
{
    /* REPLACE drops the row that the kernel had before. */
    static const char sql[] =
        "INSERT OR REPLACE INTO kernel_measurements (time_utc, spec, alpha, mode, generator, "
        "compiler, flags, arith, isa, m, k, bits, group_columns, n, samples, calls, median_ns, "
        "lower_ns, upper_ns, on_core, key_bytes, openblas_ns, onednn_f32_ns, onednn_int8_ns, "
        "run_id, machine_id, cpu) "
        "SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, runs.id, "
        "machine_id, cpu FROM runs JOIN machines ON machines.id = machine_id WHERE runs.id = ?";
    char now[32], spec[LW_SPEC_NAME_BYTES], flags[512];
    const struct lw_spec *s = &row->spec;
    lw_database_now(now);
    lw_spec_name(s, spec);
    lw_compiler_flags(lw_device_of(s->isa), flags, sizeof flags);
    const char *const texts[] = {now,
                                 spec,
                                 lw_alpha_name(row->kernel->alpha),
                                 lw_bench_mode_name(row->mode),
                                 maker->generator,
                                 maker->compiler,
                                 flags,
                                 lw_arith_name(s->arith),
                                 lw_isa_info(s->isa)->name};
    const double figures[] = {(double)s->rows,
                              (double)s->columns,
                              (double)s->bits,
                              (double)s->group,
                              (double)s->batch,
                              (double)row->ns.count,
                              (double)row->calls,
                              row->ns.median,
                              row->ns.lower,
                              row->ns.upper,
                              row->on_core,
                              (double)row->key_bytes,
                              row->peers_ns[LW_BENCH_OPENBLAS],
                              row->peers_ns[LW_BENCH_ONEDNN_F32],
                              row->peers_ns[LW_BENCH_ONEDNN_INT8]};
    return insert(database, sql, texts, sizeof texts / sizeof *texts, figures,
                  sizeof figures / sizeof *figures, run, error);
}

enum lw_status lw_database_find_kernel(struct lw_database *database,
                                       const struct lw_kernel_maker *maker,
                                       const struct lw_bench_row *row, double *median_ns,
                                       bool *others, struct lw_error *error)
{
    static const char sql[] =
        "SELECT total(iif(generator = ?5 AND compiler = ?6 AND flags = ?7, median_ns, 0)), "
        "total(generator <> ?5 OR compiler <> ?6 OR flags <> ?7) FROM kernel_measurements "
        "WHERE spec = ?1 AND alpha = ?2 AND mode = ?3 AND cpu = ?4";
    struct lw_machine machine;
    char spec[LW_SPEC_NAME_BYTES], flags[512];
    lw_machine_detect(&machine);
    lw_spec_name(&row->spec, spec);
    lw_compiler_flags(lw_device_of(row->spec.isa), flags, sizeof flags);
    const char *const texts[] = {spec,
                                 lw_alpha_name(row->kernel->alpha),
                                 lw_bench_mode_name(row->mode),
                                 machine.cpu,
                                 maker->generator,
                                 maker->compiler,
                                 flags};
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(database->handle, sql, -1, &statement, NULL);
    for (int i = 0; i < (int)(sizeof texts / sizeof *texts) && code == SQLITE_OK; i++)
        code = lw_database_bind_text(statement, i + 1, texts[i]);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    enum lw_status status = code == SQLITE_ROW ? LW_OK : lw_database_fail(database, error);
    *median_ns = status == LW_OK ? sqlite3_column_double(statement, 0) : 0;
    *others = status == LW_OK && sqlite3_column_double(statement, 1) > 0;
    sqlite3_finalize(statement);
    return status;
}

enum lw_status lw_database_add_static(struct lw_database *database, int64_t run,
                                      const struct lw_kernel_maker *maker, const char *analyser,
                                      const struct lw_static_row *row, struct lw_error *error)
{
    static const char sql[] =
        "INSERT OR REPLACE INTO static_estimates (time_utc, spec, alpha, device, generator, "
        "compiler, flags, analyser, arith, m, k, bits, group_columns, n, cycles, instructions, "
        "uops, run_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    char now[32], spec[LW_SPEC_NAME_BYTES], flags[512];
    const struct lw_spec *s = &row->spec;
    lw_database_now(now);
    lw_spec_name(s, spec);
    lw_compiler_flags(row->device, flags, sizeof flags);
    const char *const texts[] = {now,
                                 spec,
                                 lw_alpha_name(row->kernel->alpha),
                                 row->device->name,
                                 maker->generator,
                                 maker->compiler,
                                 flags,
                                 analyser,
                                 lw_arith_name(s->arith)};
    const double figures[] = {(double)s->rows,       (double)s->columns, (double)s->bits,
                              (double)s->group,      (double)s->batch,   row->sum.cycles,
                              row->sum.instructions, row->sum.uops};
    return insert(database, sql, texts, sizeof texts / sizeof *texts, figures,
                  sizeof figures / sizeof *figures, run, error);
}
