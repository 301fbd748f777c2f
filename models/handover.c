#include "models/handover.h"

#include "models/file.h"
#include "models/handover_parts.h"
#include "models/quantize_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char FILE_NAME[] = "codes.safetensors";

bool lw_handover_is(const char *folder)
{
    char *path = lw_path_join(folder, FILE_NAME);
    bool found = path && access(path, F_OK) == 0;
    free(path);
    return found;
}

/* The plan's name, and into the choices its classes. */
static enum lw_status read_plan(struct lw_handing *reading)
{
    const char *text = lw_safetensors_metadata(&reading->file, "plan");
    struct lw_plan plan;
    char *source;
    for (size_t i = 0; i < reading->source->matrix_count; i++)
        reading->choices[i].arith = LW_ARITH_T8;
    if (!text)
        return LW_OK;
    if (asprintf(&source, "%s: plan", reading->path) < 0)
        return lw_fail(reading->error, LW_FAILED, "%s: out of memory", reading->path);
    enum lw_status status = lw_plan_parse(text, strlen(text), source, &plan, reading->error);
    free(source);
    if (status != LW_OK)
        return status;
    status = lw_plan_resolve(&plan, reading->source, reading->choices, NULL, reading->error);
    if (status == LW_USAGE) /* the file's fault, not the user's */
        status = LW_CORRUPT;
    if (status == LW_OK && plan.name && !(reading->plan = strdup(plan.name)))
        status = lw_fail(reading->error, LW_FAILED, "%s: out of memory", reading->path);
    lw_plan_free(&plan);
    return status;
}

/* Room for the data of all codes: scales, then planes. Its levels are mapped, a byte for what takes
 * a bit a plane here, so these sizes do not overflow. */
static bool take_codes(struct lw_model *model, struct lw_quantized *owned)
{
    size_t scales = 0, planes = 0;
    for (size_t i = 0; i < model->matrix_count; i++)
        for (size_t c = 0; c < model->matrices[i].code_count; c++) {
            scales += lw_code_scale_bytes(&model->matrices[i].codes[c]);
            planes += lw_code_plane_bytes(&model->matrices[i].codes[c]);
        }
    uint8_t *at = owned->codes = calloc(1, scales + planes), *plane = at + scales;
    for (size_t i = 0; owned->codes && i < model->matrix_count; i++)
        for (size_t c = 0; c < model->matrices[i].code_count; c++) {
            struct lw_code *code = &model->matrices[i].codes[c];
            code->scales = (const int16_t *)(void *)at;
            code->planes = plane;
            at += lw_code_scale_bytes(code);
            plane += lw_code_plane_bytes(code);
        }
    return owned->codes != NULL;
}

/* Fills the zeroed codes of one row. */
static void fill_row(const struct lw_handed *part, size_t row, const struct lw_code *code,
                     size_t code_row, size_t columns)
{
    uint8_t *planes =
        (uint8_t *)(uintptr_t)code->planes + code_row * code->bits * code->plane_bytes;
    int16_t *scales = (int16_t *)(uintptr_t)code->scales + code_row * lw_code_row_scales(code);
    const uint8_t *levels = part->levels + row * columns;
    const uint8_t *stored = part->scales + row * part->groups * part->kept * sizeof *scales;
    for (unsigned i = 0; i < code->bits; i++)
        for (size_t c = 0; c < columns; c++)
            planes[i * code->plane_bytes + (c >> 3)] |= (uint8_t)((levels[c] >> i & 1) << (c & 7));
    size_t kept = part->uniform ? 1 : code->bits;
    for (size_t g = 0; g < code->groups; g++)
        for (size_t i = 0; i < kept; i++)
            scales[g * kept + i] =
                lw_handover_scale(stored + (g * part->kept + i) * sizeof *scales);
}

static void fill_matrix(const struct lw_handed *part, struct lw_matrix *matrix)
{
    size_t stored = 0;
    for (size_t c = 0; c < matrix->code_count; c++)
        for (size_t i = 0; i < matrix->codes[c].rows; i++, stored++)
            fill_row(part, matrix->order ? matrix->order[stored] : stored, &matrix->codes[c], i,
                     matrix->columns);
}

