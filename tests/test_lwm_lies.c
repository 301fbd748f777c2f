/* .lwm files whose checksums are right and whose contents lie. */
#include "models/hash.h"
#include "models/lwm.h"
#include "models/lwm_layout.h"
#include "tests/lwm_bench.h"
#include "tests/random_model.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* Writes the file with another head, whose checksum is right. */
static void with_head(const struct lwm_bench *bench, struct lwm_head *head)
{
    uint8_t *copy = malloc(bench->size);
    memcpy(copy, bench->bytes, bench->size);
    head->checksum = lwm_checksum(head);
    memcpy(copy, head, lwm_head_bytes(head->section_count));
    lwm_spill(bench->path, copy, bench->size);
    free(copy);
}

Test(lwm, heads_that_lie)
{
    struct lwm_bench bench;
    struct lwm_head head, good = {0};
    struct lw_config config = test_small_config();
    lwm_bench_open(&bench, &config);
    memcpy(&good, bench.bytes, lwm_head_bytes(0));
    memcpy(&good, bench.bytes, lwm_head_bytes(good.section_count));
    cr_assert_eq(good.section_count, 6);

    head = good;
    head.version = LW_LWM_VERSION + 1;
    with_head(&bench, &head);
    lwm_expect(&bench, LW_FAILED, "version 4 is newer than this program reads (3)");

    head = good;
    head.sections[5].kind = 10;
    with_head(&bench, &head);
    lwm_expect(&bench, LW_CORRUPT, "section 5 is of kind 10: unknown");

    head = good;
    head.sections[2].offset = head.sections[1].offset;
    with_head(&bench, &head);
    lwm_expect(&bench, LW_CORRUPT, "section scales is out of place");

    head = good;
    head.sections[1].bytes = UINT64_MAX - 63;
    with_head(&bench, &head);
    lwm_expect(&bench, LW_CORRUPT, "section codes is out of place");

    head = good;
    head.sections[0].hash ^= 1;
    with_head(&bench, &head);
    lwm_expect(&bench, LW_CORRUPT, "section meta is damaged");

    head = good;
    head.sections[5].kind = LWM_TARGET_WORDS;
    with_head(&bench, &head);
    lwm_expect(&bench, LW_CORRUPT, "section source.words is missing");

    head = good;
    head.sections[5].bytes--;
    with_head(&bench, &head);
    lwm_expect(&bench, LW_CORRUPT, "1 bytes after its last section");

    head = good;
    head.section_count = 5; /* a shorter head: the first section would begin earlier */
    with_head(&bench, &head);
    lwm_expect(&bench, LW_CORRUPT, "section meta is out of place");

    head = good;
    head.section_count = 0;
    with_head(&bench, &head);
    lwm_expect(&bench, LW_CORRUPT, "after its last section");
    lwm_bench_close(&bench);
}

Test(lwm, damage_names_its_section)
{
    struct lwm_bench bench;
    struct lwm_head head = {0};
    struct lw_config config = lwm_separate_config();
    lwm_bench_open(&bench, &config);
    memcpy(&head, bench.bytes, sizeof head);
    cr_assert_eq(head.section_count, LWM_KINDS);
    for (size_t i = 0; i < head.section_count; i++) {
        char words[64];
        size_t at = (size_t)(head.sections[i].offset + head.sections[i].bytes / 2);
        bench.bytes[at] ^= 0x10;
        lwm_spill(bench.path, bench.bytes, bench.size);
        bench.bytes[at] ^= 0x10;
        snprintf(words, sizeof words, "section %s is damaged", lwm_kind_name((uint32_t)i + 1));
        lwm_expect(&bench, LW_CORRUPT, words);
    }
    lwm_bench_close(&bench);
}

