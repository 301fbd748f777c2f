#include "models/shift.h"

#include "models/checked.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

/* L in place of what is on and below the diagonal; false where it is not positive definite. */
static bool factor(double *a, size_t columns)
{
    for (size_t i = 0; i < columns; i++) {
        double *row = a + i * columns, pivot = row[i];
        for (size_t j = 0; j < i; j++) {
            const double *other = a + j * columns;
            double sum = row[j];
            for (size_t k = 0; k < j; k++)
                sum -= row[k] * other[k];
            row[j] = sum / other[j];
            pivot -= row[j] * row[j];
        }
        if (!(pivot > 0 && isfinite(pivot)))
            return false;
        row[i] = sqrt(pivot);
    }
    return true;
}

enum lw_status lw_shift_make(const double *gram, const double *differences, size_t columns,
                             size_t width, double damping, struct lw_shift *shift,
                             struct lw_error *error)
{
    size_t cells, bytes;
    double mean = 0;
    *shift = (struct lw_shift){columns, width, NULL, differences};
    if (lw_checked_mul(columns, columns, &cells) &&
        lw_checked_mul(cells, sizeof *shift->factor, &bytes))
        shift->factor = calloc(1, bytes);
    if (!shift->factor)
        return lw_fail(error, LW_FAILED, "out of memory for the moments of %zu inputs", columns);
    for (size_t i = 0; i < columns; i++)
        mean += gram[i * columns + i] / (double)columns;
    for (size_t i = 0; i < columns; i++) {
        for (size_t j = 0; j <= i; j++)
            shift->factor[i * columns + j] = gram[i * columns + j];
        shift->factor[i * columns + i] += mean > 0 ? damping * mean : 1;
    }
    if (factor(shift->factor, columns))
        return LW_OK;
    lw_shift_free(shift);
    return lw_fail(error, LW_CORRUPT, "second moments that are not those of any inputs");
}

void lw_shift_free(struct lw_shift *shift)
{
    free(shift->factor);
    *shift = (struct lw_shift){0};
}

void lw_shift_row(const struct lw_shift *shift, size_t row, const float *weights, float *shifted,
                  double *room)
{
    size_t columns = shift->columns;
    for (size_t i = 0; i < columns; i++) {
        const double *asked = shift->differences + i * shift->width,
                     *l = shift->factor + i * columns;
        double sum = shift->width > columns ? asked[columns + row] : 0;
        for (size_t j = 0; j < columns; j++)
            sum += asked[j] * (double)weights[j];
        for (size_t j = 0; j < i; j++)
            sum -= l[j] * room[j];
        room[i] = sum / l[i];
    }
    for (size_t i = columns; i-- > 0;) {
        const double *l = shift->factor + i * columns;
        room[i] /= l[i];
        for (size_t j = 0; j < i; j++)
            room[j] -= l[j] * room[i];
    }
    for (size_t i = 0; i < columns; i++)
        shifted[i] = (float)((double)weights[i] + room[i]);
}
