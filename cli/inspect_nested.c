#include "cli/inspect_nested.h"

#include "cli/prefix.h"

#include <stdio.h>
#include <string.h>

enum { STEPS = 10 };

/* One prefix of the table. */
struct step {
    size_t chunks, bytes;
    double bits[CLI_KINDS], all;
};

/* The largest prefixes at sizes that lie evenly between the smallest and the largest, each once. */
static enum lw_status find_steps(const struct lw_nested *nested, struct step steps[STEPS],
                                 size_t *count, struct lw_error *error)
{
    size_t least, most;
    *count = 0;
    enum lw_status status = lw_nested_bytes(nested, nested->smallest, &least, error);
    if (status == LW_OK)
        status = lw_nested_bytes(nested, nested->chunk_count, &most, error);
    for (size_t i = 0; status == LW_OK && i < STEPS; i++) {
        struct step *step = &steps[*count];
        struct lw_model model;
        size_t bytes = least + (most - least) * i / (STEPS - 1);
        status = lw_nested_fit(nested, bytes, &step->chunks, &step->bytes, error);
        if (status == LW_OK && *count > 0 && step->chunks == step[-1].chunks)
            continue;
        if (status == LW_OK)
            status = lw_nested_prefix(nested, step->chunks, &model, error);
        if (status != LW_OK)
            return status;
        cli_kind_bits(&model, step->bits, &step->all);
        lw_model_free(&model);
        ++*count;
    }
    return status;
}

enum lw_status cli_inspect_nested(const struct lw_nested *nested, struct lw_error *error)
{
    struct step steps[STEPS];
    size_t count;
    enum lw_status status = find_steps(nested, steps, &count, error);
    if (status != LW_OK)
        return status;
    printf("\nnested planes: %zu chunks; prefixes of %zu to %zu chunks take %zu to %zu bytes "
           "without tokeniser\nbits of some of them, by kind of matrix:\n%7s %9s %6s",
           nested->chunk_count, nested->smallest, nested->chunk_count, steps[0].bytes,
           steps[count - 1].bytes, "chunks", "bytes", "all");
    for (size_t k = 0; k < CLI_KINDS; k++)
        printf("  %s", cli_kinds[k]);
    putchar('\n');
    for (size_t i = 0; i < count; i++) {
        printf("%7zu %9zu %6.2f", steps[i].chunks, steps[i].bytes, steps[i].all);
        for (size_t k = 0; k < CLI_KINDS; k++)
            printf("  %*.2f", (int)strlen(cli_kinds[k]), steps[i].bits[k]);
        putchar('\n');
    }
    return LW_OK;
}

enum lw_status cli_inspect_nested_json(const struct lw_nested *nested, json_t **prefixes,
                                       struct lw_error *error)
{
    struct step steps[STEPS];
    size_t count;
    enum lw_status status = find_steps(nested, steps, &count, error);
    if (status != LW_OK)
        return status;
    *prefixes = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *object = json_pack("{s:I, s:I, s:f}", "chunks", (json_int_t)steps[i].chunks,
                                   "bytes", (json_int_t)steps[i].bytes, "bits", steps[i].all);
        for (size_t k = 0; k < CLI_KINDS; k++)
            json_object_set_new(object, cli_kinds[k], json_real(steps[i].bits[k]));
        json_array_append_new(*prefixes, object);
    }
    return LW_OK;
}
