/* Weights are mapped, and what is resident of them can be let go at any time: they come back when
 * they are read again. */
#include "gen/weights.h"

#include "gen/pack.h"
#include "models/lwm.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { READS_TARGET, READS_SOURCE, READS }; /* in the order of the file */

static enum lw_status out_of_memory(struct lw_error *error)
{
    return lw_fail(error, LW_FAILED, "out of memory while packing weights");
}

/* What goes to the file. The file cache holds a file in pages as large as what was written at once,
 * and a large page is mapped at the cost of a small one: bytes go there up to each 2 MB of the
 * file, and at the end of a part, so that no page is of two parts. */
enum { LARGE_PAGE = 2 << 20 };
struct output {
    FILE *stream;   /* without a buffer */
    uint8_t *bytes; /* [LARGE_PAGE] */
    size_t held, written;
};

static void flush(struct output *output)
{
    fwrite(output->bytes, 1, output->held, output->stream);
    output->written += output->held;
    output->held = 0;
}

static void append(struct output *output, const uint8_t *bytes, size_t count)
{
    while (count) {
        size_t room = LARGE_PAGE - (output->written + output->held) % LARGE_PAGE;
        size_t now = count < room ? count : room;
        memcpy(output->bytes + output->held, bytes, now);
        output->held += now;
        bytes += now;
        count -= now;
        if (now == room)
            flush(output);
    }
}

/* Packs the rows of one code for its family; `first` is its first stored row. */
static enum lw_status write_code(const struct lw_matrix *matrix, const struct lw_pick *pick,
                                 size_t first, struct output *output, struct lw_error *error)
{
    struct lw_spec spec = pick->options[0].spec;
    struct lw_schedule schedule;
    struct lw_pack_layout layout;
    lw_schedule_build(&spec, &schedule);
    lw_pack_layout(&schedule, &layout);
    uint8_t *packed = malloc(layout.bytes);
    float *bias = malloc(spec.rows * sizeof *bias);
    enum lw_status status = packed && bias ? LW_OK : out_of_memory(error);
    if (status == LW_OK) {
        for (size_t r = 0; r < spec.rows; r++)
            bias[r] = matrix->bias[matrix->order ? matrix->order[first + r] : r];
        lw_pack(&schedule, &matrix->codes[pick->code], bias, packed);
        append(output, packed, layout.bytes);
    }
    free(packed);
    free(bias);
    return status;
}

enum lw_status lw_weights_write(const struct lw_model *model, const struct lw_picks *picks,
                                FILE *stream, struct lw_error *error)
{
    struct output output = {stream, malloc(LARGE_PAGE), 0, 0};
    enum lw_status status = output.bytes ? LW_OK : out_of_memory(error);
    setvbuf(stream, NULL, _IONBF, 0);
    for (int reads = READS_TARGET; reads < READS && status == LW_OK; reads++) {
        size_t first = 0;
        for (size_t i = 0; i < picks->count && status == LW_OK; i++) {
            const struct lw_pick *pick = &picks->picks[i];
            const struct lw_matrix *matrix = &model->matrices[pick->matrix];
            first = pick->code ? first : 0;
            if (lw_matrix_reads_source(matrix) == (reads == READS_SOURCE))
                status = write_code(matrix, pick, first, &output, error);
            first += matrix->codes[pick->code].rows;
        }
        if (status == LW_OK)
            flush(&output);
    }
    free(output.bytes);
    return status;
}

/* A window at a time, of which nothing stays where weights are let go later. */
static enum lw_status check(const char *path, struct lw_bundle *bundle, struct lw_error *error)
{
    const struct lw_mapping *weights = &bundle->weights;
    char hash[33];
    if (weights->size > LW_WEIGHTS_KEPT) {
        bundle->readers = calloc(1, sizeof *bundle->readers);
        if (!bundle->readers)
            return lw_fail(error, LW_FAILED, "out of memory");
        lw_want_large_pages(weights);
    }
    if (!lw_mapping_hash(weights, !bundle->readers, hash))
        return lw_fail(error, LW_FAILED, "cannot read %s: %s", path, strerror(errno));
    return strcmp(bundle->weights_hash, hash) == 0
               ? LW_OK
               : lw_fail(error, LW_CORRUPT, "%s does not match its hash in the manifest", path);
}

/* Points to the packed weights of one code, whose spec is there, at *offset and moves past them;
 * they may lie beyond the end. */
static void place_code(const struct lw_bundle *bundle, size_t *offset,
                       struct lw_packed_code *packed)
{
    struct lw_schedule schedule;
    struct lw_pack_layout layout;
    lw_schedule_build(&packed->spec, &schedule);
    lw_pack_layout(&schedule, &layout);
    const uint8_t *start = bundle->weights.data + *offset;
    packed->keys = start;
    packed->scales = start + layout.scales;
    packed->bias = start + layout.bias;
    *offset += layout.bytes;
}

/* The matrices of one part of the file; format 2 has them all in its first. */
static void place_part(const struct lw_model *model, int reads, struct lw_bundle *bundle,
                       size_t *offset)
{
    for (size_t i = 0; i < model->matrix_count; i++) {
        const struct lw_matrix *matrix = &model->matrices[i];
        bool source = bundle->format > 2 && lw_matrix_reads_source(matrix);
        if (!lw_matrix_has_quantised_product(matrix) || source != (reads == READS_SOURCE))
            continue;
        bundle->matrices[i].unit = ldexpf(1.0f, matrix->codes[0].exponent);
        for (size_t c = 0; c < matrix->code_count; c++)
            place_code(bundle, offset, &bundle->matrices[i].codes[c]);
    }
}

enum lw_status lw_weights_place(const char *path, const struct lw_model *model,
                                struct lw_bundle *bundle, struct lw_error *error)
{
    enum lw_status status = check(path, bundle, error);
    size_t offset = 0;
    if (status == LW_OK)
        place_part(model, READS_TARGET, bundle, &offset);
    bundle->first_bytes = offset;
    if (status == LW_OK)
        place_part(model, READS_SOURCE, bundle, &offset);
    if (status == LW_OK && offset != bundle->weights.size)
        status = lw_fail(error, LW_CORRUPT, "%s: %zu bytes do not fit the model", path,
                         bundle->weights.size);
    return status;
}

void lw_bundle_hold(const struct lw_bundle *bundle)
{
    if (bundle->readers)
        atomic_fetch_add(bundle->readers, 1);
}

void lw_bundle_drop(const struct lw_bundle *bundle)
{
    if (bundle->readers)
        atomic_fetch_sub(bundle->readers, 1);
}

bool lw_bundle_let_go(const struct lw_bundle *bundle)
{
    bool alone = bundle->readers && atomic_load(bundle->readers) == 1;
    if (alone)
        lw_forget_mapped(&bundle->weights);
    return alone;
}

size_t lw_bundle_to_come(const struct lw_bundle *bundle, size_t readers)
{
    const size_t size = bundle->weights.size, second = size - bundle->first_bytes;
    if (!bundle->readers || readers > 1)
        return bundle->readers ? size : 0;
    size_t most = bundle->first_bytes > second ? bundle->first_bytes : second;
    return size - most > LARGE_PAGE ? most + LARGE_PAGE : size;
}
