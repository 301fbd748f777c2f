#include "profiles/sweep.h"

#include "models/file.h"
#include "sim/dram.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

static const char *const parameters[LW_SWEEP_PARAMETERS] = {"mu",  "t",     "r",  "c",    "x",
                                                            "bus", "slots", "sl", "words"};

/* Where a sweep is read from. */
struct reader {
    const char *path;
    yaml_document_t document;
    struct lw_sweep *sweep;
};

static enum lw_status fail_at(const struct reader *reader, const yaml_node_t *node,
                              const char *text, struct lw_error *error)
{
    return lw_fail(error, LW_CORRUPT, "%s:%zu: %s", reader->path, node->start_mark.line + 1, text);
}

static const char *scalar(const yaml_node_t *node)
{
    return node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value : NULL;
}

/* Digits alone, from least to 65536. */
static bool parse_number(const char *text, unsigned least, unsigned *number)
{
    if (!text || text[strspn(text, "0123456789")] || !text[0] || strlen(text) > 5)
        return false;
    *number = (unsigned)strtoul(text, NULL, 10);
    return *number >= least && *number <= 65536;
}

/* The nodes of a list, or the one that stands for a list of one; NULL behind the last. */
static const yaml_node_t *list_at(struct reader *reader, const yaml_node_t *list, size_t index)
{
    if (list->type != YAML_SEQUENCE_NODE)
        return index == 0 ? list : NULL;
    const yaml_node_item_t *start = list->data.sequence.items.start;
    return index < (size_t)(list->data.sequence.items.top - start)
               ? yaml_document_get_node(&reader->document, start[index])
               : NULL;
}

static enum lw_status take_values(struct reader *reader, size_t parameter, const yaml_node_t *list,
                                  struct lw_error *error)
{
    const yaml_node_t *node;
    size_t *count = &reader->sweep->value_counts[parameter];
    for (*count = 0; (node = list_at(reader, list, *count)); ++*count)
        if (*count == LW_SWEEP_VALUES ||
            !parse_number(scalar(node), 1, &reader->sweep->values[parameter][*count]))
            return fail_at(reader, node, "a parameter takes up to 32 numbers from 1 to 65536",
                           error);
    return *count ? LW_OK : fail_at(reader, list, "the list is empty", error);
}

static enum lw_status take_memories(struct reader *reader, const yaml_node_t *list,
                                    struct lw_error *error)
{
    const yaml_node_t *node;
    struct lw_dram_timing timing;
    size_t *count = &reader->sweep->memory_count;
    for (*count = 0; (node = list_at(reader, list, *count)); ++*count) {
        const char *name = scalar(node);
        if (*count == LW_SWEEP_MEMORIES || !name || !lw_dram_timing_named(name, &timing))
            return fail_at(reader, node, "memory takes up to 3 of ideal, typical, poor", error);
        snprintf(reader->sweep->memories[*count], sizeof reader->sweep->memories[0], "%s", name);
    }
    return *count ? LW_OK : fail_at(reader, list, "the list is empty", error);
}

static enum lw_status take_text(struct reader *reader, bool is_path, const yaml_node_t *node,
                                char **text, struct lw_error *error)
{
    const char *value = scalar(node), *slash = strrchr(reader->path, '/');
    if (!value || !value[0])
        return fail_at(reader, node, "a text is missing", error);
    bool moved = is_path && value[0] != '/' && slash;
    int length =
        asprintf(text, "%.*s%s", moved ? (int)(slash + 1 - reader->path) : 0, reader->path, value);
    return length < 0 ? lw_fail(error, LW_FAILED, "out of memory") : LW_OK;
}

static enum lw_status take_key(struct reader *reader, const yaml_node_t *key,
                               const yaml_node_t *value, struct lw_error *error)
{
    struct lw_sweep *s = reader->sweep;
    const char *name = scalar(key) ? scalar(key) : "";
    const struct {
        const char *name;
        char **text;
        bool is_path;
    } texts[] = {{"model", &s->model, true},
                 {"layer", &s->layer, false},
                 {"text", &s->text, false},
                 {"file", &s->file, true}};
    const struct {
        const char *name;
        unsigned *number;
    } numbers[] = {{"step", &s->step},   {"columns", &s->columns}, {"beam", &s->beam},
                   {"lines", &s->lines}, {"clock", &s->clock_mhz}, {"seed", &s->seed}};
    for (size_t i = 0; i < LW_SWEEP_PARAMETERS; i++)
        if (strcmp(name, parameters[i]) == 0)
            return take_values(reader, i, value, error);
    if (strcmp(name, "memory") == 0)
        return take_memories(reader, value, error);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strcmp(name, texts[i].name) == 0) {
            if (*texts[i].text)
                return fail_at(reader, key, "a key comes twice", error);
            return take_text(reader, texts[i].is_path, value, texts[i].text, error);
        }
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (strcmp(name, numbers[i].name) == 0)
            return parse_number(scalar(value), 1, numbers[i].number)
                       ? LW_OK
                       : fail_at(reader, value, "a number from 1 to 65536 is missing", error);
    return fail_at(reader, key,
                   "unknown key; there are model, layer, columns, step, text, file, beam, lines, "
                   "memory, clock, seed, and the engine's mu, t, r, c, x, bus, slots, sl, words",
                   error);
}

