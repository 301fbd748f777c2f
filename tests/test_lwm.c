/* The .lwm file: round trip, flipped and missing bytes. */
#include "models/hash.h"
#include "models/lwm.h"
#include "models/lwm_layout.h"
#include "models/marian.h"
#include "models/quantize.h"
#include "tests/lwm_bench.h"
#include "tests/random_model.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static void check_equal(const struct lw_model *a, const struct lw_model *b)
{
    const struct lw_config *c = &a->config, *d = &b->config;
    cr_assert_eq(a->matrix_count, b->matrix_count);
    cr_assert_eq(c->bad_word_count, d->bad_word_count);
    for (size_t i = 0; i < c->bad_word_count; i++)
        cr_assert_eq(c->bad_words[i], d->bad_words[i]);
    struct lw_config copy = *d; /* all but the owned list */
    copy.bad_words = c->bad_words;
    cr_assert_eq(memcmp(c, &copy, offsetof(struct lw_config, early_stopping)), 0);
    cr_assert_eq(c->early_stopping, d->early_stopping);
    cr_assert_eq(c->renormalize_logits, d->renormalize_logits);
    for (size_t i = 0; i < a->matrix_count; i++) {
        const struct lw_matrix *m = &a->matrices[i], *n = &b->matrices[i];
        cr_assert_str_eq(m->name, n->name);
        cr_assert_eq(m->arith, n->arith);
        cr_assert_eq(m->code_count, n->code_count);
        cr_assert_eq(!m->order, !n->order);
        if (m->order) {
            cr_assert_eq(memcmp(m->order, n->order, m->rows * sizeof *m->order), 0);
            cr_assert_eq(memcmp(m->place, n->place, m->rows * sizeof *m->place), 0);
        }
        for (size_t k = 0; k < m->code_count; k++) {
            const struct lw_code *p = &m->codes[k], *q = &n->codes[k];
            cr_assert_eq(p->rows, q->rows);
            cr_assert_eq(p->bits, q->bits);
            cr_assert_eq(p->uniform, q->uniform);
            cr_assert_eq(p->group, q->group);
            cr_assert_eq(p->groups, q->groups);
            cr_assert_eq(p->exponent, q->exponent);
            cr_assert_eq(p->plane_bytes, q->plane_bytes);
            cr_assert_eq(memcmp(p->planes, q->planes, lw_code_plane_bytes(p)), 0);
            cr_assert_eq(memcmp(p->scales, q->scales, lw_code_scale_bytes(p)), 0);
        }
        cr_assert_eq(!a->matrices[i].bias, !b->matrices[i].bias);
    }
    cr_assert_eq(memcmp(a->vectors, b->vectors, a->vector_count * sizeof(float)), 0);
}

static void check_tokenizer(const struct lw_tokenizer_data *a, const struct lw_tokenizer_data *b)
{
    cr_assert_eq(a->source_spm_bytes, b->source_spm_bytes);
    cr_assert_eq(a->target_words_bytes, b->target_words_bytes);
    cr_assert_eq(memcmp(a->source_spm, b->source_spm, a->source_spm_bytes), 0);
    cr_assert_eq(memcmp(a->target_spm, b->target_spm, a->target_spm_bytes), 0);
    cr_assert_eq(memcmp(a->source_words, b->source_words, a->source_words_bytes), 0);
    cr_assert_eq(memcmp(a->target_words, b->target_words, a->target_words_bytes), 0);
    cr_assert_eq(a->source_spm == a->target_spm, b->source_spm == b->target_spm);
    cr_assert_eq(a->source_words == a->target_words, b->source_words == b->target_words);
}

Test(lwm, round_trip)
{
    struct lw_config configs[] = {test_small_config(), lwm_separate_config()};
    for (int i = 0; i < 2; i++) {
        struct lwm_bench bench;
        struct lw_model model;
        struct lw_error error = {0};
        lwm_bench_open(&bench, &configs[i]);
        cr_assert_eq(lw_lwm_open(bench.path, &model, &error), LW_OK, "%s", error.text);
        check_equal(&bench.coded, &model);
        check_tokenizer(&bench.coded.tokenizer, &model.tokenizer);
        cr_assert(lw_lwm_is(bench.path));
        cr_assert_str_eq(model.made_by, "lutwidge quantize --bits 3");

        /* What was read writes the same bytes again. */
        size_t size;
        lwm_write_model(bench.path, &model);
        uint8_t *again = lwm_slurp(bench.path, &size);
        cr_assert_eq(size, bench.size);
        cr_assert_arr_eq(again, bench.bytes, size);
        free(again);
        lw_model_free(&model);
        lwm_bench_close(&bench);
    }
}

