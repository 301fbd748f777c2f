#include "models/safetensors.h"
#include "tests/folder.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A file of this header and these data in a folder of its own; the header's length may lie. */
struct attempt {
    char folder[64], path[96];
    struct lw_safetensors file;
    struct lw_error error;
    enum lw_status status;
};

static void try_length(struct attempt *attempt, uint64_t length, const char *header,
                       size_t header_bytes, const void *data, size_t data_bytes)
{
    *attempt = (struct attempt){.folder = "/tmp/lutwidge-test-XXXXXX"};
    cr_assert(mkdtemp(attempt->folder));
    snprintf(attempt->path, sizeof attempt->path, "%s/t", attempt->folder);
    uint8_t *bytes = malloc(8 + header_bytes + data_bytes);
    cr_assert(bytes);
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(length >> 8 * i);
    memcpy(bytes + 8, header, header_bytes);
    if (data_bytes)
        memcpy(bytes + 8 + header_bytes, data, data_bytes);
    folder_write_bytes(attempt->folder, "t", bytes, 8 + header_bytes + data_bytes);
    free(bytes);
    attempt->status = lw_safetensors_open(attempt->path, &attempt->file, &attempt->error);
    unlink(attempt->path);
    rmdir(attempt->folder);
}

static const uint8_t zeros[64];

static void try(struct attempt *attempt, const char *header, size_t data_bytes)
{
    try_length(attempt, strlen(header), header, strlen(header), zeros, data_bytes);
}

/* The header must be refused, for this reason among others. */
static void refuse(const char *header, size_t data_bytes, const char *reason)
{
    struct attempt attempt;
    try(&attempt, header, data_bytes);
    cr_assert_eq(attempt.status, LW_CORRUPT, "accepted: %s", header);
    cr_assert(strstr(attempt.error.text, reason), "%s: \"%s\" lacks \"%s\"", header,
              attempt.error.text, reason);
    cr_assert(strstr(attempt.error.text, attempt.path));
    cr_assert_null(attempt.file.tensors);
    cr_assert_null(attempt.file.mapping.data);
}

Test(safetensors, reads_a_good_file)
{
    static const char header[] =
        "{\"b\":{\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[0,8]},"
        "\"__metadata__\":{\"format\":\"pt\"},"
        "\"empty\":{\"dtype\":\"I64\",\"shape\":[0,3],\"data_offsets\":[8,8]},"
        "\"a\":{\"dtype\":\"BF16\",\"shape\":[],\"data_offsets\":[8,10]}}   ";
    static const uint8_t data[] = {0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0, 0x20, 0x41};
    struct attempt attempt;
    try_length(&attempt, strlen(header), header, strlen(header), data, sizeof data);
    cr_assert_eq(attempt.status, LW_OK, "%s", attempt.error.text);
    cr_assert_eq(attempt.file.count, 3);
    cr_assert_str_eq(attempt.file.tensors[0].name, "a");
    cr_assert_null(lw_safetensors_find(&attempt.file, "c"));
    cr_assert_eq(lw_safetensors_find(&attempt.file, "empty")->elements, 0);
    cr_assert_eq(lw_safetensors_find(&attempt.file, "empty")->dtype, LW_DTYPE_OTHER);
    const struct lw_tensor *b = lw_safetensors_find(&attempt.file, "b");
    float values[2];
    lw_tensor_to_float(b, values);
    cr_assert_eq(b->rank, 2);
    cr_assert_eq(values[0], 1.0f);
    cr_assert_eq(values[1], -2.0f);
    lw_tensor_to_float(lw_safetensors_find(&attempt.file, "a"), values);
    cr_assert_eq(values[0], 10.0f);
    lw_safetensors_close(&attempt.file);
}

Test(safetensors, refuses_bad_lengths)
{
    static const char header[] = "{}";
    static const uint64_t lies[] = {3, 1u << 20, 1ull << 32, UINT64_MAX, UINT64_MAX - 7};
    struct attempt attempt;
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        try_length(&attempt, lies[i], header, 2, NULL, 0);
        cr_assert_eq(attempt.status, LW_CORRUPT);
        cr_assert(strstr(attempt.error.text, "truncated"), "%s", attempt.error.text);
    }
    try_length(&attempt, 1, header, 2, NULL, 0); /* cut inside the JSON */
    cr_assert_eq(attempt.status, LW_CORRUPT);
    try_length(&attempt, 2, header, 2, NULL, 0); /* no tensors at all */
    cr_assert_eq(attempt.status, LW_OK);
    lw_safetensors_close(&attempt.file);
}

