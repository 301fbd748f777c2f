/* model.safetensors of a Marian folder: which tensor fills which matrix, bias or norm. Names are
 * those of MarianMTModel.state_dict() in Hugging Face Transformers. */
#include "models/marian_parts.h"
#include "models/safetensors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_NAME = 128 };

/* Widest difference of a stored position from its sinusoid: BF16 rounds by up to 1/512. */
static const double POSITION_TOLERANCE = 2e-3;

struct reading {
    const char *path;
    struct lw_safetensors file;
    bool *taken; /* tensors that have a place in the model */
    struct lw_model *model;
    float *storage; /* NULL in the first pass, which looks at names, shapes and types alone: sizes
                       are taken from a configuration only when the file bears them out */
    struct lw_refusal *refusal;
};

static void refuse_tensor(struct reading *reading, const char *name, const char *reason)
{
    lw_refuse(reading->refusal, LW_CORRUPT, "%s: tensor \"%s\": %s", reading->path, name, reason);
}

static bool shape_is(const struct lw_tensor *tensor, size_t rank, size_t rows, size_t columns)
{
    return tensor->rank == rank && tensor->shape[rank - 1] == columns &&
           (rank == 1 || tensor->shape[0] == rows);
}

/* A tensor that the model has a place for, NULL when it is absent, or refused for its shape or
 * type. */
static const struct lw_tensor *take(struct reading *reading, const char *name, size_t rank,
                                    size_t rows, size_t columns)
{
    const struct lw_tensor *tensor = lw_safetensors_find(&reading->file, name);
    if (!tensor)
        return NULL;
    reading->taken[tensor - reading->file.tensors] = true;
    bool fits = shape_is(tensor, rank, rows, columns);
    if (!fits && rank == 1)
        lw_refuse(reading->refusal, LW_CORRUPT,
                  "%s: tensor \"%s\": its shape is not [%zu], as config.json wants it",
                  reading->path, name, columns);
    else if (!fits)
        lw_refuse(reading->refusal, LW_CORRUPT,
                  "%s: tensor \"%s\": its shape is not [%zu, %zu], as config.json wants it",
                  reading->path, name, rows, columns);
    if (tensor->dtype == LW_DTYPE_OTHER)
        lw_refuse(reading->refusal, LW_CORRUPT,
                  "%s: tensor \"%s\": is of type %s, which is none of F32, F16 and BF16",
                  reading->path, name, tensor->dtype_name);
    return fits && tensor->dtype != LW_DTYPE_OTHER ? tensor : NULL;
}

static bool is_present(const struct reading *reading, const char *name)
{
    return lw_safetensors_find(&reading->file, name) != NULL;
}

/* Converts into a place of the model, and lets go of the file's pages. */
static void convert(struct reading *reading, const struct lw_tensor *tensor, const float *place)
{
    if (!reading->storage)
        return;
    float *out = reading->storage + (place - reading->storage);
    lw_tensor_to_float(tensor, out);
    lw_forget_mapped(&reading->file.mapping);
    for (size_t i = 0; i < tensor->elements; i++)
        if (!isfinite(out[i])) {
            refuse_tensor(reading, tensor->name, "holds a value that is not finite");
            return;
        }
}

static void fill(struct reading *reading, const char *name, size_t rank, size_t rows,
                 size_t columns, const float *place)
{
    const struct lw_tensor *tensor = take(reading, name, rank, rows, columns);
    if (tensor)
        convert(reading, tensor, place);
    else if (!is_present(reading, name))
        refuse_tensor(reading, name, "is missing");
}

static void fill_linear(struct reading *reading, const char *prefix, const char *part,
                        unsigned index)
{
    const struct lw_matrix *matrix = &reading->model->matrices[index];
    char name[MOST_NAME];
    snprintf(name, sizeof name, "%s%s.weight", prefix, part);
    fill(reading, name, 2, matrix->rows, matrix->columns, matrix->dense);
    snprintf(name, sizeof name, "%s%s.bias", prefix, part);
    fill(reading, name, 1, 1, matrix->rows, matrix->bias);
}

