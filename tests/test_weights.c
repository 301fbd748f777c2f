/* The weights of a bundle: their order in the file, and what of them is resident when. */
#include "gen/bundle.h"
#include "gen/registry.h"
#include "models/file.h"
#include "models/lwm.h"
#include "runtime/backend.h"
#include "runtime/translator.h"
#include "tests/places.h"
#include "tests/random_model.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fixture {
    struct place place;
    struct lw_bundle bundle;
};

static void fixture_open(struct fixture *f)
{
    struct lw_error error = {0};
    place_make(&f->place, LW_ARITH_T8);
    cr_assert_eq(lw_bundle_make(&f->place.model, lw_device_of(LW_ISA_C), f->place.bundle, "test",
                                NULL, &error),
                 LW_OK, "%s", error.text);
    cr_assert_eq(lw_bundle_open(f->place.bundle, &f->place.model, &f->bundle, &error), LW_OK, "%s",
                 error.text);
}

static void fixture_close(struct fixture *f)
{
    lw_bundle_close(&f->bundle);
    place_free(&f->place);
}

/* These weights are too few to be let go: as if they were many. */
static void count_readers(struct fixture *f)
{
    cr_assert_null(f->bundle.readers);
    f->bundle.readers = calloc(1, sizeof *f->bundle.readers);
}

/* Bytes of a mapping that this process has resident. */
static size_t resident(const struct lw_mapping *mapping)
{
    char line[256], start[32];
    size_t kilobytes = SIZE_MAX;
    bool inside = false;
    FILE *stream = fopen("/proc/self/smaps", "r");
    snprintf(start, sizeof start, "%lx-", (unsigned long)(uintptr_t)mapping->data);
    while (kilobytes == SIZE_MAX && fgets(line, sizeof line, stream)) {
        inside = inside || strncmp(line, start, strlen(start)) == 0;
        if (inside)
            sscanf(line, "Rss: %zu kB", &kilobytes);
    }
    fclose(stream);
    cr_assert_neq(kilobytes, SIZE_MAX);
    return kilobytes * 1024;
}

static void touch(const struct lw_mapping *mapping)
{
    volatile uint8_t sum = 0;
    for (size_t i = 0; i < mapping->size; i++)
        sum ^= mapping->data[i];
    cr_assert_gt(resident(mapping), 0);
}

Test(weights, what_decoding_reads_comes_first)
{
    struct fixture f;
    fixture_open(&f);
    const uint8_t *second = f.bundle.weights.data + f.bundle.first_bytes;
    cr_assert(f.bundle.first_bytes > 0 && f.bundle.first_bytes < f.bundle.weights.size);
    for (size_t i = 0; i < f.place.model.matrix_count; i++) {
        const struct lw_matrix *matrix = &f.place.model.matrices[i];
        for (size_t c = 0; matrix->bias && c < matrix->code_count; c++)
            cr_expect_eq(f.bundle.matrices[i].codes[c].keys >= second,
                         strncmp(matrix->name, "encoder.", 8) == 0 ||
                             strstr(matrix->name, "cross.k") || strstr(matrix->name, "cross.v"),
                         "%s", matrix->name);
    }
    fixture_close(&f);
}

Test(weights, are_let_go_where_one_backend_reads_them)
{
    struct fixture f;
    struct lw_backend one, other;
    fixture_open(&f);
    cr_assert_eq(lw_backend_kernels(&f.place.model, &f.bundle, &one, NULL), LW_OK);
    cr_expect_not(lw_backend_let_go(&one), "few weights stay");
    lw_backend_close(&one);
    count_readers(&f);
    cr_assert_eq(lw_backend_kernels(&f.place.model, &f.bundle, &one, NULL), LW_OK);
    touch(&f.bundle.weights);
    cr_expect(lw_backend_let_go(&one));
    cr_expect_eq(resident(&f.bundle.weights), 0);
    cr_assert_eq(lw_backend_kernels(&f.place.model, &f.bundle, &other, NULL), LW_OK);
    touch(&f.bundle.weights);
    cr_expect_not(lw_backend_let_go(&one));
    cr_expect_not(lw_backend_let_go(&other));
    cr_expect_gt(resident(&f.bundle.weights), 0);
    lw_backend_close(&one);
    cr_expect(lw_backend_let_go(&other), "the other is gone");
    lw_backend_close(&other);
    fixture_close(&f);
}

