/* The hand-over of trained codes: what is read equals the folder's weights to the bit, and every
 * kind of damage is refused. */
#include "models/handover.h"
#include "models/lwm.h"
#include "models/marian.h"
#include "tests/handed.h"
#include "tests/random_model.h"
#include "tests/shell.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

TestSuite(handover, .init = shell_setup, .fini = shell_teardown);

struct attempt {
    struct lw_model source, model;
    enum lw_status status;
    struct lw_error error;
};

static void try(const struct handed *handed, const enum lw_arith *arith, struct attempt *attempt)
{
    *attempt = (struct attempt){0};
    const char *path = handed->folder->path;
    handed_write(handed);
    cr_assert(lw_handover_is(path));
    cr_assert_eq(lw_marian_import(path, &attempt->source, &attempt->error), LW_OK, "%s",
                 attempt->error.text);
    attempt->status =
        lw_handover_read(path, &attempt->source, arith, &attempt->model, &attempt->error);
}

static void done(struct attempt *attempt)
{
    lw_model_free(&attempt->model);
    lw_model_free(&attempt->source);
}

/* Every row decodes to the weights of the folder. */
static void expect_weights(struct handed *handed, const struct lw_model *model)
{
    float row[96];
    for (size_t i = 0; i < model->matrix_count; i++) {
        const struct lw_matrix *m = &model->matrices[i];
        const float *weights = handed_weights(handed, m->name);
        for (size_t r = 0; r < m->rows; r++, weights += m->columns) {
            lw_matrix_row(m, r, row);
            cr_assert_eq(memcmp(row, weights, m->columns * sizeof *row), 0, "%s, row %zu", m->name,
                         r);
        }
    }
}

Test(handover, gives_the_weights_to_the_bit)
{
    for (uint64_t seed = 1; seed <= 8; seed++) {
        struct handed *handed = handed_new(seed);
        struct attempt attempt;
        try(handed, NULL, &attempt);
        cr_assert_eq(attempt.status, LW_OK, "%s", attempt.error.text);
        const struct lw_model *model = &attempt.model;
        expect_weights(handed, model);
        cr_assert_eq(model->matrices[0].code_count, 4);
        static const unsigned bits[] = {4, 1, 3, 2};
        for (size_t r = 0; r < model->matrices[0].rows; r++)
            cr_assert_eq(lw_matrix_row_bits(&model->matrices[0], r), bits[r % 4]);
        for (size_t i = 0; i < model->matrix_count; i++)
            cr_assert_eq(model->matrices[i].arith, LW_ARITH_T8);
        cr_assert_eq(
            memcmp(model->vectors, attempt.source.vectors, model->vector_count * sizeof(float)), 0);
        cr_assert_eq(model->tokenizer.source_spm, attempt.source.tokenizer.source_spm);
        cr_assert_str_eq(model->made_by, "codes of plan (unnamed) by a test");
        done(&attempt);
        handed_free(handed);
    }
}

Test(handover, keeps_groups_and_uniform_scales)
{
    struct handed *handed = handed_new(9);
    struct attempt attempt;
    try(handed, NULL, &attempt);
    cr_assert_eq(attempt.status, LW_OK, "%s", attempt.error.text);
    bool grouped = false, uniform = false;
    for (size_t i = 0; i < attempt.model.matrix_count; i++)
        for (size_t c = 0; c < attempt.model.matrices[i].code_count; c++) {
            const struct lw_code *code = &attempt.model.matrices[i].codes[c];
            grouped = grouped || code->groups == 3;
            uniform = uniform || (code->uniform && code->bits == 8);
        }
    cr_assert(grouped && uniform);
    done(&attempt);
    handed_free(handed);
}

Test(handover, class_and_name_are_the_plan_s_unless_asked_otherwise)
{
    struct handed *handed = handed_new(2);
    json_object_set_new(handed->metadata, "plan",
                        json_string("name: tiny\narith: a8\nrules:\n- {match: '*', bits: 2}\n"
                                    "- {match: ffn, arith: f32}\n"));
    struct attempt attempt;
    char name[LW_ARITH_NAME_BYTES];
    try(handed, NULL, &attempt);
    cr_assert_eq(attempt.status, LW_OK, "%s", attempt.error.text);
    lw_model_arith_name(&attempt.model, name);
    cr_assert_str_eq(name, "f32+a8");
    cr_assert_str_eq(attempt.model.made_by, "codes of plan tiny by a test");
    done(&attempt);
    try(handed, &(enum lw_arith){LW_ARITH_T8}, &attempt);
    lw_model_arith_name(&attempt.model, name);
    cr_assert_str_eq(name, "t8");
    done(&attempt);
    handed_free(handed);
}

