/* The fits against tests/fit_vectors.txt, which the Python fits of models/retrain are tested with,
 * too: both must find the same scales and codes to the bit. */
#include "models/fit.h"
#include "models/plan.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_COLUMNS = 64, MOST_LINE = 4096 };

struct row {
    float weights[MOST_COLUMNS];
    size_t columns;
};

static void read_row(char *words, struct row *row)
{
    char *at = words;
    row->columns = strtoul(words, &at, 10);
    cr_assert_leq(row->columns, MOST_COLUMNS);
    for (size_t c = 0; c < row->columns; c++)
        row->weights[c] = strtof(at, &at);
}

static void check_fit(char *words, const struct row *row, void *scratch)
{
    char name[32];
    unsigned bits;
    int used;
    enum lw_fit fit;
    float scales[LW_MAX_BITS];
    uint8_t levels[MOST_COLUMNS];
    cr_assert_eq(sscanf(words, "%31s %u%n", name, &bits, &used), 2);
    cr_assert(lw_fit_parse(name, &fit), "%s", name);
    lw_fit_row(fit, row->weights, NULL, row->columns, bits, scales, levels, scratch);
    char *at = words + used;
    for (unsigned i = 0; i < bits; i++)
        cr_assert(strtof(at, &at) == scales[i], "%s, %u bits: scale %u is %a", name, bits, i,
                  (double)scales[i]);
    at += strspn(at, " ");
    for (size_t c = 0; c < row->columns; c++) {
        char expected[3] = {at[2 * c], at[2 * c + 1], '\0'};
        cr_assert_eq(strtoul(expected, NULL, 16), levels[c], "%s, %u bits: column %zu", name, bits,
                     c);
    }
}

Test(fit_vectors, scales_and_codes_are_the_committed_ones)
{
    FILE *file = fopen("tests/fit_vectors.txt", "r");
    cr_assert_not_null(file);
    char line[MOST_LINE];
    struct row row = {.columns = 0};
    size_t checked = 0;
    void *scratch = malloc(lw_fit_scratch_bytes(MOST_COLUMNS));
    while (fgets(line, sizeof line, file)) {
        if (strncmp(line, "row ", 4) == 0)
            read_row(line + 4, &row);
        if (strncmp(line, "fit ", 4) == 0) {
            check_fit(line + 4, &row, scratch);
            checked++;
        }
    }
    cr_expect_eq(checked, 64);
    free(scratch);
    fclose(file);
}