Test(safetensors, refuses_every_truncation)
{
    static const char header[] = "{\"a\":{\"dtype\":\"F16\",\"shape\":[4],\"data_offsets\":[0,8]}}";
    struct lw_safetensors file;
    struct lw_error error = {0};
    uint8_t bytes[8 + sizeof header - 1 + 8] = {sizeof header - 1};
    memcpy(bytes + 8, header, sizeof header - 1);
    char folder[] = "/tmp/lutwidge-test-XXXXXX", path[64];
    cr_assert(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/t", folder);
    for (size_t size = 0; size < sizeof bytes; size++) {
        folder_write_bytes(folder, "t", bytes, size);
        cr_assert_eq(lw_safetensors_open(path, &file, &error), LW_CORRUPT, "%zu bytes", size);
    }
    folder_write_bytes(folder, "t", bytes, sizeof bytes);
    cr_assert_eq(lw_safetensors_open(path, &file, &error), LW_OK);
    lw_safetensors_close(&file);
    unlink(path);
    rmdir(folder);
}

Test(safetensors, refuses_bad_headers)
{
#define TENSOR(dtype, shape, offsets)                                                              \
    "{\"a\":{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets "}}"
    refuse("[]", 0, "is not a JSON object");
    refuse(" {}", 0, "is not a JSON object");
    refuse("{} x", 0, "line 1");
    refuse("{\"__metadata__\":{\"format\":1}}", 0, "__metadata__");
    refuse(TENSOR("\"F33\"", "[1]", "[0,4]"), 4, "unknown dtype");
    refuse(TENSOR("5", "[1]", "[0,4]"), 4, "has no dtype");
    refuse(TENSOR("\"F32\"", "1", "[0,4]"), 4, "has no shape");
    refuse(TENSOR("\"F32\"", "[1]", "[0]"), 4, "has no data_offsets");
    refuse(TENSOR("\"F32\"", "[1]", "[0,8]"), 8, "disagrees");
    refuse(TENSOR("\"F32\"", "[1]", "[4,0]"), 4, "ends before it begins");
    refuse(TENSOR("\"F32\"", "[1]", "[0,4]"), 3, "beyond the end");
    refuse(TENSOR("\"F32\"", "[-1]", "[0,4]"), 4, "not a size");
    refuse(TENSOR("\"F32\"", "[1.0]", "[0,4]"), 4, "not a size");
    refuse(TENSOR("\"F4\"", "[3]", "[0,1]"), 1, "disagrees");
    refuse(TENSOR("\"F32\"", "[1,1,1,1,1,1,1,1,1]", "[0,4]"), 4, "dimensions");
    refuse(TENSOR("\"F32\"", "[4294967296,4294967297]", "[0,4]"), 4, "overflows");
    refuse(TENSOR("\"F32\"", "[9223372036854775807,1]", "[0,4]"), 4, "overflows");
    refuse(TENSOR("\"F32\"", "[99999999999999999999]", "[0,4]"), 4, "too big");
    refuse("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"x\":1}}", 4,
           "not described");
    refuse("{\"a\":7}", 0, "not described");
    refuse("{\"a\":{},\"a\":{}}", 0, "duplicate");
    refuse("{\"a\\u0000b\":{}}", 0, "line 1");
}

Test(safetensors, refuses_deep_json)
{
    size_t depth = 100000;
    char *header = malloc(depth + 1);
    cr_assert(header);
    memset(header, '[', depth);
    memcpy(header, "{\"a\":", 5);
    header[depth] = '\0';
    refuse(header, 0, "depth");
    free(header);
}

Test(safetensors, refuses_holes_and_overlaps)
{
#define TWO(a, b)                                                                                  \
    "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":" a "},"                              \
    "\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":" b "}}"
    refuse(TWO("[0,4]", "[5,9]"), 9, "tensor \"b\": a hole");
    refuse(TWO("[0,4]", "[3,7]"), 7, "tensor \"b\": overlaps");
    refuse(TWO("[0,4]", "[0,4]"), 4, "overlaps");
    refuse(TWO("[5,9]", "[1,5]"), 9, "tensor \"b\": a hole");
    refuse(TWO("[0,4]", "[4,8]"), 9, "1 bytes at its end");
    struct attempt attempt;
    try(&attempt, TWO("[4,8]", "[0,4]"), 8);
    cr_assert_eq(attempt.status, LW_OK);
    lw_safetensors_close(&attempt.file);
}

Test(safetensors, lists_every_reason)
{
    struct attempt attempt;
    try(&attempt,
        "{\"a\":{\"dtype\":\"F33\",\"shape\":[1],\"data_offsets\":[0,4]},"
        "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]},\"__metadata__\":3}",
        4);
    cr_assert_eq(attempt.status, LW_CORRUPT);
    cr_assert(strstr(attempt.error.text, "\"a\": has an unknown dtype"));
    cr_assert(strstr(attempt.error.text, "\"b\": has a size in bytes"));
    cr_assert(strstr(attempt.error.text, "__metadata__ is not"));
}

Test(safetensors, names_files_that_cannot_be_read)
{
    struct lw_safetensors file;
    struct lw_error error = {0};
    cr_assert_eq(lw_safetensors_open("/nonexistent/m", &file, &error), LW_FAILED);
    cr_assert_str_eq(error.text, "cannot open /nonexistent/m: No such file or directory");
    cr_assert_eq(lw_safetensors_open("/tmp", &file, &error), LW_FAILED);
    cr_assert_str_eq(error.text, "cannot read /tmp: is a directory");
}

static bool same_float(float a, float b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

/* All 65536 values of both half formats: F16 against the compiler's own conversion. */
Test(safetensors, converts_exactly)
{
    static uint16_t halves[65536];
    static float values[65536];
    for (size_t i = 0; i < 65536; i++)
        halves[i] = (uint16_t)i;
    struct lw_tensor tensor = {
        .dtype = LW_DTYPE_F16, .elements = 65536, .data = (const uint8_t *)halves};
    lw_tensor_to_float(&tensor, values);
    for (size_t i = 0; i < 65536; i++) {
        _Float16 half;
        memcpy(&half, &halves[i], sizeof half);
        bool nan = (i & 0x7c00) == 0x7c00 && (i & 0x3ff) != 0;
        cr_assert(nan ? values[i] != values[i] : same_float(values[i], (float)half), "%#zx", i);
    }
    tensor.dtype = LW_DTYPE_BF16;
    lw_tensor_to_float(&tensor, values);
    for (size_t i = 0; i < 65536; i++) {
        uint32_t bits = (uint32_t)i << 16;
        cr_assert_eq(memcmp(&bits, &values[i], sizeof bits), 0, "%#zx", i);
    }
}
