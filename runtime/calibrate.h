/* Teacher forcing: a model is run over given translations, for their loss and for what its products
 * read. */
#ifndef LW_RUNTIME_CALIBRATE_H
#define LW_RUNTIME_CALIBRATE_H

#include "models/moments.h"
#include "models/status.h"
#include "runtime/backend.h"
#include "runtime/pairs.h"
#include "runtime/translator.h"

#include <stdbool.h>
#include <stddef.h>

/* *nats = -sum over i of log p(target[i] | source, target[0..i-1]), </s> included, natural
 * logarithm. The translator may have any beams. LW_USAGE where a side is too long for it. */
enum lw_status lw_force(struct lw_translator *translator, const struct lw_pair *pair, double *nats,
                        struct lw_error *error);
/* The same; `see`, where it is not NULL, is shown the logarithms of the probabilities of all words
 * at each step. */
enum lw_status lw_force_seen(struct lw_translator *translator, const struct lw_pair *pair,
                             void (*see)(void *context, size_t step, const float *log_probability),
                             void *context, double *nats, struct lw_error *error);

/* A backend that shows every input to `see` before it passes the products on to `inner`, which it
 * borrows. x is [columns][K]; the `count` products read the same x. */
struct lw_tap {
    const struct lw_backend *inner;
    void (*see)(void *context, const struct lw_product *products, size_t count, size_t columns,
                const float *x);
    void *context;
};
/* Borrows the tap. */
void lw_backend_tap(struct lw_tap *tap, struct lw_backend *backend);

/* Moments of the inputs of every matrix of a model. */
struct lw_calibration {
    size_t matrix_count;
    struct lw_moments
        *moments;       /* [matrix_count]; matrices that read the same input share figures */
    double nats_a_word; /* mean loss of the model itself over the words of the targets */
    void *storage;
};

/* Runs the model over the pairs. Sums are in double and in the order of the pairs, so the result
 * does not depend on threads. `progress` may be NULL; it returns false to stop (LW_FAILED). */
enum lw_status lw_calibrate(const struct lw_model *model, const struct lw_backend *backend,
                            const struct lw_pairs *pairs,
                            bool (*progress)(void *context, size_t done, size_t all), void *context,
                            struct lw_calibration *calibration, struct lw_error *error);
/* Safe on a zeroed calibration. */
void lw_calibration_free(struct lw_calibration *calibration);

#endif
