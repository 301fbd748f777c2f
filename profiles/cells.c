#include "profiles/cells.h"

#include "models/words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const double lw_word_shares[LW_WORD_CLASSES] = {0.05, 0.1, 0.15, 0.3, 0};

const struct lw_cell_mode lw_cell_modes[LW_CELL_MODES] = {
    {LW_ALPHA_FREE, 0},    {LW_ALPHA_FREE, 128},    {LW_ALPHA_FREE, 64},
    {LW_ALPHA_UNIFORM, 0}, {LW_ALPHA_UNIFORM, 128}, {LW_ALPHA_UNIFORM, 64},
};

size_t lw_cell_mode_of(unsigned bits, size_t mode)
{
    size_t same = 0; /* free scales, as many columns */
    while (lw_cell_modes[same].group != lw_cell_modes[mode].group)
        same++;
    return bits == 1 ? same : mode;
}

static void name_kind(const struct lw_matrix *matrix, char kind[48])
{
    static const char *const sublayers[] = {
        [LW_SUBLAYER_SELF] = "self", [LW_SUBLAYER_CROSS] = "cross", [LW_SUBLAYER_FFN] = "ffn"};
    if (matrix->block == LW_BLOCK_WORDS)
        snprintf(kind, 48, "%s", matrix->name);
    else
        snprintf(kind, 48, "%s.%s", matrix->block == LW_BLOCK_ENCODER ? "encoder" : "decoder",
                 sublayers[matrix->sublayer]);
}

/* Names end in one letter where there are several: "encoder.0.self." and q, k and v. */
static void add(const struct lw_model *model, struct lw_part *parts, size_t *count,
                const unsigned *matrices, size_t matrix_count)
{
    const struct lw_matrix *first = &model->matrices[matrices[0]];
    struct lw_part *part = &parts[(*count)++];
    *part = (struct lw_part){.count = matrix_count, .words = first->block == LW_BLOCK_WORDS};
    memcpy(part->matrices, matrices, matrix_count * sizeof *matrices);
    name_kind(first, part->kind);
    snprintf(part->name, sizeof part->name, "%s", first->name);
    snprintf(part->match, sizeof part->match, "%s", first->name);
    if (matrix_count == 1)
        return;
    int stem = (int)(strrchr(first->name, '.') + 1 - first->name);
    char letters[LW_PART_MATRICES + 1] = "", joined[2 * LW_PART_MATRICES] = "";
    for (size_t i = 0; i < matrix_count; i++) {
        letters[i] = model->matrices[matrices[i]].name[stem];
        joined[2 * i] = letters[i];
        if (i + 1 < matrix_count)
            joined[2 * i + 1] = '+';
    }
    snprintf(part->name + stem, sizeof part->name - (size_t)stem, "%s", joined);
    snprintf(part->match + stem, sizeof part->match - (size_t)stem, "[%s]", letters);
}

static void add_layer(const struct lw_model *model, const struct lw_layer *layer, bool decoder,
                      struct lw_part *parts, size_t *count)
{
    add(model, parts, count, (const unsigned[]){layer->self.q, layer->self.k, layer->self.v}, 3);
    add(model, parts, count, &layer->self.o, 1);
    if (decoder) {
        add(model, parts, count, &layer->cross.q, 1);
        add(model, parts, count, (const unsigned[]){layer->cross.k, layer->cross.v}, 2);
        add(model, parts, count, &layer->cross.o, 1);
    }
    add(model, parts, count, &layer->fc1, 1);
    add(model, parts, count, &layer->fc2, 1);
}

enum lw_status lw_parts_list(const struct lw_model *model, struct lw_part **parts, size_t *count,
                             struct lw_error *error)
{
    *count = 0;
    *parts = calloc(model->matrix_count, sizeof **parts);
    if (!*parts)
        return lw_fail(error, LW_FAILED, "out of memory for the parts of the model");
    add(model, *parts, count, &model->source_embedding, 1);
    if (model->target_embedding != model->source_embedding)
        add(model, *parts, count, &model->target_embedding, 1);
    for (size_t i = 0; i < model->config.encoder_layers; i++)
        add_layer(model, &model->encoder[i], false, *parts, count);
    for (size_t i = 0; i < model->config.decoder_layers; i++)
        add_layer(model, &model->decoder[i], true, *parts, count);
    if (model->output != model->target_embedding)
        add(model, *parts, count, &model->output, 1);
    return LW_OK;
}

