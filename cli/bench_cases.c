#include "cli/bench_cases.h"

#include "cli/loaded.h"
#include "models/lwm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char default_shapes[] =
    "512x512,2048x512,512x2048,32768x512,256x256,1024x256,256x1024,4096x4096";

enum { MOST_SHAPES = 256, MOST_GROUPS = 16 };

/* What the lists give, before they are multiplied. */
struct choices {
    struct lw_spec shapes[MOST_SHAPES]; /* rows and columns */
    size_t shape_count;
    bool bits[LW_MAX_BITS + 1];
    bool ariths[LW_ARITHS];
    bool alphas[LW_ALPHA_UNIFORM + 1];
    size_t groups[MOST_GROUPS]; /* 0: row */
    size_t group_count;
    bool isas[LW_ISA_COUNT];
    bool all_families; /* else the usual one of each */
};

/* Digits of *text, which moves behind them, from 1 to `most`; 0 where they are something else. */
static size_t take_number(const char **text, size_t most)
{
    size_t value = 0;
    const char *at = *text;
    while (*at >= '0' && *at <= '9' && value <= most)
        value = 10 * value + (size_t)(*at++ - '0');
    if (value == 0 || value > most || **text == '0')
        return 0;
    *text = at;
    return value;
}

/* wanted[n] for each number in a list of numbers and ranges up to `most`. */
static bool take_ranges(const char *list, size_t most, bool *wanted)
{
    for (const char *at = list;; at++) {
        size_t first = take_number(&at, most), last = first;
        if (first && *at == '-') {
            at++;
            last = take_number(&at, most);
        }
        if (first == 0 || last < first || (*at && *at != ','))
            return false;
        for (size_t n = first; n <= last; n++)
            wanted[n] = true;
        if (*at == 0)
            return true;
    }
}

static enum lw_status parse_ranges(const char *option, const char *list, size_t most, bool *wanted,
                                   struct lw_error *error)
{
    if (take_ranges(list, most, wanted))
        return LW_OK;
    return lw_fail(error, LW_USAGE,
                   "%s takes numbers from 1 to %zu and ranges of them, like 1-4 or 2,4, not '%s'",
                   option, most, list);
}

static enum lw_status parse_shapes(const char *list, struct choices *choices,
                                   struct lw_error *error)
{
    for (const char *at = list;; at++) {
        struct lw_spec shape = {.rows = take_number(&at, 1 << 24)};
        bool known = false;
        if (shape.rows && *at == 'x') {
            at++;
            shape.columns = take_number(&at, 1 << 20);
        }
        if (!shape.columns || (*at && *at != ','))
            return lw_fail(
                error, LW_USAGE,
                "--shapes takes a list of MxK, outputs by inputs, like 512x512,2048x512, "
                "not '%s'",
                list);
        for (size_t i = 0; i < choices->shape_count; i++)
            known = known || (choices->shapes[i].rows == shape.rows &&
                              choices->shapes[i].columns == shape.columns);
        if (!known && choices->shape_count == MOST_SHAPES)
            return lw_fail(error, LW_USAGE, "--shapes takes at most %d shapes", MOST_SHAPES);
        if (!known)
            choices->shapes[choices->shape_count++] = shape;
        if (*at == 0)
            return LW_OK;
    }
}

/* wanted[i] for each of `count` names in a list. */
static enum lw_status parse_names(const char *option, const char *list, const char *const *names,
                                  size_t count, bool *wanted, struct lw_error *error)
{
    for (const char *at = list;; at++) {
        size_t length = strcspn(at, ","), i = 0;
        while (i < count && (strlen(names[i]) != length || strncmp(names[i], at, length) != 0))
            i++;
        if (i == count) {
            lw_fail(error, LW_USAGE, "%s: there is no '%.*s' in '%s'; there are:", option,
                    (int)length, at, list);
            for (i = 0; i < count; i++)
                lw_error_add(error, "%s", names[i]);
            return LW_USAGE;
        }
        wanted[i] = true;
        at += length;
        if (*at == 0)
            return LW_OK;
    }
}

static enum lw_status parse_groups(const char *list, struct choices *choices,
                                   struct lw_error *error)
{
    for (const char *at = list;; at++) {
        size_t group = 0;
        if (strncmp(at, "row", 3) == 0)
            at += 3;
        else
            group = take_number(&at, 1 << 20);
        if ((*at && *at != ',') || group % 32 || at == list || at[-1] == ',' ||
            choices->group_count == MOST_GROUPS)
            return lw_fail(error, LW_USAGE,
                           "--group takes a list of row and multiples of 32, like row,64, not '%s'",
                           list);
        choices->groups[choices->group_count++] = group;
        if (*at == 0)
            return LW_OK;
    }
}

