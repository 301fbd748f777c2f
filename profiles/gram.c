#include "profiles/gram.h"

/* d G d^T = sum over j of d[j] (G[j][j] d[j] + 2 sum over i > j of d[i] G[i][j]): G is symmetric.
 * The inner sums run over j, so that no sum is split over lanes. */
static double row_form(const float *gram, const double *d, double *sums, size_t columns)
{
    double form = 0;
    for (size_t j = 0; j < columns; j++)
        sums[j] = 0;
    for (size_t i = 0; i < columns; i++) {
        const float *row = gram + i * columns;
        double twice = 2 * d[i];
        for (size_t j = 0; j < i; j++)
            sums[j] += twice * (double)row[j];
        sums[i] += d[i] * (double)row[i];
    }
    for (size_t j = 0; j < columns; j++)
        form += d[j] * sums[j];
    return form;
}

double lw_gram_trace(const float *gram, const float *a, const float *b, size_t rows, size_t columns,
                     double *scratch)
{
    double trace = 0, *d = scratch, *sums = scratch + columns;
    for (size_t r = 0; r < rows; r++) {
        for (size_t c = 0; c < columns; c++)
            d[c] = (double)a[r * columns + c] - (b ? (double)b[r * columns + c] : 0);
        trace += row_form(gram, d, sums, columns);
    }
    return trace;
}
