#include "tests/handed.h"

#include "tests/random_model.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a matrix gets. Rows have bits[row % choices] planes. */
struct shape {
    size_t rows, columns, group;
    bool uniform;
    size_t choices;
    uint8_t bits[4];
};

static struct handed_tensor *add(struct handed *handed, const char *matrix, const char *part,
                                 const char *dtype, size_t rank, const size_t *shape)
{
    cr_assert_lt(handed->count, sizeof handed->tensors / sizeof *handed->tensors);
    struct handed_tensor *t = &handed->tensors[handed->count++];
    snprintf(t->name, sizeof t->name, "%s.%s", matrix, part);
    snprintf(t->dtype, sizeof t->dtype, "%s", dtype);
    t->rank = rank;
    t->bytes = strcmp(dtype, "I32") == 0 ? 4 : strcmp(dtype, "I16") == 0 ? 2 : 1;
    for (size_t i = 0; i < rank; i++)
        t->bytes *= t->shape[i] = shape[i];
    t->data = calloc(1, t->bytes);
    cr_assert(t->data);
    return t;
}

/* Falling mantissas of one group. */
static void draw_scales(const struct shape *shape, unsigned bits, uint64_t *random, int16_t *scales)
{
    int most = shape->uniform ? 32767 >> (bits - 1) : 32767;
    for (unsigned i = 0; i < (shape->uniform ? 1 : bits); i++)
        scales[i] = (int16_t)(most = (int)(test_uniform(random) * (most + 1)));
}

/* By the definition of docs/RETRAINING.md. */
static int value_of(const struct shape *shape, unsigned bits, const int16_t *scales, uint8_t level)
{
    int sum = 0;
    for (unsigned i = 0; i < bits; i++) {
        int scale = shape->uniform ? scales[0] << i : scales[i];
        sum += level >> i & 1 ? scale : -scale;
    }
    return sum;
}

static void set_metadata(struct handed *handed, const char *key, const char *name,
                         const char *value)
{
    char whole[96];
    snprintf(whole, sizeof whole, "%s.%s", key, name);
    json_object_set_new(handed->metadata, whole, json_string(value));
}

/* Draws the codes of a matrix and puts the weights of `tensor` on them. */
static void add_matrix(struct handed *handed, const char *name, const char *tensor,
                       const struct shape *shape, uint64_t *random)
{
    size_t groups = (shape->columns + shape->group - 1) / shape->group, most = 0, one = 1;
    for (size_t i = 0; i < shape->choices; i++)
        most = shape->bits[i] > most ? shape->bits[i] : most;
    size_t kept = shape->uniform ? 1 : most, sizes[] = {shape->rows, groups, kept};
    uint8_t *bits = add(handed, name, "bits", "U8", 1, &shape->rows)->data;
    uint8_t *levels = add(handed, name, "levels", "U8", 2, &shape->rows)->data;
    int16_t *scales = (int16_t *)(void *)add(handed, name, "scales", "I16", 3, sizes)->data;
    int32_t exponent = -18 - (int32_t)(test_uniform(random) * 4);
    memcpy(add(handed, name, "exponent", "I32", 1, &one)->data, &exponent, sizeof exponent);
    float *weights = folder_find(handed->folder, tensor)->values;
    for (size_t row = 0; row < shape->rows; row++) {
        bits[row] = shape->bits[row % shape->choices];
        for (size_t g = 0; g < groups; g++)
            draw_scales(shape, bits[row], random, scales + (row * groups + g) * kept);
        for (size_t c = 0; c < shape->columns; c++, levels++, weights++) {
            *levels = (uint8_t)(test_uniform(random) * (1 << bits[row]));
            const int16_t *own = scales + (row * groups + c / shape->group) * kept;
            *weights = ldexpf((float)value_of(shape, bits[row], own, *levels), exponent);
        }
    }
    char group[24];
    snprintf(group, sizeof group, "%zu", shape->group);
    set_metadata(handed, "group", name, group);
    set_metadata(handed, "uniform", name, shape->uniform ? "true" : "false");
}

static const char *const attention[][2] = {
    {"q", "q_proj"}, {"k", "k_proj"}, {"v", "v_proj"}, {"o", "out_proj"}};

static const char *tensor_of(const char *matrix, char tensor[96])
{
    char stack[16], sublayer[16], part[16];
    if (sscanf(matrix, "%15[a-z].0.%15[a-z].%15s", stack, sublayer, part) != 3)
        return "model.shared.weight";
    const char *kind = strcmp(sublayer, "self") == 0 ? "self_attn." : "encoder_attn.";
    const char *found = part; /* fc1, fc2 */
    for (size_t i = 0; i < 4; i++)
        if (strcmp(part, attention[i][0]) == 0)
            found = attention[i][1];
    snprintf(tensor, 96, "model.%s.layers.0.%s%s.weight", stack, found == part ? "" : kind, found);
    return tensor;
}

