/* Which of several devices: each is solved for, the best is kept. An engine's area does not depend
 * on the plan, so that a limit of it is a limit of the devices. */
#include "cli/allocate.h"

#include "cli/cli.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static enum lw_status add_name(struct cli_allocate *a, const char *name, size_t length,
                               struct lw_error *error)
{
    struct cli_tried *tried = &a->tried[a->tried_count];
    if (length >= sizeof tried->name)
        return lw_fail(error, LW_USAGE, "there is no device '%.*s'", (int)length, name);
    for (size_t i = 0; i < a->tried_count; i++)
        if (strlen(a->tried[i].name) == length && strncmp(a->tried[i].name, name, length) == 0)
            return LW_OK;
    if (a->tried_count == CLI_ALLOCATE_DEVICES)
        return lw_fail(error, LW_USAGE, "at most %d devices at a time", CLI_ALLOCATE_DEVICES);
    memcpy(tried->name, name, length);
    a->tried_count++;
    return LW_OK;
}

enum lw_status cli_allocate_name_devices(struct cli_allocate *a, struct lw_error *error)
{
    enum lw_status status = LW_OK;
    for (const char **list = a->device_lists; list && *list && status == LW_OK; list++)
        for (const char *at = *list; status == LW_OK; at++) {
            size_t length = strcspn(at, ",");
            status = add_name(a, at, length, error);
            at += length;
            if (!*at)
                break;
        }
    return status;
}

/* Solves for the device in hand; where the limits cannot be met, the error tells what can be had.
 */
static enum lw_status solve(struct cli_allocate *a, struct lw_error *error)
{
    if (!a->json)
        cli_allocate_print_range(a);
    enum lw_status status = cli_allocate_solve(a, &a->problem, &a->best, &a->bytes, error);
    if (status != LW_INFEASIBLE)
        return status;
    struct lw_allocation nearest = a->best;
    struct lw_error ignored = {0};
    bool found = lw_allocate_nearest(&a->problem, &nearest, &ignored) == LW_OK;
    cli_allocate_explain(a, found ? &nearest : NULL, error);
    return status;
}

static double value_of(const struct cli_allocate *a)
{
    double figure = a->best.figures[a->problem.minimise];
    switch (a->problem.minimise) {
    case LW_FIGURE_SIZE:
        return a->bytes;
    case LW_FIGURE_LATENCY:
        return cli_allocate_ms(a, figure);
    default:
        return figure;
    }
}

static void try_device(struct cli_allocate *a, struct cli_tried *tried)
{
    a->device_name = tried->name;
    tried->status = cli_allocate_prepare(a, &tried->error);
    tried->area = a->area;
    tried->within = isnan(a->area_gates) || a->area.gates <= a->area_gates;
    if (tried->status == LW_OK)
        tried->status = solve(a, &tried->error);
    if (tried->status != LW_OK)
        return;
    tried->value = value_of(a);
    tried->divergence = lw_predict_divergence(&a->prediction, a->best.figures[LW_FIGURE_LOSS]);
    tried->ms = cli_allocate_ms(a, a->best.figures[LW_FIGURE_LATENCY]);
    tried->pj = a->prediction.has_energy ? a->best.figures[LW_FIGURE_ENERGY] : NAN;
}

/* Of equal devices the smaller one is better, and then the one that was named first. */
static bool is_better(const struct cli_allocate *a, const struct cli_tried *x,
                      const struct cli_tried *y)
{
    bool smaller = x->area.gates < y->area.gates;
    if (a->minimises_area)
        return smaller;
    double apart = 1e-9 * fabs(y->value);
    return x->value < y->value - apart || (x->value <= y->value + apart && smaller);
}

static const struct cli_tried *best_of(const struct cli_allocate *a, bool within)
{
    const struct cli_tried *best = NULL;
    for (size_t i = 0; i < a->tried_count; i++) {
        const struct cli_tried *t = &a->tried[i];
        if (t->status == LW_OK && t->within >= within && (!best || is_better(a, t, best)))
            best = t;
    }
    return best;
}

/* No device has a plan: infeasible where limits are what keeps one of them out. */
static enum lw_status fail(const struct cli_allocate *a, struct lw_error *error)
{
    const struct cli_tried *first = &a->tried[0];
    enum lw_status status = first->status;
    double least = INFINITY;
    bool too_large = false;
    for (size_t i = 0; i < a->tried_count; i++) {
        const struct cli_tried *t = &a->tried[i];
        least = fmin(least, t->area.gates);
        too_large = too_large || (t->status == LW_OK && !t->within);
        if (t->status == LW_INFEASIBLE || (t->status == LW_OK && !t->within))
            status = LW_INFEASIBLE;
    }
    if (a->tried_count == 1 && !too_large) {
        *error = first->error;
        return status;
    }
    lw_fail(error, status, "the limits cannot be met together by any device that was named");
    for (size_t i = 0; i < a->tried_count; i++) {
        const struct cli_tried *t = &a->tried[i];
        if (t->status == LW_OK)
            lw_error_add(error, "%s: %.0f gates where %.0f are asked for", t->name, t->area.gates,
                         a->area_gates);
        else
            lw_error_add(error, "%s: %s", t->name, t->error.text);
    }
    if (too_large)
        lw_error_add(error, "attainable: the smallest of these engines has %.0f gates", least);
    return status;
}

static void print_tried(const struct cli_allocate *a)
{
    for (size_t i = 0; i < a->tried_count; i++) {
        const struct cli_tried *t = &a->tried[i];
        printf("%-17s ", t->name);
        if (!isnan(t->area.gates))
            printf("%8.0f gates; ", t->area.gates);
        if (t->status != LW_OK) {
            printf("%.*s\n", (int)strcspn(t->error.text, "\n"), t->error.text);
            continue;
        }
        printf("divergence %.4f nats a word, %.4g ms", t->divergence, t->ms);
        char energy[CLI_ENERGY_BYTES];
        if (!isnan(t->pj))
            printf(", %s", cli_energy(t->pj, energy));
        puts(t->within ? "" : "; larger than asked for");
    }
    printf("chosen: %s\n", a->device_name);
}

enum lw_status cli_allocate_choose(struct cli_allocate *a, struct lw_error *error)
{
    if (!a->tried_count) {
        enum lw_status status = cli_allocate_prepare(a, error);
        return status == LW_OK ? solve(a, error) : status;
    }
    for (size_t i = 0; i < a->tried_count; i++) {
        cli_allocate_forget(a);
        try_device(a, &a->tried[i]);
    }
    const struct cli_tried *best = best_of(a, true);
    if (!best)
        return fail(a, error);
    if (a->tried_count == 1)
        return LW_OK;
    a->device_name = best->name;
    cli_allocate_forget(a);
    enum lw_status status = cli_allocate_prepare(a, error);
    if (status == LW_OK)
        status = cli_allocate_solve(a, &a->problem, &a->best, &a->bytes, error);
    if (status == LW_OK && !a->json)
        print_tried(a);
    return status;
}

void cli_allocate_print_area(const struct cli_allocate *a)
{
    const struct cli_tried *own = best_of(a, true), *any = best_of(a, false);
    if (isnan(a->area_gates))
        return;
    if (own == any || any->within || any->value >= own->value * (1 - 1e-9))
        puts("more gates buy nothing: this limit does not bind");
    else
        printf("%.0f more gates would admit %s, with a divergence of %.4f nats a word and %.4g ms: "
               "this limit binds\n",
               any->area.gates - a->area_gates, any->name, any->divergence, any->ms);
}
