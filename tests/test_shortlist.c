/* Shortlists: reading their files, products of chosen rows, and what a search among listed words
 * gives. */
#include "gen/pack.h"
#include "models/lwm.h"
#include "runtime/backend.h"
#include "runtime/shortlist.h"
#include "runtime/translator.h"
#include "tests/bundles.h"
#include "tests/kernels.h"
#include "tests/oracle.h"
#include "tests/random_model.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WORDS = 37, JOBS = 17, LONGEST = 9, STEPS = 12 };

static struct lw_model model;
static struct lw_backend backend;
static char path[64];

static void setup(void)
{
    static int32_t bad[] = {36};
    struct lw_config config = oracle_config();
    config.bad_words = bad;
    config.bad_word_count = 1;
    test_random_model(&config, 5, &model);
    cr_assert_eq(lw_backend_f32(&model, &backend, NULL), LW_OK);
    snprintf(path, sizeof path, "/tmp/lutwidge-shortlist-%d", (int)getpid());
}

static void teardown(void)
{
    lw_backend_close(&backend);
    lw_model_free(&model);
    unlink(path);
}

TestSuite(shortlist, .init = setup, .fini = teardown, .timeout = 300);

static void write_bytes(const char *text, size_t bytes)
{
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    cr_assert_eq(fwrite(text, 1, bytes, file), bytes);
    cr_assert_eq(fclose(file), 0);
}

static struct lw_shortlist read_text(const char *text, size_t best, size_t frequent)
{
    struct lw_shortlist shortlist;
    struct lw_error error = {0};
    write_bytes(text, strlen(text));
    cr_assert_eq(lw_shortlist_open(&model, path, best, frequent, &shortlist, &error), LW_OK, "%s",
                 error.text);
    return shortlist;
}

/* The random model's words are s0, s1, ... on both sides. */
Test(shortlist, keeps_the_most_probable_words)
{
    struct lw_shortlist s = read_text("s3 s1 0.25\ns2 s1 0.5\ns9 s1 0.25\ns4\ts2\t1e-3\n"
                                      "none s2 1\ns5 NULL .1\ns6 NULL 0.2\nNULL s2 0.9\n",
                                      2, 4);
    cr_assert_eq(s.lines, 8);
    cr_assert_eq(s.unknown, 1);
    cr_assert_eq(s.starts[1], 0);
    cr_assert_eq(s.starts[2], 2);
    cr_assert_eq(s.starts[3], 3);
    cr_assert_eq(s.starts[WORDS], 3);
    cr_assert_eq(s.best[0], 2);
    cr_assert_eq(s.best[1], 3, "of equals the lower word");
    cr_assert_eq(s.best[2], 4);
    const uint32_t always[] = {6, 5, 0, 1};
    cr_assert_eq(s.always_count, 4);
    cr_assert_arr_eq(s.always, always, sizeof always);
    lw_shortlist_close(&s);
    cr_assert_null(s.starts);
}

static void check_refused(const char *text, size_t bytes, const char *reason)
{
    struct lw_shortlist shortlist;
    struct lw_error error = {0};
    write_bytes(text, bytes);
    cr_assert_eq(lw_shortlist_open(&model, path, 5, 5, &shortlist, &error), LW_CORRUPT, "%s", text);
    cr_assert_not_null(strstr(error.text, path), "%s", error.text);
    cr_assert_not_null(strstr(error.text, reason), "%s", error.text);
    cr_assert_null(shortlist.best);
}

