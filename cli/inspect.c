/* lutwidge inspect: what a model, or that of a bundle, holds and what it takes. */
#include "cli/cli.h"
#include "cli/inspect_nested.h"
#include "cli/inspect_picks.h"
#include "cli/inspect_plan.h"
#include "cli/inspect_stream.h"
#include "cli/loaded.h"

#include "gen/bundle.h"
#include "models/file.h"
#include "models/lwm.h"
#include "models/marian.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A matrix, or several together. */
struct share {
    size_t weights;
    size_t code_bytes; /* fp32 weights where the model is not quantised */
    size_t scale_bytes;
};

struct view {
    const char *path;
    bool coded, bundle;
    struct lw_model model;
    struct lw_size size;     /* file_bytes is 0 for a folder */
    struct lw_nested nested; /* no chunks where the planes are not nested */
    char arith[LW_ARITH_NAME_BYTES];
};

static const char *const BLOCKS[] = {
    [LW_BLOCK_WORDS] = "words", [LW_BLOCK_ENCODER] = "encoder", [LW_BLOCK_DECODER] = "decoder"};

enum { BLOCK_COUNT = sizeof BLOCKS / sizeof *BLOCKS };

static struct share matrix_share(const struct lw_matrix *m)
{
    size_t weights = m->rows * m->columns;
    if (m->dense)
        return (struct share){weights, weights * sizeof(float), 0};
    struct share share = {weights, 0, m->order ? (m->rows + 1) / 2 : 0};
    for (size_t i = 0; i < m->code_count; i++) {
        share.code_bytes += lw_code_plane_bytes(&m->codes[i]);
        share.scale_bytes += lw_code_scale_bytes(&m->codes[i]);
    }
    return share;
}

static double real_bits(struct share s)
{
    return (double)(s.code_bytes + s.scale_bytes) * 8 / (double)s.weights;
}

/* How scales are shared: "", "g64", "uniform", "uniform g64"; and the class where matrices differ
 * in it. */
static void remark_text(const struct lw_matrix *m, bool with_arith, char text[24])
{
    const struct lw_code *code = &m->codes[0];
    bool grouped = m->code_count && code->groups > 1;
    text[0] = 0;
    if (m->code_count && code->uniform)
        strcpy(text, grouped ? "uniform " : "uniform");
    if (grouped)
        snprintf(text + strlen(text), 24 - strlen(text), "g%zu", code->group);
    if (with_arith)
        snprintf(text + strlen(text), 24 - strlen(text), "%s%s", text[0] ? " " : "",
                 lw_arith_name(m->arith));
}

/* The sum over a block, or over everything for BLOCK_COUNT. */
static struct share sum(const struct view *view, size_t block)
{
    struct share all = {0};
    for (size_t i = 0; i < view->model.matrix_count; i++) {
        const struct lw_matrix *m = &view->model.matrices[i];
        if (block != BLOCK_COUNT && m->block != (enum lw_block)block)
            continue;
        struct share s = matrix_share(m);
        all.weights += s.weights;
        all.code_bytes += s.code_bytes;
        all.scale_bytes += s.scale_bytes;
    }
    return all;
}

static enum lw_status open_folder(struct view *view, struct lw_error *error)
{
    enum lw_status status = lw_marian_import(view->path, &view->model, error);
    if (status != LW_OK)
        return status;
    const struct lw_tokenizer_data *t = &view->model.tokenizer;
    struct share all = sum(view, BLOCK_COUNT);
    view->size = (struct lw_size){
        .tokenizer_bytes = t->source_spm_bytes + t->source_words_bytes +
                           (t->target_spm == t->source_spm ? 0 : t->target_spm_bytes) +
                           (t->target_words == t->source_words ? 0 : t->target_words_bytes),
        .code_bytes = all.code_bytes,
        .vector_bytes = view->model.vector_count * sizeof(float),
        .weights = all.weights,
    };
    return LW_OK;
}

static enum lw_status open_view(struct view *view, struct lw_error *error)
{
    bool is_bundle = lw_bundle_is(view->path);
    if (!is_bundle && cli_is_folder(view->path))
        return open_folder(view, error);
    char *file = is_bundle ? lw_path_join(view->path, "model.lwm") : strdup(view->path);
    if (!file)
        return lw_fail(error, LW_FAILED, "out of memory");
    view->coded = true;
    view->bundle = is_bundle;
    enum lw_status status = lw_lwm_open(file, &view->model, error);
    if (status == LW_OK)
        status = lw_lwm_size(file, &view->size, error);
    if (status == LW_OK)
        status = lw_lwm_open_nested(file, &view->nested, error);
    free(file);
    return status;
}

