/* All that allocation needs of a model, as points that are measured one by one and kept at once: a
 * process that ends at any time loses the point in hand, and the next one goes on. */
#ifndef LW_PROFILES_PROFILING_H
#define LW_PROFILES_PROFILING_H

#include "profiles/costs.h"
#include "profiles/database_parts.h"
#include "profiles/part_loss.h"
#include "profiles/peak.h"
#include "profiles/trial.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum lw_point_kind {
    LW_POINT_ERRORS,     /* errors of all parts with one code: a fit of the model */
    LW_POINT_LOSS,       /* the model with one part, or one class of its words, quantised */
    LW_POINT_GATES,      /* the engine of a device, synthesised: its area, and what energies need */
    LW_POINT_COSTS,      /* all parts with one code on a device */
    LW_POINT_WORD_COSTS, /* words whose classes differ, in one mode on an engine */
    LW_POINT_PLAN,       /* a whole plan: loss, BLEU, and costs on all devices but static ones */
    LW_POINT_KINDS
};
/* "errors of codes", ... */
const char *lw_point_kind_name(enum lw_point_kind kind);

struct lw_point {
    enum lw_point_kind kind;
    unsigned bits;
    size_t mode;
    size_t part;    /* LOSS */
    int word_class; /* LOSS; -1: all rows */
    size_t device;  /* GATES, COSTS, WORD_COSTS */
    size_t plan;    /* PLAN: its number */
    double seconds; /* what it is thought to take */
};

/* Losses are measured in this mode, with up to so many bits; other codes are scaled by errors. */
enum { LW_LOSS_MODE = 0, LW_LOSS_BITS = 3 };

struct lw_profiling {
    const struct lw_model *model; /* dense */
    const struct lw_part *parts;
    size_t part_count;
    const uint8_t *const *class_of; /* [matrix_count], as struct lw_losses_setup has them */
    const struct lw_trial *trial;   /* whose pairs losses are measured on */
    const struct lw_pairs *calibration;
    const struct lw_trial *translated; /* for BLEU of plans; NULL: none */
    struct lw_text_subject text;
    const struct lw_cost_device *devices;
    const struct lw_cost_subject *costs; /* [device_count] */
    size_t device_count;
    size_t plan_count;
    size_t threads;
    double kernel_seconds;    /* a measured cell */
    struct lw_peak_text peak; /* what whole plans translate in a process of their own */
    const char *syntheses;    /* a folder of the cache; NULL: energies and areas stay unknown */
    bool retry;               /* points that failed count as absent */
    struct lw_database *database;
    int64_t run;
    bool (*progress)(void *context, size_t done, size_t all); /* of preparing; may be NULL */
    void *context;
    /* what the points make when they need it */
    struct lw_losses *losses;
    struct lw_synth *asic; /* [device_count], of engines; without blocks: not made yet */
    double fp32_bleu;      /* < 0: not known yet */
};

/* The points that the database lacks, *points malloc'ed; how many it has, and how many of these
 * failed. */
enum lw_status lw_profiling_points(const struct lw_profiling *profiling, struct lw_point **points,
                                   size_t *count, size_t *there, size_t *failed,
                                   struct lw_error *error);
/* Measures a point and keeps its rows. A point that fails is a row with the reason, and LW_OK;
 * *failure tells (malloc'ed, else NULL). Other errors are of the database or of preparing. */
enum lw_status lw_profiling_measure(struct lw_profiling *profiling, const struct lw_point *point,
                                    char **failure, struct lw_error *error);
/* Frees what points made. */
void lw_profiling_end(struct lw_profiling *profiling);

/* The cells of plan number `plan`, the same everywhere: from 1.6 bits a weight to 3.7, drawn. */
void lw_profiling_plan(const struct lw_part *parts, size_t part_count, size_t plan, size_t plans,
                       struct lw_cell *cells);
/* What is measured of a plan on a device: the plan, or the same with uniform scales where the
 * device takes no others. */
void lw_profiling_plan_on(const struct lw_cost_device *device, const struct lw_part *parts,
                          size_t part_count, const struct lw_cell *plan, struct lw_cell *cells);

#endif
