/* Lines of a plan's text, which libcyaml does not tell: of keys that it refuses it knows the line
 * of the value before, and of what it accepts none. */
#include "models/plan_schema.h"

#include <string.h>
#include <yaml.h>

/* Calls visit(context, event, depth) for all events of a text; depth is the number of collections
 * that are open before the event. Stops where visit returns false. False on a syntax error, which
 * is then in *problem and *line. */
static bool walk(const char *text, size_t bytes,
                 bool (*visit)(void *context, const yaml_event_t *event, size_t depth),
                 void *context, char problem[128], size_t *line)
{
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser)) {
        snprintf(problem, 128, "out of memory");
        return false;
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, bytes);
    size_t depth = 0;
    bool valid, more = true;
    while (more) {
        yaml_event_t event;
        valid = yaml_parser_parse(&parser, &event);
        if (!valid) {
            bool unreadable = parser.error == YAML_READER_ERROR; /* has no mark of its own */
            snprintf(problem, 128, "%s", parser.problem ? parser.problem : "out of memory");
            *line = (unreadable ? parser.mark.line : parser.problem_mark.line) + 1;
            break;
        }
        if (event.type == YAML_MAPPING_END_EVENT || event.type == YAML_SEQUENCE_END_EVENT)
            depth--;
        more = event.type != YAML_STREAM_END_EVENT && visit(context, &event, depth);
        if (event.type == YAML_MAPPING_START_EVENT || event.type == YAML_SEQUENCE_START_EVENT)
            depth++;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return valid;
}

struct documents {
    size_t count;
    size_t line; /* where the last one begins */
};

static bool count_documents(void *context, const yaml_event_t *event, size_t depth)
{
    struct documents *documents = context;
    (void)depth;
    if (event->type == YAML_DOCUMENT_START_EVENT) {
        documents->count++;
        documents->line = event->start_mark.line + 1;
    }
    return true;
}

enum lw_status plan_check_syntax(const char *text, size_t bytes, const char *source,
                                 struct lw_error *error)
{
    struct documents documents = {0};
    char problem[128];
    size_t line;
    if (!walk(text, bytes, count_documents, &documents, problem, &line))
        return lw_fail(error, LW_CORRUPT, "%s:%zu: %s", source, line, problem);
    if (documents.count == 0)
        return lw_fail(error, LW_CORRUPT, "%s:1: there is no plan in it", source);
    if (documents.count > 1)
        return lw_fail(error, LW_CORRUPT, "%s:%zu: a second document", source, documents.line);
    return LW_OK;
}

struct key_search {
    struct plan_mark after;
    const char *key;
    size_t line;
};

static bool find_key(void *context, const yaml_event_t *event, size_t depth)
{
    struct key_search *search = context;
    (void)depth;
    size_t line = event->start_mark.line + 1, column = event->start_mark.column + 1;
    if (line < search->after.line || (line == search->after.line && column <= search->after.column))
        return true;
    if (event->type != YAML_SCALAR_EVENT ||
        strcmp((const char *)event->data.scalar.value, search->key) != 0)
        return true;
    search->line = line;
    return false;
}

size_t plan_find_key(const char *text, size_t bytes, struct plan_mark mark, const char *key)
{
    struct key_search search = {.after = mark, .key = key, .line = mark.line};
    char problem[128];
    size_t line;
    walk(text, bytes, find_key, &search, problem, &line);
    return search.line;
}

struct rule_lines {
    struct lw_plan *plan;
    size_t count;
};

/* The document is a mapping (depth 0) in which only `rules` is a sequence (1), of mappings (2). */
static bool set_rule_line(void *context, const yaml_event_t *event, size_t depth)
{
    struct rule_lines *lines = context;
    if (event->type == YAML_MAPPING_START_EVENT && depth == 2 &&
        lines->count < lines->plan->rule_count)
        lines->plan->rules[lines->count++].line = event->start_mark.line + 1;
    return true;
}

void plan_set_lines(const char *text, size_t bytes, struct lw_plan *plan)
{
    struct rule_lines lines = {.plan = plan};
    char problem[128];
    size_t line;
    walk(text, bytes, set_rule_line, &lines, problem, &line);
}
