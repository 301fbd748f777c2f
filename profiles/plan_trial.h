/* A quantised model as it would be deployed on this machine: its kernels made and its weights
 * packed for them, and what it takes and gives then. */
#ifndef LW_PROFILES_PLAN_TRIAL_H
#define LW_PROFILES_PLAN_TRIAL_H

#include "models/status.h"
#include "models/transformer.h"
#include "profiles/database.h"
#include "profiles/peak.h"
#include "profiles/trial.h"

#include <stddef.h>
#include <stdint.h>

struct lw_plan_trial {
    const struct lw_device *device; /* this machine */
    struct lw_database *database;   /* times of kernels, by which families are picked */
    int64_t run;                    /* that new times belong to */
    double seconds;                 /* a measured kernel */
    const struct lw_trial *trial;   /* that is translated, by one thread; NULL: no BLEU */
    const struct lw_pairs *pairs;   /* whose references are forced for the latency */
    struct lw_peak_text peak;       /* that a process of its own translates */
};

struct lw_plan_figures {
    double size_bytes;   /* of the file without its tokeniser */
    double memory_bytes; /* of its packed weights */
    double latency_ns;   /* CPU time of a pair, encoder and all steps, the least of some rounds */
    double bleu;         /* NAN: not translated */
    double peak_memory_bytes; /* of the process that translated; NAN: none did */
};

/* Makes a bundle in a temporary folder, which is gone afterwards. The model is quantised, of class
 * t8 or a8. `made_by` is kept in its file. */
enum lw_status lw_plan_trial_run(const struct lw_plan_trial *trial, const struct lw_model *model,
                                 const char *made_by, struct lw_plan_figures *figures,
                                 struct lw_error *error);

#endif