const struct lw_part *lw_part_named(const struct lw_part *parts, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(parts[i].name, name) == 0)
            return &parts[i];
    return NULL;
}

bool lw_cell_is_alike(const struct lw_part *part, const struct lw_cell *cell)
{
    for (size_t c = 1; part->words && c < LW_WORD_CLASSES; c++)
        if (cell->bits[c] != cell->bits[0])
            return false;
    return true;
}

/* The next bits of classes that do not rise, counted up from 1,1,...; false after the last. */
static bool next_bits(uint8_t bits[LW_WORD_CLASSES])
{
    for (size_t c = LW_WORD_CLASSES; c-- > 0;) {
        uint8_t most = c == 0 ? LW_CELL_BITS : bits[c - 1];
        if (bits[c] >= most)
            continue;
        bits[c]++;
        for (size_t after = c + 1; after < LW_WORD_CLASSES; after++)
            bits[after] = 1;
        return true;
    }
    return false;
}

size_t lw_cells_list(const struct lw_part *part, struct lw_cell *cells, size_t room)
{
    uint8_t bits[LW_WORD_CLASSES] = {1, 1, 1, 1, 1};
    size_t count = 0;
    bool more = true;
    while (more) {
        for (size_t mode = 0; mode < LW_CELL_MODES; mode++) {
            if (bits[0] == 1 && lw_cell_modes[mode].alpha == LW_ALPHA_UNIFORM)
                continue;
            if (count < room) {
                cells[count] = (struct lw_cell){.mode = mode};
                memcpy(cells[count].bits, bits, sizeof bits);
            }
            count++;
        }
        if (part->words)
            more = next_bits(bits);
        else
            more = bits[0]++ < LW_CELL_BITS;
    }
    return count;
}

void lw_cell_bits_name(const struct lw_part *part, const struct lw_cell *cell,
                       char name[LW_CELL_NAME_BYTES])
{
    size_t classes = lw_cell_is_alike(part, cell) ? 1 : LW_WORD_CLASSES;
    for (size_t c = 0; c < classes; c++)
        sprintf(name + 2 * c, "%u%s", cell->bits[c], c + 1 < classes ? "," : "");
}

enum { CELL_TEXT_BYTES = LW_CELL_NAME_BYTES + 8 };

static void print_cell(const struct lw_part *part, const struct lw_cell *cell,
                       char text[CELL_TEXT_BYTES])
{
    const struct lw_cell_mode *mode = &lw_cell_modes[cell->mode];
    char bits[LW_CELL_NAME_BYTES], group[8] = "";
    lw_cell_bits_name(part, cell, bits);
    if (mode->group)
        snprintf(group, sizeof group, "%zu", mode->group);
    snprintf(text, CELL_TEXT_BYTES, "%s/%c%s", bits, mode->alpha == LW_ALPHA_UNIFORM ? 'u' : 'f',
             group);
}

char *lw_cells_text(const struct lw_part *parts, const struct lw_cell *cells, size_t count)
{
    char *text = malloc(count * CELL_TEXT_BYTES + 1), *at = text;
    for (size_t p = 0; text && p < count; p++) {
        char cell[CELL_TEXT_BYTES];
        print_cell(&parts[p], &cells[p], cell);
        at += sprintf(at, "%s%s", p ? " " : "", cell);
    }
    return text;
}

/* The cell of a part that is written like this. */
static bool find_cell(const struct lw_part *part, const char *wanted, size_t length,
                      struct lw_cell *cell)
{
    struct lw_cell cells[LW_MOST_CELLS];
    size_t count = lw_cells_list(part, cells, LW_MOST_CELLS);
    for (size_t c = 0; c < count; c++) {
        char text[CELL_TEXT_BYTES];
        print_cell(part, &cells[c], text);
        if (strlen(text) == length && memcmp(text, wanted, length) == 0) {
            *cell = cells[c];
            return true;
        }
    }
    return false;
}

