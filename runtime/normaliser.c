/* The semantics are those of Normalizer in SentencePiece (src/normalizer.cc, 0.1.97 to 0.2.1). */
#include "runtime/normaliser.h"

#include "models/checked.h"
#include "runtime/text.h"

#include <stdlib.h>
#include <string.h>

const char lw_space_symbol[4] = "\xe2\x96\x81";

enum { SYMBOL_BYTES = 3 };

void lw_buffer_append(struct lw_buffer *buffer, const char *bytes, size_t count)
{
    size_t needed;
    if (!lw_checked_add(buffer->count, count, &needed))
        buffer->failed = true;
    if (!buffer->failed && needed > buffer->room) {
        size_t room = needed > SIZE_MAX / 2 ? needed : needed * 2;
        char *grown = realloc(buffer->bytes, room);
        buffer->failed = !grown;
        if (grown) {
            buffer->bytes = grown;
            buffer->room = room;
        }
    }
    if (buffer->failed || count == 0)
        return;
    memcpy(buffer->bytes + buffer->count, bytes, count);
    buffer->count = needed;
}

static uint32_t read_word(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

enum lw_status lw_normaliser_read(const uint8_t *map, size_t bytes, struct lw_text_rules *rules,
                                  struct lw_error *error)
{
    if (bytes == 0)
        return LW_OK;
    size_t trie = bytes > sizeof(uint32_t) ? read_word(map) : 0;
    if (bytes <= sizeof(uint32_t) || trie >= bytes - sizeof(uint32_t) || trie % 4 != 0 ||
        trie == 0 || map[bytes - 1] != 0)
        return lw_fail(error, LW_CORRUPT, "its rules of normalisation are damaged");
    rules->trie = map + sizeof(uint32_t);
    rules->units = trie / sizeof(uint32_t);
    rules->texts = (const char *)map + sizeof(uint32_t) + trie;
    rules->texts_bytes = bytes - sizeof(uint32_t) - trie;
    return LW_OK;
}

/* A unit of the double array; one beyond its end has a label that no byte equals. */
static uint32_t unit_at(const struct lw_text_rules *rules, size_t at)
{
    return at < rules->units ? read_word(rules->trie + 4 * at) : UINT32_C(1) << 31;
}

static uint32_t offset_of(uint32_t unit)
{
    return (unit >> 10) << ((unit & 1u << 9) >> 6);
}

/* The longest rule that the text begins with: its bytes, 0 where there is none, and its value. */
static size_t longest_rule(const struct lw_text_rules *rules, const char *text, size_t bytes,
                           uint32_t *value)
{
    size_t longest = 0, node = offset_of(unit_at(rules, 0));
    for (size_t i = 0; i < bytes && rules->units; i++) {
        node ^= (uint8_t)text[i];
        uint32_t unit = unit_at(rules, node);
        if ((unit & (1u << 31 | 0xff)) != (uint8_t)text[i])
            break;
        node ^= offset_of(unit);
        if (unit >> 8 & 1) {
            longest = i + 1;
            *value = unit_at(rules, node) & ~(UINT32_C(1) << 31);
        }
    }
    return longest;
}

/* What the first bytes of a text become. */
struct step {
    const char *text;
    size_t bytes, used;
};

static struct step take_step(const struct lw_text_rules *rules, lw_take_literal *literal,
                             const void *context, const char *text, size_t bytes)
{
    uint32_t value = 0, point;
    size_t used = literal ? literal(context, text, bytes) : 0;
    if (used)
        return (struct step){text, used, used};
    used = longest_rule(rules, text, bytes, &value);
    if (used && value < rules->texts_bytes)
        return (struct step){rules->texts + value, strlen(rules->texts + value), used};
    used = lw_text_next(text, bytes, &point);
    return (struct step){text, used ? used : 1, used ? used : 1};
}

static void append_space(const struct lw_text_rules *rules, struct lw_buffer *out)
{
    if (rules->escape)
        lw_buffer_append(out, lw_space_symbol, SYMBOL_BYTES);
    else
        lw_buffer_append(out, " ", 1);
}

static void append_step(const struct lw_text_rules *rules, const struct step *step,
                        struct lw_buffer *out)
{
    for (size_t i = 0; i < step->bytes; i++)
        if (step->text[i] == ' ')
            append_space(rules, out);
        else
            lw_buffer_append(out, step->text + i, 1);
}

static bool is_space(const struct step *step)
{
    return step->bytes == 1 && step->text[0] == ' ';
}

static void drop_last_spaces(const struct lw_text_rules *rules, struct lw_buffer *out)
{
    const char *space = rules->escape ? lw_space_symbol : " ";
    size_t bytes = rules->escape ? SYMBOL_BYTES : 1;
    while (out->count >= bytes && memcmp(out->bytes + out->count - bytes, space, bytes) == 0)
        out->count -= bytes;
}

void lw_normalise(const struct lw_text_rules *rules, lw_take_literal *literal, const void *context,
                  const char *text, size_t bytes, struct lw_buffer *out)
{
    struct step step;
    while (rules->remove_extra && bytes > 0) {
        step = take_step(rules, literal, context, text, bytes);
        if (!is_space(&step))
            break;
        text += step.used;
        bytes -= step.used;
    }
    if (bytes == 0)
        return;
    if (rules->dummy_prefix && !rules->space_as_suffix)
        append_space(rules, out);
    bool after_space = rules->remove_extra;
    for (; bytes > 0; text += step.used, bytes -= step.used) {
        step = take_step(rules, literal, context, text, bytes);
        struct step rest = step;
        for (; after_space && rest.bytes > 0 && rest.text[0] == ' '; rest.text++)
            rest.bytes--;
        append_step(rules, &rest, out);
        if (rest.bytes > 0)
            after_space = rest.text[rest.bytes - 1] == ' ';
        after_space = after_space && rules->remove_extra;
    }
    if (rules->remove_extra)
        drop_last_spaces(rules, out);
    if (rules->dummy_prefix && rules->space_as_suffix)
        append_space(rules, out);
}
