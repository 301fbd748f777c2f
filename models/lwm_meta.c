/* The meta section of an .lwm file: what a model is, as JSON with nothing optional and nothing
 * unknown. */
#include "models/fit.h"
#include "models/lwm_layout.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct field {
    const char *name;
    enum { SIZE, ID, FLAG, REAL } type;
    size_t offset; /* in struct lw_config */
} FIELDS[] = {
#define FIELD(type, name) {#name, type, offsetof(struct lw_config, name)}
    FIELD(SIZE, d_model),
    FIELD(SIZE, encoder_layers),
    FIELD(SIZE, encoder_heads),
    FIELD(SIZE, encoder_ffn),
    FIELD(SIZE, decoder_layers),
    FIELD(SIZE, decoder_heads),
    FIELD(SIZE, decoder_ffn),
    FIELD(SIZE, source_words),
    FIELD(SIZE, target_words),
    FIELD(SIZE, positions),
    FIELD(FLAG, scale_embedding),
    FIELD(FLAG, shared_embedding),
    FIELD(FLAG, tied_output),
    FIELD(ID, pad),
    FIELD(ID, eos),
    FIELD(ID, decoder_start),
    FIELD(ID, forced_eos),
    FIELD(SIZE, max_length),
    FIELD(SIZE, beams),
    FIELD(REAL, length_penalty),
    FIELD(FLAG, early_stopping),
    FIELD(FLAG, renormalize_logits),
#undef FIELD
};

enum { FIELD_COUNT = sizeof FIELDS / sizeof *FIELDS };

static const char *const ACTIVATIONS[] = {
    [LW_SWISH] = "swish", [LW_RELU] = "relu", [LW_GELU] = "gelu"};

static json_t *field_json(const struct lw_config *config, const struct field *field)
{
    const void *at = (const char *)config + field->offset;
    switch (field->type) {
    case SIZE:
        return json_integer((json_int_t) * (const size_t *)at);
    case ID:
        return json_integer(*(const int32_t *)at);
    case FLAG:
        return json_boolean(*(const bool *)at);
    case REAL:
        return json_real((double)*(const float *)at);
    }
    return NULL;
}

/* False, and *config untouched, where the value is missing or out of range. */
static bool field_read(const json_t *object, const struct field *field, struct lw_config *config)
{
    const json_t *value = json_object_get(object, field->name);
    json_int_t integer = json_integer_value(value);
    void *at = (char *)config + field->offset;
    switch (field->type) {
    case SIZE:
        if (!json_is_integer(value) || integer < 0 || integer > INT32_MAX)
            return false;
        *(size_t *)at = (size_t)integer;
        return true;
    case ID:
        if (!json_is_integer(value) || integer < -1 || integer > INT32_MAX)
            return false;
        *(int32_t *)at = (int32_t)integer;
        return true;
    case FLAG:
        *(bool *)at = json_is_true(value);
        return json_is_boolean(value);
    case REAL:
        *(float *)at = (float)json_real_value(value);
        return json_is_real(value) && isfinite(*(float *)at);
    }
    return false;
}

static json_t *config_json(const struct lw_config *config)
{
    json_t *object = json_object(), *words = json_array();
    int failed = 0;
    for (size_t i = 0; i < FIELD_COUNT; i++)
        failed |= json_object_set_new(object, FIELDS[i].name, field_json(config, &FIELDS[i]));
    failed |=
        json_object_set_new(object, "activation", json_string(ACTIVATIONS[config->activation]));
    for (size_t i = 0; i < config->bad_word_count; i++)
        failed |= json_array_append_new(words, json_integer(config->bad_words[i]));
    failed |= json_object_set_new(object, "bad_words", words);
    if (!failed)
        return object;
    json_decref(object);
    return NULL;
}

