#include "runtime/calibrate.h"

#include "models/checked.h"
#include "runtime/network.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum lw_status lw_force_seen(struct lw_translator *translator, const struct lw_pair *pair,
                             void (*see)(void *context, size_t step, const float *log_probability),
                             void *context, double *nats, struct lw_error *error)
{
    struct lw_translator *t = translator;
    size_t words = t->model->config.target_words;
    const float *ignored;
    *nats = 0;
    enum lw_status status = lw_check_words(pair->target, pair->target_count, words, error);
    if (status == LW_OK)
        status = lw_encode(t, pair->source, pair->source_count, &ignored, error);
    for (size_t i = 0; i < pair->target_count && status == LW_OK; i++) {
        int32_t before = i ? pair->target[i - 1] : t->model->config.decoder_start;
        status = lw_decode_step(t, &before, 1, i, &ignored, error);
        if (status != LW_OK)
            break;
        t->vector->log_softmax(t->logits, words);
        *nats -= (double)t->logits[pair->target[i]];
        if (isnan(*nats))
            status = lw_fail(error, LW_FAILED, "the logits of step %zu are not finite", i);
        else if (see)
            see(context, i, t->logits);
    }
    return status;
}

enum lw_status lw_force(struct lw_translator *translator, const struct lw_pair *pair, double *nats,
                        struct lw_error *error)
{
    return lw_force_seen(translator, pair, NULL, NULL, nats, error);
}

static enum lw_status multiply_seen(void *self, const struct lw_product *products, size_t count,
                                    size_t columns, const float *x, struct lw_error *error)
{
    const struct lw_tap *tap = self;
    tap->see(tap->context, products, count, columns, x);
    return tap->inner->multiply(tap->inner->self, products, count, columns, x, error);
}

void lw_backend_tap(struct lw_tap *tap, struct lw_backend *backend)
{
    *backend = (struct lw_backend){tap->inner->name, tap, multiply_seen, NULL, NULL};
}

/* Inputs are kept until there are so many, for a pass over a Gram matrix costs more than a few of
 * its products. */
enum { BLOCK_COLUMNS = 64 };

/* What products that read the same inputs share. */
struct sums {
    size_t columns, count; /* K; inputs seen */
    size_t waiting;        /* inputs in `block` that `gram` lacks */
    float *block;          /* [BLOCK_COLUMNS][K] */
    double *gram;          /* [K][K], below the diagonal and on it */
    float *squares;        /* [K][K], what becomes of it */
};

struct collection {
    const struct lw_model *model;
    size_t sums_count;
    struct sums *sums;  /* [matrix_count] at most */
    struct sums **of;   /* [matrix_count], NULL: not seen */
    bool out_of_memory; /* and nothing is collected any more */
};

static void free_sums(struct sums *sums)
{
    free(sums->block);
    free(sums->gram);
    free(sums->squares);
    *sums = (struct sums){0};
}

static void free_collection(struct collection *c)
{
    for (size_t i = 0; i < c->sums_count; i++)
        free_sums(&c->sums[i]);
    free(c->sums);
    free(c->of);
    free(c);
}

/* The weights of a matrix are in memory, but it may have fewer rows than columns. */
static bool take_sums(struct sums *sums, size_t columns)
{
    size_t cells, bytes;
    if (!lw_checked_mul(columns, columns, &cells) ||
        !lw_checked_mul(cells, sizeof *sums->gram, &bytes))
        return false;
    *sums = (struct sums){.columns = columns,
                          .block = calloc(columns, BLOCK_COLUMNS * sizeof *sums->block),
                          .gram = calloc(1, bytes)};
    return sums->block && sums->gram;
}

static void flush(struct sums *sums)
{
    lw_vector_host()->gram(sums->block, sums->waiting, sums->columns, sums->gram);
    sums->waiting = 0;
}

static void see(void *context, const struct lw_product *products, size_t count, size_t columns,
                const float *x)
{
    struct collection *c = context;
    struct sums *sums = c->of[products[0].matrix];
    if (c->out_of_memory)
        return;
    if (!sums) {
        sums = &c->sums[c->sums_count++];
        c->out_of_memory = !take_sums(sums, c->model->matrices[products[0].matrix].columns);
        if (c->out_of_memory)
            return;
        for (size_t i = 0; i < count; i++)
            c->of[products[i].matrix] = sums;
    }
    for (size_t n = 0; n < columns; n++) {
        memcpy(sums->block + sums->waiting++ * sums->columns, x + n * sums->columns,
               sums->columns * sizeof *x);
        if (sums->waiting == BLOCK_COLUMNS)
            flush(sums);
    }
    sums->count += columns;
}

