/* How far a model's predictions are from those of a teacher, the fp32 model: the mean over the
 * words of given translations of the divergence sum over words w of p(w) (log p(w) - log q(w)), p
 * the teacher's probabilities and q the model's, in nats. It is never negative and, unlike the
 * change of the loss, does not depend on which word the reference happens to have, so that a few
 * hundred words tell small changes apart. */
#ifndef LW_PROFILES_TEACHER_H
#define LW_PROFILES_TEACHER_H

#include "models/status.h"
#include "models/transformer.h"
#include "runtime/backend.h"
#include "runtime/pairs.h"

#include <stddef.h>

struct lw_teacher;

struct lw_lesson {
    double divergence;  /* nats a word */
    double nats_a_word; /* mean loss of the references' words, </s> included */
};

/* Keeps the teacher's probabilities: 4 bytes for each word of the vocabulary and word of the
 * references. Borrows the pairs. */
enum lw_status lw_teacher_make(const struct lw_pairs *pairs, const struct lw_model *model,
                               const struct lw_backend *backend, size_t threads,
                               struct lw_teacher **teacher, double *nats_a_word,
                               struct lw_error *error);
void lw_teacher_free(struct lw_teacher *teacher);

/* Runs a model of the same shape over the pairs; the backend is called from all threads, and the
 * result does not depend on their number. LW_FAILED, with the line, where a loss is not finite. */
enum lw_status lw_teacher_try(const struct lw_teacher *teacher, const struct lw_model *model,
                              const struct lw_backend *backend, size_t threads,
                              struct lw_lesson *lesson, struct lw_error *error);

#endif
