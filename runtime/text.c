#include "runtime/text.h"

#include <stdint.h>

/* Bytes of the sequence at `at`, or 0 where it is not valid; *code is its code point. */
static size_t sequence(const uint8_t *at, size_t left, uint32_t *code)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = at[0] < 0x80 ? 1 : at[0] < 0xc0 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    if (length == 0 || at[0] >= 0xf8 || length > left)
        return 0;
    *code = length == 1 ? at[0] : at[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        *code = *code << 6 | (at[i] & 0x3f);
    }
    if (*code < least[length] || *code > 0x10ffff || (*code >= 0xd800 && *code <= 0xdfff))
        return 0;
    return length;
}

bool lw_text_is_valid(const char *text, size_t bytes, size_t *offset)
{
    uint32_t code;
    for (size_t i = 0, length; i < bytes; i += length) {
        length = sequence((const uint8_t *)text + i, bytes - i, &code);
        if (length == 0) {
            *offset = i;
            return false;
        }
    }
    return true;
}

static bool is_space(uint32_t code)
{
    return (code >= 0x09 && code <= 0x0d) || (code >= 0x1c && code <= 0x20) || code == 0x85 ||
           code == 0xa0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200a) || code == 0x2028 ||
           code == 0x2029 || code == 0x202f || code == 0x205f || code == 0x3000;
}

void lw_text_trim(const char **text, size_t *bytes)
{
    const uint8_t *start = (const uint8_t *)*text, *end = start + *bytes;
    uint32_t code;
    for (size_t length; start < end; start += length) {
        length = sequence(start, (size_t)(end - start), &code);
        if (length == 0 || !is_space(code))
            break;
    }
    while (start < end) {
        const uint8_t *last = end - 1;
        while (last > start && (*last & 0xc0) == 0x80)
            last--;
        if (sequence(last, (size_t)(end - last), &code) == 0 || !is_space(code))
            break;
        end = last;
    }
    *text = (const char *)start;
    *bytes = (size_t)(end - start);
}
