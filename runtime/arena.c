/* The memory of a translator: one arena, sized when it is opened. */
#include "models/checked.h"
#include "runtime/network.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64 };

/* One array of the arena. */
struct part {
    void *field; /* the pointer to set */
    size_t element_bytes;
    size_t extents[4]; /* 0 ends */
};

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Bytes of a part, rounded up to the alignment; false on overflow. */
static bool part_bytes(const struct part *part, size_t *bytes)
{
    *bytes = part->element_bytes;
    for (size_t i = 0; i < 4 && part->extents[i]; i++)
        if (!lw_checked_mul(*bytes, part->extents[i], bytes))
            return false;
    if (!lw_checked_add(*bytes, ALIGNMENT - 1, bytes))
        return false;
    *bytes &= ~(size_t)(ALIGNMENT - 1);
    return true;
}

/* Adds the parts to *all and, where there is an arena, puts them there; false on overflow. */
static bool place_parts(const struct part *parts, size_t count, char *arena, size_t *all)
{
    size_t bytes;
    for (size_t i = 0; i < count; i++) {
        if (arena)
            memcpy(parts[i].field, &(void *){arena + *all}, sizeof(void *));
        if (!part_bytes(&parts[i], &bytes) || !lw_checked_add(*all, bytes, all))
            return false;
    }
    return true;
}

/* The arrays that last, of a translator whose limits are set. */
static bool place_lasting(struct lw_translator *t, char *arena, size_t *all)
{
    const struct lw_config *c = &t->model->config;
    size_t d = c->d_model, beams = t->search.beams, steps = t->steps, layers = c->decoder_layers;
    size_t lines = t->most_lines, heads = larger(c->encoder_heads, c->decoder_heads);
    size_t rows = lw_vector_padded(c->positions); /* at most so many keys: steps <= positions */
    const struct part parts[] = {
        {&t->positions, sizeof(float), {c->positions, d}},
        {&t->rates, sizeof(double), {d}},
        {&t->weights, sizeof(float), {rows, heads}},
        {&t->key_rows, sizeof(float *), {rows}},
        {&t->value_rows, sizeof(float *), {rows}},
        {&t->cross_keys, sizeof(float), {layers, t->most_rows, d}},
        {&t->cross_values, sizeof(float), {layers, t->most_rows, d}},
        {&t->free_cells, sizeof(uint32_t), {lines, beams, steps}},
        {&t->needed, sizeof(uint32_t), {lines, beams, steps}},
        {&t->products, sizeof(struct lw_product), {2, layers}},
        {&t->lines, sizeof(struct lw_line), {lines}},
        {&t->active, sizeof(struct lw_line *), {lines}},
        {&t->columns, sizeof(struct lw_column), {lines, beams}},
        {&t->column_words, sizeof(int32_t), {lines, beams}},
        {&t->candidates, sizeof(struct lw_candidate), {2, beams}},
        {&t->cells, sizeof(uint32_t), {2, lines, beams, steps}},
        {&t->words, sizeof(int32_t), {lines, steps, beams}},
        {&t->parents, 1, {lines, steps, beams}},
        {&t->scores, sizeof(float), {lines, beams}},
        {&t->finished, sizeof(struct lw_finished), {lines, beams}},
        {&t->output, sizeof(int32_t), {lines, steps}},
    };
    return place_parts(parts, sizeof parts / sizeof *parts, arena, all);
}

/* Those of the sub-layer at work, for so many columns. */
static bool place_sublayer(struct lw_translator *t, size_t columns, size_t ffn, char *arena,
                           size_t *all)
{
    size_t d = t->model->config.d_model;
    size_t together = columns < LW_FFN_COLUMNS ? columns : LW_FFN_COLUMNS;
    const struct part parts[] = {
        {&t->query, sizeof(float), {columns, d}},    {&t->key, sizeof(float), {columns, d}},
        {&t->value, sizeof(float), {columns, d}},    {&t->mixed, sizeof(float), {columns, d}},
        {&t->inner, sizeof(float), {together, ffn}},
    };
    return place_parts(parts, sizeof parts / sizeof *parts, arena, all);
}

/* All that encoding so many columns writes, its keys and values for the decoder aside. */
static bool place_encoding(struct lw_translator *t, size_t columns, char *arena, size_t *all)
{
    const struct lw_config *c = &t->model->config;
    const struct part encoded = {&t->encoded, sizeof(float), {columns, c->d_model}};
    return place_sublayer(t, columns, c->encoder_ffn, arena, all) &&
           place_parts(&encoded, 1, arena, all);
}

static bool place_decoding(struct lw_translator *t, char *arena, size_t *all)
{
    const struct lw_config *c = &t->model->config;
    size_t d = c->d_model, layers = c->decoder_layers;
    size_t columns = t->search.beams * t->most_lines;
    const struct part parts[] = {
        {&t->hidden, sizeof(float), {columns, d}},
        {&t->logits, sizeof(float), {t->output_columns, c->target_words}},
        {&t->self_keys, sizeof(float), {layers, t->steps, columns, d}},
        {&t->self_values, sizeof(float), {layers, t->steps, columns, d}},
    };
    return place_sublayer(t, columns, c->decoder_ffn, arena, all) &&
           place_parts(parts, sizeof parts / sizeof *parts, arena, all);
}

void lw_begin_encoding(struct lw_translator *translator, size_t columns)
{
    size_t bytes = 0;
    place_encoding(translator, columns, translator->shared, &bytes);
}

void lw_begin_decoding(struct lw_translator *translator)
{
    size_t bytes = 0;
    place_decoding(translator, translator->shared, &bytes);
}

/* Bytes of the arena: `lasting` of them, and what encoding and decoding share. */
static bool measure(struct lw_translator *t, size_t *lasting, size_t *all)
{
    size_t encoding = 0, decoding = 0;
    *lasting = 0;
    return place_lasting(t, NULL, lasting) && place_encoding(t, t->most_columns, NULL, &encoding) &&
           place_decoding(t, NULL, &decoding) &&
           lw_checked_add(*lasting, larger(encoding, decoding), all);
}

bool lw_arena_measure(struct lw_translator *translator, size_t *bytes)
{
    size_t lasting;
    return measure(translator, &lasting, bytes);
}

bool lw_arena_take(struct lw_translator *translator)
{
    struct lw_translator *t = translator;
    size_t lasting, all, placed = 0;
    t->arena = measure(t, &lasting, &all) ? aligned_alloc(ALIGNMENT, all) : NULL;
    if (!t->arena)
        return false;
    place_lasting(t, t->arena, &placed);
    t->shared = (char *)t->arena + lasting;
    return true;
}
