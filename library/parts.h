/* The inside of liblutwidge. */
#ifndef LW_LIBRARY_PARTS_H
#define LW_LIBRARY_PARTS_H

#include "gen/registry.h"
#include "library/lutwidge.h"
#include "models/status.h"
#include "models/transformer.h"
#include "runtime/backend.h"
#include "runtime/sentence.h"
#include "runtime/tokenizer.h"
#include "runtime/translator.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* Never written to between opening and closing, its holders aside. */
struct lutwidge_model {
    atomic_size_t holders; /* the caller, and the translators */
    struct lw_model model;
    bool has_kernels;        /* else its products are fp32 in our fixed order */
    struct lw_bundle bundle; /* open where has_kernels */
    struct lw_tokenizer *tokenizer;
    size_t memory_bytes; /* the most that all of this keeps resident */
};

/* What one thread of a call translates with. */
struct worker {
    struct lutwidge_translator *owner;
    pthread_t thread; /* but for the first, which is the caller's */
    struct lw_backend backend;
    struct lw_translator *translator;
    size_t index; /* of its text in the call */
    bool stopped; /* its watch has stopped it */
};

/* The texts of one call. */
struct call {
    const char *const *texts;
    const size_t *bytes; /* may be NULL */
    struct lutwidge_result **results;
    size_t count;
    atomic_size_t next;    /* text that nobody has taken */
    atomic_bool cancelled; /* a callback wants no more */
};

struct lutwidge_translator {
    struct lutwidge_model *model;
    struct lutwidge_options options;
    struct lw_search search;
    size_t memory_bytes;
    atomic_bool cancelled; /* by lutwidge_cancel */
    atomic_bool busy;
    struct call call;
    pthread_mutex_t token_lock; /* held while the callback runs */
    struct worker *workers;     /* [options.threads] */
};

struct lutwidge_result {
    enum lutwidge_status status;
    char *error; /* malloc'ed; NULL: none */
    size_t count;
    struct lw_translation list[]; /* [count], best first */
};

/* Copies the text, as far as it goes, and gives the status back. `given` may be NULL. */
enum lutwidge_status give_error(struct lutwidge_error *given, enum lw_status status,
                                const struct lw_error *error);
/* An empty text. */
void clear_error(struct lutwidge_error *given);

/* library/model.c: one holder more, or one less; the last frees the model. */
void hold_model(struct lutwidge_model *model);
void drop_model(struct lutwidge_model *model);

/* library/memory.c */

/* The most bytes that a model keeps resident: mapped files, tokeniser and what was made of them.
 * file_bytes: those of the files. */
size_t model_memory(const struct lutwidge_model *model, size_t file_bytes);
/* The same of one worker for a search; fails as lw_translator_measure does. */
enum lw_status worker_memory(const struct lutwidge_model *model, const struct lw_search *search,
                             size_t *bytes, struct lw_error *error);

/* library/result.c */

/* Room for `most` translations, LUTWIDGE_CANCELLED until set; NULL when out of memory. */
struct lutwidge_result *new_result(size_t most);

/* library/batch.c: translates translator->call on all its workers, or on one. The status of the
 * first text without a translation, and why; LUTWIDGE_CANCELLED where any was stopped. */
enum lutwidge_status run_call(struct lutwidge_translator *translator, bool all_workers,
                              struct lw_error *error);

#endif
