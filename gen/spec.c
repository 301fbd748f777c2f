#include "gen/spec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ROWS = 1 << 24, MAX_COLUMNS = 1 << 20, MAX_BITS = 8 };
enum { MAX_DOT_BITS = 4, MAX_DOT_COLUMNS = 1 << 16 }; /* sums of 32 bits are exact */

void lw_spec_name(const struct lw_spec *spec, char name[LW_SPEC_NAME_BYTES])
{
    const char *isa = lw_isa_info(spec->isa)->name;
    char arith[16], group[24] = "";
    snprintf(arith, sizeof arith, "%s%s", lw_arith_name(spec->arith),
             spec->family == LW_FAMILY_DOT ? "_dot" : "");
    if (spec->group)
        snprintf(group, sizeof group, "_g%zu", spec->group);
    if (spec->rows == 0)
        snprintf(name, LW_SPEC_NAME_BYTES, "%s_k%zu%s_%s", arith, spec->columns, group, isa);
    else
        snprintf(name, LW_SPEC_NAME_BYTES, "%s_m%zu_k%zu_b%u%s%s_n%zu_%s", arith, spec->rows,
                 spec->columns, spec->bits, spec->uniform ? "u" : "", group, spec->batch, isa);
}

bool lw_family_has(enum lw_family family, const struct lw_spec *spec)
{
    if (family == LW_FAMILY_TABLES)
        return true;
    return spec->arith == LW_ARITH_A8 && spec->bits <= MAX_DOT_BITS &&
           spec->columns <= MAX_DOT_COLUMNS;
}

/* Merged planes are one product of integers, however many there are; planes apart are one each,
 * which is worth it where a product of four columns takes one instruction. */
enum lw_family lw_family_usual(const struct lw_spec *spec)
{
    bool merged = spec->uniform || spec->bits == 1, dot = false;
    switch (spec->isa) {
    case LW_ISA_AVX2:
        dot = spec->uniform;
        break;
    case LW_ISA_AVXVNNI:
        dot = true;
        break;
    case LW_ISA_AVX512:
    case LW_ISA_NEON:
        dot = merged;
        break;
    case LW_ISA_AMX:
        dot = merged || !spec->group;
        break;
    default: /* portable C multiplies byte by byte */
        break;
    }
    return dot && lw_family_has(LW_FAMILY_DOT, spec) ? LW_FAMILY_DOT : LW_FAMILY_TABLES;
}

struct lw_spec lw_spec_of(const struct lw_matrix *matrix, size_t code, size_t batch,
                          enum lw_isa isa)
{
    const struct lw_code *c = &matrix->codes[code];
    struct lw_spec spec = {.arith = matrix->arith,
                           .rows = c->rows,
                           .columns = matrix->columns,
                           .bits = c->bits,
                           .group = c->groups > 1 ? c->group : 0,
                           .batch = batch,
                           .isa = isa,
                           .uniform = c->uniform && c->bits > 1};
    spec.family = lw_family_usual(&spec);
    spec.uniform = spec.uniform && spec.family == LW_FAMILY_DOT;
    return batch ? spec : lw_spec_of_input(&spec);
}

struct lw_spec lw_spec_of_input(const struct lw_spec *product)
{
    return (struct lw_spec){.arith = product->arith,
                            .columns = product->columns,
                            .group = product->family == LW_FAMILY_DOT ? product->group : 0,
                            .isa = product->isa,
                            .family = product->family};
}

