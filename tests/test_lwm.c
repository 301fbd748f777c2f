/* The .lwm file: round trip, and every way of damaging it. */
#include "models/fit.h"
#include "models/lwm.h"
#include "models/lwm_layout.h"
#include "models/marian.h"
#include "tests/random_model.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <xxhash.h>

/* A folder of one test, with a coded model and where its file goes. */
struct bench {
    char folder[32], path[64];
    struct lw_model dense, coded;
    uint8_t *bytes; /* of the file as written */
    size_t size;
};

static uint8_t *slurp(const char *path, size_t *size)
{
    FILE *stream = fopen(path, "rb");
    cr_assert_not_null(stream, "%s", path);
    fseek(stream, 0, SEEK_END);
    *size = (size_t)ftell(stream);
    rewind(stream);
    uint8_t *bytes = malloc(*size + 1);
    cr_assert_eq(fread(bytes, 1, *size, stream), *size);
    fclose(stream);
    return bytes;
}

static void spill(const char *path, const void *bytes, size_t size)
{
    FILE *stream = fopen(path, "wb");
    cr_assert_not_null(stream, "%s", path);
    cr_assert_eq(fwrite(bytes, 1, size, stream), size);
    cr_assert_eq(fclose(stream), 0);
}

static void write_model(const char *path, const struct lw_model *model)
{
    struct lw_error error = {0};
    cr_assert_eq(lw_lwm_write(path, model, "lutwidge quantize --bits 3", &error), LW_OK, "%s",
                 error.text);
}

static void bench_open(struct bench *bench, const struct lw_config *config)
{
    *bench = (struct bench){.folder = "/tmp/lw_test_lwm_XXXXXX"};
    cr_assert_not_null(mkdtemp(bench->folder));
    snprintf(bench->path, sizeof bench->path, "%s/m.lwm", bench->folder);
    test_random_model(config, 1, &bench->dense);
    struct lw_quantize request = {.bits = 3, .arith = LW_ARITH_A8, .threads = 1};
    struct lw_quantize_report report;
    cr_assert_eq(lw_quantize_model(&bench->dense, &request, &bench->coded, &report, NULL), LW_OK);
    write_model(bench->path, &bench->coded);
    bench->bytes = slurp(bench->path, &bench->size);
}

static size_t entries(const char *folder)
{
    size_t count = 0;
    DIR *stream = opendir(folder);
    cr_assert_not_null(stream);
    for (struct dirent *entry; (entry = readdir(stream));)
        count += entry->d_name[0] != '.';
    closedir(stream);
    return count;
}

static void bench_close(struct bench *bench)
{
    cr_assert_eq(entries(bench->folder), 1, "a temporary file was left behind");
    unlink(bench->path);
    rmdir(bench->folder);
    free(bench->bytes);
    lw_model_free(&bench->coded);
    lw_model_free(&bench->dense);
}

/* The file must be refused with this status, and with these words in one line that names it. */
static void expect(const struct bench *bench, enum lw_status status, const char *words)
{
    struct lw_model model;
    struct lw_error error = {0};
    cr_assert_eq(lw_lwm_open(bench->path, &model, &error), status, "%s", error.text);
    cr_assert_not_null(strstr(error.text, words), "'%s' is not in: %s", words, error.text);
    cr_assert_not_null(strstr(error.text, bench->path), "%s", error.text);
    cr_assert_null(strchr(error.text, '\n'));
    cr_assert_eq(model.matrix_count, 0);
}