static void print_share(const char *name, const char *shape, const char *bits_text, struct share s,
                        bool coded, int name_width, const char *remark)
{
    printf("%-*s  %14s  %4s  %10zu", name_width, name, shape, bits_text, s.code_bytes);
    if (coded)
        printf("  %9zu  %9.2f%s%s", s.scale_bytes, real_bits(s), remark[0] ? "  " : "", remark);
    putchar('\n');
}

static void print_heading(const struct view *view, const char *first, const char *second,
                          const char *third, int name_width)
{
    printf("%-*s  %14s  %4s  %10s", name_width, first, second, third,
           view->coded ? "codes" : "fp32");
    if (view->coded)
        printf("  %9s  %9s", "scales", "real bits");
    putchar('\n');
}

static void print_matrices(const struct view *view, int name_width)
{
    print_heading(view, "matrix", "shape", "bits", name_width);
    for (size_t i = 0; i < view->model.matrix_count; i++) {
        const struct lw_matrix *m = &view->model.matrices[i];
        char shape[48], bits_text[16];
        snprintf(shape, sizeof shape, "%zu x %zu", m->rows, m->columns);
        snprintf(bits_text, sizeof bits_text, m->code_count > 1 ? "%.2f" : "%.0f",
                 lw_matrix_bits(m));
        char remark[24];
        remark_text(m, strchr(view->arith, '+'), remark);
        print_share(m->name, shape, bits_text, matrix_share(m), view->coded, name_width, remark);
    }
}

static void print_blocks(const struct view *view, int name_width)
{
    print_heading(view, "block", "weights", "", name_width);
    for (size_t block = 0; block <= BLOCK_COUNT; block++) {
        struct share s = sum(view, block);
        char weights[32];
        snprintf(weights, sizeof weights, "%zu", s.weights);
        print_share(block < BLOCK_COUNT ? BLOCKS[block] : "all matrices", weights, "", s,
                    view->coded, name_width, "");
    }
}

static void print_sizes(const struct view *view)
{
    const struct lw_size *size = &view->size;
    printf("bytes: %zu matrices, %zu vectors, %zu tokeniser", size->code_bytes + size->scale_bytes,
           size->vector_bytes, size->tokenizer_bytes);
    if (view->coded)
        printf("; file %zu, without tokeniser %zu", size->file_bytes,
               size->file_bytes - size->tokenizer_bytes);
    putchar('\n');
    if (view->nested.chunk_count) {
        struct share all = sum(view, BLOCK_COUNT);
        printf("of the matrices %zu bytes are scales that only smaller prefixes use; the tables "
               "above are of the largest\n",
               size->code_bytes + size->scale_bytes - all.code_bytes - all.scale_bytes);
    }
}

static enum lw_status print_table(const struct view *view, struct lw_error *error)
{
    const struct lw_config *c = &view->model.config;
    int name_width = 12;
    for (size_t i = 0; i < view->model.matrix_count; i++) {
        int length = (int)strlen(view->model.matrices[i].name);
        name_width = length > name_width ? length : name_width;
    }
    printf("%s: %s, class %s\n", view->path, view->coded ? "binary codes" : "fp32", view->arith);
    if (view->coded)
        printf("made by: %s\n", view->nested.model.made_by);
    printf("%zu + %zu layers, d_model %zu, ffn %zu / %zu, heads %zu / %zu, words %zu / %zu%s\n\n",
           c->encoder_layers, c->decoder_layers, c->d_model, c->encoder_ffn, c->decoder_ffn,
           c->encoder_heads, c->decoder_heads, c->source_words, c->target_words,
           c->shared_embedding ? " (shared)" : "");
    print_matrices(view, name_width);
    putchar('\n');
    print_blocks(view, name_width);
    putchar('\n');
    print_sizes(view);
    enum lw_status status =
        view->nested.chunk_count ? cli_inspect_nested(&view->nested, error) : LW_OK;
    return status == LW_OK && view->bundle ? cli_inspect_picks(view->path, error) : status;
}

static json_t *share_json(struct share s, bool coded)
{
    if (!coded)
        return json_pack("{s:I, s:I}", "weights", (json_int_t)s.weights, "fp32_bytes",
                         (json_int_t)s.code_bytes);
    return json_pack("{s:I, s:I, s:I, s:f}", "weights", (json_int_t)s.weights, "code_bytes",
                     (json_int_t)s.code_bytes, "scale_bytes", (json_int_t)s.scale_bytes,
                     "real_bits", real_bits(s));
}

