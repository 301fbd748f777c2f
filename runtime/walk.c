#include "runtime/walk.h"

#include "models/checked.h"
#include "runtime/network.h"

#include <math.h>
#include <pthreadpool.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_MATRICES = 3 };
enum side { SOURCE, TARGET };

enum kind {
    SELF,  /* q, k, v of a self-attention */
    CROSS, /* q of the encoder-decoder attention */
    O,     /* of either */
    FC1,
    FC2,
    MEMORY, /* k, v of all encoder-decoder attentions */
    OUTPUT
};

struct step {
    enum kind kind;
    enum side side;
    const struct lw_layer *layer;
    const struct lw_attention *attention; /* of SELF, CROSS and O */
    unsigned matrices[MOST_MATRICES];
    size_t count;
};

/* What one thread works with. */
struct worker {
    float *query, *key, *value; /* [positions][d] */
    float *weights;             /* of one query's attention */
    const float **key_rows, **value_rows;
};

/* Letters: S, T words of all sources and targets, d. */
struct lw_walk {
    const struct lw_model *model;
    const struct lw_pairs *pairs;
    const struct lw_vector *vector;
    struct lw_translator *embedder;
    struct lw_backend backend;
    pthreadpool_t pool;
    size_t worker_count;
    struct worker *workers;
    size_t *first[2];        /* [pairs + 1], where the words of a pair begin */
    float *hidden[2];        /* [S][d], [T][d] */
    float *mixed;            /* [max(S, T)][d], of the attention at work */
    float *inner;            /* [max(S, T)][ffn], of the feed-forward at work */
    struct step *steps;      /* [step_count] */
    unsigned *memory_reads;  /* [2 x decoder layers] */
    size_t step_count, next; /* the step whose site is given next */
    const struct step *now;  /* what `work` does */
};

static size_t words_of(const struct lw_walk *w, enum side side, size_t pair)
{
    return w->first[side][pair + 1] - w->first[side][pair];
}

/* ---- the order of the products ---- */

static void add_step(struct lw_walk *w, enum kind kind, enum side side,
                     const struct lw_layer *layer, const struct lw_attention *attention)
{
    struct step *step = &w->steps[w->step_count++];
    *step = (struct step){kind, side, layer, attention, {0}, 1};
    if (kind == SELF) {
        step->matrices[0] = attention->q;
        step->matrices[1] = attention->k;
        step->matrices[2] = attention->v;
        step->count = 3;
    } else {
        step->matrices[0] = kind == CROSS ? attention->q
                            : kind == O   ? attention->o
                            : kind == FC1 ? layer->fc1
                            : kind == FC2 ? layer->fc2
                                          : w->model->output;
    }
}

static void add_layer(struct lw_walk *w, enum side side, const struct lw_layer *layer)
{
    add_step(w, SELF, side, layer, &layer->self);
    add_step(w, O, side, layer, &layer->self);
    if (side == TARGET) {
        add_step(w, CROSS, side, layer, &layer->cross);
        add_step(w, O, side, layer, &layer->cross);
    }
    add_step(w, FC1, side, layer, NULL);
    add_step(w, FC2, side, layer, NULL);
}

static void list_steps(struct lw_walk *w)
{
    const struct lw_config *config = &w->model->config;
    for (size_t i = 0; i < config->encoder_layers; i++)
        add_layer(w, SOURCE, &w->model->encoder[i]);
    w->steps[w->step_count++] = (struct step){.kind = MEMORY, .side = SOURCE};
    for (size_t i = 0; i < config->decoder_layers; i++) {
        add_layer(w, TARGET, &w->model->decoder[i]);
        w->memory_reads[2 * i] = w->model->decoder[i].cross.k;
        w->memory_reads[2 * i + 1] = w->model->decoder[i].cross.v;
    }
    add_step(w, OUTPUT, TARGET, NULL, NULL);
}

/* ---- products ---- */

static void multiply(struct lw_walk *w, unsigned matrix, size_t count, const float *x, float *y)
{
    const struct lw_matrix *m = &w->model->matrices[matrix];
    w->vector->product(m->dense, m->bias, x, y, m->rows, m->columns, count);
}

/* The attention of one sentence: x asks, `read` is what keys and values are made of. */
static void attend(struct lw_walk *w, struct worker *own, const struct step *step, size_t pair)
{
    size_t d = w->model->config.d_model;
    bool causal = step->kind == SELF && step->side == TARGET;
    enum side side = step->side, other = step->kind == CROSS ? SOURCE : step->side;
    size_t heads = side == SOURCE ? w->model->config.encoder_heads : w->model->config.decoder_heads;
    size_t queries = words_of(w, side, pair), keys = words_of(w, other, pair);
    const float *x = w->hidden[side] + w->first[side][pair] * d;
    const float *read = w->hidden[other] + w->first[other][pair] * d;
    float *mixed = w->mixed + w->first[side][pair] * d;
    float scale = (float)(1.0 / sqrt((double)(d / heads)));
    multiply(w, step->attention->q, queries, x, own->query);
    multiply(w, step->attention->k, keys, read, own->key);
    multiply(w, step->attention->v, keys, read, own->value);
    for (size_t i = 0; i < keys; i++) {
        own->key_rows[i] = own->key + i * d;
        own->value_rows[i] = own->value + i * d;
    }
    for (size_t i = 0; i < queries; i++)
        w->vector->attend(own->query + i * d, own->key_rows, own->value_rows, causal ? i + 1 : keys,
                          heads, d / heads, scale, own->weights, mixed + i * d);
}