static enum lw_status parse_isas(const char *list, struct choices *choices, struct lw_error *error)
{
    for (const char *at = list;; at++) {
        char name[32];
        const struct lw_device *device;
        size_t length = strcspn(at, ",");
        enum lw_isa isa;
        snprintf(name, sizeof name, "%.*s", (int)length, at);
        if (!lw_isa_parse(name, &isa)) {
            enum lw_status status = cli_parse_device(name, &device, error);
            if (status != LW_OK)
                return status;
            isa = device->isa;
        }
        choices->isas[isa] = true;
        at += length;
        if (*at == 0)
            return LW_OK;
    }
}

static enum lw_status parse_choices(const struct cli_bench_lists *lists, struct choices *choices,
                                    struct lw_error *error)
{
    static const char *const ariths[] = {"a8", "t8"};
    const char *alphas[] = {lw_alpha_name(LW_ALPHA_FREE), lw_alpha_name(LW_ALPHA_UNIFORM)};
    enum lw_status status = LW_OK;
    if (!lists->model)
        status = parse_shapes(lists->shapes ? lists->shapes : default_shapes, choices, error);
    if (status == LW_OK)
        status = parse_ranges("--bits", lists->bits ? lists->bits : "1-4", LW_MAX_BITS,
                              choices->bits, error);
    if (status == LW_OK)
        status = parse_names("--arith", lists->arith ? lists->arith : "t8", ariths, 2,
                             choices->ariths + LW_ARITH_A8, error);
    if (status == LW_OK)
        status = parse_names("--alpha", lists->alpha ? lists->alpha : "free", alphas, 2,
                             choices->alphas, error);
    if (status == LW_OK && lists->family && strcmp(lists->family, "all") != 0 &&
        strcmp(lists->family, "usual") != 0)
        status = lw_fail(error, LW_USAGE, "--family is usual or all, not '%s'", lists->family);
    choices->all_families = lists->family && strcmp(lists->family, "all") == 0;
    if (status == LW_OK)
        status = parse_groups(lists->group ? lists->group : "row", choices, error);
    return status == LW_OK ? parse_isas(lists->isa ? lists->isa : "host", choices, error) : status;
}

/* Adds a case behind those of its shape, once. */
static enum lw_status add_case(struct cli_bench_cases *cases, struct lw_bench_case added,
                               struct lw_error *error)
{
    struct lw_spec *spec = &added.spec;
    if (spec->group >= spec->columns)
        spec->group = 0;
    spec->batch = 1;
    enum lw_status status = lw_spec_check(spec, error);
    size_t place = cases->count;
    for (size_t i = 0; i < cases->count; i++) {
        const struct lw_spec *other = &cases->cases[i].spec;
        if (other->rows != spec->rows || other->columns != spec->columns)
            continue;
        place = i + 1;
        if (other->arith == spec->arith && other->family == spec->family &&
            other->bits == spec->bits && other->group == spec->group && other->isa == spec->isa &&
            cases->cases[i].alpha == added.alpha)
            return status;
    }
    struct lw_bench_case *more = realloc(cases->cases, (cases->count + 1) * sizeof *more);
    if (!more)
        return lw_fail(error, LW_FAILED, "out of memory for the cases of the bench");
    cases->cases = more;
    memmove(more + place + 1, more + place, (cases->count - place) * sizeof *more);
    more[place] = added;
    cases->count++;
    return status;
}

static enum lw_status add_isas(const struct choices *choices, struct lw_bench_case added,
                               struct cli_bench_cases *cases, struct lw_error *error)
{
    enum lw_status status = LW_OK;
    bool uniform = added.alpha == LW_ALPHA_UNIFORM && added.spec.bits > 1;
    for (int isa = LW_ISA_COUNT - 1; isa >= 0; isa--) {
        struct lw_spec of_isa = added.spec;
        if (of_isa.group >= of_isa.columns)
            of_isa.group = 0;
        of_isa.isa = (enum lw_isa)isa;
        of_isa.uniform = uniform;
        enum lw_family usual = lw_family_usual(&of_isa);
        for (int f = 0; f < LW_FAMILIES && choices->isas[isa] && status == LW_OK; f++) {
            added.spec = of_isa;
            added.spec.family = (enum lw_family)f;
            added.spec.uniform = uniform && f == LW_FAMILY_DOT;
            bool wanted = choices->all_families ? lw_family_has(added.spec.family, &added.spec)
                                                : added.spec.family == usual;
            if (wanted)
                status = add_case(cases, added, error);
        }
    }
    return status;
}