/* To the bit. */
static enum lw_status compare(const struct lw_handing *reading, size_t index,
                              const struct lw_matrix *matrix)
{
    const float *weights = reading->source->matrices[index].dense;
    size_t columns = matrix->columns;
    float *decoded = malloc(columns * sizeof *decoded);
    enum lw_status status =
        decoded ? LW_OK : lw_fail(reading->error, LW_FAILED, "%s: out of memory", reading->path);
    for (size_t row = 0; status == LW_OK && row < matrix->rows; row++) {
        lw_matrix_row(matrix, row, decoded);
        if (memcmp(decoded, weights + row * columns, columns * sizeof *decoded) != 0)
            status = lw_fail(reading->error, LW_MISMATCH,
                             "%s: matrix %s, row %zu: its codes are not its weights in "
                             "model.safetensors",
                             reading->path, matrix->name, row);
    }
    free(decoded);
    return status;
}

static enum lw_status describe(const struct lw_handing *reading, struct lw_model *model)
{
    const char *maker = lw_safetensors_metadata(&reading->file, "made_by");
    if (asprintf(&model->made_by, "codes of plan %s by %s",
                 reading->plan ? reading->plan : "(unnamed)", maker) >= 0)
        return LW_OK;
    model->made_by = NULL;
    return lw_fail(reading->error, LW_FAILED, "%s: out of memory", reading->path);
}

static enum lw_status make_model(struct lw_handing *reading, struct lw_model *model)
{
    const struct lw_model *source = reading->source;
    for (size_t i = 0; i < source->matrix_count; i++) {
        const struct lw_handed *part = &reading->parts[i];
        reading->row_bits[i] = part->bits;
        reading->choices[i].group = part->group;
        reading->choices[i].alpha = part->uniform ? LW_ALPHA_UNIFORM : LW_ALPHA_FREE;
    }
    struct lw_quantize request = {.choices = reading->choices, .row_bits = reading->row_bits};
    struct lw_quantized *owned;
    enum lw_status status = lw_quantize_shape(source, &request, model, &owned, reading->error);
    if (status == LW_OK && !take_codes(model, owned))
        status = lw_fail(reading->error, LW_FAILED, "%s: out of memory", reading->path);
    for (size_t i = 0; status == LW_OK && i < model->matrix_count; i++) {
        struct lw_matrix *matrix = &model->matrices[i];
        const struct lw_handed *part = &reading->parts[i];
        lw_matrix_set_scales(matrix, part->group, part->uniform, part->exponent);
        fill_matrix(part, matrix);
        status = compare(reading, i, matrix);
    }
    return status == LW_OK ? describe(reading, model) : status;
}

static enum lw_status read_file(struct lw_handing *reading, const enum lw_arith *arith,
                                struct lw_model *model)
{
    size_t count = reading->source->matrix_count;
    reading->parts = calloc(count, sizeof *reading->parts);
    reading->choices = calloc(count, sizeof *reading->choices);
    reading->row_bits = calloc(count, sizeof *reading->row_bits);
    if (!reading->parts || !reading->choices || !reading->row_bits)
        return lw_fail(reading->error, LW_FAILED, "%s: out of memory", reading->path);
    enum lw_status status = lw_handover_check(reading);
    if (status == LW_OK)
        status = read_plan(reading);
    for (size_t i = 0; arith && i < count; i++)
        reading->choices[i].arith = *arith;
    return status == LW_OK ? make_model(reading, model) : status;
}

enum lw_status lw_handover_read(const char *folder, const struct lw_model *source,
                                const enum lw_arith *arith, struct lw_model *model,
                                struct lw_error *error)
{
    struct lw_handing reading = {.source = source, .error = error};
    *model = (struct lw_model){0};
    reading.path = lw_path_join(folder, FILE_NAME);
    if (!reading.path)
        return lw_fail(error, LW_FAILED, "%s: out of memory", folder);
    enum lw_status status = lw_safetensors_open(reading.path, &reading.file, error);
    if (status == LW_OK)
        status = read_file(&reading, arith, model);
    if (status != LW_OK)
        lw_model_free(model);
    lw_safetensors_close(&reading.file);
    free(reading.parts);
    free(reading.choices);
    free(reading.row_bits);
    free(reading.plan);
    free(reading.path);
    return status;
}