static enum lw_status take_root(struct reader *reader, struct lw_error *error)
{
    const yaml_node_t *root = yaml_document_get_root_node(&reader->document);
    if (!root || root->type != YAML_MAPPING_NODE)
        return lw_fail(error, LW_CORRUPT, "%s:1: there is no sweep in it", reader->path);
    enum lw_status status = LW_OK;
    for (const yaml_node_pair_t *pair = root->data.mapping.pairs.start;
         pair < root->data.mapping.pairs.top && status == LW_OK; pair++)
        status = take_key(reader, yaml_document_get_node(&reader->document, pair->key),
                          yaml_document_get_node(&reader->document, pair->value), error);
    const struct lw_sweep *s = reader->sweep;
    if (status == LW_OK && !!s->layer + !!s->step + !!s->text + !!s->file != 1)
        return lw_fail(error, LW_CORRUPT, "%s: it needs one of layer, step, text and file",
                       reader->path);
    return status;
}

static void set_defaults(struct lw_sweep *sweep)
{
    *sweep =
        (struct lw_sweep){.columns = 1, .beam = 1, .clock_mhz = 400, .seed = 1, .memory_count = 1};
    strcpy(sweep->memories[0], "typical");
}

enum lw_status lw_sweep_read(const char *path, struct lw_sweep *sweep, struct lw_error *error)
{
    struct lw_mapping mapping;
    struct reader reader = {.path = path, .sweep = sweep};
    yaml_parser_t parser;
    set_defaults(sweep);
    enum lw_status status = lw_map_file(path, &mapping, error);
    if (status != LW_OK)
        return status;
    if (!yaml_parser_initialize(&parser)) {
        lw_unmap_file(&mapping);
        return lw_fail(error, LW_FAILED, "out of memory");
    }
    yaml_parser_set_input_string(&parser, mapping.size ? mapping.data : (const uint8_t *)"",
                                 mapping.size);
    if (yaml_parser_load(&parser, &reader.document)) {
        status = take_root(&reader, error);
        yaml_document_delete(&reader.document);
    } else {
        status = lw_fail(error, LW_CORRUPT, "%s:%zu: %s", path, parser.problem_mark.line + 1,
                         parser.problem ? parser.problem : "it cannot be read");
    }
    yaml_parser_delete(&parser);
    lw_unmap_file(&mapping);
    if (status != LW_OK)
        lw_sweep_free(sweep);
    return status;
}

void lw_sweep_free(struct lw_sweep *sweep)
{
    free(sweep->model);
    free(sweep->layer);
    free(sweep->text);
    free(sweep->file);
    *sweep = (struct lw_sweep){0};
}

size_t lw_sweep_count(const struct lw_sweep *sweep)
{
    size_t count = sweep->memory_count;
    for (size_t i = 0; i < LW_SWEEP_PARAMETERS; i++)
        if (sweep->value_counts[i])
            count *= sweep->value_counts[i];
    return count;
}

struct lw_sweep_point lw_sweep_at(const struct lw_sweep *sweep, size_t index)
{
    struct lw_sweep_point point = {.memory = sweep->memories[index % sweep->memory_count]};
    char name[LW_SWEEP_PARAMETERS * 16];
    size_t length = 0;
    index /= sweep->memory_count;
    name[0] = 0;
    for (size_t i = LW_SWEEP_PARAMETERS; i-- > 0;) {
        size_t count = sweep->value_counts[i];
        if (!count)
            continue;
        length += (size_t)snprintf(name + length, sizeof name - length, "%s%s%u", length ? "-" : "",
                                   parameters[i], sweep->values[i][index % count]);
        index /= count;
    }
    /* What is out of range is left for whoever opens the engine. */
    lw_engine_parse(name, &point.engine, NULL);
    return point;
}
