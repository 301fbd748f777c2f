/* How far a cell is from what its core can do at most. */
#include "gen/cost.h"
#include "profiles/bench_internal.h"
#include "profiles/limits.h"

#include <math.h>
#include <stdlib.h>

/* Tables of every column, and the kernels that N columns are cut into. */
static enum lw_status add_up(const struct lw_bench_products *products, size_t columns,
                             struct lw_work *work, size_t *calls, struct lw_error *error)
{
    const struct lw_packed_matrix *matrix = &products->bundle.matrices[0];
    struct lw_work own;
    enum lw_status status = lw_work_of(&matrix->codes[0].input->spec, &own, error);
    *work = (struct lw_work){0};
    *calls = columns;
    lw_work_add(work, &own, (double)columns);
    while (columns && status == LW_OK) {
        const struct lw_spec *spec = &lw_packed_product(&matrix->codes[0], columns)->spec;
        status = lw_work_of(spec, &own, error);
        lw_work_add(work, &own, 1);
        columns -= spec->batch < columns ? spec->batch : columns; /* tiles may take more */
        *calls += 1;
    }
    return status;
}

static enum lw_status bandwidth(struct lw_bench_limits *limits, size_t bytes, double *gb_per_s,
                                struct lw_error *error)
{
    for (size_t i = 0; i < limits->count; i++)
        if (limits->known[i].bytes == bytes) {
            *gb_per_s = limits->known[i].gb_per_s;
            return LW_OK;
        }
    void *more = realloc(limits->known, (limits->count + 1) * sizeof *limits->known);
    if (!more)
        return lw_fail(error, LW_FAILED, "out of memory for the limits of the bench");
    limits->known = more;
    enum lw_status status = lw_read_bandwidth(bytes, gb_per_s, error);
    if (status == LW_OK)
        limits->known[limits->count++] = (struct lw_bench_bandwidth){bytes, *gb_per_s};
    return status;
}

enum lw_status lw_bench_limit(struct lw_bench_limits *limits,
                              const struct lw_bench_products *products, size_t copies,
                              struct lw_bench_row *row, struct lw_error *error)
{
    struct lw_work work;
    size_t calls;
    double gb_per_s;
    const struct lw_cpu_core *core = lw_core_of(lw_device_of(row->spec.isa));
    size_t footprint = copies * products->key_bytes;
    enum lw_status status = add_up(products, row->spec.batch, &work, &calls, error);
    if (status == LW_OK)
        status = bandwidth(limits, footprint, &gb_per_s, error);
    if (status != LW_OK)
        return status;
    if (!(limits->cycle_ns > 0))
        limits->cycle_ns = lw_cycle_ns();
    row->uops_ns = limits->cycle_ns * lw_core_cycles(core, &work);
    row->keys_ns = (double)products->key_bytes / gb_per_s;
    row->estimate_ns =
        lw_core_ns(core, &work, (double)calls, (double)products->key_bytes, (double)footprint);
    return LW_OK;
}

double lw_bench_limit_ns(const struct lw_bench_row *row)
{
    return fmax(row->uops_ns, row->keys_ns);
}
