/* Private to models/lwm_*.c: the bytes of an .lwm file, version 3 (docs/MODEL_FORMAT.md).
 *
 *   0    struct lwm_head: 32 bytes, then 32 bytes a section, in ascending order of kind
 *   ...  zeros up to a multiple of LWM_ALIGN
 *   ...  first section, zeros up to a multiple of LWM_ALIGN, second section, ...
 *   end  with the last byte of the last section
 *
 * All numbers are little-endian. The place of a section follows from the sizes before it, so that a
 * table which leaves holes or overlaps is refused. */
#ifndef LW_MODELS_LWM_LAYOUT_H
#define LW_MODELS_LWM_LAYOUT_H

#include "models/file.h"
#include "models/lwm.h"
#include "models/nested.h"
#include "models/status.h"
#include "models/transformer.h"

#include <stddef.h>
#include <stdint.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, ".lwm is mapped as it is: little-endian");

enum lwm_kind {
    LWM_META = 1, /* JSON */
    LWM_CODES,    /* planes of all matrices, in order, without gaps; or of all chunks */
    LWM_SCALES,   /* mantissas of all matrices, in order; or of all chunks */
    LWM_ROWS,     /* bits of each row of the matrices whose rows differ, two rows a byte, the low
                     nibble first; absent where there are none */
    LWM_VECTORS,  /* lw_model.vectors */
    LWM_SOURCE_SPM,
    LWM_TARGET_SPM, /* absent: the same as the source's */
    LWM_SOURCE_WORDS,
    LWM_TARGET_WORDS, /* absent: the same as the source's */
    LWM_KINDS = LWM_TARGET_WORDS,
};

enum { LWM_ALIGN = 64 };

struct lwm_section {
    uint32_t kind;
    uint32_t zero;
    uint64_t offset; /* bytes from the start of the file, a multiple of LWM_ALIGN */
    uint64_t bytes;
    uint64_t hash; /* XXH3-64 of the section's bytes */
};

struct lwm_head {
    uint8_t magic[8];
    uint32_t version;
    uint32_t section_count;
    uint64_t file_bytes;
    uint64_t checksum; /* XXH3-64 of the head up to the last section's entry, this field as 0 */
    struct lwm_section sections[LWM_KINDS];
};

_Static_assert(sizeof(struct lwm_section) == 32, "written as it is");
_Static_assert(offsetof(struct lwm_head, sections) == 32, "written as it is");

extern const uint8_t lwm_magic[8];

static inline size_t lwm_head_bytes(size_t section_count)
{
    return offsetof(struct lwm_head, sections) + section_count * sizeof(struct lwm_section);
}

/* Where the next section begins. */
static inline uint64_t lwm_align(uint64_t end)
{
    return (end + (LWM_ALIGN - 1)) / LWM_ALIGN * LWM_ALIGN;
}

/* "meta", "codes", ...; kind is 1..LWM_KINDS. */
const char *lwm_kind_name(uint32_t kind);
uint64_t lwm_checksum(const struct lwm_head *head);
/* NULL where the file has no such section. */
const struct lwm_section *lwm_find(const struct lwm_head *head, enum lwm_kind kind);

/* What the sections of a file of this model add up to. */
void lwm_sum_sizes(const struct lwm_head *head, const struct lw_model *model, struct lw_size *size);

/* Reads and checks every byte of a mapped file with pread: head, checksums, zeros between the
 * sections. */
enum lw_status lwm_verify(const char *path, const struct lw_mapping *mapping, struct lwm_head *head,
                          struct lw_error *error);

/* The meta section of a model: NUL-terminated, malloc'ed. */
enum lw_status lwm_meta_write(const struct lw_nested *nested, const char *made_by, char **text,
                              struct lw_error *error);
/* Fills config, layout, made_by, of each matrix its class and its codes but for their data, and the
 * chunks likewise. On failure the caller frees what was filled. */
enum lw_status lwm_meta_read(const char *text, size_t bytes, struct lw_nested *nested,
                             struct lw_error *error);

#endif