Test(lwm, sizes_add_up)
{
    struct lwm_bench bench;
    struct lw_size size;
    struct lw_config config = lwm_separate_config();
    lwm_bench_open(&bench, &config);
    cr_assert_eq(lw_lwm_size(bench.path, &size, NULL), LW_OK);
    size_t codes = 0, scales = 0, weights = 0;
    for (size_t i = 0; i < bench.coded.matrix_count; i++) {
        const struct lw_matrix *m = &bench.coded.matrices[i];
        /* lwm_bench.c: nine rows of 18 planes and their bits in five bytes; uniform rows of two */
        size_t planes = i == 0 ? 18 : m->rows * (i == 2 ? 2 : 3);
        codes += planes * ((m->columns + 7) / 8);
        scales += i == 0 ? planes * 2 + 5 : i == 2 ? m->rows * 2 : planes * 2;
        weights += m->rows * m->columns;
    }
    const struct lw_tokenizer_data *t = &bench.coded.tokenizer;
    cr_assert_eq(size.file_bytes, bench.size);
    cr_assert_eq(size.code_bytes, codes);
    cr_assert_eq(size.scale_bytes, scales);
    cr_assert_eq(size.weights, weights);
    cr_assert_eq(size.vector_bytes, bench.coded.vector_count * 4);
    cr_assert_eq(size.tokenizer_bytes, t->source_spm_bytes + t->target_spm_bytes +
                                           t->source_words_bytes + t->target_words_bytes);
    lwm_bench_close(&bench);
}

Test(lwm, every_flipped_byte_is_found)
{
    struct lwm_bench bench;
    struct lw_config config = lwm_separate_config();
    lwm_bench_open(&bench, &config);
    int file = open(bench.path, O_WRONLY);
    for (size_t at = 0; at < bench.size; at++) {
        uint8_t flips[] = {(uint8_t)(1U << at % 8), 0xff};
        for (int f = 0; f < 2; f++) {
            struct lw_model model;
            struct lw_error error = {0};
            uint8_t byte = bench.bytes[at] ^ flips[f];
            cr_assert_eq(pwrite(file, &byte, 1, (off_t)at), 1);
            enum lw_status status = lw_lwm_open(bench.path, &model, &error);
            /* A larger version number is not damage that can be told apart from a newer file. */
            bool version = at >= offsetof(struct lwm_head, version) && at < 12;
            cr_assert(status == LW_CORRUPT || (version && status == LW_FAILED), "byte %zu: %d %s",
                      at, status, error.text);
            cr_assert_not_null(strstr(error.text, bench.path), "%s", error.text);
        }
        cr_assert_eq(pwrite(file, bench.bytes + at, 1, (off_t)at), 1);
    }
    close(file);
    struct lw_model model;
    cr_assert_eq(lw_lwm_open(bench.path, &model, NULL), LW_OK);
    lw_model_free(&model);
    lwm_bench_close(&bench);
}

Test(lwm, every_truncation_is_found)
{
    struct lwm_bench bench;
    struct lw_config config = test_small_config();
    lwm_bench_open(&bench, &config);
    for (size_t size = bench.size; size-- > 0;) {
        cr_assert_eq(truncate(bench.path, (off_t)size), 0);
        lwm_expect(&bench, LW_CORRUPT, size < 32 ? "too short" : "truncated?");
    }
    lwm_spill(bench.path, bench.bytes, bench.size);
    FILE *stream = fopen(bench.path, "ab");
    fputc(0, stream);
    fclose(stream);
    lwm_expect(&bench, LW_CORRUPT, "bytes long where its head says");
    lwm_bench_close(&bench);
}

