/* The head of an .lwm file and its checksums. */
#include "models/hash.h"
#include "models/lwm.h"
#include "models/lwm_layout.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK_BYTES = 64 * 1024, WINDOW_BYTES = 1 << 20 };

/* As in PNG: a byte no text begins with, and line ends that a transfer as text would change. */
const uint8_t lwm_magic[8] = {0x89, 'L', 'W', 'M', '\r', '\n', 0x1a, '\n'};

const char *lwm_kind_name(uint32_t kind)
{
    static const char *const names[] = {
        [LWM_META] = "meta",
        [LWM_CODES] = "codes",
        [LWM_SCALES] = "scales",
        [LWM_ROWS] = "rows",
        [LWM_VECTORS] = "vectors",
        [LWM_SOURCE_SPM] = "source.spm",
        [LWM_TARGET_SPM] = "target.spm",
        [LWM_SOURCE_WORDS] = "source.words",
        [LWM_TARGET_WORDS] = "target.words",
    };
    return names[kind];
}

uint64_t lwm_checksum(const struct lwm_head *head)
{
    struct lwm_head copy = *head;
    copy.checksum = 0;
    return XXH3_64bits(&copy, lwm_head_bytes(copy.section_count));
}

const struct lwm_section *lwm_find(const struct lwm_head *head, enum lwm_kind kind)
{
    for (size_t i = 0; i < head->section_count; i++)
        if (head->sections[i].kind == kind)
            return &head->sections[i];
    return NULL;
}

static enum lw_status read_head(const char *path, const struct lw_mapping *file,
                                struct lwm_head *head, struct lw_error *error)
{
    size_t fixed = lwm_head_bytes(0);
    if (file->size < fixed)
        return lw_fail(error, LW_CORRUPT, "%s: too short for an .lwm model: %zu bytes", path,
                       file->size);
    memset(head, 0, sizeof *head);
    memcpy(head, file->data, fixed);
    if (memcmp(head->magic, lwm_magic, sizeof lwm_magic) != 0)
        return lw_fail(error, LW_CORRUPT, "%s: not an .lwm model", path);
    if (head->version > LW_LWM_VERSION)
        return lw_fail(error, LW_FAILED,
                       "%s: .lwm version %" PRIu32 " is newer than this program reads (%d)", path,
                       head->version, LW_LWM_VERSION);
    if (head->version < LW_LWM_VERSION)
        return lw_fail(error, LW_CORRUPT,
                       "%s: .lwm version %" PRIu32 " is older than this program reads (%d); run "
                       "'lutwidge quantize' again",
                       path, head->version, LW_LWM_VERSION);
    if (head->file_bytes != file->size)
        return lw_fail(error, LW_CORRUPT, "%s: %zu bytes long where its head says %" PRIu64 "%s",
                       path, file->size, head->file_bytes,
                       file->size < head->file_bytes ? " (truncated?)" : "");
    if (head->section_count > LWM_KINDS || lwm_head_bytes(head->section_count) > file->size)
        return lw_fail(error, LW_CORRUPT, "%s: its head lists %" PRIu32 " sections", path,
                       head->section_count);
    memcpy(head->sections, file->data + fixed, lwm_head_bytes(head->section_count) - fixed);
    if (lwm_checksum(head) != head->checksum)
        return lw_fail(error, LW_CORRUPT, "%s: its head is damaged", path);
    return LW_OK;
}

/* Every section known, in order, where it must be, and none missing. */
static enum lw_status check_table(const char *path, const struct lwm_head *head,
                                  struct lw_error *error)
{
    static const enum lwm_kind needed[] = {LWM_META,    LWM_CODES,      LWM_SCALES,
                                           LWM_VECTORS, LWM_SOURCE_SPM, LWM_SOURCE_WORDS};
    uint64_t end = lwm_head_bytes(head->section_count);
    uint32_t last = 0;
    for (size_t i = 0; i < head->section_count; i++) {
        const struct lwm_section *section = &head->sections[i];
        if (section->kind <= last || section->kind > LWM_KINDS || section->zero != 0)
            return lw_fail(error, LW_CORRUPT,
                           "%s: section %zu is of kind %" PRIu32 ": unknown or out of order", path,
                           i, section->kind);
        if (section->offset != lwm_align(end) || section->offset > head->file_bytes ||
            section->bytes > head->file_bytes - section->offset)
            return lw_fail(error, LW_CORRUPT,
                           "%s: section %s is out of place: %" PRIu64 " bytes at %" PRIu64, path,
                           lwm_kind_name(section->kind), section->bytes, section->offset);
        last = section->kind;
        end = section->offset + section->bytes;
    }
    if (end != head->file_bytes)
        return lw_fail(error, LW_CORRUPT, "%s: %" PRIu64 " bytes after its last section", path,
                       head->file_bytes - end);
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (!lwm_find(head, needed[i]))
            return lw_fail(error, LW_CORRUPT, "%s: section %s is missing", path,
                           lwm_kind_name(needed[i]));
    return LW_OK;
}

