#include "profiles/points.h"

#include "models/checked.h"
#include "runtime/text.h"

#include <stdlib.h>
#include <string.h>

static bool reserve(struct lw_points *text, size_t capacity)
{
    size_t bytes;
    if (capacity <= text->capacity)
        return true;
    if (!lw_checked_mul(capacity, sizeof *text->points, &bytes))
        return false;
    uint32_t *points = realloc(text->points, bytes);
    if (!points)
        return false;
    text->points = points;
    text->capacity = capacity;
    return true;
}

void lw_points_free(struct lw_points *text)
{
    free(text->points);
    *text = (struct lw_points){0};
}

bool lw_points_decode(struct lw_points *text, const char *utf8, size_t bytes)
{
    text->count = 0;
    if (!reserve(text, bytes))
        return false;
    for (size_t at = 0; at < bytes;)
        at += lw_text_next(utf8 + at, bytes - at, &text->points[text->count++]);
    return true;
}

void lw_points_squeeze(struct lw_points *text)
{
    size_t kept = 0;
    for (size_t i = 0; i < text->count; i++)
        if (!lw_text_is_space(text->points[i]))
            text->points[kept++] = text->points[i];
    text->count = kept;
}

/* Replaces `from` (ASCII) by `to`, which is at most one character, from left to right. */
static void replace(struct lw_points *text, const char *from, const char *to)
{
    size_t length = strlen(from), kept = 0;
    for (size_t i = 0; i < text->count;) {
        size_t same = 0;
        while (same < length && i + same < text->count &&
               text->points[i + same] == (unsigned char)from[same])
            same++;
        if (same < length) {
            text->points[kept++] = text->points[i++];
            continue;
        }
        if (*to)
            text->points[kept++] = (unsigned char)*to;
        i += length;
    }
    text->count = kept;
}

static bool is_digit(uint32_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_no_digit(uint32_t c)
{
    return !is_digit(c);
}

static bool is_stop(uint32_t c)
{
    return c == '.' || c == ',';
}

static bool is_dash(uint32_t c)
{
    return c == '-';
}

/* ASCII punctuation, space included, without the apostrophe, the stops and the dash. */
static bool is_mark(uint32_t c)
{
    return (c >= ' ' && c <= '&') || (c >= '(' && c <= '+') || c == '/' || (c >= ':' && c <= '@') ||
           (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
}

static bool split_marks(const struct lw_points *in, struct lw_points *out)
{
    size_t most;
    if (!lw_checked_mul(in->count, 3, &most) || !reserve(out, most))
        return false;
    out->count = 0;
    for (size_t i = 0; i < in->count; i++) {
        bool mark = is_mark(in->points[i]);
        if (mark)
            out->points[out->count++] = ' ';
        out->points[out->count++] = in->points[i];
        if (mark)
            out->points[out->count++] = ' ';
    }
    return true;
}

/* Puts spaces into pairs of neighbours, found from left to right, none overlapping. */
struct pair_rule {
    bool (*first)(uint32_t);
    bool (*second)(uint32_t);
    bool leading; /* " 1 2"; otherwise "1 2 " */
};

static bool split_pairs(const struct lw_points *in, struct lw_points *out,
                        const struct pair_rule *rule)
{
    size_t most;
    if (!lw_checked_mul(in->count, 2, &most) || !reserve(out, most))
        return false;
    out->count = 0;
    for (size_t i = 0; i < in->count; i++) {
        uint32_t a = in->points[i];
        if (i + 1 == in->count || !rule->first(a) || !rule->second(in->points[i + 1])) {
            out->points[out->count++] = a;
            continue;
        }
        if (rule->leading)
            out->points[out->count++] = ' ';
        out->points[out->count++] = a;
        out->points[out->count++] = ' ';
        out->points[out->count++] = in->points[++i];
        if (!rule->leading)
            out->points[out->count++] = ' ';
    }
    return true;
}

bool lw_points_tokenize_13a(struct lw_points *text)
{
    /* Stops not after a digit, stops not before a digit, dashes after a digit. */
    static const struct pair_rule rules[] = {
        {is_no_digit, is_stop, false},
        {is_stop, is_no_digit, true},
        {is_digit, is_dash, false},
    };
    while (text->count > 0 && lw_text_is_space(text->points[text->count - 1]))
        text->count--;
    replace(text, "<skipped>", "");
    replace(text, "&quot;", "\"");
    replace(text, "&amp;", "&");
    replace(text, "&lt;", "<");
    replace(text, "&gt;", ">");

    size_t padded;
    if (!lw_checked_add(text->count, 2, &padded) || !reserve(text, padded))
        return false;
    memmove(text->points + 1, text->points, text->count * sizeof *text->points);
    text->points[0] = text->points[padded - 1] = ' ';
    text->count = padded;

    struct lw_points other = {0};
    bool done = split_marks(text, &other);
    for (size_t i = 0; i < sizeof rules / sizeof *rules && done; i++) {
        done = split_pairs(i % 2 ? text : &other, i % 2 ? &other : text, &rules[i]);
    }
    lw_points_free(&other);
    return done;
}