/* From sums to means of products, as floats; the sums are freed. */
static enum lw_status finish(struct sums *sums, const char *name, struct lw_error *error)
{
    size_t k = sums->columns;
    double count = (double)sums->count;
    flush(sums);
    sums->squares = calloc(k, k * sizeof *sums->squares);
    if (!sums->squares)
        return lw_fail(error, LW_FAILED, "out of memory for calibration");
    for (size_t i = 0; i < k; i++) {
        for (size_t j = 0; j <= i; j++)
            sums->squares[i * k + j] = sums->squares[j * k + i] =
                (float)(sums->gram[i * k + j] / count);
        if (!isfinite(sums->squares[i * k + i]))
            return lw_fail(error, LW_FAILED, "the inputs of matrix %s are too large to calibrate",
                           name);
    }
    free(sums->gram);
    free(sums->block);
    sums->gram = NULL;
    sums->block = NULL;
    return LW_OK;
}

static enum lw_status finish_all(const struct collection *c, struct lw_calibration *calibration,
                                 struct lw_error *error)
{
    enum lw_status status = LW_OK;
    for (size_t i = 0; i < c->model->matrix_count && status == LW_OK; i++) {
        const struct lw_matrix *matrix = &c->model->matrices[i];
        struct sums *sums = c->of[i];
        calibration->moments[i] = (struct lw_moments){.columns = matrix->columns};
        if (!sums)
            continue;
        if (!sums->squares)
            status = finish(sums, matrix->name, error);
        calibration->moments[i] = (struct lw_moments){matrix->columns, sums->count, sums->squares};
    }
    return status;
}

static enum lw_status run(const struct lw_model *model, const struct lw_backend *backend,
                          const struct lw_pairs *pairs, struct collection *c,
                          bool (*progress)(void *context, size_t done, size_t all), void *context,
                          double *nats_a_word, struct lw_error *error)
{
    struct lw_tap tap = {backend, see, c};
    struct lw_backend tapped;
    struct lw_translator *translator = NULL;
    struct lw_search search = {1, model->config.positions + 1, 1.0f, false};
    double sum = 0;
    size_t words = 0;
    lw_backend_tap(&tap, &tapped);
    enum lw_status status = lw_translator_open(model, &tapped, &search, &translator, error);
    for (size_t i = 0; i < pairs->count && status == LW_OK; i++) {
        double nats;
        status = lw_force(translator, &pairs->pairs[i], &nats, error);
        sum += nats;
        words += pairs->pairs[i].target_count;
        if (status == LW_OK && c->out_of_memory)
            status = lw_fail(error, LW_FAILED, "out of memory for calibration");
        if (status == LW_OK && progress && !progress(context, i + 1, pairs->count))
            status = lw_fail(error, LW_FAILED, "calibration stopped after pair %zu", i + 1);
    }
    lw_translator_close(translator);
    *nats_a_word = words ? sum / (double)words : 0;
    return status;
}

enum lw_status lw_calibrate(const struct lw_model *model, const struct lw_backend *backend,
                            const struct lw_pairs *pairs,
                            bool (*progress)(void *context, size_t done, size_t all), void *context,
                            struct lw_calibration *calibration, struct lw_error *error)
{
    size_t count = model->matrix_count;
    struct collection *c = calloc(1, sizeof *c);
    *calibration = (struct lw_calibration){.matrix_count = count, .storage = c};
    calibration->moments = calloc(count, sizeof *calibration->moments);
    if (c)
        *c = (struct collection){.model = model,
                                 .sums = calloc(count, sizeof *c->sums),
                                 .of = calloc(count, sizeof(struct sums *))};
    enum lw_status status = LW_OK;
    if (!calibration->moments || !c || !c->sums || !c->of)
        status = lw_fail(error, LW_FAILED, "out of memory for calibration");
    if (status == LW_OK)
        status = run(model, backend, pairs, c, progress, context, &calibration->nats_a_word, error);
    if (status == LW_OK)
        status = finish_all(c, calibration, error);
    if (status != LW_OK)
        lw_calibration_free(calibration);
    return status;
}

void lw_calibration_free(struct lw_calibration *calibration)
{
    if (calibration->storage)
        free_collection(calibration->storage);
    free(calibration->moments);
    *calibration = (struct lw_calibration){0};
}
