/* Static cycles of whole calls, put together from those of kernels. */
#include "profiles/bench_internal.h"
#include "profiles/static.h"

#include <stdlib.h>

/* The kernels of all cases on one device; each is analysed when it is needed first. */
struct analysed {
    const struct lw_device *device;
    struct lw_spec *specs;
    struct lw_static_cycles *results; /* cycles == 0: not yet */
    size_t count;
};

/* Adds `times` calls of kernel i. */
static enum lw_status add(struct analysed *a, size_t i, double times, struct lw_static_cycles *sum,
                          struct lw_error *error)
{
    enum lw_status status = LW_OK;
    if (!(a->results[i].cycles > 0))
        status = lw_static_kernel(&a->specs[i], a->device, &a->results[i], error);
    sum->cycles += times * a->results[i].cycles;
    sum->instructions += times * a->results[i].instructions;
    sum->uops += times * a->results[i].uops;
    return status;
}

/* The first kernel of a case for at most so many columns; its tables for 0. */
static size_t find(const struct analysed *a, const struct lw_spec *spec, size_t columns)
{
    size_t i = 0;
    for (; i < a->count; i++) {
        const struct lw_spec *s = &a->specs[i];
        bool same = s->arith == spec->arith && s->columns == spec->columns;
        if (columns == 0 ? same && s->rows == 0
                         : same && s->rows == spec->rows && s->bits == spec->bits &&
                               s->group == spec->group && s->batch <= columns)
            break;
    }
    return i;
}

static enum lw_status run_cell(struct analysed *a, const struct lw_bench_case *c, size_t columns,
                               const struct lw_static_setup *setup, struct lw_error *error)
{
    struct lw_static_row row = {.kernel = c, .spec = c->spec, .device = a->device};
    row.spec.isa = a->device->isa;
    row.spec.batch = columns;
    enum lw_status status = add(a, find(a, &row.spec, 0), (double)columns, &row.sum, error);
    for (size_t left = columns; left && status == LW_OK;) {
        size_t i = find(a, &row.spec, left);
        status = add(a, i, 1, &row.sum, error);
        left -= a->specs[i].batch;
    }
    return status == LW_OK ? setup->row(setup->context, &row, error) : status;
}

static enum lw_status run_device(const struct lw_static_setup *setup, struct lw_bench_case *cases,
                                 const struct lw_device *device, struct lw_error *error)
{
    struct analysed a = {.device = device};
    for (size_t i = 0; i < setup->case_count; i++) {
        cases[i] = setup->cases[i];
        cases[i].spec.isa = device->isa;
    }
    enum lw_status status =
        lw_bench_specs(cases, setup->case_count, device->isa, &a.specs, &a.count, error);
    if (status != LW_OK)
        return status;
    a.results = calloc(a.count ? a.count : 1, sizeof *a.results);
    if (!a.results)
        status = lw_fail(error, LW_FAILED, "out of memory for static cycles");
    for (size_t i = 0; i < setup->case_count && status == LW_OK; i++)
        for (size_t n = 0; n < setup->column_count && status == LW_OK; n++)
            status = run_cell(&a, &setup->cases[i], setup->columns[n], setup, error);
    free(a.specs);
    free(a.results);
    return status;
}

enum lw_status lw_static_run(const struct lw_static_setup *setup, struct lw_error *error)
{
    struct lw_bench_case *cases = calloc(setup->case_count + 1, sizeof *cases);
    if (!cases)
        return lw_fail(error, LW_FAILED, "out of memory for static cycles");
    enum lw_status status = LW_OK;
    for (size_t d = 0; d < setup->device_count && status == LW_OK; d++)
        status = run_device(setup, cases, setup->devices[d], error);
    free(cases);
    return status;
}
