/* A small model of random weights, for tests that need any model at all. */
#ifndef LW_TESTS_RANDOM_MODEL_H
#define LW_TESTS_RANDOM_MODEL_H

#include "models/transformer.h"

#include <stdint.h>

/* Uniform in [0, 1), and normal with variance 1; the state is any number. */
double test_uniform(uint64_t *state);
float test_normal(uint64_t *state);

/* Sizes that are no multiple of 8: d_model 12, ffn 20, one layer each side, 9 shared words. */
struct lw_config test_small_config(void);
/* Dense, of class f32, with made-up tokeniser data of config->source_words and target_words words;
 * the target's are the source's where the embedding is shared. config->bad_words is copied. Aborts
 * when out of memory. */
void test_random_model(const struct lw_config *config, uint64_t seed, struct lw_model *model);

#endif
