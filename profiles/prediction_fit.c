/* Calibration of predictions on whole plans that were measured. */
#include "profiles/prediction.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Plans with more divergence are no use to anybody, and BLEU is near 0 there. */
static const double MOST_DIVERGENCE = 1.0;

/* Predicted sums beside measured figures. */
struct series {
    const struct lw_prediction *prediction;
    size_t count, room;
    double *sums, *measured, *bleus; /* bleus: drops, NAN where there is none */
    double fp32_bleu;
    bool out_of_memory;
};

static bool more(struct series *s)
{
    if (s->count < s->room)
        return true;
    size_t room = 2 * s->room + 64;
    double **all[] = {&s->sums, &s->measured, &s->bleus};
    for (size_t i = 0; i < 3; i++) {
        double *grown = realloc(*all[i], room * sizeof *grown);
        s->out_of_memory = s->out_of_memory || !grown;
        if (!grown)
            return false;
        *all[i] = grown;
    }
    s->room = room;
    return true;
}

static void add(struct series *s, const char *text, enum lw_figure figure, double measured,
                double drop)
{
    const struct lw_prediction *p = s->prediction;
    struct lw_cell *cells = calloc(p->part_count, sizeof *cells);
    bool known = cells && more(s) && lw_cells_parse(p->parts, text, cells, p->part_count);
    double sum = 0;
    for (size_t part = 0; part < p->part_count && known; part++) {
        size_t option;
        known = lw_prediction_find(p, part, &cells[part], &option);
        sum += known ? p->options[part][option].figures[figure] : 0;
    }
    free(cells);
    if (!known)
        return;
    s->sums[s->count] = sum;
    s->measured[s->count] = measured;
    s->bleus[s->count++] = drop;
}

static void take_loss(void *context, const struct lw_plan_loss *row)
{
    struct series *s = context;
    if (!isnan(row->fp32_bleu))
        s->fp32_bleu = row->fp32_bleu;
    if (strcmp(row->purpose, "calibrate") == 0 && row->divergence > 0)
        add(s, row->plan, LW_FIGURE_LOSS, row->divergence, row->fp32_bleu - row->bleu);
}

/* Latency and peak memory of the same plans. */
struct cost_series {
    struct series costs, peaks;
};

static void take_cost(void *context, const struct lw_plan_cost *row)
{
    struct cost_series *s = context;
    add(&s->costs, row->plan, LW_FIGURE_LATENCY, row->cost.cost, NAN);
    if (!isnan(row->peak_memory_bytes))
        add(&s->peaks, row->plan, LW_FIGURE_MEMORY, row->peak_memory_bytes, NAN);
}

static void free_series(struct series *s)
{
    free(s->sums);
    free(s->measured);
    free(s->bleus);
}

/* y = a + b x by least squares. */
static void fit_line(const double *x, const double *y, size_t count, double *a, double *b)
{
    double mx = 0, my = 0, xx = 0, xy = 0;
    for (size_t i = 0; i < count; i++) {
        mx += x[i] / (double)count;
        my += y[i] / (double)count;
    }
    for (size_t i = 0; i < count; i++) {
        xx += (x[i] - mx) * (x[i] - mx);
        xy += (x[i] - mx) * (y[i] - my);
    }
    *b = xx > 0 ? xy / xx : 1;
    *a = my - *b * mx;
}

/* Mean rank of each value; O(count^2), of some dozens. */
static double rank_of(const double *values, size_t count, size_t i)
{
    double rank = 0;
    for (size_t j = 0; j < count; j++)
        rank += values[j] < values[i] ? 1 : values[j] <= values[i] ? 0.5 : 0;
    return rank;
}

double lw_rank_correlation(const double *a, const double *b, size_t count)
{
    double aa = 0, bb = 0, ab = 0, mean = (double)count / 2;
    if (count < 3)
        return NAN;
    for (size_t i = 0; i < count; i++) {
        double x = rank_of(a, count, i) - mean, y = rank_of(b, count, i) - mean;
        aa += x * x;
        bb += y * y;
        ab += x * y;
    }
    return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : NAN;
}

static struct lw_fit_quality judge(const double *predicted, const double *measured, size_t count)
{
    struct lw_fit_quality q = {.plans = count,
                               .rank = lw_rank_correlation(predicted, measured, count)};
    for (size_t i = 0; i < count; i++) {
        double error = fabs(predicted[i] / measured[i] - 1);
        q.rms += error * error / (double)count;
        q.worst = fmax(q.worst, error);
    }
    q.rms = sqrt(q.rms);
    return q;
}

/* log divergence = log factor + power log S, over plans that are of use. */
static enum lw_status fit_divergence(struct lw_prediction *p, const struct series *s,
                                     struct lw_error *error)
{
    double *x = calloc(3 * s->count + 1, sizeof *x), *y = x + s->count, *predicted = y + s->count;
    size_t used = 0;
    if (!x)
        return lw_fail(error, LW_FAILED, "out of memory for a calibration");
    for (size_t i = 0; i < s->count; i++)
        if (s->measured[i] <= MOST_DIVERGENCE && s->sums[i] > 0) {
            x[used] = log(s->sums[i]);
            y[used++] = log(s->measured[i]);
        }
    if (used >= 3) {
        double intercept, power;
        fit_line(x, y, used, &intercept, &power);
        if (power > 0) {
            p->power = power;
            p->factor = exp(intercept);
        }
        for (size_t i = 0; i < used; i++) {
            predicted[i] = lw_predict_divergence(p, exp(x[i]));
            y[i] = exp(y[i]);
        }
        p->divergence = judge(predicted, y, used);
    }
    free(x);
    return LW_OK;
}