Test(weights, that_are_let_go_give_the_same_translation)
{
    enum { JOBS = 3, WORDS = 4, MOST = 64 };
    struct fixture f;
    struct lw_backend backend;
    struct lw_translator *translator;
    struct lw_search search = {2, 9, 1.0f, false};
    struct lw_error error = {0};
    int32_t words[2][JOBS][MOST] = {0};
    float scores[2][JOBS];
    fixture_open(&f);
    for (size_t large = 0; large < 2; large++) {
        if (large)
            count_readers(&f);
        cr_assert_eq(lw_backend_kernels(&f.place.model, &f.bundle, &backend, NULL), LW_OK);
        cr_assert_eq(lw_translator_open(&f.place.model, &backend, &search, &translator, &error),
                     LW_OK, "%s", error.text);
        for (int32_t j = 0; j < JOBS; j++) {
            const int32_t source[WORDS] = {j + 1, 3, 2 + j, 0};
            struct lw_hypothesis best;
            cr_assert_eq(lw_translate(translator, source, WORDS, &best, &error), LW_OK, "%s",
                         error.text);
            cr_assert_leq(best.count, MOST);
            memcpy(words[large][j], best.words, best.count * sizeof *best.words);
            scores[large][j] = best.score;
        }
        cr_expect_eq(resident(&f.bundle.weights) == 0, large);
        lw_translator_close(translator);
        lw_backend_close(&backend);
    }
    cr_expect_arr_eq(words[0], words[1], sizeof words[0]);
    cr_expect_arr_eq(scores[0], scores[1], sizeof scores[0]);
    fixture_close(&f);
}

/* Nothing more than what stays; all; or the larger part with a large page. */
Test(weights, to_come)
{
    enum { MB = 1 << 20 };
    atomic_size_t readers = 0;
    struct lw_bundle bundle = {.weights = {.size = 20 * MB}, .first_bytes = 11 * MB};
    cr_expect_eq(lw_bundle_to_come(&bundle, 1), 0);
    bundle.readers = &readers;
    cr_expect_eq(lw_bundle_to_come(&bundle, 1), 13 * MB);
    cr_expect_eq(lw_bundle_to_come(&bundle, 2), 20 * MB);
    bundle.first_bytes = 4 * MB;
    cr_expect_eq(lw_bundle_to_come(&bundle, 1), 18 * MB);
    bundle.first_bytes = 19 * MB;
    cr_expect_eq(lw_bundle_to_come(&bundle, 1), 20 * MB);
    bundle.first_bytes = 20 * MB; /* format 2 */
    cr_expect_eq(lw_bundle_to_come(&bundle, 1), 20 * MB);
}

/* More than one window, the last of them not whole. */
Test(weights, hash_through_the_mapping)
{
    enum { BYTES = (5 << 19) + 77 };
    char path[] = "/tmp/lutwidge-hash-XXXXXX", want[33], got[33];
    struct lw_mapping mapping;
    uint64_t seed = 3;
    FILE *stream = fdopen(mkstemp(path), "wb");
    for (size_t i = 0; i < BYTES; i++)
        fputc((int)(test_uniform(&seed) * 256), stream);
    fclose(stream);
    cr_assert_eq(lw_file_hash(path, want, NULL), LW_OK);
    cr_assert_eq(lw_map_file(path, &mapping, NULL), LW_OK);
    cr_expect(lw_mapping_hash(&mapping, true, got));
    cr_expect_str_eq(got, want);
    cr_expect_geq(resident(&mapping), mapping.size);
    cr_expect(lw_mapping_hash(&mapping, false, got));
    cr_expect_str_eq(got, want);
    cr_expect_eq(resident(&mapping), 0);
    lw_unmap_file(&mapping);
    unlink(path);
}