/* [[bits, rows], ...] of a matrix's codes, most bits first. */
static json_t *codes_json(const struct lw_matrix *matrix)
{
    json_t *array = json_array();
    int failed = 0;
    for (size_t i = 0; i < matrix->code_count; i++)
        failed |= json_array_append_new(array, json_pack("[i, I]", (int)matrix->codes[i].bits,
                                                         (json_int_t)matrix->codes[i].rows));
    if (!failed)
        return array;
    json_decref(array);
    return NULL;
}

static json_t *matrices_json(const struct lw_model *model)
{
    json_t *array = json_array();
    int failed = 0;
    for (size_t i = 0; i < model->matrix_count; i++) {
        const struct lw_matrix *matrix = &model->matrices[i];
        const struct lw_code *code = &matrix->codes[0];
        failed |= json_array_append_new(
            array, json_pack("{s:s, s:s, s:I, s:I, s:o, s:I, s:b, s:i}", "name", matrix->name,
                             "arith", lw_arith_name(matrix->arith), "rows",
                             (json_int_t)matrix->rows, "columns", (json_int_t)matrix->columns,
                             "codes", codes_json(matrix), "group", (json_int_t)code->group,
                             "uniform", (int)code->uniform, "exponent", code->exponent));
    }
    if (!failed)
        return array;
    json_decref(array);
    return NULL;
}

/* [[matrix, code], ...] in the order of the chunks; empty for an ordinary model. */
static json_t *chunks_json(const struct lw_nested *nested)
{
    json_t *array = json_array();
    int failed = 0;
    for (size_t i = 0; i < nested->chunk_count; i++)
        failed |= json_array_append_new(
            array, json_pack("[i, i]", (int)nested->chunks[i].matrix, (int)nested->chunks[i].code));
    if (!failed)
        return array;
    json_decref(array);
    return NULL;
}

enum lw_status lwm_meta_write(const struct lw_nested *nested, const char *made_by, char **text,
                              struct lw_error *error)
{
    const struct lw_model *model = &nested->model;
    json_t *maker = json_string(made_by);
    if (!maker)
        return lw_fail(error, LW_USAGE, "the command that made the model is not UTF-8");
    /* "o" steals the references, also of NULL values, and fails on these. */
    json_t *root =
        json_pack("{s:o, s:o, s:o, s:o}", "made_by", maker, "config", config_json(&model->config),
                  "matrices", matrices_json(model), "nested", chunks_json(nested));
    *text = root ? json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(root);
    return *text ? LW_OK
                 : lw_fail(error, LW_FAILED, "out of memory for the description of the model");
}

static bool bad_words_read(const json_t *array, struct lw_config *config)
{
    size_t count = json_array_size(array);
    if (!json_is_array(array))
        return false;
    config->bad_words = count ? calloc(count, sizeof *config->bad_words) : NULL;
    if (count && !config->bad_words)
        return false;
    config->bad_word_count = count;
    for (size_t i = 0; i < count; i++) {
        json_int_t word = json_integer_value(json_array_get(array, i));
        if (!json_is_integer(json_array_get(array, i)) || word < 0 ||
            (uint64_t)word >= config->target_words)
            return false;
        config->bad_words[i] = (int32_t)word;
    }
    return true;
}

static bool activation_read(const json_t *value, struct lw_config *config)
{
    for (size_t i = 0; json_is_string(value) && i < sizeof ACTIVATIONS / sizeof *ACTIVATIONS; i++)
        if (strcmp(json_string_value(value), ACTIVATIONS[i]) == 0) {
            config->activation = (enum lw_activation)i;
            return true;
        }
    return false;
}

static bool is_word(int32_t id, size_t words)
{
    return id >= 0 && (size_t)id < words;
}

