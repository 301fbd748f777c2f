/* A trial: how well a model does on a parallel text, by the loss of the references and by the BLEU
 * of its own translations. */
#ifndef LW_PROFILES_TRIAL_H
#define LW_PROFILES_TRIAL_H

#include "models/status.h"
#include "models/transformer.h"
#include "runtime/backend.h"
#include "runtime/pairs.h"
#include "runtime/tokenizer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The text, read once for all models that share a tokeniser. Losses and BLEU are over the same
 * pairs: those that lw_pairs_read leaves out are in neither. */
struct lw_trial {
    struct lw_pairs pairs;
    char **references; /* [pairs.count], as they are in the file, without the line's end */
    struct lw_tokenizer *tokenizer;
};

/* Reads the first `most_lines` lines of two files; fails as lw_pairs_read does. The model's
 * tokeniser data must outlive the trial. */
enum lw_status lw_trial_read(const struct lw_model *model, const char *source_path,
                             const char *reference_path, size_t most_lines, struct lw_trial *trial,
                             struct lw_error *error);
/* Safe on a zeroed trial. */
void lw_trial_free(struct lw_trial *trial);

struct lw_trial_result {
    double nats_a_word; /* mean loss of the words of the references, </s> included */
    double bleu;        /* 0..100, of greedy translations; NAN where none were made */
};

/* Runs the model over the pairs and, where `translates`, translates the sources with beam 1 and the
 * model's own longest target. The result does not depend on the number of threads; the backend is
 * called from all of them. LW_FAILED, with the line, where a loss or logits are not finite. */
enum lw_status lw_trial_run(const struct lw_trial *trial, const struct lw_model *model,
                            const struct lw_backend *backend, bool translates, size_t threads,
                            struct lw_trial_result *result, struct lw_error *error);

#endif