bool lw_cells_parse(const struct lw_part *parts, const char *text, struct lw_cell *cells,
                    size_t count)
{
    for (size_t p = 0; p < count; p++) {
        size_t length = strcspn(text, " ");
        if (!find_cell(&parts[p], text, length, &cells[p]))
            return false;
        text += length + (text[length] == ' ');
    }
    return *text == 0;
}

struct lw_choice lw_cell_choice(const struct lw_part *part, const struct lw_cell *cell,
                                enum lw_arith arith)
{
    const struct lw_cell_mode *mode = &lw_cell_modes[cell->mode];
    struct lw_choice choice = {.alpha = mode->alpha,
                               .group = mode->group,
                               .fit = mode->alpha == LW_ALPHA_UNIFORM ? LW_FIT_UNIFORM
                                                                      : LW_FIT_ALTERNATING,
                               .weighting = LW_WEIGHTING_GRAM,
                               .arith = arith};
    if (lw_cell_is_alike(part, cell)) {
        choice.bits = cell->bits[0];
        return choice;
    }
    choice.words.kind = LW_WORDS_THRESHOLDS;
    choice.words.step_count = LW_WORD_CLASSES;
    for (size_t c = 0; c < LW_WORD_CLASSES; c++)
        choice.words.steps[c] =
            (struct lw_words_step){.share = lw_word_shares[c], .bits = cell->bits[c]};
    return choice;
}

enum lw_status lw_cells_plan(const struct lw_part *parts, const struct lw_cell *cells, size_t count,
                             enum lw_arith arith, const char *name, const char *comment,
                             struct lw_plan *plan, struct lw_error *error)
{
    *plan = (struct lw_plan){.arith = arith,
                             .name = strdup(name),
                             .comment = strdup(comment),
                             .source = strdup(name),
                             .rule_count = count + 1,
                             .rules = calloc(count + 1, sizeof *plan->rules)};
    bool whole = plan->name && plan->comment && plan->source && plan->rules;
    for (size_t i = 0; i <= count && whole; i++) {
        struct lw_rule *rule = &plan->rules[i];
        rule->match = strdup(i ? parts[i - 1].match : "*");
        whole = rule->match;
        if (i == 0) {
            rule->gives[LW_FIELD_WEIGHTING] = true;
            rule->choice.weighting = LW_WEIGHTING_SEQUENCE;
            continue;
        }
        rule->choice = lw_cell_choice(&parts[i - 1], &cells[i - 1], arith);
        rule->gives[LW_FIELD_BITS] = true;
        rule->gives[LW_FIELD_ALPHA] = rule->choice.alpha == LW_ALPHA_UNIFORM;
        rule->gives[LW_FIELD_GROUP] = rule->choice.group != 0;
    }
    if (whole)
        return LW_OK;
    plan->rule_count = plan->rules ? plan->rule_count : 0;
    lw_plan_free(plan);
    return lw_fail(error, LW_FAILED, "out of memory for a plan");
}

enum lw_status lw_word_classes(const uint64_t *counts, size_t rows, uint8_t *class_of,
                               struct lw_error *error)
{
    struct lw_plan none = {.source = "classes of words"};
    struct lw_choice choice = {
        .words = {.kind = LW_WORDS_THRESHOLDS, .step_count = LW_WORD_CLASSES}};
    for (unsigned c = 0; c < LW_WORD_CLASSES; c++)
        choice.words.steps[c] = (struct lw_words_step){.share = lw_word_shares[c], .bits = c + 1};
    enum lw_status status = lw_words_bits(&none, &choice, counts, rows, class_of, error);
    for (size_t r = 0; r < rows && status == LW_OK; r++)
        class_of[r]--;
    return status;
}

void lw_word_class_rows(size_t rows, size_t class_rows[LW_WORD_CLASSES])
{
    double end = 0;
    size_t from = 0;
    for (size_t c = 0; c < LW_WORD_CLASSES; c++) {
        end += lw_word_shares[c] * (double)rows;
        size_t to = c + 1 == LW_WORD_CLASSES ? rows : (size_t)__builtin_nearbyint(end);
        class_rows[c] = to - from;
        from = to;
    }
}
