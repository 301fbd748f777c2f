/* Descriptors: 16 little-endian words of 32 bits, the last one the CRC-32 of the others. */
#include "gen/stream.h"

#include <inttypes.h>
#include <pthread.h>
#include <string.h>

enum { WORDS = LW_JOB_BYTES / 4 };

/* CRC-32 of four bytes at a time: table[i][b] is that of byte b and 3 - i zero bytes after it. */
static uint32_t crc_table[4][256];
static pthread_once_t crc_once = PTHREAD_ONCE_INIT;

static void make_crc_table(void)
{
    for (uint32_t i = 4; i-- > 0;)
        for (uint32_t b = 0; b < 256; b++) {
            uint32_t crc = i == 3 ? b : crc_table[i + 1][b];
            for (unsigned bit = 0; bit < 8; bit++)
                crc = crc & 1 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
            crc_table[i][b] = crc;
        }
}

static uint32_t get_word(const uint8_t *line, size_t word)
{
    const uint8_t *at = line + 4 * word;
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static uint32_t crc32(const uint8_t *bytes, size_t words)
{
    uint32_t crc = UINT32_MAX;
    pthread_once(&crc_once, make_crc_table);
    for (size_t i = 0; i < words; i++) {
        crc ^= get_word(bytes, i);
        crc = crc_table[0][crc & 255] ^ crc_table[1][crc >> 8 & 255] ^
              crc_table[2][crc >> 16 & 255] ^ crc_table[3][crc >> 24];
    }
    return ~crc;
}

static void put_word(uint8_t *line, size_t word, uint32_t value)
{
    for (size_t i = 0; i < 4; i++)
        line[4 * word + i] = (uint8_t)(value >> 8 * i);
}

static int64_t static_rounded(int64_t total, unsigned shift, bool relu)
{
    int64_t unit = (int64_t)1 << shift;
    int64_t value = total >> shift, rest = total & (unit - 1);
    if (2 * rest > unit || (2 * rest == unit && (value & 1)))
        value++;
    return relu && value < 0 ? 0 : value;
}

static int64_t static_most(unsigned x_bits)
{
    return ((int64_t)1 << (x_bits - 1)) - 1;
}

int16_t lw_static_value(int64_t total, unsigned shift, bool relu, unsigned x_bits)
{
    int64_t value = static_rounded(total, shift, relu), most = static_most(x_bits);
    return (int16_t)(value > most ? most : value < -most ? -most : value);
}

bool lw_static_saturates(int64_t total, unsigned shift, bool relu, unsigned x_bits)
{
    int64_t value = static_rounded(total, shift, relu), most = static_most(x_bits);
    return value > most || value < -most;
}

void lw_job_encode(const struct lw_job *job, uint8_t line[LW_JOB_BYTES])
{
    const uint32_t words[WORDS - 1] = {
        job->operation | (uint32_t)job->last << 4 | (uint32_t)job->load_x << 5 |
            (uint32_t)job->free_x << 6 | (uint32_t)job->wait << 7 | (uint32_t)job->relu << 8 |
            job->planes << 16 | job->bias_words << 20 | job->mu << 22 | job->shift << 25,
        job->tag,
        job->rows,
        job->columns,
        job->tiles | job->passes << 16,
        job->pass_slots | job->last_slots << 16,
        job->pass_blocks | job->last_blocks << 16,
        job->x_address,
        job->key_address,
        job->scale_address,
        job->y_address,
        job->key_beats,
        job->scale_beats,
        job->x_beats,
        job->y_beats,
    };
    for (size_t i = 0; i < WORDS - 1; i++)
        put_word(line, i, words[i]);
    put_word(line, WORDS - 1, crc32(line, WORDS - 1));
}

enum lw_status lw_job_decode(const uint8_t line[LW_JOB_BYTES], struct lw_job *job,
                             struct lw_error *error)
{
    if (get_word(line, WORDS - 1) != crc32(line, WORDS - 1))
        return lw_fail(error, LW_CORRUPT, "its CRC is wrong");
    uint32_t first = get_word(line, 0);
    if ((first & 15) != LW_JOB_PRODUCT && (first & 15) != LW_JOB_STATIC)
        return lw_fail(error, LW_CORRUPT, "operation %u is unknown", first & 15);
    *job = (struct lw_job){
        .operation = first & 15,
        .last = first >> 4 & 1,
        .load_x = first >> 5 & 1,
        .free_x = first >> 6 & 1,
        .wait = first >> 7 & 1,
        .relu = first >> 8 & 1,
        .shift = first >> 25 & 63,
        .planes = first >> 16 & 15,
        .bias_words = first >> 20 & 3,
        .mu = first >> 22 & 7,
        .tag = get_word(line, 1),
        .rows = get_word(line, 2),
        .columns = get_word(line, 3),
        .tiles = get_word(line, 4) & 0xffff,
        .passes = get_word(line, 4) >> 16,
        .pass_slots = get_word(line, 5) & 0xffff,
        .last_slots = get_word(line, 5) >> 16,
        .pass_blocks = get_word(line, 6) & 0xffff,
        .last_blocks = get_word(line, 6) >> 16,
        .x_address = get_word(line, 7),
        .key_address = get_word(line, 8),
        .scale_address = get_word(line, 9),
        .y_address = get_word(line, 10),
        .key_beats = get_word(line, 11) & 0xffffff,
        .scale_beats = get_word(line, 12) & 0xffffff,
        .x_beats = get_word(line, 13) & 0xffffff,
        .y_beats = get_word(line, 14) & 0xffffff,
    };
    return LW_OK;
}

size_t lw_job_stride(const struct lw_engine *engine)
{
    size_t beat = engine->bus_bits / 8;
    return beat > LW_JOB_BYTES ? beat : LW_JOB_BYTES;
}

static uint64_t beats_of(const struct lw_engine *engine, uint64_t bits)
{
    return (bits + engine->bus_bits - 1) / engine->bus_bits;
}

/* NULL, or what is wrong with the sizes of a job. */
static const char *wrong_sizes(const struct lw_engine *e, const struct lw_job *job)
{
    if (job->mu != e->mu)
        return "its mu is not the engine's";
    if (job->planes < 1 || job->planes > LW_MAX_BITS || job->bias_words < 2 || job->bias_words > 3)
        return "planes or words of bias are out of range";
    if (job->tiles < 1 || job->tiles > e->x_words / e->tables || job->passes < 1)
        return "tiles or passes are out of range";
    if (job->pass_blocks * job->planes != job->pass_slots ||
        job->last_blocks * job->planes != job->last_slots || job->pass_slots > e->slots ||
        job->last_slots > e->slots || job->pass_slots < 1 || job->last_slots < 1)
        return "blocks, planes and slots do not agree";
    uint64_t blocks = (uint64_t)(job->passes - 1) * job->pass_blocks + job->last_blocks;
    uint64_t steps = ((uint64_t)(job->passes - 1) * job->pass_slots + job->last_slots) * job->tiles;
    if (job->rows > blocks * e->rows || job->rows + e->rows <= blocks * e->rows)
        return "rows and blocks do not agree";
    if (job->key_beats != beats_of(e, steps * lw_engine_step_bits(e)))
        return "steps and beats of keys do not agree";
    if (job->scale_beats != beats_of(e, blocks * e->rows * (job->bias_words + job->planes) * 16))
        return "rows and beats of scales do not agree";
    if (job->shift > 47)
        return "its shift is out of range";
    unsigned y_bits = job->operation == LW_JOB_STATIC ? e->x_bits : 64;
    if (job->y_beats != beats_of(e, blocks * e->rows * e->columns * y_bits))
        return "rows and beats of results do not agree";
    if (job->load_x && job->x_beats != beats_of(e, (uint64_t)job->tiles * e->tables * e->mu *
                                                       e->columns * e->x_bits))
        return "tiles and beats of activations do not agree";
    return NULL;
}

static bool inside(const struct lw_engine *engine, const struct lw_image *image, uint32_t address,
                   uint32_t beats)
{
    uint64_t beat = engine->bus_bits / 8;
    return address % beat == 0 && address + beats * beat <= image->bytes;
}

static enum lw_status check_job(const struct lw_engine *engine, const struct lw_image *image,
                                uint64_t address, bool kept, struct lw_job *job,
                                struct lw_error *error)
{
    if (address % lw_job_stride(engine) || address + lw_job_stride(engine) > image->bytes)
        return lw_fail(error, LW_CORRUPT, "it is not in the memory, or not aligned");
    enum lw_status status = lw_job_decode(image->data + address, job, error);
    if (status != LW_OK)
        return status;
    const char *wrong = wrong_sizes(engine, job);
    if (wrong)
        return lw_fail(error, LW_CORRUPT, "%s", wrong);
    if (job->load_x == kept)
        return lw_fail(error, LW_CORRUPT,
                       kept ? "it loads activations although the job before keeps its own"
                            : "it has no activations");
    if (!inside(engine, image, job->key_address, job->key_beats) ||
        !inside(engine, image, job->scale_address, job->scale_beats) ||
        !inside(engine, image, job->y_address, job->y_beats) ||
        (job->load_x && !inside(engine, image, job->x_address, job->x_beats)))
        return lw_fail(error, LW_CORRUPT, "a stream is not in the memory, or not aligned");
    return LW_OK;
}

enum lw_status lw_job_check_list(const struct lw_engine *engine, const struct lw_image *image,
                                 uint32_t list, size_t *count, struct lw_error *error)
{
    struct lw_job job = {.free_x = true};
    for (size_t i = 0;; i++) {
        struct lw_error reason = {0};
        enum lw_status status = check_job(engine, image, list + (uint64_t)i * lw_job_stride(engine),
                                          !job.free_x, &job, &reason);
        if (status != LW_OK)
            return lw_fail(error, status, "stream: job %zu: %s", i, reason.text);
        if (!job.last)
            continue;
        if (!job.free_x)
            return lw_fail(error, LW_CORRUPT, "stream: job %zu: the last job keeps its activations",
                           i);
        if (count)
            *count = i + 1;
        return LW_OK;
    }
}

void lw_job_print_list(const struct lw_engine *engine, const struct lw_image *image, uint32_t list,
                       FILE *out)
{
    struct lw_job job = {0};
    struct lw_error error;
    for (size_t i = 0; !job.last; i++) {
        if (lw_job_decode(image->data + list + i * lw_job_stride(engine), &job, &error) != LW_OK)
            return;
        fprintf(out,
                "%4zu  tag %" PRIu32 "  %" PRIu32 "x%" PRIu32 "  %u planes  %" PRIu32
                " tiles  %" PRIu32 " passes of %" PRIu32 "/%" PRIu32 " slots  keys 0x%08" PRIx32
                "+%" PRIu32 "  scales 0x%08" PRIx32 "+%" PRIu32 "  y 0x%08" PRIx32 "+%" PRIu32,
                i, job.tag, job.rows, job.columns, job.planes, job.tiles, job.passes,
                job.pass_slots, job.last_slots, job.key_address, job.key_beats, job.scale_address,
                job.scale_beats, job.y_address, job.y_beats);
        if (job.load_x)
            fprintf(out, "  x 0x%08" PRIx32 "+%" PRIu32, job.x_address, job.x_beats);
        fprintf(out, "%s%s%s%s%s\n", job.operation == LW_JOB_STATIC ? "  static" : "",
                job.relu ? "  relu" : "", job.wait ? "  wait" : "", job.free_x ? "  free" : "",
                job.last ? "  last" : "");
    }
}