/* hidden = norm(hidden + W x) */
static void end(struct lw_walk *w, struct worker *own, const struct step *step, size_t pair)
{
    size_t d = w->model->config.d_model, at = w->first[step->side][pair];
    size_t count = words_of(w, step->side, pair);
    size_t columns = w->model->matrices[step->matrices[0]].columns;
    const struct lw_norm *norm = step->kind == FC2 ? &step->layer->norm : &step->attention->norm;
    const float *x = (step->kind == FC2 ? w->inner : w->mixed) + at * columns;
    float *hidden = w->hidden[step->side] + at * d;
    multiply(w, step->matrices[0], count, x, own->query);
    w->vector->add(own->query, hidden, count * d);
    for (size_t i = 0; i < count; i++)
        w->vector->layer_norm(hidden + i * d, norm->gain, norm->bias, d);
}

static void activate(struct lw_walk *w, const struct step *step, size_t pair)
{
    size_t d = w->model->config.d_model, at = w->first[step->side][pair];
    size_t count = words_of(w, step->side, pair), rows = w->model->matrices[step->layer->fc1].rows;
    float *inner = w->inner + at * rows;
    multiply(w, step->layer->fc1, count, w->hidden[step->side] + at * d, inner);
    lw_activate(w->vector, w->model->config.activation, inner, count * rows);
}

static void work(void *context, size_t index)
{
    struct lw_walk *w = context;
    const struct step *step = w->now;
    for (size_t pair = index; pair < w->pairs->count; pair += w->worker_count)
        switch (step->kind) {
        case SELF:
        case CROSS:
            attend(w, &w->workers[index], step, pair);
            break;
        case O:
        case FC2:
            end(w, &w->workers[index], step, pair);
            break;
        case FC1:
            activate(w, step, pair);
            break;
        case MEMORY:
        case OUTPUT:
            break;
        }
}

/* ---- the walk ---- */

static enum lw_status embed(struct lw_walk *w, enum side side, struct lw_error *error)
{
    const struct lw_model *model = w->model;
    size_t d = model->config.d_model;
    enum lw_status status = LW_OK;
    for (size_t i = 0; i < w->pairs->count && status == LW_OK; i++) {
        const struct lw_pair *pair = &w->pairs->pairs[i];
        float *hidden = w->hidden[side] + w->first[side][i] * d;
        if (side == SOURCE) {
            status = lw_check_source(model, pair->source, pair->source_count, error);
            if (status == LW_OK)
                lw_embed(w->embedder, model->source_embedding, pair->source, pair->source_count, 0,
                         false, hidden);
            continue;
        }
        status =
            lw_check_words(pair->target, pair->target_count, model->config.target_words, error);
        if (status == LW_OK && pair->target_count > model->config.positions)
            status = lw_fail(error, LW_USAGE, "%zu target words; the model takes %zu",
                             pair->target_count, model->config.positions);
        for (size_t t = 0; t < pair->target_count && status == LW_OK; t++)
            lw_embed(w->embedder, model->target_embedding,
                     t ? &pair->target[t - 1] : &model->config.decoder_start, 1, t, true,
                     hidden + t * d);
    }
    return status;
}

/* Where the words of each pair begin; false where they are too many to count. */
static bool count_words(struct lw_walk *w)
{
    for (int side = 0; side < 2; side++) {
        size_t *first = w->first[side] = calloc(w->pairs->count + 1, sizeof *first);
        for (size_t i = 0; first && i < w->pairs->count; i++) {
            const struct lw_pair *pair = &w->pairs->pairs[i];
            if (!lw_checked_add(first[i], side == SOURCE ? pair->source_count : pair->target_count,
                                &first[i + 1]))
                return false;
        }
        if (!first)
            return false;
    }
    return true;
}

/* calloc of floats, whose number may overflow. */
static float *take_floats(size_t rows, size_t columns)
{
    size_t count, bytes;
    bool fits =
        lw_checked_mul(rows, columns, &count) && lw_checked_mul(count, sizeof(float), &bytes);
    return fits ? calloc(count ? count : 1, sizeof(float)) : NULL;
}

static bool take_worker(const struct lw_walk *w, struct worker *worker)
{
    const struct lw_config *c = &w->model->config;
    size_t heads = c->encoder_heads > c->decoder_heads ? c->encoder_heads : c->decoder_heads;
    size_t most = c->positions;
    worker->query = take_floats(most, c->d_model);
    worker->key = take_floats(most, c->d_model);
    worker->value = take_floats(most, c->d_model);
    worker->weights = take_floats(lw_vector_padded(most), heads);
    worker->key_rows = calloc(most, sizeof *worker->key_rows);
    worker->value_rows = calloc(most, sizeof *worker->value_rows);
    return worker->query && worker->key && worker->value && worker->weights && worker->key_rows &&
           worker->value_rows;
}

