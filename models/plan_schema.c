#include "models/plan_schema.h"

#include <stdio.h>
#include <string.h>

/* Values of a closed set are enums, so that libcyaml checks their range and knows their line. */
static const cyaml_strval_t all_bits[] = {{"1", 1}, {"2", 2}, {"3", 3}, {"4", 4},
                                          {"5", 5}, {"6", 6}, {"7", 7}, {"8", 8}};
_Static_assert(sizeof all_bits / sizeof *all_bits == LW_MAX_BITS, "every number of bits");
static const cyaml_strval_t groups[] = {{"row", 0}, {"32", 32}, {"64", 64}, {"128", 128}};
static const cyaml_strval_t alphas[] = {{"free", LW_ALPHA_FREE}, {"uniform", LW_ALPHA_UNIFORM}};
static const cyaml_strval_t ariths[] = {
    {"f32", LW_ARITH_F32}, {"a8", LW_ARITH_A8}, {"t8", LW_ARITH_T8}};
static const cyaml_strval_t fits[] = {
    {"greedy", LW_FIT_GREEDY},
    {"alternating", LW_FIT_ALTERNATING},
    {"alternating-from-greedy", LW_FIT_ALTERNATING_FROM_GREEDY},
    {"uniform", LW_FIT_UNIFORM},
};
static const cyaml_strval_t weightings[] = {{"none", LW_WEIGHTING_NONE},
                                            {"activations", LW_WEIGHTING_ACTIVATIONS},
                                            {"gram", LW_WEIGHTING_GRAM},
                                            {"sequence", LW_WEIGHTING_SEQUENCE}};

const char *lw_fit_name(enum lw_fit fit)
{
    for (size_t i = 0; i < CYAML_ARRAY_LEN(fits); i++)
        if (fits[i].val == (int64_t)fit)
            return fits[i].str;
    return "unknown";
}

bool lw_fit_parse(const char *name, enum lw_fit *fit)
{
    for (size_t i = 0; i < CYAML_ARRAY_LEN(fits); i++)
        if (strcmp(fits[i].str, name) == 0) {
            *fit = (enum lw_fit)fits[i].val;
            return true;
        }
    return false;
}

const char *lw_weighting_name(enum lw_weighting weighting)
{
    return weightings[weighting].str;
}

bool lw_weighting_parse(const char *name, enum lw_weighting *weighting)
{
    for (size_t i = 0; i < CYAML_ARRAY_LEN(weightings); i++)
        if (strcmp(weightings[i].str, name) == 0) {
            *weighting = (enum lw_weighting)weightings[i].val;
            return true;
        }
    return false;
}

enum {
    OPTIONAL = CYAML_FLAG_OPTIONAL | CYAML_FLAG_POINTER,
    OPTIONAL_NAMES = OPTIONAL | CYAML_FLAG_STRICT,
};
#define NAMES(key, flags, type, member, names)                                                     \
    CYAML_FIELD_ENUM_PTR(key, flags, type, member, names, CYAML_ARRAY_LEN(names))
#define TEXT(key, flags, type, member)                                                             \
    CYAML_FIELD_STRING_PTR(key, flags, type, member, 1, CYAML_UNLIMITED)

static const cyaml_schema_field_t step_fields[] = {
    TEXT("share", OPTIONAL, struct plan_step, share),
    TEXT("count", OPTIONAL, struct plan_step, count),
    CYAML_FIELD_ENUM("bits", CYAML_FLAG_STRICT, struct plan_step, bits, all_bits, LW_MAX_BITS),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t step_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct plan_step, step_fields)};

static const cyaml_schema_field_t words_fields[] = {
    NAMES("clusters", OPTIONAL_NAMES, struct plan_words, clusters, all_bits),
    TEXT("ratio", OPTIONAL, struct plan_words, ratio),
    CYAML_FIELD_SEQUENCE_COUNT("thresholds", OPTIONAL, struct plan_words, steps, step_count,
                               &step_schema, 1, LW_MAX_BITS),
    TEXT("list", OPTIONAL, struct plan_words, list),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t rule_fields[] = {
    TEXT("match", CYAML_FLAG_POINTER, struct plan_rule, match),
    NAMES("bits", OPTIONAL_NAMES, struct plan_rule, bits, all_bits),
    CYAML_FIELD_MAPPING_PTR("words", OPTIONAL | CYAML_FLAG_FLOW, struct plan_rule, words,
                            words_fields),
    NAMES("alpha", OPTIONAL_NAMES, struct plan_rule, alpha, alphas),
    NAMES("group", OPTIONAL_NAMES, struct plan_rule, group, groups),
    NAMES("fit", OPTIONAL_NAMES, struct plan_rule, fit, fits),
    NAMES("weighting", OPTIONAL_NAMES, struct plan_rule, weighting, weightings),
    NAMES("arith", OPTIONAL_NAMES, struct plan_rule, arith, ariths),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t rule_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct plan_rule, rule_fields)};

static const cyaml_schema_field_t plan_fields[] = {
    TEXT("name", OPTIONAL, struct plan_file, name),
    TEXT("comment", OPTIONAL | CYAML_FLAG_SCALAR_LITERAL, struct plan_file, comment),
    NAMES("arith", OPTIONAL_NAMES, struct plan_file, arith, ariths),
    CYAML_FIELD_SEQUENCE_COUNT("rules", CYAML_FLAG_POINTER, struct plan_file, rules, rule_count,
                               &rule_schema, 1, CYAML_UNLIMITED),
    CYAML_FIELD_END,
};
const cyaml_schema_value_t plan_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct plan_file, plan_fields)};

static const struct {
    const char *of;
    const cyaml_schema_field_t *fields;
} tables[] = {{"a plan", plan_fields},
              {"a rule", rule_fields},
              {"words", words_fields},
              {"a threshold", step_fields}};

static void append(char *message, size_t bytes, const char *before, const char *text)
{
    size_t used = strlen(message);
    snprintf(message + used, bytes - used, "%s%s", before, text);
}

static void hint_values(const cyaml_schema_field_t *field, char *message, size_t bytes)
{
    if (field->value.type != CYAML_ENUM)
        return;
    for (uint32_t i = 0; i < field->value.enumeration.count; i++)
        append(message, bytes, i ? ", " : "; one of ", field->value.enumeration.strings[i].str);
}

void plan_schema_hint(const char *key, char *message, size_t bytes)
{
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++) {
        const cyaml_schema_field_t *first = tables[t].fields;
        if (!key)
            append(message, bytes, "; ", tables[t].of);
        for (const cyaml_schema_field_t *field = first; field->key; field++) {
            if (!key) {
                append(message, bytes, field == first ? " has " : ", ", field->key);
            } else if (strcmp(key, field->key) == 0) {
                hint_values(field, message, bytes);
                return;
            }
        }
    }
}
