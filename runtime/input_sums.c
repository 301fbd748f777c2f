#include "runtime/input_sums.h"

#include "models/checked.h"
#include "runtime/vector.h"

#include <stdlib.h>
#include <string.h>

enum { PARTS = 4, BLOCK = 64 };

/* Some of the inputs, contiguous. */
struct part {
    const struct lw_walk_site *exact, *coded;
    size_t first, count, d;
    struct lw_input_sums sums;
    float *block; /* [BLOCK][width], X - x and c */
};

static bool take_part(const struct lw_walk_site *exact, const struct lw_walk_site *coded, size_t d,
                      size_t index, struct part *part)
{
    size_t k = coded->columns, cells, wide, bytes;
    size_t share = coded->inputs / PARTS, rest = coded->inputs % PARTS;
    *part = (struct part){.exact = exact,
                          .coded = coded,
                          .first = share * index + (index < rest ? index : rest),
                          .count = share + (index < rest),
                          .d = d};
    part->sums.columns = k;
    if (!lw_checked_add(k, coded->carried ? d : 0, &part->sums.width) ||
        !lw_checked_mul(k, k, &cells) || !lw_checked_mul(k, part->sums.width, &wide) ||
        !lw_checked_mul(wide, sizeof(double), &bytes))
        return false;
    part->sums.gram = calloc(cells, sizeof(double));
    part->sums.differences = calloc(wide, sizeof(double));
    part->block = calloc(part->sums.width, BLOCK * sizeof *part->block);
    return part->sums.gram && part->sums.differences && part->block;
}

static void free_part(struct part *part)
{
    lw_input_sums_free(&part->sums);
    free(part->block);
}

/* X - x and c of `count` inputs. */
static void subtract(const struct part *part, size_t first, size_t count)
{
    size_t k = part->sums.columns, width = part->sums.width, d = part->d;
    for (size_t n = 0; n < count; n++) {
        size_t at = first + n;
        float *out = part->block + n * width;
        for (size_t i = 0; i < k; i++)
            out[i] = part->exact->x[at * k + i] - part->coded->x[at * k + i];
        for (size_t i = 0; i < width - k; i++)
            out[k + i] = part->exact->carried[at * d + i] - part->coded->carried[at * d + i];
    }
}

static void sum_part(void *context, size_t index)
{
    struct part *part = (struct part *)context + index;
    const struct lw_vector *vector = lw_vector_host();
    size_t k = part->sums.columns;
    for (size_t done = 0; done < part->count; done += BLOCK) {
        size_t now = part->count - done < BLOCK ? part->count - done : BLOCK;
        const float *x = part->coded->x + (part->first + done) * k;
        subtract(part, part->first + done, now);
        vector->gram(x, now, k, part->sums.gram);
        vector->cross(x, part->block, now, k, part->sums.width, part->sums.differences);
    }
}

/* The first part becomes the mean of all. */
static enum lw_status add_parts(struct part *parts, struct lw_input_sums *sums,
                                struct lw_error *error)
{
    *sums = parts[0].sums;
    parts[0].sums = (struct lw_input_sums){0};
    size_t k = sums->columns, wide = k * sums->width;
    double count = (double)parts[0].coded->inputs;
    for (size_t p = 1; p < PARTS; p++) {
        for (size_t i = 0; i < k * k; i++)
            sums->gram[i] += parts[p].sums.gram[i];
        for (size_t i = 0; i < wide; i++)
            sums->differences[i] += parts[p].sums.differences[i];
    }
    for (size_t i = 0; i < k * k; i++)
        sums->gram[i] /= count;
    for (size_t i = 0; i < wide; i++)
        sums->differences[i] /= count;
    sums->squares = calloc(k * k, sizeof *sums->squares);
    if (!sums->squares)
        return lw_fail(error, LW_FAILED, "out of memory for the moments of %zu inputs", k);
    for (size_t i = 0; i < k; i++)
        for (size_t j = 0; j <= i; j++)
            sums->squares[i * k + j] = sums->squares[j * k + i] = (float)sums->gram[i * k + j];
    return LW_OK;
}

enum lw_status lw_input_sums_take(const struct lw_walk_site *exact,
                                  const struct lw_walk_site *coded, size_t d, pthreadpool_t pool,
                                  struct lw_input_sums *sums, struct lw_error *error)
{
    struct part parts[PARTS] = {0};
    bool whole = true;
    *sums = (struct lw_input_sums){0};
    for (size_t p = 0; p < PARTS && whole; p++)
        whole = take_part(exact, coded, d, p, &parts[p]);
    enum lw_status status = LW_OK;
    if (whole) {
        pthreadpool_parallelize_1d(pool, sum_part, parts, PARTS, 0);
        status = add_parts(parts, sums, error);
    } else {
        status = lw_fail(error, LW_FAILED, "out of memory for the moments of %zu inputs",
                         coded->columns);
    }
    for (size_t p = 0; p < PARTS; p++)
        free_part(&parts[p]);
    return status;
}

void lw_input_sums_free(struct lw_input_sums *sums)
{
    free(sums->gram);
    free(sums->differences);
    free(sums->squares);
    *sums = (struct lw_input_sums){0};
}
