#include "models/plan.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

/* Longer components are in no name. */
enum { COMPONENT_BYTES = sizeof((struct lw_matrix *)0)->name };

/* Copies the component at `at` (cut to COMPONENT_BYTES - 1) and gives the start of the next one,
 * NULL after the last. */
static const char *take_component(const char *at, char component[COMPONENT_BYTES])
{
    size_t length = strcspn(at, "."), kept = length;
    if (kept >= COMPONENT_BYTES)
        kept = COMPONENT_BYTES - 1;
    memcpy(component, at, kept);
    component[kept] = '\0';
    return at[length] ? at + length + 1 : NULL;
}

/* The earliest fitting component is always a right choice: what follows it includes what follows
 * any later one. */
bool lw_match(const char *match, const char *name)
{
    char wanted[COMPONENT_BYTES], component[COMPONENT_BYTES];
    match = take_component(match, wanted);
    while (name) {
        name = take_component(name, component);
        if (fnmatch(wanted, component, FNM_NOESCAPE) != 0)
            continue;
        if (!match)
            return true;
        match = take_component(match, wanted);
    }
    return false;
}

unsigned lw_match_specificity(const char *match)
{
    unsigned sum = 0;
    while (match) {
        char component[COMPONENT_BYTES];
        match = take_component(match, component);
        if (!strpbrk(component, "*?["))
            sum += 2;
        else if (strcmp(component, "*") != 0)
            sum += 1;
    }
    return sum;
}

/* True where a field that both rules give is taken from `a`. Both are of one plan. */
static bool beats(const struct lw_rule *a, const struct lw_rule *b)
{
    unsigned of_a = lw_match_specificity(a->match), of_b = lw_match_specificity(b->match);
    return of_a != of_b ? of_a > of_b : a > b;
}

static struct lw_why find_rules(const struct lw_plan *plan, const char *name)
{
    struct lw_why why = {0};
    for (const struct lw_rule *rule = plan->rules; rule < plan->rules + plan->rule_count; rule++) {
        if (!lw_match(rule->match, name))
            continue;
        for (size_t f = 0; f < LW_FIELDS; f++)
            if (rule->gives[f] && (!why.rule[f] || beats(rule, why.rule[f])))
                why.rule[f] = rule;
    }
    return why;
}

static struct lw_choice choose(const struct lw_plan *plan, struct lw_why *why)
{
    struct lw_choice choice = {.fit = LW_FIT_ALTERNATING, .arith = plan->arith};
    const struct lw_rule *const *rule = why->rule;
    if (rule[LW_FIELD_BITS]) {
        choice.bits = rule[LW_FIELD_BITS]->choice.bits;
        choice.words = rule[LW_FIELD_BITS]->choice.words;
    }
    if (rule[LW_FIELD_ALPHA])
        choice.alpha = rule[LW_FIELD_ALPHA]->choice.alpha;
    if (rule[LW_FIELD_GROUP])
        choice.group = rule[LW_FIELD_GROUP]->choice.group;
    if (rule[LW_FIELD_FIT])
        choice.fit = rule[LW_FIELD_FIT]->choice.fit;
    if (rule[LW_FIELD_WEIGHTING])
        choice.weighting = rule[LW_FIELD_WEIGHTING]->choice.weighting;
    if (rule[LW_FIELD_ARITH])
        choice.arith = rule[LW_FIELD_ARITH]->choice.arith;
    /* A fit for free scales does not outlive a more specific rule that makes them uniform. */
    if (choice.alpha == LW_ALPHA_UNIFORM &&
        (!rule[LW_FIELD_FIT] || beats(rule[LW_FIELD_ALPHA], rule[LW_FIELD_FIT]))) {
        choice.fit = LW_FIT_UNIFORM;
        why->rule[LW_FIELD_FIT] = why->rule[LW_FIELD_ALPHA];
    }
    return choice;
}

