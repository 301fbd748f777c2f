/* The solver of allocations against a search of all choices. */
#include "profiles/allocation.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

enum { MOST_ITEMS = 6, MOST_OPTIONS = 6, INSTANCES = 200 };

static uint64_t state;

static uint32_t draw(uint32_t below)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((state >> 33) % below);
}

/* A random problem with all that it points to. */
struct instance {
    struct lw_allocation_problem problem;
    struct lw_allocation_item items[MOST_ITEMS];
    struct lw_allocation_option options[MOST_ITEMS][MOST_OPTIONS];
    size_t chosen[MOST_ITEMS];
};

static void make_options(struct instance *in)
{
    in->problem =
        (struct lw_allocation_problem){.item_count = 2 + draw(MOST_ITEMS - 1), .items = in->items};
    for (size_t i = 0; i < in->problem.item_count; i++) {
        in->items[i] = (struct lw_allocation_item){1 + draw(MOST_OPTIONS), in->options[i]};
        for (size_t o = 0; o < in->items[i].option_count; o++) {
            double *figures = in->options[i][o].figures;
            figures[LW_FIGURE_SIZE] = 100 + draw(100000);
            /* As parts of a model: losses from 1e-5 to 1, more of them with fewer bytes. */
            figures[LW_FIGURE_LOSS] =
                exp(-(double)draw(11000) / 1000) * 100 / figures[LW_FIGURE_SIZE];
            figures[LW_FIGURE_LATENCY] = draw(1000) / 7.0;
            figures[LW_FIGURE_MEMORY] = figures[LW_FIGURE_SIZE] * (1 + draw(3));
            figures[LW_FIGURE_ENERGY] = 1e6 * draw(1000) + figures[LW_FIGURE_LATENCY];
        }
    }
}

/* Limits between the least and the most that a figure can be, or a little outside. */
static void make_limits(struct instance *in)
{
    struct lw_allocation_problem *p = &in->problem;
    p->fixed[LW_FIGURE_SIZE] = draw(5000);
    p->minimise = (enum lw_figure)draw(LW_FIGURES);
    for (int f = 0; f < LW_FIGURES; f++) {
        double least, most;
        lw_allocation_range(p, (enum lw_figure)f, &least, &most);
        p->most[f] = draw(2) ? INFINITY : least + (most - least) * (draw(1200) / 1000.0 - .1);
        if (p->most[f] <= 0)
            p->most[f] = 1e-9;
    }
}

static bool next(const struct lw_allocation_problem *p, size_t *chosen)
{
    for (size_t i = 0; i < p->item_count; i++) {
        if (++chosen[i] < p->items[i].option_count)
            return true;
        chosen[i] = 0;
    }
    return false;
}

static bool is_excluded(const struct lw_allocation_problem *p, const size_t *chosen)
{
    for (size_t e = 0; e < p->excluded_count; e++)
        if (memcmp(p->excluded[e], chosen, p->item_count * sizeof *chosen) == 0)
            return true;
    return false;
}

/* The smallest value within the limits, INFINITY where there is none, and the smallest excess. */
static double search_all(const struct lw_allocation_problem *p, double *excess)
{
    size_t chosen[MOST_ITEMS] = {0};
    double best = INFINITY;
    *excess = INFINITY;
    do {
        double figures[LW_FIGURES], own = 0;
        if (is_excluded(p, chosen))
            continue;
        lw_allocation_sum(p, chosen, figures);
        for (int f = 0; f < LW_FIGURES; f++)
            if (p->most[f] < INFINITY)
                own = fmax(own, (figures[f] - p->most[f]) / p->most[f]);
        *excess = fmin(*excess, own);
        if (own <= 0)
            best = fmin(best, figures[p->minimise]);
    } while (next(p, chosen));
    return best;
}

Test(allocation, agrees_with_a_search_of_all_choices)
{
    size_t feasible = 0;
    state = 20261123;
    for (size_t n = 0; n < INSTANCES; n++) {
        struct instance in;
        struct lw_allocation a = {.chosen = in.chosen};
        struct lw_error error = {0};
        double excess;
        make_options(&in);
        make_limits(&in);
        double best = search_all(&in.problem, &excess);
        enum lw_status status = lw_allocate(&in.problem, &a, &error);
        if (best == INFINITY) {
            cr_assert_eq(status, LW_INFEASIBLE, "instance %zu: %s", n, error.text);
            status = lw_allocate_nearest(&in.problem, &a, &error);
            cr_assert_eq(status, LW_OK, "instance %zu: %s", n, error.text);
            cr_assert(a.excess <= excess * (1 + 1e-6) + 1e-6 && a.excess > 0,
                      "instance %zu: excess %.9g, but %.9g can be had", n, a.excess, excess);
            continue;
        }
        feasible++;
        cr_assert_eq(status, LW_OK, "instance %zu: %s", n, error.text);
        cr_assert(a.figures[in.problem.minimise] <= best * (1 + 1e-9),
                  "instance %zu: %.17g, but %.17g can be had", n, a.figures[in.problem.minimise],
                  best);
        cr_assert_eq(a.gap, 0, "instance %zu", n);
        for (int f = 0; f < LW_FIGURES; f++)
            cr_assert(a.figures[f] <= in.problem.most[f], "instance %zu, figure %d", n, f);
    }
    cr_assert(feasible > INSTANCES / 4 && feasible < INSTANCES);
}

Test(allocation, excluded_choices_do_not_come_again)
{
    state = 7;
    struct instance in;
    size_t kept[8][MOST_ITEMS];
    const size_t *excluded[8];
    double before = 0;
    do
        make_options(&in);
    while (in.problem.item_count < 4 || in.items[0].option_count < 3);
    for (int f = 0; f < LW_FIGURES; f++)
        in.problem.most[f] = INFINITY;
    in.problem.excluded = excluded;
    for (size_t k = 0; k < 8; k++) {
        struct lw_allocation a = {.chosen = kept[k]};
        struct lw_error error = {0};
        double excess, best = search_all(&in.problem, &excess);
        cr_assert_eq(lw_allocate(&in.problem, &a, &error), LW_OK, "%s", error.text);
        cr_assert_float_eq(a.figures[LW_FIGURE_LOSS], best, 1e-12);
        cr_assert(a.figures[LW_FIGURE_LOSS] >= before);
        before = a.figures[LW_FIGURE_LOSS];
        excluded[in.problem.excluded_count++] = kept[k];
    }
}

Test(allocation, limits_hold_to_the_byte)
{
    /* Two items of 1,000,000 and 999,999 bytes: one byte decides. */
    struct lw_allocation_option options[2] = {{{0, 1000000}}, {{1, 999999}}};
    struct lw_allocation_item items[2] = {{2, options}, {2, options}};
    size_t chosen[2];
    struct lw_allocation a = {.chosen = chosen};
    struct lw_allocation_problem p = {.item_count = 2, .items = items};
    for (int f = 0; f < LW_FIGURES; f++)
        p.most[f] = INFINITY;
    struct lw_error error = {0};
    for (int slack = 0; slack < 3; slack++) {
        p.most[LW_FIGURE_SIZE] = 1999998 + slack;
        cr_assert_eq(lw_allocate(&p, &a, &error), LW_OK, "%s", error.text);
        cr_assert_eq(a.figures[LW_FIGURE_SIZE], 1999998 + slack);
        cr_assert_eq(a.figures[LW_FIGURE_LOSS], 2 - slack);
    }
    p.most[LW_FIGURE_SIZE] = 1999997;
    cr_assert_eq(lw_allocate(&p, &a, &error), LW_INFEASIBLE);
}
