#include "profiles/picks_measured.h"

#include <stdlib.h>
#include <string.h>

/* One family at one shape, with the times of every mode and N. */
struct entry {
    struct lw_bench_case kernel;
    double ns[LW_BENCH_MODES][LW_PICK_COLUMNS]; /* 0: not known */
    bool known;
};

struct work {
    const struct lw_measuring *measuring;
    struct entry *entries;
    size_t count, missing, done;
    struct lw_bench_case *cases; /* those to be measured */
};

static struct entry *find(const struct work *w, const struct lw_spec *spec, enum lw_alpha alpha)
{
    for (size_t i = 0; i < w->count; i++)
        if (w->entries[i].kernel.alpha == alpha &&
            lw_same_product(&w->entries[i].kernel.spec, spec))
            return &w->entries[i];
    return NULL;
}

static enum lw_status list_entries(const struct lw_picks *picks, struct work *w,
                                   struct lw_error *error)
{
    w->entries = calloc(picks->count * LW_MOST_OPTIONS, sizeof *w->entries);
    w->cases = calloc(picks->count * LW_MOST_OPTIONS, sizeof *w->cases);
    if (!w->entries || !w->cases)
        return lw_fail(error, LW_FAILED, "out of memory for the plan of the kernels");
    for (size_t i = 0; i < picks->count; i++)
        for (size_t o = 0; o < picks->picks[i].option_count; o++) {
            const struct lw_spec *spec = &picks->picks[i].options[o].spec;
            if (!find(w, spec, picks->picks[i].alpha))
                w->entries[w->count++].kernel =
                    (struct lw_bench_case){*spec, picks->picks[i].alpha};
        }
    return LW_OK;
}

/* What the database has. */
static enum lw_status look_up(struct work *w, size_t *stale, struct lw_error *error)
{
    enum lw_status status = LW_OK;
    *stale = 0;
    for (size_t i = 0; i < w->count; i++) {
        struct entry *e = &w->entries[i];
        bool is_stale = false;
        e->known = true;
        for (int mode = 0; mode < LW_BENCH_MODES; mode++)
            for (size_t b = 0; b < LW_PICK_COLUMNS && status == LW_OK; b++) {
                struct lw_bench_row row = {
                    .kernel = &e->kernel, .spec = e->kernel.spec, .mode = (enum lw_bench_mode)mode};
                bool others = false;
                row.spec.batch = lw_pick_columns[b];
                status = lw_database_find_kernel(w->measuring->database, w->measuring->maker, &row,
                                                 &e->ns[mode][b], &others, error);
                e->known = e->known && e->ns[mode][b] > 0;
                is_stale = is_stale || others;
            }
        *stale += !e->known && is_stale;
        if (!e->known)
            w->cases[w->missing++] = e->kernel;
    }
    return status;
}

static enum lw_status take_row(void *context, const struct lw_bench_row *row,
                               struct lw_error *error)
{
    struct work *w = context;
    const struct lw_measuring *m = w->measuring;
    if (row->status != LW_OK)
        return lw_fail(error, row->status, "%s", row->error);
    struct entry *e = find(w, &row->spec, row->kernel->alpha);
    for (size_t b = 0; b < LW_PICK_COLUMNS; b++)
        if (lw_pick_columns[b] == row->spec.batch)
            e->ns[row->mode][b] = row->ns.median;
    w->done++;
    if (m->measured)
        m->measured(m->context, w->done, w->missing * LW_PICK_COLUMNS * LW_BENCH_MODES);
    return lw_database_add_kernel(m->database, m->run, m->maker, row, error);
}

static int compare_shapes(const void *a, const void *b)
{
    const struct lw_spec *x = &((const struct lw_bench_case *)a)->spec,
                         *y = &((const struct lw_bench_case *)b)->spec;
    if (x->rows != y->rows)
        return x->rows < y->rows ? -1 : 1;
    return x->columns < y->columns ? -1 : x->columns > y->columns;
}

static enum lw_status measure_missing(struct work *w, struct lw_error *error)
{
    struct lw_bench_kernels *kernels;
    struct lw_bench_setup setup = {.cases = w->cases,
                                   .case_count = w->missing,
                                   .columns = lw_pick_columns,
                                   .column_count = LW_PICK_COLUMNS,
                                   .modes = {true, true},
                                   .seconds = w->measuring->seconds,
                                   .resident_weights = LW_BENCH_RESIDENT_WEIGHTS,
                                   .seed = 1,
                                   .row = take_row,
                                   .context = w};
    if (w->missing == 0)
        return LW_OK;
    qsort(w->cases, w->missing, sizeof *w->cases, compare_shapes);
    enum lw_status status =
        lw_bench_compile(w->cases, w->missing, w->measuring->watch, &kernels, error);
    if (status != LW_OK)
        return status;
    status = lw_bench_run(kernels, &setup, error);
    lw_bench_kernels_free(kernels);
    return status;
}

static void fill(struct lw_picks *picks, const struct work *w)
{
    enum lw_bench_mode mode = picks->resident ? LW_BENCH_RESIDENT : LW_BENCH_HOT;
    for (size_t i = 0; i < picks->count; i++)
        for (size_t o = 0; o < picks->picks[i].option_count; o++) {
            struct lw_option *option = &picks->picks[i].options[o];
            memcpy(option->ns, find(w, &option->spec, picks->picks[i].alpha)->ns[mode],
                   sizeof option->ns);
        }
}

enum lw_status lw_picks_measure(struct lw_picks *picks, const struct lw_measuring *measuring,
                                struct lw_error *error)
{
    struct work w = {.measuring = measuring};
    size_t stale;
    enum lw_status status = list_entries(picks, &w, error);
    if (status == LW_OK)
        status = look_up(&w, &stale, error);
    if (status == LW_OK && measuring->known)
        measuring->known(measuring->context, w.count - w.missing, stale, w.count);
    if (status == LW_OK)
        status = measure_missing(&w, error);
    if (status == LW_OK)
        fill(picks, &w);
    free(w.entries);
    free(w.cases);
    return status;
}
