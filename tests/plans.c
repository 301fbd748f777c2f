#include "tests/plans.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

struct lw_plan test_plan(const char *text)
{
    struct lw_plan plan;
    struct lw_error error = {0};
    cr_assert_eq(lw_plan_parse(text, strlen(text), "P", &plan, &error), LW_OK, "%s", error.text);
    return plan;
}

/* malloc'ed */
static char *print(const struct lw_plan *plan)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *stream = open_memstream(&text, &bytes);
    cr_assert_eq(lw_plan_print(plan, stream, NULL), LW_OK);
    cr_assert_eq(fclose(stream), 0);
    return text;
}

struct lw_model test_layout(struct lw_config config)
{
    struct lw_model model = {.config = config};
    cr_assert_eq(lw_model_layout(&model, NULL), LW_OK);
    return model;
}

static void check_same(const struct lw_plan *a, const struct lw_plan *b)
{
    cr_assert_eq(a->arith, b->arith);
    cr_assert_eq(a->rule_count, b->rule_count);
    cr_assert_eq(!a->comment, !b->comment);
    if (a->comment)
        cr_assert_str_eq(a->comment, b->comment);
    for (size_t i = 0; i < a->rule_count; i++) {
        const struct lw_rule *p = &a->rules[i], *q = &b->rules[i];
        struct lw_choice x = p->choice, y = q->choice;
        cr_assert_str_eq(p->match, q->match);
        cr_assert_arr_eq(p->gives, q->gives, sizeof p->gives);
        cr_assert_eq(!x.words.list, !y.words.list);
        if (x.words.list)
            cr_assert_str_eq(x.words.list, y.words.list);
        cr_assert_eq(x.bits, y.bits);
        cr_assert_eq(x.alpha, y.alpha);
        cr_assert_eq(x.group, y.group);
        cr_assert_eq(x.fit, y.fit);
        cr_assert_eq(x.weighting, y.weighting);
        cr_assert_eq(x.arith, y.arith);
        cr_assert_eq(x.words.kind, y.words.kind);
        cr_assert_eq(x.words.clusters, y.words.clusters);
        cr_assert_eq(x.words.ratio, y.words.ratio);
        cr_assert_eq(x.words.step_count, y.words.step_count);
        for (size_t s = 0; s < x.words.step_count; s++) {
            cr_assert_eq(x.words.steps[s].share, y.words.steps[s].share);
            cr_assert_eq(x.words.steps[s].count, y.words.steps[s].count);
            cr_assert_eq(x.words.steps[s].bits, y.words.steps[s].bits);
        }
    }
}

char *test_round_trip(const struct lw_plan *plan)
{
    char *once = print(plan);
    struct lw_plan again = test_plan(once);
    check_same(plan, &again);
    char *twice = print(&again);
    cr_assert_str_eq(once, twice);
    lw_plan_free(&again);
    free(twice);
    return once;
}
