/* A database filled by rule, as large as wanted: the same rows for the same sizes. Figures are made
 * up; keys, units and references are as the program writes them. */
#ifndef LW_TESTS_FILLED_H
#define LW_TESTS_FILLED_H

#include <stddef.h>

struct filling {
    size_t models;
    size_t layers;      /* of the encoder, and of the decoder, of each model */
    size_t plans;       /* of each model, each on host and lut-mobile */
    size_t scored;      /* translations of each model */
    size_t kernels;     /* timed kernels, and as many static ones */
    size_t simulations; /* each with 11 rows of layers and one of all */
    size_t targets;     /* sensitivities, 4 of each */
};
/* Into the database of tests/databases.h. */
void database_fill(const struct filling *filling);
/* Rows of all tables but machines, models and runs. */
size_t database_measurements(void);

#endif
