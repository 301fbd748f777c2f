/* Planning: which family of kernels computes each matrix of a bundle. All families of a list are of
 * the class of the matrix and give the same bits, so a pick is about time alone.
 */
#ifndef LW_GEN_PICKS_H
#define LW_GEN_PICKS_H

#include "gen/device.h"
#include "gen/spec.h"
#include "models/plan.h"
#include "models/status.h"
#include "models/transformer.h"

#include <stdbool.h>
#include <stddef.h>

/* The N of the calls that families are compared by, falling. */
enum { LW_PICK_COLUMNS = 5, LW_MOST_OPTIONS = 4 };
extern const size_t lw_pick_columns[LW_PICK_COLUMNS];

enum lw_basis {
    LW_BASIS_ESTIMATE, /* the cost model of gen/cost.h */
    LW_BASIS_MEASURED,
};
const char *lw_basis_name(enum lw_basis basis);

/* A family: one packing, kernels for every N. */
struct lw_option {
    struct lw_spec spec;        /* N = 1 */
    double ns[LW_PICK_COLUMNS]; /* of a call with so many columns, their tables included */
    double column_ns; /* of a column, over the N that the matrix sees: the smallest is picked */
};

/* One code of one matrix. */
struct lw_pick {
    size_t matrix, code;
    enum lw_alpha alpha;
    bool many;   /* it sees a column for each word of the source, not for each beam */
    bool output; /* it gives the scores of words, of which a shortlist wants a part */
    size_t option_count;
    struct lw_option options[LW_MOST_OPTIONS]; /* the pick first, once decided */
};

struct lw_picks {
    enum lw_basis basis;
    enum lw_isa isa;
    double key_bytes; /* of the whole model */
    bool resident;    /* keys come from beyond the second cache level, as there are so many */
    size_t count;
    struct lw_pick *picks; /* by matrix and code */
};

/* All families of all quantised products, with no time yet; `device` decides what is resident.
 * LW_USAGE for a model that is all of class f32 or not quantised. */
enum lw_status lw_picks_list(const struct lw_model *model, const struct lw_device *device,
                             struct lw_picks *picks, struct lw_error *error);
/* Fills the times by the cost model. */
enum lw_status lw_picks_estimate(struct lw_picks *picks, const struct lw_device *device,
                                 struct lw_error *error);
/* Sorts the options of each pick by their times, which are there; of equal ones the first listed
 * stays first. */
void lw_picks_decide(struct lw_picks *picks, enum lw_basis basis);
void lw_picks_free(struct lw_picks *picks);

/* The kernels of the first options, and of parts of the output product (gen/registry.h): tables
 * first, then products of falling N; none twice.
 * *specs is malloc'ed. */
enum lw_status lw_picks_specs(const struct lw_picks *picks, struct lw_spec **specs, size_t *count,
                              struct lw_error *error);

/* The family of a product, for people. */
const char *lw_family_name(const struct lw_spec *spec);
/* Whether two kernels differ in N at most. */
bool lw_same_product(const struct lw_spec *a, const struct lw_spec *b);

#endif
