/* Strict reader of the safetensors format: 8 bytes little-endian header size, a JSON header, tensor
 * data. (https://huggingface.co/docs/safetensors, "Format") */
#ifndef LW_MODELS_SAFETENSORS_H
#define LW_MODELS_SAFETENSORS_H

#include "models/file.h"
#include "models/status.h"

#include <stddef.h>
#include <stdint.h>

enum lw_dtype { LW_DTYPE_F32, LW_DTYPE_F16, LW_DTYPE_BF16, LW_DTYPE_OTHER };

struct lw_tensor {
    char *name;
    enum lw_dtype dtype;
    char dtype_name[12]; /* as written in the header */
    size_t rank;         /* 0..8 */
    size_t shape[8];
    size_t elements;     /* product of the shape */
    size_t bytes;        /* of the data */
    const uint8_t *data; /* little-endian, not necessarily aligned; inside the mapping */
};

struct lw_safetensors {
    struct lw_mapping mapping;
    size_t count;
    struct lw_tensor *tensors; /* sorted by name */
    struct json_t *metadata;   /* __metadata__: a table of strings; NULL where absent */
};

/* Refuses (LW_CORRUPT, every reason at once) a truncated or lying header, duplicate names, unknown
 * dtypes, sizes that overflow or disagree with shape x dtype, and holes or overlaps in the data. */
enum lw_status lw_safetensors_open(const char *path, struct lw_safetensors *file,
                                   struct lw_error *error);
void lw_safetensors_close(struct lw_safetensors *file);

/* NULL when absent. */
const struct lw_tensor *lw_safetensors_find(const struct lw_safetensors *file, const char *name);
/* A string of __metadata__; NULL when absent. It lives as long as the file is open. */
const char *lw_safetensors_metadata(const struct lw_safetensors *file, const char *key);
/* Converts F32, F16 or BF16 to `elements` floats; exact. The tensor must not be LW_DTYPE_OTHER. */
void lw_tensor_to_float(const struct lw_tensor *tensor, float *out);

#endif