/* Every combination. */
static enum lw_status multiply_out(const struct choices *choices, struct cli_bench_cases *cases,
                                   struct lw_error *error)
{
    enum lw_status status = LW_OK;
    for (size_t s = 0; s < choices->shape_count; s++)
        for (unsigned bits = 1; bits <= LW_MAX_BITS; bits++)
            for (int arith = LW_ARITHS - 1; arith >= 0 && choices->bits[bits]; arith--)
                for (int alpha = 0; alpha <= LW_ALPHA_UNIFORM && choices->ariths[arith]; alpha++)
                    for (size_t g = 0; g < choices->group_count && choices->alphas[alpha]; g++) {
                        struct lw_bench_case added = {choices->shapes[s], (enum lw_alpha)alpha};
                        added.spec.arith = (enum lw_arith)arith;
                        added.spec.bits = bits;
                        added.spec.group = choices->groups[g];
                        if (status == LW_OK)
                            status = add_isas(choices, added, cases, error);
                    }
    return status;
}

/* Every different product of a model. */
static enum lw_status take_model(const char *path, const struct choices *choices,
                                 struct cli_bench_cases *cases, struct lw_error *error)
{
    struct lw_model model;
    enum lw_status status = lw_lwm_open(path, &model, error);
    if (status != LW_OK)
        return status;
    if (!lw_model_has_quantised_products(&model))
        status = lw_fail(error, LW_USAGE, "%s: no product is of class a8 or t8", path);
    for (size_t i = 0; i < model.matrix_count; i++) {
        const struct lw_matrix *matrix = &model.matrices[i];
        for (size_t c = 0; c < matrix->code_count && lw_matrix_has_quantised_product(matrix); c++) {
            struct lw_bench_case added = {lw_spec_of(matrix, c, 1, LW_ISA_C),
                                          matrix->codes[c].uniform ? LW_ALPHA_UNIFORM
                                                                   : LW_ALPHA_FREE};
            if (status == LW_OK)
                status = add_isas(choices, added, cases, error);
        }
    }
    lw_model_free(&model);
    return status;
}

static enum lw_status parse_peers(const char *list, struct cli_bench_cases *cases,
                                  struct lw_error *missing, struct lw_error *error)
{
    const char *names[LW_BENCH_PEERS + 1] = {[LW_BENCH_PEERS] = "none"};
    bool wanted[LW_BENCH_PEERS + 1] = {false};
    for (int p = 0; p < LW_BENCH_PEERS; p++)
        names[p] = lw_bench_peer_name((enum lw_bench_peer)p);
    enum lw_status status = LW_OK;
    if (list)
        status = parse_names("--peers", list, names, LW_BENCH_PEERS + 1, wanted, error);
    for (int p = 0; p < LW_BENCH_PEERS && status == LW_OK; p++) {
        struct lw_error own = {0};
        if (list && !wanted[p])
            continue;
        enum lw_status found = lw_bench_peer_check((enum lw_bench_peer)p, &own);
        cases->peers[p] = found == LW_OK;
        if (found != LW_OK && list)
            status = lw_fail(error, found, "%s: %s", names[p], own.text);
        else if (found != LW_OK)
            lw_error_add(missing, "not compared with %s: %s", names[p], own.text);
    }
    return status;
}

enum lw_status cli_bench_cases(const struct cli_bench_lists *lists, struct cli_bench_cases *cases,
                               struct lw_error *missing, struct lw_error *error)
{
    static const char *const modes[] = {"resident", "hot"};
    bool columns[LW_SPEC_MAX_BATCH + 1] = {false};
    struct choices choices = {0};
    *cases = (struct cli_bench_cases){0};
    if (lists->model &&
        (lists->shapes || lists->bits || lists->arith || lists->alpha || lists->group))
        return lw_fail(error, LW_USAGE,
                       "--model gives shapes, bits, class and scales: leave out --shapes, --bits, "
                       "--arith, --alpha and --group");
    enum lw_status status = parse_choices(lists, &choices, error);
    if (status == LW_OK)
        status = parse_ranges("--columns", lists->columns ? lists->columns : "1,4,16",
                              LW_SPEC_MAX_BATCH, columns, error);
    if (status == LW_OK)
        status = parse_names("--mode", lists->modes ? lists->modes : "resident", modes,
                             LW_BENCH_MODES, cases->modes, error);
    if (status == LW_OK)
        status = lists->model ? take_model(lists->model, &choices, cases, error)
                              : multiply_out(&choices, cases, error);
    if (status == LW_OK)
        status = parse_peers(lists->peers, cases, missing, error);
    for (size_t n = 1; n <= LW_SPEC_MAX_BATCH; n++)
        if (columns[n])
            cases->columns[cases->column_count++] = n;
    if (status != LW_OK) {
        free(cases->cases);
        cases->cases = NULL;
    }
    return status;
}