static void fill_norm(struct reading *reading, const char *prefix, const char *part,
                      const struct lw_norm *norm)
{
    size_t d = reading->model->config.d_model;
    char name[MOST_NAME];
    snprintf(name, sizeof name, "%s%s.weight", prefix, part);
    fill(reading, name, 1, 1, d, norm->gain);
    snprintf(name, sizeof name, "%s%s.bias", prefix, part);
    fill(reading, name, 1, 1, d, norm->bias);
}

static void fill_attention(struct reading *reading, const char *layer, const char *part,
                           const struct lw_attention *attention)
{
    char prefix[MOST_NAME];
    snprintf(prefix, sizeof prefix, "%s%s", layer, part);
    fill_linear(reading, prefix, ".q_proj", attention->q);
    fill_linear(reading, prefix, ".k_proj", attention->k);
    fill_linear(reading, prefix, ".v_proj", attention->v);
    fill_linear(reading, prefix, ".out_proj", attention->o);
    fill_norm(reading, prefix, "_layer_norm", &attention->norm);
}

static void fill_layer(struct reading *reading, const char *stack, size_t number,
                       const struct lw_layer *layer, bool cross)
{
    char prefix[MOST_NAME];
    snprintf(prefix, sizeof prefix, "model.%s.layers.%zu.", stack, number);
    fill_attention(reading, prefix, "self_attn", &layer->self);
    if (cross)
        fill_attention(reading, prefix, "encoder_attn", &layer->cross);
    fill_linear(reading, prefix, "fc1", layer->fc1);
    fill_linear(reading, prefix, "fc2", layer->fc2);
    fill_norm(reading, prefix, "final_layer_norm", &layer->norm);
}

static bool same_bits(const struct lw_tensor *a, const struct lw_tensor *b)
{
    return a->dtype == b->dtype && memcmp(a->data, b->data, a->bytes) == 0;
}

/* A matrix of words may be stored under any of its names, and under several if they agree. */
static void fill_words(struct reading *reading, unsigned index, const char *const *names)
{
    const struct lw_matrix *matrix = &reading->model->matrices[index];
    const struct lw_tensor *first = NULL;
    bool present = false;
    for (size_t i = 0; names[i]; i++) {
        present = present || is_present(reading, names[i]);
        const struct lw_tensor *tensor = take(reading, names[i], 2, matrix->rows, matrix->columns);
        if (!tensor)
            continue;
        if (!first)
            convert(reading, first = tensor, matrix->dense);
        else if (!reading->storage && !same_bits(tensor, first))
            lw_refuse(reading->refusal, LW_CORRUPT,
                      "%s: tensor \"%s\": differs from \"%s\", with which it is shared",
                      reading->path, tensor->name, first->name);
    }
    if (!present)
        refuse_tensor(reading, names[0], "is missing");
}

static void fill_all_words(struct reading *reading)
{
    static const char shared[] = "model.shared.weight", head[] = "lm_head.weight",
                      source[] = "model.encoder.embed_tokens.weight",
                      target[] = "model.decoder.embed_tokens.weight";
    const struct lw_model *model = reading->model;
    const char *end = model->config.tied_output ? head : NULL;
    if (model->config.shared_embedding) {
        fill_words(reading, model->source_embedding,
                   (const char *const[]){shared, source, target, end, NULL});
    } else {
        fill_words(reading, model->source_embedding, (const char *const[]){source, NULL});
        fill_words(reading, model->target_embedding, (const char *const[]){target, end, NULL});
    }
    if (!model->config.tied_output)
        fill_words(reading, model->output, (const char *const[]){head, NULL});

    const struct lw_matrix *output = &model->matrices[model->output];
    if (is_present(reading, "final_logits_bias"))
        fill(reading, "final_logits_bias", 2, 1, output->rows, output->bias);
    else if (reading->storage) /* zeros, as in the library */
        memset(reading->storage + (output->bias - reading->storage), 0,
               output->rows * sizeof(float));
}