static json_t *matrix_json(const struct lw_matrix *m, bool coded)
{
    json_t *object =
        json_pack("{s:s, s:s, s:s, s:I, s:I, s:f}", "name", m->name, "block", BLOCKS[m->block],
                  "arith", lw_arith_name(m->arith), "rows", (json_int_t)m->rows, "columns",
                  (json_int_t)m->columns, "bits", lw_matrix_bits(m));
    if (m->code_count) {
        json_object_set_new(object, "group", json_integer((json_int_t)m->codes[0].group));
        json_object_set_new(object, "uniform", json_boolean(m->codes[0].uniform));
    }
    json_object_update_new(object, share_json(matrix_share(m), coded));
    return object;
}

static enum lw_status print_json(const struct view *view, struct lw_error *error)
{
    const struct lw_size *size = &view->size;
    json_t *matrices = json_array(), *blocks = json_object();
    for (size_t i = 0; i < view->model.matrix_count; i++)
        json_array_append_new(matrices, matrix_json(&view->model.matrices[i], view->coded));
    for (size_t block = 0; block < BLOCK_COUNT; block++)
        json_object_set_new(blocks, BLOCKS[block], share_json(sum(view, block), view->coded));
    json_t *root = json_pack("{s:s, s:b, s:s, s:s?, s:o, s:o, s:o, s:I, s:I}", "model", view->path,
                             "quantized", (int)view->coded, "arith", view->arith, "made_by",
                             view->nested.model.made_by, "matrices", matrices, "blocks", blocks,
                             "all", share_json(sum(view, BLOCK_COUNT), view->coded), "vector_bytes",
                             (json_int_t)size->vector_bytes, "tokenizer_bytes",
                             (json_int_t)size->tokenizer_bytes);
    if (!root)
        return lw_fail(error, LW_FAILED, "%s: no JSON: the path is not UTF-8, or no memory is left",
                       view->path);
    if (view->coded)
        json_object_set_new(root, "file_bytes", json_integer((json_int_t)size->file_bytes));
    json_t *prefixes = NULL;
    enum lw_status status =
        view->nested.chunk_count ? cli_inspect_nested_json(&view->nested, &prefixes, error) : LW_OK;
    if (prefixes)
        json_object_set_new(root, "prefixes", prefixes);
    json_t *kernels = NULL;
    if (status == LW_OK && view->bundle)
        status = cli_inspect_picks_json(view->path, &kernels, error);
    if (kernels)
        json_object_set_new(root, "kernels", kernels);
    if (status == LW_OK) {
        json_dumpf(root, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
        putchar('\n');
    }
    json_decref(root);
    return status;
}

int cli_inspect(int argc, const char **argv)
{
    int json = 0;
    const char *plan = NULL, *stream = NULL, *parameters = NULL;
    struct poptOption options[] = {
        {"json", 0, POPT_ARG_NONE, &json, 0, "print JSON instead of tables", NULL},
        {"plan", 'p', POPT_ARG_STRING, &plan, 0,
         "show what each matrix would get from a plan, and why", "P.yaml"},
        {"stream", 0, POPT_ARG_STRING, &stream, 0,
         "check and print what the lookup-table engine reads for a matrix: jobs, keys, scales",
         "MATRIX"},
        {"parameters", 0, POPT_ARG_STRING, &parameters, 0,
         "with --stream: parameters of the engine, like mu4-t16-r16-sl16; those not named have "
         "their defaults",
         "NAME"},
        POPT_TABLEEND};
    const char **rest;
    enum lw_status status = cli_parse(cli_verb_named("inspect"), argc, argv, options, 1, 1, &rest);
    if (status != LW_OK)
        return (int)status;
    struct view view = {.path = rest[0]};
    struct lw_error error = {0};
    status = open_view(&view, &error);
    lw_model_arith_name(&view.model, view.arith);
    if (status == LW_OK && json && (plan || stream))
        status = lw_fail(&error, LW_USAGE, "--plan and --stream print text; leave out --json");
    else if (status == LW_OK && plan && stream)
        status = lw_fail(&error, LW_USAGE, "give --plan or --stream");
    else if (status == LW_OK && parameters && !stream)
        status = lw_fail(&error, LW_USAGE, "--parameters go with --stream");
    else if (status == LW_OK && stream)
        status = cli_inspect_stream(&view.model, stream, parameters, &error);
    else if (status == LW_OK && plan)
        status = cli_inspect_plan(&view.model, plan, &error);
    else if (status == LW_OK && json)
        status = print_json(&view, &error);
    else if (status == LW_OK)
        status = print_table(&view, &error);
    if (status != LW_OK)
        cli_report(argv[0], status, &error);
    lw_model_free(&view.model);
    lw_nested_free(&view.nested);
    return (int)status;
}
