#include "cli/profile_points.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_MODES = 16 };

static enum lw_status parse_by(const char *by, enum lw_targets *which, struct lw_error *error)
{
    static const struct {
        const char *name;
        enum lw_targets which;
    } names[] = {
        {"kind", LW_TARGETS_KINDS}, {"matrix", LW_TARGETS_MATRICES}, {"both", LW_TARGETS_BOTH}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(by, names[i].name) == 0) {
            *which = names[i].which;
            return LW_OK;
        }
    return lw_fail(error, LW_USAGE, "--by is kind, matrix or both, not '%s'", by);
}

/* Digits of *text, which moves behind them; 0 where there is none or the number is too large. */
static unsigned take_bits(const char **text)
{
    char *end;
    unsigned long value = **text >= '1' && **text <= '9' ? strtoul(*text, &end, 10) : 0;
    if (value == 0 || value > LW_MAX_BITS)
        return 0;
    *text = end;
    return (unsigned)value;
}

/* wanted[b] for each number of bits in a list of numbers and ranges. */
static enum lw_status parse_bits(const char *list, bool wanted[LW_MAX_BITS + 1],
                                 struct lw_error *error)
{
    const char *at = list;
    for (;;) {
        unsigned first = take_bits(&at), last = first;
        if (first && *at == '-') {
            at++;
            last = take_bits(&at);
        }
        if (first == 0 || last < first || (*at && *at != ','))
            return lw_fail(error, LW_USAGE,
                           "--bits takes numbers from 1 to %d and ranges of them, like 1-4 or 2,4, "
                           "not '%s'",
                           LW_MAX_BITS, list);
        for (unsigned bits = first; bits <= last; bits++)
            wanted[bits] = true;
        if (*at++ == 0)
            return LW_OK;
    }
}

static bool parse_mode(const char *name, size_t length, struct lw_choice *mode)
{
    static const size_t groups[] = {0, 32, 64, 128};
    static const enum lw_alpha alphas[] = {LW_ALPHA_FREE, LW_ALPHA_UNIFORM};
    for (size_t a = 0; a < sizeof alphas / sizeof *alphas; a++)
        for (size_t g = 0; g < sizeof groups / sizeof *groups; g++) {
            char own[32], columns[16] = "row";
            if (groups[g])
                snprintf(columns, sizeof columns, "%zu", groups[g]);
            snprintf(own, sizeof own, "%s/%s", lw_alpha_name(alphas[a]), columns);
            if (strlen(own) != length || strncmp(own, name, length) != 0)
                continue;
            *mode = (struct lw_choice){.alpha = alphas[a],
                                       .group = groups[g],
                                       .fit = alphas[a] == LW_ALPHA_FREE ? LW_FIT_ALTERNATING
                                                                         : LW_FIT_UNIFORM};
            return true;
        }
    return false;
}

static enum lw_status parse_modes(const char *list, struct lw_choice modes[MOST_MODES],
                                  size_t *count, struct lw_error *error)
{
    *count = 0;
    for (const char *at = list;; at++) {
        struct lw_choice mode;
        size_t length = strcspn(at, ",");
        bool is_new = true;
        if (!parse_mode(at, length, &mode))
            return lw_fail(error, LW_USAGE,
                           "--modes takes a list of free or uniform, each with /row, /32, /64 or "
                           "/128, like free/row,uniform/64, not '%s'",
                           list);
        for (size_t i = 0; i < *count; i++)
            is_new = is_new && (modes[i].alpha != mode.alpha || modes[i].group != mode.group);
        if (is_new)
            modes[(*count)++] = mode;
        at += length;
        if (*at == 0)
            return LW_OK;
    }
}

enum lw_status cli_points(const struct cli_point_request *request, const struct lw_model *model,
                          struct lw_sensitivity_point **points, size_t *count,
                          struct lw_error *error)
{
    enum lw_targets which = LW_TARGETS_BOTH;
    bool wanted[LW_MAX_BITS + 1] = {false};
    struct lw_choice modes[MOST_MODES];
    struct lw_target *targets;
    size_t mode_count, target_count;
    *points = NULL;
    *count = 0;
    enum lw_status status = parse_by(request->by, &which, error);
    if (status == LW_OK)
        status = parse_bits(request->bits, wanted, error);
    if (status == LW_OK)
        status = parse_modes(request->modes, modes, &mode_count, error);
    if (status == LW_OK)
        status = lw_sensitivity_targets(model, which, &targets, &target_count, error);
    if (status != LW_OK)
        return status;
    *points = calloc(mode_count * LW_MAX_BITS * target_count, sizeof **points);
    for (size_t m = 0; m < mode_count && *points; m++)
        for (unsigned bits = 1; bits <= LW_MAX_BITS; bits++)
            for (size_t t = 0; t < target_count && wanted[bits]; t++) {
                struct lw_sensitivity_point *point = &(*points)[(*count)++];
                *point = (struct lw_sensitivity_point){targets[t], modes[m]};
                point->choice.bits = bits;
            }
    free(targets);
    return *points ? LW_OK : lw_fail(error, LW_FAILED, "out of memory for the points");
}
