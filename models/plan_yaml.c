/* Plans to and from YAML. */
#include "models/plan_schema.h"

#include "models/file.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* What libcyaml says about a failure: a message, then a backtrace from the innermost place on. */
struct complaint {
    char message[512];
    char field[32]; /* innermost; "" where the fault is not in the value of a key */
    struct plan_mark mark;
};

static void keep_complaint(cyaml_log_t level, void *context, const char *format, va_list arguments)
{
    struct complaint *complaint = context;
    char line[sizeof complaint->message];
    (void)level;
    vsnprintf(line, sizeof line, format, arguments);
    line[strcspn(line, "\n")] = '\0';
    static const char prefix[] = "Load: ";
    const char *place = strstr(line, "(line: "), *text = line;
    if (place && strncmp(line, "  in ", 5) == 0) {
        if (complaint->mark.line != 0)
            return;
        sscanf(place, "(line: %zu, column: %zu", &complaint->mark.line, &complaint->mark.column);
        sscanf(line, "  in mapping field '%31[^']", complaint->field);
        return;
    }
    if (strncmp(text, prefix, strlen(prefix)) == 0)
        text += strlen(prefix);
    if (complaint->message[0] == '\0' && strcmp(text, "Backtrace:") != 0)
        snprintf(complaint->message, sizeof complaint->message, "%s", text);
}

static cyaml_config_t config_for(struct complaint *complaint)
{
    return (cyaml_config_t){
        .log_fn = keep_complaint,
        .log_ctx = complaint,
        .log_level = CYAML_LOG_ERROR,
        .mem_fn = cyaml_mem,
        .flags = CYAML_CFG_NO_ALIAS | CYAML_CFG_STYLE_BLOCK,
    };
}

static enum lw_status fail_by(const struct complaint *complaint, cyaml_err_t why, const char *text,
                              size_t bytes, const char *source, struct lw_error *error)
{
    if (why == CYAML_ERR_OOM)
        return lw_fail(error, LW_FAILED, "%s: out of memory", source);
    char message[1024];
    const char *said = complaint->message[0] ? complaint->message : cyaml_strerror(why);
    size_t line = complaint->mark.line ? complaint->mark.line : 1;
    bool of_key = why == CYAML_ERR_INVALID_KEY || why == CYAML_ERR_UNEXPECTED_EVENT;
    const char *key = strrchr(said, ':');
    if (of_key && key)
        line = plan_find_key(text, bytes, complaint->mark, key + strlen(": "));
    bool of_value = why == CYAML_ERR_INVALID_VALUE && complaint->field[0];
    snprintf(message, sizeof message, "%s%s%s", of_value ? complaint->field : "",
             of_value ? ": " : "", said);
    if (why == CYAML_ERR_INVALID_KEY)
        plan_schema_hint(NULL, message, sizeof message);
    else if (of_value)
        plan_schema_hint(complaint->field, message, sizeof message);
    return lw_fail(error, LW_CORRUPT, "%s:%zu: %s", source, line, message);
}

static const char out_of_memory[] = "out of memory";

/* A plain decimal number in [least, most]. */
static bool parse_number(const char *text, double least, double most, double *number)
{
    char *end;
    if (text[strspn(text, "0123456789.e+-")] != '\0')
        return false;
    *number = strtod(text, &end);
    return end != text && *end == '\0' && *number >= least && *number <= most;
}

/* Digits alone; a number that overflows comes out too large. */
static bool parse_count(const char *text, size_t *count)
{
    *count = text[strspn(text, "0123456789")] == '\0' ? strtoull(text, NULL, 10) : 0;
    return *count >= 1 && *count <= INT32_MAX;
}

static const char *take_clusters(const struct plan_words *from, struct lw_words_choice *words)
{
    words->kind = LW_WORDS_CLUSTERS;
    words->clusters = *from->clusters;
    if (!from->ratio || !parse_number(from->ratio, 1e-3, 1e3, &words->ratio))
        return "clusters go with a ratio, a number from 0.001 to 1000";
    return NULL;
}

static const char *take_steps(const struct plan_words *from, struct lw_words_choice *words)
{
    double shares = 0;
    words->kind = LW_WORDS_THRESHOLDS;
    words->step_count = from->step_count;
    for (size_t i = 0; i < from->step_count; i++) {
        const struct plan_step *step = &from->steps[i];
        bool last = i + 1 == from->step_count;
        words->steps[i].bits = step->bits;
        if (last != (!step->share && !step->count) || (step->share && step->count))
            return "every threshold but the last has a share or a count; the last takes the rest";
        if (step->share && !parse_number(step->share, 1e-9, 1, &words->steps[i].share))
            return "a share is a number above 0 and at most 1";
        if (step->count && !parse_count(step->count, &words->steps[i].count))
            return "a count is a whole number from 1 to 2147483647";
        shares += words->steps[i].share;
    }
    return shares > 1 + 1e-9 ? "the shares are more than 1 together" : NULL;
}

