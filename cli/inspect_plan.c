/* lutwidge inspect --plan: what each matrix gets, and which rule of the plan says so. */
#include "cli/inspect_plan.h"

#include "models/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void bits_text(const struct lw_choice *choice, char text[32])
{
    static const char *const kinds[] = {[LW_WORDS_CLUSTERS] = "clusters",
                                        [LW_WORDS_THRESHOLDS] = "steps",
                                        [LW_WORDS_LIST] = "list"};
    if (choice->words.kind == LW_WORDS_ALIKE)
        snprintf(text, 32, "%u", choice->bits);
    else if (choice->words.kind == LW_WORDS_CLUSTERS)
        snprintf(text, 32, "1-%u, r=%g", choice->words.clusters, choice->words.ratio);
    else
        snprintf(text, 32, "%s", kinds[choice->words.kind]);
}

/* "decoder.ffn (line 9)", each rule once, in the order of the fields; "defaults" where none is. */
static void print_why(const struct lw_why *why)
{
    static const char *const fields[] = {"bits", "alpha", "group", "fit", "weighting", "arith"};
    bool any = false;
    for (int f = 0; f < LW_FIELDS; f++) {
        if (!why->rule[f])
            continue;
        printf("%s%s: %s", any ? ", " : "", fields[f], why->rule[f]->match);
        if (why->rule[f]->line)
            printf(" (line %zu)", why->rule[f]->line);
        any = true;
    }
    puts(any ? "" : "defaults");
}

static void print_row(const struct lw_matrix *matrix, const struct lw_choice *choice,
                      const struct lw_why *why)
{
    char bits[32], group[16] = "row", shape[48];
    bits_text(choice, bits);
    if (choice->group)
        snprintf(group, sizeof group, "%zu", choice->group);
    snprintf(shape, sizeof shape, "%zu x %zu", matrix->rows, matrix->columns);
    printf("%-20s %13s  %-9s %-8s %-5s %-12s %-12s %-5s ", matrix->name, shape, bits,
           lw_alpha_name(choice->alpha), group, lw_fit_name(choice->fit),
           lw_weighting_name(choice->weighting), lw_arith_name(choice->arith));
    print_why(why);
}

enum lw_status cli_inspect_plan(const struct lw_model *model, const char *path,
                                struct lw_error *error)
{
    struct lw_plan plan;
    enum lw_status status = lw_plan_read(path, &plan, error);
    if (status != LW_OK)
        return status;
    struct lw_choice *choices = calloc(model->matrix_count, sizeof *choices);
    struct lw_why *whys = calloc(model->matrix_count, sizeof *whys);
    status = choices && whys ? lw_plan_resolve(&plan, model, choices, whys, error)
                             : lw_fail(error, LW_FAILED, "out of memory for the plan");
    if (status == LW_OK) {
        printf("plan %s\n\n", plan.name ? plan.name : path);
        printf("%-20s %13s  %-9s %-8s %-5s %-12s %-12s %-5s %s\n", "matrix", "shape", "bits",
               "alpha", "group", "fit", "weighting", "arith", "why");
        for (size_t i = 0; i < model->matrix_count; i++)
            print_row(&model->matrices[i], &choices[i], &whys[i]);
    }
    free(choices);
    free(whys);
    lw_plan_free(&plan);
    return status;
}