/* What is wrong with the rule for this model, whatever the other rules are. */
static bool check_rule(const struct lw_plan *plan, const struct lw_rule *rule,
                       const struct lw_model *model, struct lw_error *error)
{
    bool gives_words = rule->gives[LW_FIELD_BITS] && rule->choice.words.kind != LW_WORDS_ALIKE;
    bool matched = false;
    for (size_t i = 0; i < model->matrix_count; i++) {
        const struct lw_matrix *matrix = &model->matrices[i];
        if (!lw_match(rule->match, matrix->name))
            continue;
        matched = true;
        if (gives_words && matrix->block != LW_BLOCK_WORDS) {
            lw_error_add(error,
                         "%s:%zu: \"%s\" gives bits by words, and %s has no words as its rows",
                         plan->source, rule->line, rule->match, matrix->name);
            return false;
        }
    }
    if (!matched)
        lw_error_add(error, "%s:%zu: \"%s\" matches no matrix of the model%s", plan->source,
                     rule->line, rule->match,
                     lw_match(rule->match, "output") ? "; its output is the embedding" : "");
    return matched;
}

static bool check_choice(const struct lw_plan *plan, const char *name,
                         const struct lw_choice *choice, const struct lw_why *why,
                         struct lw_error *error)
{
    if (!why->rule[LW_FIELD_BITS]) {
        lw_error_add(error, "%s: no rule gives bits to %s", plan->source, name);
        return false;
    }
    if (choice->alpha == LW_ALPHA_UNIFORM && choice->fit != LW_FIT_UNIFORM) {
        lw_error_add(
            error, "%s:%zu: %s has uniform alpha by line %zu, which only the fit `uniform` gives",
            plan->source, why->rule[LW_FIELD_FIT]->line, name, why->rule[LW_FIELD_ALPHA]->line);
        return false;
    }
    return true;
}

enum lw_status lw_plan_resolve(const struct lw_plan *plan, const struct lw_model *model,
                               struct lw_choice *choices, struct lw_why *whys,
                               struct lw_error *error)
{
    lw_fail(error, LW_OK, "%s", "");
    bool right = true;
    for (size_t i = 0; i < plan->rule_count; i++)
        right &= check_rule(plan, &plan->rules[i], model, error);
    for (size_t i = 0; i < model->matrix_count; i++) {
        struct lw_why why = find_rules(plan, model->matrices[i].name);
        choices[i] = choose(plan, &why);
        right &= check_choice(plan, model->matrices[i].name, &choices[i], &why, error);
        if (whys)
            whys[i] = why;
    }
    return right ? LW_OK : LW_USAGE;
}

enum lw_status lw_plan_uniform(unsigned bits, enum lw_fit fit, struct lw_plan *plan,
                               struct lw_error *error)
{
    *plan = (struct lw_plan){.arith = LW_ARITH_T8};
    if (bits < 1 || bits > LW_MAX_BITS)
        return lw_fail(error, LW_USAGE, "bits are 1 to %d, not %u", LW_MAX_BITS, bits);
    plan->source = strdup("--bits");
    plan->rules = calloc(1, sizeof *plan->rules);
    char *match = strdup("*");
    if (!plan->source || !plan->rules || !match) {
        free(match);
        lw_plan_free(plan);
        return lw_fail(error, LW_FAILED, "out of memory for a plan");
    }
    plan->rule_count = 1;
    plan->rules[0] = (struct lw_rule){
        .match = match,
        .gives = {[LW_FIELD_BITS] = true,
                  [LW_FIELD_ALPHA] = fit == LW_FIT_UNIFORM,
                  [LW_FIELD_FIT] = true},
        .choice = {.bits = bits,
                   .alpha = fit == LW_FIT_UNIFORM ? LW_ALPHA_UNIFORM : LW_ALPHA_FREE,
                   .fit = fit},
    };
    return LW_OK;
}

void lw_plan_free(struct lw_plan *plan)
{
    for (size_t i = 0; i < plan->rule_count; i++) {
        free(plan->rules[i].match);
        free(plan->rules[i].choice.words.list);
    }
    free(plan->rules);
    free(plan->name);
    free(plan->comment);
    free(plan->source);
    free(plan->folder);
    *plan = (struct lw_plan){0};
}

const char *lw_alpha_name(enum lw_alpha alpha)
{
    return alpha == LW_ALPHA_UNIFORM ? "uniform" : "free";
}