Test(lwm, contents_that_contradict)
{
    static const char *const cases[][3] = {
        {"\"made_by\"", "\"made_up\"", "made_by"},
        {"\"arith\":\"a8\"", "\"arith\":\"b8\"",
         "matrix embedding is of the unknown arithmetic class 'b8'"},
        {"\"d_model\":12", "\"d_model\":18", "matrix embedding of 9 x 12"},
        {"\"d_model\":12", "\"d_model\":13", "do not make sense"},
        {"\"d_model\":12", "\"d_modem\":12", "config.d_model is missing"},
        {"\"d_model\":12", "\"d_model\":-2", "config.d_model is missing or out of range"},
        {"\"eos\":0", "\"eos\":9", "outside the vocabulary"},
        {"\"activation\":\"relu\"", "\"activation\":\"sine\"", "activation"},
        {"\"beams\":4", "\"beams\":0", "beams is out of range"},
        {"\"max_length\":16", "\"max_length\":18", "config.max_length or"},
        {"\"max_length\":16", "\"max_length\":1 ", "config.max_length or"},
        {"[[3,9]]", "[[9,9]]", "matrix embedding has codes that do not add up"},
        {"[[3,9]]", "[[3,8]]", "matrix embedding has codes that do not add up"},
        {"[[3,9]]", "[3,[9]]", "matrix embedding has codes that do not add up"},
        {"\"group\":12", "\"group\":32", "matrix embedding has groups of 32 columns"},
        {"\"group\":12", "\"group\":11", "matrix embedding has groups of 11 columns"},
        {"\"exponent\":-", "\"exponent\":9", "matrix embedding has exponent 9"},
        {"[[3,9]]", "[[2,9]]", "bytes longer than its matrices"},
        {"[[3,9]]", "[[4,9]]", "section codes: too short: ends inside matrix decoder.0.ffn"},
        {"\"encoder.0.self.q\"", "\"encoder.0.self.k\"", "matrix encoder.0.self.k of 12 x 12"},
        {"\"matrices\":[", "\"matrices\":{", "section meta"},
        {"\"pad\":8", "\"eos\":8", "section meta: duplicate"},
        {"\"nested\":[]", "\"nested\":{}", "nested lists 0 chunks where the matrices have"},
        {"\"nested\":[]", "\"nestet\":[]", "nested"},
    };
    struct lwm_bench bench;
    struct lw_config config = test_small_config();
    lwm_bench_open(&bench, &config);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lwm_with_meta(&bench, cases[i][0], cases[i][1]);
        lwm_expect(&bench, LW_CORRUPT, cases[i][2]);
    }
    lwm_bench_close(&bench);
}

Test(lwm, padding_bits_must_be_zero)
{
    struct lwm_bench bench;
    struct lw_config config = test_small_config();
    lwm_bench_open(&bench, &config);
    size_t bytes = 9 * 3 * 2; /* of the embedding: 9 rows, 3 planes of 12 bits */
    uint8_t *planes = malloc(bytes);
    memcpy(planes, bench.coded.matrices[0].codes[0].planes, bytes);
    planes[5] |= 0x80;
    bench.coded.matrices[0].codes[0].planes = planes;
    lwm_write_model(bench.path, &bench.coded);
    lwm_expect(&bench, LW_CORRUPT, "section codes: matrix embedding has padding bits that are not");
    free(planes);
    lwm_bench_close(&bench);
}

/* Rows whose bits are not those that the codes count. */
Test(lwm, row_bits_must_fit_the_codes)
{
    struct lwm_bench bench;
    struct lwm_head head = {0};
    struct lw_config config = lwm_separate_config();
    lwm_bench_open(&bench, &config);
    memcpy(&head, bench.bytes, sizeof head);
    struct lwm_section *rows = &head.sections[LWM_ROWS - 1];
    static const uint8_t wrong[][2] = {{0x13, 0x33}, {0x13, 0x93}, {0x13, 0x03}, {0x02, 0x12}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        uint8_t *byte = bench.bytes + rows->offset + (i == 3 ? 4 : 0);
        cr_assert_eq(*byte, wrong[i][0]);
        *byte = wrong[i][1];
        rows->hash = XXH3_64bits(bench.bytes + rows->offset, (size_t)rows->bytes);
        with_head(&bench, &head);
        *byte = wrong[i][0];
        lwm_expect(&bench, LW_CORRUPT,
                   i == 3 ? "rows: matrix embedding.source has padding" : "section rows");
    }
    lwm_bench_close(&bench);
}

Test(lwm, words_must_fit_the_vocabulary)
{
    struct lwm_bench bench;
    struct lw_config config = test_small_config();
    lwm_bench_open(&bench, &config);
    bench.coded.tokenizer.source_words_bytes -= 3; /* "s8" and its NUL */
    lwm_write_model(bench.path, &bench.coded);
    lwm_expect(&bench, LW_CORRUPT, "section source.words: 8 words where the configuration has 9");
    lwm_bench_close(&bench);
}
