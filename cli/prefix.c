#include "cli/prefix.h"

#include "models/lwm.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum lw_status cli_parse_bytes(const char *option, const char *text, size_t *bytes,
                               struct lw_error *error)
{
    static const struct {
        const char *name;
        double bytes;
    } units[] = {{"", 1},     {"B", 1},      {"kB", 1e3},     {"MB", 1e6},
                 {"GB", 1e9}, {"KiB", 1024}, {"MiB", 0x1p20}, {"GiB", 0x1p30}};
    char *end = NULL;
    /* Digits and a point: no exponents, no hexadecimal. */
    size_t length = strspn(text, "0123456789.");
    double value = isdigit((unsigned char)text[0]) ? strtod(text, &end) : -1;
    if (end && end != text + length)
        end = NULL;
    while (end && *end == ' ')
        end++;
    for (size_t i = 0; end && i < sizeof units / sizeof *units; i++)
        if (strcasecmp(end, units[i].name) == 0 && value * units[i].bytes < 0x1p53) {
            *bytes = (size_t)floor(value * units[i].bytes);
            return LW_OK;
        }
    return lw_fail(error, LW_USAGE,
                   "%s takes bytes (1500000) or a number with kB, MB, GB, KiB, MiB or GiB, not "
                   "'%s'",
                   option, text);
}

/* LW_INFEASIBLE where an ordinary model that takes `bytes` is larger than `size`; NULL: any. */
static enum lw_status check_size(const char *path, size_t bytes, const char *size,
                                 struct lw_error *error)
{
    size_t most = SIZE_MAX;
    enum lw_status status = size ? cli_parse_bytes("--max-model-size", size, &most, error) : LW_OK;
    if (status == LW_OK && bytes > most)
        status = lw_fail(error, LW_INFEASIBLE,
                         "%s takes %zu bytes without its tokeniser, more than %zu, and has no "
                         "nested planes to leave out",
                         path, bytes, most);
    return status;
}

enum lw_status cli_parse_ms(const char *option, const char *text, double *ms,
                            struct lw_error *error)
{
    char *end;
    double value = strtod(text, &end);
    if (end != text && strcmp(end, "us") == 0)
        value /= 1e3;
    else if (end != text && strcmp(end, "s") == 0)
        value *= 1e3;
    else if (end == text || (*end && strcmp(end, "ms") != 0))
        value = NAN;
    if (!(value > 0 && value < INFINITY))
        return lw_fail(error, LW_USAGE, "%s takes a time like 5ms or 800us, not '%s'", option,
                       text);
    *ms = value;
    return LW_OK;
}

/* A number above 0 with one of the units behind it; false for anything else. */
static bool parse_amount(const char *text, const char *const units[], const double factors[],
                         size_t unit_count, double *value)
{
    char *end;
    double number = strtod(text, &end);
    for (size_t i = 0; i < unit_count; i++)
        if (end != text && strcmp(end, units[i]) == 0) {
            *value = number * factors[i];
            return *value > 0 && *value < INFINITY;
        }
    return false;
}

enum lw_status cli_parse_pj(const char *option, const char *text, double *pj,
                            struct lw_error *error)
{
    static const char *const units[] = {"pJ", "nJ", "uJ", "mJ"};
    static const double factors[] = {1, 1e3, 1e6, 1e9};
    return parse_amount(text, units, factors, sizeof units / sizeof *units, pj)
               ? LW_OK
               : lw_fail(error, LW_USAGE, "%s takes an energy like 150uJ or 0.2mJ, not '%s'",
                         option, text);
}

enum lw_status cli_parse_gates(const char *option, const char *text, double *gates,
                               struct lw_error *error)
{
    static const char *const units[] = {"", "k", "M"};
    static const double factors[] = {1, 1e3, 1e6};
    return parse_amount(text, units, factors, sizeof units / sizeof *units, gates)
               ? LW_OK
               : lw_fail(error, LW_USAGE, "%s takes gates like 220k, not '%s'", option, text);
}

enum lw_status cli_choose_prefix(const char *path, const struct lw_nested *nested, const char *size,
                                 size_t *chunks, size_t *bytes, struct lw_error *error)
{
    struct lw_size all;
    struct lw_error reason = {0};
    size_t most = SIZE_MAX;
    enum lw_status status;
    *chunks = 0;
    if (!nested->chunk_count) {
        status = lw_lwm_measure(&nested->model, nested->model.made_by, &all, error);
        if (status != LW_OK)
            return status;
        *bytes = all.file_bytes - all.tokenizer_bytes;
        return check_size(path, *bytes, size, error);
    }
    status = size ? cli_parse_bytes("--max-model-size", size, &most, error) : LW_OK;
    if (status != LW_OK)
        return status;
    status = lw_nested_fit(nested, most, chunks, bytes, &reason);
    return status == LW_OK ? LW_OK : lw_fail(error, status, "%s: %s", path, reason.text);
}

const char *const cli_kinds[CLI_KINDS] = {"words",        "encoder self",  "encoder ffn",
                                          "decoder self", "decoder cross", "decoder ffn"};

static size_t kind_of(const struct lw_matrix *matrix)
{
    bool ffn = matrix->sublayer == LW_SUBLAYER_FFN;
    if (matrix->block == LW_BLOCK_WORDS)
        return 0;
    if (matrix->block == LW_BLOCK_ENCODER)
        return ffn ? 2 : 1;
    return ffn ? 5 : matrix->sublayer == LW_SUBLAYER_CROSS ? 4 : 3;
}

void cli_kind_bits(const struct lw_model *model, double bits[CLI_KINDS], double *all)
{
    double weights[CLI_KINDS] = {0}, weights_sum = 0, bits_sum = 0;
    memset(bits, 0, CLI_KINDS * sizeof *bits);
    for (size_t i = 0; i < model->matrix_count; i++) {
        const struct lw_matrix *matrix = &model->matrices[i];
        size_t kind = kind_of(matrix);
        double elements = (double)matrix->rows * (double)matrix->columns;
        weights[kind] += elements;
        bits[kind] += elements * lw_matrix_bits(matrix);
    }
    for (size_t k = 0; k < CLI_KINDS; k++) {
        weights_sum += weights[k];
        bits_sum += bits[k];
        bits[k] = weights[k] > 0 ? bits[k] / weights[k] : 0;
    }
    *all = bits_sum / weights_sum;
}

void cli_print_prefix(const char *path, const struct lw_model *model, size_t chunks,
                      size_t all_chunks, size_t bytes)
{
    double bits[CLI_KINDS], all;
    cli_kind_bits(model, bits, &all);
    fprintf(stderr,
            "%s: %zu of %zu chunks of nested planes, %zu bytes without tokeniser, %.2f bits a "
            "weight (",
            path, chunks, all_chunks, bytes, all);
    for (size_t k = 0; k < CLI_KINDS; k++)
        fprintf(stderr, "%s%s %.2f", k ? ", " : "", cli_kinds[k], bits[k]);
    fputs(")\n", stderr);
}