/* Sines in the first half of the features, cosines in the second. */
static double sinusoid(size_t position, size_t feature, size_t d_model)
{
    size_t sines = (d_model + 1) / 2;
    size_t pair = feature < sines ? feature : feature - sines;
    double angle = (double)position / pow(10000.0, 2.0 * (double)pair / (double)d_model);
    return feature < sines ? sin(angle) : cos(angle);
}

/* Stored positions are not used: they must be the sinusoids that the runtime computes. */
static void check_positions(struct reading *reading, const char *name)
{
    const struct lw_config *config = &reading->model->config;
    const struct lw_tensor *tensor = take(reading, name, 2, config->positions, config->d_model);
    if (!tensor)
        return;
    float *values = calloc(tensor->elements, sizeof *values);
    if (!values) {
        lw_refuse(reading->refusal, LW_FAILED, "%s: out of memory", reading->path);
        return;
    }
    lw_tensor_to_float(tensor, values);
    for (size_t i = 0; i < tensor->elements; i++) {
        double expected = sinusoid(i / config->d_model, i % config->d_model, config->d_model);
        if (fabs(values[i] - expected) <= POSITION_TOLERANCE) /* false for NaN */
            continue;
        refuse_tensor(reading, name, "is not sinusoidal: learned positions are not supported");
        break;
    }
    free(values);
}

static void fill_model(struct reading *reading)
{
    const struct lw_model *model = reading->model;
    fill_all_words(reading);
    for (size_t i = 0; i < model->config.encoder_layers; i++)
        fill_layer(reading, "encoder", i, &model->encoder[i], false);
    for (size_t i = 0; i < model->config.decoder_layers; i++)
        fill_layer(reading, "decoder", i, &model->decoder[i], true);
}

static void check_model(struct reading *reading)
{
    fill_model(reading);
    check_positions(reading, "model.encoder.embed_positions.weight");
    check_positions(reading, "model.decoder.embed_positions.weight");
    for (size_t i = 0; i < reading->file.count; i++)
        if (!reading->taken[i])
            refuse_tensor(reading, reading->file.tensors[i].name, "has no place in the model");
}

/* fp32 room for the whole model, into which its matrices and then its vectors point. */
static float *allocate(struct lw_model *model)
{
    /* lw_model_layout has checked that the size does not overflow. */
    size_t weights = 0;
    for (size_t i = 0; i < model->matrix_count; i++)
        weights += model->matrices[i].rows * model->matrices[i].columns;
    float *storage = malloc((weights + model->vector_count) * sizeof *storage);
    if (!storage)
        return NULL;
    const float *at = storage;
    for (size_t i = 0; i < model->matrix_count; i++) {
        model->matrices[i].dense = at;
        at += model->matrices[i].rows * model->matrices[i].columns;
    }
    lw_model_set_vectors(model, at);
    return storage;
}

float *lw_marian_read_tensors(const char *path, struct lw_model *model, struct lw_refusal *refusal)
{
    struct reading reading = {.path = path, .model = model, .refusal = refusal};
    struct lw_error error = {0};
    enum lw_status status = lw_safetensors_open(path, &reading.file, &error);
    if (status != LW_OK) {
        lw_refuse_lines(refusal, status, &error);
        return NULL;
    }
    reading.taken = calloc(reading.file.count + 1, sizeof *reading.taken);
    if (reading.taken)
        check_model(&reading);
    if (reading.taken && refusal->status == LW_OK)
        reading.storage = allocate(model);
    if (reading.storage)
        fill_model(&reading);
    else if (refusal->status == LW_OK)
        lw_refuse(refusal, LW_FAILED, "%s: out of memory", path);
    free(reading.taken);
    lw_safetensors_close(&reading.file);
    return reading.storage;
}