static enum lw_status config_read(const json_t *object, struct lw_config *config,
                                  struct lw_error *error)
{
    for (size_t i = 0; i < FIELD_COUNT; i++)
        if (!field_read(object, &FIELDS[i], config))
            return lw_fail(error, LW_CORRUPT, "config.%s is missing or out of range",
                           FIELDS[i].name);
    if (!activation_read(json_object_get(object, "activation"), config))
        return lw_fail(error, LW_CORRUPT, "config.activation is not known");
    if (!bad_words_read(json_object_get(object, "bad_words"), config))
        return lw_fail(error, LW_CORRUPT, "config.bad_words is not a list of words");
    if (json_object_size(object) != FIELD_COUNT + 2)
        return lw_fail(error, LW_CORRUPT, "config holds an unknown setting");
    if (!is_word(config->pad, config->target_words) ||
        !is_word(config->eos, config->target_words) ||
        !is_word(config->eos, config->source_words) ||
        !is_word(config->decoder_start, config->target_words) ||
        (config->forced_eos != -1 && !is_word(config->forced_eos, config->target_words)))
        return lw_fail(error, LW_CORRUPT, "config names a word outside the vocabulary");
    if (config->max_length < 2 || config->max_length - 1 > config->positions || config->beams < 1)
        return lw_fail(error, LW_CORRUPT, "config.max_length or config.beams is out of range");
    return LW_OK;
}

/* Codes with falling bits whose rows add up to those of the matrix. */
static bool codes_read(const json_t *array, struct lw_matrix *matrix)
{
    size_t left = matrix->rows, count = json_array_size(array);
    json_int_t last = LW_MAX_BITS + 1;
    if (count < 1 || count > LW_MAX_BITS)
        return false;
    for (size_t i = 0; i < count; i++) {
        const json_t *pair = json_array_get(array, i);
        json_int_t bits = json_integer_value(json_array_get(pair, 0));
        json_int_t rows = json_integer_value(json_array_get(pair, 1));
        if (json_array_size(pair) != 2 || bits < 1 || bits >= last || rows < 1 ||
            (uint64_t)rows > left)
            return false;
        matrix->codes[i] = (struct lw_code){.rows = (size_t)rows, .bits = (unsigned)bits};
        left -= (size_t)rows;
        last = bits;
    }
    matrix->code_count = count;
    return left == 0;
}

static enum lw_status matrix_read(json_t *object, struct lw_matrix *matrix, struct lw_error *error)
{
    const char *name, *arith;
    json_int_t rows, columns, group, exponent;
    int uniform;
    json_t *codes;
    json_error_t reason;
    if (json_unpack_ex(object, &reason, JSON_STRICT, "{s:s, s:s, s:I, s:I, s:o, s:I, s:b, s:I}",
                       "name", &name, "arith", &arith, "rows", &rows, "columns", &columns, "codes",
                       &codes, "group", &group, "uniform", &uniform, "exponent", &exponent) != 0)
        return lw_fail(error, LW_CORRUPT, "matrix %s: %s", matrix->name, reason.text);
    if (strcmp(name, matrix->name) != 0 || rows < 0 || (uint64_t)rows != matrix->rows ||
        columns < 0 || (uint64_t)columns != matrix->columns)
        return lw_fail(error, LW_CORRUPT,
                       "matrix %.48s of %lld x %lld where the configuration has %s of %zu x %zu",
                       name, (long long)rows, (long long)columns, matrix->name, matrix->rows,
                       matrix->columns);
    if (!lw_arith_parse(arith, &matrix->arith))
        return lw_fail(error, LW_CORRUPT, "matrix %s is of the unknown arithmetic class '%.32s'",
                       matrix->name, arith);
    if (!codes_read(codes, matrix))
        return lw_fail(error, LW_CORRUPT, "matrix %s has codes that do not add up to its rows",
                       matrix->name);
    if (exponent < LW_LEAST_EXPONENT || exponent > LW_MOST_EXPONENT)
        return lw_fail(error, LW_CORRUPT, "matrix %s has exponent %lld", matrix->name,
                       (long long)exponent);
    if (group != columns && (group < 32 || group % 32 != 0 || group > columns))
        return lw_fail(error, LW_CORRUPT, "matrix %s has groups of %lld columns", matrix->name,
                       (long long)group);
    lw_matrix_set_scales(matrix, (size_t)group, uniform, (int)exponent);
    return LW_OK;
}