Test(shortlist, refuses_malformed_files)
{
    static const struct {
        const char *text, *reason;
    } cases[] = {
        {"s1 s2 0.5\ns1 s2\n", "line 2: is not 'target source probability'"},
        {"s1 s2 0.5 s3\n", "line 1: is not"},
        {"s1 s2 0.5\n\n", "line 2: is not"},
        {"s1 s2 x\n", "line 1: the probability is no number from 0 to 1"},
        {"s1 s2 -0.1\n", "line 1: the probability"},
        {"s1 s2 1.5\n", "line 1: the probability"},
        {"s1 s2 nan\n", "line 1: the probability"},
        {"s1 s2 0x1p-3\n", "line 1: the probability"},
        {"s1 s2 0.5,\n", "line 1: the probability"},
        {"none s2 x\n", "line 1: the probability"},
        {"s1 s2 0.5\ns3 s2 .1\ns1 s2 0.25\n", "line 3: its two pieces are in line 1 already"},
        {"none s2 0.5\nnone s3 1\n", "none of its 2 lines is of pieces of this model"},
        {"", "none of its 0 lines"},
        {"\x1f\x8b\x08 s2 0.5\n", "is compressed; gunzip it first"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_refused(cases[i].text, strlen(cases[i].text), cases[i].reason);
    check_refused("s1 s2 0.5\ns1\0 s3 0.5\n", 20, "line 2: is longer than 4096 bytes, or has a");
    char *wide = calloc(1, 5001);
    cr_assert_not_null(wide);
    memset(wide, 'a', 5000);
    check_refused(wide, 5000, "line 1: is longer");
    free(wide);
    struct lw_shortlist shortlist;
    struct lw_error error = {0};
    cr_assert_eq(lw_shortlist_open(&model, "/nowhere", 5, 5, &shortlist, &error), LW_FAILED);
    cr_assert_not_null(strstr(error.text, "/nowhere"));
    cr_assert_eq(lw_shortlist_open(&model, path, 0, 5, &shortlist, &error), LW_USAGE);
}

/* A few target words for each source word. */
static struct lw_shortlist random_shortlist(size_t best, size_t frequent)
{
    uint64_t seed = 3;
    char *text = NULL;
    size_t bytes;
    FILE *stream = open_memstream(&text, &bytes);
    for (int source = 0; source < WORDS; source++)
        for (int target = 0; target < WORDS; target++)
            if (test_uniform(&seed) < 0.2)
                fprintf(stream, "s%d s%d %.6f\n", target, source, test_uniform(&seed));
    fclose(stream);
    struct lw_shortlist s = read_text(text, best, frequent);
    free(text);
    return s;
}

static void make_jobs(struct lw_request *jobs, int32_t sources[JOBS][LONGEST])
{
    uint64_t seed = 11;
    for (size_t j = 0; j < JOBS; j++) {
        size_t count = 1 + (size_t)(test_uniform(&seed) * (double)LONGEST);
        for (size_t i = 0; i < count; i++)
            sources[j][i] = (int32_t)(test_uniform(&seed) * 30.0);
        jobs[j] = (struct lw_request){.source = sources[j], .count = count};
    }
}

static void check_same(const struct lw_request *got, const struct lw_hypothesis *want)
{
    cr_assert_eq(got->status, LW_OK, "%s", got->error.text);
    cr_assert_eq(got->best.count, want->count);
    cr_assert_arr_eq(got->best.words, want->words, want->count * sizeof *want->words);
    cr_assert_arr_eq(&got->best.score, &want->score, sizeof want->score);
}

/* Every job, `together` at once with one shortlist, and alone with another or with none. */
static void compare_searches(size_t beams, size_t together, const struct lw_shortlist *shortlist,
                             const struct lw_shortlist *alone_with)
{
    struct lw_search search = {beams, STEPS, 1.0f, false};
    struct lw_translator *alone, *batched;
    struct lw_request jobs[JOBS];
    int32_t sources[JOBS][LONGEST];
    make_jobs(jobs, sources);
    cr_assert_eq(lw_translator_open(&model, &backend, &search, &alone, NULL), LW_OK);
    cr_assert_eq(lw_translator_open_batch(&model, &backend, &search, together, &batched, NULL),
                 LW_OK);
    cr_assert_eq(lw_translator_restrict(batched, shortlist, NULL), LW_OK);
    if (alone_with)
        cr_assert_eq(lw_translator_restrict(alone, alone_with, NULL), LW_OK);
    for (size_t first = 0; first < JOBS; first += together) {
        size_t count = JOBS - first < together ? JOBS - first : together;
        lw_translate_batch(batched, jobs + first, count);
        for (size_t j = first; j < first + count; j++) {
            struct lw_hypothesis best;
            cr_assert_eq(lw_translate(alone, jobs[j].source, jobs[j].count, &best, NULL), LW_OK);
            check_same(&jobs[j], &best);
        }
    }
    lw_translator_close(alone);
    lw_translator_close(batched);
}

Test(shortlist, of_all_words_changes_nothing)
{
    struct lw_shortlist all = random_shortlist(2, WORDS);
    for (size_t beams = 1; beams <= 5; beams += 2)
        for (size_t together = 1; together <= 6; together += 5)
            compare_searches(beams, together, &all, NULL);
    lw_shortlist_close(&all);
}

Test(shortlist, gives_the_same_in_any_batch)
{
    struct lw_shortlist some = random_shortlist(3, 2);
    for (size_t beams = 1; beams <= 5; beams += 2)
        for (size_t together = 1; together <= JOBS; together += 4)
            compare_searches(beams, together, &some, &some);
    lw_shortlist_close(&some);
}

/* The list of a source, from its definition. */
static size_t list_words(const struct lw_shortlist *s, const struct lw_request *job, size_t beams,
                         bool listed[WORDS])
{
    size_t count = 0;
    memset(listed, 0, WORDS * sizeof *listed);
    for (size_t i = 0; i < s->always_count; i++)
        listed[s->always[i]] = true;
    listed[model.config.eos] = true;
    for (size_t w = 0; w < WORDS; w++)
        count += listed[w];
    for (size_t w = 0; w < WORDS && count < model.config.bad_word_count + 2 * beams; w++)
        if (!listed[w])
            listed[w] = ++count;
    for (size_t i = 0; i < job->count; i++) {
        size_t word = (size_t)job->source[i];
        listed[word] = true; /* one vocabulary: it may be copied */
        for (size_t b = s->starts[word]; b < s->starts[word + 1]; b++)
            listed[s->best[b]] = true;
    }
    count = 0;
    for (size_t w = 0; w < WORDS; w++)
        count += listed[w];
    return count;
}

Test(shortlist, gives_words_of_the_list_alone)
{
    struct lw_shortlist some = random_shortlist(2, 1);
    size_t differ = 0;
    for (size_t beams = 1; beams <= 5; beams += 2) {
        struct lw_search search = {beams, STEPS, 1.0f, false};
        struct lw_translator *t, *plain;
        struct lw_request jobs[JOBS];
        int32_t sources[JOBS][LONGEST];
        bool listed[WORDS];
        make_jobs(jobs, sources);
        cr_assert_eq(lw_translator_open(&model, &backend, &search, &plain, NULL), LW_OK);
        cr_assert_eq(lw_translator_open(&model, &backend, &search, &t, NULL), LW_OK);
        cr_assert_eq(lw_translator_restrict(t, &some, NULL), LW_OK);
        for (size_t j = 0; j < JOBS; j++) {
            struct lw_hypothesis free_best;
            lw_translate_batch(t, &jobs[j], 1);
            cr_assert_eq(jobs[j].status, LW_OK);
            cr_assert_eq(jobs[j].listed, list_words(&some, &jobs[j], beams, listed));
            for (size_t i = 0; i < jobs[j].best.count; i++)
                cr_assert(listed[jobs[j].best.words[i]]);
            cr_assert_eq(lw_translate(plain, sources[j], jobs[j].count, &free_best, NULL), LW_OK);
            differ += free_best.count != jobs[j].best.count ||
                      memcmp(free_best.words, jobs[j].best.words,
                             free_best.count * sizeof *free_best.words) != 0;
        }
        lw_translator_close(plain);
        lw_translator_close(t);
    }
    cr_assert_gt(differ, 0, "the lists leave everything");
    lw_shortlist_close(&some);
}

Test(shortlist, needs_products_of_chosen_rows)
{
    struct lw_search search = {1, STEPS, 1.0f, false};
    struct lw_shortlist some = random_shortlist(2, 1);
    struct lw_backend plain = backend;
    struct lw_translator *t;
    struct lw_error error = {0};
    plain.name = "plain";
    plain.gather = NULL;
    cr_assert_eq(lw_translator_open(&model, &plain, &search, &t, NULL), LW_OK);
    cr_assert_eq(lw_translator_restrict(t, &some, &error), LW_USAGE);
    cr_assert_str_eq(error.text, "products by plain take no shortlist; kernels, f32 and blas do");
    lw_translator_close(t);
    lw_shortlist_close(&some);
}

/* Random rows of the output, sorted: their products are those of all rows. */
static void check_rows(const struct lw_model *of, const struct lw_backend *products, bool exact)
{
    enum { COLUMNS = 7, MOST = 64 };
    const struct lw_matrix *output = &of->matrices[of->output];
    uint64_t seed = 9;
    float x[COLUMNS * MOST], y[COLUMNS * MOST], part[COLUMNS * MOST];
    uint32_t list[MOST];
    struct lw_rows rows = {.matrix = of->output, .list = list};
    cr_assert(output->rows <= MOST && output->columns <= MOST);
    for (size_t round = 0; round < 30; round++) {
        size_t columns = 1 + round % COLUMNS;
        const struct lw_product all = {of->output, y};
        for (size_t i = 0; i < columns * output->columns; i++)
            x[i] = test_normal(&seed);
        rows.count = 0;
        for (uint32_t w = 0; w < output->rows; w++)
            if (test_uniform(&seed) < 0.4 || w + 1 == output->rows)
                list[rows.count++] = w;
        cr_assert_eq(products->multiply(products->self, &all, 1, columns, x, NULL), LW_OK);
        cr_assert_eq(products->gather(products->self, &rows, NULL), LW_OK);
        cr_assert_eq(products->multiply_rows(products->self, &rows, columns, x, part, NULL), LW_OK);
        for (size_t n = 0; n < columns; n++)
            for (size_t i = 0; i < rows.count; i++) {
                float got = part[n * rows.count + i], want = y[n * output->rows + list[i]];
                cr_assert(exact ? memcmp(&got, &want, sizeof got) == 0 : fabsf(got - want) < 1e-4f,
                          "column %zu, row %u: %g, %g", n, list[i], (double)got, (double)want);
            }
    }
    lw_rows_free(&rows);
}

Test(shortlist, rows_in_fp32_have_the_same_scores)
{
    struct lw_backend blas;
    check_rows(&model, &backend, true);
    cr_assert_eq(lw_backend_blas(&model, &blas, NULL), LW_OK);
    check_rows(&model, &blas, false);
    lw_backend_close(&blas);
}

Test(shortlist, rows_by_kernels_have_the_same_scores)
{
    char file[128];
    struct lw_model coded;
    struct lw_bundle bundle;
    struct lw_backend kernels;
    struct lw_error error = {0};
    snprintf(file, sizeof file, "%s/model.lwm", bundle_path(0));
    cr_assert_eq(lw_lwm_open(file, &coded, &error), LW_OK, "%s", error.text);
    cr_assert_eq(lw_bundle_open(bundle_path(0), &coded, &bundle, &error), LW_OK, "%s", error.text);
    cr_assert_eq(lw_backend_kernels(&coded, &bundle, &kernels, &error), LW_OK, "%s", error.text);
    check_rows(&coded, &kernels, true);
    lw_backend_close(&kernels);
    bundle.matrices[coded.output].codes[0].parts[0] = NULL; /* of an older version */
    cr_assert_eq(lw_backend_kernels(&coded, &bundle, &kernels, &error), LW_OK, "%s", error.text);
    cr_assert_null(kernels.gather);
    lw_backend_close(&kernels);
    lw_bundle_close(&bundle);
    lw_model_free(&coded);
}

/* Chosen rows of a code as a code of their own, the last row again up to whole blocks. */
static struct lw_code choose(const struct product_case *c, const uint32_t *rows, size_t count,
                             size_t padded, float *bias)
{
    struct lw_code code = c->code;
    size_t planes = code.bits * code.plane_bytes, scales = lw_code_row_scales(&code);
    uint8_t *all_planes = malloc(padded * planes);
    int16_t *all_scales = malloc(padded * scales * sizeof *all_scales);
    cr_assert(all_planes && all_scales);
    for (size_t i = 0; i < padded; i++) {
        size_t row = rows[i < count ? i : count - 1];
        memcpy(all_planes + i * planes, c->code.planes + row * planes, planes);
        memcpy(all_scales + i * scales, c->code.scales + row * scales, scales * sizeof *all_scales);
        bias[i] = c->bias[row];
    }
    code.rows = padded;
    code.planes = all_planes;
    code.scales = all_scales;
    return code;
}

static void check_part(const struct product_case *c, uint64_t *seed)
{
    uint32_t rows[512];
    float bias[512];
    size_t count = 0;
    for (uint32_t r = 0; r < c->spec.rows; r++)
        if (random_bits(seed) % 3 == 0 || r + 1 == c->spec.rows)
            rows[count++] = r;
    size_t blocks = (count + LW_PART_ROWS - 1) / LW_PART_ROWS, padded = blocks * LW_PART_ROWS;
    struct lw_schedule whole, chosen;
    struct lw_pack_layout layout, wanted;
    struct lw_spec spec = c->spec;
    lw_schedule_build(&spec, &whole);
    lw_pack_layout(&whole, &layout);
    spec.rows = padded;
    lw_schedule_build(&spec, &chosen);
    lw_pack_layout(&chosen, &wanted);
    uint8_t *packed = aligned_alloc(64, layout.bytes), *want = aligned_alloc(64, wanted.bytes);
    uint8_t *got = aligned_alloc(64, wanted.bytes);
    cr_assert(packed && want && got);
    struct lw_code code = choose(c, rows, count, padded, bias);
    lw_pack(&whole, &c->code, c->bias, packed);
    lw_pack(&chosen, &code, bias, want);
    const struct lw_packed_code from = {.spec = c->spec,
                                        .keys = packed,
                                        .scales = packed + layout.scales,
                                        .bias = packed + layout.bias};
    struct lw_packed_part part;
    char name[LW_SPEC_NAME_BYTES];
    lw_spec_name(&c->spec, name);
    memset(got, 0, wanted.bytes);
    cr_assert_eq(lw_packed_part_bytes(&from, count), wanted.bytes);
    lw_packed_part(&from, rows, count, got, &part);
    cr_assert_eq(memcmp(got, want, wanted.bytes), 0, "%zu rows of %s", count, name);
    cr_assert_eq(part.blocks, blocks);
    cr_assert_eq(part.blocks * part.key_bytes, wanted.key_bytes);
    cr_assert_leq(part.blocks * part.scale_bytes, wanted.bias - wanted.scales);
    cr_assert_eq(part.code.bias - part.code.keys, (ptrdiff_t)wanted.bias);
    free((void *)(uintptr_t)code.planes);
    free((void *)(uintptr_t)code.scales);
    free(packed);
    free(want);
    free(got);
}

/* Rows gathered from packed weights are the rows packed, on every instruction set. */
Test(shortlist, parts_are_packed_rows)
{
    uint64_t seed = 21;
    for (int isa = 0; isa < LW_ISA_COUNT; isa++)
        for (size_t i = 0; i < 60; i++) {
            struct product_case c;
            struct lw_spec spec = random_spec(&seed, (enum lw_isa)isa);
            spec.rows = 1 + random_bits(&seed) % 500;
            product_case_make(&c, &spec, seed);
            check_part(&c, &seed);
            product_case_free(&c);
        }
}