static enum lw_status take_memory(struct lw_walk *w, struct lw_error *error)
{
    const struct lw_config *c = &w->model->config;
    size_t ffn = c->encoder_ffn > c->decoder_ffn ? c->encoder_ffn : c->decoder_ffn;
    bool whole = count_words(w);
    if (whole) {
        size_t sources = w->first[SOURCE][w->pairs->count];
        size_t targets = w->first[TARGET][w->pairs->count];
        size_t most = sources > targets ? sources : targets;
        w->hidden[SOURCE] = take_floats(sources, c->d_model);
        w->hidden[TARGET] = take_floats(targets, c->d_model);
        w->mixed = take_floats(most, c->d_model);
        w->inner = take_floats(most, ffn);
    }
    w->steps = calloc(4 * c->encoder_layers + 6 * c->decoder_layers + 2, sizeof *w->steps);
    w->memory_reads = calloc(2 * c->decoder_layers, sizeof *w->memory_reads);
    w->workers = calloc(w->worker_count, sizeof *w->workers);
    w->pool = pthreadpool_create(w->worker_count);
    whole = whole && w->hidden[SOURCE] && w->hidden[TARGET] && w->mixed && w->inner && w->steps &&
            w->memory_reads && w->workers && w->pool;
    for (size_t i = 0; i < w->worker_count && whole; i++)
        whole = take_worker(w, &w->workers[i]);
    return whole ? LW_OK
                 : lw_fail(error, LW_FAILED,
                           "out of memory or threads for what %zu lines make a model compute; "
                           "calibrate on fewer lines",
                           w->pairs->count);
}

enum lw_status lw_walk_open(const struct lw_model *model, const struct lw_pairs *pairs,
                            size_t threads, struct lw_walk **walk, struct lw_error *error)
{
    struct lw_walk *w = *walk = calloc(1, sizeof *w);
    const struct lw_search search = {.beams = 1, .max_length = model->config.positions + 1};
    if (!w)
        return lw_fail(error, LW_FAILED, "out of memory for calibration");
    *w = (struct lw_walk){
        .model = model, .pairs = pairs, .vector = lw_vector_host(), .worker_count = threads};
    enum lw_status status = take_memory(w, error);
    if (status == LW_OK)
        status = lw_translator_open(model, &w->backend, &search, &w->embedder, error);
    if (status == LW_OK) {
        list_steps(w);
        status = embed(w, SOURCE, error);
    }
    if (status == LW_OK)
        status = embed(w, TARGET, error);
    if (status != LW_OK) {
        lw_walk_close(w);
        *walk = NULL;
    }
    return status;
}

static void describe(const struct lw_walk *w, const struct step *step, struct lw_walk_site *site)
{
    size_t d = w->model->config.d_model;
    const float *hidden = w->hidden[step->side];
    *site = (struct lw_walk_site){.matrices = step->matrices,
                                  .count = step->count,
                                  .inputs = w->first[step->side][w->pairs->count],
                                  .columns = d,
                                  .x = hidden};
    if (step->kind == MEMORY) {
        site->matrices = w->memory_reads;
        site->count = 2 * w->model->config.decoder_layers;
    } else {
        site->columns = w->model->matrices[step->matrices[0]].columns;
    }
    if (step->kind == O || step->kind == FC2) {
        site->x = step->kind == O ? w->mixed : w->inner;
        site->carried = hidden;
    }
}

static bool is_finite(const struct lw_walk_site *site)
{
    for (size_t i = 0; i < site->inputs * site->columns; i++)
        if (!isfinite(site->x[i]))
            return false;
    return true;
}

enum lw_status lw_walk_next(struct lw_walk *walk, bool *there, struct lw_walk_site *site,
                            struct lw_error *error)
{
    if (walk->next > 0) {
        walk->now = &walk->steps[walk->next - 1];
        pthreadpool_parallelize_1d(walk->pool, work, walk, walk->worker_count, 0);
    }
    *there = walk->next < walk->step_count;
    if (!*there)
        return LW_OK;
    describe(walk, &walk->steps[walk->next++], site);
    if (!is_finite(site))
        return lw_fail(error, LW_FAILED, "the inputs of matrix %s are not finite",
                       walk->model->matrices[site->matrices[0]].name);
    return LW_OK;
}

void lw_walk_close(struct lw_walk *walk)
{
    if (!walk)
        return;
    for (size_t i = 0; walk->workers && i < walk->worker_count; i++) {
        struct worker *worker = &walk->workers[i];
        free(worker->query);
        free(worker->key);
        free(worker->value);
        free(worker->weights);
        free(worker->key_rows);
        free(worker->value_rows);
    }
    if (walk->pool)
        pthreadpool_destroy(walk->pool);
    lw_translator_close(walk->embedder);
    for (int side = 0; side < 2; side++) {
        free(walk->first[side]);
        free(walk->hidden[side]);
    }
    free(walk->mixed);
    free(walk->inner);
    free(walk->steps);
    free(walk->memory_reads);
    free(walk->workers);
    free(walk);
}
