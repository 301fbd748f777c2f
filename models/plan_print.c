#include "models/plan_schema.h"

#include <stdio.h>
#include <stdlib.h>

/* What the YAML of one rule points to beside the rule itself. */
struct printed {
    struct plan_words words;
    struct plan_step steps[LW_MAX_BITS];
    char ratio[32], numbers[LW_MAX_BITS][32];
};

/* The shortest of two texts that is read back as the same number. */
static char *print_number(double number, char text[32])
{
    snprintf(text, 32, "%.15g", number);
    if (strtod(text, NULL) != number)
        snprintf(text, 32, "%.17g", number);
    return text;
}

static char *print_count(size_t count, char text[32])
{
    snprintf(text, 32, "%zu", count);
    return text;
}

static void print_words(struct lw_words_choice *words, struct printed *printed)
{
    struct plan_words *out = &printed->words;
    switch (words->kind) {
    case LW_WORDS_ALIKE:
        break;
    case LW_WORDS_CLUSTERS:
        out->clusters = &words->clusters;
        out->ratio = print_number(words->ratio, printed->ratio);
        break;
    case LW_WORDS_THRESHOLDS:
        out->steps = printed->steps;
        out->step_count = words->step_count;
        for (size_t i = 0; i < words->step_count; i++) {
            struct lw_words_step *step = &words->steps[i];
            printed->steps[i].bits = step->bits;
            if (step->share > 0)
                printed->steps[i].share = print_number(step->share, printed->numbers[i]);
            else if (step->count > 0)
                printed->steps[i].count = print_count(step->count, printed->numbers[i]);
        }
        break;
    case LW_WORDS_LIST:
        out->list = words->list;
        break;
    }
}

static void print_rule(struct lw_rule *rule, struct printed *printed, struct plan_rule *out)
{
    struct lw_choice *choice = &rule->choice;
    out->match = rule->match;
    if (rule->gives[LW_FIELD_BITS] && choice->words.kind == LW_WORDS_ALIKE)
        out->bits = &choice->bits;
    else if (rule->gives[LW_FIELD_BITS])
        out->words = &printed->words;
    print_words(&choice->words, printed);
    out->alpha = rule->gives[LW_FIELD_ALPHA] ? &choice->alpha : NULL;
    out->group = rule->gives[LW_FIELD_GROUP] ? &choice->group : NULL;
    out->fit = rule->gives[LW_FIELD_FIT] ? &choice->fit : NULL;
    out->weighting = rule->gives[LW_FIELD_WEIGHTING] ? &choice->weighting : NULL;
    out->arith = rule->gives[LW_FIELD_ARITH] ? &choice->arith : NULL;
}

enum lw_status lw_plan_print(const struct lw_plan *plan, FILE *stream, struct lw_error *error)
{
    struct lw_plan view = *plan; /* libcyaml asks for pointers to what it only reads */
    struct plan_rule *rules = calloc(plan->rule_count, sizeof *rules);
    struct printed *printed = calloc(plan->rule_count, sizeof *printed);
    struct plan_file file = {.name = view.name,
                             .comment = view.comment,
                             .arith = &view.arith,
                             .rules = rules,
                             .rule_count = plan->rule_count};
    cyaml_config_t config = {.mem_fn = cyaml_mem, .flags = CYAML_CFG_STYLE_BLOCK};
    cyaml_err_t why = CYAML_ERR_OOM;
    char *text = NULL;
    size_t bytes = 0;
    if (rules && printed) {
        for (size_t i = 0; i < plan->rule_count; i++)
            print_rule(&view.rules[i], &printed[i], &rules[i]);
        why = cyaml_save_data(&text, &bytes, &config, &plan_schema, &file, 0);
    }
    free(rules);
    free(printed);
    if (why != CYAML_OK)
        return lw_fail(error, LW_FAILED, "%s: cannot be printed: %s", plan->source,
                       cyaml_strerror(why));
    fwrite(text, 1, bytes, stream);
    cyaml_mem(NULL, text, 0);
    return LW_OK;
}