static void check_equal(const struct lw_model *a, const struct lw_model *b)
{
    const struct lw_config *c = &a->config, *d = &b->config;
    cr_assert_eq(a->arith, b->arith);
    cr_assert_eq(a->matrix_count, b->matrix_count);
    cr_assert_eq(c->bad_word_count, d->bad_word_count);
    for (size_t i = 0; i < c->bad_word_count; i++)
        cr_assert_eq(c->bad_words[i], d->bad_words[i]);
    struct lw_config copy = *d; /* all but the owned list */
    copy.bad_words = c->bad_words;
    cr_assert_eq(memcmp(c, &copy, offsetof(struct lw_config, early_stopping)), 0);
    cr_assert_eq(c->early_stopping, d->early_stopping);
    for (size_t i = 0; i < a->matrix_count; i++) {
        const struct lw_code *p = &a->matrices[i].code, *q = &b->matrices[i].code;
        size_t planes = a->matrices[i].rows * p->bits;
        cr_assert_str_eq(a->matrices[i].name, b->matrices[i].name);
        cr_assert_eq(p->bits, q->bits);
        cr_assert_eq(p->exponent, q->exponent);
        cr_assert_eq(p->plane_bytes, q->plane_bytes);
        cr_assert_eq(memcmp(p->planes, q->planes, planes * p->plane_bytes), 0);
        cr_assert_eq(memcmp(p->scales, q->scales, planes * sizeof(int16_t)), 0);
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

static struct lw_config separate_config(void)
{
    static int32_t bad_words[] = {10, 0};
    struct lw_config config = test_small_config();
    config.shared_embedding = config.tied_output = config.scale_embedding = false;
    config.early_stopping = true;
    config.decoder_layers = 2;
    config.target_words = 11;
    config.forced_eos = 0;
    config.activation = LW_GELU;
    config.bad_words = bad_words;
    config.bad_word_count = 2;
    return config;
}

Test(lwm, round_trip)
{
    struct lw_config configs[] = {test_small_config(), separate_config()};
    for (int i = 0; i < 2; i++) {
        struct bench bench;
        struct lw_model model;
        struct lw_error error = {0};
        char *made_by;
        bench_open(&bench, &configs[i]);
        cr_assert_eq(lw_lwm_open(bench.path, &model, &error), LW_OK, "%s", error.text);
        check_equal(&bench.coded, &model);
        check_tokenizer(&bench.coded.tokenizer, &model.tokenizer);
        cr_assert(lw_lwm_is(bench.path));
        cr_assert_eq(lw_lwm_made_by(bench.path, &made_by, &error), LW_OK);
        cr_assert_str_eq(made_by, "lutwidge quantize --bits 3");
        free(made_by);

        /* What was read writes the same bytes again. */
        size_t size;
        write_model(bench.path, &model);
        uint8_t *again = slurp(bench.path, &size);
        cr_assert_eq(size, bench.size);
        cr_assert_arr_eq(again, bench.bytes, size);
        free(again);
        lw_model_free(&model);
        bench_close(&bench);
    }
}

Test(lwm, sizes_add_up)
{
    struct bench bench;
    struct lw_size size;
    struct lw_config config = separate_config();
    bench_open(&bench, &config);
    cr_assert_eq(lw_lwm_size(bench.path, &size, NULL), LW_OK);
    size_t codes = 0, scales = 0, weights = 0;
    for (size_t i = 0; i < bench.coded.matrix_count; i++) {
        const struct lw_matrix *m = &bench.coded.matrices[i];
        codes += m->rows * 3 * ((m->columns + 7) / 8);
        scales += m->rows * 3 * 2;
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
    bench_close(&bench);
}

Test(lwm, every_flipped_byte_is_found)
{
    struct bench bench;
    struct lw_config config = test_small_config();
    bench_open(&bench, &config);
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
    bench_close(&bench);
}

Test(lwm, every_truncation_is_found)
{
    struct bench bench;
    struct lw_config config = test_small_config();
    bench_open(&bench, &config);
    for (size_t size = bench.size; size-- > 0;) {
        cr_assert_eq(truncate(bench.path, (off_t)size), 0);
        expect(&bench, LW_CORRUPT, size < 32 ? "too short" : "truncated?");
    }
    spill(bench.path, bench.bytes, bench.size);
    FILE *stream = fopen(bench.path, "ab");
    fputc(0, stream);
    fclose(stream);
    expect(&bench, LW_CORRUPT, "bytes long where its head says");
    bench_close(&bench);
}

/* Writes the file with another head, whose checksum is right. */
static void with_head(const struct bench *bench, struct lwm_head *head)
{
    uint8_t *copy = malloc(bench->size);
    memcpy(copy, bench->bytes, bench->size);
    head->checksum = lwm_checksum(head);
    memcpy(copy, head, lwm_head_bytes(head->section_count));
    spill(bench->path, copy, bench->size);
    free(copy);
}

Test(lwm, heads_that_lie)
{
    struct bench bench;
    struct lwm_head head, good = {0};
    struct lw_config config = test_small_config();
    bench_open(&bench, &config);
    memcpy(&good, bench.bytes, lwm_head_bytes(0));
    memcpy(&good, bench.bytes, lwm_head_bytes(good.section_count));
    cr_assert_eq(good.section_count, 6);

    head = good;
    head.version = LW_LWM_VERSION + 1;
    with_head(&bench, &head);
    expect(&bench, LW_FAILED, "version 2 is newer than this program reads (1)");

    head = good;
    head.sections[5].kind = 9;
    with_head(&bench, &head);
    expect(&bench, LW_CORRUPT, "section 5 is of kind 9: unknown");

    head = good;
    head.sections[2].offset = head.sections[1].offset;
    with_head(&bench, &head);
    expect(&bench, LW_CORRUPT, "section scales is out of place");

    head = good;
    head.sections[1].bytes = UINT64_MAX - 63;
    with_head(&bench, &head);
    expect(&bench, LW_CORRUPT, "section codes is out of place");

    head = good;
    head.sections[0].hash ^= 1;
    with_head(&bench, &head);
    expect(&bench, LW_CORRUPT, "section meta is damaged");

    head = good;
    head.sections[5].kind = LWM_TARGET_WORDS;
    with_head(&bench, &head);
    expect(&bench, LW_CORRUPT, "section source.words is missing");

    head = good;
    head.sections[5].bytes--;
    with_head(&bench, &head);
    expect(&bench, LW_CORRUPT, "1 bytes after its last section");

    head = good;
    head.section_count = 5; /* a shorter head: the first section would begin earlier */
    with_head(&bench, &head);
    expect(&bench, LW_CORRUPT, "section meta is out of place");

    head = good;
    head.section_count = 0;
    with_head(&bench, &head);
    expect(&bench, LW_CORRUPT, "after its last section");
    bench_close(&bench);
}

Test(lwm, damage_names_its_section)
{
    struct bench bench;
    struct lwm_head head = {0};
    struct lw_config config = separate_config();
    bench_open(&bench, &config);
    memcpy(&head, bench.bytes, sizeof head);
    cr_assert_eq(head.section_count, LWM_KINDS);
    for (size_t i = 0; i < head.section_count; i++) {
        char words[64];
        size_t at = (size_t)(head.sections[i].offset + head.sections[i].bytes / 2);
        bench.bytes[at] ^= 0x10;
        spill(bench.path, bench.bytes, bench.size);
        bench.bytes[at] ^= 0x10;
        snprintf(words, sizeof words, "section %s is damaged", lwm_kind_name((uint32_t)i + 1));
        expect(&bench, LW_CORRUPT, words);
    }
    bench_close(&bench);
}

/* Replaces text in the meta section by text of the same length, with the checksums put right. */
static void with_meta(const struct bench *bench, const char *from, const char *to)
{
    struct lwm_head head = {0};
    uint8_t *copy = malloc(bench->size);
    memcpy(copy, bench->bytes, bench->size);
    memcpy(&head, copy, lwm_head_bytes(6));
    struct lwm_section *meta = &head.sections[0];
    cr_assert_eq(strlen(from), strlen(to));
    uint8_t *at = memmem(copy + meta->offset, (size_t)meta->bytes, from, strlen(from));
    cr_assert_not_null(at, "%s", from);
    memcpy(at, to, strlen(to));
    meta->hash = XXH3_64bits(copy + meta->offset, (size_t)meta->bytes);
    head.checksum = lwm_checksum(&head);
    memcpy(copy, &head, lwm_head_bytes(6));
    spill(bench->path, copy, bench->size);
    free(copy);
}

Test(lwm, contents_that_contradict)
{
    static const char *const cases[][3] = {
        {"\"made_by\"", "\"made_up\"", "made_by"},
        {"\"arith\":\"a8\"", "\"arith\":\"b8\"", "unknown arithmetic class 'b8'"},
        {"\"d_model\":12", "\"d_model\":18", "matrix embedding of 9 x 12"},
        {"\"d_model\":12", "\"d_model\":13", "do not make sense"},
        {"\"d_model\":12", "\"d_modem\":12", "config.d_model is missing"},
        {"\"d_model\":12", "\"d_model\":-2", "config.d_model is missing or out of range"},
        {"\"eos\":0", "\"eos\":9", "outside the vocabulary"},
        {"\"activation\":\"relu\"", "\"activation\":\"sine\"", "activation"},
        {"\"beams\":4", "\"beams\":0", "beams is 0"},
        {"\"bits\":3", "\"bits\":9", "matrix embedding has 9 bits"},
        {"\"bits\":3", "\"bits\":2", "bytes longer than its matrices"},
        {"\"bits\":3", "\"bits\":4", "section codes: too short: ends inside matrix decoder.0.ffn"},
        {"\"encoder.0.self.q\"", "\"encoder.0.self.k\"", "matrix encoder.0.self.k of 12 x 12"},
        {"\"matrices\":[", "\"matrices\":{", "section meta"},
        {"\"pad\":8", "\"eos\":8", "section meta: duplicate"},
    };
    struct bench bench;
    struct lw_config config = test_small_config();
    bench_open(&bench, &config);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        with_meta(&bench, cases[i][0], cases[i][1]);
        expect(&bench, LW_CORRUPT, cases[i][2]);
    }
    bench_close(&bench);
}

Test(lwm, padding_bits_must_be_zero)
{
    struct bench bench;
    struct lw_config config = test_small_config();
    bench_open(&bench, &config);
    size_t bytes = 9 * 3 * 2; /* of the embedding: 9 rows, 3 planes of 12 bits */
    uint8_t *planes = malloc(bytes);
    memcpy(planes, bench.coded.matrices[0].code.planes, bytes);
    planes[5] |= 0x80;
    bench.coded.matrices[0].code.planes = planes;
    write_model(bench.path, &bench.coded);
    expect(&bench, LW_CORRUPT, "section codes: matrix embedding has padding bits that are not");
    free(planes);
    bench_close(&bench);
}

Test(lwm, words_must_fit_the_vocabulary)
{
    struct bench bench;
    struct lw_config config = test_small_config();
    bench_open(&bench, &config);
    bench.coded.tokenizer.source_words_bytes -= 3; /* "s8" and its NUL */
    write_model(bench.path, &bench.coded);
    expect(&bench, LW_CORRUPT, "section source.words: 8 words where the configuration has 9");
    bench_close(&bench);
}

Test(lwm, what_is_no_model_is_refused)
{
    struct bench bench;
    struct lw_model model;
    struct lw_error error = {0};
    struct lw_config config = test_small_config();
    bench_open(&bench, &config);
    cr_assert_eq(lw_lwm_open(bench.folder, &model, &error), LW_FAILED);
    cr_assert_not(lw_lwm_is(bench.folder));
    cr_assert_eq(lw_lwm_open("/nowhere/m.lwm", &model, &error), LW_FAILED);
    cr_assert_not(lw_lwm_is("/nowhere/m.lwm"));
    spill(bench.path, "", 0);
    expect(&bench, LW_CORRUPT, "too short");
    cr_assert_not(lw_lwm_is(bench.path));
    spill(bench.path, "{\"a text, longer than the head of a model file\": true}", 53);
    expect(&bench, LW_CORRUPT, "not an .lwm model");
    cr_assert_not(lw_lwm_is(bench.path));
    cr_assert_eq(lw_lwm_write(bench.path, &bench.dense, "", &error), LW_USAGE);
    cr_assert_not_null(strstr(error.text, "matrix embedding is not quantised"));
    cr_assert_eq(lw_lwm_write(bench.path, &bench.coded, "\xff", &error), LW_USAGE);
    cr_assert_not_null(strstr(error.text, "UTF-8"));
    bench_close(&bench);
}

Test(lwm, a_full_disk_leaves_the_old_file)
{
    struct bench bench;
    struct lw_error error = {0};
    struct lw_config config = test_small_config();
    bench_open(&bench, &config);
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    signal(SIGXFSZ, SIG_IGN);
    rlim_t all = limit.rlim_cur;
    for (size_t room = 0; room < bench.size; room += bench.size / 5) {
        limit.rlim_cur = room;
        setrlimit(RLIMIT_FSIZE, &limit);
        enum lw_status status = lw_lwm_write(bench.path, &bench.coded, "other", &error);
        limit.rlim_cur = all;
        setrlimit(RLIMIT_FSIZE, &limit);
        cr_assert_eq(status, LW_FAILED);
        cr_assert_not_null(strstr(error.text, bench.path), "%s", error.text);
        size_t size;
        uint8_t *left = slurp(bench.path, &size);
        cr_assert_eq(size, bench.size);
        cr_assert_arr_eq(left, bench.bytes, size);
        free(left);
        cr_assert_eq(entries(bench.folder), 1);
    }
    bench_close(&bench);
}

Test(lwm, file_hash)
{
    struct bench bench;
    struct lw_config config = test_small_config();
    char hash[33], again[33];
    bench_open(&bench, &config);
    /* XXH3-128 of nothing, from the xxHash specification's implementation (xxhsum -H2). */
    spill(bench.path, "", 0);
    cr_assert_eq(lw_file_hash(bench.path, hash, NULL), LW_OK);
    cr_assert_str_eq(hash, "99aa06d3014798d86001c324468d497f");
    bench.bytes = realloc(bench.bytes, 200000); /* several chunks */
    memset(bench.bytes, 7, 200000);
    spill(bench.path, bench.bytes, 200000);
    XXH128_hash_t whole = XXH3_128bits(bench.bytes, 200000);
    cr_assert_eq(lw_file_hash(bench.path, hash, NULL), LW_OK);
    snprintf(again, sizeof again, "%016llx%016llx", (unsigned long long)whole.high64,
             (unsigned long long)whole.low64);
    cr_assert_str_eq(hash, again);
    cr_assert_eq(lw_file_hash("/nowhere", hash, NULL), LW_FAILED);
    bench_close(&bench);
}

Test(lwm, the_three_bit_open_en_de_takes_less_than_3_9_megabytes)
{
    static const char folder[] = "../shared/models/open-en-de";
    if (access(folder, R_OK) != 0)
        cr_skip_test("%s is absent", folder);
    struct lw_model source, coded, opened;
    struct lw_error error = {0};
    struct lw_quantize request = {.bits = 3, .arith = LW_ARITH_T8, .threads = 2};
    struct lw_quantize_report report;
    struct lw_size size;
    char path[] = "/tmp/lw_test_lwm_XXXXXX";
    close(mkstemp(path));
    cr_assert_eq(lw_marian_import(folder, &source, &error), LW_OK, "%s", error.text);
    cr_assert_eq(lw_quantize_model(&source, &request, &coded, &report, &error), LW_OK);
    write_model(path, &coded);
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
