/* What the database foretells of any plan of a model. docs/ALLOCATION.md states the model:
 *
 *   parts' loss S = sum over parts of the divergence measured with that part alone quantised; codes
 *                   that were not tried are scaled by their relative errors
 *   divergence    = factor * S ^ power                       calibrated on whole plans
 *   BLEU drop     = bleu_slope * divergence                  calibrated on whole plans
 *   latency       = base + share * sum of the parts' costs   calibrated on whole plans on this
 *                                                            machine; else 0 and 1
 *   peak memory   = memory base + memory share * bytes of the parts' weights on the device, the
 * same energy        sum of the parts' energies bytes         exact
 */
#ifndef LW_PROFILES_PREDICTION_H
#define LW_PROFILES_PREDICTION_H

#include "profiles/allocation.h"
#include "profiles/costs.h"
#include "profiles/database_parts.h"

#include <stdbool.h>
#include <stddef.h>

/* How well a calibrated figure fits the whole plans that were measured. */
struct lw_fit_quality {
    size_t plans; /* 0: not calibrated */
    double rms;   /* root of the mean square of the relative errors */
    double worst; /* largest relative error */
    double rank;  /* Spearman's correlation of predicted and measured; NAN of fewer than 3 */
};

struct lw_prediction {
    const struct lw_part *parts; /* borrowed */
    size_t part_count;
    struct lw_cell **cells;                /* [part_count][items[p].option_count] */
    struct lw_allocation_option **options; /* the same; latency in units of cost, S as loss */
    struct lw_allocation_item *items;      /* [part_count] */
    bool has_costs;
    bool lacks_costs;     /* of some code whose loss is known: the device takes it not */
    bool has_energy;      /* of all options; else their energies are 0 */
    double factor, power; /* of the divergence */
    double bleu_slope;    /* NAN: not known */
    double fp32_bleu;     /* NAN: not known */
    double base, share;   /* of the latency, in units of cost */
    double memory_base, memory_share; /* of the peak memory, in bytes; 0 and 1: the weights alone */
    struct lw_fit_quality divergence, latency, bleu, memory;
};

struct lw_prediction_setup {
    const struct lw_model *model; /* dense */
    const struct lw_part *parts;
    size_t part_count;
    struct lw_database *database;
    const struct lw_text_subject *text;
    const struct lw_cost_subject *costs; /* NULL: no device */
};

/* LW_FAILED where a part has no code with all figures. */
enum lw_status lw_prediction_make(const struct lw_prediction_setup *setup,
                                  struct lw_prediction *prediction, struct lw_error *error);
/* Safe on a zeroed prediction. */
void lw_prediction_free(struct lw_prediction *prediction);

/* Of S, and back; in nats a word. */
double lw_predict_divergence(const struct lw_prediction *prediction, double parts_loss);
double lw_predict_parts_loss(const struct lw_prediction *prediction, double divergence);
/* The option of a part that is this cell; false where it has none. */
bool lw_prediction_find(const struct lw_prediction *prediction, size_t part,
                        const struct lw_cell *cell, size_t *option);

/* Bytes of the planes, scales and rows' bits of a part with a cell. */
size_t lw_cell_bytes(const struct lw_model *model, const struct lw_part *part,
                     const struct lw_cell *cell);

/* profiles/prediction_fit.c */
enum lw_status lw_prediction_calibrate(const struct lw_prediction_setup *setup,
                                       struct lw_prediction *prediction, struct lw_error *error);
/* Spearman's rank correlation of two series, equal values sharing their mean rank; NAN of fewer
 * than 3. */
double lw_rank_correlation(const double *a, const double *b, size_t count);

#endif
