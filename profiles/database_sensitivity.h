/* The rows of sensitivities: each point once, by the content of what was measured. */
#ifndef LW_PROFILES_DATABASE_SENSITIVITY_H
#define LW_PROFILES_DATABASE_SENSITIVITY_H

#include "profiles/database.h"
#include "profiles/sensitivity.h"

#include <stddef.h>
#include <stdint.h>

/* What the points of one call have in common: hashes are XXH3-128, 32 hex digits. */
struct lw_sensitivity_subject {
    const char *model_hash, *source_hash, *reference_hash;
    size_t lines; /* of the text that are used */
};

enum lw_sensitivity_state {
    LW_POINT_ABSENT,
    LW_POINT_FAILED,       /* the row holds an error */
    LW_POINT_UNTRANSLATED, /* without BLEU */
    LW_POINT_WHOLE,
};
enum lw_status lw_database_sensitivity_state(struct lw_database *database,
                                             const struct lw_sensitivity_subject *subject,
                                             const struct lw_sensitivity_point *point,
                                             enum lw_sensitivity_state *state,
                                             struct lw_error *error);

/* Adds a run as lw_database_add_run does, before its work; its model is known. Gives its number. */
enum lw_status lw_database_start_run(struct lw_database *database, const struct lw_run *run,
                                     int64_t *id, struct lw_error *error);
/* What the end of the work tells of it. */
enum lw_status lw_database_end_run(struct lw_database *database, int64_t id, double seconds,
                                   double peak_memory_bytes, struct lw_error *error);

/* Adds a point, or replaces it, in a transaction of its own. Where `failure` is not NULL it failed,
 * and of the figures only fp32 and seconds are kept. */
enum lw_status lw_database_add_sensitivity(struct lw_database *database, int64_t run,
                                           const struct lw_sensitivity_subject *subject,
                                           const struct lw_sensitivity_point *point,
                                           const char *products,
                                           const struct lw_sensitivity_figures *figures,
                                           const char *failure, struct lw_error *error);

#endif