/* Plane 0 of every code, then the other planes of each code in order, all of them. */
static enum lw_status chunks_read(const json_t *array, struct lw_nested *nested,
                                  struct lw_error *error)
{
    const struct lw_model *model = &nested->model;
    size_t count = json_array_size(array), all = 0;
    for (size_t i = 0; i < model->matrix_count; i++)
        for (size_t c = 0; c < model->matrices[i].code_count; c++) {
            nested->smallest++;
            all += model->matrices[i].codes[c].bits;
        }
    if (!json_is_array(array) || (count > 0 && count != all))
        return lw_fail(error, LW_CORRUPT, "nested lists %zu chunks where the matrices have %zu",
                       count, all);
    uint8_t(*planes)[LW_MAX_BITS] = calloc(model->matrix_count, sizeof *planes);
    nested->chunks = calloc(count ? count : 1, sizeof *nested->chunks);
    nested->chunk_count = count;
    enum lw_status status =
        planes && nested->chunks ? LW_OK : lw_fail(error, LW_FAILED, "out of memory");
    for (size_t i = 0; status == LW_OK && i < count; i++) {
        const json_t *pair = json_array_get(array, i);
        json_t *m = json_array_get(pair, 0), *c = json_array_get(pair, 1);
        size_t matrix = (size_t)json_integer_value(m), code = (size_t)json_integer_value(c);
        if (json_array_size(pair) != 2 || !json_is_integer(m) || !json_is_integer(c) ||
            matrix >= model->matrix_count || code >= model->matrices[matrix].code_count ||
            planes[matrix][code] >= model->matrices[matrix].codes[code].bits ||
            (planes[matrix][code] == 0) != (i < nested->smallest))
            status = lw_fail(error, LW_CORRUPT, "nested lists chunk %zu where it cannot be", i);
        else if (model->matrices[matrix].codes[code].uniform)
            status = lw_fail(error, LW_CORRUPT, "matrix %s has nested planes and uniform scales",
                             model->matrices[matrix].name);
        else
            nested->chunks[i] = (struct lw_chunk){.matrix = (unsigned)matrix,
                                                  .code = (unsigned)code,
                                                  .plane = planes[matrix][code]++};
    }
    free(planes);
    return status;
}

static enum lw_status model_read(json_t *root, struct lw_nested *nested, struct lw_error *error)
{
    struct lw_model *model = &nested->model;
    const char *maker;
    json_t *config, *matrices, *chunks;
    json_error_t reason;
    if (json_unpack_ex(root, &reason, JSON_STRICT, "{s:s, s:o, s:o, s:o}", "made_by", &maker,
                       "config", &config, "matrices", &matrices, "nested", &chunks) != 0)
        return lw_fail(error, LW_CORRUPT, "%s", reason.text);
    enum lw_status status = config_read(config, &model->config, error);
    if (status == LW_OK)
        status = lw_model_layout(model, error);
    if (status != LW_OK)
        return status;
    if (json_array_size(matrices) != model->matrix_count)
        return lw_fail(error, LW_CORRUPT, "%zu matrices where the configuration has %zu",
                       json_array_size(matrices), model->matrix_count);
    for (size_t i = 0; status == LW_OK && i < model->matrix_count; i++)
        status = matrix_read(json_array_get(matrices, i), &model->matrices[i], error);
    if (status == LW_OK)
        status = chunks_read(chunks, nested, error);
    if (status == LW_OK && !(model->made_by = strdup(maker)))
        status = lw_fail(error, LW_FAILED, "out of memory");
    return status;
}

enum lw_status lwm_meta_read(const char *text, size_t bytes, struct lw_nested *nested,
                             struct lw_error *error)
{
    json_error_t reason;
    json_t *root = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &reason);
    if (!root)
        return lw_fail(error, LW_CORRUPT, "%s at byte %d", reason.text, reason.position);
    enum lw_status status = model_read(root, nested, error);
    json_decref(root);
    return status;
}