enum lw_status lw_spec_check(const struct lw_spec *spec, struct lw_error *error)
{
    if (spec->arith != LW_ARITH_A8 && spec->arith != LW_ARITH_T8)
        return lw_fail(error, LW_USAGE, "kernels are generated for the classes a8 and t8, not %s",
                       lw_arith_name(spec->arith));
    if (spec->columns < 1 || spec->columns > MAX_COLUMNS)
        return lw_fail(error, LW_USAGE, "K = %zu is outside 1..%d", spec->columns, MAX_COLUMNS);
    if (spec->group && (spec->group % 32 || spec->group >= spec->columns))
        return lw_fail(error, LW_USAGE, "G = %zu is no multiple of 32 below K", spec->group);
    if (spec->uniform && (spec->family != LW_FAMILY_DOT || spec->bits < 2))
        return lw_fail(error, LW_USAGE,
                       "uniform scales make a kernel of the family dot, of 2 bits and more");
    if (spec->rows == 0 && spec->group && spec->family == LW_FAMILY_TABLES)
        return lw_fail(error, LW_USAGE, "tables do not depend on groups");
    if (!lw_family_has(spec->family, spec))
        return lw_fail(error, LW_USAGE,
                       "the family dot is of class a8, at most %d bits and %d columns",
                       MAX_DOT_BITS, MAX_DOT_COLUMNS);
    if (spec->rows == 0)
        return LW_OK;
    if (spec->rows > MAX_ROWS)
        return lw_fail(error, LW_USAGE, "M = %zu is outside 1..%d", spec->rows, MAX_ROWS);
    if (spec->bits < 1 || spec->bits > MAX_BITS)
        return lw_fail(error, LW_USAGE, "B = %u is outside 1..%d", spec->bits, MAX_BITS);
    if (spec->batch < 1 || spec->batch > LW_SPEC_MAX_BATCH)
        return lw_fail(error, LW_USAGE, "N = %zu is outside 1..%d", spec->batch, LW_SPEC_MAX_BATCH);
    return LW_OK;
}

/* Reads "_<letter><number>" at *text and moves past it; false where it does not stand there. */
static bool take_number(const char **text, char letter, size_t *number)
{
    const char *at = *text;
    if (at[0] != '_' || at[1] != letter || at[2] < '1' || at[2] > '9')
        return false;
    char *end;
    *number = strtoul(at + 2, &end, 10);
    *text = end;
    return end - at <= 12;
}

/* Reads a letter that may stand at *text. Always true. */
static bool take_letter(const char **text, char letter, bool *found)
{
    *found = **text == letter;
    *text += *found;
    return true;
}

enum lw_status lw_spec_parse(const char *name, struct lw_spec *spec, struct lw_error *error)
{
    struct lw_spec found = {0};
    char arith[8] = "";
    size_t bits = 0;
    size_t length = strcspn(name, "_");
    if (length < sizeof arith)
        memcpy(arith, name, length);
    const char *at = name + length;
    bool ok = lw_arith_parse(arith, &found.arith);
    if (strncmp(at, "_dot", 4) == 0) {
        found.family = LW_FAMILY_DOT;
        at += 4;
    }
    if (ok && at[0] == '_' && at[1] == 'm')
        ok = take_number(&at, 'm', &found.rows) && take_number(&at, 'k', &found.columns) &&
             take_number(&at, 'b', &bits) && take_letter(&at, 'u', &found.uniform) &&
             (strncmp(at, "_g", 2) != 0 || take_number(&at, 'g', &found.group)) &&
             take_number(&at, 'n', &found.batch);
    else
        ok = ok && take_number(&at, 'k', &found.columns) &&
             (strncmp(at, "_g", 2) != 0 || take_number(&at, 'g', &found.group));
    found.bits = (unsigned)bits;
    char again[LW_SPEC_NAME_BYTES];
    if (ok && at[0] == '_' && lw_isa_parse(at + 1, &found.isa)) {
        enum lw_status status = lw_spec_check(&found, error);
        if (status != LW_OK)
            return status;
        lw_spec_name(&found, again);
        if (strcmp(again, name) == 0) {
            *spec = found;
            return LW_OK;
        }
    }
    return lw_fail(error, LW_USAGE,
                   "'%s' is no kernel spec; specs look like t8_m1024_k256_b2_n4_avx512 (a product) "
                   "or t8_k256_avx512 (its tables)",
                   name);
}
