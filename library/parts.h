/* The inside of liblutwidge. */
#ifndef LW_LIBRARY_PARTS_H
#define LW_LIBRARY_PARTS_H

#include "gen/registry.h"
#include "library/lutwidge.h"
#include "models/status.h"
#include "models/transformer.h"
#include "runtime/backend.h"
#include "runtime/sentence.h"
#include "runtime/shortlist.h"
#include "runtime/team.h"
#include "runtime/tokenizer.h"

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

struct lutwidge_translator {
    struct lutwidge_model *model;
    struct lutwidge_options options;
    struct lw_search search;
    struct lw_shortlist shortlist; /* open where options.shortlist */
    size_t threads;                /* of the pool */
    size_t memory_bytes;
    struct lw_backend *backends; /* [threads] */
    struct lw_team *team;
    atomic_bool cancelled; /* by lutwidge_cancel */
    atomic_bool stopped;   /* the call at work, by a callback */
    atomic_bool busy;
    pthread_mutex_t token_lock; /* held while the callback runs */
};

struct lutwidge_result {
    struct lw_sentence sentence;
};

/* Copies the text, as far as it goes, and gives the status back. `given` may be NULL. */
enum lutwidge_status give_error(struct lutwidge_error *given, enum lw_status status,
                                const struct lw_error *error);
/* An empty text. */
void clear_error(struct lutwidge_error *given);

/* library/model.c: one holder more, or one less; the last frees the model. */
void hold_model(struct lutwidge_model *model);
void drop_model(struct lutwidge_model *model);

/* The model of a bundle that is within the program; its parts must stay. */
enum lutwidge_status open_model_parts(const struct lw_bundle_parts *parts,
                                      struct lutwidge_model **model, struct lutwidge_error *error);

/* library/call.c */

/* What the translator's team is to ask. */
struct lw_team_watch call_watch(struct lutwidge_translator *translator);

#endif
