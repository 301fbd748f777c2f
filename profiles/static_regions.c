/* Loops of compiled text: a branch back to a label closes one. */
#include "profiles/static.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

/* "b.ne .LBB0_1": the label that an instruction branches to, or NULL. */
static const char *branch_target(const char *line)
{
    static const char *const names[] = {"b", "b.", "cbz", "cbnz", "tbz", "tbnz", "j"};
    line += strspn(line, " \t");
    size_t length = strcspn(line, " \t");
    bool branches = false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t own = strlen(names[i]);
        bool open = names[i][own - 1] == '.' || names[i][0] == 'j';
        branches = branches || (strncmp(line, names[i], own) == 0 && (open || length == own));
    }
    const char *label = branches ? strstr(line, ".L") : NULL;
    return label;
}

static size_t label_length(const char *label)
{
    size_t n = 0;
    while (isalnum((unsigned char)label[n]) || label[n] == '_' || label[n] == '.')
        n++;
    return n;
}

/* The line of a label above `line`, or `line`. */
static size_t find_above(const char *const *lines, size_t line, const char *label)
{
    size_t length = label_length(label);
    for (size_t i = 0; i < line; i++)
        if (strncmp(lines[i], label, length) == 0 && lines[i][length] == ':')
            return i;
    return line;
}

/* Sorted by their first lines; loops of one label are one. */
static size_t insert(struct lw_asm_region *regions, size_t count, size_t first, size_t last)
{
    size_t at = count;
    for (size_t i = 1; i < count; i++)
        if (regions[i].first == first) {
            regions[i].last = last;
            return count;
        }
    while (at > 1 && regions[at - 1].first > first) {
        regions[at] = regions[at - 1];
        at--;
    }
    regions[at] = (struct lw_asm_region){first, last, 0};
    return count + 1;
}

size_t lw_asm_regions(const char *const *lines, size_t count,
                      struct lw_asm_region regions[LW_ASM_REGIONS])
{
    size_t used = 1;
    regions[0] = (struct lw_asm_region){0, count ? count - 1 : 0, -1};
    for (size_t i = 0; i < count; i++) {
        const char *label = branch_target(lines[i]);
        size_t first = label ? find_above(lines, i, label) : i;
        if (first == i)
            continue;
        if (used == LW_ASM_REGIONS)
            return 0;
        used = insert(regions, used, first, i);
    }
    for (size_t i = 1; i < used; i++)
        for (size_t j = 1; j < i; j++) {
            if (regions[j].last < regions[i].first)
                continue;
            if (regions[j].last < regions[i].last)
                return 0;
            regions[i].parent = (int)j; /* the innermost comes last */
        }
    return used;
}