/* A window at a time, of which nothing stays: what nobody uses does not count as memory. */
static enum lw_status hash_section(const char *path, const uint8_t *data, uint64_t bytes,
                                   XXH3_state_t *hash, struct lw_error *error)
{
    XXH3_64bits_reset(hash);
    for (uint64_t done = 0; done < bytes; done += WINDOW_BYTES) {
        size_t now = bytes - done < WINDOW_BYTES ? (size_t)(bytes - done) : WINDOW_BYTES;
        if (!lw_fetch_bytes(data + done, now))
            return lw_fail(error, LW_FAILED, "cannot read %s: %s", path, strerror(errno));
        XXH3_64bits_update(hash, data + done, now);
        lw_forget_bytes(data + done, now);
    }
    return LW_OK;
}

static enum lw_status check_section(const char *path, const struct lw_mapping *file, uint64_t end,
                                    const struct lwm_section *section, XXH3_state_t *hash,
                                    struct lw_error *error)
{
    for (uint64_t i = end; i < section->offset; i++)
        if (file->data[i] != 0)
            return lw_fail(error, LW_CORRUPT, "%s: the padding before section %s is not zero", path,
                           lwm_kind_name(section->kind));
    enum lw_status status =
        hash_section(path, file->data + section->offset, section->bytes, hash, error);
    if (status == LW_OK && XXH3_64bits_digest(hash) != section->hash)
        return lw_fail(error, LW_CORRUPT, "%s: section %s is damaged", path,
                       lwm_kind_name(section->kind));
    return status;
}

enum lw_status lwm_verify(const char *path, const struct lw_mapping *mapping, struct lwm_head *head,
                          struct lw_error *error)
{
    XXH3_state_t *hash = XXH3_createState();
    enum lw_status status = hash ? LW_OK : lw_fail(error, LW_FAILED, "out of memory");
    if (status == LW_OK)
        status = read_head(path, mapping, head, error);
    if (status == LW_OK)
        status = check_table(path, head, error);
    uint64_t end = status == LW_OK ? lwm_head_bytes(head->section_count) : 0;
    for (size_t i = 0; status == LW_OK && i < head->section_count; i++) {
        status = check_section(path, mapping, end, &head->sections[i], hash, error);
        end = head->sections[i].offset + head->sections[i].bytes;
    }
    XXH3_freeState(hash);
    return status;
}

bool lw_lwm_is(const char *path)
{
    uint8_t magic[sizeof lwm_magic];
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0)
        return false;
    bool is = pread(file, magic, sizeof magic, 0) == sizeof magic &&
              memcmp(magic, lwm_magic, sizeof magic) == 0;
    close(file);
    return is;
}

/* A file being read in order, a chunk at a time. */
struct reader {
    const char *path;
    int file;
    uint8_t chunk[CHUNK_BYTES];
};

static enum lw_status hash_stream(struct reader *reader, XXH3_state_t *hash, struct lw_error *error)
{
    XXH3_128bits_reset(hash);
    for (;;) {
        ssize_t got = read(reader->file, reader->chunk, CHUNK_BYTES);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return lw_fail(error, LW_FAILED, "cannot read %s: %s", reader->path, strerror(errno));
        if (got == 0)
            return LW_OK;
        XXH3_128bits_update(hash, reader->chunk, (size_t)got);
    }
}

static void print_hash(XXH128_hash_t value, char hash[33])
{
    snprintf(hash, 33, "%016" PRIx64 "%016" PRIx64, value.high64, value.low64);
}

bool lw_mapping_hash(const struct lw_mapping *mapping, bool stays, char hash[33])
{
    XXH3_state_t state;
    XXH3_128bits_reset(&state);
    for (size_t done = 0; done < mapping->size; done += WINDOW_BYTES) {
        size_t left = mapping->size - done, now = left < WINDOW_BYTES ? left : WINDOW_BYTES;
        if (!lw_fetch_bytes(mapping->data + done, now))
            return false;
        XXH3_128bits_update(&state, mapping->data + done, now);
        if (!stays)
            lw_forget_bytes(mapping->data + done, now);
    }
    print_hash(XXH3_128bits_digest(&state), hash);
    return true;
}

enum lw_status lw_file_hash(const char *path, char hash[33], struct lw_error *error)
{
    struct reader reader;
    reader.path = path;
    reader.file = open(path, O_RDONLY | O_CLOEXEC);
    if (reader.file < 0)
        return lw_fail(error, LW_FAILED, "cannot open %s: %s", path, strerror(errno));
    XXH3_state_t *state = XXH3_createState();
    enum lw_status status =
        state ? hash_stream(&reader, state, error) : lw_fail(error, LW_FAILED, "out of memory");
    if (status == LW_OK)
        print_hash(XXH3_128bits_digest(state), hash);
    XXH3_freeState(state);
    close(reader.file);
    return status;
}

void lw_text_hash(const char *text, char hash[33])
{
    print_hash(XXH3_128bits(text, strlen(text)), hash);
}