/* Gives what is wrong, or NULL. */
static const char *take_words(const struct plan_words *from, struct lw_words_choice *words)
{
    if (!!from->clusters + !!from->steps + !!from->list != 1)
        return "words have one of clusters, thresholds and list";
    if (from->ratio && !from->clusters)
        return "a ratio goes with clusters";
    if (from->clusters)
        return take_clusters(from, words);
    if (from->steps)
        return take_steps(from, words);
    words->kind = LW_WORDS_LIST;
    words->list = strdup(from->list);
    return words->list ? NULL : out_of_memory;
}

static bool has_empty_component(const char *match)
{
    size_t length = strlen(match);
    return match[0] == '.' || match[length - 1] == '.' || strstr(match, "..");
}

static const char *take_rule(const struct plan_rule *from, struct lw_rule *rule)
{
    rule->match = strdup(from->match);
    if (!rule->match)
        return out_of_memory;
    if (has_empty_component(from->match))
        return "the match has an empty component";
    if (from->bits && from->words)
        return "a rule gives bits or words, not both";
    rule->gives[LW_FIELD_BITS] = from->bits || from->words;
    rule->gives[LW_FIELD_ALPHA] = from->alpha;
    rule->gives[LW_FIELD_GROUP] = from->group;
    rule->gives[LW_FIELD_FIT] = from->fit;
    rule->gives[LW_FIELD_WEIGHTING] = from->weighting;
    rule->gives[LW_FIELD_ARITH] = from->arith;
    if (from->bits)
        rule->choice.bits = *from->bits;
    if (from->alpha)
        rule->choice.alpha = *from->alpha;
    if (from->group)
        rule->choice.group = *from->group;
    if (from->fit)
        rule->choice.fit = *from->fit;
    if (from->weighting)
        rule->choice.weighting = *from->weighting;
    if (from->arith)
        rule->choice.arith = *from->arith;
    return from->words ? take_words(from->words, &rule->choice.words) : NULL;
}

static bool take_text(const char *from, char **text)
{
    *text = from ? strdup(from) : NULL;
    return *text || !from;
}

static enum lw_status take_plan(const struct plan_file *file, const char *text, size_t bytes,
                                const char *source, struct lw_plan *plan, struct lw_error *error)
{
    plan->arith = file->arith ? *file->arith : LW_ARITH_T8;
    plan->rules = calloc(file->rule_count, sizeof *plan->rules);
    if (!take_text(source, &plan->source) || !take_text(file->name, &plan->name) ||
        !take_text(file->comment, &plan->comment) || !plan->rules)
        return lw_fail(error, LW_FAILED, "%s: out of memory", source);
    plan->rule_count = file->rule_count;
    plan_set_lines(text, bytes, plan);
    lw_fail(error, LW_OK, "%s", "");
    bool right = true;
    for (size_t i = 0; i < plan->rule_count; i++) {
        const char *wrong = take_rule(&file->rules[i], &plan->rules[i]);
        if (!wrong)
            continue;
        lw_error_add(error, "%s:%zu: %s", source, plan->rules[i].line, wrong);
        if (wrong == out_of_memory)
            return LW_FAILED;
        right = false;
    }
    return right ? LW_OK : LW_CORRUPT;
}

enum lw_status lw_plan_parse(const char *text, size_t bytes, const char *source,
                             struct lw_plan *plan, struct lw_error *error)
{
    *plan = (struct lw_plan){0};
    if (bytes == 0)
        text = ""; /* an empty mapping has no address */
    enum lw_status status = plan_check_syntax(text, bytes, source, error);
    if (status != LW_OK)
        return status;
    struct complaint complaint = {0};
    cyaml_config_t config = config_for(&complaint);
    cyaml_data_t *data = NULL;
    cyaml_err_t why =
        cyaml_load_data((const uint8_t *)text, bytes, &config, &plan_schema, &data, NULL);
    if (why != CYAML_OK)
        return fail_by(&complaint, why, text, bytes, source, error);
    status = take_plan(data, text, bytes, source, plan, error);
    cyaml_free(&config, &plan_schema, data, 0);
    if (status != LW_OK)
        lw_plan_free(plan);
    return status;
}

enum lw_status lw_plan_read(const char *path, struct lw_plan *plan, struct lw_error *error)
{
    *plan = (struct lw_plan){0};
    struct lw_mapping mapping;
    enum lw_status status = lw_map_file(path, &mapping, error);
    if (status != LW_OK)
        return status;
    status = lw_plan_parse((const char *)mapping.data, mapping.size, path, plan, error);
    lw_unmap_file(&mapping);
    const char *slash = strrchr(path, '/');
    if (status != LW_OK || !slash)
        return status;
    plan->folder = strndup(path, (size_t)(slash - path) + 1);
    if (plan->folder)
        return LW_OK;
    lw_plan_free(plan);
    return lw_fail(error, LW_FAILED, "%s: out of memory", path);
}
