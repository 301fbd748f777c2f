/* Whether codes.safetensors is what docs/RETRAINING.md says, for a model of these matrices. */
#include "models/handover_parts.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char VERSION[] = "1";
static const char *const PARTS[] = {"bits", "levels", "scales", "exponent"};
enum { PART_COUNT = sizeof PARTS / sizeof *PARTS, MOST_NAME = 96, MOST_MADE_BY = 1024 };

int16_t lw_handover_scale(const uint8_t *bytes)
{
    return (int16_t)(bytes[0] | bytes[1] << 8);
}

static int32_t read_i32(const uint8_t *bytes)
{
    return (int32_t)((uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
                     (uint32_t)bytes[3] << 24);
}

/* The data of NAME.part, which must be of this type and shape; NULL where refused. */
static const uint8_t *find(const struct lw_handing *reading, const struct lw_matrix *matrix,
                           const char *part, const char *type, size_t rank, const size_t *shape)
{
    char name[MOST_NAME];
    snprintf(name, sizeof name, "%s.%s", matrix->name, part);
    const struct lw_tensor *tensor = lw_safetensors_find(&reading->file, name);
    const char *reason = NULL;
    if (!tensor)
        reason = "is missing";
    else if (strcmp(tensor->dtype_name, type) != 0)
        reason = "is of the wrong type";
    else if (tensor->rank != rank || memcmp(tensor->shape, shape, rank * sizeof *shape) != 0)
        reason = "is of the wrong shape";
    if (reason)
        lw_fail(reading->error, LW_CORRUPT, "%s: tensor \"%s\" %s", reading->path, name, reason);
    return reason ? NULL : tensor->data;
}

/* The string KEY.NAME of the metadata, or an empty one. */
static const char *metadata_of(const struct lw_handing *reading, const char *key,
                               const struct lw_matrix *matrix)
{
    char name[MOST_NAME];
    snprintf(name, sizeof name, "%s.%s", key, matrix->name);
    const char *text = lw_safetensors_metadata(&reading->file, name);
    return text ? text : "";
}

static enum lw_status read_settings(const struct lw_handing *reading,
                                    const struct lw_matrix *matrix, struct lw_handed *part)
{
    const char *group = metadata_of(reading, "group", matrix);
    const char *uniform = metadata_of(reading, "uniform", matrix);
    size_t digits = strspn(group, "0123456789");
    part->group = digits < 10 ? strtoul(group, NULL, 10) : 0; /* 0 where it is no number */
    if (group[digits] || part->group == 0 || part->group > matrix->columns ||
        (part->group % 32 != 0 && part->group != matrix->columns))
        return lw_fail(reading->error, LW_CORRUPT,
                       "%s: group.%s is \"%.32s\": a multiple of 32 below %zu or %zu itself is "
                       "possible",
                       reading->path, matrix->name, group, matrix->columns, matrix->columns);
    part->groups = (matrix->columns + part->group - 1) / part->group;
    part->uniform = strcmp(uniform, "true") == 0;
    if (!part->uniform && strcmp(uniform, "false") != 0)
        return lw_fail(reading->error, LW_CORRUPT,
                       "%s: uniform.%s is \"%.32s\", which is neither true nor false",
                       reading->path, matrix->name, uniform);
    return LW_OK;
}

static enum lw_status find_part(const struct lw_handing *reading, const struct lw_matrix *matrix,
                                struct lw_handed *part)
{
    enum lw_status status = read_settings(reading, matrix, part);
    if (status != LW_OK)
        return status;
    size_t shape[] = {matrix->rows, matrix->columns, 0}, one[] = {1};
    part->bits = find(reading, matrix, "bits", "U8", 1, shape);
    if (!part->bits)
        return LW_CORRUPT;
    for (size_t row = 0; row < matrix->rows; row++) {
        unsigned bits = part->bits[row];
        if (bits < 1 || bits > LW_MAX_BITS)
            return lw_fail(reading->error, LW_CORRUPT,
                           "%s: matrix %s, row %zu: %u bits; 1 to %d are possible", reading->path,
                           matrix->name, row, bits, LW_MAX_BITS);
        part->planes = bits > part->planes ? bits : part->planes;
    }
    part->kept = part->uniform ? 1 : part->planes;
    part->levels = find(reading, matrix, "levels", "U8", 2, shape);
    shape[1] = part->groups;
    shape[2] = part->kept;
    part->scales = part->levels ? find(reading, matrix, "scales", "I16", 3, shape) : NULL;
    const uint8_t *exponent =
        part->scales ? find(reading, matrix, "exponent", "I32", 1, one) : NULL;
    if (!exponent)
        return LW_CORRUPT;
    part->exponent = read_i32(exponent);
    if (part->exponent < LW_LEAST_EXPONENT || part->exponent > LW_MOST_EXPONENT)
        return lw_fail(reading->error, LW_CORRUPT,
                       "%s: matrix %s: exponent %d; %d to %d are possible", reading->path,
                       matrix->name, part->exponent, LW_LEAST_EXPONENT, LW_MOST_EXPONENT);
    return LW_OK;
}

/* The reason why the values of a row cannot be, or NULL. */
static const char *check_row(const struct lw_matrix *matrix, const struct lw_handed *part,
                             size_t row)
{
    unsigned bits = part->bits[row];
    const uint8_t *levels = part->levels + row * matrix->columns;
    for (size_t c = 0; c < matrix->columns; c++)
        if (levels[c] >> bits != 0)
            return "a level has more planes than the row";
    const uint8_t *scales = part->scales + row * part->groups * part->kept * sizeof(int16_t);
    for (size_t i = 0; i < part->groups * part->kept; i++, scales += sizeof(int16_t)) {
        int scale = lw_handover_scale(scales);
        size_t plane = i % part->kept;
        if (scale < 0)
            return "a scale is below 0";
        if (part->uniform && scale > INT16_MAX >> (bits - 1))
            return "the scale of its highest plane is above 32767";
        if (plane >= bits && scale != 0)
            return "a plane that it does not have has a scale";
        if (plane > 0 && scale > lw_handover_scale(scales - sizeof(int16_t)))
            return "scales do not fall from plane to plane";
    }
    return NULL;
}

static enum lw_status check_rows(const struct lw_handing *reading, const struct lw_matrix *matrix,
                                 const struct lw_handed *part)
{
    for (size_t row = 0; row < matrix->rows; row++) {
        const char *reason = check_row(matrix, part, row);
        if (reason)
            return lw_fail(reading->error, LW_CORRUPT, "%s: matrix %s, row %zu: %s", reading->path,
                           matrix->name, row, reason);
    }
    return LW_OK;
}

/* All parts of all matrices are present: the first of what there is beside them. */
static const char *find_unknown(const struct lw_handing *reading)
{
    for (size_t t = 0; t < reading->file.count; t++) {
        const char *name = reading->file.tensors[t].name;
        bool known = false;
        for (size_t i = 0; !known && i < reading->source->matrix_count * PART_COUNT; i++) {
            char expected[MOST_NAME];
            snprintf(expected, sizeof expected, "%s.%s",
                     reading->source->matrices[i / PART_COUNT].name, PARTS[i % PART_COUNT]);
            known = strcmp(name, expected) == 0;
        }
        if (!known)
            return name;
    }
    return NULL;
}

/* A key of the metadata that means nothing for this model, or NULL. */
static const char *find_unknown_key(const struct lw_handing *reading)
{
    const char *key;
    json_t *value;
    json_object_foreach(reading->file.metadata, key, value)
    {
        bool known = strcmp(key, "lutwidge_codes") == 0 || strcmp(key, "plan") == 0 ||
                     strcmp(key, "made_by") == 0;
        for (size_t i = 0; !known && i < reading->source->matrix_count; i++) {
            const char *name = reading->source->matrices[i].name;
            known = (strncmp(key, "group.", 6) == 0 && strcmp(key + 6, name) == 0) ||
                    (strncmp(key, "uniform.", 8) == 0 && strcmp(key + 8, name) == 0);
        }
        if (!known)
            return key;
    }
    return NULL;
}

static enum lw_status check_metadata(const struct lw_handing *reading)
{
    const char *version = lw_safetensors_metadata(&reading->file, "lutwidge_codes");
    const char *made_by = lw_safetensors_metadata(&reading->file, "made_by");
    if (!version || strcmp(version, VERSION) != 0)
        return lw_fail(reading->error, LW_CORRUPT,
                       "%s: lutwidge_codes is \"%.32s\" in its metadata; version %s is read",
                       reading->path, version ? version : "", VERSION);
    if (!made_by || strlen(made_by) > MOST_MADE_BY)
        return lw_fail(reading->error, LW_CORRUPT, "%s: made_by is %s in its metadata",
                       reading->path, made_by ? "too long" : "missing");
    const char *unknown = find_unknown_key(reading);
    if (unknown)
        return lw_fail(reading->error, LW_CORRUPT,
                       "%s: key \"%.64s\" of its metadata has no place in the model", reading->path,
                       unknown);
    return LW_OK;
}

enum lw_status lw_handover_check(const struct lw_handing *reading)
{
    enum lw_status status = check_metadata(reading);
    for (size_t i = 0; status == LW_OK && i < reading->source->matrix_count; i++) {
        status = find_part(reading, &reading->source->matrices[i], &reading->parts[i]);
        if (status == LW_OK)
            status = check_rows(reading, &reading->source->matrices[i], &reading->parts[i]);
    }
    const char *unknown = status == LW_OK ? find_unknown(reading) : NULL;
    if (unknown)
        return lw_fail(reading->error, LW_CORRUPT, "%s: tensor \"%.64s\" has no place in the model",
                       reading->path, unknown);
    return status;
}