/* Writes the folder, which must be refused for this reason; frees it. */
static void refuse(struct handed *handed, enum lw_status status, const char *reason)
{
    struct attempt attempt;
    try(handed, NULL, &attempt);
    cr_assert_eq(attempt.status, status, "%s: %s", reason, attempt.error.text);
    cr_assert(strstr(attempt.error.text, reason), "\"%s\" lacks \"%s\"", attempt.error.text,
              reason);
    cr_assert(strstr(attempt.error.text, "codes.safetensors: "), "%s", attempt.error.text);
    cr_assert_null(strchr(attempt.error.text, '\n'), "%s", attempt.error.text);
    cr_assert_null(attempt.model.matrices);
    done(&attempt);
    handed_free(handed);
}

static struct handed *with_metadata(const char *key, const char *value)
{
    struct handed *handed = handed_new(3);
    if (value)
        json_object_set_new(handed->metadata, key, json_string(value));
    else
        json_object_del(handed->metadata, key);
    return handed;
}

Test(handover, refuses_wrong_metadata)
{
    refuse(with_metadata("lutwidge_codes", "2"), LW_CORRUPT, "lutwidge_codes is \"2\"");
    refuse(with_metadata("lutwidge_codes", NULL), LW_CORRUPT, "lutwidge_codes");
    static const char *const groups[] = {"0", "16", "33", "64", "-32", "32 ", "", "4294967328"};
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        refuse(with_metadata("group.encoder.0.self.k", groups[i]), LW_CORRUPT,
               "group.encoder.0.self.k is \"");
    refuse(with_metadata("group.encoder.0.self.k", NULL), LW_CORRUPT, "group.encoder.0.self.k");
    refuse(with_metadata("uniform.embedding", "yes"), LW_CORRUPT, "uniform.embedding is \"yes\"");
    refuse(with_metadata("uniform.embedding", NULL), LW_CORRUPT, "uniform.embedding");
    refuse(with_metadata("made_by", NULL), LW_CORRUPT, "made_by is missing");
    char long_text[1026];
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = 0;
    refuse(with_metadata("made_by", long_text), LW_CORRUPT, "made_by is too long");
    static const char *const unknown[] = {"groups", "group.embeddings", "uniform.", "Plan", ""};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        char reason[64];
        snprintf(reason, sizeof reason, "key \"%s\" of its metadata has no place", unknown[i]);
        refuse(with_metadata(unknown[i], "32"), LW_CORRUPT, reason);
    }
    refuse(with_metadata("plan", "rules: 3"), LW_CORRUPT, "plan:1: ");
    refuse(with_metadata("plan", "rules:\n- {match: '*', bits: 2}\n- {match: nothing, bits: 1}\n"),
           LW_CORRUPT, "nothing");
}

Test(handover, refuses_wrong_tensors)
{
    static const char *const parts[] = {"bits", "levels", "scales", "exponent"};
    for (size_t i = 0; i < 4; i++) {
        char name[64], reason[96];
        snprintf(name, sizeof name, "decoder.0.ffn.fc2.%s", parts[i]);
        struct handed *handed = handed_new(4);
        handed_drop(handed, name);
        snprintf(reason, sizeof reason, "\"%s\" is missing", name);
        refuse(handed, LW_CORRUPT, reason);
        handed = handed_new(4); /* the type, of the same size */
        struct handed_tensor *tensor = handed_find(handed, name);
        snprintf(tensor->dtype, sizeof tensor->dtype, "%s",
                 (const char *const[]){"I8", "I8", "F16", "U32"}[i]);
        snprintf(reason, sizeof reason, "\"%s\" is of the wrong type", name);
        refuse(handed, LW_CORRUPT, reason);
        handed = handed_new(4); /* one dimension more */
        tensor = handed_find(handed, name);
        memmove(tensor->shape + 1, tensor->shape, 2 * sizeof *tensor->shape);
        tensor->rank = tensor->rank < 3 ? tensor->rank + 1 : 2;
        if (i == 2) /* [M][groups][planes] as one */
            tensor->shape[0] = tensor->bytes / 2, tensor->shape[1] = 1;
        else
            tensor->shape[0] = 1;
        snprintf(reason, sizeof reason, "\"%s\" is of the wrong shape", name);
        refuse(handed, LW_CORRUPT, reason);
    }
    struct handed *handed = handed_new(4); /* rows and columns exchanged */
    struct handed_tensor *levels = handed_find(handed, "embedding.levels");
    levels->shape[0] = 32, levels->shape[1] = levels->bytes / 32;
    refuse(handed, LW_CORRUPT, "\"embedding.levels\" is of the wrong shape");
    handed = handed_new(4);
    handed->tensors[handed->count] = handed->tensors[0]; /* a tensor too many */
    handed->tensors[handed->count].data = calloc(1, handed->tensors[0].bytes);
    strcpy(handed->tensors[handed->count++].name, "output.bits");
    refuse(handed, LW_CORRUPT, "\"output.bits\" has no place");
}

