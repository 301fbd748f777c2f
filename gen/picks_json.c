#include "gen/picks_json.h"

#include <stdio.h>

static json_t *option_json(const struct lw_option *option)
{
    char name[LW_SPEC_NAME_BYTES];
    json_t *ns = json_object();
    lw_spec_name(&option->spec, name);
    for (size_t b = 0; b < LW_PICK_COLUMNS; b++) {
        char columns[24];
        snprintf(columns, sizeof columns, "%zu", lw_pick_columns[b]);
        json_object_set_new(ns, columns, json_real(option->ns[b]));
    }
    return json_pack("{s:s, s:s, s:f, s:o}", "kernel", name, "family",
                     lw_family_name(&option->spec), "column_ns", option->column_ns, "ns", ns);
}

json_t *lw_plan_json(const struct lw_picks *picks)
{
    return json_pack("{s:s, s:b, s:f}", "basis", lw_basis_name(picks->basis), "resident",
                     (int)picks->resident, "key_bytes", picks->key_bytes);
}

json_t *lw_picks_json(const struct lw_picks *picks, const struct lw_model *model)
{
    json_t *list = json_array();
    for (size_t i = 0; i < picks->count; i++) {
        const struct lw_pick *pick = &picks->picks[i];
        const struct lw_matrix *matrix = &model->matrices[pick->matrix];
        const struct lw_code *code = &matrix->codes[pick->code];
        bool alone = pick->option_count == 1;
        json_t *object = option_json(&pick->options[0]);
        json_t *more = json_pack("{s:s, s:I, s:I, s:s, s:b, s:o}", "matrix", matrix->name, "bits",
                                 (json_int_t)code->bits, "rows", (json_int_t)code->rows, "why",
                                 alone ? "only family" : lw_basis_name(picks->basis),
                                 "many_columns", (int)pick->many, "runner_up",
                                 alone ? json_null() : option_json(&pick->options[1]));
        bool whole = json_object_update_new(object, more) == 0;
        if (json_array_append_new(list, object) || !whole) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}
