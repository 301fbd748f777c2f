/* The table of named questions. Their SQL lies in profiles/questions: NAME.sql is the digest for a
 * terminal, of the last :last rows where rows are single ones; NAME_all.sql is all for programs. */
#include "profiles/database_questions.h"

#include <string.h>

static const char runs[] = {
#include "profiles/questions/runs.sql.inc"
};
static const char translations[] = {
#include "profiles/questions/translations.sql.inc"
};
static const char sensitivity[] = {
#include "profiles/questions/sensitivity.sql.inc"
};
static const char kernels[] = {
#include "profiles/questions/kernels.sql.inc"
};
static const char static_cycles[] = {
#include "profiles/questions/static.sql.inc"
};
static const char simulations[] = {
#include "profiles/questions/simulations.sql.inc"
};
static const char engines[] = {
#include "profiles/questions/engines.sql.inc"
};
static const char engines_all[] = {
#include "profiles/questions/engines_all.sql.inc"
};
static const char syntheses[] = {
#include "profiles/questions/syntheses.sql.inc"
};
static const char parts[] = {
#include "profiles/questions/parts.sql.inc"
};
static const char plans[] = {
#include "profiles/questions/plans.sql.inc"
};
static const char pareto[] = {
#include "profiles/questions/pareto.sql.inc"
};
static const char best[] = {
#include "profiles/questions/best.sql.inc"
};
static const char layers[] = {
#include "profiles/questions/layers.sql.inc"
};
static const char scales[] = {
#include "profiles/questions/scales.sql.inc"
};
static const char scales_all[] = {
#include "profiles/questions/scales_all.sql.inc"
};
static const char stalls[] = {
#include "profiles/questions/stalls.sql.inc"
};
static const char devices[] = {
#include "profiles/questions/devices.sql.inc"
};
static const char history[] = {
#include "profiles/questions/history.sql.inc"
};
static const char diff[] = {
#include "profiles/questions/diff.sql.inc"
};
static const char pareto_all[] = {
#include "profiles/questions/pareto_all.sql.inc"
};
static const char best_all[] = {
#include "profiles/questions/best_all.sql.inc"
};
static const char layers_all[] = {
#include "profiles/questions/layers_all.sql.inc"
};
static const char history_all[] = {
#include "profiles/questions/history_all.sql.inc"
};
static const char best_nearest[] = {
#include "profiles/questions/best_nearest.sql.inc"
};

#define ALL(view) "SELECT * FROM " view " ORDER BY id"
#define COUNT(table) "SELECT count(*) FROM " table
#define PROFILE "profile MODEL_DIR --device D --source SRC --ref REF"

const struct lw_named_query lw_named_queries[] = {
    {"runs", "one line a run", runs, ALL("runs_view"), "translate MODEL < TEXT", COUNT("runs"),
     NULL},
    {"translations", "translations beside their fp32 baseline", translations,
     ALL("translations_view"), "translate MODEL < TEXT", COUNT("runs WHERE verb = 'translate'"),
     NULL},
    {"sensitivity", "what few bits cost each part, of profile --what sensitivity", sensitivity,
     ALL("sensitivities_view"), "profile MODEL_DIR --what sensitivity --source SRC --ref REF", NULL,
     NULL},
    {"kernels", "how long kernels take, beside their peers", kernels, ALL("kernels_view"), "bench",
     COUNT("kernel_measurements"), NULL},
    {"static", "cycles that a model of an Arm CPU counts", static_cycles, ALL("static_view"),
     "bench --static DEVICE", COUNT("static_estimates"), NULL},
    {"simulations", "cycles, bytes and time of the engine", simulations, ALL("simulations_view"),
     "simulate M.lwm --step", COUNT("simulations WHERE layer = 'all'"), NULL},
    {"engines", "the same with models of area and energy, best first", engines, engines_all,
     "sweep SWEEP.yaml", COUNT("simulations WHERE layer = 'all'"), NULL},
    {"syntheses", "gates and LUTs of engines, block by block", syntheses, ALL("syntheses_view"),
     "simulate --synth lut-mobile", COUNT("syntheses"), NULL},
    {"parts", "divergence of each part with few bits, of profile --device", parts,
     ALL("part_losses_view"), PROFILE, NULL, NULL},
    {"plans", "whole plans that predictions are calibrated with", plans, ALL("plan_losses_view"),
     PROFILE, COUNT("plan_losses"), NULL},
    {"pareto", "deployments that no other beats in size, latency and BLEU", pareto, pareto_all,
     PROFILE, NULL, NULL},
    {"best", "deployments within limits, the best first", best, best_all, PROFILE, NULL,
     best_nearest},
    {"layers", "what bits cost each part, in divergence and on each device", layers, layers_all,
     PROFILE, NULL, NULL},
    {"scales", "what groups and uniform scales cost on each device", scales, scales_all, PROFILE,
     NULL, NULL},
    {"stalls", "where the engine's cycles go, by layer, of the last simulation", stalls,
     ALL("simulations_view WHERE error IS NULL"), "simulate M.lwm --step", NULL, NULL},
    {"devices", "what figures are of, and what made them", devices, NULL, PROFILE, NULL, NULL},
    {"history", "the same work again: how its figures moved", history, history_all,
     "translate MODEL < TEXT", COUNT("runs"), NULL},
    {"diff", "figures and codes in which the deployments A and B differ", diff, NULL, PROFILE, NULL,
     NULL},
};
const size_t lw_named_query_count = sizeof lw_named_queries / sizeof *lw_named_queries;

const struct lw_named_query *lw_named_query(const char *name)
{
    for (size_t i = 0; i < lw_named_query_count; i++)
        if (strcmp(name, lw_named_queries[i].name) == 0)
            return &lw_named_queries[i];
    return NULL;
}