/* encoder.0.self.q has rows of 2 bits; embedding rows of 4, 1, 3, 2, ... of 4 mantissas each;
 * encoder.0.ffn.fc1 rows of 2, 8, 3, ... with one each. */
static struct handed *with_byte(const char *tensor, size_t at, uint8_t value)
{
    struct handed *handed = handed_new(5);
    handed_find(handed, tensor)->data[at] = value;
    return handed;
}

static struct handed *with_scale(const char *tensor, size_t at, int16_t value)
{
    struct handed *handed = handed_new(5);
    memcpy(handed_find(handed, tensor)->data + at * sizeof value, &value, sizeof value);
    return handed;
}

static struct handed *with_exponent(int32_t value)
{
    struct handed *handed = handed_new(5);
    memcpy(handed_find(handed, "encoder.0.self.q.exponent")->data, &value, sizeof value);
    return handed;
}

Test(handover, refuses_values_out_of_range)
{
    refuse(with_byte("encoder.0.self.q.bits", 7, 0), LW_CORRUPT,
           "matrix encoder.0.self.q, row 7: 0 bits");
    refuse(with_byte("encoder.0.self.q.bits", 31, 9), LW_CORRUPT, "row 31: 9 bits");
    refuse(with_byte("encoder.0.self.q.levels", 32 * 5 + 31, 4), LW_CORRUPT,
           "matrix encoder.0.self.q, row 5: a level has more planes");
    refuse(with_byte("embedding.levels", 32, 2), LW_CORRUPT, "row 1: a level has more planes");
    refuse(with_scale("encoder.0.self.q.scales", 2 * 9 + 1, -1), LW_CORRUPT,
           "row 9: a scale is below 0");
    refuse(with_scale("embedding.scales", 4 * 1 + 1, 1), LW_CORRUPT,
           "row 1: a plane that it does not have has a scale");
    refuse(with_scale("encoder.0.self.q.scales", 2 * 9 + 1, 32767), LW_CORRUPT,
           "row 9: scales do not fall");
    refuse(with_scale("encoder.0.ffn.fc1.scales", 1, 256), LW_CORRUPT,
           "row 1: the scale of its highest plane is above 32767");
    refuse(with_scale("encoder.0.ffn.fc1.scales", 3, 16384), LW_CORRUPT,
           "row 3: the scale of its highest plane is above 32767");
    refuse(with_exponent(-201), LW_CORRUPT, "exponent -201");
    refuse(with_exponent(128), LW_CORRUPT, "exponent 128");
    refuse(with_exponent(INT32_MIN), LW_CORRUPT, "exponent -2147483648");
}

Test(handover, refuses_codes_that_are_not_the_weights)
{
    struct handed *handed = handed_new(6);
    handed_find(handed, "decoder.0.ffn.fc2.levels")->data[96 * 11 + 95] ^= 4;
    refuse(handed, LW_MISMATCH, "matrix decoder.0.ffn.fc2, row 11: its codes are not its weights");
    handed = handed_new(6);
    ((float *)(uintptr_t)handed_weights(handed, "embedding"))[32 * 3 + 4] *= 1 + 0x1p-23f;
    refuse(handed, LW_MISMATCH, "matrix embedding, row 3");
    refuse(with_exponent(127), LW_MISMATCH, "matrix encoder.0.self.q, row 0");
}

/* A folder on the disk, and the bytes of its codes.safetensors. */
struct bytes {
    struct handed *handed;
    struct lw_model source;
    size_t count;
    uint8_t *data;
};