/* Drop = slope * divergence, through no drop at all. */
static void fit_bleu(struct lw_prediction *p, const struct series *s)
{
    double xx = 0, xy = 0, squares = 0;
    for (size_t i = 0; i < s->count; i++)
        if (!isnan(s->bleus[i]) && s->measured[i] <= MOST_DIVERGENCE) {
            xx += s->measured[i] * s->measured[i];
            xy += s->measured[i] * s->bleus[i];
            p->bleu.plans++;
        }
    p->fp32_bleu = s->fp32_bleu;
    if (xx <= 0 || xy <= 0)
        return;
    p->bleu_slope = xy / xx;
    for (size_t i = 0; i < s->count; i++)
        if (!isnan(s->bleus[i]) && s->measured[i] <= MOST_DIVERGENCE) {
            double error = s->bleus[i] - p->bleu_slope * s->measured[i];
            squares += error * error / (double)p->bleu.plans;
        }
    p->bleu.rms = sqrt(squares); /* in BLEU */
}

/* measured = base + share * sum, where there are enough plans and `fits`; else as they stand. */
static enum lw_status fit_base(const struct series *s, bool fits, double *base, double *share,
                               struct lw_fit_quality *quality, struct lw_error *error)
{
    double *predicted = calloc(s->count + 1, sizeof *predicted);
    if (!predicted)
        return lw_fail(error, LW_FAILED, "out of memory for a calibration");
    if (fits && s->count >= 3) {
        fit_line(s->sums, s->measured, s->count, base, share);
        if (*share <= 0) { /* the plans hardly differ: what they share is the base */
            *share = 1;
            *base = 0;
            for (size_t i = 0; i < s->count; i++)
                *base += (s->measured[i] - s->sums[i]) / (double)s->count;
        }
    }
    for (size_t i = 0; i < s->count; i++)
        predicted[i] = *base + *share * s->sums[i];
    *quality = judge(predicted, s->measured, s->count);
    free(predicted);
    return LW_OK;
}

static enum lw_status fit_costs(struct lw_prediction *p, const struct cost_series *s,
                                enum lw_cost_kind kind, struct lw_error *error)
{
    bool measured = kind == LW_COST_MEASURED;
    enum lw_status status = fit_base(&s->costs, measured, &p->base, &p->share, &p->latency, error);
    return status == LW_OK
               ? fit_base(&s->peaks, measured, &p->memory_base, &p->memory_share, &p->memory, error)
               : status;
}

/* Losses are of no device. */
static enum lw_status calibrate_losses(const struct lw_prediction_setup *setup,
                                       struct lw_prediction *prediction, struct lw_error *error)
{
    struct series losses = {.prediction = prediction, .fp32_bleu = NAN};
    enum lw_status status =
        lw_database_each_plan_loss(setup->database, setup->text, take_loss, &losses, error);
    if (status == LW_OK && losses.out_of_memory)
        status = lw_fail(error, LW_FAILED, "out of memory for a calibration");
    if (status == LW_OK)
        status = fit_divergence(prediction, &losses, error);
    if (status == LW_OK)
        fit_bleu(prediction, &losses);
    free_series(&losses);
    return status;
}

/* As without the device, of whose options plans may have others. */
static enum lw_status take_losses(const struct lw_prediction_setup *setup,
                                  struct lw_prediction *prediction, struct lw_error *error)
{
    struct lw_prediction_setup own = *setup;
    struct lw_prediction all;
    own.costs = NULL;
    enum lw_status status = lw_prediction_make(&own, &all, error);
    if (status != LW_OK)
        return status;
    prediction->factor = all.factor;
    prediction->power = all.power;
    prediction->bleu_slope = all.bleu_slope;
    prediction->fp32_bleu = all.fp32_bleu;
    prediction->divergence = all.divergence;
    prediction->bleu = all.bleu;
    lw_prediction_free(&all);
    return LW_OK;
}

enum lw_status lw_prediction_calibrate(const struct lw_prediction_setup *setup,
                                       struct lw_prediction *prediction, struct lw_error *error)
{
    struct cost_series costs = {.costs = {.prediction = prediction},
                                .peaks = {.prediction = prediction}};
    enum lw_status status = prediction->lacks_costs ? take_losses(setup, prediction, error)
                                                    : calibrate_losses(setup, prediction, error);
    if (status == LW_OK && setup->costs)
        status =
            lw_database_each_plan_cost(setup->database, setup->costs, take_cost, &costs, error);
    if (status == LW_OK && (costs.costs.out_of_memory || costs.peaks.out_of_memory))
        status = lw_fail(error, LW_FAILED, "out of memory for a calibration");
    if (status == LW_OK && setup->costs)
        status = fit_costs(prediction, &costs, setup->costs->device->kind, error);
    free_series(&costs.costs);
    free_series(&costs.peaks);
    return status;
}
