#include "tests/fitted.h"
#include "tests/random_model.h"

#include <math.h>
#include <stdlib.h>

struct fitted test_fit(enum lw_fit method, const float *w, const float *importance, size_t columns,
                       unsigned bits)
{
    struct fitted out = {0};
    void *scratch = malloc(lw_fit_scratch_bytes(columns));
    if (!scratch || columns > LONGEST)
        abort();
    out.error = lw_fit_row(method, w, importance, columns, bits, out.scales, out.levels, scratch);
    free(scratch);
    return out;
}

double test_value(const float *scales, unsigned bits, unsigned code)
{
    double sum = 0;
    for (unsigned i = 0; i < bits; i++)
        sum += code >> i & 1 ? (double)scales[i] : -(double)scales[i];
    return sum;
}

double test_error(const float *w, const float *importance, size_t columns, const float *scales,
                  unsigned bits, const uint8_t *levels)
{
    double sum = 0;
    for (size_t c = 0; c < columns; c++) {
        double difference = (double)w[c] - test_value(scales, bits, levels[c]);
        sum += (importance ? (double)importance[c] : 1) * difference * difference;
    }
    return sum;
}

double test_squares(const float *w, size_t columns)
{
    double sum = 0;
    for (size_t c = 0; c < columns; c++)
        sum += (double)w[c] * (double)w[c];
    return sum;
}

double test_largest(const float *w, size_t columns)
{
    double largest = 0;
    for (size_t c = 0; c < columns; c++)
        largest = fmax(largest, fabs((double)w[c]));
    return largest;
}

void test_normal_row(uint64_t *seed, float *w, size_t columns)
{
    for (size_t c = 0; c < columns; c++)
        w[c] = test_normal(seed);
}

void test_heavy_row(uint64_t *seed, float *w, size_t columns)
{
    for (size_t c = 0; c < columns; c++) {
        double square = 0;
        for (int i = 0; i < 3; i++)
            square += pow((double)test_normal(seed), 2);
        w[c] = (float)((double)test_normal(seed) / sqrt(square / 3));
    }
}

void test_importance_row(uint64_t *seed, float *importance, size_t columns)
{
    for (size_t c = 0; c < columns; c++)
        importance[c] = (float)exp(1.5 * (double)test_normal(seed));
}

double test_least_error(const float *w, const float *importance, size_t columns, unsigned q,
                        const uint8_t *levels)
{
    static double basis[LW_MAX_BITS + 1][LONGEST]; /* planes, then w */
    double squares[LW_MAX_BITS + 1];
    for (unsigned i = 0; i <= q; i++) {
        squares[i] = 0;
        for (size_t c = 0; c < columns; c++)
            basis[i][c] =
                sqrt(importance ? (double)importance[c] : 1) * (i == q               ? (double)w[c]
                                                                : levels[c] >> i & 1 ? 1
                                                                                     : -1);
        for (unsigned pass = 0; pass < 2; pass++) /* twice is enough */
            for (unsigned j = 0; j < i; j++) {
                double product = 0;
                for (size_t c = 0; c < columns; c++)
                    product += basis[i][c] * basis[j][c];
                for (size_t c = 0; c < columns && squares[j] > 0; c++)
                    basis[i][c] -= product / squares[j] * basis[j][c];
            }
        for (size_t c = 0; c < columns; c++)
            squares[i] += basis[i][c] * basis[i][c];
        if (i < q && squares[i] < 1e-9)
            squares[i] = 0; /* depends on earlier planes */
    }
    return squares[q];
}
