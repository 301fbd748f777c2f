#include "runtime/text.h"

size_t lw_text_next(const char *text, size_t bytes, uint32_t *point)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const uint8_t *at = (const uint8_t *)text;
    size_t length = at[0] < 0x80 ? 1 : at[0] < 0xc0 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    if (length == 0 || at[0] >= 0xf8 || length > bytes)
        return 0;
    uint32_t code = length == 1 ? at[0] : at[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (at[i] & 0x3f);
    }
    if (code < least[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        return 0;
    *point = code;
    return length;
}

bool lw_text_is_valid(const char *text, size_t bytes, size_t *offset)
{
    uint32_t point;
    for (size_t i = 0, length; i < bytes; i += length) {
        length = lw_text_next(text + i, bytes - i, &point);
        if (length == 0) {
            *offset = i;
            return false;
        }
    }
    return true;
}

bool lw_text_is_space(uint32_t point)
{
    return (point >= 0x09 && point <= 0x0d) || (point >= 0x1c && point <= 0x20) || point == 0x85 ||
           point == 0xa0 || point == 0x1680 || (point >= 0x2000 && point <= 0x200a) ||
           point == 0x2028 || point == 0x2029 || point == 0x202f || point == 0x205f ||
           point == 0x3000;
}

void lw_text_trim(const char **text, size_t *bytes)
{
    const char *start = *text, *end = start + *bytes;
    uint32_t point;
    for (size_t length; start < end; start += length) {
        length = lw_text_next(start, (size_t)(end - start), &point);
        if (length == 0 || !lw_text_is_space(point))
            break;
    }
    while (start < end) {
        const char *last = end - 1;
        while (last > start && ((unsigned char)*last & 0xc0) == 0x80)
            last--;
        if (lw_text_next(last, (size_t)(end - last), &point) == 0 || !lw_text_is_space(point))
            break;
        end = last;
    }
    *text = start;
    *bytes = (size_t)(end - start);
}
