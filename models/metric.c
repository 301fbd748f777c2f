/* Making a metric: columns by falling power of their inputs, H and its factor in that order. */
#include "models/checked.h"
#include "models/fit_gram.h"

#include <math.h>
#include <stdlib.h>

struct power {
    float power;
    uint32_t column;
};

static int by_falling_power(const void *a, const void *b)
{
    const struct power *x = a, *y = b;
    if (x->power != y->power)
        return x->power < y->power ? 1 : -1;
    return x->column > y->column ? 1 : -1;
}

/* False where a power is none. */
static bool set_order(const struct lw_moments *moments, struct lw_metric *metric,
                      struct power *room)
{
    size_t columns = moments->columns;
    for (size_t c = 0; c < columns; c++) {
        room[c] = (struct power){moments->gram[c * columns + c], (uint32_t)c};
        if (!isfinite(room[c].power) || room[c].power < 0)
            return false;
    }
    qsort(room, columns, sizeof *room, by_falling_power);
    for (size_t i = 0; i < columns; i++)
        metric->order[i] = room[i].column;
    return true;
}

static void set_gram(const struct lw_moments *moments, double damping, struct lw_metric *metric)
{
    size_t columns = moments->columns;
    double mean = 0;
    for (size_t c = 0; c < columns; c++)
        mean += (double)moments->gram[c * columns + c] / (double)columns;
    double factor = mean > 0 ? 1 / mean : 1;
    for (size_t i = 0; i < columns; i++) {
        const float *row = moments->gram + metric->order[i] * columns;
        for (size_t j = 0; j < columns; j++)
            metric->gram[i * columns + j] =
                (float)(factor * (double)row[metric->order[j]] + (i == j ? damping : 0));
        metric->diagonal[i] = metric->gram[i * columns + i];
    }
}

/* Eliminates from the last column to the first; `lower` is [K][K] and is used up. */
static bool factor(struct lw_metric *metric, double *lower)
{
    size_t columns = metric->columns;
    for (size_t i = 0; i < columns; i++)
        for (size_t j = 0; j <= i; j++)
            lower[i * columns + j] = (double)metric->gram[i * columns + j];
    for (size_t i = columns; i-- > 0;) {
        const double *row = lower + i * columns;
        if (!(row[i] > 0 && isfinite(row[i])))
            return false;
        metric->pivots[i] = row[i];
        for (size_t j = 0; j < i; j++) {
            double share = row[j] / row[i], *other = lower + j * columns;
            metric->upper[j * columns + i] = (float)share;
            for (size_t k = 0; k <= j; k++)
                other[k] -= share * row[k];
        }
    }
    return true;
}

enum lw_status lw_metric_make(const struct lw_moments *moments, double damping,
                              struct lw_metric *metric, struct lw_error *error)
{
    size_t columns = moments->columns, elements, bytes;
    double *lower = NULL;
    struct power *room = NULL;
    *metric = (struct lw_metric){.columns = columns};
    if (lw_checked_mul(columns, columns, &elements) &&
        lw_checked_mul(elements, sizeof *lower, &bytes)) {
        metric->order = calloc(columns, sizeof *metric->order);
        metric->gram = calloc(elements, sizeof *metric->gram);
        metric->diagonal = calloc(columns, sizeof *metric->diagonal);
        metric->upper = calloc(elements, sizeof *metric->upper);
        metric->pivots = calloc(columns, sizeof *metric->pivots);
        lower = malloc(bytes);
        room = calloc(columns, sizeof *room);
    }
    enum lw_status status = LW_OK;
    if (!metric->order || !metric->gram || !metric->diagonal || !metric->upper || !metric->pivots ||
        !lower || !room) {
        status = lw_fail(error, LW_FAILED, "out of memory for the moments of %zu inputs", columns);
    } else {
        bool right = set_order(moments, metric, room);
        if (right)
            set_gram(moments, damping, metric);
        if (!right || !factor(metric, lower))
            status = lw_fail(error, LW_CORRUPT, "second moments that are not those of any inputs");
    }
    free(lower);
    free(room);
    if (status != LW_OK)
        lw_metric_free(metric);
    return status;
}

void lw_metric_free(struct lw_metric *metric)
{
    free(metric->order);
    free(metric->gram);
    free(metric->diagonal);
    free(metric->upper);
    free(metric->pivots);
    *metric = (struct lw_metric){0};
}