static void add_layer(struct handed *handed, const char *stack, bool cross, uint64_t *random)
{
    const struct shape square = {32, 32, 32, false, 1, {2}};
    const struct shape fc1 = {96, 32, 32, false, 1, {2}}, fc2 = {32, 96, 32, false, 1, {3}};
    const struct shape mixed = {96, 32, 32, true, 3, {2, 8, 3}};
    char name[48], tensor[96];
    for (int kind = 0; kind < (cross ? 2 : 1); kind++)
        for (size_t i = 0; i < 4; i++) {
            struct shape shape = square;
            shape.uniform = kind == 1 && i == 2;
            snprintf(name, sizeof name, "%s.0.%s.%s", stack, kind ? "cross" : "self",
                     attention[i][0]);
            add_matrix(handed, name, tensor_of(name, tensor), &shape, random);
        }
    snprintf(name, sizeof name, "%s.0.ffn.fc1", stack);
    add_matrix(handed, name, tensor_of(name, tensor), cross ? &fc1 : &mixed, random);
    snprintf(name, sizeof name, "%s.0.ffn.fc2", stack);
    add_matrix(handed, name, tensor_of(name, tensor), &fc2, random);
}

struct handed *handed_new(uint64_t seed)
{
    struct folder_spec spec = folder_defaults();
    spec.config.d_model = 32;
    spec.config.encoder_ffn = spec.config.decoder_ffn = 96;
    spec.seed = seed;
    struct handed *handed = calloc(1, sizeof *handed);
    cr_assert(handed);
    handed->folder = folder_new(&spec);
    handed->metadata = json_pack("{s:s, s:s}", "lutwidge_codes", "1", "made_by", "a test");
    struct shape words = {spec.config.source_words, 32, 32, false, 4, {4, 1, 3, 2}};
    add_matrix(handed, "embedding", "model.shared.weight", &words, &seed);
    add_layer(handed, "encoder", false, &seed);
    add_layer(handed, "decoder", true, &seed);
    return handed;
}

struct handed_tensor *handed_find(struct handed *handed, const char *name)
{
    for (size_t i = 0; i < handed->count; i++)
        if (strcmp(handed->tensors[i].name, name) == 0)
            return &handed->tensors[i];
    cr_assert_fail("no tensor %s", name);
    return NULL;
}

void handed_drop(struct handed *handed, const char *name)
{
    struct handed_tensor *tensor = handed_find(handed, name);
    free(tensor->data);
    *tensor = handed->tensors[--handed->count];
}

const float *handed_weights(struct handed *handed, const char *matrix)
{
    char tensor[96];
    return folder_find(handed->folder, tensor_of(matrix, tensor))->values;
}

void handed_write(const struct handed *handed)
{
    folder_write(handed->folder);
    json_t *header = json_pack("{s:O}", "__metadata__", handed->metadata);
    size_t end = 0;
    for (size_t i = 0; i < handed->count; i++) {
        const struct handed_tensor *t = &handed->tensors[i];
        json_t *shape = json_array();
        for (size_t k = 0; k < t->rank; k++)
            json_array_append_new(shape, json_integer((json_int_t)t->shape[k]));
        json_object_set_new(header, t->name,
                            json_pack("{s:s, s:o, s:[I, I]}", "dtype", t->dtype, "shape", shape,
                                      "data_offsets", (json_int_t)end,
                                      (json_int_t)(end + t->bytes)));
        end += t->bytes;
    }
    char *text = json_dumps(header, JSON_COMPACT);
    uint64_t length = strlen(text);
    uint8_t *bytes = malloc(sizeof length + length + end), *at = bytes + sizeof length + length;
    cr_assert(bytes);
    memcpy(bytes, &length, sizeof length);
    memcpy(bytes + sizeof length, text, length);
    for (size_t i = 0; i < handed->count; at += handed->tensors[i++].bytes)
        memcpy(at, handed->tensors[i].data, handed->tensors[i].bytes);
    folder_write_bytes(handed->folder->path, "codes.safetensors", bytes, (size_t)(at - bytes));
    free(bytes);
    free(text);
    json_decref(header);
}

void handed_free(struct handed *handed)
{
    for (size_t i = 0; i < handed->count; i++)
        free(handed->tensors[i].data);
    json_decref(handed->metadata);
    folder_free(handed->folder);
    free(handed);
}