Test(lwm, what_is_no_model_is_refused)
{
    struct lwm_bench bench;
    struct lw_model model;
    struct lw_error error = {0};
    struct lw_config config = test_small_config();
    lwm_bench_open(&bench, &config);
    cr_assert_eq(lw_lwm_open(bench.folder, &model, &error), LW_FAILED);
    cr_assert_not(lw_lwm_is(bench.folder));
    cr_assert_eq(lw_lwm_open("/nowhere/m.lwm", &model, &error), LW_FAILED);
    cr_assert_not(lw_lwm_is("/nowhere/m.lwm"));
    lwm_spill(bench.path, "", 0);
    lwm_expect(&bench, LW_CORRUPT, "too short");
    cr_assert_not(lw_lwm_is(bench.path));
    lwm_spill(bench.path, "{\"a text, longer than the head of a model file\": true}", 53);
    lwm_expect(&bench, LW_CORRUPT, "not an .lwm model");
    cr_assert_not(lw_lwm_is(bench.path));
    cr_assert_eq(lw_lwm_write(bench.path, &bench.dense, "", &error), LW_USAGE);
    cr_assert_not_null(strstr(error.text, "matrix embedding is not quantised"));
    cr_assert_eq(lw_lwm_write(bench.path, &bench.coded, "\xff", &error), LW_USAGE);
    cr_assert_not_null(strstr(error.text, "UTF-8"));
    lwm_bench_close(&bench);
}

Test(lwm, a_full_disk_leaves_the_old_file)
{
    struct lwm_bench bench;
    struct lw_error error = {0};
    struct lw_config config = test_small_config();
    lwm_bench_open(&bench, &config);
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    signal(SIGXFSZ, SIG_IGN);
    rlim_t all = limit.rlim_cur;
    for (size_t room = 0; room < bench.size; room += bench.size / 5) {
        limit.rlim_cur = room;
        setrlimit(RLIMIT_FSIZE, &limit);
        enum lw_status status =
            lw_lwm_write(bench.path, &bench.coded, "a command longer than the first", &error);
        limit.rlim_cur = all;
        setrlimit(RLIMIT_FSIZE, &limit);
        cr_assert_eq(status, LW_FAILED);
        cr_assert_not_null(strstr(error.text, bench.path), "%s", error.text);
        size_t size;
        uint8_t *left = lwm_slurp(bench.path, &size);
        cr_assert_eq(size, bench.size);
        cr_assert_arr_eq(left, bench.bytes, size);
        free(left);
        cr_assert_eq(lwm_entries(bench.folder), 1);
    }
    lwm_bench_close(&bench);
}

Test(lwm, file_hash)
{
    struct lwm_bench bench;
    struct lw_config config = test_small_config();
    char hash[33], again[33];
    lwm_bench_open(&bench, &config);
    /* XXH3-128 of nothing, from the xxHash specification's implementation (xxhsum -H2). */
    lwm_spill(bench.path, "", 0);
    cr_assert_eq(lw_file_hash(bench.path, hash, NULL), LW_OK);
    cr_assert_str_eq(hash, "99aa06d3014798d86001c324468d497f");
    bench.bytes = realloc(bench.bytes, 200000); /* several chunks */
    memset(bench.bytes, 7, 200000);
    lwm_spill(bench.path, bench.bytes, 200000);
    XXH128_hash_t whole = XXH3_128bits(bench.bytes, 200000);
    cr_assert_eq(lw_file_hash(bench.path, hash, NULL), LW_OK);
    snprintf(again, sizeof again, "%016llx%016llx", (unsigned long long)whole.high64,
             (unsigned long long)whole.low64);
    cr_assert_str_eq(hash, again);
    cr_assert_eq(lw_file_hash("/nowhere", hash, NULL), LW_FAILED);
    lwm_bench_close(&bench);
}

Test(lwm, the_three_bit_open_en_de_takes_less_than_3_9_megabytes)
{
    static const char folder[] = "../shared/models/open-en-de";
    if (access(folder, R_OK) != 0)
        cr_skip_test("%s is absent", folder);
    struct lw_model source, coded, opened;
    struct lw_error error = {0};
    struct lw_quantize_report report;
    struct lw_size size;
    char path[] = "/tmp/lw_test_lwm_XXXXXX";
    close(mkstemp(path));
    cr_assert_eq(lw_marian_import(folder, &source, &error), LW_OK, "%s", error.text);
    cr_assert_eq(
        lw_quantize_alike(&source, 3, LW_FIT_GREEDY, LW_ARITH_T8, 2, &coded, &report, &error),
        LW_OK);
    lwm_write_model(path, &coded);
    cr_assert_eq(lw_lwm_open(path, &opened, &error), LW_OK, "%s", error.text);
    check_equal(&coded, &opened);
    check_tokenizer(&source.tokenizer, &opened.tokenizer);
    cr_assert_eq(lw_lwm_size(path, &size, &error), LW_OK);
    cr_assert_leq(size.file_bytes - size.tokenizer_bytes, 3900000);
    lw_model_free(&opened);
    lw_model_free(&coded);
    lw_model_free(&source);
    unlink(path);
}