static struct bytes take_bytes(uint64_t seed)
{
    struct bytes bytes = {.handed = handed_new(seed)};
    const char *folder = bytes.handed->folder->path;
    struct lw_mapping whole;
    struct lw_error error = {0};
    handed_write(bytes.handed);
    cr_assert_eq(lw_marian_import(folder, &bytes.source, &error), LW_OK, "%s", error.text);
    char *path = lw_path_join(folder, "codes.safetensors");
    cr_assert_eq(lw_map_file(path, &whole, &error), LW_OK, "%s", error.text);
    bytes.count = whole.size;
    bytes.data = malloc(whole.size);
    cr_assert(bytes.data);
    memcpy(bytes.data, whole.data, whole.size);
    lw_unmap_file(&whole);
    free(path);
    return bytes;
}

static void give_bytes(struct bytes *bytes)
{
    lw_model_free(&bytes->source);
    handed_free(bytes->handed);
    free(bytes->data);
}

/* Writes the first bytes and reads them; the model is the caller's. */
static enum lw_status reread(const struct bytes *bytes, size_t count, struct lw_model *model)
{
    const char *folder = bytes->handed->folder->path;
    struct lw_error error = {0};
    folder_write_bytes(folder, "codes.safetensors", bytes->data, count);
    enum lw_status status = lw_handover_read(folder, &bytes->source, NULL, model, &error);
    cr_assert(status == LW_OK || strstr(error.text, "codes.safetensors: "), "%s", error.text);
    return status;
}

Test(handover, refuses_a_truncated_file)
{
    struct bytes bytes = take_bytes(7);
    struct lw_model model;
    for (size_t k = 0; k < 20; k++)
        cr_assert_eq(reread(&bytes, bytes.count * k / 20, &model), LW_CORRUPT);
    give_bytes(&bytes);
}

/* What is read in spite of a flipped bit (an unused key, the exponent of zeros) is the weights. */
Test(handover, never_gives_other_weights)
{
    struct bytes bytes = take_bytes(8);
    uint64_t random = 1;
    size_t refused = 0;
    for (size_t k = 0; k < 300; k++) {
        struct lw_model model;
        size_t at = (size_t)(test_uniform(&random) * (double)bytes.count);
        uint8_t bit = (uint8_t)(1 << (int)(test_uniform(&random) * 8));
        bytes.data[at] ^= bit;
        enum lw_status status = reread(&bytes, bytes.count, &model);
        if (status == LW_OK)
            expect_weights(bytes.handed, &model);
        else
            refused++;
        cr_assert(status == LW_OK || status == LW_CORRUPT || status == LW_MISMATCH);
        bytes.data[at] ^= bit;
        lw_model_free(&model);
    }
    cr_assert_gt(refused, 250);
    give_bytes(&bytes);
}

static int quantize(const struct handed *handed, const char *options)
{
    char line[512];
    snprintf(line, sizeof line, "\"$LUTWIDGE\" quantize %s -o $T/m.lwm %s", handed->folder->path,
             options);
    return shell_run(line);
}

Test(handover, quantize_writes_the_codes)
{
    struct handed *handed = handed_new(8);
    handed_write(handed);
    cr_assert_eq(quantize(handed, "--arith a8"), 0, "%s", shell_output);
    cr_assert(strstr(shell_output, "class a8; relative MSE 0;"), "%s", shell_output);
    char path[256];
    struct lw_model model;
    struct lw_error error = {0};
    snprintf(path, sizeof path, "%s/m.lwm", shell_folder);
    cr_assert_eq(lw_lwm_open(path, &model, &error), LW_OK, "%s", error.text);
    expect_weights(handed, &model);
    cr_assert_str_eq(model.made_by, "lutwidge " LW_VERSION
                                    " quantize --arith a8: codes of plan (unnamed) by a test");
    lw_model_free(&model);
    handed_free(handed);
}

Test(handover, quantize_refuses_options_of_fits)
{
    static const char *const options[] = {"--bits 2",
                                          "--plan models/plans/all-2.yaml",
                                          "--fit greedy",
                                          "--weighting none",
                                          "--nested",
                                          "--source-text models/open-en-de/dev.en",
                                          "--target-text models/open-en-de/dev.de",
                                          "--calibration-lines 3",
                                          "--counts c",
                                          "--save-counts c"};
    struct handed *handed = handed_new(8);
    handed_write(handed);
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        cr_assert_eq(quantize(handed, options[i]), LW_USAGE, "%s: %s", options[i], shell_output);
        cr_assert(strstr(shell_output, "remove its codes.safetensors"), "%s", shell_output);
    }
    handed_find(handed, "embedding.bits")->data[0] = 0;
    handed_write(handed);
    cr_assert_eq(quantize(handed, ""), LW_CORRUPT, "%s", shell_output);
    handed_free(handed);
}
