#include "models/safetensors.h"

#include "models/checked.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { LENGTH_BYTES = 8, MOST_RANK = sizeof((struct lw_tensor *)0)->shape / sizeof(size_t) };

/* The reference implementation's limit on the header. */
static const uint64_t MOST_HEADER_BYTES = 100000000;

static const struct {
    const char *name;
    enum lw_dtype dtype;
    unsigned bits;
} dtypes[] = {
    {"F32", LW_DTYPE_F32, 32},          {"F16", LW_DTYPE_F16, 16},
    {"BF16", LW_DTYPE_BF16, 16},        {"F64", LW_DTYPE_OTHER, 64},
    {"C64", LW_DTYPE_OTHER, 64},        {"I64", LW_DTYPE_OTHER, 64},
    {"U64", LW_DTYPE_OTHER, 64},        {"I32", LW_DTYPE_OTHER, 32},
    {"U32", LW_DTYPE_OTHER, 32},        {"I16", LW_DTYPE_OTHER, 16},
    {"U16", LW_DTYPE_OTHER, 16},        {"I8", LW_DTYPE_OTHER, 8},
    {"U8", LW_DTYPE_OTHER, 8},          {"BOOL", LW_DTYPE_OTHER, 8},
    {"F8_E4M3", LW_DTYPE_OTHER, 8},     {"F8_E5M2", LW_DTYPE_OTHER, 8},
    {"F8_E8M0", LW_DTYPE_OTHER, 8},     {"F8_E4M3FNUZ", LW_DTYPE_OTHER, 8},
    {"F8_E5M2FNUZ", LW_DTYPE_OTHER, 8}, {"F6_E2M3", LW_DTYPE_OTHER, 6},
    {"F6_E3M2", LW_DTYPE_OTHER, 6},     {"F4", LW_DTYPE_OTHER, 4},
};

/* One file being read: where its tensor data lie, and whether a reason to refuse it was found. */
struct reading {
    const char *path;
    const uint8_t *data;
    size_t data_bytes;
    enum lw_status status;
    struct lw_error *error;
};

static void refuse_tensor(struct reading *reading, const char *name, const char *reason)
{
    reading->status = LW_CORRUPT;
    lw_error_add(reading->error, "%s: tensor \"%.200s\": %s", reading->path, name, reason);
}

static void run_out_of_memory(struct reading *reading)
{
    reading->status = lw_fail(reading->error, LW_FAILED, "%s: out of memory", reading->path);
}

/* A JSON integer that is a size. */
static bool read_size(const json_t *value, size_t *size)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return false;
    *size = (size_t)json_integer_value(value);
    return true;
}

static const char *read_dtype(const json_t *value, struct lw_tensor *tensor, size_t *bits)
{
    if (!json_is_string(value))
        return "has no dtype";
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
        if (strcmp(json_string_value(value), dtypes[i].name) == 0) {
            tensor->dtype = dtypes[i].dtype;
            memcpy(tensor->dtype_name, dtypes[i].name, strlen(dtypes[i].name) + 1);
            *bits = dtypes[i].bits;
            return NULL;
        }
    return "has an unknown dtype";
}

static const char *read_shape(const json_t *value, struct lw_tensor *tensor)
{
    if (!json_is_array(value))
        return "has no shape";
    tensor->rank = json_array_size(value);
    if (tensor->rank > MOST_RANK)
        return "has more than 8 dimensions";
    tensor->elements = 1;
    for (size_t i = 0; i < tensor->rank; i++) {
        if (!read_size(json_array_get(value, i), &tensor->shape[i]))
            return "has a dimension that is not a size";
        if (!lw_checked_mul(tensor->elements, tensor->shape[i], &tensor->elements))
            return "has a shape that overflows";
    }
    return NULL;
}

/* Where the tensor lies in the data, checked against the data's end and the tensor's own size. */
static const char *read_offsets(const json_t *value, const struct reading *reading,
                                size_t element_bits, struct lw_tensor *tensor)
{
    size_t begin, end, bits;
    if (!json_is_array(value) || json_array_size(value) != 2 ||
        !read_size(json_array_get(value, 0), &begin) || !read_size(json_array_get(value, 1), &end))
        return "has no data_offsets";
    if (begin > end)
        return "ends before it begins";
    if (end > reading->data_bytes)
        return "lies beyond the end of the file";
    if (!lw_checked_mul(tensor->elements, element_bits, &bits))
        return "has a shape that overflows";
    if (bits % 8 != 0 || bits / 8 != end - begin)
        return "has a size in bytes that disagrees with its shape and dtype";
    tensor->data = reading->data + begin;
    tensor->bytes = end - begin;
    return NULL;
}

static void read_tensor(struct reading *reading, const char *name, const json_t *about,
                        struct lw_tensor *tensor)
{
    size_t bits = 0;
    const char *reason = json_object_size(about) == 3
                             ? NULL /* and what three keys these are is found below */
                             : "is not described by dtype, shape and data_offsets";
    if (!reason)
        reason = read_dtype(json_object_get(about, "dtype"), tensor, &bits);
    if (!reason)
        reason = read_shape(json_object_get(about, "shape"), tensor);
    if (!reason)
        reason = read_offsets(json_object_get(about, "data_offsets"), reading, bits, tensor);
    tensor->name = strdup(name);
    if (reason)
        refuse_tensor(reading, name, reason);
    if (!tensor->name)
        run_out_of_memory(reading);
}

