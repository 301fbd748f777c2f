/* The solver: CBC, a branch-and-cut code for integer programs, through its C interface. A column
 * x[i][o] in {0, 1} says whether item i has option o; each item has one.
 *
 * The library is loaded when it is first asked for: it brings a BLAS with threads and buffers,
 * which no other verb should pay for.
 *
 * Numbers are scaled for CBC's tolerances: the objective so that all that choices can change sums
 * up to OBJECTIVE, a row so that its limit is LIMIT. */
#include "profiles/allocation.h"

#include "models/needs.h"

#include <coin/Cbc_C_Interface.h>
#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* CBC ends its search at improvements below 1e-5, and calls a row kept that is 1e-7 too long. */
static const double OBJECTIVE = 1e6, LIMIT = 1e3;
/* A choice that is over a limit by rounding is excluded, and the rest searched again. */
enum { MOST_ROUNDS = 64 };

#define FUNCTIONS(F)                                                                               \
    F(Cbc_newModel)                                                                                \
    F(Cbc_deleteModel)                                                                             \
    F(Cbc_addCol)                                                                                  \
    F(Cbc_addRow)                                                                                  \
    F(Cbc_setLogLevel)                                                                             \
    F(Cbc_setParameter)                                                                            \
    F(Cbc_setMaximumSeconds)                                                                       \
    F(Cbc_solve)                                                                                   \
    F(Cbc_isProvenOptimal)                                                                         \
    F(Cbc_isProvenInfeasible)                                                                      \
    F(Cbc_getColSolution)                                                                          \
    F(Cbc_getObjValue)                                                                             \
    F(Cbc_getBestPossibleObjValue)

static const struct lw_need *const NEED = &lw_needs[LW_NEED_CBC];

/* The functions of the library. It stays loaded. */
static struct {
    void *library;
#define FIELD(name) __typeof__(name) *name;
    FUNCTIONS(FIELD)
#undef FIELD
} cbc;

