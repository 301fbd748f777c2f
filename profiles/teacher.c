#include "profiles/teacher.h"

#include "models/checked.h"
#include "runtime/calibrate.h"
#include "runtime/translator.h"

#include <math.h>
#include <pthreadpool.h>
#include <stdlib.h>

struct lw_teacher {
    const struct lw_pairs *pairs;
    size_t words;        /* of the vocabulary */
    float **p;           /* [pairs][target_count][words], one block a pair */
    double *entropies;   /* [pairs]: sum over its words of -sum of p log p */
    size_t target_words; /* of all pairs */
};

/* One run over the pairs, of the teacher or of a model beside it. */
struct lesson {
    struct lw_teacher *taught; /* that keeps what is seen; NULL: a model is tried */
    const struct lw_teacher *teacher;
    struct worker *workers;
    size_t worker_count;
    double *nats, *cross; /* [pairs]; sum over its words of -sum of p log q */
};

struct worker {
    const struct lesson *lesson;
    struct lw_translator *translator;
    size_t pair; /* in hand */
    enum lw_status status;
    struct lw_error error;
};

static void keep(void *context, size_t step, const float *log_probability)
{
    const struct worker *worker = context;
    struct lw_teacher *t = worker->lesson->taught;
    float *p = t->p[worker->pair] + step * t->words;
    double entropy = 0;
    for (size_t w = 0; w < t->words; w++) {
        p[w] = expf(log_probability[w]);
        if (p[w] > 0)
            entropy -= (double)p[w] * (double)log_probability[w];
    }
    t->entropies[worker->pair] += entropy;
}

static void compare(void *context, size_t step, const float *log_probability)
{
    const struct worker *worker = context;
    const struct lw_teacher *t = worker->lesson->teacher;
    const float *p = t->p[worker->pair] + step * t->words;
    double cross = 0;
    for (size_t w = 0; w < t->words; w++)
        if (p[w] > 0)
            cross -= (double)p[w] * (double)log_probability[w];
    worker->lesson->cross[worker->pair] += cross;
}

static void work(void *context, size_t index)
{
    const struct lesson *lesson = context;
    struct worker *worker = &lesson->workers[index];
    const struct lw_pairs *pairs = lesson->teacher->pairs;
    struct lw_error own;
    for (size_t i = index; i < pairs->count && worker->status == LW_OK; i += lesson->worker_count) {
        own.text[0] = 0;
        worker->pair = i;
        worker->status =
            lw_force_seen(worker->translator, &pairs->pairs[i], lesson->taught ? keep : compare,
                          worker, &lesson->nats[i], &own);
        if (worker->status == LW_OK && !(isfinite(lesson->nats[i]) && isfinite(lesson->cross[i])))
            worker->status = lw_fail(&own, LW_FAILED, "the loss is not finite");
        if (worker->status != LW_OK)
            lw_fail(&worker->error, worker->status, "line %zu: %s", pairs->pairs[i].line + 1,
                    own.text);
    }
}

static enum lw_status run(struct lesson *lesson, const struct lw_model *model,
                          const struct lw_backend *backend, struct lw_error *error)
{
    const struct lw_search search = {.beams = 1, .max_length = model->config.positions + 1};
    size_t count = lesson->teacher->pairs->count;
    lesson->workers = calloc(lesson->worker_count, sizeof *lesson->workers);
    lesson->nats = calloc(count, sizeof *lesson->nats);
    lesson->cross = calloc(count, sizeof *lesson->cross);
    pthreadpool_t pool = pthreadpool_create(lesson->worker_count);
    enum lw_status status = LW_OK;
    if (!pool || !lesson->workers || !lesson->nats || !lesson->cross)
        status = lw_fail(error, LW_FAILED, "out of memory or threads for a trial");
    for (size_t i = 0; i < lesson->worker_count && status == LW_OK; i++) {
        lesson->workers[i].lesson = lesson;
        status = lw_translator_open(model, backend, &search, &lesson->workers[i].translator, error);
    }
    if (status == LW_OK)
        pthreadpool_parallelize_1d(pool, work, lesson, lesson->worker_count, 0);
    for (size_t i = 0; i < lesson->worker_count && status == LW_OK; i++)
        if (lesson->workers[i].status != LW_OK)
            status = lw_fail(error, lesson->workers[i].status, "%s", lesson->workers[i].error.text);
    for (size_t i = 0; lesson->workers && i < lesson->worker_count; i++)
        lw_translator_close(lesson->workers[i].translator);
    if (pool)
        pthreadpool_destroy(pool);
    return status;
}

static void free_lesson(struct lesson *lesson)
{
    free(lesson->workers);
    free(lesson->nats);
    free(lesson->cross);
}

static enum lw_status take_memory(struct lw_teacher *t, struct lw_error *error)
{
    t->p = calloc(t->pairs->count, sizeof *t->p);
    t->entropies = calloc(t->pairs->count, sizeof *t->entropies);
    bool whole = t->p && t->entropies;
    for (size_t i = 0; i < t->pairs->count && whole; i++) {
        size_t count = t->pairs->pairs[i].target_count, bytes;
        whole =
            lw_checked_mul(count, t->words, &bytes) && lw_checked_mul(bytes, sizeof **t->p, &bytes);
        t->p[i] = whole ? malloc(bytes) : NULL;
        whole = t->p[i];
        t->target_words += count;
    }
    return whole
               ? LW_OK
               : lw_fail(error, LW_FAILED, "out of memory for what fp32 predicts; try fewer lines");
}

enum lw_status lw_teacher_make(const struct lw_pairs *pairs, const struct lw_model *model,
                               const struct lw_backend *backend, size_t threads,
                               struct lw_teacher **teacher, double *nats_a_word,
                               struct lw_error *error)
{
    struct lw_teacher *t = *teacher = calloc(1, sizeof *t);
    if (!t)
        return lw_fail(error, LW_FAILED, "out of memory for a teacher");
    *t = (struct lw_teacher){.pairs = pairs, .words = model->config.target_words};
    struct lesson lesson = {.taught = t, .teacher = t, .worker_count = threads};
    enum lw_status status = take_memory(t, error);
    if (status == LW_OK)
        status = run(&lesson, model, backend, error);
    *nats_a_word = 0;
    for (size_t i = 0; i < pairs->count && status == LW_OK; i++)
        *nats_a_word += lesson.nats[i] / (double)t->target_words;
    free_lesson(&lesson);
    if (status != LW_OK) {
        lw_teacher_free(t);
        *teacher = NULL;
    }
    return status;
}

void lw_teacher_free(struct lw_teacher *teacher)
{
    if (!teacher)
        return;
    for (size_t i = 0; teacher->p && i < teacher->pairs->count; i++)
        free(teacher->p[i]);
    free(teacher->p);
    free(teacher->entropies);
    free(teacher);
}

enum lw_status lw_teacher_try(const struct lw_teacher *teacher, const struct lw_model *model,
                              const struct lw_backend *backend, size_t threads,
                              struct lw_lesson *lesson, struct lw_error *error)
{
    struct lesson own = {.teacher = teacher, .worker_count = threads};
    enum lw_status status = run(&own, model, backend, error);
    *lesson = (struct lw_lesson){0};
    for (size_t i = 0; i < teacher->pairs->count && status == LW_OK; i++) {
        lesson->divergence += own.cross[i] - teacher->entropies[i];
        lesson->nats_a_word += own.nats[i];
    }
    lesson->divergence /= (double)teacher->target_words;
    lesson->nats_a_word /= (double)teacher->target_words;
    free_lesson(&own);
    return status;
}