static void check_metadata(struct reading *reading, json_t *metadata)
{
    const char *key;
    json_t *value;
    bool strings = json_is_object(metadata);
    json_object_foreach(metadata, key, value)
    {
        strings = strings && json_is_string(value);
    }
    if (strings)
        return;
    reading->status = LW_CORRUPT;
    lw_error_add(reading->error, "%s: __metadata__ is not a table of strings", reading->path);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct lw_tensor *)a)->name, ((const struct lw_tensor *)b)->name);
}

/* Ascending places in the file; an empty tensor comes before the one that begins where it lies. */
static int by_place(const void *a, const void *b)
{
    const struct lw_tensor *s = a, *t = b;
    if (s->data != t->data)
        return s->data < t->data ? -1 : 1;
    return (s->bytes > 0) - (t->bytes > 0);
}

/* The tensors, all of them readable, must cover the data without holes and overlaps. */
static void check_cover(struct reading *reading, struct lw_safetensors *file)
{
    const uint8_t *end = reading->data;
    qsort(file->tensors, file->count, sizeof *file->tensors, by_place);
    for (size_t i = 0; i < file->count; i++) {
        const struct lw_tensor *tensor = &file->tensors[i];
        if (tensor->data > end)
            refuse_tensor(reading, tensor->name, "a hole lies before it in the file");
        if (tensor->data < end)
            refuse_tensor(reading, tensor->name, "overlaps another tensor");
        const uint8_t *tensor_end = tensor->data + tensor->bytes;
        if (tensor_end > end)
            end = tensor_end;
    }
    if (end == reading->data + reading->data_bytes)
        return;
    reading->status = LW_CORRUPT;
    lw_error_add(reading->error, "%s: %zu bytes at its end belong to no tensor", reading->path,
                 (size_t)(reading->data + reading->data_bytes - end));
}

static void read_header(struct reading *reading, json_t *header, struct lw_safetensors *file)
{
    const char *name;
    json_t *value;
    file->tensors = calloc(json_object_size(header) + 1, sizeof *file->tensors);
    if (!file->tensors) {
        run_out_of_memory(reading);
        return;
    }
    json_object_foreach(header, name, value)
    {
        if (strcmp(name, "__metadata__") == 0)
            check_metadata(reading, file->metadata = json_incref(value));
        else
            read_tensor(reading, name, value, &file->tensors[file->count++]);
    }
    if (reading->status == LW_OK)
        check_cover(reading, file);
    if (reading->status == LW_OK)
        qsort(file->tensors, file->count, sizeof *file->tensors, by_name);
}

static uint64_t read_length(const uint8_t *bytes)
{
    uint64_t length = 0;
    for (int i = LENGTH_BYTES - 1; i >= 0; i--)
        length = length << 8 | bytes[i];
    return length;
}

/* The header as JSON, or NULL with the reason in `error`. */
static json_t *parse_header(const char *path, const struct lw_mapping *mapping,
                            size_t *header_bytes, struct lw_error *error)
{
    if (mapping->size < LENGTH_BYTES) {
        lw_fail(error, LW_CORRUPT, "%s: too short for a safetensors file", path);
        return NULL;
    }
    uint64_t length = read_length(mapping->data);
    if (length > mapping->size - LENGTH_BYTES || length > MOST_HEADER_BYTES) {
        lw_fail(error, LW_CORRUPT,
                "%s: truncated, or no safetensors file: the header should be %llu bytes long and "
                "the file has %zu",
                path, (unsigned long long)length, mapping->size);
        return NULL;
    }
    *header_bytes = (size_t)length;
    json_error_t at;
    const char *text = (const char *)mapping->data + LENGTH_BYTES;
    json_t *header = json_loadb(text, *header_bytes, JSON_REJECT_DUPLICATES, &at);
    if (!header)
        lw_fail(error, LW_CORRUPT, "%s: header: line %d, column %d: %s", path, at.line, at.column,
                at.text);
    /* The format wants the object to begin the header; only spaces may follow it. */
    if (header && (!json_is_object(header) || text[0] != '{')) {
        json_decref(header);
        header = NULL;
        lw_fail(error, LW_CORRUPT, "%s: the header is not a JSON object", path);
    }
    return header;
}

enum lw_status lw_safetensors_open(const char *path, struct lw_safetensors *file,
                                   struct lw_error *error)
{
    *file = (struct lw_safetensors){0};
    enum lw_status status = lw_map_file(path, &file->mapping, error);
    if (status != LW_OK)
        return status;
    size_t header_bytes = 0;
    json_t *header = parse_header(path, &file->mapping, &header_bytes, error);
    status = header ? LW_OK : LW_CORRUPT;
    if (header) {
        struct reading reading = {
            .path = path,
            .data = file->mapping.data + LENGTH_BYTES + header_bytes,
            .data_bytes = file->mapping.size - LENGTH_BYTES - header_bytes,
            .error = error,
        };
        read_header(&reading, header, file);
        status = reading.status;
        json_decref(header);
    }
    if (status != LW_OK)
        lw_safetensors_close(file);
    return status;
}

void lw_safetensors_close(struct lw_safetensors *file)
{
    for (size_t i = 0; i < file->count; i++)
        free(file->tensors[i].name);
    free(file->tensors);
    json_decref(file->metadata);
    lw_unmap_file(&file->mapping);
    *file = (struct lw_safetensors){0};
}

const struct lw_tensor *lw_safetensors_find(const struct lw_safetensors *file, const char *name)
{
    for (size_t low = 0, high = file->count; low < high;) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, file->tensors[middle].name);
        if (order == 0)
            return &file->tensors[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const char *lw_safetensors_metadata(const struct lw_safetensors *file, const char *key)
{
    return json_string_value(json_object_get(file->metadata, key));
}