static enum lw_status load_cbc(struct lw_error *error)
{
    if (cbc.library)
        return LW_OK;
    void *library = dlopen(NEED->name, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return lw_fail(error, LW_FAILED,
                       "the solver CBC cannot be loaded (%s); install it with 'apt-get install %s'",
                       dlerror(), NEED->package);
    bool whole = true;
#define LOAD(name)                                                                                 \
    *(void **)&cbc.name = dlsym(library, #name);                                                   \
    whole = whole && cbc.name;
    FUNCTIONS(LOAD)
#undef LOAD
    if (!whole) {
        dlclose(library);
        return lw_fail(error, LW_FAILED,
                       "%s lacks functions that allocation needs; install %s of "
                       "Debian 12",
                       NEED->name, NEED->package);
    }
    cbc.library = library;
    return LW_OK;
}

struct solver {
    const struct lw_allocation_problem *problem;
    bool nearest; /* minimise the excess, which is one more column, the last */
    Cbc_Model *model;
    size_t *first; /* [item_count + 1], the first column of each item */
    int *columns;  /* room for a row */
    double *values;
    double scale;  /* of the objective */
    size_t **cuts; /* own exclusions */
    size_t cut_count;
};

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static enum lw_status open_solver(const struct lw_allocation_problem *problem, bool nearest,
                                  struct solver *s, struct lw_error *error)
{
    *s = (struct solver){.problem = problem, .nearest = nearest};
    s->first = calloc(problem->item_count + 1, sizeof *s->first);
    s->cuts = calloc(MOST_ROUNDS, sizeof *s->cuts);
    for (size_t i = 0; s->first && i < problem->item_count; i++)
        s->first[i + 1] = s->first[i] + problem->items[i].option_count;
    size_t count = s->first ? s->first[problem->item_count] + 1 : 0;
    s->columns = calloc(count, sizeof *s->columns);
    s->values = calloc(count, sizeof *s->values);
    if (!s->first || !s->columns || !s->values || !s->cuts)
        return lw_fail(error, LW_FAILED, "out of memory for the allocation");
    double least, most;
    lw_allocation_range(problem, problem->minimise, &least, &most);
    s->scale = most > least ? OBJECTIVE / (most - least) : 1;
    return LW_OK;
}

static void close_solver(struct solver *s)
{
    for (size_t i = 0; s->cuts && i < s->cut_count; i++)
        free(s->cuts[i]);
    free(s->cuts);
    free(s->first);
    free(s->columns);
    free(s->values);
}

static void add_columns(struct solver *s)
{
    const struct lw_allocation_problem *p = s->problem;
    for (size_t i = 0; i < p->item_count; i++)
        for (size_t o = 0; o < p->items[i].option_count; o++) {
            double cost = s->nearest ? 0 : p->items[i].options[o].figures[p->minimise] * s->scale;
            cbc.Cbc_addCol(s->model, "", 0, 1, cost, 1, 0, NULL, NULL);
        }
    if (s->nearest)
        cbc.Cbc_addCol(s->model, "", 0, INFINITY, LIMIT, 0, 0, NULL, NULL);
}

/* One option for each item. */
static void add_choices(struct solver *s)
{
    for (size_t i = 0; i < s->problem->item_count; i++) {
        int count = 0;
        for (size_t c = s->first[i]; c < s->first[i + 1]; c++, count++) {
            s->columns[count] = (int)c;
            s->values[count] = 1;
        }
        cbc.Cbc_addRow(s->model, "", count, s->columns, s->values, 'E', 1);
    }
}

/* A limit, over its own size; where the nearest is asked for, an excess stretches it. */
static void add_limit(struct solver *s, int figure)
{
    const struct lw_allocation_problem *p = s->problem;
    double limit = p->most[figure], scale = limit > 0 ? LIMIT / limit : 1;
    int count = 0;
    for (size_t i = 0; i < p->item_count; i++)
        for (size_t o = 0; o < p->items[i].option_count; o++, count++) {
            s->columns[count] = count;
            s->values[count] = p->items[i].options[o].figures[figure] * scale;
        }
    if (s->nearest) {
        s->columns[count] = count;
        s->values[count++] = -LIMIT;
    }
    cbc.Cbc_addRow(s->model, "", count, s->columns, s->values, 'L',
                   (limit - p->fixed[figure]) * scale);
}

/* Not all of these options together. */
static void exclude(struct solver *s, const size_t *chosen)
{
    size_t items = s->problem->item_count;
    for (size_t i = 0; i < items; i++) {
        s->columns[i] = (int)(s->first[i] + chosen[i]);
        s->values[i] = 1;
    }
    cbc.Cbc_addRow(s->model, "", (int)items, s->columns, s->values, 'L', (double)items - 1);
}

static void build(struct solver *s)
{
    const struct lw_allocation_problem *p = s->problem;
    cbc.Cbc_setLogLevel(s->model, 0);
    /* The preprocessing of 2.10.8 cuts off best choices (tests/test_allocation.c). */
    cbc.Cbc_setParameter(s->model, "preprocess", "off");
    cbc.Cbc_setParameter(s->model, "ratioGap", "0");
    cbc.Cbc_setParameter(s->model, "allowableGap", "0");
    if (p->seconds > 0)
        cbc.Cbc_setMaximumSeconds(s->model, p->seconds);
    add_columns(s);
    add_choices(s);
    for (int f = 0; f < LW_FIGURES; f++)
        if (p->most[f] < INFINITY)
            add_limit(s, f);
    for (size_t e = 0; e < p->excluded_count; e++)
        exclude(s, p->excluded[e]);
    for (size_t e = 0; e < s->cut_count; e++)
        exclude(s, s->cuts[e]);
}

static double largest_excess(const struct lw_allocation_problem *p,
                             const double figures[LW_FIGURES])
{
    double excess = 0;
    for (int f = 0; f < LW_FIGURES; f++)
        if (p->most[f] < INFINITY)
            excess = fmax(excess, (figures[f] - p->most[f]) / p->most[f]);
    return excess;
}

static bool is_within(const struct lw_allocation_problem *p, const double figures[LW_FIGURES])
{
    for (int f = 0; f < LW_FIGURES; f++)
        if (figures[f] > p->most[f])
            return false;
    return true;
}

static void read_choice(const struct solver *s, size_t *chosen)
{
    const double *x = cbc.Cbc_getColSolution(s->model);
    for (size_t i = 0; i < s->problem->item_count; i++) {
        chosen[i] = 0;
        for (size_t c = s->first[i]; c < s->first[i + 1]; c++)
            if (x[c] > x[s->first[i] + chosen[i]])
                chosen[i] = c - s->first[i];
    }
}

/* One search; *again where its result breaks a limit by rounding, and is excluded now. */
static enum lw_status search(struct solver *s, struct lw_allocation *a, bool *again,
                             struct lw_error *error)
{
    const struct lw_allocation_problem *p = s->problem;
    *again = false;
    cbc.Cbc_solve(s->model);
    if (cbc.Cbc_isProvenInfeasible(s->model))
        return lw_fail(error, LW_INFEASIBLE, "the limits cannot be met together");
    if (cbc.Cbc_getObjValue(s->model) > 1e40)
        return lw_fail(error, LW_FAILED, "no choice was found within %.0f s", p->seconds);
    read_choice(s, a->chosen);
    lw_allocation_sum(p, a->chosen, a->figures);
    double value = a->figures[p->minimise];
    a->excess = largest_excess(p, a->figures);
    if (s->nearest)
        return LW_OK;
    a->bound = cbc.Cbc_isProvenOptimal(s->model)
                   ? value
                   : cbc.Cbc_getBestPossibleObjValue(s->model) / s->scale + p->fixed[p->minimise];
    a->gap = value > a->bound ? (value - a->bound) / fabs(value) : 0;
    *again = !is_within(p, a->figures);
    if (!*again)
        return LW_OK;
    size_t *cut = s->cut_count < MOST_ROUNDS ? malloc(p->item_count * sizeof *cut) : NULL;
    if (!cut)
        return lw_fail(error, LW_FAILED, "the allocation does not settle within its limits");
    memcpy(cut, a->chosen, p->item_count * sizeof *cut);
    s->cuts[s->cut_count++] = cut;
    return LW_OK;
}

static enum lw_status solve(const struct lw_allocation_problem *problem, bool nearest,
                            struct lw_allocation *allocation, struct lw_error *error)
{
    struct solver s;
    bool again = true;
    double start_s = now_s();
    enum lw_status status = open_solver(problem, nearest, &s, error);
    if (status == LW_OK)
        status = load_cbc(error);
    while (status == LW_OK && again) {
        s.model = cbc.Cbc_newModel();
        build(&s);
        status = search(&s, allocation, &again, error);
        cbc.Cbc_deleteModel(s.model);
    }
    close_solver(&s);
    allocation->seconds = now_s() - start_s;
    return status;
}

enum lw_status lw_allocate(const struct lw_allocation_problem *problem,
                           struct lw_allocation *allocation, struct lw_error *error)
{
    return solve(problem, false, allocation, error);
}

enum lw_status lw_allocate_nearest(const struct lw_allocation_problem *problem,
                                   struct lw_allocation *allocation, struct lw_error *error)
{
    return solve(problem, true, allocation, error);
}
