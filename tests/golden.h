/* Translations that Hugging Face Transformers made, to compare with; they lie in ../shared. */
#ifndef LW_TESTS_GOLDEN_H
#define LW_TESTS_GOLDEN_H

#include "models/transformer.h"
#include "runtime/backend.h"
#include "runtime/tokenizer.h"

#include <stddef.h>
#include <stdint.h>

/* Skips the test, with a message, where ../shared is absent. */
void golden_need_shared(void);

/* Lines of a text file, gunzipped where its name ends in .gz; fails the test where it cannot be
 * read. */
struct golden_lines {
    char **text; /* without newlines */
    size_t count;
};
void golden_read_lines(const char *path, struct golden_lines *lines);
void golden_free_lines(struct golden_lines *lines);

/* A model of ../shared/models with a backend ("blas" or "f32") and its tokeniser. */
struct golden_model {
    struct lw_model model;
    struct lw_backend backend;
    struct lw_tokenizer *tokenizer;
};
void golden_open_model(const char *name, const char *backend, struct golden_model *golden);
void golden_close_model(struct golden_model *golden);

/* One set: source lines, and the stem of ../shared/golden/MODEL/STEM.beamN.{ids.json,de}. */
struct golden_set {
    const char *model, *source, *stem;
    size_t beams;
};
struct golden_result {
    size_t lines, same_ids, same_text;
};
/* Translates the first `limit` lines (0: all) and counts those that are equal; prints the ones that
 * are not. */
struct golden_result golden_run(const struct golden_set *set, const char *backend, size_t limit);

#endif
