/* The rows of part_losses, part_costs, plan_losses and plan_costs: each once, by content. Functions
 * that add replace what the same content gave before. */
#ifndef LW_PROFILES_DATABASE_PARTS_H
#define LW_PROFILES_DATABASE_PARTS_H

#include "profiles/cells.h"
#include "profiles/costs.h"
#include "profiles/database.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Rows between the two are kept together: commit where `status` is LW_OK, which it returns then,
 * else none of them. */
enum lw_status lw_database_begin(struct lw_database *database, struct lw_error *error);
enum lw_status lw_database_commit(struct lw_database *database, enum lw_status status,
                                  struct lw_error *error);

/* What the losses of one call have in common. Hashes are XXH3-128, 32 hex digits. */
struct lw_text_subject {
    char model_hash[33], source_hash[33], reference_hash[33];
    size_t lines, calibration_lines;
};
/* And the costs. */
struct lw_cost_subject {
    const char *model_hash;
    const char *maker; /* lw_cost_maker */
    const struct lw_cost_device *device;
    size_t source_words, target_words;
};

enum lw_row_state { LW_ROW_ABSENT, LW_ROW_FAILED, LW_ROW_PARTIAL, LW_ROW_WHOLE };

struct lw_part_loss {
    char part[48];
    int word_class; /* -1: all rows */
    unsigned bits;
    size_t mode;
    double relative_error;
    double divergence, nats_a_word; /* NAN: its error alone is known */
    double fp32_nats_a_word, seconds;
};
/* `failure` is NULL, or why there are no figures. */
enum lw_status lw_database_add_part_loss(struct lw_database *database, int64_t run,
                                         const struct lw_text_subject *subject,
                                         const struct lw_part_loss *loss, const char *failure,
                                         struct lw_error *error);
/* Of part, class, bits and mode of `loss`; PARTIAL: without divergence. */
enum lw_status lw_database_part_loss_state(struct lw_database *database,
                                           const struct lw_text_subject *subject,
                                           const struct lw_part_loss *loss,
                                           enum lw_row_state *state, struct lw_error *error);
/* Calls `row` with each that has not failed. */
enum lw_status
lw_database_each_part_loss(struct lw_database *database, const struct lw_text_subject *subject,
                           void (*row)(void *context, const struct lw_part_loss *loss),
                           void *context, struct lw_error *error);
/* The last one that parts of a model were measured for, the text with its lines; LW_FAILED where
 * there is none. */
enum lw_status lw_database_last_text(struct lw_database *database, const char *model_hash,
                                     struct lw_text_subject *subject, struct lw_error *error);

struct lw_part_cost {
    char part[48], bits[LW_CELL_NAME_BYTES];
    size_t mode;
    struct lw_cost cost;
};
enum lw_status lw_database_add_part_cost(struct lw_database *database, int64_t run,
                                         const struct lw_cost_subject *subject,
                                         const struct lw_part_cost *cost, const char *failure,
                                         struct lw_error *error);
/* PARTIAL: of an engine, without energy. */
enum lw_status lw_database_part_cost_state(struct lw_database *database,
                                           const struct lw_cost_subject *subject,
                                           const struct lw_part_cost *cost,
                                           enum lw_row_state *state, struct lw_error *error);
enum lw_status
lw_database_each_part_cost(struct lw_database *database, const struct lw_cost_subject *subject,
                           void (*row)(void *context, const struct lw_part_cost *cost),
                           void *context, struct lw_error *error);
/* Fills the words of the sentence that costs were last made for; LW_FAILED where there are none of
 * this maker. */
enum lw_status lw_database_last_sentence(struct lw_database *database,
                                         struct lw_cost_subject *subject, struct lw_error *error);

struct lw_plan_loss {
    const char *plan;    /* lw_cells_text */
    const char *purpose; /* "calibrate" or "verify" */
    double size_bytes, divergence, nats_a_word, fp32_nats_a_word;
    double bleu, fp32_bleu; /* NAN: not translated */
    double seconds;
};
enum lw_status lw_database_add_plan_loss(struct lw_database *database, int64_t run,
                                         const struct lw_text_subject *subject,
                                         const struct lw_plan_loss *loss, const char *failure,
                                         struct lw_error *error);
enum lw_status
lw_database_each_plan_loss(struct lw_database *database, const struct lw_text_subject *subject,
                           void (*row)(void *context, const struct lw_plan_loss *loss),
                           void *context, struct lw_error *error);

struct lw_plan_cost {
    const char *plan;
    struct lw_cost cost;
    double peak_memory_bytes; /* of a process that translates with it; NAN: not measured */
    double seconds;
};
enum lw_status lw_database_add_plan_cost(struct lw_database *database, int64_t run,
                                         const struct lw_cost_subject *subject,
                                         const struct lw_plan_cost *cost, const char *failure,
                                         struct lw_error *error);
enum lw_status
lw_database_each_plan_cost(struct lw_database *database, const struct lw_cost_subject *subject,
                           void (*row)(void *context, const struct lw_plan_cost *cost),
                           void *context, struct lw_error *error);
/* Whether there is a row of this plan's loss, failed or not. */
enum lw_status lw_database_has_plan_loss(struct lw_database *database,
                                         const struct lw_text_subject *subject, const char *plan,
                                         bool *there, struct lw_error *error);
/* Of the row of a plan's cost; PARTIAL: of an engine without energy, of others without peak memory.
 */
enum lw_status lw_database_plan_cost_state(struct lw_database *database,
                                           const struct lw_cost_subject *subject, const char *plan,
                                           enum lw_row_state *state, struct lw_error *error);

#endif
